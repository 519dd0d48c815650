"""How far each line has listened to its PBX. It outlives the process, so whoever holds the line next finds the gap."""

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model.moment import Instant
from bridge.store.schema import listening
from bridge.store.statements import BulkUpsert

_UPSERT = BulkUpsert(listening, ("source", "until", "gap_since"))


async def begin_listening(conn: AsyncConnection, source: str, now: Instant) -> Instant | None:
    """A line is held from `now` on. Since when nobody had listened, gaps not repaired yet included; None: never."""
    found = (
        await conn.execute(select(listening.c.until, listening.c.gap_since).where(listening.c.source == source))
    ).first()
    since = None if found is None else found.until if found.gap_since is None else min(found.gap_since, found.until)
    await _UPSERT.run(conn, [(source, now, since)])
    return since


async def has_listened(conn: AsyncConnection, source: str, until: Instant) -> None:
    """The line was held until then. A late word changes nothing."""
    later = func.max if conn.dialect.name == "sqlite" else func.greatest
    await conn.execute(
        update(listening).where(listening.c.source == source).values(until=later(listening.c.until, until))
    )


async def gap_repaired(conn: AsyncConnection, source: str, since: Instant) -> None:
    """What can be known of the gap that began then is known; one that began earlier stays."""
    statement = update(listening).where(listening.c.source == source, listening.c.gap_since == since)
    await conn.execute(statement.values(gap_since=None))
