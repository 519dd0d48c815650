"""A consistent copy of a running embedded store."""

import asyncio
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from bridge.store.engine import errors_in_our_words
from bridge.store.errors import StoreError, StoreUnavailable
from bridge.store.integrity import refuse_foreign_wal
from bridge.store.place import Place, place_of

STEPS_BETWEEN = 100_000
"""Steps of SQLite's machine between two words about how far the copy is; a second has some ten million."""
Tell = Callable[[int, int], None]
"""Is told, in another thread, how many bytes are copied and about how many there will be."""


async def backup(url: str, data_dir: Path, target: Path, tell: Tell = lambda _done, _all: None) -> int:
    """Copy the store as it is at one moment, while a daemon works on it, into the file `target`; gives its bytes.

    The copy is complete and on the disk when this returns; an unfinished one never has the name of the target.

    Raises:
        StoreError: the store is not embedded (use pg_dump), or there is a file at `target` already.
        StoreUnavailable: no room for the copy, or the store cannot be read now.

    """
    place = place_of(url, data_dir)
    if place.file is None:
        raise StoreError("bridge backup copies embedded stores only; use pg_dump for PostgreSQL")
    return await asyncio.to_thread(_copy, place, place.file, target, tell)


def _copy(place: Place, file: Path, target: Path, tell: Tell) -> int:
    unfinished = target.with_name(f"{target.name}.unfinished")
    _prepare(file, unfinished, target)

    def look() -> int:
        """SQLite does not say how far it is, but the copy grows in view."""
        tell(unfinished.stat().st_size, file.stat().st_size)
        return 0

    try:
        refuse_foreign_wal(place)
        with errors_in_our_words(place), closing(sqlite3.connect(file, isolation_level=None)) as conn:
            conn.set_progress_handler(look, STEPS_BETWEEN)
            conn.execute("VACUUM INTO ?", (str(unfinished),))
        return _finish(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)


def _prepare(file: Path, unfinished: Path, target: Path) -> None:
    """Make an empty file that only our user reads; SQLite copies into an existing file if it is empty."""
    if not file.exists():
        raise StoreError(f"there is no store at {file}")
    if target.exists():
        raise StoreError(f"{target} exists; choose another name")
    try:
        unfinished.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreUnavailable(f"{unfinished}: {error.strerror}") from error


def _finish(unfinished: Path, target: Path) -> int:
    """Put the copy and its name on the disk; gives its bytes."""
    size = unfinished.stat().st_size
    handle = os.open(unfinished, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    unfinished.replace(target)
    folder = os.open(target.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return size
