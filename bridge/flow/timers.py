"""When calls are judged: `policy.settle` seconds after we learned that they had ended. Each such moment is a column of
the call's row (`judge_at`), so it survives a restart and is gone when the call has been judged.
"""  # noqa: D205

import heapq
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate

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


Turn = tuple[Instant, Instant, str]
"""When it is whose turn. At one moment the calls come first that are due, in the order in which they ended, and then
the facts that are heard: a call that has been judged at that moment cannot wait for a fact that comes in afterwards.
"""
FOR_EVER = float("inf")


def turn_of(judge_at: Instant, ended_at: Instant | None, id_: str) -> Turn:
    """The turn of the call with this id; `bridge.store.calls` reads them in the same order."""
    return judge_at, ended_at or 0.0, id_


def turn_of_call(record: CallRecord) -> Turn | None:
    """The turn of this call, None: it is not due."""
    return None if record.judge_at is None else turn_of(record.judge_at, record.body.ended_at, record.id)


def turn_of_facts(heard: Instant) -> Turn:
    """The turn of the facts that are heard at this moment, in the order of the journal."""
    return heard, FOR_EVER, ""


def turns_of_facts(heard: Iterable[Instant]) -> Iterator[Turn]:
    """The turns of facts in the order of the journal: a clock that is behind brings none before earlier ones."""
    return map(turn_of_facts, accumulate(heard, max))


class Agenda:
    """The calls of one batch that are to be judged, so that facts and deadlines take their turns as they happened."""

    def __init__(self, records: Iterable[CallRecord] = ()) -> None:
        self._turns: list[tuple[Turn, str]] = []
        for record in records:
            self.add(record)

    def add(self, record: CallRecord) -> None:
        """Remember when this call is due, if it is."""
        turn = turn_of_call(record)
        if turn is not None:
            heapq.heappush(self._turns, (turn, record.key))

    def until(self, turn: Turn, records: Mapping[str, CallRecord]) -> Iterator[CallRecord]:
        """The calls whose turn has come by then, as they are in `records` when it is theirs."""
        while self._turns and self._turns[0][0] <= turn:
            due, key = heapq.heappop(self._turns)
            record = records.get(key)
            if record is not None and turn_of_call(record) == due:  # else it was put off, or judged
                yield record
