"""Who wants the configuration read again, and what he is told: after a signal nobody waits, over the API somebody does.

All who ask before a reload begins share it; whoever asks while one goes on gets the next, for the files may have
changed since they were read.
"""

import asyncio
from dataclasses import dataclass

from bridge.flow.intake import Stopping
from bridge.wire.problems import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloaded:
    """The configuration is in force. `changed` names what is different from before, `needs_restart` what is different
    from the start and counts only after a restart; `scenarios` is the version of the matrix.
    """  # noqa: D205

    scenarios: str
    changed: tuple[str, ...] = ()
    needs_restart: tuple[str, ...] = ()


class ReloadRefused(Exception):  # noqa: N818  # style: an exception is named for what happened
    """The files are not good: what was in force stays in force. Each problem has its place and its remedy."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(f"{problem.path}: {problem.message}" for problem in problems))
        self.problems = problems


class Reloads:
    """The wishes that are not yet answered."""

    def __init__(self) -> None:
        self._news = asyncio.Event()
        self._askers: list[str] = []
        self._answers: list[asyncio.Future[Reloaded]] = []
        self._closed = False

    def ask(self, who: str) -> None:
        """Somebody wants a reload and does not wait for it."""
        if who not in self._askers:
            self._askers.append(who)
        self._news.set()

    async def asked(self, who: str) -> Reloaded:
        """Somebody wants a reload and waits for what comes of it. If he goes away, it is done all the same.

        Raises:
            ReloadRefused: the files are not good.
            Stopping: the bridge is being stopped.

        """
        if self._closed:
            raise Stopping("the bridge is being stopped; it reads its files when it is started again")
        answer: asyncio.Future[Reloaded] = asyncio.get_running_loop().create_future()
        self._answers.append(answer)
        self.ask(who)
        return await answer

    async def wanted(self) -> None:
        """Wait until somebody wants one."""
        await self._news.wait()

    def take(self) -> "Wishes":
        """All who have asked up to now; they share the reload that begins now."""
        taken = Wishes(tuple(self._askers), tuple(self._answers))
        self._news.clear()
        self._askers.clear()
        self._answers.clear()
        return taken

    def close(self) -> None:
        """Nothing is reloaded any more, and whoever waits is told so."""
        self._closed = True
        self.take().refuse(Stopping("the bridge is being stopped; it reads its files when it is started again"))


@dataclass(frozen=True, slots=True)
class Wishes:
    """Those who share one reload."""

    askers: tuple[str, ...]
    answers: tuple[asyncio.Future[Reloaded], ...]

    def grant(self, reloaded: Reloaded) -> None:
        """It is done."""
        for answer in self.answers:
            if not answer.done():  # whoever asked may have gone
                answer.set_result(reloaded)

    def refuse(self, why: Exception) -> None:
        """It is not done."""
        for answer in self.answers:
            if not answer.done():
                answer.set_exception(why)
