"""The journal: what came in, acknowledged only after it is here; and the quarantine for what could not be read."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from sqlalchemy import Select, bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model.events import (
    CallAnswered,
    CallEnded,
    CallRecorded,
    CallRinging,
    CallSeen,
    CallTransferred,
    ChatRequested,
    Event,
    FormSubmitted,
)
from bridge.model.moment import Instant
from bridge.store.aliases import call_ids
from bridge.store.documents import event_text, read_event
from bridge.store.errors import UnreadableDocument
from bridge.store.pages import Order, Page, page
from bridge.store.ready import rows_of
from bridge.store.schema import call, event, quarantine
from bridge.store.statements import BulkInsert, by_value, in_pieces, literally, rows_for

TYPES: dict[type, str] = {
    CallRinging: "call.ringing",
    CallAnswered: "call.answered",
    CallTransferred: "call.transferred",
    CallEnded: "call.ended",
    CallRecorded: "call.recorded",
    CallSeen: "call.seen",
    FormSubmitted: "form.submitted",
    ChatRequested: "chat.requested",
}
"""What the journal calls each class of event (docs/how-to/webhook.md has the pushed ones)."""


class EntryState(StrEnum):
    """PENDING: acknowledged, not handled yet. FAILED: put aside with its problem, until a person replays it."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"


class QuarantineState(StrEnum):
    """WAITING for a person, REPLAYED into the journal, or DROPPED."""

    WAITING = "waiting"
    REPLAYED = "replayed"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEntry:
    """An event to be stored, in the lane of its client."""

    event: Event
    lane: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """A stored event. `event` is None if this version cannot read it; `problem` then says why (see `fail`)."""

    id: int
    source: str
    event_id: str
    type: str
    lane: str
    call_key: str | None
    occurred_at: Instant
    received_at: Instant
    state: EntryState
    handled_at: Instant | None
    problem: str | None
    event: Event | None

    @property
    def call_keys(self) -> tuple[str, ...]:
        """The keys of the call that it tells of, and of those that became part of it; empty for a form or a chat."""
        if self.call_key is None:
            return ()
        return (self.call_key, *self.event.call.merged) if isinstance(self.event, CallSeen) else (self.call_key,)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingEntry:
    """As much of an entry that is not handled yet as says whose it is: under which `names` it is claimed.

    Two facts of one call may tell two numbers, or the first of them none, so each names its call beside the lane.
    """

    id: int
    received_at: Instant
    lane: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """A body that nobody could read, as it came."""

    id: int
    source: str
    received_at: Instant
    content_type: str | None
    body: bytes
    problem: str
    state: QuarantineState


_COLUMNS = (
    event.c.id,
    event.c.source,
    event.c.event_id,
    event.c.type,
    event.c.lane,
    event.c.call_key,
    event.c.occurred_at,
    event.c.received_at,
    event.c.state,
    event.c.handled_at,
    event.c.problem,
    event.c.body,
)
_state_of = by_value(EntryState)


async def append(conn: AsyncConnection, entries: Sequence[NewEntry]) -> int:
    """Store the events; gives how many were new. The others have a known (source, event_id) and change nothing."""
    return len(await append_new(conn, entries))


async def append_new(conn: AsyncConnection, entries: Sequence[NewEntry]) -> dict[tuple[str, str], int]:
    """Store the events; gives the id of each new one by its (source, event_id), for a commit shared by many senders."""
    stored = await _INSERT.run(conn, [_new_row(entry) for entry in entries])
    return {(source, event_id): id_ for id_, source, event_id in stored}


_INSERT = BulkInsert(
    event,
    ("source", "event_id", "type", "lane", "call_key", "occurred_at", "received_at", "body", "state"),
    returning=("id", "source", "event_id"),
)


def _new_row(entry: NewEntry) -> tuple[Any, ...]:
    fact = entry.event
    return (
        fact.source,
        fact.event_id,
        TYPES[type(fact)],
        entry.lane,
        _call_key(entry),
        fact.occurred_at,
        fact.received_at,
        event_text(fact),
        EntryState.PENDING.value,
    )


_PENDING = select(*_COLUMNS).where(event.c.state == literally("pending")).order_by(event.c.id).limit(bindparam("count"))


