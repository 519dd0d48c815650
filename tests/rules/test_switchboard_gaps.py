"""A switchboard that did not hear everything: calls in progress are neither lost nor invented."""

from dataclasses import replace

import pytest

from bridge.model.call import Call, Direction, HungUpBy, MissedReason, Outcome, RangResult
from bridge.model.channels import (
    BridgeLeft,
    ChannelKind,
    ChannelState,
    DialStatus,
    PbxBooted,
    PbxStopped,
    SnapshotBegun,
    SnapshotEnded,
)
from tests.pbx import CLIENT, LINE, Pbx


def parties(call: Call) -> list[str]:
    return [talk.party for talk in call.talked]


def talking() -> tuple[Pbx, str, str]:
    pbx = Pbx()
    client = pbx.call_comes_in()
    phone = pbx.rings("101", by=client)
    pbx.answers(phone, client)
    return pbx, client, phone


def ringing() -> tuple[Pbx, str, str]:
    pbx = Pbx()
    client = pbx.call_comes_in()
    return pbx, client, pbx.rings("101", by=client)


# ---- the link was lost


def test_a_call_that_goes_on_over_a_gap_is_the_same_call_and_complete():
    pbx, client, phone = talking()
    pbx.link_lost()
    pbx.now += 10
    pbx.lists(client, phone)
    pbx.hangs_up(client, phone)
    assert pbx.call.outcome is Outcome.ANSWERED
    assert not pbx.call.incomplete
    (talk,) = pbx.call.talked
    assert talk.until is not None
    assert talk.until - talk.since > 10


def test_an_answered_call_that_ended_in_the_gap_ends_when_we_heard_it_last():
    pbx, _client, _phone = talking()
    lost_at = pbx.now
    pbx.link_lost()
    pbx.now += 60
    pbx.lists()
    assert (pbx.call.outcome, pbx.call.incomplete, pbx.call.ended_at) == (Outcome.ANSWERED, True, lost_at)
    assert pbx.call.talked[0].until == lost_at
    assert pbx.call.hung_up_by is None


def test_a_call_that_rang_when_the_link_was_lost_and_is_gone_is_neither_missed_nor_answered():
    pbx, _client, _phone = ringing()
    pbx.link_lost()
    pbx.now += 60
    pbx.lists()
    assert (pbx.call.outcome, pbx.call.missed_reason, pbx.call.incomplete) == (Outcome.FAILED, None, True)
    assert pbx.call.rang[0].result is None


def test_a_call_that_was_picked_up_in_the_gap_is_answered_and_incomplete():
    pbx, client, phone = ringing()
    pbx.link_lost()
    pbx.now += 10
    pbx._bridge_of |= {client: "b", phone: "b"}
    pbx.lists(client, phone)
    assert (parties(pbx.call), pbx.call.incomplete) == (["101"], True)
    pbx.hangs_up(client, phone)
    assert pbx.call.outcome is Outcome.ANSWERED


def test_a_talker_who_left_in_the_gap_talked_until_we_heard_him_last():
    pbx, client, phone = talking()
    lost_at = pbx.now
    pbx.link_lost()
    pbx.now += 60
    pbx._phones["1.77"] = "102"
    pbx._linked["1.77"] = client
    pbx._bridge_of = {client: "b2", "1.77": "b2"}
    pbx.lists(client, "1.77")
    assert phone not in pbx._bridge_of
    assert [(talk.party, talk.until) for talk in pbx.call.talked] == [("101", lost_at), ("102", None)]
    assert pbx.call.incomplete


def test_a_call_that_is_born_while_the_list_is_made_is_not_taken_for_dead():
    pbx, client, phone = talking()
    pbx.says(SnapshotBegun(at=pbx.now))
    pbx.says(pbx.listed(client))
    pbx.says(pbx.listed(phone))
    second = pbx.call_comes_in("+447700900102")
    pbx.says(SnapshotEnded(at=pbx.now))
    pbx.waits(1)
    assert [call.ended for call in pbx.calls] == [False, False]
    assert pbx.calls[1].platform_call_id == second


