"""Calls: the fold of each, what was decided about it, and when it is to be judged."""

import typing
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, bindparam, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model.call import Call, MissedReason, Outcome
from bridge.model.crm import Client
from bridge.model.events import CallStep
from bridge.model.moment import Instant
from bridge.store.aliases import add_aliases, call_ids, keys_of
from bridge.store.documents import call_text, client_text, read_call, read_client, read_steps, steps_text
from bridge.store.ready import rows_of
from bridge.store.schema import call
from bridge.store.statements import BulkUpdate, BulkUpsert, by_value, literally, rows_for

__all__ = [
    "CallRecord",
    "DueCall",
    "add_aliases",
    "call_by_id",
    "calls_by_key",
    "calls_of_unknown_party",
    "due_calls",
    "due_lanes",
    "judge_now",
    "keys_of",
    "live_calls",
    "next_due",
    "save_calls",
    "save_judgements",
    "short_abandons",
    "stale_calls",
    "unexplained_calls",
    "unknown_parties",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """A call as it is stored: the fold (`body`) and what we made of it.

    `lane` is the client's, `client_number` and `line_number` are E.164 (None: hidden, unusable, not told),
    `answered_by` and `last_talker` are employee ids. `outcome` and `missed_reason` are as judged (D12-D14 may say
    more than the platform); until then None. `listed` False: internal, counted but never shown. `unknown_party` is
    who of ours took part and is no employee's (D18). `lead_id`, `contact_id`, `deal_id`: where it was logged.
    `judge_at` is when the ended call is settled, None while nothing is due. `matrix` is the version of the scenarios
    that it began with, `client_before` the client's records at that moment. `steps` are all the events that a
    platform pushed about it, for folding them again when one comes late. `version` counts changes by people.
    """

    id: str
    lane: str
    body: Call
    client_number: str | None = None
    line_number: str | None = None
    outcome: Outcome | None = None
    missed_reason: MissedReason | None = None
    answered_by: str | None = None
    last_talker: str | None = None
    listed: bool = True
    unknown_party: str | None = None
    lead_id: str | None = None
    contact_id: str | None = None
    deal_id: str | None = None
    branch: str | None = None
    scenario: str | None = None
    judge_at: Instant | None = None
    pickup_judged: bool = False
    judged_at: Instant | None = None
    matrix: str | None = None
    client_before: Client | None = None
    steps: tuple[CallStep, ...] = ()
    version: int = 1

    @property
    def key(self) -> str:
        """`{source}/{platform_call_id}`."""
        return self.body.key

    @property
    def source(self) -> str:
        """The source that told of it."""
        return self.body.source

    @property
    def recording_url(self) -> str | None:
        """The first recording, None if there is none."""
        return self.body.recordings[0] if self.body.recordings else None


_KEPT = (
    call.c.id,
    call.c.lane,
    call.c.body,
    call.c.client_number,
    call.c.line_number,
    call.c.outcome,
    call.c.missed_reason,
    call.c.answered_by,
    call.c.last_talker,
    call.c.listed,
    call.c.unknown_party,
    call.c.lead_id,
    call.c.contact_id,
    call.c.deal_id,
    call.c.branch,
    call.c.scenario,
    call.c.judge_at,
    call.c.pickup_judged,
    call.c.judged_at,
    call.c.matrix,
    call.c.client_before,
    call.c.steps,
    call.c.version,
)
_KEPT_NAMES = tuple(column.name for column in _KEPT)
_BODY, _OUTCOME, _REASON = (_KEPT_NAMES.index(name) for name in ("body", "outcome", "missed_reason"))
_BEFORE, _STEPS = (_KEPT_NAMES.index(name) for name in ("client_before", "steps"))
_outcome_of = by_value(Outcome)
_reason_of = by_value(MissedReason)


def select_calls() -> Select[Any]:
    """The statement whose rows `call_record` reads."""
    return select(*_KEPT)


def call_record(row: Sequence[Any]) -> CallRecord:
    """The call of one row."""
    values = list(row)
    values[_BODY] = read_call(values[_BODY])
    values[_OUTCOME] = values[_OUTCOME] and _outcome_of(values[_OUTCOME])
    values[_REASON] = values[_REASON] and _reason_of(values[_REASON])
    values[_BEFORE] = None if values[_BEFORE] is None else read_client(values[_BEFORE])
    values[_STEPS] = () if values[_STEPS] is None else read_steps(values[_STEPS])
    return CallRecord(**dict(zip(_KEPT_NAMES, values, strict=True)))


_BY_ID = select_calls().where(call.c.id.in_(bindparam("keys", expanding=True)))


async def calls_by_key(conn: AsyncConnection, keys: Collection[str]) -> dict[str, CallRecord]:
    """The known calls among these keys. Several keys may lead to one call (merged calls); its own key is in `body`."""
    if not keys:
        return {}
    ids = await call_ids(conn, keys)
    found = {row[0]: call_record(row) for row in await rows_for(conn, _BY_ID, set(ids.values()))}
    return {key: found[id_] for key, id_ in ids.items() if id_ in found}


async def call_by_id(conn: AsyncConnection, call_id: str) -> CallRecord | None:
    """The call with this id, listed or not."""
    rows = await rows_for(conn, _BY_ID, [call_id])
    return call_record(rows[0]) if rows else None


_AS_THEY_ARE_JUDGED = (call.c.judge_at, func.coalesce(call.c.ended_at, 0.0), call.c.id)
"""The order of `bridge.flow.timers`: a batch may end between two calls that are due at the same moment.

The last tie is broken by ids, since databases do not agree on the order of any other text.
"""

_DUE = (
    select_calls().where(call.c.judge_at <= bindparam("now")).order_by(*_AS_THEY_ARE_JUDGED).limit(bindparam("count"))
)


async def due_calls(conn: AsyncConnection, now: Instant, limit: int) -> list[CallRecord]:
    """The calls that have ended and settled and are to be judged now, the longest due first."""
    return [call_record(row) for row in await rows_of(conn, _DUE, now=now, count=limit)]


@dataclass(frozen=True, slots=True, kw_only=True)
class DueCall:
    """As much of a call that is to be judged as says whose it is."""

    id: str
    key: str
    lane: str
    judge_at: Instant
    ended_at: Instant | None


_DUE_LANES = (
    select(call.c.id, call.c.key, call.c.lane, call.c.judge_at, call.c.ended_at)
    .where(call.c.judge_at <= bindparam("now"))
    .order_by(*_AS_THEY_ARE_JUDGED)
    .limit(bindparam("count"))
)


async def due_lanes(conn: AsyncConnection, now: Instant, limit: int) -> list[DueCall]:
    """Whose the calls are that are to be judged now, the longest due first."""
    names = ("id", "key", "lane", "judge_at", "ended_at")
    found = await rows_of(conn, _DUE_LANES, now=now, count=limit)
    return [DueCall(**dict(zip(names, row, strict=True))) for row in found]


async def judge_now(conn: AsyncConnection, now: Instant, *, later_than: Instant) -> int:
    """Make the calls due that were to be judged later than that; gives how many there were."""
    far_off = update(call).where(call.c.judge_at > later_than).values(judge_at=now)
    return (await conn.execute(far_off)).rowcount


_NEXT_DUE = select(func.min(call.c.judge_at)).where(call.c.judge_at.is_not(None))


async def next_due(conn: AsyncConnection) -> Instant | None:
    """When the next call is to be judged; None if nothing is due ever."""
    ((moment,),) = await rows_of(conn, _NEXT_DUE)
    return typing.cast("Instant | None", moment)


_LIVE = (
    select_calls().where(call.c.ended_at.is_(None), call.c.source == bindparam("source")).order_by(call.c.started_at)
)


async def live_calls(conn: AsyncConnection, source: str) -> list[CallRecord]:
    """The calls of this source that have not ended as far as we know, the oldest first."""
    return [call_record(row) for row in await conn.execute(_LIVE, {"source": source})]


_UNEXPLAINED = (
    select_calls()
    .where(
        call.c.started_at >= bindparam("begun"),
        call.c.source == bindparam("source"),
        call.c.incomplete.is_(True),
        or_(call.c.ended_at.is_(None), call.c.ended_at >= bindparam("since")),
    )
    .order_by(call.c.started_at)
    .limit(bindparam("count"))
)


async def unexplained_calls(
    conn: AsyncConnection, source: str, *, begun: Instant, since: Instant, limit: int
) -> list[CallRecord]:
    """The calls of this source that began after `begun`, lived at `since` or later and were not seen whole."""
    told = {"source": source, "begun": begun, "since": since, "count": limit}
    return [call_record(row) for row in await conn.execute(_UNEXPLAINED, told)]


_OF_PARTY = (
    select_calls()
    .where(call.c.unknown_party.is_not(None), call.c.unknown_party == bindparam("party"))
    .order_by(call.c.started_at)
    .limit(bindparam("count"))
)


async def calls_of_unknown_party(conn: AsyncConnection, party: str, limit: int) -> list[CallRecord]:
    """The calls in which somebody took part whom no employee's settings named (D18), the oldest first."""
    return [call_record(row) for row in await conn.execute(_OF_PARTY, {"party": party, "count": limit})]


async def unknown_parties(conn: AsyncConnection) -> list[str]:
    """Everybody who took part in a call without being any employee's (D18)."""
    found = await conn.execute(select(call.c.unknown_party).where(call.c.unknown_party.is_not(None)).distinct())
    return [party for (party,) in found]


_STALE = (
    select_calls()
    .where(call.c.ended_at.is_(None), call.c.started_at < bindparam("before"))
    .order_by(call.c.started_at)
    .limit(bindparam("count"))
)


async def stale_calls(conn: AsyncConnection, before: Instant, limit: int) -> list[CallRecord]:
    """The calls that began before that instant and of whose end nobody told, of any source, the oldest first."""
    return [call_record(row) for row in await conn.execute(_STALE, {"before": before, "count": limit})]


_SHORT_ABANDONS = select(call.c.lane, call.c.key, call.c.started_at).where(
    call.c.lane.in_(bindparam("keys", expanding=True)),
    call.c.started_at >= bindparam("since"),
    call.c.missed_reason == literally("short_abandon"),
)


async def short_abandons(
    conn: AsyncConnection, lanes: Collection[str], since: Instant
) -> dict[str, dict[str, Instant]]:
    """The calls since then in which these clients gave up early, by client and key: when each began (D12)."""
    found: dict[str, dict[str, Instant]] = {}
    for lane, key, started_at in await rows_for(conn, _SHORT_ABANDONS, lanes, since=since):
        found.setdefault(lane, {})[key] = started_at
    return found


_SHARED = ("key", "source", "platform_call_id", "direction", "raw_number", "client_name", "raw_line", "queue")
_TIMES = ("started_at", "answered_at", "ended_at", "recording_url", "voicemail_url", "incomplete", "revision")
_UPSERT = BulkUpsert(call, (*_KEPT_NAMES, *_SHARED, *_TIMES))


async def save_calls(conn: AsyncConnection, records: Iterable[CallRecord]) -> None:
    """Write these calls, new or known, in one statement."""
    await _UPSERT.run(conn, [_row(record) for record in records])


_JUDGED = ("outcome", "missed_reason", "lead_id", "contact_id", "deal_id", "scenario", "judge_at", "judged_at")
_UPDATE = BulkUpdate(call, (*_JUDGED, "id"))


async def save_judgements(conn: AsyncConnection, records: Iterable[CallRecord]) -> None:
    """Write what was decided about these calls, of which nothing else has changed: cheaper than all of it."""
    await _UPDATE.run(
        conn,
        [
            (
                record.outcome and record.outcome.value,
                record.missed_reason and record.missed_reason.value,
                record.lead_id,
                record.contact_id,
                record.deal_id,
                record.scenario,
                record.judge_at,
                record.judged_at,
                record.id,
            )
            for record in records
        ],
    )


def _row(record: CallRecord) -> tuple[Any, ...]:
    body = record.body
    return (
        record.id,
        record.lane,
        call_text(body),
        record.client_number,
        record.line_number,
        record.outcome and record.outcome.value,
        record.missed_reason and record.missed_reason.value,
        record.answered_by,
        record.last_talker,
        record.listed,
        record.unknown_party,
        record.lead_id,
        record.contact_id,
        record.deal_id,
        record.branch,
        record.scenario,
        record.judge_at,
        record.pickup_judged,
        record.judged_at,
        record.matrix,
        None if record.client_before is None else client_text(record.client_before),
        steps_text(record.steps) if record.steps else None,
        record.version,
        body.key,
        body.source,
        body.platform_call_id,
        body.direction.value,
        body.raw_number,
        body.client_name,
        body.raw_line,
        body.queue,
        body.started_at,
        body.answered_at,
        body.ended_at,
        record.recording_url,
        body.voicemail,
        body.incomplete,
        body.revision,
    )
