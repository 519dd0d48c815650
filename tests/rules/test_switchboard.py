"""The traps of a PBX: what its channels do, and the one call that it is."""

import pytest

from bridge.model.call import Call, Direction, HungUpBy, MissedReason, Outcome, RangResult, TransferKind
from bridge.model.channels import (
    BridgeEntered,
    ChannelKind,
    ChannelState,
    DialEnded,
    DialStatus,
    LineTold,
    NobodyThere,
    PickedUp,
    Place,
    PlaceReached,
    QueueJoined,
    QueueLeft,
    StateChanged,
    VoicemailEnded,
    VoicemailNamed,
)
from tests.pbx import CLIENT, LINE, STEP, Pbx


def parties(call: Call) -> list[str]:
    return [talk.party for talk in call.talked]


def results(call: Call) -> dict[str, RangResult | None]:
    return {rang.party: rang.result for rang in call.rang}


def transfers(call: Call) -> list[tuple[TransferKind, str | None, str | None, bool | None]]:
    return [(transfer.kind, transfer.by, transfer.to, transfer.answered) for transfer in call.transfers]


def answered_call(pbx: Pbx, endpoint: str = "101") -> tuple[str, str]:
    client = pbx.call_comes_in()
    phone = pbx.rings(endpoint, by=client)
    pbx.answers(phone, client)
    return client, phone


# ---- telling


def test_a_call_is_told_when_it_rings_when_it_is_picked_up_and_when_it_is_over():
    pbx = Pbx()
    client, phone = answered_call(pbx)
    pbx.hangs_up(client, phone)
    assert [seen.call.revision for seen in pbx.told] == [1, 2, 3]
    ringing, talking, over = (seen.call for seen in pbx.told)
    assert (ringing.answered, ringing.ended, results(ringing)) == (False, False, {"101": None})
    assert (talking.answered, talking.ended, parties(talking)) == (True, False, ["101"])
    assert (over.outcome, over.hung_up_by, over.raw_number, over.raw_line) == (
        Outcome.ANSWERED,
        HungUpBy.CLIENT,
        CLIENT,
        LINE,
    )


def test_a_call_that_rings_nobody_is_told_at_the_next_tick():
    pbx = Pbx()
    pbx.call_comes_in()
    assert pbx.told == []
    pbx.waits(1)
    assert pbx.call.direction is Direction.INBOUND


def test_the_second_phone_of_a_ring_group_can_wait_for_the_next_tick():
    pbx = Pbx()
    client = pbx.call_comes_in()
    pbx.rings("101", by=client)
    pbx.rings("102", by=client)
    assert list(results(pbx.call)) == ["101"]
    pbx.waits(1)
    assert list(results(pbx.call)) == ["101", "102"]


def test_the_key_of_a_call_is_its_first_channels_id_whatever_that_looks_like():
    pbx = Pbx()
    client = pbx.call_comes_in(channel="pbx1-crm-1795314251-a")
    pbx.hangs_up(client)
    assert pbx.call.key == "pbx/pbx1-crm-1795314251-a"
    assert pbx.told[0].event_id == "pbx/pbx1-crm-1795314251-a#1"


def test_a_number_that_is_not_told_is_none_and_anonymous_is_kept():
    pbx = Pbx()
    pbx.hangs_up(pbx.call_comes_in(number=None))
    pbx.hangs_up(pbx.call_comes_in(number="anonymous"))
    assert [call.raw_number for call in pbx.calls] == [None, "anonymous"]


@pytest.mark.parametrize("pattern", ["trunk", "tr*", "PJSIP/trunk", "PJSIP/*unk", "*"])
def test_trunks_are_named_by_patterns_with_or_without_technology(pattern: str):
    pbx = Pbx(trunks=[pattern])
    pbx.hangs_up(pbx.call_comes_in())
    assert pbx.call.direction is Direction.INBOUND


def test_an_endpoint_that_no_pattern_names_is_a_phone_of_ours():
    pbx = Pbx(trunks=["provider-*", "SIP/trunk"])
    pbx.hangs_up(pbx.call_comes_in())
    assert pbx.call.direction is Direction.INTERNAL


def test_the_callers_number_may_come_late_but_is_not_rewritten():
    pbx = Pbx()
    client = pbx.call_comes_in(number=None)
    pbx.learns(client, CLIENT, "Anna")
    pbx.learns(client, "999", "Sales: Anna")
    pbx.waits(1)
    assert (pbx.call.raw_number, pbx.call.client_name) == (CLIENT, "Anna")


def test_an_analogue_line_tells_its_number_by_a_variable():
    pbx = Pbx()
    client = pbx.call_comes_in(did="s")
    pbx.says(LineTold(at=pbx.now, channel=client, line=LINE))
    pbx.says(LineTold(at=pbx.now, channel=client, line="999"))
    assert pbx.call.raw_line == LINE


# ---- who answered


def test_a_phone_that_is_up_but_not_joined_with_the_caller_has_not_answered():
    """app_followme: the mobile is up two seconds before it accepts the call."""
    pbx = Pbx()
    client = pbx.call_comes_in()
    pbx.up(client)
    one, two = pbx.local_pair("104@followme", by=client)
    pbx.dials(client, one)
    mobile = pbx.rings("trunk", by=two, number="07700900556")
    pbx.up(mobile)
    pbx.joins(mobile, two)
    assert not pbx.call.answered
    picked_up_at = pbx.now
    pbx.joins(one, client)
    assert parties(pbx.call) == ["07700900556"]
    assert pbx.call.talked[0].since < picked_up_at


def test_a_mailbox_behind_a_local_member_is_not_a_person():
    pbx = Pbx()
    client = pbx.call_comes_in()
    one, two = pbx.local_pair("104@vm", by=client)
    pbx.dials(client, one)
    phone = pbx.rings("104", by=two)
    pbx.stops_ringing(phone, DialStatus.NO_ANSWER)
    pbx.up(two)
    pbx.answers(one, client)
    pbx.says(VoicemailNamed(at=pbx.now, channel=two, file="default/104/INBOX/msg0000"))
    pbx.says(VoicemailEnded(at=pbx.now, channel=two, left=True))
    pbx.hangs_up(client, one, two)
    assert (pbx.call.outcome, pbx.call.missed_reason) == (Outcome.MISSED, MissedReason.VOICEMAIL)
    assert pbx.call.voicemail == "default/104/INBOX/msg0000"


