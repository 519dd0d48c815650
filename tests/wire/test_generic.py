import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.model.call import Direction, Outcome, TransferKind, Utm
from bridge.model.events import CallAnswered, CallEnded, CallRecorded, CallRinging, CallTransferred
from bridge.model.moment import from_iso
from bridge.wire.generic import MOST_EVENTS, read_events
from bridge.wire.problems import MOST_PROBLEMS, Unreadable

NOW = from_iso("2026-11-22T09:15:40Z")

# The documented example.
EXAMPLE = """
{ "event_id": "c-1001-3", "type": "call.ended", "call_id": "c-1001",
  "occurred_at": "2026-11-22T10:15:30+01:00", "direction": "inbound",
  "client_number": "+48600700800", "client_name": "Anna Nowak", "line_number": "+48221234567",
  "employee": "101", "outcome": "answered", "ring_seconds": 6, "talk_seconds": 184,
  "recording_url": "https://pbx.example/rec/c-1001.mp3",
  "utm": {"source": "google", "medium": "cpc", "campaign": "autumn"} }
"""


def an_event(**changes: Any) -> dict[str, Any]:
    event = {
        "event_id": "e-1",
        "type": "call.ended",
        "call_id": "c-1",
        "occurred_at": "2026-11-22T10:15:30Z",
        "outcome": "missed",
    }
    return {key: value for key, value in (event | changes).items() if value is not ...}


def read(document: Any):
    return read_events(json.dumps(document).encode(), source="shop", received_at=NOW)


def read_one(**changes: Any):
    events = read(an_event(**changes))
    assert isinstance(events, tuple), str(events)
    (event,) = events
    return event


def problems_of(document: Any) -> dict[str, str]:
    answer = read(document)
    assert isinstance(answer, Unreadable)
    return {problem.path: problem.message for problem in answer.problems}


def test_the_contracts_example_is_read_whole():
    (event,) = read_events(EXAMPLE.encode(), source="shop", received_at=NOW)
    assert event == CallEnded(
        event_id="c-1001-3",
        source="shop",
        occurred_at=from_iso("2026-11-22T09:15:30Z"),
        received_at=NOW,
        platform_call_id="c-1001",
        direction=Direction.INBOUND,
        client_number="+48600700800",
        client_name="Anna Nowak",
        line_number="+48221234567",
        employee="101",
        utm=Utm(source="google", medium="cpc", campaign="autumn"),
        outcome=Outcome.ANSWERED,
        ring_seconds=6.0,
        talk_seconds=184.0,
        recording_url="https://pbx.example/rec/c-1001.mp3",
    )
    assert event.call_key == "shop/c-1001"


def test_every_type_becomes_its_own_event():
    assert isinstance(read_one(type="call.ringing"), CallRinging)
    assert isinstance(read_one(type="call.answered"), CallAnswered)
    assert isinstance(read_one(type="call.recorded", recording_url="https://pbx.example/1.mp3"), CallRecorded)
    transferred = read_one(type="call.transferred", employee="101", to="102", kind="attended")
    assert isinstance(transferred, CallTransferred)
    assert (transferred.employee, transferred.to, transferred.kind) == ("101", "102", TransferKind.ATTENDED)


def test_a_transfer_is_blind_unless_it_says_otherwise():
    assert read_one(type="call.transferred", to="102").kind is TransferKind.BLIND


def test_a_known_field_that_the_type_does_not_use_is_no_mistake():
    assert isinstance(read_one(type="call.ringing", outcome="missed", talk_seconds=3), CallRinging)


def test_an_array_keeps_its_order_and_may_be_empty():
    assert [event.event_id for event in read([an_event(event_id=str(n)) for n in range(5)])] == list("01234")
    assert read([]) == ()


@pytest.mark.parametrize("nothing", [None, "", "   "])
def test_an_empty_number_means_not_told(nothing):
    assert read_one(client_number=nothing).client_number is None


def test_a_missing_event_id_derives_from_the_content_and_not_from_its_spelling():
    first = read_one(event_id=..., client_number="+442079460100")
    second = read_events(
        b'{"outcome":"missed",  "client_number":"+442079460100", "call_id":"c-1","type":"call.ended",'
        b'"occurred_at":"2026-11-22T11:15:30+01:00", "queue": null}',
        source="shop",
        received_at=NOW + 60,
    )[0]
    other = read_one(event_id=..., client_number="+442079460101")
    assert first.event_id.startswith("content:")
    assert first.event_id == second.event_id != other.event_id


def test_what_a_stranger_typed_is_cleaned_and_clipped_but_never_refused():
    event = read_one(
        client_name=" Anna\x00\n\ud800Nowak\u2028 ", utm={"source": "g" * 9000, "id": {"odd": [1]}, "term": "a\tb"}
    )
    assert event.client_name == "Anna   Nowak"
    assert event.utm == Utm(source="g" * 500, term="a b")


