"""The API's changes: tasks done, leads settled and edited, numbers blocked."""

from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from bridge.model.people import Company
from bridge.model.phone import PhoneNumber, read_number
from bridge.store.blocked import BlockedNumber, blocking
from bridge.web.asking import asked, body_of, text_in, usable_number, version_of
from bridge.web.changes import (
    Fate,
    all_blocked,
    block_number,
    change_lead,
    finish_task,
    settle_lead,
    unblock_number,
)
from bridge.web.endpoints import ID, Endpoint, Handle, Parameter, page_schema, record_json, services
from bridge.web.gate import Visitor
from bridge.web.problems import bad_body
from bridge.web.shapes import BLOCKED, LEAD, TASK, TEXT, TEXTS, YES_NO, moment, one_of, ref
from bridge.wire.problems import kind_of

MOST_TAGS: Final = 50


async def done(request: web.Request, _visitor: Visitor) -> web.Response:
    """POST /v1/tasks/{id}/done."""
    body = await body_of(request, {"by"})
    by = _employee(text_in(body, "by"), services(request).company(), "by")
    task = await finish_task(services(request), request.match_info["id"], by=by, version=version_of(request))
    return record_json(TASK, task, request)


def fate_of_lead(fate: Fate) -> Handle:
    """POST /v1/leads/{id}/convert and its likes."""

    async def handle(request: web.Request, _visitor: Visitor) -> web.Response:
        await body_of(request, ())
        lead = await settle_lead(services(request), request.match_info["id"], fate, version=version_of(request))
        return record_json(LEAD, lead, request)

    return handle


async def patch_lead(request: web.Request, _visitor: Visitor) -> web.Response:
    """PATCH /v1/leads/{id}."""
    body = await body_of(request, {"title", "responsible_id", "tags"})
    lead = await change_lead(
        services(request),
        request.match_info["id"],
        title=text_in(body, "title"),
        owner_id=_employee(text_in(body, "responsible_id"), services(request).company(), "responsible_id"),
        tags=_tags(body),
        version=version_of(request),
    )
    return record_json(LEAD, lead, request)


def _tags(body: dict[str, Any]) -> tuple[str, ...] | None:
    tags = body.get("tags")
    if tags is None:
        return None
    if not isinstance(tags, list) or len(tags) > MOST_TAGS:
        raise bad_body("$.tags", f"must be an array of at most {MOST_TAGS} strings, not {kind_of(tags)}")
    read = [text_in({"tags": tag}, "tags") for tag in tags]
    return tuple(dict.fromkeys(tag for tag in read if tag))


def _employee(employee_id: str | None, company: Company, name: str) -> str | None:
    if employee_id is not None and employee_id not in company.employees:
        raise bad_body(f"$.{name}", "is no employee's id; GET /v1/employees lists them")
    return employee_id


async def blocked(request: web.Request, _visitor: Visitor) -> web.Response:
    """GET /v1/blocked-numbers: all of them."""
    asked(request)
    shop = services(request)
    async with shop.store.reading() as conn:
        listed = await all_blocked(conn, shop.company())
    return web.json_response({"items": [_blocked_json(number, entry) for number, entry in listed], "next": None})


async def block(request: web.Request, visitor: Visitor) -> web.Response:
    """POST /v1/blocked-numbers: 201 if it is new, 200 if it was blocked already."""
    body = await body_of(request, {"number", "reason"}, required={"number"})
    number = _number(body, services(request).company())
    entry, new = await block_number(services(request), number, reason=text_in(body, "reason"), by=visitor.name)
    return web.json_response(_blocked_json(entry.number, entry), status=HTTPStatus.CREATED if new else HTTPStatus.OK)


async def unblock(request: web.Request, _visitor: Visitor) -> web.Response:
    """DELETE /v1/blocked-numbers, the number in the address or in the body."""
    wanted = asked(request, "number").text("number")
    company = services(request).company()
    if wanted is not None:
        number = usable_number(wanted, company, "number")
    else:
        number = _number(await body_of(request, {"number"}, required={"number"}), company)
    await unblock_number(services(request), number)
    return web.Response(status=HTTPStatus.NO_CONTENT)