def test_music_on_hold_and_announcers_are_nobody():
    pbx = Pbx()
    client = pbx.call_comes_in()
    pbx.up(client)
    announcer = pbx.born("800", kind=ChannelKind.MACHINE, technology="CBAnn", state=ChannelState.UP)
    pbx.joins(client, announcer)
    phone = pbx.phone_dials("101", "700")
    pbx.up(phone)
    pbx.joins(client, phone, holding=True)
    pbx.waits(1)
    assert not pbx.call.answered


def test_the_client_is_credited_with_nobody_twice_when_a_local_pair_is_optimised_away():
    pbx = Pbx()
    client = pbx.call_comes_in()
    one, two = pbx.local_pair("101@from-queue", by=client)
    pbx.dials(client, one)
    phone = pbx.rings("101", by=two)
    pbx.up(phone)
    pbx.joins(phone, two)
    bridge = pbx.joins(one, client)
    pbx.leaves(phone)
    pbx.leaves(one)
    pbx.joins(phone, bridge=bridge)
    pbx.gone(one)
    pbx.gone(two)
    pbx.waits(7)
    pbx.hangs_up(client, phone)
    (talk,) = pbx.call.talked
    assert talk.until is not None
    assert talk.until - talk.since > 7


def test_two_phones_that_answer_at_the_same_moment_are_one_call_with_one_talker():
    pbx = Pbx()
    client = pbx.call_comes_in()
    one, two = pbx.rings("101", by=client), pbx.rings("102", by=client)
    pbx.up(one)
    pbx.up(two)
    pbx.answers(two, client)
    pbx.stops_ringing(one, DialStatus.CANCEL, cause=26)
    pbx.hangs_up(client, two)
    assert parties(pbx.call) == ["102"]
    assert results(pbx.call) == {"101": RangResult.ELSEWHERE, "102": RangResult.ANSWERED}


def test_a_hang_up_cause_of_answered_elsewhere_on_the_caller_says_nothing():
    pbx = Pbx()
    client, phone = answered_call(pbx)
    pbx.gone(client, 26)
    pbx.gone(phone, 26)
    assert pbx.call.outcome is Outcome.ANSWERED


def test_who_picks_up_for_a_colleague_answered():
    pbx = Pbx()
    client = pbx.call_comes_in()
    rung = pbx.rings("101", by=client)
    picker = pbx.phone_dials("103", "*8")
    pbx.up(picker)
    pbx.says(PickedUp(at=pbx.now, channel=picker, target=rung))
    pbx.says(DialEnded(at=pbx.now, channel=picker, status=DialStatus.ANSWER))
    pbx.gone(rung, 16)
    pbx.up(client)
    pbx.joins(picker, client)
    pbx.hangs_up(client, picker)
    assert parties(pbx.call) == ["103"]
    assert results(pbx.call) == {"101": RangResult.ELSEWHERE}
    assert pbx.call.merged == (f"pbx/{picker}",)


# ---- who did not


@pytest.mark.parametrize(
    ("status", "cause", "result", "reason"),
    [
        (DialStatus.NO_ANSWER, 0, RangResult.NO_ANSWER, MissedReason.NO_ANSWER),
        (DialStatus.BUSY, 17, RangResult.BUSY, MissedReason.BUSY),
        (DialStatus.NO_ANSWER, 21, RangResult.REJECTED, MissedReason.REJECTED),
        (DialStatus.REFUSED, 21, RangResult.REJECTED, MissedReason.REJECTED),
        (DialStatus.NO_ANSWER, 20, RangResult.UNAVAILABLE, MissedReason.UNAVAILABLE),
        (DialStatus.UNAVAILABLE, 20, RangResult.UNAVAILABLE, MissedReason.UNAVAILABLE),
        (DialStatus.CONGESTION, 34, RangResult.FAILED, MissedReason.FAILED),
    ],
)
def test_why_a_call_was_missed_is_what_the_phone_said(
    status: DialStatus, cause: int, result: RangResult, reason: MissedReason
):
    pbx = Pbx()
    client = pbx.call_comes_in()
    phone = pbx.rings("101", by=client)
    pbx.asks_to_end(phone)
    pbx.stops_ringing(phone, status, cause)
    pbx.gone(client, 19)
    assert results(pbx.call) == {"101": result}
    assert (pbx.call.outcome, pbx.call.missed_reason, pbx.call.hung_up_by) == (
        Outcome.MISSED,
        reason,
        HungUpBy.SYSTEM,
    )


def test_do_not_disturb_is_a_refusal_before_it_rings():
    pbx = Pbx()
    client = pbx.call_comes_in()
    phone = pbx.born("101", by=client)
    pbx.dials(client, phone)
    pbx.board._registry.channels[phone].rang = False
    pbx.asks_to_end(phone)
    pbx.stops_ringing(phone, DialStatus.NO_ANSWER, cause=19)
    pbx.gone(client, 19)
    assert pbx.call.missed_reason is MissedReason.UNAVAILABLE


def test_one_phone_that_just_rang_outweighs_one_that_was_busy():
    pbx = Pbx()
    client = pbx.call_comes_in()
    busy, quiet = pbx.rings("101", by=client), pbx.rings("102", by=client)
    pbx.stops_ringing(busy, DialStatus.BUSY, 17)
    pbx.stops_ringing(quiet, DialStatus.NO_ANSWER)
    pbx.gone(client, 19)
    assert pbx.call.missed_reason is MissedReason.NO_ANSWER


def test_a_phone_that_is_not_there_leaves_no_attempt():
    pbx = Pbx()
    client = pbx.call_comes_in()
    pbx.says(NobodyThere(at=pbx.now, channel=client))
    pbx.gone(client, 16)
    assert (pbx.call.rang, pbx.call.missed_reason) == ((), MissedReason.UNAVAILABLE)


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (1, MissedReason.FAILED),
        (17, MissedReason.BUSY),
        (21, MissedReason.REJECTED),
        (20, MissedReason.UNAVAILABLE),
        (19, MissedReason.NO_ANSWER),
        (34, MissedReason.FAILED),
        (16, MissedReason.OUT_OF_HOURS),
        (0, MissedReason.OUT_OF_HOURS),
        (31, MissedReason.OUT_OF_HOURS),
    ],
)
def test_a_call_that_the_pbx_turns_away_says_why_by_its_cause(cause: int, reason: MissedReason):
    pbx = Pbx()
    pbx.gone(pbx.call_comes_in(), cause)
    assert pbx.call.missed_reason is reason


