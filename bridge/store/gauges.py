"""What metrics and the health report tell of the store."""

from dataclasses import dataclass

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model.moment import Instant
from bridge.store.engine import Store
from bridge.store.schema import event, outbox, outbox_lane, quarantine
from bridge.store.statements import literally


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxSize:
    """What one remote system is still to be told: `held` is behind a dead letter of the same client.

    `oldest_at` is when what waits longest was put there, None: nothing waits.
    """

    system: str
    waiting: int = 0
    held: int = 0
    dead: int = 0
    oldest_at: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauges:
    """How much waits where. `oldest_pending_at` is when the oldest unhandled event came, None: none waits.

    `bytes_used` is the size of the data, `bytes_journal` that of the write-ahead log (0 on PostgreSQL).
    """

    pending_events: int
    failed_events: int
    oldest_pending_at: Instant | None
    quarantined: int
    outbox: tuple[OutboxSize, ...]
    bytes_used: int
    bytes_journal: int


_COUNTS = select(
    select(func.count()).where(event.c.state == literally("pending")).scalar_subquery(),
    select(func.count()).where(event.c.state == literally("failed")).scalar_subquery(),
    select(event.c.received_at)
    .where(event.c.state == literally("pending"))
    .order_by(event.c.id)
    .limit(1)
    .scalar_subquery(),
    select(func.count()).where(quarantine.c.state == literally("waiting")).scalar_subquery(),
)
_WAITING = (
    select(outbox.c.system, func.count(), func.min(outbox.c.id))
    .where(outbox.c.state == literally("waiting"))
    .group_by(outbox.c.system)
)
_BEHIND = (
    select(func.count())
    .where(
        outbox.c.system == outbox_lane.c.system,
        outbox.c.lane == outbox_lane.c.lane,
        outbox.c.state == literally("waiting"),
    )
    .scalar_subquery()
)
_HELD = (
    select(outbox_lane.c.system, func.sum(_BEHIND))
    .where(outbox_lane.c.held_by.is_not(None))
    .group_by(outbox_lane.c.system)
)
_DEAD = select(outbox.c.system, func.count()).where(outbox.c.state == literally("dead")).group_by(outbox.c.system)


async def gauges(store: Store) -> Gauges:
    """The gauges of this moment; each count is read from an index that holds only what is counted."""
    async with store.reading() as conn:
        pending, failed, oldest, quarantined = (await conn.execute(_COUNTS)).one()
        sizes = await _outbox(conn)
        used, journal = await _sizes(conn, store)
    return Gauges(
        pending_events=pending,
        failed_events=failed,
        oldest_pending_at=oldest,
        quarantined=quarantined,
        outbox=sizes,
        bytes_used=used,
        bytes_journal=journal,
    )


async def _outbox(conn: AsyncConnection) -> tuple[OutboxSize, ...]:
    waiting = {system: (count, first) for system, count, first in await conn.execute(_WAITING)}
    held = {system: int(count) for system, count in await conn.execute(_HELD)}
    dead: dict[str, int] = {system: count for system, count in await conn.execute(_DEAD)}  # noqa: C416 # rows, not pairs
    found = await conn.execute(
        select(outbox.c.id, outbox.c.created_at).where(outbox.c.id.in_([first for _, first in waiting.values()]))
    )
    oldest: dict[int, Instant] = {id_: at for id_, at in found}  # noqa: C416 # the same
    return tuple(
        OutboxSize(
            system=system,
            waiting=waiting.get(system, (0, 0))[0] - held.get(system, 0),
            held=held.get(system, 0),
            dead=dead.get(system, 0),
            oldest_at=oldest.get(waiting.get(system, (0, 0))[1]),
        )
        for system in sorted({*waiting, *dead})
    )


async def _sizes(conn: AsyncConnection, store: Store) -> tuple[int, int]:
    file = store.place.file
    if file is None:
        size = (await conn.execute(text("SELECT pg_database_size(current_database())"))).scalar_one()
        return int(size), 0
    journal = file.with_name(f"{file.name}-wal")
    return file.stat().st_size, journal.stat().st_size if journal.exists() else 0