def test_a_call_that_ends_while_the_list_is_made_is_not_brought_back():
    pbx, client, phone = talking()
    pbx.says(SnapshotBegun(at=pbx.now))
    pbx.says(pbx.listed(client))
    pbx.says(pbx.listed(phone))
    pbx.hangs_up(client, phone)
    pbx.says(SnapshotEnded(at=pbx.now))
    assert pbx.board.live_calls() == ()
    assert not pbx.call.incomplete


def test_a_list_may_overtake_the_event_that_tells_of_the_end():
    pbx, client, phone = talking()
    pbx.lists()
    pbx.hangs_up(client, phone)
    assert (pbx.call.outcome, pbx.call.incomplete) == (Outcome.ANSWERED, False)


def test_a_list_may_overtake_the_event_that_tells_of_the_beginning():
    pbx = Pbx()
    pbx.says(SnapshotBegun(at=pbx.now))
    pbx.says(pbx.listed("1.1", endpoint="trunk", number=CLIENT, exten="s", state=ChannelState.CALLING, bridge=None))
    pbx.says(SnapshotEnded(at=pbx.now))
    pbx.call_comes_in(channel="1.1")
    assert (pbx.call.raw_number, pbx.call.raw_line) == (CLIENT, LINE)


def test_two_lists_without_a_gap_close_a_call_whose_end_was_never_told():
    pbx, _client, _phone = talking()
    pbx.waits(100)
    pbx.lists()
    pbx.waits(100)
    pbx.lists()
    assert (pbx.call.outcome, pbx.call.incomplete) == (Outcome.ANSWERED, True)


def test_a_list_that_is_cut_off_by_another_gap_decides_nothing():
    pbx, client, phone = talking()
    pbx.says(SnapshotBegun(at=pbx.now))
    pbx.link_lost()
    pbx.says(SnapshotEnded(at=pbx.now))
    assert not pbx.call.ended
    pbx.lists(client, phone)
    assert not pbx.call.ended


# ---- calls met in a list


def test_a_call_first_met_ringing_is_adopted_with_number_and_line():
    pbx = Pbx()
    facts = {"state": ChannelState.CALLING, "number": CLIENT, "exten": LINE, "born": pbx.now - 7, "bridge": None}
    pbx.says(SnapshotBegun(at=pbx.now))
    pbx.says(pbx.listed("1.1", endpoint="trunk", **facts))
    pbx.says(pbx.listed("1.2", endpoint="102", linked="1.1", state=ChannelState.RINGING, born=pbx.now - 5, bridge=None))
    pbx.says(SnapshotEnded(at=pbx.now))
    pbx._linked |= {"1.1": "1.1", "1.2": "1.1"}
    assert (pbx.call.direction, pbx.call.raw_number, pbx.call.raw_line) == (Direction.INBOUND, CLIENT, LINE)
    assert (pbx.call.started_at, [rang.party for rang in pbx.call.rang]) == (facts["born"], ["102"])
    pbx.answers("1.2", "1.1")
    pbx.hangs_up("1.1", "1.2")
    assert (parties(pbx.call), pbx.call.outcome, pbx.call.incomplete) == (["102"], Outcome.ANSWERED, False)


def test_a_call_first_met_in_talk_is_adopted_as_incomplete():
    pbx = Pbx()
    pbx.says(SnapshotBegun(at=pbx.now))
    pbx.says(pbx.listed("1.2", endpoint="102", linked="1.1", bridge="b", born=pbx.now - 50))
    pbx.says(pbx.listed("1.1", endpoint="trunk", number=CLIENT, bridge="b", born=pbx.now - 60, recording="in.wav"))
    pbx.says(SnapshotEnded(at=pbx.now))
    assert (parties(pbx.call), pbx.call.incomplete, pbx.call.recordings) == (["102"], True, ("in.wav",))
    assert pbx.call.rang[0].result is RangResult.ANSWERED


