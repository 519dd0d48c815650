"""AMI on the wire: frames, headers and limits; nothing that a caller can write makes an event."""

import gzip
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.wire.ami import (
    ActionIds,
    AmiMessage,
    AmiProtocolError,
    AmiStream,
    Limits,
    Only,
    challenge_key,
    encode_action,
)

BANNER = b"Asterisk Call Manager/11.0.0\r\n"
TRACE = Path(__file__).parents[1] / "transcripts/asterisk/22/xfer_att_feature/ami.txt.gz"
RAW = gzip.decompress(TRACE.read_bytes())
INTEREST = {
    b"Newchannel": None,
    b"Hangup": None,
    b"Hold": None,
    b"VarSet": Only(header=b"Variable", begins=(b"VMSTATUS\r\n", b"DIALSTATUS\r\nValue: CHANUNAVAIL")),
}


def connected(interest: dict[bytes, Only | None] | None = None, limits: Limits | None = None) -> AmiStream:
    stream = AmiStream(interest, limits)
    assert stream.receive(BANNER) == []
    return stream


def event(name: str, **headers: str) -> bytes:
    lines = [f"Event: {name}", "Privilege: call,all", *(f"{key}: {value}" for key, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def told(messages: list[AmiMessage]) -> list[tuple[bytes | None, str | None, dict[str, str | list[str]]]]:
    return [(message.event, message.response, message.headers()) for message in messages]


# ---- frames


def test_a_message_ends_at_an_empty_line():
    stream = connected()
    assert stream.receive(b"Event: Hangup\r\nUniqueid: 1.1\r\n") == []
    assert stream.receive(b"\r") == []
    (message,) = stream.receive(b"\n")
    assert message.event == b"Hangup"
    assert message.get(b"Uniqueid") == "1.1"


def test_a_nul_which_not_every_store_keeps_is_no_character():
    stream = connected()
    assert stream.receive(b"Event: Newchannel\r\nCallerIDName: An\0") == []
    (message,) = stream.receive(b"\0na\r\n\r\n")
    assert message.get(b"CallerIDName") == "An\ufffd\ufffdna"


def test_the_greeting_is_remembered():
    assert connected().banner == "Asterisk Call Manager/11.0.0"


def test_an_event_of_a_single_header_is_an_event():
    (message,) = connected().receive(b"Event: Hold\r\n\r\n")
    assert message.event == b"Hold"


def test_extra_blank_lines_are_skipped_as_debians_test_events_send_them():
    stream = connected(INTEREST)
    messages = stream.receive(event("TestEvent") + b"\r\n" + event("Hangup", Uniqueid="1.1") + b"\r\n\r\n\r\n")
    assert [message.event for message in messages] == [b"Hangup"]


def test_the_odd_ending_of_a_channel_map_does_not_swallow_the_next_event():
    """asterisk/asterisk#761: CR LF LF."""
    stream = connected(INTEREST)
    odd = b"Event: CoreShowChannelMap\r\nActionID: 1\r\nChannel: PJSIP/101-1\r\n\n"
    messages = stream.receive(odd + odd + event("Hangup", Uniqueid="1.1"))
    assert [message.get(b"Uniqueid") for message in messages] == ["1.1"]


def test_a_key_may_come_twice_in_one_message():
    (message,) = connected().receive(event("TestEvent", State="one")[:-2] + b"State: two\r\nState: three\r\n\r\n")
    assert message.get(b"State") == "one"
    assert message.get_all(b"state") == ["one", "two", "three"]
    assert message.headers()["State"] == ["one", "two", "three"]


def test_lines_without_a_colon_are_tolerated():
    (message,) = connected().receive(b"Event: Hangup\r\nnonsense\r\nUniqueid: 1.1\r\n\r\n")
    assert message.get(b"Uniqueid") == "1.1"
    assert message.headers() == {"Event": "Hangup", "Uniqueid": "1.1"}


def test_an_event_that_begins_in_an_odd_way_is_still_an_event():
    messages = connected(INTEREST).receive(
        b"nonsense\r\nevent:Hangup\r\nuniqueid:1.1\r\n\r\nwhat: ever\r\n\r\nx\r\n\r\n"
    )
    assert [(message.event, message.get(b"Uniqueid")) for message in messages] == [(b"Hangup", "1.1")]


def test_responses_are_handed_out_whatever_the_interest():
    stream = connected(INTEREST)
    messages = stream.receive(b"Response: Success\r\nActionID: bridge-1\r\nMessage: Authentication accepted\r\n\r\n")
    (message,) = messages
    assert (message.event, message.response, message.action_id) == (None, "Success", "bridge-1")
    assert message.succeeded
    (refusal,) = stream.receive(b"Response: Error\r\nActionID: bridge-2\r\n\r\n")
    assert not refusal.succeeded


@given(st.lists(st.integers(min_value=1, max_value=len(RAW) - 1), max_size=30))
def test_the_stream_may_be_cut_anywhere(cuts: list[int]):
    whole = AmiStream()
    places = [0, *sorted(cuts), len(RAW)]
    stream = AmiStream()
    messages = [message for start, end in pairwise(places) for message in stream.receive(RAW[start:end])]
    assert told(messages) == told(whole.receive(RAW))


def test_the_stream_may_be_cut_at_every_single_place():
    short = RAW[:3000] + "Event: Hangup\r\nCallerIDName: Zażółć\r\n\r\n\r\nEvent: Hold\r\n\r\n".encode()
    whole = told(AmiStream().receive(short))
    for place in range(1, len(short)):
        stream = AmiStream()
        assert told(stream.receive(short[:place]) + stream.receive(short[place:])) == whole


# ---- interest


def test_only_what_interests_is_handed_out_and_the_rest_is_counted():
    stream = connected(INTEREST)
    noise = event("Newexten") + event("RTCPSent") + event("HangupRequest") + event("NewConnectedLine")
    messages = stream.receive(noise * 3 + event("Hangup", Uniqueid="1.1") + noise)
    assert [message.event for message in messages] == [b"Hangup"]
    assert stream.skipped == 16


def test_an_event_is_of_interest_by_its_whole_name():
    stream = connected({b"Hold": None})
    assert stream.receive(event("HoldMusic") * 2 + event("Unhold")) == []
    assert [message.event for message in stream.receive(event("Hold"))] == [b"Hold"]


def test_an_event_that_looks_like_a_filtered_one_at_first_sight_is_not_lost():
    stream = connected({b"QueueMemberStatus": Only(header=b"Queue", begins=(b"sales\r\n",)), b"QueueMemberAdded": None})
    messages = stream.receive(event("QueueMemberAdded", Queue="support", X="y") + event("QueueMemberPause") * 2)
    assert [message.event for message in messages] == [b"QueueMemberAdded"]


def test_a_variable_is_of_interest_by_its_name_and_perhaps_its_value():
    stream = connected(INTEREST)
    messages = stream.receive(
        event("VarSet", Variable="DIALSTATUS", Value="ANSWER")
        + event("VarSet", Variable="DIALSTATUS", Value="CHANUNAVAIL")
        + event("VarSet", Variable="VMSTATUSES", Value="SUCCESS")
        + event("VarSet", Variable="VMSTATUS", Value="SUCCESS")
        + event("VarSet", Variable="OTHER", Value="VMSTATUS")
    )
    assert [message.get(b"Value") for message in messages] == ["CHANUNAVAIL", "SUCCESS"]


def test_a_header_that_is_spelled_otherwise_is_left_to_the_reader():
    (message,) = connected(INTEREST).receive(event("VarSet", variable="VMSTATUS", Value="SUCCESS"))
    assert message.get(b"Variable") == "VMSTATUS"


# ---- headers


def test_headers_are_found_in_any_spelling():
    (message,) = connected().receive(event("Cdr", UniqueID="1.1", CallerIDnum="101"))
    assert message.get(b"Uniqueid") == "1.1"
    assert message.get(b"CallerIDNum") == "101"
    assert message.get(b"Linkedid") is None
    assert message.get(b"Event") is None


def test_a_header_is_not_found_inside_of_another():
    (message,) = connected().receive(event("DialBegin", DestUniqueid="1.2", DestChannel="PJSIP/101-1"))
    assert message.get(b"Uniqueid") is None
    assert message.get(b"Channel") is None


def test_empty_is_not_absent():
    (message,) = connected().receive(event("Newchannel", Exten="", AccountCode="x"))
    assert message.get(b"Exten") == ""
    assert message.get(b"Context") is None


@pytest.mark.parametrize(
    "name",
    [
        "Event: Hangup",
        "Response: Error",
        "ActionID: bridge-1",
        "Uniqueid: 9.9",
        "Event: Hangup Uniqueid: 1.1",
        ": ",
        "\\r\\nEvent: Hangup\\r\\n",
        "\N{SNOWMAN}Event: Shutdown",
    ],
)
def test_a_caller_with_an_odd_name_is_a_caller_with_an_odd_name(name: str):
    stream = connected({b"Newchannel": None, b"Hangup": None, b"Shutdown": None})
    (message,) = stream.receive(event("Newchannel", CallerIDName=name, Uniqueid="1.1"))
    assert message.event == b"Newchannel"
    assert message.response is None
    assert message.action_id is None
    assert message.get(b"Uniqueid") == "1.1"
    assert message.get(b"CallerIDName") == name


def test_what_is_no_utf_8_is_replaced_and_hurts_nothing_else():
    frame = b"Event: Newchannel\r\nCallerIDName: Za\xbf\xf3\xb3\xe6\r\nUniqueid: 1.1\r\nLast: \xff\r\n\r\n"
    (message,) = connected().receive(frame)
    assert message.get(b"CallerIDName") == "Za\ufffd\ufffd\ufffd"
    assert message.get(b"Uniqueid") == "1.1"
    assert message.find_last(b"\r\nLast: ") == "\ufffd"


# ---- limits


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_garbage_is_harmless_or_a_protocol_error(chunks: list[bytes]):
    stream = connected(INTEREST, Limits(frame=500, header=100, headers=10))
    try:
        for chunk in chunks:
            for message in stream.receive(chunk):
                message.headers()
    except AmiProtocolError as error:
        assert "longer than" in str(error) or "more than" in str(error)  # noqa: PT017 - either way is right
    assert len(stream._tail) <= 500


def test_many_messages_in_one_read_may_be_longer_than_one_message_may_be():
    stream = connected(limits=Limits(frame=500))
    assert len(stream.receive(event("Newchannel", Uniqueid="1.1") * 20)) == 20


def test_a_flood_without_an_end_is_cut_off():
    stream = connected()
    for _ in range(65):
        stream.receive(b"x" * 1000)
    with pytest.raises(AmiProtocolError, match="longer than 65536 bytes"):
        stream.receive(b"x" * 1000)
    assert len(stream._tail) == 0
    with pytest.raises(AmiProtocolError, match="longer than 65536 bytes"):
        stream.receive(event("Hangup"))


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b"Event: Hangup\r\nName: " + b"x" * 20_000 + b"\r\n\r\n", "a header is longer than 16384 bytes"),
        (b"Event: Hangup\r\n" + b"a: b\r\n" * 2000 + b"\r\n", "a message has more than 1024 headers"),
        (b"Event: Noise\r\n" + b"a: bcdefgh\r\n" * 9000 + b"\r\n", "a message is longer than 65536 bytes"),
        (b"Response: Success\r\n" + b"a: b\r\n" * 2000 + b"\r\n", "a message has more than 1024 headers"),
    ],
)
def test_a_message_over_a_limit_is_an_error_that_names_it(frame: bytes, reason: str):
    with pytest.raises(AmiProtocolError, match=reason):
        connected(INTEREST).receive(frame)


