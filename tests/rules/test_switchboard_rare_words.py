"""What a PBX says once a year: words in odd places, and what a switchboard makes of them."""

from bridge.model.call import Call, Direction, RangResult, TransferKind
from bridge.model.channels import (
    BlindTransferred,
    BridgeEntered,
    ChannelState,
    SnapshotBegun,
    SnapshotEnded,
    StateChanged,
)
from tests.pbx import CLIENT, Pbx


def parties(call: Call) -> list[str]:
    return [talk.party for talk in call.talked]


def transfers(call: Call) -> list[tuple[TransferKind, str | None, str | None, bool | None]]:
    return [(transfer.kind, transfer.by, transfer.to, transfer.answered) for transfer in call.transfers]


def answered_call(pbx: Pbx) -> tuple[str, str]:
    client = pbx.call_comes_in()
    phone = pbx.rings("101", by=client)
    pbx.answers(phone, client)
    return client, phone


def enters(pbx: Pbx, channel: str, bridge: str, *, linked: str | None = None, swapped: str | None = None) -> None:
    pbx.says(BridgeEntered(at=pbx.now, channel=channel, bridge=bridge, linked=linked, swapped=swapped))


# ---- handing on


def test_a_transfer_stays_one_if_the_client_is_parked_long_after_it():
    pbx = Pbx()
    client, phone = answered_call(pbx)
    pbx.blind(phone, client, "700")
    pbx.waits(30)
    pbx.parks(client)
    pbx.hangs_up(client, phone)
    assert transfers(pbx.call) == [(TransferKind.BLIND, "101", "700", False)]


def test_a_transfer_without_a_target_went_to_whoever_talks_next():
    pbx = Pbx()
    client, phone = answered_call(pbx)
    pbx.says(BlindTransferred(at=pbx.now, channel=phone, transferred=client, exten=None))
    pbx.leaves(client)
    pbx.gone(phone)
    other = pbx.rings("102", by=client)
    pbx.answers(other, client)
    pbx.hangs_up(client, other)
    assert transfers(pbx.call) == [(TransferKind.BLIND, "101", "102", True)]


def test_a_colleague_who_is_rung_through_a_local_pair_after_the_talk_is_not_consulted():
    pbx = Pbx()
    client, phone = answered_call(pbx)
    pbx.asks_to_end(phone)
    pbx.gone(phone)
    pbx.leaves(client)
    one, two = pbx.local_pair("102@from-queue", by=client)
    pbx.dials(client, one)
    other = pbx.rings("102", by=two)
    pbx.hangs_up(client, one, two, other)
    assert pbx.call.transfers == ()


def test_a_mobile_that_still_rings_when_the_client_is_handed_to_it_has_not_answered():
    """The agent rings a colleague outside for advice and hangs up before he answers."""
    pbx = Pbx()
    client, phone = answered_call(pbx)
    pbx.holds(phone)
    second = pbx.phone_dials("101", "07700900555")
    mobile = pbx.rings("trunk", by=second, number="07700900555")
    pbx.attended(phone, second)
    pbx.gone(second)
    pbx.gone(phone)
    assert [(rang.party, rang.result) for rang in pbx.call.rang] == [
        ("101", RangResult.ANSWERED),
        ("07700900555", None),
    ]
    pbx.hangs_up(client, mobile)
    assert (pbx.call.direction, parties(pbx.call)) == (Direction.INBOUND, ["101"])


# ---- channels and bridges


def test_who_joins_a_conversation_in_progress_talks_in_the_clients_call():
    pbx = Pbx()
    client, phone = answered_call(pbx)
    third = pbx.phone_dials("103", "*55")
    pbx.up(third)
    pbx.joins(third, bridge=pbx._bridge_of[client])
    pbx.hangs_up(client, phone, third)
    assert (parties(pbx.call), pbx.call.merged) == (["101", "103"], (f"pbx/{third}",))


