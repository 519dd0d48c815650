"""The fold of pushed steps: any order, any number of times, is one and the same call."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.model.call import Direction, MissedReason, Outcome, RangResult, TransferKind, Utm
from bridge.model.events import CallAnswered, CallEnded, CallRecorded, CallRinging, CallSeen, CallTransferred
from bridge.rules.lifecycle import advance, fold_steps
from tests.builders import CLIENT, LINE, MORNING, RECORDING, answered, company

COMPANY = company()
ALL = (CallRinging, CallAnswered, CallTransferred, CallEnded, CallRecorded)


def step(step_kind, at, **fields):
    told = {
        "event_id": f"{step_kind.__name__}-{at}-{fields.get('employee')}", "source": "shop", "platform_call_id": "c-1",
        "occurred_at": MORNING + at, "received_at": MORNING + at, "client_number": CLIENT, "line_number": LINE,
        "direction": Direction.INBOUND,
    }  # fmt: skip
    return step_kind(**{**told, **fields})


def rings(at, employee=None, **fields):
    return step(CallRinging, at, employee=employee, **fields)


def picks_up(at, employee=None, **fields):
    return step(CallAnswered, at, employee=employee, **fields)


def hands_over(at, employee=None, to=None, **fields):
    return step(CallTransferred, at, employee=employee, to=to, **fields)


def ends(at, outcome=Outcome.ANSWERED, **fields):
    return step(CallEnded, at, outcome=outcome, **fields)


def recorded(at, url=RECORDING):
    return step(CallRecorded, at, recording_url=url)


def fold(*steps):
    return fold_steps(steps, COMPANY)


def talks(call):
    return [(talk.party, talk.since - MORNING, talk.until and talk.until - MORNING) for talk in call.talked]


def test_the_end_alone_tells_the_whole_story():
    call = fold(
        ends(190, employee="101", ring_seconds=6, talk_seconds=184, recording_url=RECORDING, client_name="Anna")
    )
    assert (call.started_at, call.answered_at, call.ended_at) == (MORNING, MORNING + 6, MORNING + 190)
    assert (call.ring_seconds, call.talk_seconds) == (6, 184)
    assert talks(call) == [("101", 6, 190)]
    assert call.outcome is Outcome.ANSWERED
    assert (call.recordings, call.client_name, call.key) == ((RECORDING,), "Anna", "shop/c-1")


def test_the_answer_is_counted_from_the_first_ring_when_no_talk_time_is_told():
    call = fold(rings(0), ends(60, employee="101", ring_seconds=8))
    assert (call.answered_at, call.talk_seconds) == (MORNING + 8, 52)


def test_a_missed_calls_end_alone_tells_when_it_began():
    call = fold(ends(30, Outcome.MISSED, ring_seconds=30))
    assert (call.started_at, call.ring_seconds, call.answered) == (MORNING, 30, False)
    assert (call.outcome, call.missed_reason) == (Outcome.MISSED, MissedReason.NO_ANSWER)


def test_an_end_that_tells_no_times_crashes_nothing():
    call = fold(ends(30))
    assert (call.started_at, call.answered_at, call.talk_seconds) == (MORNING + 30, MORNING + 30, 0)


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Outcome.MISSED, MissedReason.NO_ANSWER),
        (Outcome.BUSY, MissedReason.BUSY),
        (Outcome.FAILED, MissedReason.FAILED),
        (Outcome.VOICEMAIL, MissedReason.VOICEMAIL),
        (Outcome.CANCELLED, MissedReason.ABANDONED_RINGING),
    ],
)
def test_an_inbound_call_that_nobody_answered_is_missed_with_its_reason(outcome, reason):
    call = fold(rings(0, "101"), ends(30, outcome))
    assert (call.outcome, call.missed_reason) == (Outcome.MISSED, reason)


def test_a_caller_who_gives_up_in_a_queue_is_missed_in_the_queue():
    call = fold(ends(30, Outcome.CANCELLED, queue="sales"))
    assert (call.queue, call.missed_reason) == ("sales", MissedReason.ABANDONED_IN_QUEUE)


@pytest.mark.parametrize("outcome", [Outcome.BUSY, Outcome.FAILED, Outcome.CANCELLED, Outcome.MISSED])
def test_an_outbound_call_keeps_the_outcome_that_the_platform_tells(outcome):
    call = fold(ends(30, outcome, direction=Direction.OUTBOUND, employee="101"))
    assert (call.outcome, call.caller) == (outcome, "101")
    assert call.missed_reason == (MissedReason.NO_ANSWER if outcome is Outcome.MISSED else None)


def test_an_outbound_call_that_was_answered_lists_its_caller_as_who_talked():
    call = fold(ends(70, direction=Direction.OUTBOUND, employee="101", ring_seconds=10, talk_seconds=60))
    assert talks(call) == [("101", 10, 70)]
    assert call.rang == ()


def test_voicemail_keeps_its_recording_for_the_task():
    call = fold(ends(30, Outcome.VOICEMAIL, recording_url=RECORDING))
    assert (call.voicemail, call.answered) == (RECORDING, False)


def test_a_ring_group_is_one_call_whose_other_phones_were_answered_elsewhere():
    call = fold(rings(0), rings(1, "101"), rings(1, "102"), picks_up(6, "102"), ends(60, employee="102"))
    assert [(ring.party, ring.result) for ring in call.rang] == [
        ("101", RangResult.ELSEWHERE), ("102", RangResult.ANSWERED),
    ]  # fmt: skip
    assert call.ring_seconds == 6


def test_phones_that_rang_in_vain_did_not_answer():
    call = fold(rings(0, "101"), rings(0, "102"), ends(30, Outcome.MISSED))
    assert {(ring.result, ring.until) for ring in call.rang} == {(RangResult.NO_ANSWER, MORNING + 30)}


def test_a_live_call_shows_who_talks_now():
    call = fold(rings(0, "101"), picks_up(6, "101"))
    assert (call.answered, call.ended, call.outcome) == (True, False, None)
    assert talks(call) == [("101", 6, None)]


def test_a_transfer_that_was_taken_credits_both():
    call = fold(
        picks_up(6, "101"), hands_over(60, "101", "102", kind=TransferKind.ATTENDED), picks_up(62, "102"),
        ends(120, employee="102"),
    )  # fmt: skip
    assert talks(call) == [("101", 6, 60), ("102", 62, 120)]
    assert [(one.by, one.to, one.kind, one.answered) for one in call.transfers] == [
        ("101", "102", TransferKind.ATTENDED, True),
    ]  # fmt: skip


def test_a_colleague_who_was_asked_before_the_transfer_is_credited_from_his_pick_up():
    call = fold(picks_up(6, "101"), picks_up(50, "102"), hands_over(60, "101", "102"), ends(120))
    assert talks(call) == [("101", 6, 60), ("102", 50, 120)]


def test_a_transfer_that_nobody_took_after_a_talk_leaves_an_answered_call():
    call = fold(picks_up(6, "101"), hands_over(60, "101", "102"), ends(90, Outcome.MISSED))
    assert (call.outcome, call.missed_reason) == (Outcome.ANSWERED, None)
    assert [one.answered for one in call.transfers] == [False]
    assert call.last_talker == "101"


def test_a_transfer_is_open_while_nobody_knows_whether_it_was_taken():
    assert [one.answered for one in fold(picks_up(6, "101"), hands_over(60, "101", "102")).transfers] == [None]


def test_the_end_tells_who_took_the_transfer_when_no_step_did():
    call = fold(picks_up(6, "101"), hands_over(60, "101", "102"), ends(120, employee="102"))
    assert talks(call) == [("101", 6, 60), ("102", 60, 120)]


def test_a_transfer_that_names_one_employee_only_means_who_got_the_call():
    call = fold(picks_up(6, "101"), hands_over(60, "102"), ends(120))
    assert talks(call) == [("101", 6, 60), ("102", 60, 120)]
    assert [(one.by, one.to, one.answered) for one in call.transfers] == [("101", "102", True)]


def test_a_transfer_that_is_told_under_two_ids_is_one_transfer():
    told = (picks_up(6, "101"), hands_over(60, "101", "102"), hands_over(60, "101", "102", event_id="told-again"))
    assert [(one.by, one.to) for one in fold(*told, ends(120)).transfers] == [("101", "102")]


def test_who_was_consulted_before_the_transfer_has_taken_it():
    call = fold(picks_up(6, "101"), hands_over(60, "101", "102", kind=TransferKind.ATTENDED), ends(120))
    assert talks(call) == [("101", 6, 60), ("102", 60, 120)]
    assert [one.answered for one in call.transfers] == [True]


def test_who_was_to_get_the_call_unasked_has_not_taken_it_while_nobody_says_so():
    call = fold(picks_up(6, "101"), hands_over(60, "101", "102"), ends(120))
    assert talks(call) == [("101", 6, 60)]


def test_a_call_with_a_colleagues_extension_as_its_other_side_is_internal():
    assert fold(rings(0, direction=None, client_number="102")).direction is Direction.INTERNAL
    assert fold(rings(0, direction=None, client_number="555")).direction is Direction.INBOUND


def test_a_transfer_without_a_target_went_to_whoever_picked_up_next():
    call = fold(picks_up(6, "101"), hands_over(60, "101"), picks_up(70, "102"), ends(120, employee="102"))
    assert [(one.by, one.to, one.answered) for one in call.transfers] == [("101", "102", True)]
    assert talks(call) == [("101", 6, 60), ("102", 70, 120)]


def test_whoever_took_a_transfer_without_a_target_is_credited_from_the_transfer_on():
    call = fold(picks_up(6, "101"), hands_over(60, "101"), ends(120, employee="102"))
    assert talks(call) == [("101", 6, 60), ("102", 60, 120)]


def test_the_end_of_a_phone_that_rang_in_vain_undoes_no_answer():
    for order in ((60, 61), (60, 59)):
        answer, vain = order
        call = fold(
            ends(answer, employee="102", talk_seconds=50),
            ends(vain, event_id="leg-101", outcome=Outcome.MISSED, employee="101", talk_seconds=None),
        )
        assert (call.outcome, call.last_talker) == (Outcome.ANSWERED, "102")


def test_nobody_is_credited_by_an_end_that_says_that_nobody_answered():
    call = fold(picks_up(6, "101"), hands_over(60, "101", "102"), ends(90, outcome=Outcome.MISSED, employee="102"))
    assert talks(call) == [("101", 6, 60)]
    assert [one.answered for one in call.transfers] == [False]


def test_an_answer_stamped_after_the_end_by_another_clock_is_reckoned_from_how_long_they_talked():
    call = fold(picks_up(200, "101"), ends(150, employee="101", talk_seconds=40, ring_seconds=None))
    assert (call.talk_seconds, talks(call)) == (40, [("101", 110, 150)])


def test_a_transfer_that_names_the_one_who_talks_only_means_that_he_handed_it_over():
    call = fold(picks_up(6, "101"), hands_over(60, "101"), ends(120, employee="102"))
    assert [(one.by, one.to, one.answered) for one in call.transfers] == [("101", "102", True)]
    assert call.last_talker == "102"


def test_a_transfer_tells_who_talked_first_when_nobody_saw_the_pick_up():
    call = fold(hands_over(60, "101", "102"), ends(120, employee="102", talk_seconds=110))
    assert talks(call) == [("101", 10, 60), ("102", 60, 120)]


def test_somebody_else_at_the_end_without_a_transfer_talked_last():
    call = fold(picks_up(6, "101"), ends(120, employee="102"))
    assert (call.first_talker, call.last_talker) == ("101", "102")


def test_recordings_come_before_and_after_the_end_and_count_once():
    call = fold(
        recorded(1, "https://pbx.example/a"),
        ends(60, recording_url="https://pbx.example/b"),
        recorded(70, "https://pbx.example/b"),
    )
    assert call.recordings == ("https://pbx.example/a", "https://pbx.example/b")


def test_a_step_that_comes_twice_counts_once():
    assert fold(rings(0, "101"), rings(0, "101"), ends(30)).revision == 2


def test_the_last_of_several_ends_counts():
    corrected = ends(31, Outcome.BUSY, event_id="later")
    assert fold(ends(30, Outcome.MISSED), corrected).missed_reason is MissedReason.BUSY


def test_a_call_whose_direction_nobody_told_came_in():
    assert fold(ends(30, direction=None)).direction is Direction.INBOUND


def test_a_call_from_one_of_our_own_numbers_is_internal_when_nobody_told_its_direction():
    for own in (LINE, "+447700900801", "07700 900801"):
        assert fold(ends(30, direction=None, client_number=own)).direction is Direction.INTERNAL


def test_what_one_step_leaves_out_another_tells():
    call = fold(
        rings(0, client_name="Anna", utm=Utm(source="google"), queue="sales"),
        ends(30, Outcome.MISSED, client_number=None, line_number=None),
    )
    assert (call.client_name, call.utm.source, call.queue) == ("Anna", "google", "sales")
    assert (call.raw_number, call.raw_line) == (CLIENT, LINE)


def test_no_step_is_no_call():
    with pytest.raises(ValueError, match="at least one step"):
        fold()


def test_a_pushed_step_joins_those_before_it():
    first = rings(0, "101")
    call = advance(fold(first), ends(30, Outcome.MISSED), steps=[first], company=COMPANY)
    assert (call.revision, call.ended) == (2, True)


def test_a_whole_call_replaces_an_older_one_and_never_a_newer_one():
    older, newer = replace(answered("101"), revision=1), replace(answered("102"), revision=2)

    def seen(call):
        return CallSeen(event_id="e", source="pbx", occurred_at=0, received_at=0, call=call)

    assert advance(None, seen(older), steps=[], company=COMPANY) is older
    assert advance(older, seen(newer), steps=[], company=COMPANY) is newer
    assert advance(newer, seen(older), steps=[], company=COMPANY) is newer


PARTIES = st.sampled_from(["101", "102", "555", None])
STEPS = st.lists(
    st.builds(
        lambda kind, at, employee, to, outcome, seconds: step(
            kind,
            at,
            employee=employee,
            **({"to": to} if kind is CallTransferred else {}),
            **({"outcome": outcome, "ring_seconds": seconds, "talk_seconds": seconds} if kind is CallEnded else {}),
            **({"recording_url": f"https://pbx.example/{at}"} if kind is CallRecorded else {}),
        ),
        st.sampled_from(ALL),
        st.integers(0, 20),
        PARTIES,
        PARTIES,
        st.sampled_from(Outcome),
        st.none() | st.integers(0, 30),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda one: one.event_id,
)


@settings(max_examples=150, deadline=None)
@given(STEPS, st.randoms(use_true_random=False))
def test_any_order_and_any_repetition_give_the_same_call(steps, chance):
    again = [*steps, chance.choice(steps)]
    chance.shuffle(again)
    assert fold_steps(again, COMPANY) == fold_steps(steps, COMPANY)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_whatever_comes_the_times_of_a_call_are_in_order(steps):
    call = fold_steps(steps, COMPANY)
    assert call.talk_seconds >= 0 or call.answered_at is not None
    assert call.answered_at is None or call.answered_at >= call.started_at
    assert call.ended == any(isinstance(one, CallEnded) for one in steps)
    assert (call.outcome is None) == (not call.ended)
