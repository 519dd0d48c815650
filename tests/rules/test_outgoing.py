import dataclasses
from typing import get_args

import pytest

from bridge.model import effects as do
from bridge.model.crm import Case, Contact, Deal, Lead, Organisation, Task, TaskKind, TaskStatus, record_id
from bridge.model.effects import Effect
from bridge.rules.outgoing import Cause, effect_key, made_by, named_by, outgoing

CAUSE = Cause(fact="pbx/1", lane="+447700900001", at=100.0, call="pbx/1", scenario="S3", client_number="+447700900001")
TASK = Task(id="t1", kind=TaskKind.CALLBACK, status=TaskStatus.OPEN, assignee_id="jan", title="Call", lead_id="l1",
            case_id="k1")  # fmt: skip
CASE = Case(id="k1", client="c", client_number=None, line_number=None, attempts=1, first_at=1.0, last_at=1.0,
            due_at=2.0, task_id="t1")  # fmt: skip
EFFECTS = (
    do.OpenContact(contact=Contact(id="c1", name="Anna", organisation_id="o1")),
    do.OpenOrganisation(organisation=Organisation(id="o1", name="Acme")),
    do.OpenLead(lead=Lead(id="l1", title="Lead", contact_id="c1", previous_lead_id="l0")),
    do.OpenDeal(deal=Deal(id="d1", title="Deal", lead_id="l1")),
    do.AddTask(task=TASK),
    do.RepeatTask(task_id="t1", at=100.0, fact="pbx/1"),
    do.CompleteTask(task_id="t1", at=100.0, note="Called back."),
    do.OpenCase(case=CASE),
    do.RepeatCase(case_id="k1", at=100.0, fact="pbx/1"),
    do.NoteCallback(case_id="k1", at=100.0, fact="pbx/1"),
    do.CloseCase(case_id="k1", at=100.0, resolved_by="jan", resolved_how="called back"),
    do.LogCall(call_id="a1", lead_id="l1", contact_id="c1", at=100.0),
    do.AttachRecording(call_id="a1", urls=("https://pbx.example/1.mp3",), fact="pbx/1"),
    do.HandOver(owner_id="jan", lead_id="l1", contact_id="c1"),
    do.AddNote(key="pbx/1/note", text="Hello", at=100.0, lead_id="l1"),
    do.CountOnly(counter="blocked"),
)
TOLD = [effect for effect in EFFECTS if not isinstance(effect, do.CountOnly)]


def test_every_effect_there_is_is_tried_here():
    assert {type(effect) for effect in EFFECTS} == set(get_args(Effect))


def test_all_is_told_but_what_is_only_counted_and_in_its_order():
    told = outgoing("http", CAUSE, EFFECTS, {})
    assert [item.effect for item in told] == TOLD
    assert {(item.lane, item.call, item.scenario, item.client_number, item.occurred_at) for item in told} == {
        ("+447700900001", "pbx/1", "S3", "+447700900001", 100.0)
    }


def test_each_effect_has_a_key_of_its_own_which_is_always_the_same():
    keys = [item.key for item in outgoing("http", CAUSE, EFFECTS, {})]
    assert len(set(keys)) == len(TOLD)
    assert len({effect_key("http", CAUSE, effect) for effect in EFFECTS}) == len(EFFECTS)
    assert keys == [item.key for item in outgoing("http", CAUSE, EFFECTS, {})]
    assert not set(keys) & {item.key for item in outgoing("odoo", CAUSE, EFFECTS, {})}


@pytest.mark.parametrize("effect", TOLD, ids=lambda effect: type(effect).__name__)
def test_another_scenario_does_not_make_it_another_thing(effect):
    other = dataclasses.replace(CAUSE, scenario="S5", client_number=None, lane="hidden")
    assert effect_key("http", other, effect) == effect_key("http", CAUSE, effect)


def test_what_happens_again_with_another_fact_is_another_thing():
    later = dataclasses.replace(CAUSE, fact="pbx/2")
    for effect in (
        do.RepeatTask(task_id="t1", at=100.0),
        do.RepeatCase(case_id="k1", at=100.0),
        do.NoteCallback(case_id="k1", at=100.0),
        do.CompleteTask(task_id="t1", at=100.0, note=""),
        do.CloseCase(case_id="k1", at=100.0, resolved_by=None, resolved_how=""),
    ):
        assert effect_key("http", later, effect) != effect_key("http", CAUSE, effect)


def test_to_hand_over_to_and_fro_is_not_once():
    jan, eva = do.HandOver(owner_id="jan", lead_id="l1"), do.HandOver(owner_id="eva", lead_id="l1")
    moments = [(100.0, jan), (101.0, eva), (102.0, jan)]
    assert len({effect_key("http", dataclasses.replace(CAUSE, at=at), each) for at, each in moments}) == 3


def test_a_task_that_several_clients_count_up_keeps_one_order():
    told = outgoing("http", CAUSE, EFFECTS, {"t1": "party:105"})
    moved = [item.effect for item in told if item.lane == "party:105"]
    assert [type(effect) for effect in moved] == [do.AddTask, do.RepeatTask, do.CompleteTask]


def test_an_effect_tells_what_it_makes_and_what_it_names():
    note = record_id("note", "pbx/1/note")
    made = [made_by(effect) for effect in EFFECTS]
    assert [ref for ref in made if ref is not None] == [
        ("contact", "c1"), ("organisation", "o1"), ("lead", "l1"), ("deal", "d1"), ("task", "t1"), ("case", "k1"),
        ("note", note),
    ]  # fmt: skip
    named = {type(effect): set(named_by(effect)) for effect in EFFECTS}
    assert named[do.OpenLead] == {("lead", "l1"), ("contact", "c1"), ("lead", "l0")}
    assert named[do.AddTask] == {("task", "t1"), ("lead", "l1"), ("case", "k1")}
    assert named[do.CloseCase] == {("case", "k1")}
    assert named[do.HandOver] == {("lead", "l1"), ("contact", "c1")}
    assert named[do.AddNote] == {("note", note), ("lead", "l1")}
    assert named[do.AttachRecording] == named[do.CountOnly] == set()
