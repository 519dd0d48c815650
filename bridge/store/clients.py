"""What the CRM knows of the outside people in a batch: a constant number of queries, whatever the tables hold.

Whoever asks is about to change it. So what people may change meanwhile is locked as it is read, where the store is
shared (SQLite knows one writer, and ignores FOR UPDATE): a person's change waits for the batch, and meets its outcome.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import TypeVar

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model.crm import Case, Client, Contact, Deal, Lead, Organisation, Task
from bridge.model.phone import PhoneNumber, lookup_keys
from bridge.store.rows import CASES, CONTACTS, DEALS, LEADS, ORGANISATIONS, TASKS
from bridge.store.schema import identity, missed_case, task
from bridge.store.statements import literally, rows_for

R = TypeVar("R")
_Owned = Contact | Lead | Deal

_CONTACTS_OF_PHONES = select(identity.c.value, identity.c.contact_id).where(
    identity.c.kind == literally("phone"), identity.c.value.in_(bindparam("keys", expanding=True))
)
_CONTACTS = CONTACTS.having("id")
_ORGANISATIONS = ORGANISATIONS.having("id")
_LEADS = LEADS.having("contact_id").with_for_update()
_DEALS = DEALS.having("contact_id").with_for_update()
_OPEN_CASES = CASES.having("client").where(missed_case.c.status == literally("open")).with_for_update()
_CASES_BY_ID = CASES.having("id").with_for_update()
_OPEN_TASKS = TASKS.having("contact_id").where(task.c.status == literally("open")).with_for_update()
_OPEN_TASKS_BY_ID = TASKS.having("id").where(task.c.status == literally("open")).with_for_update()
_SETTINGS_TASKS = (
    TASKS.having("subject")
    .where(task.c.subject.is_not(None), task.c.status == literally("open"), task.c.kind == literally("settings"))
    .with_for_update()
)
_TASKS_OF_CALLS = TASKS.having("call_id").with_for_update()


async def contact_names(conn: AsyncConnection, lanes: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Under which names the contacts of these lanes are claimed: a client with two numbers has two lanes."""
    keys = {lane: lookup_keys(PhoneNumber(lane)) for lane in lanes if lane.startswith("+")}
    found = await _contacts_of(conn, keys)
    return {lane: tuple([name_of_contact(id_) for id_ in sorted(ids)]) for lane, ids in found.items()}


def name_of_contact(contact_id: str) -> str:
    """The name under which this contact is claimed."""
    return f"contact:{contact_id}"


async def clients(conn: AsyncConnection, wanted: Mapping[str, frozenset[str]]) -> dict[str, Client]:
    """The client of each lane, found by any of the lookup keys given for it (none: nobody, but his cases).

    A contact with two numbers is found by both. Records come as `Client` promises: contacts oldest first, leads and
    deals most recently active first, in every status; only open cases, and open tasks of the contacts and cases.
    """
    if not wanted:
        return {}
    contacts_of = await _contacts_of(conn, wanted)
    ids = {id_ for found in contacts_of.values() for id_ in found}
    known = _Known(
        contacts={found.id: found for found in await CONTACTS.all_of(conn, _CONTACTS, ids)},
        leads=_grouped(await LEADS.all_of(conn, _LEADS, ids), lambda lead: lead.contact_id),
        deals=_grouped(await DEALS.all_of(conn, _DEALS, ids), lambda deal: deal.contact_id),
        # Cases before tasks, as whoever completes a task takes them.
        cases=_grouped(await CASES.all_of(conn, _OPEN_CASES, wanted), lambda case: case.client),
        tasks=_grouped(await TASKS.all_of(conn, _OPEN_TASKS, ids), lambda task: task.contact_id),
    )
    await known.add_organisations(conn)
    await known.add_tasks_of_cases(conn)
    return {lane: known.client(lane, contacts_of.get(lane, set())) for lane in wanted}


async def _contacts_of(conn: AsyncConnection, wanted: Mapping[str, frozenset[str]]) -> dict[str, set[str]]:
    """The ids of the contacts that each lane's keys lead to."""
    lanes_of: dict[str, list[str]] = defaultdict(list)
    for lane, keys in wanted.items():
        for key in keys:
            lanes_of[key].append(lane)
    found: dict[str, set[str]] = defaultdict(set)
    for key, contact_id in await rows_for(conn, _CONTACTS_OF_PHONES, lanes_of):
        for lane in lanes_of[key]:
            found[lane].add(contact_id)
    return found