def test_who_hangs_up_while_it_rings_abandoned_it_ringing():
    pbx = Pbx()
    client = pbx.call_comes_in()
    phone = pbx.rings("101", by=client)
    pbx.asks_to_end(client)
    pbx.stops_ringing(phone, DialStatus.CANCEL, cause=127)
    pbx.gone(client, 127)
    assert pbx.call.missed_reason is MissedReason.ABANDONED_RINGING
    assert results(pbx.call) == {"101": RangResult.CANCELLED}


def test_who_hangs_up_in_a_queue_abandoned_it_there_even_while_a_phone_rings():
    pbx = Pbx()
    client = pbx.call_comes_in()
    pbx.up(client)
    pbx.says(QueueJoined(at=pbx.now, channel=client, queue="sales"))
    phone = pbx.rings("101", by=client)
    pbx.asks_to_end(client)
    pbx.says(QueueLeft(at=pbx.now, channel=client))
    pbx.stops_ringing(phone, DialStatus.CANCEL)
    pbx.gone(client)
    assert (pbx.call.queue, pbx.call.missed_reason) == ("sales", MissedReason.ABANDONED_IN_QUEUE)


def test_a_queue_goes_on_to_the_next_member_with_two_words_about_the_first():
    pbx = Pbx()
    client = pbx.call_comes_in()
    pbx.says(QueueJoined(at=pbx.now, channel=client, queue="sales"))
    phone = pbx.rings("101", by=client)
    pbx.says(DialEnded(at=pbx.now, channel=phone, status=DialStatus.NO_ANSWER))
    pbx.stops_ringing(phone, DialStatus.CANCEL)
    other = pbx.rings("102", by=client)
    pbx.says(QueueLeft(at=pbx.now, channel=client))
    pbx.answers(other, client)
    assert results(pbx.call) == {"101": RangResult.NO_ANSWER, "102": RangResult.ANSWERED}


def test_after_the_ringing_the_caller_hung_up_in_the_mailboxs_greeting():
    pbx = Pbx()
    client = pbx.call_comes_in()
    phone = pbx.rings("101", by=client)
    pbx.stops_ringing(phone, DialStatus.NO_ANSWER)
    pbx.up(client)
    pbx.says(PlaceReached(at=pbx.now, channel=client, place=Place.MAILBOX))
    pbx.asks_to_end(client)
    pbx.says(VoicemailEnded(at=pbx.now, channel=client, left=False))
    pbx.gone(client)
    assert pbx.call.missed_reason is MissedReason.NO_ANSWER
    assert pbx.call.voicemail is None


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        (Place.MENU, MissedReason.ABANDONED_IN_MENU),
        (Place.ANNOUNCEMENT, MissedReason.OUT_OF_HOURS),
        (Place.MAILBOX, MissedReason.NO_ANSWER),
        (None, MissedReason.ABANDONED_IN_MENU),
    ],
)
def test_who_hangs_up_before_a_machine(place: Place | None, reason: MissedReason):
    pbx = Pbx()
    client = pbx.call_comes_in()
    pbx.up(client)
    if place is not None:
        pbx.says(PlaceReached(at=pbx.now, channel=client, place=place))
    pbx.hangs_up(client)
    assert pbx.call.missed_reason is reason
    assert pbx.call.menu == (place is Place.MENU)


def test_a_queue_without_agents_is_not_answered():
    pbx = Pbx()
    client = pbx.call_comes_in()
    pbx.up(client)
    pbx.says(PlaceReached(at=pbx.now, channel=client, place=Place.QUEUE, name="empty"))
    pbx.says(NobodyThere(at=pbx.now, channel=client, in_queue=True))
    pbx.hangs_up(client)
    assert (pbx.call.queue, pbx.call.missed_reason) == ("empty", MissedReason.NO_ANSWER)


def test_who_waits_alone_in_a_conference_waits_for_a_person():
    pbx = Pbx()
    client = pbx.call_comes_in()
    pbx.up(client)
    pbx.joins(client)
    pbx.hangs_up(client)
    assert pbx.call.missed_reason is MissedReason.ABANDONED_RINGING


# ---- forwarding


def test_a_mobile_behind_the_outbound_route_is_a_person_and_no_outbound_call():
    pbx = Pbx()
    client = pbx.call_comes_in()
    desk = pbx.rings("101", by=client)
    pbx.stops_ringing(desk, DialStatus.CANCEL, cause=23, forwarded=True)
    one, two = pbx.local_pair("07700900555@from-internal", by=client)
    pbx.dials(client, one)
    mobile = pbx.rings("trunk", by=two, number="07700900555", shown=LINE)
    pbx.up(mobile)
    pbx.joins(mobile, two)
    pbx.answers(one, client)
    pbx.hangs_up(mobile, two, one, client)
    assert pbx.call.direction is Direction.INBOUND
    assert (parties(pbx.call), pbx.call.hung_up_by) == (["07700900555"], HungUpBy.EMPLOYEE)
    assert results(pbx.call) == {"101": RangResult.FORWARDED, "07700900555": RangResult.ANSWERED}


def test_an_internal_call_that_rings_a_colleagues_mobile_stays_inside():
    pbx = Pbx()
    caller = pbx.phone_dials("101", "104")
    desk = pbx.rings("104", by=caller)
    mobile = pbx.rings("trunk", by=caller, number="07700900555")
    pbx.answers(mobile, caller)
    pbx.stops_ringing(desk, DialStatus.CANCEL, cause=26)
    pbx.hangs_up(caller, mobile)
    assert (pbx.call.direction, parties(pbx.call)) == (Direction.INTERNAL, ["07700900555"])


# ---- handing on