async def pending(
    conn: AsyncConnection, limit: int, *, fresh: Mapping[int, Event] = MappingProxyType({})
) -> list[JournalEntry]:
    """The oldest events that are not handled yet, in the order of their arrival.

    `fresh` are events that the caller still holds, by the id that `append_new` gave: they need not be read again,
    which is two thirds of the work.
    """
    return [_entry(row, fresh) for row in await rows_of(conn, _PENDING, count=limit)]


_WAITING = (
    select(event.c.id, event.c.received_at, event.c.lane, event.c.call_key)
    .where(event.c.state == literally("pending"))
    .order_by(event.c.id)
    .limit(bindparam("count"))
)


async def waiting(conn: AsyncConnection, limit: int) -> list[WaitingEntry]:
    """Whose the oldest events are that are not handled yet, in the order of their arrival."""
    return [
        WaitingEntry(id=id_, received_at=received_at, lane=lane, names=_names(lane, call_key))
        for id_, received_at, lane, call_key in await rows_of(conn, _WAITING, count=limit)
    ]


def _names(lane: str, call_key: str | None) -> tuple[str, ...]:
    return (lane,) if call_key is None else (lane, name_of_call(call_key))


def name_of_call(key: str) -> str:
    """The name under which the call with this key is claimed, also before anything is known of it."""
    return f"call:{key}"


_STILL_PENDING = (
    select(*_COLUMNS)
    .where(event.c.state == literally("pending"), event.c.id.in_(bindparam("keys", expanding=True)))
    .order_by(event.c.id)
)


async def entries_by_id(conn: AsyncConnection, ids: Collection[int]) -> list[JournalEntry]:
    """Those of these events that are still not handled, in the order of their arrival."""
    return [_entry(row) for row in dict.fromkeys(await rows_for(conn, _STILL_PENDING, ids))]


_FIRST_OF_SOURCE = (
    select(event.c.id).where(event.c.state == literally("pending"), event.c.source == bindparam("source")).limit(1)
)


async def anything_pending(conn: AsyncConnection, source: str) -> bool:
    """Whether an event of this source is not handled yet."""
    return (await conn.execute(_FIRST_OF_SOURCE, {"source": source})).first() is not None


async def pending_calls(conn: AsyncConnection, source: str) -> set[str]:
    """The keys of the calls of this source of which an event is not handled yet."""
    pending = select(event.c.call_key).where(
        event.c.state == literally("pending"), event.c.source == source, event.c.call_key.is_not(None)
    )
    return set((await conn.execute(pending)).scalars())


def _entry(row: Sequence[Any], fresh: Mapping[int, Event] = MappingProxyType({})) -> JournalEntry:
    id_, source, event_id, type_, lane, call_key, occurred_at, received_at, state, handled_at, problem, body = row
    known = fresh.get(id_)
    read, unreadable = (known, None) if known is not None else _read(body)
    return JournalEntry(
        id=id_,
        source=source,
        event_id=event_id,
        type=type_,
        lane=lane,
        call_key=call_key,
        occurred_at=occurred_at,
        received_at=received_at,
        state=_state_of(state),
        handled_at=handled_at,
        problem=problem or unreadable,
        event=read,
    )


def _read(body: str) -> tuple[Event | None, str | None]:
    try:
        return read_event(body), None
    except UnreadableDocument as error:
        return None, str(error)


_FINISH = (
    update(event)
    .where(event.c.id.in_(bindparam("keys", expanding=True)))
    .values(state="done", handled_at=bindparam("now"), problem=None)
)


async def finish(conn: AsyncConnection, ids: Collection[int], now: Instant) -> None:
    """These events are handled."""
    await rows_for(conn, _FINISH, ids, now=now)


FORGOTTEN = "a blocked number: what it told was not kept"
_FORGET = {"state": "done", "lane": "blocked", "body": "", "problem": FORGOTTEN, "handled_at": bindparam("now")}
_FORGET_EVENTS = update(event).where(event.c.id.in_(bindparam("keys", expanding=True))).values(**_FORGET)
_FORGET_CALLS = update(event).where(event.c.call_key.in_(bindparam("keys", expanding=True))).values(**_FORGET)


