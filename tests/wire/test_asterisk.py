"""What Asterisk's events say about channels, in neutral words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.model.channels import (
    AttendedTransferred,
    BlindTransferred,
    BridgeEntered,
    CallerLearned,
    ChannelBorn,
    ChannelFact,
    ChannelHungUp,
    ChannelKind,
    ChannelListed,
    ChannelState,
    DialBegun,
    DialEnded,
    DialStatus,
    HoldChanged,
    LineTold,
    NobodyThere,
    Originated,
    PbxBooted,
    PbxStopped,
    Place,
    PlaceReached,
    RecordingNamed,
    SnapshotBegun,
    SnapshotEnded,
    VoicemailEnded,
    VoicemailNamed,
)
from bridge.wire.ami import AmiMessage, AmiStream
from bridge.wire.asterisk import EVENTS, dialled_number, read_name, translate

AT = 1_800_000_000.0


def message(text: str) -> AmiMessage:
    stream = AmiStream()
    lines = "\r\n".join(line.strip() for line in text.strip().splitlines())
    (only,) = stream.receive(f"Asterisk Call Manager/11.0.0\r\n{lines}\r\n\r\n".encode())
    return only


def said(text: str) -> ChannelFact | None:
    return translate(message(text), AT)


def born(**headers: str) -> ChannelBorn:
    values = {"Channel": "PJSIP/trunk-0000009f", "ChannelState": "4", "Uniqueid": "1.1", "Linkedid": "1.1", **headers}
    fact = said(
        "Event: Newchannel\nPrivilege: call,all\n" + "\n".join(f"{key}: {value}" for key, value in values.items())
    )
    assert isinstance(fact, ChannelBorn)
    return fact


# ---- names


@pytest.mark.parametrize(
    ("channel", "kind", "technology", "endpoint"),
    [
        ("PJSIP/101-0000001a", ChannelKind.DEVICE, "PJSIP", "101"),
        ("PJSIP/provider-uk-1-0000001a", ChannelKind.DEVICE, "PJSIP", "provider-uk-1"),
        ("SIP/sip.example.org-0000abcd", ChannelKind.DEVICE, "SIP", "sip.example.org"),
        ("IAX2/branch-4711", ChannelKind.DEVICE, "IAX2", "branch"),
        ("DAHDI/1-1", ChannelKind.DEVICE, "DAHDI", "1"),
        ("DAHDI/i1/07700900101-2", ChannelKind.DEVICE, "DAHDI", "i1"),
        ("DAHDI/pseudo-1234", ChannelKind.MACHINE, "DAHDI", "pseudo"),
        ("Local/101@from-queue-00000004;1", ChannelKind.LOCAL, "Local", "101@from-queue-00000004"),
        ("Local/101@from-queue-00000004;2", ChannelKind.LOCAL, "Local", "101@from-queue-00000004"),
        ("CBAnn/800-00000001;1", ChannelKind.MACHINE, "CBAnn", "800"),
        ("AsyncGoto/PJSIP/101-0000001a-00000003", ChannelKind.MACHINE, "AsyncGoto", "PJSIP/101-0000001a"),
        ("Surrogate/PJSIP/101-0000001a", ChannelKind.MACHINE, "Surrogate", "PJSIP/101"),
        ("PJSIP/101-0000001a<ZOMBIE>", ChannelKind.DEVICE, "PJSIP", "101"),
        ("odd", ChannelKind.DEVICE, "odd", "odd"),
        ("", ChannelKind.DEVICE, "", ""),
    ],
)
def test_a_channel_name_tells_who_is_there(channel: str, kind: ChannelKind, technology: str, endpoint: str):
    assert read_name(channel) == (kind, technology, endpoint)


@pytest.mark.parametrize(
    ("dial_string", "endpoint", "number"),
    [
        ("07700900555@trunk", "trunk", "07700900555"),
        ("+447700900555@trunk", "trunk", "+447700900555"),
        ("PJSIP/07700900555@trunk", "trunk", "07700900555"),
        ("trunk/sip:07700900555@10.0.0.1:5060", "trunk", "07700900555"),
        ("trunk/07700900555", "trunk", "07700900555"),
        ("SIP/trunk/07700900555", "trunk", "07700900555"),
        ("g1/07700900555", "i1", "07700900555"),
        ("branch/101", "branch", "101"),
        ("101", "101", None),
        ("PJSIP/101", "101", None),
        ("", "101", None),
    ],
)
def test_a_dial_string_on_a_trunk_holds_the_number(dial_string: str, endpoint: str, number: str | None):
    assert dialled_number(dial_string, endpoint) == number


# ---- facts


def test_a_new_channel_of_the_outside_carries_number_name_and_did():
    fact = born(CallerIDNum="+447700900101", CallerIDName="Zażółć, J. O\\'Brien", Exten="442079460101")
    assert fact == ChannelBorn(
        at=AT,
        channel="1.1",
        linked="1.1",
        kind=ChannelKind.DEVICE,
        technology="PJSIP",
        endpoint="trunk",
        state=ChannelState.CALLING,
        number="+447700900101",
        name="Zażółć, J. O'Brien",
        exten="442079460101",
    )


@pytest.mark.parametrize(
    ("escaped", "name"),
    [("O\\'Brien", "O'Brien"), ('\\"Jo\\"', '"Jo"'), ("a\\\\nb", "a\\nb"), ("a\\nb", "a\nb"), ("tail\\\\", "tail\\")],
)
def test_names_are_unescaped(escaped: str, name: str):
    assert born(CallerIDName=escaped).name == name


@pytest.mark.parametrize("unknown", ["<unknown>", "", "<null>"])
def test_what_the_pbx_does_not_know_is_none(unknown: str):
    fact = born(CallerIDNum=unknown, CallerIDName=unknown, Exten=unknown)
    assert (fact.number, fact.name, fact.exten) == (None, None, None)


def test_anonymous_is_kept_as_told_because_reading_numbers_is_not_our_trade():
    assert born(CallerIDNum="anonymous").number == "anonymous"


def test_ids_may_carry_a_system_name_or_be_any_text():
    fact = born(Uniqueid="pbx1-1795314064.278", Linkedid="crm-1795314251-a")
    assert (fact.channel, fact.linked) == ("pbx1-1795314064.278", "crm-1795314251-a")


@pytest.mark.parametrize(
    ("number", "state"),
    [
        ("0", ChannelState.DOWN),
        ("1", ChannelState.DOWN),
        ("4", ChannelState.CALLING),
        ("9", ChannelState.CALLING),
        ("5", ChannelState.RINGING),
        ("6", ChannelState.UP),
        ("7", ChannelState.OTHER),
        ("", ChannelState.OTHER),
    ],
)
def test_a_channel_state_says_who_calls_whom(number: str, state: ChannelState):
    assert born(ChannelState=number).state is state


def test_the_pbxs_own_time_is_better_than_ours():
    fact = said("Event: Newstate\nPrivilege: call,all\nTimestamp: 1795314064.278123\nUniqueid: 1.1\nChannelState: 6")
    assert fact is not None
    assert fact.at == 1795314064.278123


def test_an_event_that_tells_nothing_of_channels_is_no_fact():
    assert said("Event: PeerStatus\nPeer: PJSIP/101\nPeerStatus: Reachable") is None


def test_a_time_stamp_that_is_none_is_passed_over():
    fact = said("Event: Newstate\nPrivilege: call,all\nTimestamp: soon\nUniqueid: 1.1\nChannelState: 6")
    assert fact is not None
    assert fact.at == AT


def test_a_caller_id_may_come_late():
    fact = said("Event: NewCallerid\nUniqueid: 1.1\nCallerIDNum: 0770\nCallerIDName: <unknown>")
    assert fact == CallerLearned(at=AT, channel="1.1", number="0770", name=None)


def test_dialling_a_trunk_tells_number_and_what_is_shown():
    fact = said(
        """Event: DialBegin
        Channel: PJSIP/101-1
        Uniqueid: 1.1
        DestChannel: PJSIP/trunk-2
        DestConnectedLineNum: 442079460100
        DestUniqueid: 1.2
        DialString: 07700900200@trunk"""
    )
    assert fact == DialBegun(at=AT, channel="1.2", dialler="1.1", number="07700900200", shown="442079460100")


def test_click_to_call_rings_on_behalf_of_nobody():
    fact = said("Event: DialBegin\nDestChannel: PJSIP/101-1\nDestUniqueid: 1.1\nDialString: 101")
    assert fact == DialBegun(at=AT, channel="1.1", dialler=None, number=None, shown=None)


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ("ANSWER", DialStatus.ANSWER),
        ("NOANSWER", DialStatus.NO_ANSWER),
        ("CHANUNAVAIL", DialStatus.UNAVAILABLE),
        ("CONGESTION", DialStatus.CONGESTION),
        ("DONTCALL", DialStatus.REFUSED),
        ("GOTO:menu", DialStatus.OTHER),
        ("", DialStatus.OTHER),
    ],
)
def test_how_ringing_ended(told: str, status: DialStatus):
    assert said(f"Event: DialEnd\nDestUniqueid: 1.2\nDialStatus: {told}") == DialEnded(
        at=AT, channel="1.2", status=status
    )


def test_a_phone_that_forwards_says_where_to():
    fact = said("Event: DialEnd\nDestUniqueid: 1.2\nDialStatus: CANCEL\nForward: 102")
    assert fact == DialEnded(at=AT, channel="1.2", status=DialStatus.CANCEL, forwarded=True)


def test_a_parking_bridge_is_a_holding_one():
    fact = said("Event: BridgeEnter\nBridgeUniqueid: b\nBridgeTechnology: holding_bridge\nUniqueid: 1.1\nLinkedid: 1.0")
    assert fact == BridgeEntered(at=AT, channel="1.1", bridge="b", linked="1.0", holding=True, swapped=None)
    fact = said("Event: BridgeEnter\nBridgeUniqueid: b\nUniqueid: 1.1\nSwapUniqueid: 1.7")
    assert fact == BridgeEntered(at=AT, channel="1.1", bridge="b", swapped="1.7")


def test_hold_and_unhold():
    assert said("Event: Hold\nUniqueid: 1.1") == HoldChanged(at=AT, channel="1.1", held=True)
    assert said("Event: Unhold\nUniqueid: 1.1") == HoldChanged(at=AT, channel="1.1", held=False)


def test_a_transfer_that_failed_is_none():
    blind = "Event: BlindTransfer\nResult: {}\nTransfererUniqueid: 1.2\nTransfereeUniqueid: 1.1\nExtension: 102"
    assert said(blind.format("Success")) == BlindTransferred(at=AT, channel="1.2", transferred="1.1", exten="102")
    assert said(blind.format("Fail")) is None
    attended = "Event: AttendedTransfer\nResult: {}\nOrigTransfererUniqueid: 1.2\nSecondTransfererUniqueid: 1.3"
    assert said(attended.format("Success")) == AttendedTransferred(at=AT, channel="1.2", second="1.3", target=None)
    assert said(attended.format("Not Permitted")) is None


@pytest.mark.parametrize(
    ("variable", "value", "fact"),
    [
        ("MIXMONITOR_FILENAME", "/var/spool/asterisk/monitor/2026/in.wav", RecordingNamed(AT, "1.1", "2026/in.wav")),
        ("MIXMONITOR_FILENAME", "/srv/calls/in.wav", RecordingNamed(AT, "1.1", "/srv/calls/in.wav")),
        ("VM_MESSAGEFILE", "/var/spool/asterisk/voicemail/default/1/x", VoicemailNamed(AT, "1.1", "default/1/x")),
        ("VMSTATUS", "SUCCESS", VoicemailEnded(AT, "1.1", left=True)),
        ("VMSTATUS", "FAILED", VoicemailEnded(AT, "1.1", left=False)),
        ("FROM_DID", "442079460101", LineTold(AT, "1.1", "442079460101")),
        ("__FROM_DID", "442079460101", LineTold(AT, "1.1", "442079460101")),
        ("QUEUESTATUS", "JOINEMPTY", NobodyThere(AT, "1.1", in_queue=True)),
        ("QUEUESTATUS", "TIMEOUT", None),
        ("DIALSTATUS", "CHANUNAVAIL", NobodyThere(AT, "1.1")),
        ("DIALSTATUS", "ANSWER", None),
        ("BACKGROUNDSTATUS", "SUCCESS", PlaceReached(AT, "1.1", Place.MENU)),
        ("PLAYBACKSTATUS", "SUCCESS", PlaceReached(AT, "1.1", Place.ANNOUNCEMENT)),
        ("MIXMONITOR_FILENAME", "", None),
        ("SOMETHING", "else", None),
    ],
)
def test_a_few_variables_tell_something(variable: str, value: str, fact: ChannelFact | None):
    assert said(f"Event: VarSet\nUniqueid: 1.1\nVariable: {variable}\nValue: {value}") == fact


@pytest.mark.parametrize(
    ("application", "data", "fact"),
    [
        ("BackGround", "welcome", PlaceReached(AT, "1.1", Place.MENU)),
        ("Playback", "closed", PlaceReached(AT, "1.1", Place.ANNOUNCEMENT)),
        ("VoiceMail", "101@default,u", PlaceReached(AT, "1.1", Place.MAILBOX)),
        ("Queue", "sales,tT,,,20", PlaceReached(AT, "1.1", Place.QUEUE, "sales")),
        ("Set", "x=y", None),
    ],
)
def test_an_application_tells_where_the_caller_is(application: str, data: str, fact: ChannelFact | None):
    assert said(f"Event: Newexten\nUniqueid: 1.1\nApplication: {application}\nAppData: {data}") == fact


def test_a_message_waits_if_it_came_with_this_call():
    assert said("Event: MessageWaiting\nUniqueid: 1.1\nNew: 1") == VoicemailEnded(at=AT, channel="1.1", left=True)
    assert said("Event: MessageWaiting\nMailbox: 101@default\nNew: 1") is None
    assert said("Event: MessageWaiting\nUniqueid: 1.1\nNew: 0") is None


def test_a_detail_record_may_name_a_recording():
    record = "Event: Cdr\nUniqueID: 1.1\nUserField: {}"
    assert said(record.format("2026/in.wav")) == RecordingNamed(AT, "1.1", "2026/in.wav", written_later=True)
    assert said(record.format("campaign 7")) is None


def test_an_originated_channel_that_answered_says_what_is_dialled_for_it():
    answer = "Event: OriginateResponse\nResponse: {}\nExten: 0770\nUniqueid: {}"
    assert said(answer.format("Success", "1.1")) == Originated(at=AT, channel="1.1", exten="0770")
    assert said(answer.format("Failure", "<unknown>")) is None
    assert said(answer.format("Failure", "1.1")) is None


@pytest.mark.parametrize(("cause", "number"), [("16", 16), ("", 0), ("busy", 0), ("99999999999", 0), ("-1", 0)])
def test_a_cause_is_a_small_number(cause: str, number: int):
    assert said(f"Event: Hangup\nUniqueid: 1.1\nCause: {cause}\nCause-txt: x") == ChannelHungUp(AT, "1.1", number)


# ---- snapshot and life of the PBX


def test_a_listed_channel_knows_when_it_began_and_where_it_is():
    fact = said(
        """Event: CoreShowChannel
        Channel: Local/101@from-queue-00000004;2
        ChannelState: 6
        CallerIDNum: +447700900101
        Exten: 442079460101
        Uniqueid: 1.1
        Linkedid: 1.0
        Duration: 01:02:03
        BridgeId: b"""
    )
    assert isinstance(fact, ChannelListed)
    assert (fact.born, fact.bridge, fact.pair) == (AT - 3723, "b", "101@from-queue-00000004")
    assert (fact.number, fact.exten, fact.state) == ("+447700900101", "442079460101", ChannelState.UP)


@pytest.mark.parametrize("duration", ["", "an hour", "01:-2:03", "9999999999"])
def test_a_listed_channel_whose_age_is_no_age_began_nobody_knows_when(duration: str):
    fact = said(f"Event: CoreShowChannel\nChannel: PJSIP/101-00000001\nUniqueid: 1.2\nDuration: {duration}")
    assert isinstance(fact, ChannelListed)
    assert fact.born is None


def test_status_knows_the_did_and_variables_that_were_asked_for():
    fact = said(
        """Event: Status
        Channel: PJSIP/trunk-1
        ChannelState: 4
        Exten: s
        Uniqueid: 1.1
        Linkedid: 1.1
        DNID: 442079460101
        BridgeID:
        Seconds: 7
        Variable: MIXMONITOR_FILENAME=/var/spool/asterisk/monitor/in.wav
        Variable: FROM_DID="""
    )
    assert isinstance(fact, ChannelListed)
    assert (fact.exten, fact.bridge, fact.born, fact.recording) == ("442079460101", None, AT - 7, "in.wav")


def test_a_snapshot_has_a_beginning_and_an_end():
    assert said("Response: Success\nMessage: Channels will follow") == SnapshotBegun(at=AT)
    assert said("Response: Success\nMessage: Authentication accepted") is None
    assert said("Event: CoreShowChannelsComplete\nListItems: 0") == SnapshotEnded(at=AT)


def test_the_pbx_says_since_when_it_is_up_and_when_it_stops():
    assert said("Event: FullyBooted\nUptime: 12") == PbxBooted(at=AT, since=AT - 12)
    assert said("Event: FullyBooted\nStatus: Fully Booted") == PbxBooted(at=AT, since=None)
    assert said("Event: Shutdown\nShutdown: Cleanly") == PbxStopped(at=AT)


# ---- hostile


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_an_event_without_its_headers_says_nothing_or_little(name: bytes):
    fact = said(f"Event: {name.decode()}\nPrivilege: call,all")
    assert fact is None or not hasattr(fact, "channel")


@given(
    st.sampled_from(sorted(EVENTS)),
    st.dictionaries(
        st.sampled_from(
            ["Uniqueid", "Linkedid", "Channel", "Cause", "Duration", "New", "DestUniqueid", "Value", "Uptime"]
        ),
        st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=30),
    ),
)
def test_no_value_makes_a_reader_raise(name: bytes, headers: dict[str, str]):
    lines = [
        "Asterisk Call Manager/1",
        f"Event: {name.decode()}",
        *(f"{key}: {value}" for key, value in headers.items()),
    ]
    for only in AmiStream().receive("\r\n".join([*lines, "", ""]).encode()):
        translate(only, AT)
