"""`bridge …` in a process of its own that has its imports behind it: what takes most of the life of a short command.

The process is forked from a server that has imported the program and done nothing else, so it begins where the real
command comes to its first line. That the real command comes there is shown by the tests that start it as people do.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["bridge.cli", "bridge.store.postgres", __name__])


class Forked:
    """`bridge words…`; used as subprocess.Popen is. What it says goes to files of these names."""

    def __init__(
        self, words: Sequence[str], *, env: Mapping[str, str], cwd: Path, stdout: str = os.devnull, stderr: str
    ) -> None:
        self._process = _FORKS.Process(target=_become, args=(tuple(words), dict(env), cwd, stdout, stderr))
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if (status := self._process.exitcode) is None:
            raise subprocess.TimeoutExpired("bridge", timeout or 0.0)
        return status

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Launched(Forked):
    """The same, with its standard error to read while it runs."""

    def __init__(self, words: Sequence[str], *, env: Mapping[str, str], cwd: Path) -> None:
        with tempfile.TemporaryDirectory() as folder:
            pipe = Path(folder) / "stderr"
            os.mkfifo(pipe)
            super().__init__(words, env=env, cwd=cwd, stderr=str(pipe))
            self.stderr: TextIO = pipe.open(encoding="utf-8")  # waits until the process has opened it


def finished(
    words: Sequence[str], *, env: Mapping[str, str], cwd: Path, timeout: float
) -> subprocess.CompletedProcess[str]:
    """`bridge words…` from beginning to end, with all that it said."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder) / "stdout", Path(folder) / "stderr"
        process = Forked(words, env=env, cwd=cwd, stdout=str(out), stderr=str(err))
        try:
            status = process.wait(timeout)
        finally:
            process.kill()
        return subprocess.CompletedProcess(["bridge", *words], status, out.read_text(), err.read_text())


def _become(words: tuple[str, ...], env: dict[str, str], cwd: Path, stdout: str, stderr: str) -> None:
    for file, name in ((sys.stdout.fileno(), stdout), (sys.stderr.fileno(), stderr)):
        opened = os.open(name, os.O_WRONLY | os.O_CREAT)
        os.dup2(opened, file)
        os.close(opened)
    os.environ.clear()  # noqa: TID251 # the command has its own
    os.environ.update(env)  # noqa: TID251
    os.chdir(cwd)
    sys.argv = ["bridge", *words]
    from bridge.cli import main  # noqa: PLC0415 # the tests themselves do not need it

    main()