async def forget(conn: AsyncConnection, ids: Collection[int], call_keys: Collection[str], now: Instant) -> None:
    """These events, and all events of these calls, are handled, and neither number nor body is kept of them.

    Their names stay, so that a repeat is still recognised.
    """
    for statement, keys in ((_FORGET_EVENTS, ids), (_FORGET_CALLS, call_keys)):
        await rows_for(conn, statement, keys, now=now)


async def fail(conn: AsyncConnection, entry_id: int, problem: str, now: Instant) -> None:
    """Put this event aside: handling it failed, and trying again would fail again."""
    await conn.execute(
        update(event)
        .where(event.c.id == entry_id, event.c.state == literally("pending"))  # else another node could handle it
        .values(state="failed", handled_at=now, problem=problem)
    )


async def retry_failed(conn: AsyncConnection, ids: Collection[int] | None = None) -> int:
    """Make failed events pending again, these or (None) all; gives how many."""
    statement = update(event).where(event.c.state == literally("failed")).values(state="pending", problem=None)
    if ids is None:
        return (await conn.execute(statement)).rowcount
    listed = statement.where(event.c.id.in_(bindparam("keys", expanding=True)))
    return sum([(await conn.execute(listed, {"keys": piece})).rowcount for piece in in_pieces(ids)])


async def failed_ids(
    conn: AsyncConnection, *, ids: Collection[int] | None = None, since: Instant | None = None
) -> list[int]:
    """The failed events: these, or (None) all, that failed at `since` or later; the oldest first."""
    statement = select(event.c.id).where(event.c.state == literally("failed"))
    return await _chosen(conn, statement, event.c.id, ids, None if since is None else event.c.handled_at >= since)


async def quarantine_ids(
    conn: AsyncConnection, *, ids: Collection[int] | None = None, since: Instant | None = None
) -> list[int]:
    """The bodies that wait in quarantine: these, or (None) all, that came at `since` or later; the oldest first."""
    statement = select(quarantine.c.id).where(quarantine.c.state == literally("waiting"))
    late = None if since is None else quarantine.c.received_at >= since
    return await _chosen(conn, statement, quarantine.c.id, ids, late)


async def _chosen(
    conn: AsyncConnection, statement: Select[Any], id_: Any, ids: Collection[int] | None, late: Any
) -> list[int]:
    if late is not None:
        statement = statement.where(late)
    if ids is None:
        return [found for (found,) in await conn.execute(statement.order_by(id_))]
    listed = statement.where(id_.in_(bindparam("keys", expanding=True)))
    pieces = [await conn.execute(listed, {"keys": piece}) for piece in in_pieces(ids)]
    return sorted({found for piece in pieces for (found,) in piece})


async def quarantine_bodies(conn: AsyncConnection, ids: Collection[int]) -> list[Quarantined]:
    """Those of these bodies that still wait, the oldest first."""
    statement = select(*quarantine.c).where(
        quarantine.c.state == literally("waiting"), quarantine.c.id.in_(bindparam("keys", expanding=True))
    )
    found = {row[0]: row for piece in in_pieces(ids) for row in await conn.execute(statement, {"keys": piece})}
    return [_quarantined(found[id_]) for id_ in sorted(found)]


