"""What people and programs read: lists newest first, single records, who is responsible."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import Select, bindparam, literal, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from bridge.model.call import Outcome
from bridge.model.crm import Case, CaseStatus, Contact, Deal, Lead, LeadStatus, Note, Organisation, Task, TaskStatus
from bridge.model.effects import Verdict
from bridge.model.moment import Instant
from bridge.store.calls import CallRecord, call_record, select_calls
from bridge.store.documents import read_verdict
from bridge.store.pages import Order, Page, page
from bridge.store.rows import CASES, CONTACTS, DEALS, LEADS, NOTES, ORGANISATIONS, TASKS, RecordTable
from bridge.store.schema import call, contact, counter, deal, identity, lead, missed_case, note, task, verdict
from bridge.store.statements import literally

R = TypeVar("R")


class Via(StrEnum):
    """Through which record somebody is responsible for a client."""

    LEAD = "lead"
    DEAL = "deal"
    CONTACT = "contact"


@dataclass(frozen=True, slots=True, kw_only=True)
class Responsible:
    """The employee who owns the client, and through which record."""

    employee_id: str
    via: Via


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVerdict:
    """A decision as it was kept."""

    id: int
    fact: str
    call_id: str | None
    occasion: str
    decided_at: Instant
    matrix: str
    verdict: Verdict


async def record_by_id(conn: AsyncConnection, records: RecordTable[R], record_id: str) -> R | None:
    """One record of this table; None if there is none with this id."""
    row = (await conn.execute(records.select().where(records.table.c.id == record_id))).first()
    return None if row is None else records.record(row)


async def lead_by_id(conn: AsyncConnection, lead_id: str) -> Lead | None:
    """The lead with this id."""
    return await record_by_id(conn, LEADS, lead_id)


async def contact_by_id(conn: AsyncConnection, contact_id: str) -> Contact | None:
    """The contact with this id."""
    return await record_by_id(conn, CONTACTS, contact_id)


async def organisation_by_id(conn: AsyncConnection, organisation_id: str) -> Organisation | None:
    """The organisation with this id."""
    return await record_by_id(conn, ORGANISATIONS, organisation_id)


async def deal_by_id(conn: AsyncConnection, deal_id: str) -> Deal | None:
    """The deal with this id."""
    return await record_by_id(conn, DEALS, deal_id)


async def task_by_id(conn: AsyncConnection, task_id: str) -> Task | None:
    """The task with this id."""
    return await record_by_id(conn, TASKS, task_id)


async def case_by_id(conn: AsyncConnection, case_id: str) -> Case | None:
    """The missed-call case with this id."""
    return await record_by_id(conn, CASES, case_id)


def _contacts_with(phone_keys: Collection[str]) -> Select[Any]:
    """The ids of the contacts that have a phone among these lookup keys."""
    return select(identity.c.contact_id).where(identity.c.kind == literally("phone"), identity.c.value.in_(phone_keys))


async def _page_of(
    conn: AsyncConnection,
    records: RecordTable[R],
    wanted: Collection[ColumnElement[bool]],
    *,
    limit: int,
    cursor: str | None,
    since: str = "created_at",
) -> Page[R]:
    order = Order((records.table.c[since], records.table.c.id))
    return await page(conn, records.select().where(*wanted), order, records.record, limit=limit, cursor=cursor)


async def page_of_leads(
    conn: AsyncConnection,
    *,
    phone_keys: Collection[str] | None = None,
    status: LeadStatus | None = None,
    responsible: str | None = None,
    contact_id: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page[Lead]:
    """Leads: of the client with one of these phone lookup keys, in one status, owned by one employee."""
    wanted: list[ColumnElement[bool]] = []
    if phone_keys is not None:
        wanted.append(lead.c.contact_id.in_(_contacts_with(phone_keys)))
    if status is not None:
        wanted.append(lead.c.status == literally(status.value))
    if responsible is not None:
        wanted.append(lead.c.owner_id == responsible)
    if contact_id is not None:
        wanted.append(lead.c.contact_id == contact_id)
    return await _page_of(conn, LEADS, wanted, limit=limit, cursor=cursor)


async def page_of_contacts(
    conn: AsyncConnection,
    *,
    phone_keys: Collection[str] | None = None,
    email: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page[Contact]:
    """Contacts: with one of these phone lookup keys, with this e-mail address."""
    wanted: list[ColumnElement[bool]] = []
    if phone_keys is not None:
        wanted.append(contact.c.id.in_(_contacts_with(phone_keys)))
    if email is not None:
        with_email = select(identity.c.contact_id).where(
            identity.c.kind == literally("email"), identity.c.value == email.lower()
        )
        wanted.append(contact.c.id.in_(with_email))
    return await _page_of(conn, CONTACTS, wanted, limit=limit, cursor=cursor)


async def page_of_organisations(
    conn: AsyncConnection, *, limit: int = 50, cursor: str | None = None
) -> Page[Organisation]:
    """Organisations."""
    return await _page_of(conn, ORGANISATIONS, (), limit=limit, cursor=cursor)


async def page_of_deals(
    conn: AsyncConnection,
    *,
    phone_keys: Collection[str] | None = None,
    contact_id: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page[Deal]:
    """Deals: of the client with one of these phone lookup keys, of one contact."""
    wanted: list[ColumnElement[bool]] = []
    if phone_keys is not None:
        wanted.append(deal.c.contact_id.in_(_contacts_with(phone_keys)))
    if contact_id is not None:
        wanted.append(deal.c.contact_id == contact_id)
    return await _page_of(conn, DEALS, wanted, limit=limit, cursor=cursor)


async def page_of_tasks(
    conn: AsyncConnection,
    *,
    assignee: str | None = None,
    status: TaskStatus | None = None,
    lead_id: str | None = None,
    call_id: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page[Task]:
    """Tasks: of one employee, in one status, on one lead, made by one call."""
    wanted: list[ColumnElement[bool]] = []
    if assignee is not None:
        wanted.append(task.c.assignee_id == assignee)
    if status is not None:
        wanted.append(task.c.status == literally(status.value))
    if lead_id is not None:
        wanted.append(task.c.lead_id == lead_id)
    if call_id is not None:
        wanted.append(task.c.call_id == call_id)
    return await _page_of(conn, TASKS, wanted, limit=limit, cursor=cursor)


async def page_of_cases(
    conn: AsyncConnection, *, status: CaseStatus | None = None, limit: int = 50, cursor: str | None = None
) -> Page[Case]:
    """Missed-call cases, the latest first attempt first."""
    wanted = [] if status is None else [missed_case.c.status == literally(status.value)]
    return await _page_of(conn, CASES, wanted, limit=limit, cursor=cursor, since="first_at")


async def page_of_notes(
    conn: AsyncConnection,
    *,
    lead_id: str | None = None,
    contact_id: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page[Note]:
    """Notes of one lead, of one contact."""
    wanted: list[ColumnElement[bool]] = []
    if lead_id is not None:
        wanted.append(note.c.lead_id == lead_id)
    if contact_id is not None:
        wanted.append(note.c.contact_id == contact_id)
    return await _page_of(conn, NOTES, wanted, limit=limit, cursor=cursor, since="at")


async def page_of_calls(
    conn: AsyncConnection,
    *,
    client_keys: Collection[str] | None = None,
    outcome: Outcome | None = None,
    employee: str | None = None,
    lead_id: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page[CallRecord]:
    """Calls that people may see: of the client with one of these lookup keys, with one outcome, of one employee.

    An employee's calls are those that he answered first or talked in last.
    """
    wanted: list[ColumnElement[bool]] = [call.c.listed]
    if client_keys is not None:
        wanted.append(call.c.lane.in_(client_keys))
    if outcome is not None:
        wanted.append(call.c.outcome == outcome.value)
    if employee is not None:
        wanted.append(or_(call.c.answered_by == employee, call.c.last_talker == employee))
    if lead_id is not None:
        wanted.append(call.c.lead_id == lead_id)
    order = Order((call.c.started_at, call.c.id))
    return await page(conn, select_calls().where(*wanted), order, call_record, limit=limit, cursor=cursor)


_VERDICTS = (
    select(
        verdict.c.id,
        verdict.c.fact,
        verdict.c.call_id,
        verdict.c.occasion,
        verdict.c.decided_at,
        verdict.c.matrix,
        verdict.c.body,
    )
    .where(verdict.c.call_id == bindparam("call_id"))
    .order_by(verdict.c.id)
)


async def verdicts_of_call(conn: AsyncConnection, call_id: str) -> list[StoredVerdict]:
    """Every decision about this call, in the order in which they were made."""
    return [_verdict(row) for row in await conn.execute(_VERDICTS, {"call_id": call_id})]


def _verdict(row: Sequence[Any]) -> StoredVerdict:
    id_, fact, call_id, occasion, decided_at, matrix, body = row
    return StoredVerdict(
        id=id_,
        fact=fact,
        call_id=call_id,
        occasion=occasion,
        decided_at=decided_at,
        matrix=matrix,
        verdict=read_verdict(body),
    )


_THEIRS = select(identity.c.contact_id).where(
    identity.c.kind == literally("phone"), identity.c.value.in_(bindparam("keys", expanding=True))
)
_OWNERS = union_all(
    select(literal(0).label("rank"), lead.c.owner_id, lead.c.active_at).where(
        lead.c.contact_id.in_(_THEIRS), lead.c.status == literally("open"), lead.c.owner_id.is_not(None)
    ),
    select(literal(1).label("rank"), deal.c.owner_id, deal.c.active_at).where(
        deal.c.contact_id.in_(_THEIRS), deal.c.status == literally("open"), deal.c.owner_id.is_not(None)
    ),
    select(literal(2).label("rank"), contact.c.owner_id, contact.c.created_at).where(
        contact.c.id.in_(_THEIRS), contact.c.owner_id.is_not(None)
    ),
)
_RANKS = (Via.LEAD, Via.DEAL, Via.CONTACT)


async def responsible_for(conn: AsyncConnection, keys: Collection[str]) -> Responsible | None:
    """Who owns the client with one of these phone lookup keys: his open lead, else open deal, else contact.

    Of several leads or deals the most recently active counts (D4). None: nobody.
    """
    owners = (await conn.execute(_OWNERS, {"keys": list(keys)})).all()
    if not owners:
        return None
    rank, employee_id, _ = min(owners, key=lambda owner: (owner[0], -owner[2], owner[1]))
    return Responsible(employee_id=employee_id, via=_RANKS[rank])


async def counters(conn: AsyncConnection, *, since_day: str = "") -> dict[tuple[str, str], int]:
    """What was only counted (blocked and internal calls), by (name, day as `2026-11-22`), from that day on."""
    rows = await conn.execute(select(counter.c.name, counter.c.day, counter.c.value).where(counter.c.day >= since_day))
    return {(name, day): value for name, day, value in rows}
