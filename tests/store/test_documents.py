import json
import types
import typing
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.model.call import Call
from bridge.model.crm import Client
from bridge.model.effects import Verdict
from bridge.model.events import Event, FormSubmitted
from bridge.store import documents
from bridge.store.codec import turns
from bridge.store.errors import UnreadableDocument
from tests.store.builders import NOON, call, ended, eventful_call, seen

TEXTS = st.text(max_size=12)
MOMENTS = st.floats(allow_nan=False, allow_infinity=False)


def anything_of(hint):
    """Any value of this type, however odd."""
    if isinstance(hint, types.UnionType):
        return st.one_of([anything_of(member) for member in typing.get_args(hint)])
    if typing.get_origin(hint) is tuple:
        return st.lists(anything_of(typing.get_args(hint)[0]), max_size=2).map(tuple)
    if typing.get_origin(hint) is not None:
        return st.dictionaries(TEXTS, TEXTS, max_size=2)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return st.sampled_from(list(hint))
    if is_dataclass(hint):
        hints = typing.get_type_hints(hint)
        return st.builds(hint, **{part.name: anything_of(hints[part.name]) for part in fields(hint)})
    return {
        str: TEXTS,
        float: MOMENTS,
        int: st.integers(-(2**31), 2**31),
        bool: st.booleans(),
        type(None): st.none(),
    }[hint]


@given(event=anything_of(Event))
def test_every_event_comes_back_as_it_was_written(event):
    assert documents.read_event(documents.event_text(event)) == event


@given(folded=anything_of(Call))
def test_every_call_comes_back_as_it_was_written(folded):
    assert documents.read_call(documents.call_text(folded)) == folded


@given(client=anything_of(Client))
def test_every_client_comes_back_as_it_was_written(client):
    assert documents.read_client(documents.client_text(client)) == client


@given(verdict=anything_of(Verdict))
def test_every_verdict_comes_back_as_it_was_written(verdict):
    assert documents.read_verdict(documents.verdict_text(verdict)) == verdict


def test_steps_words_and_tags_come_back_as_they_were_written():
    steps = (ended(1), ended(2, ring_seconds=6.5))
    assert documents.read_steps(documents.steps_text(steps)) == steps
    assert documents.read_words(documents.words_text(("a", "ü"))) == ("a", "ü")
    assert documents.read_words(documents.words_text(())) == ()
    utm = eventful_call().utm
    assert documents.read_utm(documents.utm_text(utm)) == utm
    assert documents.read_utm(documents.utm_text(call().utm)) == call().utm


def test_what_is_ordinary_takes_no_room():
    assert set(json.loads(documents.call_text(call(1)))) == {
        "key",
        "source",
        "platform_call_id",
        "direction",
        "started_at",
        "raw_number",
        "revision",
    }


def test_a_document_of_a_newer_version_is_read_without_what_we_do_not_know():
    text = documents.call_text(eventful_call())
    newer = text.replace('{"party":"101"', '{"mood":"good","party":"101"').replace("{", '{"weather":{"rain":[1]},', 1)
    assert newer != text
    assert documents.read_call(newer) == eventful_call()


def test_a_document_of_an_older_version_gets_the_defaults_of_what_it_did_not_know():
    older = '{"key":"pbx/1","source":"pbx","platform_call_id":"1","direction":"inbound","started_at":1.5}'
    read = documents.read_call(older)
    assert (read.rang, read.utm.source, read.outcome, read.revision) == ((), None, None, 0)


@pytest.mark.parametrize(
    "damaged",
    [
        "",
        "{",
        "null",
        "[]",
        "{}",
        '{"is":"Earthquake"}',
        '{"is":"CallEnded","event_id":"1"}',
        documents.event_text(ended()).replace('"missed"', '"exploded"'),
        documents.event_text(seen(call())).replace('"call":{', '"call":[{').replace("}}", "}]}"),
    ],
)
def test_a_damaged_document_is_one_kind_of_error(damaged):
    with pytest.raises(UnreadableDocument, match="A stored document cannot be read"):
        documents.read_event(damaged)


def test_a_form_without_fields_shares_nothing_with_another():
    form = FormSubmitted(event_id="f", source="site", occurred_at=NOON, received_at=NOON)
    first = documents.read_event(documents.event_text(form))
    assert first == form


class Mood(StrEnum):
    GOOD = "good"
    BAD = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """What a later version may hold: every kind of default, on types that need turning and on those that do not."""

    must: tuple[Mood, ...] | None
    word: str | None = "usual"
    mood: Mood | None = Mood.GOOD
    told: Mood | None = None
    moods: tuple[Mood, ...] = (Mood.BAD,)
    number: int = 3


@given(value=anything_of(Later))
def test_defaults_other_than_nothing_are_kept_apart_from_nothing(value):
    write, read = turns(Later)
    assert read(json.loads(json.dumps(write(value)))) == value


def test_a_missing_key_means_the_default_and_not_nothing():
    _, read = turns(Later)
    assert read({"must": None}) == Later(must=None)