def test_a_phone_that_is_rung_and_is_then_said_to_call_did_not_begin_the_call():
    pbx = Pbx()
    client = pbx.call_comes_in()
    phone = pbx.rings("101", by=client)
    pbx.says(StateChanged(at=pbx.now, channel=phone, state=ChannelState.CALLING))
    pbx.answers(phone, client)
    pbx.hangs_up(client, phone)
    assert (pbx.call.direction, parties(pbx.call)) == (Direction.INBOUND, ["101"])


def test_a_bridge_that_links_to_a_call_which_nobody_knows_changes_nothing():
    pbx = Pbx()
    client, phone = answered_call(pbx)
    enters(pbx, phone, pbx._bridge_of[client], linked="9.9")
    pbx.hangs_up(client, phone)
    assert (parties(pbx.call), pbx.call.merged) == (["101"], ())


def test_a_clients_channel_that_takes_its_own_place_is_still_the_client():
    pbx = Pbx()
    client, phone = answered_call(pbx)
    enters(pbx, client, pbx._bridge_of[client], swapped=client)
    pbx.hangs_up(client, phone)
    assert (pbx.call.raw_number, parties(pbx.call)) == (CLIENT, ["101"])


# ---- trunks


def test_an_extension_that_is_shown_outside_is_not_the_companys_line():
    pbx = Pbx()
    phone = pbx.phone_dials("101", "07700900200")
    outside = pbx.rings("trunk", by=phone, number="07700900200", shown="101")
    pbx.answers(outside, phone)
    pbx.hangs_up(phone, outside)
    assert (pbx.call.direction, pbx.call.raw_line) == (Direction.OUTBOUND, None)


def test_guests_under_names_without_end_do_not_make_us_forget_who_is_a_trunk():
    pbx = Pbx(grace=0.0)
    for guest in range(4200):
        pbx.gone(pbx.born(f"guest-{guest}", state=ChannelState.CALLING))
    pbx.told.clear()
    client, phone = answered_call(pbx)
    pbx.hangs_up(client, phone)
    assert (pbx.call.direction, parties(pbx.call)) == (Direction.INBOUND, ["101"])


# ---- gaps


def test_who_began_an_outbound_call_may_be_met_one_list_after_the_client():
    pbx = Pbx()
    pbx.says(SnapshotBegun(at=pbx.now))
    ringing = {"state": ChannelState.RINGING, "number": "07700900200", "bridge": None}
    pbx.says(pbx.listed("1.2", endpoint="trunk", linked="1.1", **ringing))
    pbx.says(SnapshotEnded(at=pbx.now))
    pbx.says(SnapshotBegun(at=pbx.now))
    pbx.says(pbx.listed("1.1", endpoint="101", exten="07700900200", state=ChannelState.CALLING, bridge=None))
    pbx.says(pbx.listed("1.2", endpoint="trunk", linked="1.1", **ringing))
    pbx.says(SnapshotEnded(at=pbx.now))
    pbx._linked |= {"1.1": "1.1", "1.2": "1.1"}
    pbx.answers("1.2", "1.1")
    pbx.hangs_up("1.1", "1.2")
    assert (pbx.call.direction, pbx.call.caller, parties(pbx.call)) == (Direction.OUTBOUND, "101", ["101"])


def test_details_of_a_channel_that_nobody_knows_or_that_is_gone_are_harmless():
    pbx = Pbx()
    client, phone = answered_call(pbx)
    pbx.hangs_up(client, phone)
    over = pbx.call
    for channel in ("9.9", client):
        pbx.says(pbx.listed(channel, exten="442079460199", recording="late.wav", detail=True))
    assert pbx.calls == [over]


# ---- size


def test_channels_that_ended_are_known_for_the_grace_and_then_forgotten():
    pbx = Pbx(grace=30.0)
    client, phone = answered_call(pbx)
    pbx.hangs_up(client, phone)
    assert pbx.board.channels == 2
    pbx.waits(31)
    assert pbx.board.channels == 0