async def test(request: web.Request, _visitor: Visitor) -> web.Response:
    """POST /v1/blocked-numbers/test: what would happen to this number, under any spelling."""
    body = await body_of(request, {"number"}, required={"number"})
    shop = services(request)
    company = shop.company()
    number = read_number(text_in(body, "number") or "", company.country)
    if not isinstance(number, PhoneNumber):
        return web.json_response({"number": None, "blocked": False, "by": None})
    async with shop.store.reading() as conn:
        entry = await blocking(conn, number)
    by = "list" if entry else "configuration" if company.blocks(number) else None
    return web.json_response({"number": number.e164, "blocked": by is not None, "by": by})


def _number(body: dict[str, Any], company: Company) -> PhoneNumber:
    number = read_number(text_in(body, "number") or "", company.country)
    if not isinstance(number, PhoneNumber):
        raise bad_body("$.number", "is no usable number; write it as +442079460100")
    return number


def _blocked_json(number: str, entry: BlockedNumber | None) -> dict[str, Any]:
    return {
        "number": number,
        "reason": None if entry is None else entry.reason,
        "added_by": None if entry is None else entry.added_by,
        "added_at": None if entry is None else moment(entry.added_at),
        "configured": entry is None,
    }


_NUMBER: Final = {"number": {**TEXT, "description": "in any spelling"}}
_TESTED: Final = {
    "type": "object",
    "properties": {
        "number": {"type": ["string", "null"], "description": "in E.164; null if it is no usable number"},
        "blocked": YES_NO,
        "by": one_of(("list", "configuration"), null=True),
    },
    "required": ["number", "blocked", "by"],
    "additionalProperties": False,
}


def _fate(fate: Fate, summary: str) -> Endpoint:
    return Endpoint(
        method="POST",
        path=f"/v1/leads/{ID}/{fate}",
        summary=summary,
        handle=fate_of_lead(fate),
        scope="write",
        answer=ref(LEAD),
        versioned=True,
    )


ENDPOINTS: Final = (
    Endpoint(
        method="POST",
        path=f"/v1/tasks/{ID}/done",
        summary="the task is done (by this employee)",
        handle=done,
        scope="write",
        answer=ref(TASK),
        body={"by": TEXT},
        versioned=True,
    ),
    Endpoint(
        method="PATCH",
        path=f"/v1/leads/{ID}",
        summary="edit a lead; from then on the bridge does not overwrite it",
        handle=patch_lead,
        scope="write",
        answer=ref(LEAD),
        body={"title": TEXT, "responsible_id": TEXT, "tags": TEXTS},
        versioned=True,
    ),
    _fate(Fate.CONVERT, "the lead becomes a deal"),
    _fate(Fate.WIN, "the lead is won"),
    _fate(Fate.LOSE, "the lead is lost"),
    Endpoint(
        method="GET",
        path="/v1/blocked-numbers",
        summary="the blocked list, and what the configuration blocks",
        handle=blocked,
        answer=page_schema(BLOCKED),
    ),
    Endpoint(
        method="POST",
        path="/v1/blocked-numbers",
        summary="block a number (200 if it was blocked already)",
        handle=block,
        scope="write",
        answer=ref(BLOCKED),
        status=HTTPStatus.CREATED,
        body={**_NUMBER, "reason": TEXT},
        required=("number",),
    ),
    Endpoint(
        method="DELETE",
        path="/v1/blocked-numbers",
        summary="lift the block from a number",
        handle=unblock,
        scope="write",
        status=HTTPStatus.NO_CONTENT,
        query=(Parameter(name="number", description="in any spelling; it may stand in the body instead"),),
        body=_NUMBER,
    ),
    Endpoint(
        method="POST",
        path="/v1/blocked-numbers/test",
        summary="whether a number is blocked, under any spelling",
        handle=test,
        scope="read",
        answer=_TESTED,
        body=_NUMBER,
        required=("number",),
    ),
)
