"""Numbers blocked at run time, under every spelling they may come in."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model.moment import Instant
from bridge.model.phone import PhoneNumber, lookup_keys
from bridge.store.schema import blocked_key, blocked_number
from bridge.store.statements import insert_for, rows_for


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockedNumber:
    """A number (E.164) with which nothing must be done. `added_by` is an employee id, a user or a token's name."""

    number: str
    reason: str | None
    added_by: str | None
    added_at: Instant


async def block(
    conn: AsyncConnection, number: PhoneNumber, *, now: Instant, reason: str | None = None, added_by: str | None = None
) -> bool:
    """Block this number from now on; False if it is blocked already."""
    row = {"number": number.e164, "reason": reason, "added_by": added_by, "added_at": now}
    added = await conn.execute(
        insert_for(conn, blocked_number).on_conflict_do_nothing().returning(blocked_number.c.number), row
    )
    if added.first() is None:
        return False
    await conn.execute(
        insert(blocked_key), [{"key": key, "number": number.e164} for key in sorted(lookup_keys(number))]
    )
    return True


async def unblock(conn: AsyncConnection, number: PhoneNumber) -> bool:
    """Lift the block from this number, under whichever spelling it was added; False if it was not blocked."""
    numbers = await _numbers_behind(conn, lookup_keys(number))
    await conn.execute(delete(blocked_key).where(blocked_key.c.number.in_(numbers)))
    removed = await conn.execute(delete(blocked_number).where(blocked_number.c.number.in_(numbers)))
    return removed.rowcount > 0


async def blocked_numbers(conn: AsyncConnection) -> list[BlockedNumber]:
    """Every number blocked at run time, the newest first; those of the configuration are not in the store."""
    rows = await conn.execute(
        select(
            blocked_number.c.number, blocked_number.c.reason, blocked_number.c.added_by, blocked_number.c.added_at
        ).order_by(blocked_number.c.added_at.desc(), blocked_number.c.number)
    )
    return [
        BlockedNumber(number=number, reason=reason, added_by=added_by, added_at=added_at)
        for number, reason, added_by, added_at in rows
    ]


async def blocking(conn: AsyncConnection, number: PhoneNumber) -> BlockedNumber | None:
    """The entry that blocks this number, under any spelling; None if it is not blocked at run time."""
    numbers = await _numbers_behind(conn, lookup_keys(number))
    return next((entry for entry in await blocked_numbers(conn) if entry.number in numbers), None)


_BLOCKED = select(blocked_key.c.key).where(blocked_key.c.key.in_(bindparam("keys", expanding=True)))
_NUMBERS = select(blocked_key.c.number).where(blocked_key.c.key.in_(bindparam("keys", expanding=True)))


async def blocked_among(conn: AsyncConnection, keys: Collection[str]) -> set[str]:
    """Those of these lookup keys that are blocked at run time."""
    return {key for (key,) in await rows_for(conn, _BLOCKED, keys)}


async def _numbers_behind(conn: AsyncConnection, keys: Collection[str]) -> set[str]:
    return {number for (number,) in await rows_for(conn, _NUMBERS, keys)}
