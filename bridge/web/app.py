"""The whole web in one application: hooks, API, health and pages, each request guarded in the same way."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final

import structlog
from aiohttp import hdrs, web

from bridge.flow.intake import Overloaded, Stopping
from bridge.store.errors import BadCursor, StoreError, VersionConflict
from bridge.web import (
    calls,
    explanation,
    forms,
    health,
    outbox,
    pages,
    recorder,
    records,
    reloading,
    shapes,
    stream,
    writing,
)
from bridge.web.endpoints import Endpoint, services
from bridge.web.gate import GATE, NOBODY, Gate, Visitor
from bridge.web.health import FIGURES, Figures
from bridge.web.looks import STATIC, STATIC_VERSION
from bridge.web.openapi import openapi
from bridge.web.problems import Refused, as_problem_details, of_http_error
from bridge.web.services import SERVICES, Services
from bridge.web.stream import AUDIENCE, Audience

log = structlog.get_logger()

SECONDS_FOR_AN_ANSWER: Final = 30.0
SECONDS_WITHOUT_A_REQUEST: Final = 75.0
"""How long a connection may stay without sending a whole request head; longer than proxies keep theirs (60 s)."""
LAST_ANSWERS_SECONDS: Final = 5.0
"""How long requests that are being served may go on when the bridge stops."""
LARGEST_BODY: Final = 256 * 1024
"""Bytes of an API request or a form; the hooks have their own measure."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
PageHandler = Callable[[web.Request, Visitor], Awaitable[web.StreamResponse]]

_FOR_PROGRAMS: Final = "default-src 'none'; frame-ancestors 'none'"
_FOR_PAGES: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_ALWAYS: Final = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Server": "callbridge",
    "X-Content-Type-Options": "nosniff",
}
_SPOKEN_BY_PROGRAMS: Final = ("/v1/", "/hooks/", "/healthz", "/readyz", "/metrics", "/openapi.json", "/static/")

ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    *records.ENDPOINTS,
    *calls.ENDPOINTS,
    *writing.ENDPOINTS,
    *recorder.ENDPOINTS,
    *outbox.ENDPOINTS,
    *reloading.ENDPOINTS,
    *stream.ENDPOINTS,
    *health.ENDPOINTS,
)
SHAPES: Final = (*shapes.SHAPES, *recorder.SHAPES, *outbox.SHAPES, *explanation.SHAPES)


async def _received_elsewhere(request: web.Request, _visitor: Visitor) -> web.StreamResponse:
    return await services(request).receive(request)


_HOOK: Final = Endpoint(
    method="POST",
    path="/hooks/{source}",
    summary="events of calls, one or an array, in the generic dialect; the source's own token or signature proves them",
    handle=_received_elsewhere,
    scope=None,
    status=HTTPStatus.ACCEPTED,
    answer={
        "type": "object",
        "properties": {"accepted": shapes.WHOLE, "duplicates": shapes.WHOLE},
        "required": ["accepted", "duplicates"],
    },
    body=shapes.PUSHED,
    required=("type", "call_id", "occurred_at"),
)


def make_app(shop: Services) -> web.Application:
    """The application; `make_runner` serves it."""
    app = web.Application(middlewares=[_answer_errors], client_max_size=LARGEST_BODY)
    app[SERVICES] = shop
    app[GATE] = Gate(shop)
    app[AUDIENCE] = Audience()
    app[FIGURES] = Figures(shop)
    app.on_response_prepare.append(_add_headers)
    app.on_shutdown.append(_end_streams)
    app.router.add_post(_HOOK.path, shop.receive)  # directly: it is the busiest address, and guards itself
    for endpoint in ENDPOINTS:
        if endpoint.method == hdrs.METH_GET:
            app.router.add_get(endpoint.path, _served(endpoint), allow_head=not endpoint.patient)
        else:
            app.router.add_route(endpoint.method, endpoint.path, _served(endpoint))
    for path, page in pages.ROUTES:
        app.router.add_get(path, _shown(page))
    app.router.add_get("/blocked", _shown(forms.blocked))
    app.router.add_get("/sign-in", forms.sign_in_page)
    for path, form in forms.FORMS:
        app.router.add_post(path, form)
    _describe(app, shop)
    app.router.add_get("/static/{version}/{name}", _static)
    return app


def make_runner(app: web.Application, *, seconds_without_a_request: float = SECONDS_WITHOUT_A_REQUEST) -> web.AppRunner:
    """What serves the application: bodies stay as they were sent, and a connection that says nothing is closed."""
    return web.AppRunner(
        app,
        access_log=None,
        keepalive_timeout=seconds_without_a_request,
        lingering_time=2.0,
        auto_decompress=False,
        handle_signals=False,
        shutdown_timeout=LAST_ANSWERS_SECONDS,
    )