def test_a_blind_transfer_is_answered_by_the_next_who_talks():
    pbx = Pbx()
    client, phone = answered_call(pbx)
    pbx.blind(phone, client, "102")
    pbx.leaves(client)
    pbx.gone(phone)
    assert transfers(pbx.call) == [(TransferKind.BLIND, "101", "102", None)]
    other = pbx.rings("102", by=client)
    pbx.answers(other, client)
    pbx.hangs_up(client, other)
    assert transfers(pbx.call) == [(TransferKind.BLIND, "101", "102", True)]
    assert parties(pbx.call) == ["101", "102"]


def test_a_transfer_that_nobody_answers_is_no_missed_call():
    pbx = Pbx()
    client, phone = answered_call(pbx)
    pbx.blind(phone, client, "102")
    pbx.leaves(client)
    pbx.gone(phone)
    other = pbx.rings("102", by=client)
    pbx.stops_ringing(other, DialStatus.NO_ANSWER)
    pbx.gone(client, 19)
    assert (pbx.call.outcome, pbx.call.hung_up_by) == (Outcome.ANSWERED, HungUpBy.SYSTEM)
    assert transfers(pbx.call) == [(TransferKind.BLIND, "101", "102", False)]


def test_a_transfer_that_comes_back_to_the_transferer_was_not_answered():
    pbx = Pbx()
    client, phone = answered_call(pbx)
    pbx.blind(phone, client, "102")
    pbx.leaves(client)
    pbx.gone(phone)
    pbx.stops_ringing(pbx.rings("102", by=client), DialStatus.NO_ANSWER)
    back = pbx.rings("101", by=client)
    pbx.answers(back, client)
    pbx.hangs_up(client, back)
    assert transfers(pbx.call) == [(TransferKind.BLIND, "101", "102", False)]
    assert parties(pbx.call) == ["101"]


def consult(pbx: Pbx, phone: str) -> tuple[str, str]:
    pbx.holds(phone)
    second = pbx.phone_dials("101", "102")
    colleague = pbx.rings("102", by=second)
    pbx.answers(colleague, second)
    return second, colleague


def test_a_consultation_is_part_of_the_clients_call_once_they_are_joined():
    pbx = Pbx()
    client, phone = answered_call(pbx)
    picked_up_at = pbx.now + 0.9
    second, colleague = consult(pbx, phone)
    pbx.waits(30)
    pbx.leaves(second)
    pbx.joins(client, bridge=pbx._bridge_of[colleague])
    pbx.attended(phone, second, colleague)
    pbx.gone(second)
    pbx.gone(phone)
    pbx.hangs_up(client, colleague)
    assert pbx.call.merged == (f"pbx/{second}",)
    assert transfers(pbx.call) == [(TransferKind.ATTENDED, "101", "102", True)]
    assert parties(pbx.call) == ["101", "102"]
    assert pbx.call.talked[1].since < picked_up_at + 1


def test_a_consultation_that_is_taken_back_is_an_unanswered_transfer_and_a_call_inside():
    pbx = Pbx()
    client, phone = answered_call(pbx)
    second, colleague = consult(pbx, phone)
    pbx.hangs_up(second, colleague)
    pbx.holds(phone, held=False)
    pbx.hangs_up(client, phone)
    main, inside = sorted(pbx.calls, key=lambda call: call.direction)
    assert transfers(main) == [(TransferKind.ATTENDED, "101", "102", False)]
    assert (parties(main), main.last_talker) == (["101"], "101")
    assert (inside.direction, parties(inside)) == (Direction.INTERNAL, ["102"])


def test_a_call_to_another_client_while_one_is_on_hold_is_a_call_of_its_own():
    pbx = Pbx()
    client, phone = answered_call(pbx)
    pbx.holds(phone)
    second = pbx.phone_dials("101", "07700900200")
    outside = pbx.rings("trunk", by=second, number="07700900200")
    assert len(pbx.calls) == 1  # it may still be a consultation
    pbx.answers(outside, second)
    pbx.hangs_up(second, outside)
    pbx.hangs_up(client, phone)
    inbound, outbound = sorted(pbx.calls, key=lambda call: call.direction)
    assert (inbound.direction, inbound.transfers) == (Direction.INBOUND, ())
    assert (outbound.direction, outbound.raw_number, outbound.outcome) == (
        Direction.OUTBOUND,
        "07700900200",
        Outcome.ANSWERED,
    )


def test_a_colleague_outside_whom_the_agent_rang_talks_with_the_client_after_the_transfer():
    pbx = Pbx()
    client, phone = answered_call(pbx)
    pbx.holds(phone)
    second = pbx.phone_dials("101", "07700900555")
    mobile = pbx.rings("trunk", by=second, number="07700900555")
    pbx.answers(mobile, second)
    pbx.leaves(second)
    pbx.joins(client, bridge=pbx._bridge_of[mobile])
    pbx.attended(phone, second, mobile)
    pbx.gone(second)
    pbx.gone(phone)
    pbx.hangs_up(client, mobile)
    assert pbx.call.direction is Direction.INBOUND
    assert parties(pbx.call) == ["101", "07700900555"]
    assert transfers(pbx.call) == [(TransferKind.ATTENDED, "101", "07700900555", True)]


def feature_consultation(pbx: Pbx, client: str, phone: str) -> tuple[str, str, str]:
    one, two = pbx.local_pair("102@from-internal", by=client)
    pbx.joins(one, phone)
    colleague = pbx.rings("102", by=two)
    return one, two, colleague


def test_a_transfer_by_feature_code_needs_no_name_of_its_target():
    """Asterisk 16 leaves the target out in half of the cases."""
    pbx = Pbx()
    client, phone = answered_call(pbx)
    bridge = pbx._bridge_of[client]
    one, two, colleague = feature_consultation(pbx, client, phone)
    pbx.up(colleague)
    pbx.joins(colleague, two)
    pbx.asks_to_end(phone)
    pbx.leaves(phone)
    pbx.joins(one, bridge=bridge)
    pbx.attended(phone, phone, None)
    pbx.gone(phone)
    pbx.hangs_up(client, one, two, colleague)
    assert transfers(pbx.call) == [(TransferKind.ATTENDED, "101", "102", True)]
    assert (parties(pbx.call), pbx.call.hung_up_by) == (["101", "102"], HungUpBy.CLIENT)


