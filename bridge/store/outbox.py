"""The outbox: effects that a remote system is still to be told, one order for each lane.

A lane that has something waiting has a row of its own. Whoever delivers for it puts his name on that row, until an
instant after which another may; so two nodes never speak for one client at a time, and finding the next piece of work
costs the same however much waits. What was delivered stays for a while without its contents, so that a call which is
judged again does not tell it anew.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, and_, bindparam, case, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from bridge.model.moment import Instant
from bridge.model.outgoing import Outgoing, Ref
from bridge.rules.outgoing import named_by
from bridge.store.documents import outgoing_text, read_outgoing
from bridge.store.errors import UnreadableDocument
from bridge.store.pages import Order, Page, page
from bridge.store.ready import rows_of
from bridge.store.schema import outbox, outbox_lane, remote_record
from bridge.store.statements import BulkInsert, BulkUpsert, in_pieces, insert_for, literally, rows_for


class OutboxState(StrEnum):
    """WAITING, HELD back by a dead letter of the same lane, DEAD until a person replays it, or DONE."""

    WAITING = "waiting"
    HELD = "held"
    DEAD = "dead"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """An item that `holder` is to deliver. `attempts` counted against it; `unknown`: it may have been sent already.

    `outgoing` is None if this version cannot read it, `problem` then says why.
    """

    id: int
    key: str
    lane: str
    holder: str
    attempts: int
    unknown: bool
    since: Instant
    outgoing: Outgoing | None
    problem: str | None = None
    remote: Mapping[Ref, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """It was delivered; `made` is what the system calls the record that it made."""

    item: Claimed
    made: tuple[Ref, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """It is to be tried again at `at`; `unknown`: only after looking whether it is there."""

    item: Claimed
    at: Instant
    attempts: int
    unknown: bool
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dead:
    """A person must look at it; what its lane has besides waits until `hold_until`."""

    item: Claimed
    hold_until: Instant
    attempts: int
    unknown: bool
    problem: str


Settled = Done | Again | Dead


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxItem:
    """An item as people see it. `next_at` is when its lane may be tried next, None: it is not waiting."""

    id: int
    key: str
    system: str
    effect: str
    state: OutboxState
    attempts: int
    unknown: bool
    created_at: Instant
    finished_at: Instant | None
    next_at: Instant | None
    problem: str | None
    outgoing: Outgoing | None


_NEW = (
    "key",
    "system",
    "lane",
    "effect",
    "body",
    "state",
    "attempts",
    "unknown",
    "created_at",
    "since",
)
_INSERT = BulkInsert(outbox, _NEW, returning=("lane",))
_REMOTE = BulkUpsert(remote_record, ("system", "kind", "local_id", "remote_id", "at"))


async def enqueue(conn: AsyncConnection, system: str, items: Sequence[Outgoing], now: Instant) -> int:
    """Put these into the outbox, in this order; gives how many were new: what has a known key is there already."""
    rows = [
        (
            item.key,
            system,
            item.lane,
            type(item.effect).__name__,
            outgoing_text(item),
            OutboxState.WAITING.value,
            0,
            False,
            now,
            now,
        )
        for item in items
    ]
    new = await _INSERT.run(conn, rows)
    await _open_lanes(conn, system, {lane for (lane,) in new}, now)
    return len(new)


async def _open_lanes(conn: AsyncConnection, system: str, lanes: Collection[str], now: Instant) -> None:
    """These lanes have something waiting; those that are known stay as they are.

    The row is written even then, so that nobody who is just closing the lane overlooks what has come.
    """
    if not lanes:
        return
    statement = insert_for(conn, outbox_lane)
    opened = statement.on_conflict_do_update(
        index_elements=["system", "lane"], set_={"system": statement.excluded.system}
    )
    await conn.execute(opened, [_lane_row(system, lane, now) for lane in sorted(lanes)])


def _lane_row(system: str, lane: str, next_at: Instant) -> dict[str, Any]:
    return {"system": system, "lane": lane, "next_at": next_at, "holder": None, "held_by": None}


_NOT_MINE = or_(outbox_lane.c.holder.is_(None), outbox_lane.c.holder != bindparam("me"))
_READY_LANES = (
    select(outbox_lane.c.lane)
    .where(outbox_lane.c.system == bindparam("of"), outbox_lane.c.next_at <= bindparam("now"), _NOT_MINE)
    .order_by(outbox_lane.c.next_at, outbox_lane.c.lane)
    .limit(bindparam("count"))
    .with_for_update(skip_locked=True)
)
_LANES = and_(outbox_lane.c.system == bindparam("of"), outbox_lane.c.lane.in_(bindparam("keys", expanding=True)))
_FIRST_OF_LANE = (
    select(func.min(outbox.c.id))
    .where(
        outbox.c.system == outbox_lane.c.system,
        outbox.c.lane == outbox_lane.c.lane,
        outbox.c.state == literally("waiting"),
    )
    .scalar_subquery()
)
_FIRST_IDS = select(_FIRST_OF_LANE).where(_LANES)
_ITEMS = select(
    outbox.c.id,
    outbox.c.key,
    outbox.c.lane,
    outbox.c.attempts,
    outbox.c.unknown,
    outbox.c.since,
    outbox.c.body,
).where(outbox.c.id.in_(bindparam("keys", expanding=True)))
_HOLD = update(outbox_lane).where(_LANES).values(next_at=bindparam("until"), holder=bindparam("me"), held_by=None)
_MAY_BE_SENT = update(outbox).where(outbox.c.id.in_(bindparam("keys", expanding=True))).values(unknown=True)
_CLOSE = delete(outbox_lane).where(_LANES)
_NAMES = select(remote_record.c.kind, remote_record.c.local_id, remote_record.c.remote_id).where(
    remote_record.c.system == bindparam("of"),
    remote_record.c.kind == bindparam("kind"),
    remote_record.c.local_id.in_(bindparam("keys", expanding=True)),
)


async def claim(
    conn: AsyncConnection, system: str, *, holder: str, now: Instant, until: Instant, limit: int
) -> list[Claimed]:
    """The first item of up to `limit` lanes that may be tried now, those that have waited longest first.

    The lanes are `holder`'s until `until`; he takes nothing over from himself, however the clock jumps. The items are
    marked as if they had been sent: only when the transaction is committed may they be, and whoever finds them after a
    crash must look before he sends them again.
    """
    lanes = [lane for (lane,) in await rows_of(conn, _READY_LANES, of=system, now=now, me=holder, count=limit)]
    if not lanes:
        return []
    ids = [id_ for (id_,) in await rows_for(conn, _FIRST_IDS, lanes, of=system) if id_ is not None]
    items = {row[0]: _claimed(row, holder) for row in await rows_for(conn, _ITEMS, ids)} if ids else {}
    empty = set(lanes) - {item.lane for item in items.values()}
    if empty:
        await rows_for(conn, _CLOSE, empty, of=system)
    if not items:
        return []
    await rows_for(conn, _HOLD, {item.lane for item in items.values()}, of=system, until=until, me=holder)
    await rows_for(conn, _MAY_BE_SENT, items)
    return await _with_remote(conn, system, sorted(items.values(), key=lambda item: item.id))


def _claimed(row: Sequence[Any], holder: str) -> Claimed:
    id_, key, lane, attempts, unknown, since, body = row
    outgoing, problem = _read(body)
    return Claimed(
        id=id_,
        key=key,
        lane=lane,
        holder=holder,
        attempts=attempts,
        unknown=bool(unknown),
        since=since,
        outgoing=outgoing,
        problem=problem,
    )


def _read(body: str) -> tuple[Outgoing | None, str | None]:
    try:
        return read_outgoing(body), None
    except UnreadableDocument as error:
        return None, str(error)


async def _with_remote(conn: AsyncConnection, system: str, items: Sequence[Claimed]) -> list[Claimed]:
    named = {item.id: named_by(item.outgoing.effect) if item.outgoing is not None else () for item in items}
    by_kind: dict[str, set[str]] = {}
    for refs in named.values():
        for kind, local_id in refs:
            by_kind.setdefault(kind, set()).add(local_id)
    known: dict[Ref, str] = {}
    for kind, ids in by_kind.items():
        rows = await rows_for(conn, _NAMES, ids, of=system, kind=kind)
        known |= {(kind, local_id): remote_id for kind, local_id, remote_id in rows}
    return [replace(item, remote={ref: known[ref] for ref in named[item.id] if ref in known}) for item in items]


_OURS = (
    select(outbox_lane.c.lane, outbox_lane.c.holder)
    .where(_LANES)
    .order_by(outbox_lane.c.lane)  # everybody takes several lanes in this order, so that nobody waits for ever
    .with_for_update()
)
_DONE = (
    update(outbox)
    .where(outbox.c.id.in_(bindparam("keys", expanding=True)))
    .values(state="done", lane="", body="", unknown=False, problem=None, finished_at=bindparam("now"))
)
_AGAIN = (
    update(outbox)
    .where(outbox.c.id == bindparam("item"))
    .values(
        state=bindparam("new_state"),
        attempts=bindparam("new_attempts"),
        unknown=bindparam("new_unknown"),
        problem=bindparam("new_problem"),
        finished_at=bindparam("new_finished_at"),
    )
)
_LET_GO = (
    update(outbox_lane)
    .where(outbox_lane.c.system == bindparam("of_system"), outbox_lane.c.lane == bindparam("of_lane"))
    .values(next_at=bindparam("new_next_at"), holder=None, held_by=bindparam("new_held_by"))
)
_LEFT = select(outbox_lane.c.lane, _FIRST_OF_LANE).where(_LANES)


async def settle(conn: AsyncConnection, system: str, settled: Sequence[Settled], now: Instant) -> list[Settled]:
    """Write down what became of claimed items; gives those that were still their holder's.

    What was not his any more is left to whoever has it now: he looks, and finds the same.
    """
    if not settled:
        return []
    lanes = sorted({each.item.lane for each in settled})
    holders: dict[str, str | None] = dict(await rows_for(conn, _OURS, lanes, of=system))
    counted = [each for each in settled if holders.get(each.item.lane) == each.item.holder]
    done = [each for each in counted if isinstance(each, Done)]
    if done:
        await rows_for(conn, _DONE, [each.item.id for each in done], now=now)
        names = [(system, *each.made[0], each.made[1], now) for each in done if each.made is not None]
        await _REMOTE.run(conn, names)
    failed = [each for each in counted if not isinstance(each, Done)]
    if failed:
        await conn.execute(_AGAIN, [_failed_row(each, now) for each in failed])
    await _let_go(conn, system, {each.item.lane: each for each in counted}, now)
    return counted


def _failed_row(each: Again | Dead, now: Instant) -> dict[str, Any]:
    dead = isinstance(each, Dead)
    return {
        "item": each.item.id,
        "new_state": (OutboxState.DEAD if dead else OutboxState.WAITING).value,
        "new_attempts": each.attempts,
        "new_unknown": each.unknown,
        "new_problem": each.problem,
        "new_finished_at": now if dead else None,
    }


async def _let_go(conn: AsyncConnection, system: str, settled: Mapping[str, Settled], now: Instant) -> None:
    """Others may have these lanes; those that have nothing left are closed, unless a dead letter holds what comes."""
    if not settled:
        return
    left: dict[str, int | None] = dict(await rows_for(conn, _LEFT, sorted(settled), of=system))
    empty = {lane for lane, first in left.items() if first is None and not isinstance(settled[lane], Dead)}
    if empty:
        await rows_for(conn, _CLOSE, sorted(empty), of=system)
    rows = [_free_row(system, lane, settled[lane], now) for lane in sorted(left.keys() - empty)]
    if rows:
        await conn.execute(_LET_GO, rows)


def _free_row(system: str, lane: str, settled: Settled, now: Instant) -> dict[str, Any]:
    next_at, held_by = now, None
    if isinstance(settled, Again):
        next_at = settled.at
    elif isinstance(settled, Dead):
        next_at, held_by = settled.hold_until, settled.item.id
    return {"of_system": system, "of_lane": lane, "new_next_at": next_at, "new_held_by": held_by}


_NEXT = (
    select(outbox_lane.c.next_at)
    .where(outbox_lane.c.system == bindparam("of"), _NOT_MINE)
    .order_by(outbox_lane.c.next_at)
    .limit(1)
)


async def next_moment(conn: AsyncConnection, system: str, holder: str) -> Instant | None:
    """When the next lane of this system may be tried by this holder; None: nothing else waits."""
    found = await rows_of(conn, _NEXT, of=system, me=holder)
    return float(found[0][0]) if found else None


_TOO_FAR = (
    update(outbox_lane)
    .where(outbox_lane.c.system == bindparam("of"), outbox_lane.c.next_at > bindparam("latest"))
    .values(next_at=bindparam("latest"))
)


async def call_in(conn: AsyncConnection, system: str, latest: Instant) -> None:
    """No lane is to wait longer than that: it was left by a clock that was ahead."""
    await conn.execute(_TOO_FAR, {"of": system, "latest": latest})


_OLD = (
    select(outbox.c.id)
    .where(outbox.c.state == literally("done"), outbox.c.finished_at < bindparam("before"))
    .limit(bindparam("count"))
)
_FORGET = delete(outbox).where(outbox.c.id.in_(bindparam("keys", expanding=True)))


async def forget_delivered(conn: AsyncConnection, before: Instant, limit: int) -> int:
    """Forget up to so many items that were delivered before this; gives how many there were."""
    ids = [id_ for (id_,) in await rows_of(conn, _OLD, before=before, count=limit)]
    if ids:
        await rows_for(conn, _FORGET, ids)
    return len(ids)


async def replay_dead(
    conn: AsyncConnection, now: Instant, *, ids: Collection[int] | None = None, since: Instant | None = None
) -> list[int]:
    """Let dead items wait again: these, or all (that died since); gives the ids of those that do now.

    They go before what their lane has besides, which is no longer held back.
    """
    wanted = await dead_items(conn, ids=ids, since=since)
    if not wanted:
        return []
    chosen = update(outbox).where(
        outbox.c.state == literally("dead"), outbox.c.id.in_(bindparam("keys", expanding=True))
    )
    again = chosen.values(state="waiting", attempts=0, since=now, finished_at=None)
    for piece in in_pieces([item.id for item in wanted]):
        await conn.execute(again, {"keys": piece})
    lanes = sorted({(item.system, item.lane) for item in wanted})
    statement = insert_for(conn, outbox_lane)
    free = outbox_lane.c.holder.is_(None)
    opened = statement.on_conflict_do_update(
        index_elements=["system", "lane"],
        set_={"next_at": case((free, statement.excluded.next_at), else_=outbox_lane.c.next_at), "held_by": None},
    )
    await conn.execute(opened, [_lane_row(system, lane, now) for system, lane in lanes])
    return [item.id for item in wanted]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadItem:
    """An item that was given up, as much of it as replaying needs."""

    id: int
    system: str
    lane: str


async def dead_items(
    conn: AsyncConnection, *, ids: Collection[int] | None = None, since: Instant | None = None
) -> list[DeadItem]:
    """The items that were given up: these, or all (since then), the oldest first."""
    statement = select(outbox.c.id, outbox.c.system, outbox.c.lane).where(outbox.c.state == literally("dead"))
    if since is not None:
        statement = statement.where(outbox.c.finished_at >= since)
    if ids is None:
        rows = list(await conn.execute(statement.order_by(outbox.c.id)))
    else:
        listed = statement.where(outbox.c.id.in_(bindparam("keys", expanding=True)))
        rows = [row for piece in in_pieces(ids) for row in await conn.execute(listed, {"keys": piece})]
    found = {row[0]: DeadItem(id=row[0], system=row[1], lane=row[2]) for row in rows}
    return [found[id_] for id_ in sorted(found)]


_HELD = and_(outbox.c.state == literally("waiting"), outbox_lane.c.held_by.is_not(None))
_SEEN: Select[Any] = select(
    outbox.c.id,
    outbox.c.key,
    outbox.c.system,
    outbox.c.effect,
    outbox.c.state,
    outbox.c.attempts,
    outbox.c.unknown,
    outbox.c.created_at,
    outbox.c.finished_at,
    outbox_lane.c.next_at,
    outbox_lane.c.held_by,
    outbox.c.problem,
    outbox.c.body,
).select_from(
    outbox.outerjoin(outbox_lane, and_(outbox_lane.c.system == outbox.c.system, outbox_lane.c.lane == outbox.c.lane))
)


async def outbox_items(
    conn: AsyncConnection,
    *,
    state: OutboxState | None = None,
    system: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page[OutboxItem]:
    """What is in the outbox, newest first: everything, or in this state."""
    statement = _SEEN
    if state is not None:
        statement = statement.where(_in(state))
    if system is not None:
        statement = statement.where(outbox.c.system == system)
    return await page(conn, statement, Order((outbox.c.id,)), _seen, limit=limit, cursor=cursor)


def _in(state: OutboxState) -> ColumnElement[bool]:
    match state:
        case OutboxState.HELD:
            return _HELD
        case OutboxState.WAITING:
            return and_(outbox.c.state == literally("waiting"), outbox_lane.c.held_by.is_(None))
        case OutboxState.DEAD | OutboxState.DONE:
            return outbox.c.state == literally(state.value)


def _seen(row: Sequence[Any]) -> OutboxItem:
    id_, key, system, effect, state, attempts, unknown, created_at, finished_at, next_at, held_by, problem, body = row
    waiting = state == OutboxState.WAITING
    return OutboxItem(
        id=id_,
        key=key,
        system=system,
        effect=effect,
        state=OutboxState.HELD if waiting and held_by is not None else OutboxState(state),
        attempts=attempts,
        unknown=bool(unknown),
        created_at=created_at,
        finished_at=finished_at,
        next_at=next_at if waiting else None,
        problem=problem,
        outgoing=_read(body)[0] if body else None,
    )
