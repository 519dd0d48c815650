"""Where the store is: the URL of the configuration, made exact, and the lock that one daemon holds on a file."""

import contextlib
import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from bridge.store.errors import StoreError, StoreInUse, StoreUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the store is. `file` is the embedded store's database, None for PostgreSQL."""

    url: URL
    file: Path | None

    @property
    def embedded(self) -> bool:
        """The store is a file of ours, not a server."""
        return self.file is not None

    @property
    def remedy(self) -> str:
        """What a person does when the file is damaged."""
        return (
            f"stop the bridge, move {self.file} and the files -wal and -shm beside it to another folder, put the last "
            "backup in its place (docs/how-to/backup.md) and start the bridge"
        )


def place_of(url: str, data_dir: Path) -> Place:
    """The place that the setting `store.url` names; a relative SQLite path counts from `data_dir`.

    Raises:
        StoreError: the URL is of no kind that we can use.

    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StoreError(f"store.url {url!r} is no URL; write sqlite:///bridge.db") from error
    match parsed.get_backend_name():
        case "sqlite" if parsed.database and parsed.database != ":memory:":
            file = (data_dir / parsed.database).resolve()  # one lock, under whichever name the file goes
            return Place(url=URL.create("sqlite+aiosqlite", database=str(file)), file=file)
        case "postgresql" | "postgres":
            return Place(url=parsed.set(drivername="postgresql+asyncpg"), file=None)
        case _:
            hidden = parsed.render_as_string(hide_password=True)
            raise StoreError(f"store.url {hidden!r} is of no known kind; write sqlite:///bridge.db or postgresql://…")


def prepare_file(file: Path) -> None:
    """Make the database file and its folder if they are missing, readable by our own user only: it holds numbers."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreUnavailable(f"{file}: {error.strerror}; give this user the right to write there") from error


class SoleUse:
    """The right to be the only daemon on an embedded store: a lock on a file beside it, which dies with the process."""

    def __init__(self, file: Path) -> None:
        self._path = file.with_name(f"{file.name}.lock")
        self._handle: int | None = None

    def take(self) -> None:
        """Take the lock and write our process id into it.

        Raises:
            StoreInUse: somebody else has it.
            StoreUnavailable: the lock file cannot be written.

        """
        try:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreUnavailable(f"{self._path}: {error.strerror}") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(handle, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(handle)
            raise StoreInUse(f"process {holder} holds {self._path}; stop it first") from error
        with contextlib.suppress(OSError):  # the disk is full: then nobody is told who we are, and that is all
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        self._handle = handle

    def give_back(self) -> None:
        """Let the next one have it. The file stays: removing it would let two daemons lock two files of one name."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