def test_a_transfer_by_feature_code_that_is_taken_back_is_unanswered():
    pbx = Pbx()
    client, phone = answered_call(pbx)
    bridge = pbx._bridge_of[client]
    one, two, colleague = feature_consultation(pbx, client, phone)
    pbx.stops_ringing(colleague, DialStatus.NO_ANSWER)
    pbx.gone(one)
    pbx.gone(two)
    pbx.joins(phone, bridge=bridge)
    pbx.hangs_up(client, phone)
    assert transfers(pbx.call) == [(TransferKind.ATTENDED, "101", "102", False)]
    assert parties(pbx.call) == ["101"]


def test_a_client_who_hangs_up_during_a_consultation_was_not_handed_on():
    pbx = Pbx()
    client, phone = answered_call(pbx)
    feature_consultation(pbx, client, phone)
    pbx.hangs_up(client, phone)
    assert transfers(pbx.call) == [(TransferKind.ATTENDED, "101", "102", False)]
    assert pbx.call.hung_up_by is HungUpBy.CLIENT


def test_two_clients_whom_an_agent_joins_stay_two_calls():
    pbx = Pbx()
    one, phone = answered_call(pbx)
    pbx.holds(phone)
    other = pbx.call_comes_in("+447700900102")
    second = pbx.rings("101", by=other)
    pbx.answers(second, other)
    pbx.leaves(phone)
    pbx.leaves(second)
    pbx.joins(one, bridge=pbx._bridge_of[other])
    pbx.attended(phone, second, other)
    pbx.gone(phone)
    pbx.gone(second)
    pbx.hangs_up(one, other)
    assert [(call.raw_number, parties(call), call.outcome) for call in pbx.calls] == [
        (CLIENT, ["101"], Outcome.ANSWERED),
        ("+447700900102", ["101"], Outcome.ANSWERED),
    ]


def test_a_transferer_who_hangs_up_while_it_rings_hands_on_blindly():
    pbx = Pbx()
    client, phone = answered_call(pbx)
    bridge = pbx._bridge_of[client]
    one, two, colleague = feature_consultation(pbx, client, phone)
    pbx.leaves(phone)
    pbx.joins(one, bridge=bridge)
    pbx.attended(phone, phone, one)
    pbx.gone(phone)
    assert transfers(pbx.call) == [(TransferKind.ATTENDED, "101", "102", None)]
    pbx.up(colleague)
    pbx.joins(colleague, two)
    pbx.hangs_up(client, one, two, colleague)
    assert transfers(pbx.call) == [(TransferKind.ATTENDED, "101", "102", True)]


def test_a_redirection_by_a_panel_is_a_transfer_that_nobody_told():
    pbx = Pbx()
    client, phone = answered_call(pbx)
    pbx.leaves(client)
    pbx.gone(phone)
    other = pbx.rings("102", by=client)
    pbx.answers(other, client)
    pbx.hangs_up(client, other)
    assert transfers(pbx.call) == [(TransferKind.BLIND, "101", "102", True)]


def test_a_dialplan_that_goes_on_after_the_agent_hung_up_is_no_transfer():
    pbx = Pbx()
    client, phone = answered_call(pbx)
    pbx.asks_to_end(phone)
    pbx.leaves(client)
    pbx.gone(phone)
    survey = pbx.rings("190", by=client)
    pbx.stops_ringing(survey, DialStatus.NO_ANSWER)
    pbx.gone(client)
    assert pbx.call.transfers == ()


@pytest.mark.parametrize("parked_first", [True, False])
def test_parking_is_no_transfer_in_whatever_order_it_is_told(parked_first: bool):
    pbx = Pbx()
    client, phone = answered_call(pbx)
    if parked_first:
        pbx.parks(client)
    pbx.blind(phone, client, "700")
    if not parked_first:
        pbx.parks(client)
    pbx.joins(client, holding=True)
    pbx.gone(phone)
    fetcher = pbx.phone_dials("102", "701")
    pbx.up(fetcher)
    pbx.joins(client, fetcher)
    pbx.hangs_up(client, fetcher)
    assert pbx.call.transfers == ()
    assert parties(pbx.call) == ["101", "102"]


def test_a_parked_caller_who_comes_back_is_neither_transferred_nor_a_second_talk():
    pbx = Pbx()
    client, phone = answered_call(pbx)
    pbx.parks(client)
    pbx.joins(client, holding=True)
    pbx.gone(phone)
    pbx.leaves(client)
    back = pbx.rings("101", by=client)
    pbx.answers(back, client)
    pbx.hangs_up(client, back)
    assert pbx.call.transfers == ()
    assert parties(pbx.call) == ["101"]


def test_when_the_client_himself_transfers_nobody_of_ours_did():
    pbx = Pbx()
    client, phone = answered_call(pbx)
    pbx.blind(client, phone, "102")
    assert transfers(pbx.call) == [(TransferKind.BLIND, None, "102", None)]


def test_a_clients_own_pbx_may_replace_his_channel():
    pbx = Pbx()
    client, phone = answered_call(pbx)
    other = pbx.call_comes_in()
    bridge = pbx._bridge_of[client]
    pbx.says(BridgeEntered(at=pbx.now, channel=other, bridge=bridge, linked=other, swapped=client))
    pbx.gone(client)
    pbx.waits(5)
    pbx._bridge_of[other] = bridge
    pbx.hangs_up(other, phone)
    assert pbx.call.talk_seconds > 5
    assert parties(pbx.call) == ["101"]


# ---- linked ids


def test_linked_ids_that_flap_never_take_a_call_apart():
    pbx = Pbx()
    client, phone = answered_call(pbx)
    second, colleague = consult(pbx, phone)
    pbx.leaves(second)
    pbx.says(BridgeEntered(at=pbx.now, channel=client, bridge=pbx._bridge_of[colleague], linked=second))
    pbx.says(BridgeEntered(at=pbx.now, channel=colleague, bridge=pbx._bridge_of[colleague], linked=client))
    pbx.says(BridgeEntered(at=pbx.now, channel=colleague, bridge=pbx._bridge_of[colleague], linked=second))
    pbx.attended(phone, second, colleague)
    late = pbx.rings("103", by=second)
    assert pbx.call.key == f"pbx/{client}"
    pbx.waits(1)
    assert "103" in results(pbx.call)
    assert late in pbx.board._registry.channels


