"""Server-sent events: what has just been committed, for pages and programs that want to know at once."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Final

from aiohttp import web

from bridge.flow.bulletin import Bulletin, Change, Listener, Topic
from bridge.model.people import Company
from bridge.store.calls import CallRecord
from bridge.web.asking import asked
from bridge.web.endpoints import Endpoint, services
from bridge.web.gate import Visitor
from bridge.web.problems import Refused
from bridge.web.shapes import CALL, CASE, CONTACT, DEAL, LEAD, ORGANISATION, TASK, TEXT, Shape

MOST_LISTENERS: Final = 100
SECONDS_BETWEEN_SIGNS_OF_LIFE: Final = 15.0
SECONDS_TO_TAKE_IT: Final = 20.0
"""A listener who takes longer to read one change has gone, or is stuck."""
SECONDS_OF_A_STREAM: Final = 600.0

_SHAPES: Final[dict[Topic, Shape]] = {
    Topic.CALL: CALL,
    Topic.TASK: TASK,
    Topic.CASE: CASE,
    Topic.LEAD: LEAD,
    Topic.DEAL: DEAL,
    Topic.CONTACT: CONTACT,
    Topic.ORGANISATION: ORGANISATION,
}


class Audience:
    """Those who listen now. Closing ends every stream, so that the daemon can stop."""

    def __init__(self) -> None:
        self.closed = False
        self._listeners: set[Listener] = set()

    @property
    def size(self) -> int:
        """How many listen now."""
        return len(self._listeners)

    @contextmanager
    def listening(self, bulletin: Bulletin) -> Iterator[Listener]:
        """Listen for as long as the block lasts.

        Raises:
            Refused: too many listen already, or nobody may any more (503).

        """
        if self.closed or self.size >= MOST_LISTENERS:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "too many listen already", headers={"Retry-After": "60"})
        with bulletin.listening() as listener:
            self._listeners.add(listener)
            try:
                yield listener
            finally:
                self._listeners.discard(listener)

    def close(self) -> None:
        """End every stream."""
        self.closed = True
        for listener in self._listeners:
            listener.hear([Change(topic=Topic.RESYNC)])


AUDIENCE: Final = web.AppKey("audience", Audience)


async def stream(request: web.Request, _visitor: Visitor) -> web.StreamResponse:
    """GET /v1/stream. It ends after a while, so that whoever may not listen any more cannot come again."""
    asked(request)
    shop, audience = services(request), request.config_dict[AUDIENCE]
    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
    with audience.listening(shop.bulletin) as listener:
        try:
            await answer.prepare(request)
            async with asyncio.timeout(SECONDS_OF_A_STREAM):
                await _tell(answer, ": you are listening\nretry: 3000\n\n")
                while not audience.closed:
                    await _tell(answer, _text_of(await _next(listener), shop.company()))
        except (ConnectionError, TimeoutError):
            pass  # he has gone, or it is time that he comes again
    return answer


async def _next(listener: Listener) -> Change | None:
    """The next change; None if nothing happened for a while."""
    try:
        async with asyncio.timeout(SECONDS_BETWEEN_SIGNS_OF_LIFE):
            return await listener.next()
    except TimeoutError:
        return None


async def _tell(answer: web.StreamResponse, text: str) -> None:
    async with asyncio.timeout(SECONDS_TO_TAKE_IT):
        await answer.write(text.encode())


def _text_of(change: Change | None, company: Company) -> str:
    """The change as an event; a comment if there is nothing to tell, or nothing that people may see."""
    if change is None or (isinstance(change.record, CallRecord) and not change.record.listed):
        return ": still here\n\n"
    shape = _SHAPES.get(change.topic)
    known = change.record is not None and shape is not None
    told = shape.json(change.record, company) if known and shape is not None else {"id": change.id, "gone": True}
    return f"event: {change.topic}\ndata: {json.dumps(told)}\n\n"


ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/v1/stream",
        summary="what has just changed, as server-sent events: call, task, case, lead, deal, contact, organisation; "
        "resync: changes were missed, read again",
        handle=stream,
        answer=TEXT,
        media_type="text/event-stream",
        patient=True,
    ),
)
