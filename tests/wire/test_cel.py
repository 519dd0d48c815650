"""What CEL has no word for, and odd diaries. The recorded ones are in tests/transcripts."""

from bridge.model.call_records import CelRow, NamedChannel
from bridge.model.channels import (
    ChannelBorn,
    ChannelHungUp,
    ChannelState,
    DialBegun,
    DialEnded,
    DialStatus,
    StateChanged,
)
from bridge.wire.asterisk import read_name
from bridge.wire.cel import facts_of


def row(kind, at=0.0, unique="1.1", name="PJSIP/trunk-1", *, linked="1.1", **more):
    channel_kind, technology, endpoint = read_name(name)
    channel = NamedChannel(name=name, kind=channel_kind, technology=technology, endpoint=endpoint)
    ordinary = {"number": "0770", "name": None, "exten": "44", "application": "", "data": "", "extra": {}}
    return CelRow(kind=kind, at=at, unique=unique, linked=linked, channel=channel, **(ordinary | more))


def kinds(facts):
    return [type(fact) for fact in facts]


def test_a_channel_whose_beginning_was_not_read_says_nothing():
    assert facts_of([row("ANSWER"), row("HANGUP"), row("BRIDGE_ENTER")]) == []


def test_events_told_twice_count_once():
    once = [row("CHAN_START"), row("ANSWER", 1), row("HANGUP", 2), row("CHAN_END", 2)]
    assert facts_of(once) == facts_of([event for event in once for _ in range(2)])
    assert kinds(facts_of(once)) == [ChannelBorn, StateChanged, ChannelHungUp]


def test_a_channel_that_originate_rings_did_not_call_us():
    born, begun, *_ = facts_of([row("CHAN_START"), row("ANSWER", 1, application="AppDial2")])
    assert (born.state, type(begun)) == (ChannelState.DOWN, DialBegun)


def test_who_is_in_a_bridge_is_up_even_if_no_answer_is_written():
    facts = facts_of([row("CHAN_START"), row("BRIDGE_ENTER", 1, extra={"bridge_id": "b"})])
    assert StateChanged(1, "1.1", ChannelState.UP) in facts


def test_causes_say_why_a_phone_was_not_reached():
    for cause, status in (("17", DialStatus.BUSY), ("34", DialStatus.CONGESTION), ("26", DialStatus.CANCEL)):
        phone = row("CHAN_START", 1, "1.2", "PJSIP/101-2")
        end = row("HANGUP", 2, "1.2", "PJSIP/101-2", extra={"hangupcause": cause})
        (ended,) = [fact for fact in facts_of([row("CHAN_START"), phone, end]) if isinstance(fact, DialEnded)]
        assert ended.status is status


def test_handovers_that_name_nobody_and_forwards_of_nobody_say_nothing():
    known = [row("CHAN_START")]
    odd = [row(kind, 1) for kind in ("ATTENDEDTRANSFER", "PICKUP", "FORWARD", "USER_DEFINED", "LINKEDID_END")]
    assert facts_of([*known, *odd]) == facts_of(known)


def test_a_recording_is_named_by_the_application_that_writes_it():
    data = "/var/spool/asterisk/monitor/2026/x.wav,b"
    (_, named) = facts_of([row("CHAN_START"), row("APP_START", 1, application="MixMonitor", data=data)])
    assert named.file == "2026/x.wav"


def test_machines_are_rung_by_nobody():
    facts = facts_of([row("CHAN_START"), row("CHAN_START", 1, "1.2", "Recorder/ARI-1")])
    assert kinds(facts) == [ChannelBorn, ChannelBorn]


def test_a_channel_that_ended_long_ago_rings_nobody_and_is_not_born_again():
    dialling = [row("CHAN_START"), row("APP_START", 1, application="Dial", data="PJSIP/101"), row("HANGUP", 2)]
    local = row("CHAN_START", 1, "1.3", "Local/9@x-1;1"), row("HANGUP", 2, "1.3", "Local/9@x-1;1")
    later = [row("CHAN_START", 99), row("CHAN_START", 99, "1.2", "PJSIP/101-2")]
    facts = [fact for fact in facts_of([*dialling, *local, *later]) if fact.at > 50]
    assert kinds(facts) == [ChannelBorn, DialBegun]
    assert facts[1].dialler is None
