"""Whether the file of an embedded store is sound."""

from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.store.errors import StoreCorrupt
from bridge.store.place import Place

QUICK_BYTES = 32 * 1024 * 1024
"""Up to this size a store is checked at every start, within a tenth of a second; a larger one by `bridge doctor`."""


_HEADER_BYTES = 100
_WRITE_VERSION = 18
"""Where the header says how the file is written (sqlite.org/fileformat2.html): 2 with a -wal beside it, 1 without."""
_WITHOUT_WAL = 1


def refuse_foreign_wal(place: Place) -> None:
    """Refuse a file that was put in the place of another one whose -wal was left behind.

    SQLite would write the pages of the other file into this one. A backup says of itself that it has no -wal; one that
    is in use never does.

    Raises:
        StoreCorrupt: with what to do; nothing is damaged yet.

    """
    if place.file is None:
        return
    wal = place.file.with_name(f"{place.file.name}-wal")
    if _written(place.file) == _WITHOUT_WAL and _size(wal) > 0:
        raise StoreCorrupt(
            f"{wal} belongs to another file than {place.file}, which was put in its place; move it and the -shm beside "
            "it to another folder and start the bridge again (docs/how-to/backup.md)"
        )


def _written(file: Path) -> int | None:
    try:
        with file.open("rb") as opened:
            header = opened.read(_HEADER_BYTES)
    except OSError:
        return None  # whoever opens the store says why
    return header[_WRITE_VERSION] if len(header) == _HEADER_BYTES else None


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


async def damages(conn: AsyncConnection, *, thorough: bool) -> list[str]:
    """What is wrong with the file, in SQLite's words; empty if it is sound. `thorough` compares the indexes, too.

    Raises (as every transaction of the store) StoreCorrupt if it is too damaged to be checked at all.
    """
    if conn.dialect.name != "sqlite":
        return []  # the server looks after its own files
    found = await conn.exec_driver_sql("PRAGMA integrity_check" if thorough else "PRAGMA quick_check")
    return [" ".join(line.split()) for (line,) in found if line != "ok"]


async def require_sound(conn: AsyncConnection, place: Place) -> None:
    """Refuse a damaged file, if it is small enough to look at all of it now.

    Raises:
        StoreCorrupt: with what is wrong and what to do.

    """
    if place.file is None or place.file.stat().st_size > QUICK_BYTES:
        return
    if found := await damages(conn, thorough=False):
        raise StoreCorrupt(f"{place.file}: {found[0]}; {place.remedy}")
