"""What the API tells of the bridge itself: its people, its rules, and the flight recorder of what came in."""

from collections.abc import Sequence
from typing import Final

from aiohttp import web

from bridge.rules.rows import Row
from bridge.store.aliases import keys_of
from bridge.store.calls import call_by_id
from bridge.store.engine import Connection
from bridge.store.journal import EntryState, QuarantineState, entries, quarantined
from bridge.web.asking import asked
from bridge.web.endpoints import Endpoint, filter_by, list_of, page_json, page_schema, services
from bridge.web.gate import Visitor
from bridge.web.shapes import EMPLOYEE, EVENT, QUARANTINED, TEXT, Shape, array, member, members, ref


async def employees(request: web.Request, _visitor: Visitor) -> web.Response:
    """GET /v1/employees: all of them."""
    asked(request)
    return page_json(EMPLOYEE, services(request).company().employees.values(), None, request)


async def scenarios(request: web.Request, _visitor: Visitor) -> web.Response:
    """GET /v1/scenarios: the matrix as it decides now."""
    shop = services(request)
    matrix = shop.matrix()
    company = shop.company()
    answer = {
        "version": matrix.version,
        "text": shop.matrix_text(),
        "rows": [ROW.json(row, company) for row in matrix.rows],
        "modifiers": [ROW.json(row, company) for row in matrix.modifiers],
    }
    return web.json_response(answer, headers={"ETag": f'"{matrix.version}"'})


async def events(request: web.Request, _visitor: Visitor) -> web.Response:
    """GET /v1/events."""
    wanted = asked(request, "source", "state", "call_id", "limit", "cursor")
    call_id = wanted.text("call_id")
    async with services(request).store.reading() as conn:
        page = await entries(
            conn,
            call_keys=None if call_id is None else await _keys_of_call(conn, call_id),
            source=wanted.text("source"),
            state=wanted.word("state", EntryState),
            limit=wanted.limit,
            cursor=wanted.cursor,
        )
    return page_json(EVENT, page.items, page.next, request)


async def _keys_of_call(conn: Connection, call_id: str) -> Sequence[str]:
    found = await call_by_id(conn, call_id)
    return [] if found is None else sorted({found.key, *found.body.merged, *await keys_of(conn, call_id)})


async def quarantine(request: web.Request, _visitor: Visitor) -> web.Response:
    """GET /v1/quarantine: what waits for a person, unless another state is asked for."""
    wanted = asked(request, "state", "limit", "cursor")
    async with services(request).store.reading() as conn:
        page = await quarantined(
            conn,
            state=wanted.word("state", QuarantineState) or QuarantineState.WAITING,
            limit=wanted.limit,
            cursor=wanted.cursor,
        )
    return page_json(QUARANTINED, page.items, page.next, request)


def _conditions(row: Row) -> list[str]:
    return [condition.text for condition in row.when]


ROW: Final = Shape(
    "Scenario",
    "One row of the matrix.",
    (*members("name title", TEXT), member("when", array(TEXT), _conditions)),
)
SCENARIOS: Final = {
    "type": "object",
    "properties": {"version": TEXT, "text": TEXT, "rows": array(ref(ROW)), "modifiers": array(ref(ROW))},
    "required": ["version", "text", "rows", "modifiers"],
    "additionalProperties": False,
}


ENDPOINTS: Final = (
    Endpoint(method="GET", path="/v1/employees", summary="employees", handle=employees, answer=page_schema(EMPLOYEE)),
    Endpoint(method="GET", path="/v1/scenarios", summary="the matrix", handle=scenarios, answer=SCENARIOS),
    list_of(
        "/v1/events",
        "what came in",
        events,
        EVENT,
        filter_by("source", "from this source"),
        filter_by("state", "in this state", tuple(EntryState)),
        filter_by("call_id", "about this call"),
    ),
    list_of(
        "/v1/quarantine",
        "bodies that nobody could read (those that wait, unless another state is asked for)",
        quarantine,
        QUARANTINED,
        filter_by("state", "in this state", tuple(QuarantineState)),
    ),
)
SHAPES: Final = (ROW,)
