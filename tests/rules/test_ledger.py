"""Effects on values: doing an effect twice is doing it once, and humans win."""

from dataclasses import replace

from bridge.model.crm import Case, CaseStatus, Note, Organisation, Task, TaskKind, TaskStatus, record_id
from bridge.model.effects import (
    AddNote,
    AddTask,
    AttachRecording,
    CloseCase,
    CompleteTask,
    CountOnly,
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
from bridge.rules.ledger import apply, apply_all, changes, links_of, notes_of
from tests.builders import MORNING, NEW, OPEN_LEAD, RECORDING, client, contact, deal, lead

ORGANISATION = Organisation(id="org-1", name="Nowak Ltd", owner_id="eva")
TASK = Task(
    id="task-1", kind=TaskKind.CALLBACK, status=TaskStatus.OPEN, assignee_id="olga", title="Call back",
    text="He called.",
    due_at=MORNING, call_id="call-1", last_fact="pbx/c-1",
)  # fmt: skip
CASE = Case(
    id="case-1", client="x", client_number="x", line_number="y", attempts=1, first_at=MORNING, last_at=MORNING,
    due_at=MORNING + 9, task_id="task-1", last_fact="pbx/c-1",
)  # fmt: skip
FULL = client(contact(), ORGANISATION, lead(), deal(), TASK, CASE)
LATER = MORNING + 60

EVERY_EFFECT = [
    OpenContact(contact=contact(id="contact-2")),
    OpenOrganisation(organisation=replace(ORGANISATION, id="org-2")),
    OpenLead(lead=lead(id="lead-2")),
    OpenDeal(deal=deal(id="deal-2")),
    AddTask(task=replace(TASK, id="task-2")),
    RepeatTask(task_id="task-1", at=LATER, text="Again.", fact="pbx/c-2"),
    CompleteTask(task_id="task-1", at=LATER, note="Reached."),
    OpenCase(case=replace(CASE, id="case-2")),
    RepeatCase(case_id="case-1", at=LATER, fact="pbx/c-2"),
    NoteCallback(case_id="case-1", at=LATER, fact="pbx/c-2"),
    CloseCase(case_id="case-1", at=LATER, resolved_by="eva", resolved_how="called back"),
    LogCall(call_id="call-2", lead_id="lead-1", deal_id="deal-1", contact_id="contact-1", at=LATER),
    AttachRecording(call_id="call-1", urls=(RECORDING,)),
    HandOver(owner_id="jan", lead_id="lead-1", contact_id="contact-1", organisation_id="org-1"),
    AddNote(key="n", text="note", at=LATER, lead_id="lead-1"),
    CountOnly(counter="blocked"),
]


def test_every_effect_done_twice_is_done_once():
    for effect in EVERY_EFFECT:
        once = apply(FULL, effect)
        assert apply(once, effect) == once, effect


def test_all_effects_together_done_twice_are_done_once():
    once = apply_all(FULL, EVERY_EFFECT)
    twice = apply_all(once, EVERY_EFFECT)
    assert replace(twice, cases=()) == replace(once, cases=())
    assert {case.status for case in twice.cases if case.id == "case-1"} == {CaseStatus.CLOSED}


def test_only_what_has_changed_has_to_be_written_and_its_version_goes_up():
    for effect in EVERY_EFFECT:
        made = changes(FULL, apply(FULL, effect))
        records = [
            record
            for group in (made.contacts, made.organisations, made.leads, made.deals, made.tasks, made.cases)
            for record in group
        ]
        known = {
            record.id
            for record in (*FULL.contacts, *FULL.organisations, *FULL.leads, *FULL.deals, *FULL.tasks, *FULL.cases)
        }
        assert {record.version for record in records if record.id in known} <= {2}, effect
        assert {record.version for record in records if record.id not in known} <= {1}, effect
        assert bool(records) != isinstance(effect, AddNote | CountOnly), effect


def test_nothing_has_to_be_written_when_nothing_changed():
    again = apply(FULL, OpenLead(lead=lead(title="another title")))
    assert changes(FULL, again) == changes(FULL, FULL)


def test_effects_on_records_that_are_not_there_change_nothing():
    for effect in EVERY_EFFECT:
        if not isinstance(effect, OpenContact | OpenOrganisation | OpenLead | OpenDeal | AddTask | OpenCase):
            assert apply(NEW, effect) == NEW


def test_d5_a_repeat_counts_raises_the_priority_and_keeps_the_due_time():
    after = apply_all(
        FULL,
        [
            RepeatCase(case_id="case-1", at=LATER, fact="pbx/c-2"),
            RepeatTask(task_id="task-1", at=LATER, fact="pbx/c-2"),
        ],
    )
    assert (after.cases[0].attempts, after.cases[0].last_at, after.cases[0].due_at) == (2, LATER, MORNING + 9)
    assert (after.tasks[0].count, after.tasks[0].priority, after.tasks[0].due_at) == (2, 1, MORNING)
    assert after.tasks[0].text == "He called."


def test_d5_an_attempt_that_is_heard_of_late_counts_and_moves_the_beginning():
    early = apply(FULL, RepeatCase(case_id="case-1", at=MORNING - 60, fact="pbx/c-0"))
    assert (early.cases[0].attempts, early.cases[0].first_at, early.cases[0].last_at) == (2, MORNING - 60, MORNING)


def test_the_fact_that_was_counted_last_is_not_counted_again():
    after = apply_all(
        FULL,
        [
            RepeatCase(case_id="case-1", at=LATER, fact="pbx/c-1"),
            RepeatTask(task_id="task-1", at=LATER, fact="pbx/c-1"),
        ],
    )
    assert after == FULL


def test_a_done_task_is_neither_repeated_nor_done_again():
    done = apply(FULL, CompleteTask(task_id="task-1", at=LATER, note="Reached."))
    assert (done.tasks[0].status, done.tasks[0].done_at, done.tasks[0].text) == (
        TaskStatus.DONE,
        LATER,
        "He called.\nReached.",
    )
    assert apply(done, RepeatTask(task_id="task-1", at=LATER, fact="pbx/c-9")) == done


def test_a_closed_case_is_neither_repeated_nor_noted():
    closed = apply(FULL, CloseCase(case_id="case-1", at=LATER, resolved_by="client", resolved_how="got through"))
    assert (closed.cases[0].status, closed.cases[0].resolved_by, closed.cases[0].closed_at) == (
        CaseStatus.CLOSED,
        "client",
        LATER,
    )
    for effect in (
        RepeatCase(case_id="case-1", at=LATER, fact="z"),
        NoteCallback(case_id="case-1", at=LATER, fact="z"),
    ):
        assert apply(closed, effect) == closed


def test_a_record_that_a_person_has_edited_keeps_its_owner():
    edited = client(contact(touched=True), ORGANISATION, lead(touched=True))
    after = apply(edited, HandOver(owner_id="jan", lead_id="lead-1", contact_id="contact-1", organisation_id="org-1"))
    assert [record.owner_id for record in (*after.contacts, *after.leads, *after.organisations)] == [
        "eva",
        "eva",
        "jan",
    ]


def test_d4_a_call_makes_its_lead_the_most_recently_active_one():
    two = client(contact(), lead(), lead(id="lead-2", active_at=MORNING - 1))
    assert two.leads[0].id == "lead-2"
    assert apply(two, LogCall(call_id="c", lead_id="lead-1", at=MORNING)).leads[0].id == "lead-1"


def test_a_recording_goes_to_the_calls_own_tasks_that_have_none():
    other, recorded = replace(TASK, id="task-2", call_id="call-2"), replace(TASK, id="task-3", recording_url="old")
    after = apply(client(TASK, other, recorded), AttachRecording(call_id="call-1", urls=(RECORDING, "second")))
    assert {task.id: task.recording_url for task in after.tasks} == {
        "task-1": RECORDING,
        "task-2": None,
        "task-3": "old",
    }


def test_of_a_client_whom_nobody_knew_every_record_has_to_be_written():
    made = changes(NEW, apply_all(NEW, EVERY_EFFECT))
    assert [record.id for record in (*made.contacts, *made.organisations, *made.leads, *made.deals)] == [
        "contact-2", "org-2", "lead-2", "deal-2",
    ]  # fmt: skip
    assert [record.id for record in (*made.tasks, *made.cases)] == ["task-2", "case-2"]


def test_a_note_is_known_by_its_key():
    note = AddNote(key="site/form-1", text="model: Passat", at=MORNING, lead_id="lead-1")
    assert notes_of([note, CountOnly(counter="x")]) == (
        Note(id=record_id("note", "site/form-1"), text="model: Passat", at=MORNING, lead_id="lead-1"),
    )


def test_the_last_link_of_a_call_counts():
    first, second = LogCall(call_id="c", contact_id="contact-1"), LogCall(call_id="c", lead_id="lead-1")
    assert links_of([first, second, CountOnly(counter="x")]) is second
    assert links_of([]) is None


def test_ids_that_derive_from_one_fact_are_the_same_and_from_two_facts_are_not():
    assert record_id("lead", "pbx/c-1") == record_id("lead", "pbx/c-1") != record_id("lead", "pbx/c-2")
    assert record_id("lead", "pbx/c-1") != record_id("contact", "pbx/c-1")
    assert OPEN_LEAD.leads[0].version == 1