async def entries(
    conn: AsyncConnection,
    *,
    call_keys: Collection[str] | None = None,
    source: str | None = None,
    state: EntryState | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page[JournalEntry]:
    """The stored events, newest first: of some calls, of one source, or in one state."""
    statement = select(*_COLUMNS)
    if call_keys is not None:
        statement = statement.where(event.c.call_key.in_(call_keys))
    if source is not None:
        # Hidden from the index on source, which would gather and sort all that the source ever sent.
        statement = statement.where(event.c.source.concat("") == source)
    if state is not None:
        statement = statement.where(event.c.state == literally(state.value))
    return await page(conn, statement, Order((event.c.id,)), _entry, limit=limit, cursor=cursor)


_LANES_OF_CALLS = select(call.c.id, call.c.lane).where(call.c.id.in_(bindparam("keys", expanding=True)))
_LANES_OF_EVENTS = (
    select(event.c.call_key, event.c.lane)
    .where(event.c.call_key.in_(bindparam("keys", expanding=True)))
    .order_by(event.c.id.desc())  # the earliest comes last and wins
)


async def known_lane(conn: AsyncConnection, call_keys: Collection[str]) -> dict[str, str]:
    """The lanes of the calls among these keys that are known already: handled, or still waiting in the journal.

    A lane that only says "we do not know the client of this call" (`call:…`) is not known.
    """
    if not call_keys:
        return {}
    ids = await call_ids(conn, call_keys)
    of_calls: dict[str, str] = dict(await rows_for(conn, _LANES_OF_CALLS, set(ids.values())))
    found = {key: of_calls[id_] for key, id_ in ids.items() if id_ in of_calls}
    missing = [key for key in ids if key not in found]
    if missing:
        found |= {key: lane for key, lane in await rows_for(conn, _LANES_OF_EVENTS, missing) if not _of_call(lane)}
    return {key: lane for key, lane in found.items() if not _of_call(lane)}


async def in_known_lanes(conn: AsyncConnection, entries: Sequence[NewEntry]) -> list[NewEntry]:
    """The entries, in the lane of the client wherever an earlier step of the call has told who he is.

    So whoever works on this client meets all his facts in their order, and no other node has some of them.
    """
    numbered = {
        key: entry.lane for entry in reversed(entries) if (key := _call_key(entry)) and not _of_call(entry.lane)
    }
    unknown = {key for entry in entries if (key := _call_key(entry)) and _of_call(entry.lane)}
    known = await known_lane(conn, unknown - numbered.keys()) | numbered
    return [
        replace(entry, lane=known.get(_call_key(entry) or "", entry.lane)) if _of_call(entry.lane) else entry
        for entry in entries
    ]


def _call_key(entry: NewEntry) -> str | None:
    return None if isinstance(entry.event, FormSubmitted | ChatRequested) else entry.event.call_key


def _of_call(lane: str) -> bool:
    return lane.startswith("call:")


async def put_in_quarantine(
    conn: AsyncConnection, source: str, *, received_at: Instant, content_type: str | None, body: bytes, problem: str
) -> None:
    """Keep a body that nobody could read, as it came, for a person to look at and replay."""
    await conn.execute(
        insert(quarantine).values(
            source=source,
            received_at=received_at,
            content_type=content_type,
            body=body,
            problem=problem,
            state=QuarantineState.WAITING.value,
        )
    )


PROBE_BYTES = 16 * 1024
"""More than fits where something small could still be squeezed in."""


async def write_and_take_back(conn: AsyncConnection, now: Instant) -> None:
    """Write something and leave nothing, to learn whether writing is possible."""
    probe = {"source": "", "received_at": now, "body": bytes(PROBE_BYTES), "problem": "", "state": "dropped"}
    written = await conn.execute(insert(quarantine).values(**probe).returning(quarantine.c.id))
    await conn.execute(delete(quarantine).where(quarantine.c.id == written.scalar_one()))


async def quarantined(
    conn: AsyncConnection,
    *,
    state: QuarantineState | None = QuarantineState.WAITING,
    ids: Collection[int] | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page[Quarantined]:
    """What is in quarantine, newest first."""
    statement = select(*quarantine.c)
    if state is not None:
        statement = statement.where(quarantine.c.state == literally(state.value))
    if ids is not None:
        statement = statement.where(quarantine.c.id.in_(ids))
    return await page(conn, statement, Order((quarantine.c.id,)), _quarantined, limit=limit, cursor=cursor)


def _quarantined(row: Sequence[Any]) -> Quarantined:
    id_, source, received_at, content_type, body, problem, state = row
    return Quarantined(
        id=id_,
        source=source,
        received_at=received_at,
        content_type=content_type,
        body=bytes(body),
        problem=problem,
        state=QuarantineState(state),
    )


async def settle_quarantined(conn: AsyncConnection, ids: Collection[int], state: QuarantineState) -> int:
    """Say what became of these bodies; gives how many there were."""
    statement = update(quarantine).where(quarantine.c.id.in_(ids)).values(state=state.value)
    return (await conn.execute(statement)).rowcount
