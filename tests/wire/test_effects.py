import json

import pytest

from bridge.model import effects as do
from bridge.model.outgoing import Parcel
from bridge.rules.outgoing import outgoing
from bridge.wire.effects import NAMES, effect_document, name_of
from tests.rules.test_outgoing import CAUSE, EFFECTS, TASK, TOLD


def document(effect, **remote):
    (item,) = outgoing("http", CAUSE, [effect], {})
    return effect_document(Parcel(outgoing=item, remote={("lead", id_): theirs for id_, theirs in remote.items()}))


def test_every_effect_that_leaves_has_a_name():
    assert set(NAMES) == {type(effect) for effect in EFFECTS if not isinstance(effect, do.CountOnly)}
    assert len({name for name, _ in NAMES.values()}) == len(NAMES)


@pytest.mark.parametrize("effect", TOLD, ids=lambda effect: type(effect).__name__)
def test_every_effect_is_json_with_one_member_that_holds_its_fields(effect):
    told = document(effect)
    assert json.loads(json.dumps(told)) is not None
    assert told["effect"] == name_of(effect)
    assert set(told) == {
        "key", "effect", "client", "call", "scenario", "occurred_at", "remote", NAMES[type(effect)][1],
    }  # fmt: skip
    assert not {"touched", "version", "last_fact"} & told[NAMES[type(effect)][1]].keys()


def test_the_context_comes_with_each():
    told = document(do.AddTask(task=TASK), l1="77")
    assert told["client"] == {"number": "+447700900001", "lane": "+447700900001"}
    assert (told["call"], told["scenario"], told["occurred_at"]) == ("pbx/1", "S3", "1970-01-01T00:01:40.000Z")
    assert told["remote"] == {"lead": {"l1": "77"}}


def test_fields_have_our_names_and_times_are_iso():
    assert document(do.RepeatTask(task_id="t1", at=100.0, due_at=160.0, fact="pbx/1"))["task"] == {
        "id": "t1",
        "at": "1970-01-01T00:01:40.000Z",
        "text": None,
        "recording_url": None,
        "due_at": "1970-01-01T00:02:40.000Z",
        "fact": "pbx/1",
    }
    assert document(do.AddTask(task=TASK))["task"]["kind"] == "callback"
    assert document(do.HandOver(owner_id="jan", lead_id="l1"))["owner"]["id"] == "jan"
    note = document(do.AddNote(key="pbx/1/note", text="Hello", at=100.0, lead_id="l1"))["note"]
    assert set(note) == {"id", "text", "at", "lead_id", "deal_id", "contact_id"}