def test_the_details_of_an_adopted_call_may_follow_its_list():
    """Status knows the called number as it was sent, and the recording; CoreShowChannels does not."""
    pbx = Pbx()
    pbx.says(SnapshotBegun(at=pbx.now))
    pbx.says(pbx.listed("1.1", endpoint="trunk", number=CLIENT, exten="s", bridge="b"))
    pbx.says(pbx.listed("1.2", endpoint="102", linked="1.1", bridge="b"))
    pbx.says(SnapshotEnded(at=pbx.now))
    pbx.says(
        pbx.listed("1.1", endpoint="trunk", number=CLIENT, exten=LINE, bridge="b", recording="in.wav", detail=True)
    )
    assert (pbx.call.raw_line, pbx.call.recordings) == (LINE, ("in.wav",))


def test_a_list_that_somebody_else_has_asked_for_is_as_good_as_ours():
    pbx = Pbx()
    pbx.says(pbx.listed("1.1", endpoint="trunk", number=CLIENT, exten=LINE, bridge="b"))
    pbx.says(pbx.listed("1.2", endpoint="102", linked="1.1", bridge="b"))
    pbx.says(SnapshotEnded(at=pbx.now))
    assert parties(pbx.call) == ["102"]


def test_details_never_rewrite_the_line_of_a_call_whose_beginning_was_seen():
    pbx, client, _phone = talking()
    pbx.says(pbx.listed(client, exten="ds-ANSWER", detail=True))
    assert pbx.call.raw_line == LINE


def test_an_outbound_call_is_adopted_with_the_number_that_is_dialled():
    pbx = Pbx()
    pbx.says(SnapshotBegun(at=pbx.now))
    pbx.says(pbx.listed("1.1", endpoint="101", exten="07700900200", state=ChannelState.CALLING, bridge=None))
    ringing = {"state": ChannelState.RINGING, "number": "07700900200", "bridge": None}
    pbx.says(pbx.listed("1.2", endpoint="trunk", linked="1.1", **ringing))
    pbx.says(SnapshotEnded(at=pbx.now))
    assert (pbx.call.direction, pbx.call.raw_number, pbx.call.caller) == (Direction.OUTBOUND, "07700900200", "101")
    pbx._linked |= {"1.1": "1.1", "1.2": "1.1"}
    pbx.answers("1.2", "1.1")
    pbx.hangs_up("1.1", "1.2")
    assert (pbx.call.outcome, parties(pbx.call)) == (Outcome.ANSWERED, ["101"])


def test_local_pairs_are_joined_by_their_name_in_a_list():
    pbx = Pbx()
    local = {
        "kind": ChannelKind.LOCAL,
        "technology": "Local",
        "endpoint": "102@q-1",
        "pair": "102@q-1",
        "linked": "1.1",
    }
    pbx.says(SnapshotBegun(at=pbx.now))
    pbx.says(pbx.listed("1.1", endpoint="trunk", number=CLIENT, bridge="b1"))
    pbx.says(pbx.listed("1.2", bridge="b1", **local))
    pbx.says(pbx.listed("1.3", bridge="b2", **local))
    pbx.says(pbx.listed("1.4", endpoint="102", linked="1.1", bridge="b2"))
    pbx.says(SnapshotEnded(at=pbx.now))
    assert parties(pbx.call) == ["102"]


# ---- the PBX itself


def test_a_crash_of_the_pbx_ends_the_calls_and_their_recordings():
    pbx, client, _phone = talking()
    pbx.records(client, "in.wav")
    lost_at = pbx.now
    pbx.link_lost()
    pbx.now += 10
    pbx.booted(since=pbx.now - 3)
    assert (pbx.call.outcome, pbx.call.incomplete, pbx.call.ended_at) == (Outcome.ANSWERED, True, lost_at)
    assert pbx.call.recordings == ()
    pbx.lists()
    assert pbx.board.live_calls() == ()


def test_a_pbx_that_has_been_up_all_the_time_did_not_crash():
    pbx, client, phone = talking()
    pbx.link_lost()
    pbx.booted(since=pbx.now - 100_000)
    pbx.lists(client, phone)
    assert not pbx.call.ended


