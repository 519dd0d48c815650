import typing

import pytest

from bridge.model.crm import Case, Contact, Deal, Lead, Organisation, Task, TaskKind, TaskStatus
from bridge.model.effects import (
    AddNote,
    AddTask,
    AttachRecording,
    CloseCase,
    CompleteTask,
    CountOnly,
    Effect,
    HandOver,
    LogCall,
    NoteCallback,
    OpenCase,
    OpenContact,
    OpenDeal,
    OpenLead,
    OpenOrganisation,
    RepeatCase,
    RepeatTask,
)
from bridge.web.doings import doing
from tests.flow.builders import acme

TASK = Task(id="t", kind=TaskKind.REVIEW, status=TaskStatus.OPEN, assignee_id="jan", title="Listen")
CASE = Case(
    id="k", client="x", client_number=None, line_number=None, attempts=1, first_at=0, last_at=0, due_at=0, task_id=None
)
ORGANISATION = Organisation(id="o", name="Acme")


def closed(by, how):
    return CloseCase(case_id="k", at=0, resolved_by=by, resolved_how=how)


SAID = (
    (OpenContact(contact=Contact(id="c", name="Anna")), "opened the contact Anna", "contact", "c"),
    (OpenOrganisation(organisation=ORGANISATION), "opened the organisation Acme", "organisation", "o"),
    (OpenLead(lead=Lead(id="l", title="Kitchen", owner_id="jan")), "the lead “Kitchen” for Jan Kowalski", "lead", "l"),
    (OpenLead(lead=Lead(id="l", title="Kitchen")), "the lead “Kitchen” for nobody", "lead", "l"),
    (OpenDeal(deal=Deal(id="d", title="Kitchen", owner_id="gone")), "the deal “Kitchen” for gone", "deal", "d"),
    (AddTask(task=TASK), "gave Jan Kowalski an open review task: Listen", "task", "t"),
    (RepeatTask(task_id="t", at=0), "raised the priority", "task", "t"),
    (CompleteTask(task_id="t", at=0, note="reached"), "completed the task: reached", "task", "t"),
    (CompleteTask(task_id="t", at=0, note=""), "completed the task", "task", "t"),
    (OpenCase(case=CASE), "opened a missed-call case", "case", "k"),
    (RepeatCase(case_id="k", at=0), "counted one more attempt", "case", "k"),
    (NoteCallback(case_id="k", at=0), "called back in vain", "case", "k"),
    (closed("client", "called again"), "called again (the client)", "case", "k"),
    (closed("eve", "called back"), "called back (Eve Adams)", "case", "k"),
    (LogCall(call_id="x", lead_id="l", contact_id="c"), "logged the call on the lead", "lead", "l"),
    (LogCall(call_id="x", deal_id="d", contact_id="c"), "logged the call on the deal", "deal", "d"),
    (LogCall(call_id="x", contact_id="c"), "logged the call on the contact", "contact", "c"),
    (LogCall(call_id="x"), "logged the call", None, None),
    (AttachRecording(call_id="x", urls=("a",)), "attached the recording", None, None),
    (AttachRecording(call_id="x", urls=("a", "b")), "attached 2 recordings", None, None),
    (HandOver(owner_id="eve", lead_id="l"), "handed the records over to Eve Adams", "lead", "l"),
    (AddNote(key="n", text="hello", at=0, lead_id="l"), "wrote the note “hello”", "lead", "l"),
    (CountOnly(counter="blocked"), "only counted the call (blocked)", None, None),
)  # fmt: skip


@pytest.mark.parametrize("place", range(len(SAID)))
def test_every_effect_is_said_in_words_with_its_record(place):
    effect, said, kind, record = SAID[place]
    done = doing(effect, acme())
    assert said in done.text
    assert (done.kind, done.id) == (kind, record)


def test_no_effect_is_left_unsaid():
    assert {type(effect) for effect, *_ in SAID} == set(typing.get_args(Effect))
