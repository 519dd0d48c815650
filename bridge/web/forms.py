"""What people do on the page: forms that are sent, checked, and answered with the way back."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl, quote

from aiohttp import web

from bridge.model.phone import PhoneNumber, read_number
from bridge.store.blocked import blocking
from bridge.web.asking import LONGEST_VALUE, asked
from bridge.web.changes import Fate, all_blocked, block_number, finish_task, settle_lead, unblock_number
from bridge.web.endpoints import ID, services
from bridge.web.gate import CSRF_FIELD, GATE, NOBODY, SESSION_COOKIE, Visitor, unknown_visitor
from bridge.web.pages import EMPLOYEE_COOKIE, looks_of, render
from bridge.web.problems import Refused

LARGEST_FORM: Final = 16 * 1024
MOST_FIELDS: Final = 20
SECONDS_FOR_A_FORM: Final = 10.0

Posted = Callable[[web.Request], Awaitable[web.Response]]


async def form_of(request: web.Request) -> tuple[Visitor, Mapping[str, str]]:
    """Who sent a form of ours, and its fields.

    Raises:
        Refused: he may not, or the form is not ours.

    """
    if (await request.config_dict[GATE].visitor(request)).csrf is None:
        raise unknown_visitor()  # before anything that he sends is read
    fields = await _fields_of(request)
    return await request.config_dict[GATE].require_form(request, fields.get(CSRF_FIELD, "")), fields


async def _fields_of(request: web.Request) -> Mapping[str, str]:
    """The fields of a form. One of ours is small and comes at once; who has not signed in may fill no more memory.

    Raises:
        Refused: it is no form of ours.
        TimeoutError: it does not come.

    """
    async with asyncio.timeout(SECONDS_FOR_A_FORM):
        text = await request.clone(client_max_size=LARGEST_FORM).text()
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        raise Refused(HTTPStatus.BAD_REQUEST, "this is no form of ours") from None


async def done(request: web.Request) -> web.Response:
    """POST /tasks/{id}/done."""
    _, fields = await form_of(request)
    by = request.cookies.get(EMPLOYEE_COOKIE)
    known = by if by in services(request).company().employees else None
    await finish_task(services(request), request.match_info["id"], by=known, version=_version(fields))
    return _back(fields.get("back"), "/tasks")


def fate_of_lead(fate: Fate) -> Posted:
    """POST /leads/{id}/convert and its likes."""

    async def handle(request: web.Request) -> web.Response:
        _, fields = await form_of(request)
        found = await settle_lead(services(request), request.match_info["id"], fate, version=_version(fields))
        return _back(None, f"/leads/{found.id}")

    return handle


async def blocked(request: web.Request, visitor: Visitor) -> web.Response:
    """GET /blocked: the list, and whether a number is on it."""
    tested = asked(request, "test").text("test")
    return await _blocked_page(request, visitor, tested=tested)


async def block(request: web.Request) -> web.Response:
    """POST /blocked."""
    visitor, fields = await form_of(request)
    written = fields.get("number", "").strip()[:LONGEST_VALUE]
    number = read_number(written, services(request).company().country)
    if not isinstance(number, PhoneNumber):
        return await _blocked_page(request, visitor, problem="That is no usable number. Write it as +442079460100.")
    reason = "".join(character for character in fields.get("reason", "") if character.isprintable()).strip()
    try:
        await block_number(services(request), number, reason=reason[:LONGEST_VALUE] or None, by=visitor.name)
    except Refused as refused:
        return await _blocked_page(request, visitor, problem=refused.detail)
    return _back(None, "/blocked")


async def unblock(request: web.Request) -> web.Response:
    """POST /blocked/remove."""
    visitor, fields = await form_of(request)
    number = read_number(fields.get("number"), services(request).company().country)
    try:
        if isinstance(number, PhoneNumber):
            await unblock_number(services(request), number)
    except Refused as refused:
        return await _blocked_page(request, visitor, problem=refused.detail)
    return _back(None, "/blocked")


async def _blocked_page(
    request: web.Request, visitor: Visitor, *, tested: str | None = None, problem: str | None = None
) -> web.Response:
    shop = services(request)
    company = shop.company()
    async with shop.store.reading() as conn:
        entries = await all_blocked(conn, company)
        answer = None
        if tested is not None:
            number = read_number(tested, company.country)
            if not isinstance(number, PhoneNumber):
                answer = "That is no usable number."
            elif await blocking(conn, number) is not None or company.blocks(number):
                answer = f"{looks_of(request).number(number.e164)} is blocked."
            else:
                answer = f"{looks_of(request).number(number.e164)} is not blocked."
    return render(
        request,
        visitor,
        "blocked.html",
        "blocked",
        status=HTTPStatus.OK if problem is None else HTTPStatus.UNPROCESSABLE_ENTITY,
        entries=entries,
        tested=tested,
        answer=answer,
        problem=problem,
    )


async def sign_in_page(request: web.Request) -> web.Response:
    """GET /sign-in."""
    following = _local(request.query.get("next"), "/")
    return render(request, NOBODY, "sign_in.html", "sign-in", next=following, problem=None, live=False)


async def sign_in(request: web.Request) -> web.Response:
    """POST /sign-in: the token is exchanged for a cookie that scripts cannot read."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        raise Refused(HTTPStatus.FORBIDDEN, "sign in on this page itself")
    fields = await _fields_of(request)
    following = _local(fields.get("next"), "/")
    session = await request.config_dict[GATE].sign_in(fields.get("token", ""))
    if session is None:
        return render(
            request, NOBODY, "sign_in.html", "sign-in", status=HTTPStatus.UNAUTHORIZED, next=following, live=False,
            problem="This token is not good. Was it revoked, or cut off when it was copied?",
        )  # fmt: skip
    shop = services(request)
    response = _back(None, following)
    response.set_cookie(
        SESSION_COOKIE,
        session,
        max_age=int(shop.settings.session_hours * 3600),
        httponly=True,
        samesite="Strict",
        secure=shop.secure,
    )
    return response


async def sign_out(request: web.Request) -> web.Response:
    """POST /sign-out."""
    visitor = await request.config_dict[GATE].visitor(request)
    if visitor.csrf is None or (await _fields_of(request)).get(CSRF_FIELD) != visitor.csrf:
        raise unknown_visitor()
    response = _back(None, "/")
    response.del_cookie(SESSION_COOKIE)
    return response


def sign_in_first(request: web.Request) -> web.Response:
    """The way of somebody unknown to what he wanted to see."""
    return _back(None, f"/sign-in?next={quote(request.path_qs)}" if request.path != "/" else "/sign-in")


def _version(fields: Mapping[str, str]) -> int | None:
    """The version that the person saw; None if the form did not tell."""
    text = fields.get("version", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < len(str(2**31)) else None


def _back(wanted: str | None, otherwise: str) -> web.Response:
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": _local(wanted, otherwise)})


def _local(address: str | None, otherwise: str) -> str:
    """The address, if it is one of this site; a form must not send people elsewhere."""
    if address is None or not address.startswith("/") or address.startswith(("//", "/\\")):
        return otherwise
    return address if address.isascii() and address.isprintable() else otherwise


FORMS: Final[tuple[tuple[str, Posted], ...]] = (
    (f"/tasks/{ID}/done", done),
    *((f"/leads/{ID}/{fate}", fate_of_lead(fate)) for fate in Fate),
    ("/blocked", block),
    ("/blocked/remove", unblock),
    ("/sign-in", sign_in),
    ("/sign-out", sign_out),
)