def test_a_pbx_that_does_not_say_how_long_it_is_up_crashed_nothing():
    pbx, client, phone = talking()
    pbx.link_lost()
    pbx.says(PbxBooted(at=pbx.now, since=None))
    pbx.lists(client, phone)
    assert not pbx.call.ended


def test_a_channel_that_is_listed_after_its_end_stays_dead():
    pbx, client, phone = talking()
    pbx.hangs_up(client, phone)
    pbx.lists(client, phone)
    pbx.says(pbx.listed(client, recording="late.wav"))
    pbx.waits(1)
    assert pbx.board.live_calls() == ()
    assert pbx.call.recordings == ()


def test_a_pbx_that_stops_in_good_order_leaves_no_call_behind():
    pbx, _client, _phone = ringing()
    pbx.says(PbxStopped(at=pbx.now))
    assert (pbx.call.outcome, pbx.call.incomplete) == (Outcome.FAILED, True)


# ---- our own restart


def after_restart(call: Call) -> Pbx:
    pbx = Pbx()
    pbx.now = call.started_at + 100
    pbx.board.resume(call)
    return pbx


def test_a_call_goes_on_after_our_own_restart():
    before, client, phone = talking()
    before.records(client, "in.wav")
    before.blind("x", client, "102")
    pbx = after_restart(before.call)
    pbx._phones, pbx._linked, pbx._bridge_of = before._phones, before._linked, before._bridge_of
    pbx.lists(client, phone)
    pbx.hangs_up(phone, client)
    assert pbx.call.revision > before.call.revision
    assert (pbx.call.raw_number, pbx.call.raw_line) == (CLIENT, LINE)
    (talk,) = pbx.call.talked
    assert talk.since == before.call.talked[0].since
    assert (pbx.call.outcome, pbx.call.incomplete, pbx.call.hung_up_by) == (Outcome.ANSWERED, False, HungUpBy.EMPLOYEE)


def test_a_phone_that_rings_on_after_our_restart_is_the_same_attempt():
    before, client, phone = ringing()
    pbx = after_restart(before.call)
    pbx._phones, pbx._linked = before._phones, before._linked
    pbx.says(SnapshotBegun(at=pbx.now))
    pbx.says(pbx.listed(client, state=ChannelState.CALLING))
    pbx.says(pbx.listed(phone, state=ChannelState.RINGING))
    pbx.says(SnapshotEnded(at=pbx.now))
    pbx.stops_ringing(phone, DialStatus.NO_ANSWER)
    pbx.gone(client, 19)
    assert [(rang.party, rang.since, rang.result) for rang in pbx.call.rang] == [
        ("101", before.call.rang[0].since, RangResult.NO_ANSWER)
    ]
    assert (pbx.call.outcome, pbx.call.missed_reason) == (Outcome.MISSED, MissedReason.NO_ANSWER)


def outbound(*, mobile: bool = False) -> tuple[Pbx, list[str]]:
    """101 talks with 07700900200; or the mobile of a colleague, to whom he handed the client."""
    pbx = Pbx()
    phone = pbx.phone_dials("101", "07700900200")
    outside = pbx.rings("trunk", by=phone, number="07700900200")
    pbx.answers(outside, phone)
    if not mobile:
        return pbx, [phone, outside]
    pbx.blind(phone, outside, "07700900555")
    pbx.leaves(outside)
    pbx.gone(phone)
    colleague = pbx.rings("trunk", by=outside, number="07700900555")
    pbx.answers(colleague, outside)
    return pbx, [colleague, outside]


