"""Calls of whose end nobody ever tells: after a long time they are closed as incomplete, and nothing is invented.

And calls whose judgement a clock that was wrong has put far off: they are judged now.
"""

from dataclasses import replace

import structlog

from bridge.flow.clock import Clock
from bridge.model.call import Call, Outcome
from bridge.model.moment import Instant
from bridge.store.calls import CallRecord, judge_now, save_calls, stale_calls
from bridge.store.claims import hold_lanes
from bridge.store.engine import Store

log = structlog.get_logger()

GIVE_UP_SECONDS = 12 * 3600.0
"""How long after its beginning a call without an end is given up."""
AT_ONCE = 200
"""Calls closed in one transaction."""
FAR_OFF_SECONDS = 3600.0
"""No call is put off for so long, beyond the time in which it settles; the clock was ahead when it ended."""


async def call_in(store: Store, clock: Clock, settle: float) -> int:
    """Judge now what would have to wait until a clock that was set back is where it was; gives how many.

    Raises:
        StoreUnavailable: nothing was changed; try again later.

    """
    now = clock.now()
    async with store.writing() as conn:
        found = await judge_now(conn, now, later_than=now + settle + FAR_OFF_SECONDS)
    if found:
        log.warning("call.called_in", calls=found)
    return found


async def sweep(store: Store, clock: Clock, after: float = GIVE_UP_SECONDS) -> int:
    """Close the calls that began more than `after` seconds ago and have no end; gives how many there were.

    Raises:
        StoreUnavailable: nothing was changed; try again later.

    """
    closed = 0
    while True:
        now = clock.now()
        async with store.writing() as conn:
            before = now - after
            lanes = {record.lane for record in await stale_calls(conn, before, AT_ONCE)}
            await hold_lanes(conn, lanes)
            stale = [record for record in await stale_calls(conn, before, AT_ONCE) if record.lane in lanes]
            await save_calls(conn, [_closed(record, now) for record in stale])
        for record in stale:
            log.warning("call.given_up", call_id=record.id, source=record.source, answered=record.body.answered)
        closed += len(stale)
        if len(stale) < AT_ONCE:
            return closed


def _closed(record: CallRecord, now: Instant) -> CallRecord:
    """An answered call is judged by what is known; whether any other was missed is not known, so it is not judged."""
    call = record.body
    ended = replace(
        call,
        ended_at=_last_seen(call),
        outcome=Outcome.ANSWERED if call.answered else None,
        incomplete=True,
    )
    return replace(record, body=ended, judge_at=now if call.answered else None)


def _last_seen(call: Call) -> Instant:
    """The last moment of the call that anybody told of."""
    moments = [call.started_at, call.answered_at or 0.0]
    moments += [rang.until or rang.since for rang in call.rang]
    moments += [talk.until or talk.since for talk in call.talked]
    moments += [transfer.at for transfer in call.transfers]
    return max(moments)
