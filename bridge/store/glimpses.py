"""What the page shows at a glance: the calls that go on, the day's figures, the names behind ids."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model.crm import Contact, Task
from bridge.model.moment import Instant
from bridge.store.calls import CallRecord, call_record, select_calls
from bridge.store.rows import CONTACTS, TASKS
from bridge.store.schema import call, missed_case, task
from bridge.store.statements import literally, rows_for

MOST_GLANCED = 20_000
"""Calls of one day that its figures are made of; a company with more has a reporting tool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Glimpse:
    """As much of a call as a figure needs. `outcome` None: it goes on, or was not judged yet."""

    started_at: Instant
    direction: str
    outcome: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """What waits for people."""

    open_tasks: int
    overdue_tasks: int
    open_cases: int
    overdue_cases: int


_ONGOING = (
    select_calls()
    .where(call.c.ended_at.is_(None), call.c.listed, call.c.started_at >= bindparam("since"))
    .order_by(call.c.started_at.desc())
    .limit(bindparam("count"))
)


async def ongoing_calls(conn: AsyncConnection, *, since: Instant, limit: int) -> list[CallRecord]:
    """The calls that go on as far as we know, begun since then, the newest first."""
    return [call_record(row) for row in await conn.execute(_ONGOING, {"since": since, "count": limit})]


_GLIMPSES = (
    select(call.c.started_at, call.c.direction, call.c.outcome)
    .where(call.c.listed, call.c.started_at >= bindparam("since"))
    .order_by(call.c.started_at)
    .limit(MOST_GLANCED)
)


async def calls_since(conn: AsyncConnection, since: Instant) -> list[Glimpse]:
    """Every visible call that began since then, the oldest first."""
    return [
        Glimpse(started_at=started_at, direction=direction, outcome=outcome)
        for started_at, direction, outcome in await conn.execute(_GLIMPSES, {"since": since})
    ]


_OPEN_TASKS = select(func.count()).where(task.c.status == literally("open"))
_OPEN_CASES = select(func.count()).where(missed_case.c.status == literally("open"))
_PENDING = select(
    _OPEN_TASKS.scalar_subquery(),
    _OPEN_TASKS.where(task.c.due_at < bindparam("now")).scalar_subquery(),
    _OPEN_CASES.scalar_subquery(),
    _OPEN_CASES.where(missed_case.c.due_at < bindparam("now")).scalar_subquery(),
)


async def pending_work(conn: AsyncConnection, now: Instant) -> Pending:
    """How much is open, and how much of it should be done by now."""
    tasks, late_tasks, cases, late_cases = (await conn.execute(_PENDING, {"now": now})).one()
    return Pending(open_tasks=tasks, overdue_tasks=late_tasks, open_cases=cases, overdue_cases=late_cases)


_CONTACTS = CONTACTS.having("id")


async def contacts_by_id(conn: AsyncConnection, ids: Collection[str]) -> dict[str, Contact]:
    """The contacts among these ids."""
    return {contact.id: contact for contact in await CONTACTS.all_of(conn, _CONTACTS, ids)}


_CONTACTS_OF_TASKS = select(task.c.id, task.c.contact_id).where(
    task.c.id.in_(bindparam("keys", expanding=True)), task.c.contact_id.is_not(None)
)


async def contacts_of_tasks(conn: AsyncConnection, task_ids: Collection[str]) -> dict[str, Contact]:
    """The contact that each of these tasks is about, by the task's id."""
    if not task_ids:
        return {}
    about = {row[0]: row[1] for row in await rows_for(conn, _CONTACTS_OF_TASKS, task_ids)}
    contacts = await contacts_by_id(conn, set(about.values()))
    return {task_id: contacts[contact_id] for task_id, contact_id in about.items() if contact_id in contacts}


_MOST_URGENT = (
    TASKS.select()
    .where(task.c.status == literally("open"))
    .order_by(task.c.due_at.is_(None), task.c.due_at, task.c.priority.desc(), task.c.id)
)


async def open_tasks_by_due(conn: AsyncConnection, *, assignee: str | None, limit: int) -> list[Task]:
    """Open tasks, of one employee or of all, the most urgent first; those without a due time come last."""
    statement = _MOST_URGENT if assignee is None else _MOST_URGENT.where(task.c.assignee_id == assignee)
    return [TASKS.record(row) for row in await conn.execute(statement.limit(limit))]
