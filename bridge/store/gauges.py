"""What metrics and the health report tell of the store."""

from dataclasses import dataclass

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model.moment import Instant
from bridge.store.engine import Store
from bridge.store.schema import event, outbox, quarantine
from bridge.store.statements import literally


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauges:
    """How much waits where. `oldest_pending_at` is when the oldest unhandled event came, None: none waits.

    `bytes_used` is the size of the data, `bytes_journal` that of the write-ahead log (0 on PostgreSQL).
    """

    pending_events: int
    failed_events: int
    oldest_pending_at: Instant | None
    quarantined: int
    waiting_outbox: int
    dead_outbox: int
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
    select(func.count()).where(outbox.c.state == literally("waiting")).scalar_subquery(),
    select(func.count()).where(outbox.c.state == literally("dead")).scalar_subquery(),
)


async def gauges(store: Store) -> Gauges:
    """The gauges of this moment; each count is read from an index that holds only what is counted."""
    async with store.reading() as conn:
        pending, failed, oldest, quarantined, waiting, dead = (await conn.execute(_COUNTS)).one()
        used, journal = await _sizes(conn, store)
    return Gauges(
        pending_events=pending,
        failed_events=failed,
        oldest_pending_at=oldest,
        quarantined=quarantined,
        waiting_outbox=waiting,
        dead_outbox=dead,
        bytes_used=used,
        bytes_journal=journal,
    )


async def _sizes(conn: AsyncConnection, store: Store) -> tuple[int, int]:
    file = store.place.file
    if file is None:
        size = (await conn.execute(text("SELECT pg_database_size(current_database())"))).scalar_one()
        return int(size), 0
    journal = file.with_name(f"{file.name}-wal")
    return file.stat().st_size, journal.stat().st_size if journal.exists() else 0