def _served(endpoint: Endpoint) -> Handler:
    """The endpoint, for those who may use it, within the time that an answer may take."""

    async def handle(request: web.Request) -> web.StreamResponse:
        visitor = NOBODY
        if endpoint.scope is not None:
            visitor = await request.config_dict[GATE].require(request, endpoint.scope)
        if endpoint.patient:
            return await endpoint.handle(request, visitor)
        async with asyncio.timeout(SECONDS_FOR_AN_ANSWER):
            return await endpoint.handle(request, visitor)

    return handle


def _shown(page: PageHandler) -> Handler:
    """The page, for those who may read; others are asked who they are."""

    async def handle(request: web.Request) -> web.StreamResponse:
        async with asyncio.timeout(SECONDS_FOR_AN_ANSWER):
            visitor = await request.config_dict[GATE].visitor(request)
            if visitor.may("read"):
                return await page(request, visitor)
            if visitor.name is None:
                return forms.sign_in_first(request)
            raise Refused(HTTPStatus.FORBIDDEN, "you signed in with a token that may not read")

    return handle


def _describe(app: web.Application, shop: Services) -> None:
    """The API's description, for programs and for people; there is no client's data in it, so it is open."""
    document = openapi((*ENDPOINTS, _HOOK), SHAPES, shop.version)

    async def for_programs(_request: web.Request) -> web.Response:
        return web.json_response(document)

    async def for_people(request: web.Request) -> web.Response:
        visitor = await request.config_dict[GATE].visitor(request)
        return pages.render(request, visitor, "docs.html", "docs", document=document, live=False)

    app.router.add_get("/openapi.json", for_programs)
    app.router.add_get("/docs", for_people)


async def _static(request: web.Request) -> web.Response:
    file = STATIC.get(request.match_info["name"])
    if file is None:
        raise Refused(HTTPStatus.NOT_FOUND, "there is no such file")
    current = request.match_info["version"] == STATIC_VERSION
    kept = "public, max-age=31536000, immutable" if current else "no-cache"
    return web.Response(
        body=file.body, content_type=file.content_type, charset="utf-8", headers={"Cache-Control": kept}
    )


async def _end_streams(app: web.Application) -> None:
    app[AUDIENCE].close()


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    headers = response.headers
    headers.update(_ALWAYS)
    headers.setdefault("Cache-Control", "no-store")
    page = headers.get(hdrs.CONTENT_TYPE, "").startswith("text/html")
    headers["Content-Security-Policy"] = _FOR_PAGES if page else _FOR_PROGRAMS
    if services(request).secure:
        headers["Strict-Transport-Security"] = "max-age=31536000"


@web.middleware
async def _answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every refusal in the form that its reader understands; what nobody foresaw is logged and is our fault."""
    try:
        response = await handler(request)
    except Exception as error:  # noqa: BLE001  # the outermost place of a request
        response = _refusal(request, _refused_by(error))
    _count(request, response)
    return response


def _refused_by(error: Exception) -> Refused:
    match error:
        case Refused():
            return error
        case web.HTTPException():
            return of_http_error(error)
        case BadCursor():
            return Refused(
                HTTPStatus.BAD_REQUEST, "cursor: this list gave no such cursor; leave it away to begin again"
            )
        case VersionConflict():
            return Refused(HTTPStatus.PRECONDITION_FAILED, str(error))
        case StoreError() | Overloaded() | Stopping():
            log.warning("request.refused", problem=type(error).__name__)
            return _come_again("the store cannot be used just now")
        case web.RequestPayloadError() | ConnectionError():
            return Refused(HTTPStatus.BAD_REQUEST, "the request was cut off")
        case TimeoutError():
            log.warning("request.timed_out")
            return _come_again("it took too long")
        case _:
            log.error("request.broken", exc_info=error)
            return Refused(HTTPStatus.INTERNAL_SERVER_ERROR, "this is our mistake; it was logged")


def _come_again(why: str) -> Refused:
    return Refused(HTTPStatus.SERVICE_UNAVAILABLE, f"{why}; try again", headers={"Retry-After": "5"})


def _refusal(request: web.Request, refused: Refused) -> web.Response:
    if request.path.startswith(_SPOKEN_BY_PROGRAMS):
        return as_problem_details(refused)
    return pages.problem_page(request, refused)


def _count(request: web.Request, response: web.StreamResponse) -> None:
    resource: Any = request.match_info.route.resource
    route = "none" if resource is None else resource.canonical
    request.config_dict[FIGURES].count_request(route, request.method, response.status)
