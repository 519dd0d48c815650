"""What a verdict did, in words that a person understands, with the record that it did it to."""

from dataclasses import dataclass
from typing import assert_never

from bridge.model.crm import Task, TaskStatus
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
from bridge.model.people import Company


@dataclass(frozen=True, slots=True, kw_only=True)
class Doing:
    """One thing done. `kind` and `id` name the record, if there is one to look at."""

    text: str
    kind: str | None = None
    id: str | None = None


def doing(effect: Effect, company: Company) -> Doing:
    """What this effect did."""
    match effect:
        case OpenContact(contact=contact):
            return Doing(text=f"opened the contact {contact.name}", kind="contact", id=contact.id)
        case OpenOrganisation(organisation=organisation):
            return Doing(text=f"opened the organisation {organisation.name}", kind="organisation", id=organisation.id)
        case OpenLead(lead=lead):
            owner = person(company, lead.owner_id)
            return Doing(text=f"opened the lead “{lead.title}” for {owner}", kind="lead", id=lead.id)
        case OpenDeal(deal=deal):
            owner = person(company, deal.owner_id)
            return Doing(text=f"opened the deal “{deal.title}” for {owner}", kind="deal", id=deal.id)
        case AddTask(task=task):
            return _task(task, company)
        case LogCall():
            return _logged(effect)
        case AttachRecording(urls=urls):
            return Doing(text="attached the recording" if len(urls) == 1 else f"attached {len(urls)} recordings")
        case HandOver(owner_id=owner, lead_id=lead_id):
            return Doing(text=f"handed the records over to {person(company, owner)}", kind="lead", id=lead_id)
        case AddNote(text=text, lead_id=lead_id):
            return Doing(text=f"wrote the note “{text}”", kind="lead", id=lead_id)
        case CountOnly(counter=counter):
            return Doing(text=f"only counted the call ({counter})")
        case _:
            return _of_task_or_case(effect, company)


def _of_task_or_case(
    effect: RepeatTask | CompleteTask | OpenCase | RepeatCase | NoteCallback | CloseCase, company: Company
) -> Doing:
    match effect:
        case RepeatTask(task_id=task_id):
            return Doing(text="raised the priority of the task that is open already", kind="task", id=task_id)
        case CompleteTask(task_id=task_id, note=note):
            return Doing(text=f"completed the task: {note}" if note else "completed the task", kind="task", id=task_id)
        case OpenCase(case=case):
            return Doing(text="opened a missed-call case", kind="case", id=case.id)
        case RepeatCase(case_id=case_id):
            return Doing(text="counted one more attempt in the open missed-call case", kind="case", id=case_id)
        case NoteCallback(case_id=case_id):
            return Doing(text="noted in the case that we called back in vain", kind="case", id=case_id)
        case CloseCase(case_id=case_id, resolved_how=how, resolved_by=by):
            who = "the client" if by == "client" else person(company, by)
            return Doing(text=f"closed the missed-call case: {how} ({who})", kind="case", id=case_id)
        case _:
            assert_never(effect)


def person(company: Company, employee_id: str | None) -> str:
    """The employee's name; his id when he has left the configuration."""
    if employee_id is None:
        return "nobody"
    employee = company.employees.get(employee_id)
    return employee_id if employee is None else employee.name


def _task(task: Task, company: Company) -> Doing:
    state = "a done" if task.status is TaskStatus.DONE else "an open"
    whose = person(company, task.assignee_id)
    return Doing(text=f"gave {whose} {state} {task.kind} task: {task.title}", kind="task", id=task.id)


def _logged(effect: LogCall) -> Doing:
    for kind, record_id in (("lead", effect.lead_id), ("deal", effect.deal_id), ("contact", effect.contact_id)):
        if record_id is not None:
            return Doing(text=f"logged the call on the {kind}", kind=kind, id=record_id)
    return Doing(text="logged the call")
