"""When calls are judged: `policy.settle` seconds after we learned that they had ended. Each such moment is a column of
the call's row (`judge_at`), so it survives a restart and is gone when the call has been judged.
"""  # noqa: D205

import heapq
from collections.abc import Iterable, Iterator, Mapping

from bridge.model.call import Call
from bridge.model.moment import Instant
from bridge.store.calls import CallRecord


def judge_at(before: CallRecord | None, call: Call, heard: Instant, settle: float) -> Instant | None:
    """When this call is to be judged, now that it is told so at `heard` (our clock); None: nothing is due.

    A call that was judged already is judged again only if it turns out otherwise than it was judged.
    """
    if not call.ended:
        return None
    if before is None or not before.body.ended:
        return heard + settle
    if before.judged_at is None:  # nothing due: the sweeper had given it up, and now somebody tells its end
        return before.judge_at if before.judge_at is not None else heard + settle
    return heard + settle if told_otherwise(before.body, call) else before.judge_at


def told_otherwise(one: Call, other: Call) -> bool:
    """Whether the two differ in anything that a verdict goes by; recordings and exact times are no such thing."""
    return one is not other and _gist(one) != _gist(other)


def _gist(call: Call) -> tuple[object, ...]:
    return (
        call.direction,
        call.raw_number,
        call.answered,
        call.outcome,
        call.missed_reason,
        call.caller,
        [talk.party for talk in call.talked],
        [(transfer.kind, transfer.by, transfer.to, transfer.answered) for transfer in call.transfers],
    )


def _moment(record: CallRecord, judge_at: Instant) -> tuple[Instant, Instant, str]:
    """Calls that were told of together are judged in the order in which they ended."""
    return judge_at, record.body.ended_at or 0.0, record.key


class Agenda:
    """The calls of one batch that are to be judged, so that facts and deadlines take their turns as they happened."""

    def __init__(self, records: Iterable[CallRecord] = ()) -> None:
        self._moments = [_moment(record, record.judge_at) for record in records if record.judge_at is not None]
        heapq.heapify(self._moments)

    def add(self, record: CallRecord) -> None:
        """Remember when this call is due, if it is."""
        if record.judge_at is not None:
            heapq.heappush(self._moments, _moment(record, record.judge_at))

    def until(
        self, moment: Instant, records: Mapping[str, CallRecord], *, before: bool = False
    ) -> Iterator[CallRecord]:
        """The calls due until this moment (`before`: not at the moment itself), as they are in `records` by then."""
        while self._moments and (self._moments[0][0] < moment or (not before and self._moments[0][0] == moment)):
            at, _, key = heapq.heappop(self._moments)
            record = records.get(key)
            if record is not None and record.judge_at == at:  # else it was put off, or judged
                yield record
