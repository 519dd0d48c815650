"""The changes that people make, whether a program asks for them or a form of the page."""

from enum import StrEnum
from http import HTTPStatus

from bridge.flow.bulletin import change_of
from bridge.model.crm import Deal, Lead, LeadStatus, Task, record_id
from bridge.model.moment import Instant
from bridge.model.people import Company
from bridge.model.phone import PhoneNumber, lookup_keys
from bridge.store.blocked import BlockedNumber, block, blocked_numbers, blocking, unblock
from bridge.store.edits import complete_task, edit_lead, lead_to_change, set_lead_status
from bridge.store.engine import Connection
from bridge.store.queries import case_by_id, deal_by_id
from bridge.web.problems import Refused, not_found
from bridge.web.services import Services


class Fate(StrEnum):
    """What a person does with an open lead."""

    CONVERT = "convert"
    WIN = "win"
    LOSE = "lose"


_STATUS_OF = {Fate.CONVERT: LeadStatus.CONVERTED, Fate.WIN: LeadStatus.WON, Fate.LOSE: LeadStatus.LOST}


async def finish_task(services: Services, task_id: str, *, by: str | None, version: int | None) -> Task:
    """Mark the task as done; what is done stays as it is.

    Raises:
        Refused: there is no such task.
        VersionConflict: somebody was faster.

    """
    async with services.store.writing() as conn:
        task = await complete_task(conn, task_id, services.clock.now(), by=by, version=version)
        if task is None:
            raise not_found("task")
        case = None if task.case_id is None else await case_by_id(conn, task.case_id)
    services.bulletin.publish([change_of(task)] if case is None else [change_of(task), change_of(case)])
    return task


async def settle_lead(services: Services, lead_id: str, fate: Fate, *, version: int | None) -> Lead:
    """Convert, win or lose the lead; one that has met this fate already stays as it is.

    Raises:
        Refused: there is no such lead, or it has met another fate.
        VersionConflict: somebody was faster.

    """
    now = services.clock.now()
    async with services.store.writing() as conn:
        lead = await lead_to_change(conn, lead_id)
        if lead is None:
            raise not_found("lead")
        if lead.status is _STATUS_OF[fate]:
            return lead
        if lead.status is not LeadStatus.OPEN:
            raise Refused(HTTPStatus.CONFLICT, f"the lead is {lead.status}, only an open one can be settled")
        deal = _deal_of(lead, now) if fate is Fate.CONVERT else None
        changed = await set_lead_status(conn, lead_id, _STATUS_OF[fate], now, deal=deal, version=version)
        made = None if deal is None else await deal_by_id(conn, deal.id)
    if changed is None:
        raise not_found("lead")
    services.bulletin.publish([change_of(record) for record in (changed, made) if record is not None])
    return changed


def _deal_of(lead: Lead, now: Instant) -> Deal:
    return Deal(
        id=record_id("deal", lead.id),
        title=lead.title,
        owner_id=lead.owner_id,
        contact_id=lead.contact_id,
        organisation_id=lead.organisation_id,
        lead_id=lead.id,
        origin=lead.origin,
        created_at=now,
        active_at=now,
        touched=True,
    )


async def change_lead(
    services: Services,
    lead_id: str,
    *,
    title: str | None,
    owner_id: str | None,
    tags: tuple[str, ...] | None,
    version: int | None,
) -> Lead:
    """Change what is given; None leaves it as it is.

    Raises:
        Refused: there is no such lead.
        VersionConflict: somebody was faster.

    """
    async with services.store.writing() as conn:
        lead = await edit_lead(
            conn, lead_id, services.clock.now(), title=title, owner_id=owner_id, tags=tags, version=version
        )
    if lead is None:
        raise not_found("lead")
    services.bulletin.publish([change_of(lead)])
    return lead


async def block_number(
    services: Services, number: PhoneNumber, *, reason: str | None, by: str | None
) -> tuple[BlockedNumber, bool]:
    """Block this number from now on; gives its entry, and whether it is new.

    Raises:
        Refused: it is one of the company's own.

    """
    if lookup_keys(number) & services.company().own_numbers:
        raise Refused(HTTPStatus.CONFLICT, "this is a number of the company itself; blocking it would block everybody")
    async with services.store.writing() as conn:
        new = await block(conn, number, now=services.clock.now(), reason=reason, added_by=by)
        entry = await blocking(conn, number)
    if entry is None:
        raise not_found("blocked number")
    return entry, new


async def unblock_number(services: Services, number: PhoneNumber) -> None:
    """Lift the block from this number.

    Raises:
        Refused: it is not blocked, or the configuration blocks it.

    """
    async with services.store.writing() as conn:
        removed = await unblock(conn, number)
    if services.company().blocks(number):
        raise Refused(HTTPStatus.CONFLICT, "policy.blocked_numbers in bridge.toml blocks this number; remove it there")
    if not removed:
        raise Refused(HTTPStatus.NOT_FOUND, "this number is not blocked")


async def all_blocked(conn: Connection, company: Company) -> list[tuple[str, BlockedNumber | None]]:
    """Every blocked number: those added at run time with their entry, then those of the configuration."""
    added = await blocked_numbers(conn)
    return [(entry.number, entry) for entry in added] + [(number, None) for number in company.blocked_numbers()]
