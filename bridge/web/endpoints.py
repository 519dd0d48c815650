"""The API's addresses as data: what is routed is what is described, because both are read from the same list."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from aiohttp import hdrs, web

from bridge.store.engine import Connection
from bridge.web.asking import MOST_ITEMS, USUAL_ITEMS, asked
from bridge.web.gate import Scope, Visitor
from bridge.web.problems import not_found
from bridge.web.services import SERVICES, Services
from bridge.web.shapes import TEXT, Schema, Shape, array, one_of, ref

Handle = Callable[[web.Request, Visitor], Awaitable[web.StreamResponse]]

ID: Final = "{id:[0-9a-z]{1,32}}"
"""The pattern of a record's id in an address; what does not fit is no record's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A filter in the address."""

    name: str
    description: str
    schema: Schema = field(default_factory=lambda: {"type": "string"})
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One method of one address. `scope` None: open to everybody. `answer` is the schema of the JSON it gives."""

    method: str
    path: str
    summary: str
    handle: Handle
    scope: Scope | None = "read"
    answer: Schema | None = None
    status: HTTPStatus = HTTPStatus.OK
    query: tuple[Parameter, ...] = ()
    body: Mapping[str, Schema] | None = None
    required: tuple[str, ...] = ()
    versioned: bool = False
    media_type: str = "application/json"
    patient: bool = False
    """It may take as long as it likes (a stream)."""

    @property
    def plain_path(self) -> str:
        """The address with `{id}` for its parts that vary."""
        return self.path.replace(ID, "{id}")


LIMIT: Final = Parameter(
    name="limit",
    description=f"how many items at most ({USUAL_ITEMS} if not given)",
    schema={"type": "integer", "minimum": 1, "maximum": MOST_ITEMS},
)
CURSOR: Final = Parameter(name="cursor", description="the `next` of the page before")


def page_schema(shape: Shape) -> Schema:
    """A list's page: its items, newest first, and the cursor of the next page."""
    return {
        "type": "object",
        "properties": {"items": array(ref(shape)), "next": {"type": ["string", "null"]}},
        "required": ["items", "next"],
        "additionalProperties": False,
    }


def services(request: web.Request) -> Services:
    """The collaborators of this request's application."""
    return request.config_dict[SERVICES]


def page_json(shape: Shape, items: Iterable[Any], cursor: str | None, request: web.Request) -> web.Response:
    """One page of a list."""
    company = services(request).company()
    return web.json_response({"items": [shape.json(item, company) for item in items], "next": cursor})


def record_json(shape: Shape, record: Any, request: web.Request, *, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    """One record; its version is the answer's ETag."""
    version = getattr(record, "version", None)
    headers = {} if version is None else {str(hdrs.ETAG): f'"{version}"'}
    return web.json_response(shape.json(record, services(request).company()), status=status, headers=headers)


def filter_by(name: str, description: str, words: Sequence[str] = ()) -> Parameter:
    """An optional filter: any text, or one of these words."""
    return Parameter(name=name, description=description, schema=one_of(words) if words else TEXT)


PHONE: Final = filter_by("phone", "of the client with this number, in any spelling")


def list_of(path: str, summary: str, handle: Handle, shape: Shape, *filters: Parameter) -> Endpoint:
    """The address of a list of these, newest first, in pages."""
    return Endpoint(
        method="GET",
        path=path,
        summary=summary,
        handle=handle,
        answer=page_schema(shape),
        query=(*filters, LIMIT, CURSOR),
    )


def one_from(path: str, shape: Shape, find: Callable[[Connection, str], Awaitable[object | None]]) -> Endpoint:
    """The address of one of these, by its id."""

    async def handle(request: web.Request, _visitor: Visitor) -> web.Response:
        asked(request)
        async with services(request).store.reading() as conn:
            found = await find(conn, request.match_info["id"])
        if found is None:
            raise not_found(shape.name.lower())
        return record_json(shape, found, request)

    return Endpoint(
        method="GET", path=f"{path}/{ID}", summary=f"one {shape.name.lower()}", handle=handle, answer=ref(shape)
    )
