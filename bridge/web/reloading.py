"""The API's way to have the configuration read again, as SIGHUP does, with an answer."""

from http import HTTPStatus
from typing import Final

from aiohttp import web

from bridge.flow.reloads import ReloadRefused
from bridge.web.asking import body_of
from bridge.web.endpoints import Endpoint, services
from bridge.web.gate import Visitor
from bridge.web.problems import Refused
from bridge.web.shapes import TEXT, TEXTS


async def reload(request: web.Request, visitor: Visitor) -> web.Response:
    """POST /v1/reload: 200 with what has changed, 422 with everything that is wrong; then nothing has."""
    await body_of(request, ())
    try:
        done = await services(request).reload(f"token {visitor.name}")
    except ReloadRefused as refused:
        raise Refused(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "the configuration is not good; what was in force stays in force",
            problems=refused.problems,
        ) from refused
    return web.json_response(
        {"scenarios": done.scenarios, "changed": list(done.changed), "needs_restart": list(done.needs_restart)}
    )


_RELOADED: Final = {
    "type": "object",
    "properties": {
        "scenarios": {**TEXT, "description": "the version of the matrix that is in force now"},
        "changed": {**TEXTS, "description": "what is different from before"},
        "needs_restart": {**TEXTS, "description": "what is different from the start and counts after a restart only"},
    },
    "required": ["scenarios", "changed", "needs_restart"],
    "additionalProperties": False,
}

ENDPOINTS: Final = (
    Endpoint(
        method="POST",
        path="/v1/reload",
        summary="read the configuration again, as SIGHUP does; 422 names everything that is wrong with it",
        handle=reload,
        scope="write",
        answer=_RELOADED,
        body={},
    ),
)
