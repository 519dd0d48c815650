"""What a request gets that cannot be served: problem details for programs, a plain page for people."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from aiohttp import hdrs, web

from bridge.wire.problems import CONTENT_TYPE, Problem, problem_document


class Refused(Exception):  # noqa: N818  # style: an exception is named for what happened
    """The request is answered with this status; `detail` says what to do about it."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        problems: Sequence[Problem] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.problems = tuple(problems)
        self.headers = headers or {}


def not_found(what: str) -> Refused:
    """There is no such record."""
    return Refused(HTTPStatus.NOT_FOUND, f"there is no {what} with this id")


def bad_query(path: str, message: str) -> Refused:
    """A part of the address after the question mark is wrong."""
    return Refused(
        HTTPStatus.BAD_REQUEST, f"{path}: {message}", problems=(Problem(path=f"query.{path}", message=message),)
    )


def bad_body(path: str, message: str) -> Refused:
    """The JSON of a request is not what it should be."""
    return Refused(
        HTTPStatus.UNPROCESSABLE_ENTITY, f"{path} {message}", problems=(Problem(path=path, message=message),)
    )


def as_problem_details(refused: Refused) -> web.Response:
    """The answer that a program gets (RFC 9457)."""
    return web.json_response(
        problem_document(refused.status, refused.detail, refused.problems),
        status=refused.status,
        headers=refused.headers,
        content_type=CONTENT_TYPE,
    )


def of_http_error(error: web.HTTPException) -> Refused:
    """What aiohttp refused by itself: unknown paths and methods, bodies that are too large."""
    status = HTTPStatus(error.status)
    details = {
        HTTPStatus.NOT_FOUND: "there is nothing at this address; /docs lists what there is",
        HTTPStatus.METHOD_NOT_ALLOWED: "this address does not take this method",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "the body is too large",
    }
    allowed = error.headers.get(hdrs.ALLOW)
    return Refused(
        status, details.get(status, status.phrase), headers={"Allow": allowed} if allowed is not None else None
    )