def test_two_clients_in_one_conference_are_two_calls_with_the_same_person():
    pbx = Pbx()
    one, other = pbx.call_comes_in(), pbx.call_comes_in("+447700900102")
    pbx.up(one)
    pbx.up(other)
    room = pbx.joins(one)
    pbx.joins(other, bridge=room)
    agent = pbx.phone_dials("101", "800")
    pbx.up(agent)
    pbx.joins(agent, bridge=room)
    pbx.hangs_up(one)
    pbx.waits(10)
    pbx.hangs_up(other)
    pbx.hangs_up(agent)
    assert [(call.raw_number, parties(call)) for call in pbx.calls] == [
        (CLIENT, ["101"]),
        ("+447700900102", ["101"]),
    ]
    assert pbx.calls[1].talk_seconds > 10


def test_who_leaves_a_conference_in_which_others_stay_does_not_end_the_call():
    pbx = Pbx()
    client = pbx.call_comes_in()
    pbx.up(client)
    room = pbx.joins(client)
    for endpoint in ("101", "102"):
        agent = pbx.phone_dials(endpoint, "800")
        pbx.up(agent)
        pbx.joins(agent, bridge=room)
    pbx.hangs_up(agent)
    pbx.gone(client)
    assert (parties(pbx.call), pbx.call.hung_up_by) == (["101", "102"], HungUpBy.SYSTEM)


def test_who_hung_up_ended_nothing_if_a_colleague_fetches_the_client():
    pbx = Pbx()
    client, phone = answered_call(pbx)
    pbx.asks_to_end(phone)
    pbx.leaves(client)
    pbx.gone(phone)
    fetcher = pbx.phone_dials("102", "701")
    pbx.up(fetcher)
    pbx.joins(client, fetcher)
    pbx.gone(client)
    assert (parties(pbx.call), pbx.call.hung_up_by) == (["101", "102"], HungUpBy.SYSTEM)


def test_who_sat_in_the_conference_long_before_talks_from_the_clients_coming():
    pbx = Pbx()
    agent = pbx.phone_dials("101", "800")
    pbx.up(agent)
    room = pbx.joins(agent)
    pbx.waits(3600)
    client = pbx.call_comes_in()
    pbx.up(client)
    pbx.joins(client, bridge=room)
    assert pbx.call.answered_at is not None
    assert pbx.call.answered_at >= pbx.call.started_at


def test_the_same_client_twice_at_once_is_two_calls():
    pbx = Pbx()
    one, other = pbx.call_comes_in(), pbx.call_comes_in()
    first = pbx.rings("101", by=one)
    second = pbx.rings("102", by=other)
    pbx.answers(second, other)
    pbx.hangs_up(other, second)
    pbx.stops_ringing(first, DialStatus.NO_ANSWER)
    pbx.gone(one, 19)
    assert [call.outcome for call in pbx.calls] == [Outcome.MISSED, Outcome.ANSWERED]


# ---- outbound


def test_an_outbound_call_is_one_whose_first_channel_is_a_phone_that_reaches_a_trunk():
    pbx = Pbx()
    phone = pbx.phone_dials("101", "07700900200")
    pbx.learns(phone, LINE)
    outside = pbx.rings("trunk", by=phone, number="07700900200", shown=LINE)
    assert (pbx.call.direction, pbx.call.raw_number, pbx.call.raw_line, pbx.call.caller) == (
        Direction.OUTBOUND,
        "07700900200",
        LINE,
        "101",
    )
    pbx.answers(outside, phone)
    pbx.hangs_up(phone, outside)
    assert (pbx.call.outcome, pbx.call.rang, parties(pbx.call), pbx.call.hung_up_by) == (
        Outcome.ANSWERED,
        (),
        ["101"],
        HungUpBy.EMPLOYEE,
    )


def test_the_second_carrier_is_the_same_call():
    pbx = Pbx()
    phone = pbx.phone_dials("101", "07700900200")
    outside = pbx.rings("trunk", by=phone, number="07700900200")
    pbx.stops_ringing(outside, DialStatus.CONGESTION, cause=34)
    second = pbx.rings("trunkb", by=phone, number="07700900200")
    pbx.answers(second, phone)
    pbx.hangs_up(second, phone)
    assert (pbx.call.outcome, pbx.call.hung_up_by) == (Outcome.ANSWERED, HungUpBy.CLIENT)


@pytest.mark.parametrize(
    ("status", "cause", "outcome", "reason"),
    [
        (DialStatus.BUSY, 17, Outcome.BUSY, None),
        (DialStatus.NO_ANSWER, 21, Outcome.BUSY, None),
        (DialStatus.NO_ANSWER, 19, Outcome.MISSED, MissedReason.NO_ANSWER),
        (DialStatus.NO_ANSWER, 0, Outcome.MISSED, MissedReason.NO_ANSWER),
        (DialStatus.NO_ANSWER, 1, Outcome.FAILED, None),
        (DialStatus.CONGESTION, 34, Outcome.FAILED, None),
        (DialStatus.UNAVAILABLE, 20, Outcome.FAILED, None),
    ],
)
def test_how_an_outbound_call_fails(status: DialStatus, cause: int, outcome: Outcome, reason: MissedReason | None):
    pbx = Pbx()
    phone = pbx.phone_dials("101", "07700900200")
    outside = pbx.rings("trunk", by=phone, number="07700900200")
    pbx.asks_to_end(outside)
    pbx.stops_ringing(outside, status, cause)
    pbx.gone(phone, cause)
    assert (pbx.call.outcome, pbx.call.missed_reason, pbx.call.hung_up_by) == (outcome, reason, HungUpBy.SYSTEM)


def test_who_gives_up_dialling_cancelled():
    pbx = Pbx()
    phone = pbx.phone_dials("101", "07700900200")
    outside = pbx.rings("trunk", by=phone, number="07700900200")
    pbx.asks_to_end(phone)
    pbx.stops_ringing(outside, DialStatus.CANCEL)
    pbx.gone(phone)
    assert (pbx.call.outcome, pbx.call.hung_up_by) == (Outcome.CANCELLED, HungUpBy.EMPLOYEE)


