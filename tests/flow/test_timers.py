from dataclasses import replace

import pytest

from bridge.flow.timers import Agenda, judge_at, told_otherwise, turn_of, turn_of_facts
from bridge.model.call import MissedReason, Talk
from bridge.store.calls import CallRecord
from tests.flow.builders import pbx_call
from tests.flow.hand_clock import NOON

SETTLE = 3.0
LIVE = pbx_call()
OVER = pbx_call(ended_at=NOON + 20, revision=2)


def record(call=LIVE, **told) -> CallRecord:
    return CallRecord(id=call.key, lane="+447700900111", body=call, **told)


def test_a_live_call_is_never_due():
    assert judge_at(None, LIVE, NOON, SETTLE) is None
    assert judge_at(record(OVER, judge_at=NOON + 23), replace(LIVE, revision=3), NOON, SETTLE) is None


def test_an_ended_call_is_due_when_it_has_settled_since_we_heard_of_its_end():
    assert judge_at(record(), OVER, NOON + 500, SETTLE) == NOON + 503


def test_what_comes_while_it_settles_does_not_put_it_off():
    before = record(OVER, judge_at=NOON + 23)
    assert judge_at(before, replace(OVER, revision=3, recordings=("a",)), NOON + 22, SETTLE) == NOON + 23


def test_a_judged_call_is_due_again_only_if_it_went_otherwise():
    judged = record(OVER, judged_at=NOON + 23)
    assert judge_at(judged, replace(OVER, recordings=("a",), revision=3), NOON + 60, SETTLE) is None
    other = replace(OVER, missed_reason=MissedReason.BUSY, revision=3)
    assert judge_at(judged, other, NOON + 60, SETTLE) == NOON + 63


def test_a_call_that_was_given_up_is_due_when_its_end_is_told_after_all():
    assert judge_at(record(OVER), replace(OVER, ended_at=NOON + 40), NOON + 60, SETTLE) == NOON + 63


@pytest.mark.parametrize(
    ("change", "otherwise"),
    [
        ({"recordings": ("a",)}, False),
        ({"ended_at": NOON + 21}, False),
        ({"client_name": "Anna"}, False),
        ({"talked": (Talk(party="101", since=NOON),)}, True),
        ({"answered_at": NOON}, True),
        ({"raw_number": None}, True),
    ],
)
def test_only_what_verdicts_go_by_makes_a_call_another_one(change, otherwise):
    assert told_otherwise(OVER, replace(OVER, **change)) is otherwise


def test_calls_come_up_in_the_order_in_which_they_are_due_and_not_after_they_were_put_off():
    calls = {name: record(pbx_call(name), judge_at=at) for name, at in (("a", 3.0), ("b", 1.0), ("c", 2.0), ("d", 4.0))}
    records = {call.key: call for call in calls.values()}
    agenda = Agenda(calls.values())
    records["pbx/c"] = replace(calls["c"], judge_at=9.0)
    agenda.add(records["pbx/c"])
    assert [call.key for call in agenda.until(turn_of_facts(2.0), records)] == ["pbx/b"]
    assert [call.key for call in agenda.until(turn_of_facts(3.0), records)] == ["pbx/a"]
    assert [call.key for call in agenda.until(turn_of_facts(9.0), records)] == ["pbx/d", "pbx/c"]


def test_calls_that_are_due_at_one_moment_come_up_as_they_ended_and_before_the_facts_of_that_moment():
    calls = [record(pbx_call(name, ended_at=NOON - at), judge_at=NOON) for name, at in (("a", 1), ("b", 2), ("c", 3))]
    records = {call.key: call for call in calls}
    agenda = Agenda(calls)
    assert [call.key for call in agenda.until(turn_of(NOON, NOON - 2, "pbx/b"), records)] == ["pbx/c", "pbx/b"]
    assert [call.key for call in agenda.until(turn_of_facts(NOON), records)] == ["pbx/a"]
