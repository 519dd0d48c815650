"""What people change. A record that a person has edited is `touched`: the bridge does not overwrite it any more."""

from dataclasses import replace
from typing import Any, TypeVar

from sqlalchemy import Select, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model.call import Utm
from bridge.model.crm import CaseStatus, Deal, Lead, LeadStatus, Task, TaskStatus
from bridge.model.moment import Instant
from bridge.store import schema
from bridge.store.errors import VersionConflict
from bridge.store.rows import CASES, DEALS, LEADS, TASKS, RecordTable
from bridge.store.statements import rows_for

T = TypeVar("T")
_TASK, _CASE, _LEAD = (table.having("id").with_for_update() for table in (TASKS, CASES, LEADS))
_CASE_OF_TASK = (
    select(schema.missed_case.c.id)
    .where(
        schema.missed_case.c.id.in_(
            select(schema.task.c.case_id).where(schema.task.c.id.in_(bindparam("keys", expanding=True)))
        )
    )
    .with_for_update()
)
_LEADS_IN_ORDER = (
    LEADS.having("id").order_by(schema.lead.c.id).with_for_update()
)  # two who merge the same lock in one order


async def _to_change(conn: AsyncConnection, records: RecordTable[T], statement: Select[Any], id_: str) -> T | None:
    """The record as it is now, and stays until the transaction ends: whoever else wants to change it waits."""
    rows = await rows_for(conn, statement, [id_])
    return records.record(rows[0]) if rows else None


def _require(found: int, expected: int | None) -> None:
    if expected is not None and found != expected:
        raise VersionConflict(f"it has version {found}, not {expected}")


async def complete_task(
    conn: AsyncConnection, task_id: str, now: Instant, *, by: str | None = None, version: int | None = None
) -> Task | None:
    """Mark the task as done, and close the missed-call case that it keeps open; None if there is no such task.

    `by` is the employee who did it. A task that is done already stays as it is.

    Raises:
        VersionConflict: `version` was given and is not the task's.

    """
    await rows_for(conn, _CASE_OF_TASK, [task_id])  # first, as the batches do: else the two could wait for each other
    task = await _to_change(conn, TASKS, _TASK, task_id)
    if task is None or task.status is TaskStatus.DONE:
        return task
    _require(task.version, version)
    done = replace(task, status=TaskStatus.DONE, done_at=now, version=task.version + 1)
    await TASKS.save(conn, [done])
    if task.case_id is not None:
        await _close_case(conn, task.case_id, by, now)
    return done


async def _close_case(conn: AsyncConnection, case_id: str, by: str | None, now: Instant) -> None:
    case = await _to_change(conn, CASES, _CASE, case_id)
    if case is None or case.status is CaseStatus.CLOSED:
        return
    closed = replace(
        case,
        status=CaseStatus.CLOSED,
        resolved_by=by,
        resolved_how="task_done",
        closed_at=now,
        version=case.version + 1,
    )
    await CASES.save(conn, [closed])


async def lead_to_change(conn: AsyncConnection, lead_id: str) -> Lead | None:
    """The lead as it is now, and stays until the transaction ends; None if there is no such lead."""
    return await _to_change(conn, LEADS, _LEAD, lead_id)


async def set_lead_status(
    conn: AsyncConnection,
    lead_id: str,
    status: LeadStatus,
    now: Instant,
    *,
    deal: Deal | None = None,
    version: int | None = None,
) -> Lead | None:
    """Win, lose, reopen or convert the lead (then with the `deal` that it becomes); None if there is no such lead.

    Raises:
        VersionConflict: `version` was given and is not the lead's.

    """
    lead = await _to_change(conn, LEADS, _LEAD, lead_id)
    if lead is None:
        return None
    _require(lead.version, version)
    if deal is not None:
        await DEALS.save(conn, [deal])
    changed = replace(
        lead,
        status=status,
        deal_id=lead.deal_id if deal is None else deal.id,
        active_at=now,
        touched=True,
        version=lead.version + 1,
    )
    await LEADS.save(conn, [changed])
    return changed


async def edit_lead(
    conn: AsyncConnection,
    lead_id: str,
    now: Instant,
    *,
    title: str | None = None,
    owner_id: str | None = None,
    tags: tuple[str, ...] | None = None,
    version: int | None = None,
) -> Lead | None:
    """Change what is given of the lead; None if there is no such lead.

    Raises:
        VersionConflict: `version` was given and is not the lead's.

    """
    lead = await _to_change(conn, LEADS, _LEAD, lead_id)
    if lead is None:
        return None
    _require(lead.version, version)
    changed = replace(
        lead,
        title=lead.title if title is None else title,
        owner_id=lead.owner_id if owner_id is None else owner_id,
        tags=lead.tags if tags is None else tags,
        active_at=now,
        touched=True,
        version=lead.version + 1,
    )
    await LEADS.save(conn, [changed])
    return changed


async def merge_leads(
    conn: AsyncConnection, kept_id: str, other_id: str, now: Instant, *, version: int | None = None
) -> Lead | None:
    """Make one lead of two that are the same matter; None if either is missing or they are one already.

    The kept lead gets the tasks, notes and calls of the other, and what tags and advertising tags it lacked. The other
    one is lost and leads to the kept one by `previous_lead_id`.

    Raises:
        VersionConflict: `version` was given and is not the kept lead's.

    """
    found = {lead.id: lead for lead in await LEADS.all_of(conn, _LEADS_IN_ORDER, (kept_id, other_id))}
    kept, other = found.get(kept_id), found.get(other_id)
    if kept is None or other is None or kept_id == other_id:
        return None
    _require(kept.version, version)
    whole = replace(
        kept,
        utm=kept.utm if kept.utm != Utm() else other.utm,
        tags=tuple(dict.fromkeys((*kept.tags, *other.tags))),
        active_at=now,
        touched=True,
        version=kept.version + 1,
    )
    gone = replace(other, status=LeadStatus.LOST, previous_lead_id=kept_id, touched=True, version=other.version + 1)
    await LEADS.save(conn, [whole, gone])
    for table in (schema.task, schema.note, schema.call):
        await conn.execute(update(table).where(table.c.lead_id == other_id).values(lead_id=kept_id))
    return whole
