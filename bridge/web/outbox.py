"""The API of what remote systems are still to be told, and of handling again what had failed."""

from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from bridge.flow.replay import Replay, Replayed, Wanted
from bridge.store.outbox import OutboxItem, OutboxState, outbox_items
from bridge.web.asking import asked, body_of
from bridge.web.endpoints import ID, Endpoint, Handle, filter_by, list_of, page_json, services
from bridge.web.gate import Visitor
from bridge.web.problems import Refused, not_found
from bridge.web.shapes import MOMENT, MOMENT_OR_NULL, TEXT, TEXT_OR_NULL, WHOLE, YES_NO, Shape, member, members, one_of
from bridge.wire.effects import document_of, name_of

LARGEST_ID: Final = 2**63 - 1

Ids = Callable[[Replay, Wanted], Awaitable[list[int]]]
Again = Callable[[Replay, Sequence[int]], Awaitable[Replayed]]


async def outbox(request: web.Request, _visitor: Visitor) -> web.Response:
    """GET /v1/outbox."""
    wanted = asked(request, "state", "system", "limit", "cursor")
    async with services(request).store.reading() as conn:
        page = await outbox_items(
            conn,
            state=wanted.word("state", OutboxState),
            system=wanted.text("system"),
            limit=wanted.limit,
            cursor=wanted.cursor,
        )
    return page_json(OUTBOX_ITEM, page.items, page.next, request)


def _replayed(what: str, ids: Ids, again: Again) -> Handle:
    async def handle(request: web.Request, _visitor: Visitor) -> web.Response:
        await body_of(request, ())
        text, replay = request.match_info["id"], services(request).replay
        number = int(text) if text.isdecimal() else 0
        if not 0 < number <= LARGEST_ID:
            raise not_found(what)
        if not await ids(replay, Wanted(ids=[number])):
            raise Refused(HTTPStatus.CONFLICT, f"no {what} with this id waits for a person")
        replayed = await again(replay, [number])
        for _, why in replayed.refused:
            raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, f"it still cannot be read: {why}")
        return web.json_response({"id": number, "replayed": bool(replayed.again)})

    return handle


def _name(item: OutboxItem) -> str | None:
    return None if item.outgoing is None else name_of(item.outgoing.effect)


def _document(item: OutboxItem) -> dict[str, Any] | None:
    """What the system is to be told; None once it was, or if this version cannot read it."""
    return None if item.outgoing is None else document_of(item.outgoing)


OUTBOX_ITEM: Final = Shape(
    "OutboxItem",
    "An effect that a remote system is to be told. `held` ones wait behind a dead letter of the same client; `unknown` "
    "says that it may have been sent, so the system is asked before it is told; `body` is null once it is done.",
    (
        member("id", WHOLE),
        *members("key system", TEXT),
        member("effect", TEXT_OR_NULL, _name),
        member("state", one_of(tuple(OutboxState)), lambda item: str(item.state)),
        member("attempts", WHOLE),
        member("unknown", YES_NO),
        member("created_at", MOMENT),
        *members("next_at finished_at", MOMENT_OR_NULL),
        member("problem", TEXT_OR_NULL),
        member("body", {"type": ["object", "null"]}, _document),
    ),
)
_ANSWER: Final = {
    "type": "object",
    "properties": {"id": WHOLE, "replayed": YES_NO},
    "required": ["id", "replayed"],
    "additionalProperties": False,
}


def _replay(path: str, summary: str, handle: Handle) -> Endpoint:
    return Endpoint(
        method="POST", path=f"{path}/{ID}/replay", summary=summary, handle=handle, scope="write", answer=_ANSWER
    )


ENDPOINTS: Final = (
    list_of(
        "/v1/outbox",
        "effects on their way to a remote system",
        outbox,
        OUTBOX_ITEM,
        filter_by("state", "in this state", tuple(OutboxState)),
        filter_by("system", "for this system"),
    ),
    _replay(
        "/v1/outbox",
        "deliver a dead letter again",
        _replayed("dead letter", Replay.dead_ids, Replay.dead),
    ),
    _replay(
        "/v1/quarantine",
        "read a body again (422: it still cannot be read)",
        _replayed("body", Replay.quarantined_ids, Replay.quarantined),
    ),
    _replay(
        "/v1/events",
        "handle a failed event again",
        _replayed("failed event", Replay.failed_ids, Replay.failed),
    ),
)
SHAPES: Final = (OUTBOX_ITEM,)