def test_who_hangs_up_on_the_busy_tone_cancelled_nothing():
    pbx = Pbx()
    phone = pbx.phone_dials("101", "07700900200")
    outside = pbx.rings("trunk", by=phone, number="07700900200")
    pbx.asks_to_end(outside)
    pbx.stops_ringing(outside, DialStatus.BUSY, cause=17)
    pbx.hangs_up(phone)
    assert (pbx.call.outcome, pbx.call.hung_up_by) == (Outcome.BUSY, HungUpBy.EMPLOYEE)


def test_a_colleague_who_is_busy_is_busy():
    pbx = Pbx()
    caller = pbx.phone_dials("101", "102")
    pbx.stops_ringing(pbx.rings("102", by=caller), DialStatus.BUSY, cause=17)
    pbx.hangs_up(caller)
    assert (pbx.call.direction, pbx.call.outcome) == (Direction.INTERNAL, Outcome.BUSY)


def test_an_agent_who_is_logged_in_for_hours_serves_one_client_after_the_other():
    pbx = Pbx()
    agent = pbx.phone_dials("101", "*20")
    pbx.up(agent)
    pbx.joins(agent, holding=True)
    for number in range(3):
        pbx.waits(600)
        client = pbx.call_comes_in(f"+4477009001{number:02}")
        pbx.up(client)
        room = pbx.joins(client)
        pbx.joins(agent, bridge=room)
        pbx.waits(60)
        pbx.leaves(agent)
        pbx.hangs_up(client)
        pbx.joins(agent, holding=True)
    assert [(parties(call), round(call.talk_seconds)) for call in pbx.calls] == [(["101"], 60)] * 3


def test_a_clock_that_is_set_back_makes_no_negative_call():
    pbx = Pbx()
    client, phone = answered_call(pbx)
    pbx.now -= 3600
    pbx.hangs_up(client, phone)
    assert pbx.call.talk_seconds == 0
    assert pbx.call.talked[0].until == pbx.call.talked[0].since


def test_click_to_call_rings_the_agent_then_the_client():
    pbx = Pbx()
    agent = pbx.born("101", number="101", exten="s")
    pbx.dials(None, agent)
    pbx.up(agent)
    pbx.originated(agent, "07700900200")
    outside = pbx.rings("trunk", by=agent, number="07700900200", shown=LINE)
    pbx.answers(outside, agent)
    pbx.hangs_up(agent, outside)
    assert (pbx.call.direction, pbx.call.raw_number, pbx.call.caller, parties(pbx.call)) == (
        Direction.OUTBOUND,
        "07700900200",
        "101",
        ["101"],
    )
    assert pbx.call.answered_at is not None
    assert pbx.call.answered_at > pbx.call.started_at + 5 * STEP


def test_the_number_of_a_click_to_call_may_be_told_after_the_dialling():
    pbx = Pbx()
    agent = pbx.born("101", number="101", exten="s")
    pbx.dials(None, agent)
    pbx.up(agent)
    pbx.rings("trunk", by=agent, number="9907700900200")
    pbx.originated(agent, "07700900200")
    assert pbx.call.raw_number == "07700900200"


def test_linked_ids_that_become_one_make_one_call():
    pbx = Pbx()
    client = pbx.call_comes_in()
    session = pbx.phone_dials("103", "*8")
    pbx.says(BridgeEntered(at=pbx.now, channel=session, bridge="b", linked=client))
    pbx.hangs_up(client, session)
    assert pbx.call.merged == (f"pbx/{session}",)


def test_states_that_say_nothing_are_passed_over():
    pbx = Pbx()
    client = pbx.call_comes_in()
    pbx.says(StateChanged(at=pbx.now, channel=client, state=ChannelState.OTHER))
    pbx.says(StateChanged(at=pbx.now, channel=client, state=ChannelState.CALLING))
    pbx.waits(1)
    assert pbx.call.direction is Direction.INBOUND


def test_click_to_call_that_the_agent_does_not_answer_reached_no_client():
    pbx = Pbx()
    agent = pbx.born("101", number="101", exten="s")
    pbx.dials(None, agent)
    pbx.gone(agent, 19)
    assert (pbx.call.direction, pbx.call.raw_number) == (Direction.INTERNAL, None)


def test_click_to_call_may_ring_the_agents_mobile_first():
    pbx = Pbx()
    agent = pbx.born("trunk")
    pbx.dials(None, agent, number="07700900555")
    pbx.up(agent)
    pbx.originated(agent, "07700900200")
    outside = pbx.rings("trunk", by=agent, number="07700900200")
    pbx.answers(outside, agent)
    pbx.hangs_up(outside, agent)
    assert (pbx.call.direction, pbx.call.raw_number, parties(pbx.call)) == (
        Direction.OUTBOUND,
        "07700900200",
        ["07700900555"],
    )


def test_a_dialler_may_ring_the_client_first_and_then_look_for_an_agent():
    pbx = Pbx()
    outside = pbx.born("trunk")
    pbx.dials(None, outside, number="07700900200")
    pbx.up(outside)
    agent = pbx.rings("101", by=outside)
    pbx.answers(agent, outside)
    pbx.hangs_up(outside, agent)
    assert (pbx.call.direction, pbx.call.raw_number, pbx.call.caller, parties(pbx.call)) == (
        Direction.OUTBOUND,
        "07700900200",
        "101",
        ["101"],
    )


def test_a_call_inside_that_is_handed_to_the_outside_calls_a_client():
    pbx = Pbx()
    caller = pbx.phone_dials("101", "102")
    colleague = pbx.rings("102", by=caller)
    pbx.answers(colleague, caller)
    pbx.blind(colleague, caller, "07700900200")
    pbx.leaves(caller)
    pbx.gone(colleague)
    outside = pbx.rings("trunk", by=caller, number="07700900200")
    pbx.answers(outside, caller)
    pbx.hangs_up(caller, outside)
    assert (pbx.call.direction, pbx.call.raw_number, parties(pbx.call)) == (
        Direction.OUTBOUND,
        "07700900200",
        ["101"],
    )