def test_names_of_every_script_survive():
    for name in ("Zażółć Gęślą", "नमस्ते", "👩‍👩‍👧", "O'Brien-Šťastný"):  # the third has zero-width joiners
        assert read_one(client_name=name).client_name == name


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        ({"type": "call.end"}, "$.type", "did you mean call.ended?"),
        ({"type": ["call.ended"]}, "$.type", "an array is none of"),
        ({"type": ...}, "$.type", "is missing"),
        ({"call_id": ...}, "$.call_id", "is missing"),
        ({"call_id": "  "}, "$.call_id", "is missing"),
        ({"call_id": 1001}, "$.call_id", 'must be a string, not a number; write it in quotes: "1001"'),
        ({"call_id": "a\x00b"}, "$.call_id", "control character U+0000 at position 1"),
        ({"client_number": "\ud800"}, "$.client_number", "control character U+D800"),
        ({"call_id": "x" * 256}, "$.call_id", "has 256 characters; at most 255"),
        ({"outcome": ...}, "$.outcome", "is missing"),
        ({"outcome": "Missed"}, "$.outcome", "did you mean missed?"),
        ({"direction": "in"}, "$.direction", "is none of inbound, outbound, internal"),
        ({"occurred_at": ...}, "$.occurred_at", "is missing"),
        ({"occurred_at": "2026-11-22T10:15:30"}, "$.occurred_at", "with an offset"),
        ({"occurred_at": "yesterday"}, "$.occurred_at", "with an offset"),
        ({"occurred_at": 1795338930}, "$.occurred_at", "with an offset"),
        ({"occurred_at": "9999-12-31T23:59:59-14:00"}, "$.occurred_at", "no time of this century"),
        ({"occurred_at": "0001-01-01T00:00:00+14:00"}, "$.occurred_at", "no time of this century"),
        ({"talk_seconds": "184"}, "$.talk_seconds", "must be a number of seconds, not a string"),
        ({"talk_seconds": True}, "$.talk_seconds", "must be a number of seconds, not a boolean"),
        ({"talk_seconds": -1}, "$.talk_seconds", "from 0 to 604800"),
        ({"ring_seconds": 10**400}, "$.ring_seconds", "from 0 to 604800"),
        ({"recording_url": "javascript:alert(1)"}, "$.recording_url", "no http or https address"),
        ({"recording_url": "https://u:p@pbx.example/1"}, "$.recording_url", "no http or https address"),
        ({"recording_url": "https://pbx.example/a b"}, "$.recording_url", "no http or https address"),
        ({"type": "call.recorded"}, "$.recording_url", "is missing"),
        ({"type": "call.transferred", "kind": "warm"}, "$.kind", "is none of blind, attended"),
        ({"utm": "google"}, "$.utm", "must be an object, not a string"),
        ({"utm": {"source": 7}}, "$.utm.source", "must be a string, not a number"),
        ({"client_name": {}}, "$.client_name", "must be a string, not an object"),
        ({"clientnumber": "+1"}, "$.clientnumber", "did you mean client_number?"),
        ({"wholly other": 1}, "$['wholly other']", "is no key of an event"),
    ],
)
def test_each_mistake_is_told_with_its_path_and_remedy(changes, path, message):
    told = problems_of(an_event(**changes))
    assert message in told[path]
    assert len(told) == 1


def test_all_problems_are_told_at_once_each_with_its_place_in_the_array():
    told = problems_of([an_event(), an_event(outcome="gone", call_id=None), 7, an_event(occurred_at="now")])
    assert set(told) == {"$[1].outcome", "$[1].call_id", "$[2]", "$[3].occurred_at"}


def test_a_hopeless_body_is_explained_by_its_first_problems():
    assert len(read([{"a" * n: 1} for n in range(1, 900)]).problems) == MOST_PROBLEMS
    assert len(read({f"key{n}": 1 for n in range(5000)}).problems) == MOST_PROBLEMS


def test_a_batch_has_a_bound():
    assert "at most 1000" in problems_of([an_event()] * (MOST_EVENTS + 1))["$"]
    assert len(read([an_event()] * MOST_EVENTS)) == MOST_EVENTS


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "is not JSON"),
        (b"hello", "is not JSON"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"event_id=1&type=call.ended", "is not JSON"),
        (b'{"a": NaN}', "NaN is not a JSON number"),
        (b'{"a": -Infinity}', "-Infinity is not a JSON number"),
        (b"[" * 100_000, "is nested too deep"),
        (b'{"a":' * 100_000, "is nested too deep"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "is not JSON that can be read"),
        (b"7", "must be an object or an array of objects, not a number"),
        (b"null", "must be an object or an array of objects, not null"),
        (b'"x"', "not a string"),
    ],
)
def test_a_body_that_is_no_json_of_ours_says_why(body, message):
    answer = read_events(body, source="shop", received_at=NOW)
    assert isinstance(answer, Unreadable)
    assert message in str(answer)


def test_a_byte_order_mark_is_no_mistake():
    (event,) = read_events(b"\xef\xbb\xbf" + EXAMPLE.encode(), source="shop", received_at=NOW)
    assert event.event_id == "c-1001-3"


@pytest.mark.parametrize("depth", range(900, 1100, 5))
def test_nesting_near_the_limit_of_the_stack_never_raises(depth):
    nested = "[" * depth + "]" * depth
    for body in (f'{{"type": {nested}}}', f'{{"utm": {{"x": {nested}}}, "{nested}": {nested}}}', nested):
        assert isinstance(read_events(body.encode(), source="shop", received_at=NOW), Unreadable)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda values: st.lists(values, max_size=4) | st.dictionaries(st.text(), values, max_size=4),
    max_leaves=10,
)
KEYS = (*an_event(), "direction", "client_number", "client_name", "employee", "utm", "recording_url", "talk_seconds")


@given(st.dictionaries(st.sampled_from(KEYS), json_values))
def test_whatever_the_values_an_event_is_read_or_explained_in_text_that_any_store_takes(changes):
    answer = read([an_event(**changes)])
    if isinstance(answer, Unreadable):
        str(answer).encode()
        assert "\x00" not in str(answer)
    else:
        for text in (answer[0].event_id, answer[0].client_number, answer[0].client_name, repr(answer[0].utm)):
            (text or "").encode()
            assert "\x00" not in (text or "")


@given(st.binary(max_size=200))
def test_whatever_the_bytes_nothing_is_raised(body):
    assert isinstance(read_events(body, source="shop", received_at=NOW), Unreadable | tuple)
