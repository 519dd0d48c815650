"""Whether the file of an embedded store is sound."""

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.store.errors import StoreCorrupt
from bridge.store.place import Place

QUICK_BYTES = 32 * 1024 * 1024
"""Up to this size a store is checked at every start, within a tenth of a second; a larger one by `bridge doctor`."""


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