def test_an_analogue_phone_is_off_the_hook_before_it_dials():
    pbx = Pbx()
    phone = pbx.born("1", technology="DAHDI", exten="s")
    pbx.says(StateChanged(at=pbx.now, channel=phone, state=ChannelState.CALLING))
    outside = pbx.rings("trunk", by=phone, number="07700900200")
    pbx.answers(outside, phone)
    pbx.hangs_up(phone, outside)
    assert (pbx.call.direction, pbx.call.raw_number, pbx.call.caller) == (Direction.OUTBOUND, "07700900200", "1")


@pytest.mark.parametrize(
    ("dialled", "shown", "comes_as", "did"),
    [
        ("02079460102", "442079460100", "+442079460100", "442079460102"),
        ("+442079460102", "02079460100", "00442079460100", "02079460102"),
    ],
)
def test_the_company_that_rings_itself_has_no_client(dialled: str, shown: str, comes_as: str, did: str):
    pbx = Pbx()
    phone = pbx.phone_dials("101", dialled)
    outside = pbx.rings("trunk", by=phone, number=dialled, shown=shown)
    back = pbx.call_comes_in(comes_as, did)
    colleague = pbx.rings("102", by=back)
    pbx.answers(colleague, back)
    pbx.answers(outside, phone)
    pbx.hangs_up(phone, outside)
    pbx.hangs_up(back, colleague)
    assert {call.direction for call in pbx.calls} == {Direction.INTERNAL}


def test_a_client_who_rings_while_we_ring_him_is_no_loop():
    pbx = Pbx()
    phone = pbx.phone_dials("101", "07700900101")
    pbx.rings("trunk", by=phone, number="07700900101", shown=LINE)
    pbx.call_comes_in()
    pbx.waits(1)
    assert [call.direction for call in pbx.calls] == [Direction.OUTBOUND, Direction.INBOUND]


# ---- recordings


def test_a_recording_counts_only_if_somebody_talked():
    pbx = Pbx()
    client = pbx.call_comes_in()
    pbx.records(client, "missed.wav")
    pbx.records(client, "record.wav", later=True)
    pbx.stops_ringing(pbx.rings("101", by=client), DialStatus.NO_ANSWER)
    pbx.gone(client, 19)
    assert pbx.call.recordings == ()


def test_the_clients_recording_is_enough_while_it_goes_on():
    pbx = Pbx()
    client = pbx.call_comes_in()
    pbx.records(client, "main.wav")
    phone = pbx.rings("101", by=client)
    pbx.records(phone, "leg.wav")
    pbx.answers(phone, client)
    second, colleague = consult(pbx, phone)
    pbx.records(second, "consultation.wav")
    pbx.hangs_up(second, colleague)
    pbx.hangs_up(client, phone)
    main = next(call for call in pbx.calls if call.direction is Direction.INBOUND)
    assert main.recordings == ("main.wav",)


def test_each_part_of_the_talk_has_its_recording():
    """A transferred outbound call: the agent's recording stops with his channel, another one begins."""
    pbx = Pbx()
    phone = pbx.phone_dials("101", "07700900200")
    pbx.records(phone, "first.wav")
    outside = pbx.rings("trunk", by=phone, number="07700900200")
    pbx.answers(outside, phone)
    pbx.blind(phone, outside, "102")
    pbx.leaves(outside)
    pbx.gone(phone)
    pbx.records(outside, "second.wav")
    colleague = pbx.rings("102", by=outside)
    pbx.answers(colleague, outside)
    pbx.hangs_up(outside, colleague)
    assert pbx.call.recordings == ("first.wav", "second.wav")
    assert parties(pbx.call) == ["101", "102"]


def test_a_recording_that_is_named_in_the_middle_or_after_the_end_is_told():
    pbx = Pbx()
    client, phone = answered_call(pbx)
    pbx.waits(1)
    pbx.records(phone, "pressed.wav")
    assert pbx.call.recordings == ("pressed.wav",)
    pbx = Pbx()
    client, phone = answered_call(pbx)
    pbx.hangs_up(client, phone)
    revision = pbx.call.revision
    pbx.records(client, "late.wav", later=True)
    pbx.records(client, "late.wav", later=True)
    assert (pbx.call.recordings, pbx.call.revision) == (("late.wav",), revision + 1)


def test_who_hangs_up_at_the_moment_of_the_answer_left_nothing_to_hear():
    pbx = Pbx()
    client = pbx.call_comes_in()
    pbx.records(client, "empty.wav")
    phone = pbx.rings("101", by=client)
    pbx.up(phone)
    now = pbx.now
    pbx.joins(phone, client)
    pbx.now = now
    pbx.hangs_up(client, phone)
    assert (pbx.call.outcome, pbx.call.recordings) == (Outcome.ANSWERED, ())


# ---- for years


def test_every_fact_twice_is_the_same_call():
    stories = []
    for times in (1, 2):
        pbx = Pbx(times=times)
        client, phone = answered_call(pbx)
        pbx.blind(phone, client, "102")
        pbx.leaves(client)
        pbx.gone(phone)
        other = pbx.rings("102", by=client)
        pbx.answers(other, client)
        pbx.hangs_up(client, other)
        stories.append(pbx.call)
    assert stories[0] == stories[1]


def test_a_channel_that_is_reborn_after_its_death_makes_no_ghost():
    pbx = Pbx()
    client, phone = answered_call(pbx)
    pbx.hangs_up(client, phone)
    pbx.born("trunk", state=ChannelState.CALLING, channel=client)
    pbx.waits(1)
    assert pbx.board.live_calls() == ()


def test_a_call_that_never_ends_is_closed_as_incomplete():
    pbx = Pbx(longest=3600.0)
    answered_call(pbx)
    pbx.waits(3000)
    assert not pbx.call.ended
    pbx.waits(700)
    assert (pbx.call.outcome, pbx.call.incomplete) == (Outcome.ANSWERED, True)


def test_an_ended_call_is_forgotten_after_the_grace():
    pbx = Pbx(grace=30.0)
    client, phone = answered_call(pbx)
    pbx.hangs_up(client, phone)
    pbx.waits(20)
    assert pbx.board._registry.channels
    pbx.waits(20)
    registry = pbx.board._registry
    assert (registry.channels, registry.calls, registry.bridges) == ({}, {}, {})
