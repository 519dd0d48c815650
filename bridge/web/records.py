"""What the API tells of the CRM's records: leads, contacts, organisations, deals, tasks."""

from typing import Final

from aiohttp import web

from bridge.model.crm import LeadStatus, TaskStatus
from bridge.store.queries import (
    contact_by_id,
    deal_by_id,
    lead_by_id,
    organisation_by_id,
    page_of_contacts,
    page_of_deals,
    page_of_leads,
    page_of_notes,
    page_of_organisations,
    page_of_tasks,
    task_by_id,
)
from bridge.web.asking import asked
from bridge.web.endpoints import PHONE, filter_by, list_of, one_from, page_json, services
from bridge.web.gate import Visitor
from bridge.web.shapes import CONTACT, DEAL, LEAD, NOTE, ORGANISATION, TASK


async def leads(request: web.Request, _visitor: Visitor) -> web.Response:
    """GET /v1/leads."""
    wanted = asked(request, "phone", "status", "responsible", "contact_id", "limit", "cursor")
    shop = services(request)
    async with shop.store.reading() as conn:
        page = await page_of_leads(
            conn,
            phone_keys=wanted.phone_keys("phone", shop.company()),
            status=wanted.word("status", LeadStatus),
            responsible=wanted.text("responsible"),
            contact_id=wanted.text("contact_id"),
            limit=wanted.limit,
            cursor=wanted.cursor,
        )
    return page_json(LEAD, page.items, page.next, request)


async def contacts(request: web.Request, _visitor: Visitor) -> web.Response:
    """GET /v1/contacts."""
    wanted = asked(request, "phone", "email", "limit", "cursor")
    shop = services(request)
    async with shop.store.reading() as conn:
        page = await page_of_contacts(
            conn,
            phone_keys=wanted.phone_keys("phone", shop.company()),
            email=wanted.text("email"),
            limit=wanted.limit,
            cursor=wanted.cursor,
        )
    return page_json(CONTACT, page.items, page.next, request)


async def organisations(request: web.Request, _visitor: Visitor) -> web.Response:
    """GET /v1/organisations."""
    wanted = asked(request, "limit", "cursor")
    async with services(request).store.reading() as conn:
        page = await page_of_organisations(conn, limit=wanted.limit, cursor=wanted.cursor)
    return page_json(ORGANISATION, page.items, page.next, request)


async def deals(request: web.Request, _visitor: Visitor) -> web.Response:
    """GET /v1/deals."""
    wanted = asked(request, "phone", "contact_id", "limit", "cursor")
    shop = services(request)
    async with shop.store.reading() as conn:
        page = await page_of_deals(
            conn,
            phone_keys=wanted.phone_keys("phone", shop.company()),
            contact_id=wanted.text("contact_id"),
            limit=wanted.limit,
            cursor=wanted.cursor,
        )
    return page_json(DEAL, page.items, page.next, request)


async def tasks(request: web.Request, _visitor: Visitor) -> web.Response:
    """GET /v1/tasks."""
    wanted = asked(request, "assignee", "status", "lead_id", "call_id", "limit", "cursor")
    async with services(request).store.reading() as conn:
        page = await page_of_tasks(
            conn,
            assignee=wanted.text("assignee"),
            status=wanted.word("status", TaskStatus),
            lead_id=wanted.text("lead_id"),
            call_id=wanted.text("call_id"),
            limit=wanted.limit,
            cursor=wanted.cursor,
        )
    return page_json(TASK, page.items, page.next, request)


async def notes(request: web.Request, _visitor: Visitor) -> web.Response:
    """GET /v1/notes."""
    wanted = asked(request, "lead_id", "contact_id", "limit", "cursor")
    async with services(request).store.reading() as conn:
        page = await page_of_notes(
            conn,
            lead_id=wanted.text("lead_id"),
            contact_id=wanted.text("contact_id"),
            limit=wanted.limit,
            cursor=wanted.cursor,
        )
    return page_json(NOTE, page.items, page.next, request)


ENDPOINTS: Final = (
    list_of(
        "/v1/leads",
        "leads",
        leads,
        LEAD,
        PHONE,
        filter_by("status", "in this status", tuple(LeadStatus)),
        filter_by("responsible", "owned by this employee"),
        filter_by("contact_id", "of this contact"),
    ),
    one_from("/v1/leads", LEAD, lead_by_id),
    list_of("/v1/contacts", "contacts", contacts, CONTACT, PHONE, filter_by("email", "with this e-mail address")),
    one_from("/v1/contacts", CONTACT, contact_by_id),
    list_of("/v1/organisations", "organisations", organisations, ORGANISATION),
    one_from("/v1/organisations", ORGANISATION, organisation_by_id),
    list_of("/v1/deals", "deals", deals, DEAL, PHONE, filter_by("contact_id", "of this contact")),
    one_from("/v1/deals", DEAL, deal_by_id),
    list_of(
        "/v1/tasks",
        "tasks",
        tasks,
        TASK,
        filter_by("assignee", "of this employee"),
        filter_by("status", "in this status", tuple(TaskStatus)),
        filter_by("lead_id", "on this lead"),
        filter_by("call_id", "made by this call"),
    ),
    one_from("/v1/tasks", TASK, task_by_id),
    list_of(
        "/v1/notes",
        "notes: recordings' links, what forms and chats said",
        notes,
        NOTE,
        filter_by("lead_id", "on this lead"),
        filter_by("contact_id", "on this contact"),
    ),
)