def test_heads_of_noise_are_not_learned_without_end():
    stream = connected(INTEREST)
    for number in range(2000):
        stream.receive(event(f"Noise{number}Event", Some="thing"))
    assert len(stream._sieves) <= 600


def test_a_message_shows_what_it_holds():
    (message,) = connected().receive(event("Hold", Uniqueid="1.1"))
    assert repr(message) == "<AmiMessage {'Event': 'Hold', 'Privilege': 'call,all', 'Uniqueid': '1.1'}>"


@pytest.mark.parametrize(
    "greeting", [b"Asterisk\r\n", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 400 Bad Request\r\n", b"220 mail\r\n", b"\x16\x03"]
)
def test_whoever_greets_otherwise_is_no_manager_port(greeting: bytes):
    with pytest.raises(AmiProtocolError, match="not an Asterisk manager port"):
        AmiStream().receive(greeting)


def test_a_greeting_without_end_is_no_greeting():
    stream = AmiStream()
    stream.receive(b"Asterisk Call")
    with pytest.raises(AmiProtocolError, match="not an Asterisk manager port"):
        stream.receive(b" Manager/" + b"1" * 300)


# ---- actions


def test_an_action_is_written_as_headers():
    action = encode_action("Status", "bridge-1", [("Variables", "A,B"), ("Variable", "x=1"), ("Variable", "y=ż")])
    assert action == (
        "Action: Status\r\nActionID: bridge-1\r\nVariables: A,B\r\nVariable: x=1\r\nVariable: y=ż\r\n\r\n".encode()
    )


@pytest.mark.parametrize("value", ["x\r\nAction: Originate", "x\n", "\rx", "x\0y"])
def test_no_value_smuggles_in_another_header(value: str):
    with pytest.raises(ValueError, match="Username must not hold CR, LF or NUL"):
        encode_action("Login", "bridge-1", [("Username", value)])


@pytest.mark.parametrize("name", ["", "A:B", "A\r\nB", "\N{SNOWMAN}"])
def test_no_header_has_an_odd_name(name: str):
    with pytest.raises(ValueError, match="cannot be the name of an AMI header"):
        encode_action("Login", "bridge-1", [(name, "x")])


def test_the_secret_does_not_travel_with_an_md5_login():
    assert challenge_key("123456789", "secret") == "7ccde16e862dfe7681297713e9e9cadb"


def test_action_ids_do_not_repeat():
    ids = ActionIds()
    assert [ids.next(), ids.next()] == ["bridge-1", "bridge-2"]
