"""What the API tells of calls: their stories, their missed-call cases, and who is responsible for a caller."""

from typing import Final

from aiohttp import web

from bridge.model.call import Outcome
from bridge.model.crm import CaseStatus
from bridge.model.people import Company
from bridge.model.phone import PhoneNumber, lookup_keys, read_number
from bridge.store.calls import CallRecord, call_by_id
from bridge.store.engine import Connection
from bridge.store.queries import case_by_id, page_of_calls, page_of_cases, responsible_for
from bridge.web.asking import asked
from bridge.web.endpoints import (
    ID,
    Endpoint,
    Parameter,
    filter_by,
    list_of,
    one_from,
    page_json,
    record_json,
    services,
)
from bridge.web.explanation import EXPLANATION, explain
from bridge.web.gate import Visitor
from bridge.web.problems import bad_query, not_found
from bridge.web.shapes import CALL, CASE, OUTCOMES, RESPONSIBLE, ref


async def calls(request: web.Request, _visitor: Visitor) -> web.Response:
    """GET /v1/calls."""
    wanted = asked(request, "client", "outcome", "employee", "lead_id", "limit", "cursor")
    shop = services(request)
    async with shop.store.reading() as conn:
        page = await page_of_calls(
            conn,
            client_keys=wanted.phone_keys("client", shop.company()),
            outcome=wanted.word("outcome", Outcome),
            employee=wanted.text("employee"),
            lead_id=wanted.text("lead_id"),
            limit=wanted.limit,
            cursor=wanted.cursor,
        )
    return page_json(CALL, page.items, page.next, request)


async def listed_call(conn: Connection, call_id: str) -> CallRecord | None:
    """The call with this id, if people may see it."""
    found = await call_by_id(conn, call_id)
    return found if found is not None and found.listed else None


async def explanation(request: web.Request, _visitor: Visitor) -> web.Response:
    """GET /v1/calls/{id}/explanation."""
    asked(request)
    shop = services(request)
    async with shop.store.reading() as conn:
        story = await explain(conn, request.match_info["id"], shop.company(), shop.matrix())
    if story is None or not story.call.listed:
        raise not_found("call")
    return record_json(EXPLANATION, story, request)


async def cases(request: web.Request, _visitor: Visitor) -> web.Response:
    """GET /v1/cases."""
    wanted = asked(request, "status", "limit", "cursor")
    async with services(request).store.reading() as conn:
        page = await page_of_cases(
            conn, status=wanted.word("status", CaseStatus), limit=wanted.limit, cursor=wanted.cursor
        )
    return page_json(CASE, page.items, page.next, request)


async def responsible(request: web.Request, _visitor: Visitor) -> web.Response:
    """GET /v1/responsible: a dial plan asks this while somebody rings, so nothing but a missing number is an error."""
    wanted = asked(request, "number")
    written = wanted.text("number")
    if written is None:
        raise bad_query("number", "is missing")
    shop = services(request)
    company = shop.company()
    number = read_number(f"+{written.strip()}" if written.startswith(" ") else written, company.country)
    if not isinstance(number, PhoneNumber):
        return web.json_response({"employee_id": None, "extension": None, "via": "none"})
    async with shop.store.reading() as conn:
        found = await responsible_for(conn, lookup_keys(number))
    if found is None:
        return web.json_response({"employee_id": None, "extension": None, "via": "none"})
    answer = {
        "employee_id": found.employee_id,
        "extension": _extension_of(company, found.employee_id),
        "via": str(found.via),
    }
    return web.json_response(answer)


def _extension_of(company: Company, employee_id: str) -> str | None:
    """Where he can be rung; nobody is forwarded to somebody who has left."""
    employee = company.employees.get(employee_id)
    return employee.extensions[0] if employee is not None and employee.active and employee.extensions else None


ENDPOINTS: Final = (
    list_of(
        "/v1/calls",
        "calls; internal ones are counted, not listed",
        calls,
        CALL,
        filter_by("client", "of the client with this number, in any spelling"),
        filter_by("outcome", "that ended like this", OUTCOMES),
        filter_by("employee", "that this employee answered, or talked in last"),
        filter_by("lead_id", "logged on this lead"),
    ),
    one_from("/v1/calls", CALL, listed_call),
    Endpoint(
        method="GET",
        path=f"/v1/calls/{ID}/explanation",
        summary="why this call led to what it led to",
        handle=explanation,
        answer=ref(EXPLANATION),
    ),
    list_of("/v1/cases", "missed-call cases", cases, CASE, filter_by("status", "in this status", tuple(CaseStatus))),
    one_from("/v1/cases", CASE, case_by_id),
    Endpoint(
        method="GET",
        path="/v1/responsible",
        summary="who is responsible for this caller",
        handle=responsible,
        answer=ref(RESPONSIBLE),
        query=(Parameter(name="number", description="the caller's number, in any spelling", required=True),),
    ),
)