@pytest.mark.parametrize("mobile", [False, True])
def test_an_outbound_call_goes_on_after_our_own_restart(mobile: bool):
    before, channels = outbound(mobile=mobile)
    pbx = after_restart(before.call)
    pbx._phones, pbx._linked, pbx._bridge_of = before._phones, before._linked, before._bridge_of
    numbers = ["07700900555", "07700900200"] if mobile else [None, "07700900200"]
    pbx.says(SnapshotBegun(at=pbx.now))
    for channel, number in zip(channels, numbers, strict=True):
        pbx.says(pbx.listed(channel, number=number))
    pbx.says(SnapshotEnded(at=pbx.now))
    pbx.hangs_up(channels[1], channels[0])
    assert (pbx.call.raw_number, pbx.call.outcome, pbx.call.hung_up_by) == (
        "07700900200",
        Outcome.ANSWERED,
        HungUpBy.CLIENT,
    )
    assert parties(pbx.call) == parties(before.call)
    assert not pbx.call.incomplete
    assert [transfer.answered for transfer in pbx.call.transfers] == [True] * mobile


def test_a_call_that_ended_while_we_were_down_is_closed_with_what_was_known():
    before, _client, _phone = talking()
    pbx = after_restart(before.call)
    pbx.lists()
    assert (pbx.call.outcome, pbx.call.incomplete) == (Outcome.ANSWERED, True)
    assert pbx.call.ended_at == before.call.rang[0].until  # the latest moment that is known
    assert pbx.board._registry.calls == {}


def test_a_call_that_was_merged_is_found_under_its_other_id():
    before, client, phone = talking()
    merged = replace(before.call, merged=("pbx/1.99",))
    pbx = after_restart(merged)
    pbx._phones = before._phones
    pbx.says(SnapshotBegun(at=pbx.now))
    pbx.says(pbx.listed(client, linked="1.99", bridge="b"))
    pbx.says(pbx.listed(phone, linked="1.99", bridge="b"))
    pbx.says(SnapshotEnded(at=pbx.now))
    assert [call.key for call in pbx.board.live_calls()] == [merged.key]


def test_an_ended_call_is_not_resumed_and_none_twice():
    before, client, phone = talking()
    live = before.call
    before.hangs_up(client, phone)
    pbx = Pbx()
    pbx.board.resume(before.call)
    pbx.board.resume(live)
    pbx.board.resume(live)
    assert [call.key for call in pbx.board.live_calls()] == [live.key]


def test_a_recording_that_became_a_link_before_the_restart_is_not_named_again():
    before, client, phone = talking()
    before.records(client, "2026/in-+44.wav")
    linked = replace(before.call, recordings=("https://pbx.example/monitor/2026/in-%2B44.wav",))
    pbx = after_restart(linked)
    pbx._phones, pbx._linked = before._phones, before._linked
    pbx.says(SnapshotBegun(at=pbx.now))
    pbx.says(pbx.listed(client, bridge="b", recording="2026/in-+44.wav"))
    pbx.says(pbx.listed(phone, bridge="b"))
    pbx.says(SnapshotEnded(at=pbx.now))
    pbx.hangs_up(client, phone)
    assert pbx.call.recordings == linked.recordings


# ---- facts about nobody


def test_facts_about_channels_that_nobody_knows_are_harmless():
    pbx = Pbx()
    pbx.up("9.9")
    pbx.dials("9.8", "9.9")
    pbx.stops_ringing("9.9", DialStatus.ANSWER)
    pbx._linked["9.9"] = "9.9"
    pbx.joins("9.9")
    pbx.says(BridgeLeft(at=pbx.now, channel="9.9", bridge="b"))
    pbx.holds("9.9")
    pbx.blind("9.9", "9.8", "102")
    pbx.attended("9.9", "9.8")
    pbx.parks("9.9")
    pbx.records("9.9", "x.wav")
    pbx.learns("9.9", "1")
    pbx.originated("9.9", "1")
    pbx.hangs_up("9.9")
    pbx.waits(100)
    assert pbx.told == []


def test_a_call_whose_beginning_was_not_heard_says_that_it_is_incomplete():
    pbx = Pbx()
    pbx._linked["1.0"] = "1.0"
    phone = pbx.born("101", by="1.0")
    pbx.dials("1.0", phone)
    pbx.gone(phone)
    assert (pbx.call.direction, pbx.call.incomplete) == (Direction.INTERNAL, True)
