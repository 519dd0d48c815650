"""Effects carried out on the records as values: pure, and doing an effect twice is doing it once.

A record that changes is a new value with a higher `version`; one that is opened has version 1. What is opened or done
stays in `Client.tasks` and `Client.cases` with its new status, so that a repeat finds it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar, assert_never

from bridge.model import effects as do
from bridge.model.crm import (
    Case,
    CaseStatus,
    Client,
    Contact,
    Deal,
    Lead,
    Note,
    Organisation,
    Task,
    TaskStatus,
    record_id,
)
from bridge.model.effects import Effect


class Recorded(Protocol):
    """Every record has an id."""

    @property
    def id(self) -> str:
        """The record's id."""


R = TypeVar("R", bound=Recorded)
Sale = TypeVar("Sale", Lead, Deal)
Owned = TypeVar("Owned", Contact, Organisation, Lead)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What has to be written: whole records that are new or changed, known by their ids."""

    contacts: tuple[Contact, ...] = ()
    organisations: tuple[Organisation, ...] = ()
    leads: tuple[Lead, ...] = ()
    deals: tuple[Deal, ...] = ()
    tasks: tuple[Task, ...] = ()
    cases: tuple[Case, ...] = ()


def apply(client: Client, effect: Effect) -> Client:  # noqa: C901, PLR0912 - one line for each kind of effect
    """The client after this effect.

    An effect on a record that the client does not have changes nothing. Notes, the call's links and counters are no
    records of the client: see `notes_of` and `links_of`.
    """
    match effect:
        case do.OpenContact():
            return replace(client, contacts=_with(client.contacts, effect.contact))
        case do.OpenOrganisation():
            return replace(client, organisations=_with(client.organisations, effect.organisation))
        case do.OpenLead():
            return replace(client, leads=_latest_first(_with(client.leads, effect.lead)))
        case do.OpenDeal():
            return replace(client, deals=_latest_first(_with(client.deals, effect.deal)))
        case do.AddTask():
            return replace(client, tasks=_with(client.tasks, effect.task))
        case do.RepeatTask():
            return _task(client, effect.task_id, lambda task: _repeated(task, effect))
        case do.CompleteTask():
            return _task(client, effect.task_id, lambda task: _completed(task, effect))
        case do.OpenCase():
            return replace(client, cases=_with(client.cases, effect.case))
        case do.RepeatCase():
            return _case(client, effect.case_id, lambda case: _tried_again(case, effect))
        case do.NoteCallback():
            return _case(client, effect.case_id, lambda case: _called_back(case, effect))
        case do.CloseCase():
            return _case(client, effect.case_id, lambda case: _closed(case, effect))
        case do.LogCall():
            return _active(client, effect)
        case do.AttachRecording():
            tasks = tuple(_recorded(task, effect) for task in client.tasks)
            return replace(client, tasks=tasks) if tasks != client.tasks else client
        case do.HandOver():
            return _handed_over(client, effect)
        case do.AddNote() | do.CountOnly():
            return client
        case _:
            assert_never(effect)


def apply_all(client: Client, effects: Iterable[Effect]) -> Client:
    """The client after all these effects, in their order.

    What opens records in a row is gathered, so that the client is made anew once and not for each of them.
    """
    opened: dict[str, tuple[Any, ...]] = {}
    for effect in effects:
        place = _OPENS.get(type(effect))
        if place is not None:
            kind, part = place
            known = opened[kind] if kind in opened else getattr(client, kind)
            opened[kind] = _with(known, getattr(effect, part))
            continue
        client = _with_opened(client, opened)
        opened.clear()
        client = apply(client, effect)
    return _with_opened(client, opened)


_OPENS: Mapping[type, tuple[str, str]] = {
    do.OpenContact: ("contacts", "contact"),
    do.OpenOrganisation: ("organisations", "organisation"),
    do.OpenLead: ("leads", "lead"),
    do.OpenDeal: ("deals", "deal"),
    do.OpenCase: ("cases", "case"),
    do.AddTask: ("tasks", "task"),
}


def _with_opened(client: Client, opened: Mapping[str, tuple[Any, ...]]) -> Client:
    if not opened:
        return client
    records: dict[str, Any] = dict(opened)
    for kind in ("leads", "deals"):
        if len(records.get(kind, ())) > 1:
            records[kind] = _latest_first(records[kind])
    return replace(client, **records)


def changes(before: Client, after: Client) -> Changes:
    """The records of `after` that `before` did not have, or had otherwise."""
    return Changes(
        contacts=_changed(before.contacts, after.contacts),
        organisations=_changed(before.organisations, after.organisations),
        leads=_changed(before.leads, after.leads),
        deals=_changed(before.deals, after.deals),
        tasks=_changed(before.tasks, after.tasks),
        cases=_changed(before.cases, after.cases),
    )


def notes_of(effects: Iterable[Effect]) -> tuple[Note, ...]:
    """The notes that these effects write; their ids derive from their keys."""
    return tuple(
        Note(
            id=record_id("note", effect.key),
            text=effect.text,
            at=effect.at,
            lead_id=effect.lead_id,
            deal_id=effect.deal_id,
            contact_id=effect.contact_id,
        )
        for effect in effects
        if isinstance(effect, do.AddNote)
    )


def links_of(effects: Iterable[Effect]) -> do.LogCall | None:
    """Where the call is shown in the CRM, if anywhere: the last word counts."""
    found: do.LogCall | None = None
    for effect in effects:
        if isinstance(effect, do.LogCall):
            found = effect
    return found


def _with(records: tuple[R, ...], record: R) -> tuple[R, ...]:
    return records if any(known.id == record.id for known in records) else (*records, record)


def _latest_first(records: tuple[Sale, ...]) -> tuple[Sale, ...]:
    return tuple(sorted(records, key=lambda record: (-record.active_at, record.id)))


def _changed(before: tuple[R, ...], after: tuple[R, ...]) -> tuple[R, ...]:
    if before is after:
        return ()
    if not before:
        return after
    known = {record.id: record for record in before}
    return tuple(record for record in after if known.get(record.id) is not record)


def _task(client: Client, task_id: str, change: Callable[[Task], Task]) -> Client:
    tasks = tuple(change(task) if task.id == task_id else task for task in client.tasks)
    return replace(client, tasks=tasks) if tasks != client.tasks else client


def _case(client: Client, case_id: str, change: Callable[[Case], Case]) -> Client:
    cases = tuple(change(case) if case.id == case_id else case for case in client.cases)
    return replace(client, cases=cases) if cases != client.cases else client


def _repeated(task: Task, effect: do.RepeatTask) -> Task:
    if task.status is TaskStatus.DONE or (effect.fact and effect.fact == task.last_fact):
        return task
    return replace(
        task,
        count=task.count + 1,
        priority=task.priority + 1,
        text=task.text if effect.text is None else effect.text,
        recording_url=task.recording_url or effect.recording_url,
        due_at=_earlier(task.due_at, effect.due_at),
        last_fact=effect.fact,
        version=task.version + 1,
    )


def _earlier(known: float | None, told: float | None) -> float | None:
    """The earlier one: calls are not always told of in the order in which they came."""
    return told if known is None else known if told is None else min(known, told)


def _completed(task: Task, effect: do.CompleteTask) -> Task:
    if task.status is TaskStatus.DONE:
        return task
    text = f"{task.text}\n{effect.note}" if task.text else effect.note
    return replace(task, status=TaskStatus.DONE, done_at=effect.at, text=text, version=task.version + 1)


def _tried_again(case: Case, effect: do.RepeatCase) -> Case:
    if case.status is CaseStatus.CLOSED or (effect.fact and effect.fact == case.last_fact):
        return case
    return replace(
        case,
        attempts=case.attempts + 1,
        first_at=min(case.first_at, effect.at),
        last_at=max(case.last_at, effect.at),
        due_at=_earlier(case.due_at, effect.due_at) or case.due_at,
        last_fact=effect.fact,
        version=case.version + 1,
    )


def _called_back(case: Case, effect: do.NoteCallback) -> Case:
    if case.status is CaseStatus.CLOSED or (effect.fact and effect.fact == case.last_fact):
        return case
    return replace(case, callbacks=case.callbacks + 1, last_fact=effect.fact, version=case.version + 1)


def _closed(case: Case, effect: do.CloseCase) -> Case:
    if case.status is CaseStatus.CLOSED:
        return case
    return replace(
        case,
        status=CaseStatus.CLOSED,
        closed_at=effect.at,
        resolved_by=effect.resolved_by,
        resolved_how=effect.resolved_how,
        version=case.version + 1,
    )


def _active(client: Client, effect: do.LogCall) -> Client:
    """The lead or deal of the call becomes the most recently active one (D4)."""
    leads = tuple(_active_since(lead, effect.at) if lead.id == effect.lead_id else lead for lead in client.leads)
    deals = tuple(_active_since(deal, effect.at) if deal.id == effect.deal_id else deal for deal in client.deals)
    if leads == client.leads and deals == client.deals:
        return client
    return replace(client, leads=_latest_first(leads), deals=_latest_first(deals))


def _active_since(record: Sale, at: float) -> Sale:
    return replace(record, active_at=at, version=record.version + 1) if at > record.active_at else record


def _recorded(task: Task, effect: do.AttachRecording) -> Task:
    counted = bool(effect.fact) and task.last_fact == effect.fact and task.status is TaskStatus.OPEN
    if not (task.call_id == effect.call_id or counted) or task.recording_url is not None or not effect.urls:
        return task
    return replace(task, recording_url=effect.urls[0], version=task.version + 1)


def _handed_over(client: Client, effect: do.HandOver) -> Client:
    def owned(record: Owned, record_id: str | None) -> Owned:
        if record.id != record_id or record.touched or record.owner_id == effect.owner_id:
            return record
        return replace(record, owner_id=effect.owner_id, version=record.version + 1)

    return replace(
        client,
        contacts=tuple(owned(contact, effect.contact_id) for contact in client.contacts),
        organisations=tuple(owned(known, effect.organisation_id) for known in client.organisations),
        leads=tuple(owned(lead, effect.lead_id) for lead in client.leads),
    )