def _grouped(records: Iterable[R], key_of: Callable[[R], str | None]) -> dict[str, list[R]]:
    groups: dict[str, list[R]] = defaultdict(list)
    for record in records:
        groups[key_of(record) or ""].append(record)
    return groups


@dataclass(slots=True, kw_only=True)
class _Known:
    """What the queries of one batch found, by the keys that lead to it."""

    contacts: Mapping[str, Contact]
    leads: Mapping[str, list[Lead]]
    deals: Mapping[str, list[Deal]]
    cases: Mapping[str, list[Case]]
    tasks: Mapping[str, list[Task]]
    organisations: Mapping[str, Organisation] = field(default_factory=dict)
    tasks_of_cases: Mapping[str, Task] = field(default_factory=dict)

    async def add_organisations(self, conn: AsyncConnection) -> None:
        owned = chain[_Owned](self.contacts.values(), *self.leads.values(), *self.deals.values())
        ids = {record.organisation_id for record in owned} - {None}
        self.organisations = {found.id: found for found in await ORGANISATIONS.all_of(conn, _ORGANISATIONS, ids)}

    async def add_tasks_of_cases(self, conn: AsyncConnection) -> None:
        here = {task.id for task in chain.from_iterable(self.tasks.values())}
        ids = {case.task_id for case in chain.from_iterable(self.cases.values())} - here - {None}
        self.tasks_of_cases = {task.id: task for task in await TASKS.all_of(conn, _OPEN_TASKS_BY_ID, ids)}

    def client(self, lane: str, contact_ids: Collection[str]) -> Client:
        contacts = [self.contacts[id_] for id_ in contact_ids if id_ in self.contacts]
        cases = self.cases.get(lane, ())
        if not contacts and not cases:
            return Client(lane=lane)
        contacts.sort(key=_oldest_first)
        leads = [lead for person in contacts for lead in self.leads.get(person.id, ())]
        deals = [deal for person in contacts for deal in self.deals.get(person.id, ())]
        owned: list[_Owned] = [*contacts, *leads, *deals]
        owners = dict.fromkeys([record.organisation_id or "" for record in owned])
        return Client(
            lane=lane,
            contacts=tuple(contacts),
            organisations=tuple([self.organisations[id_] for id_ in owners if id_ in self.organisations]),
            leads=tuple(sorted(leads, key=_latest_first)),
            deals=tuple(sorted(deals, key=_latest_first)),
            cases=tuple(sorted(cases, key=lambda case: (case.first_at, case.id))),
            tasks=tuple(sorted(self._open_tasks(contacts, cases), key=_oldest_first)),
        )

    def _open_tasks(self, contacts: Iterable[Contact], cases: Iterable[Case]) -> Iterable[Task]:
        of_contacts = {task.id: task for person in contacts for task in self.tasks.get(person.id, ())}
        of_cases = {case.task_id: self.tasks_of_cases.get(case.task_id or "") for case in cases}
        return [*of_contacts.values(), *(task for task in of_cases.values() if task is not None)]


def _oldest_first(record: Contact | Task) -> tuple[float, str]:
    return record.created_at, record.id


def _latest_first(record: Lead | Deal) -> tuple[float, str]:
    return -record.active_at, record.id


async def settings_tasks(conn: AsyncConnection, parties: Collection[str]) -> dict[str, Task]:
    """The open settings task about each of these unknown parties, if there is one (D18)."""
    found = await TASKS.all_of(conn, _SETTINGS_TASKS, parties)
    return {task.subject: task for task in found if task.subject is not None}


async def tasks_of_calls(conn: AsyncConnection, call_ids: Collection[str]) -> dict[str, tuple[Task, ...]]:
    """The tasks that each of these calls made, open or done, oldest first (a recording is attached to them, D20)."""
    found = _grouped(await TASKS.all_of(conn, _TASKS_OF_CALLS, call_ids), lambda task: task.call_id)
    return {call_id: tuple(sorted(tasks, key=_oldest_first)) for call_id, tasks in found.items()}


async def cases_by_id(conn: AsyncConnection, case_ids: Collection[str]) -> dict[str, Case]:
    """The cases with these ids, open or closed."""
    return {case.id: case for case in await CASES.all_of(conn, _CASES_BY_ID, case_ids)}
