"""The one table: what an HTTP status or a failure of the connection means for an effect that was being delivered.

Statuses are those of RFC 9110, RFC 6585 (429, 511) and RFC 4918 (423, 424, 507). The rule behind each row: RETRY only
if the request was surely not carried out; PARK if the same request would be refused again; everything in between is
UNKNOWN, and one looks before one asks again.
"""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ConnectionTimeoutError,
    InvalidURL,
    NonHttpUrlClientError,
    ServerFingerprintMismatch,
)

from bridge.flow.answers import Answer, NotDelivered
from bridge.flow.limits import LONGEST_RETRY_AFTER
from bridge.model.moment import Instant

BUSY_SECONDS: Final = 10.0
"""How long a system is left alone that says "too many requests" and not for how long."""
LONGEST_DETAIL: Final = 300

STATUSES: Final[Mapping[int, Answer]] = {
    400: Answer.PARK,
    401: Answer.REAUTHORISE,
    402: Answer.RETRY,  # it is about the account, not about this effect
    403: Answer.PARK,  # REAUTHORISE if it says that something has expired
    404: Answer.PARK,
    405: Answer.PARK,
    406: Answer.PARK,
    407: Answer.REAUTHORISE,
    408: Answer.RETRY,  # the request did not arrive as a whole
    409: Answer.PARK,
    410: Answer.PARK,
    411: Answer.PARK,
    412: Answer.PARK,
    413: Answer.PARK,
    414: Answer.PARK,
    415: Answer.PARK,
    421: Answer.RETRY,
    422: Answer.PARK,
    423: Answer.RETRY,
    424: Answer.RETRY,
    425: Answer.RETRY,
    429: Answer.RETRY,
    500: Answer.UNKNOWN,
    501: Answer.PARK,
    502: Answer.UNKNOWN,
    503: Answer.UNKNOWN,
    504: Answer.UNKNOWN,
    505: Answer.PARK,
    507: Answer.UNKNOWN,
    511: Answer.RETRY,  # a portal in between: it never arrived
}
_EXPIRED: Final = re.compile(r"expired|invalid_token|token.{0,20}(invalid|revoked)", re.IGNORECASE | re.DOTALL)
_ASKS_FOR_PATIENCE: Final = frozenset({429, 503})


def of_status(status: int, headers: Mapping[str, str], body: str, *, now: Instant) -> NotDelivered | None:
    """What this answer means; None: it was done. `headers` answers to any spelling of a name."""
    answer = _answer(status, headers, body)
    if answer is Answer.DONE:
        return None
    phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else ""
    return NotDelivered(
        answer,
        f"it answered {status} {phrase}".rstrip(),
        detail=_detail(headers, body),
        retry_after=_retry_after(status, headers.get("Retry-After"), now),
    )


def _answer(status: int, headers: Mapping[str, str], body: str) -> Answer:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Answer.DONE
    if status == HTTPStatus.FORBIDDEN and _EXPIRED.search(headers.get("WWW-Authenticate", "") + body):
        return Answer.REAUTHORISE
    client_error = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    return STATUSES.get(status, Answer.PARK if client_error else Answer.UNKNOWN)


def _detail(headers: Mapping[str, str], body: str) -> str:
    place = headers.get("Location")
    told = f"it sends us to {place}; name the right address in bridge.toml" if place else body
    return " ".join(told.split())[:LONGEST_DETAIL]


def _retry_after(status: int, header: str | None, now: Instant) -> float | None:
    """Seconds that the system asks to be left alone for (RFC 9110 10.2.3: seconds, or a date); None: it does not."""
    if status not in _ASKS_FOR_PATIENCE:
        return None
    asked = None if header is None else _seconds(header.strip(), now)
    if asked is None:
        return BUSY_SECONDS if status == HTTPStatus.TOO_MANY_REQUESTS else None
    return min(max(asked, 0.0), LONGEST_RETRY_AFTER)


def _seconds(header: str, now: Instant) -> float | None:
    if header.isascii() and header.isdecimal():
        return float(header[:9])
    try:
        return parsedate_to_datetime(header).timestamp() - now
    except (ValueError, TypeError, OverflowError):
        return None


_NOT_SENT: Final = (ClientConnectorError, ConnectionTimeoutError, ServerFingerprintMismatch)
_OUR_FAULT: Final = (InvalidURL, NonHttpUrlClientError)


def of_exception(error: ClientError | OSError) -> NotDelivered:
    """What it means that the connection failed in this way (a TimeoutError is an OSError)."""
    name = type(error).__name__
    if isinstance(error, _NOT_SENT):
        return NotDelivered(Answer.RETRY, f"it cannot be reached ({name})", detail=str(error)[:LONGEST_DETAIL])
    if isinstance(error, _OUR_FAULT):
        return NotDelivered(Answer.RETRY, f"its address is none ({name})", detail=str(error)[:LONGEST_DETAIL])
    if isinstance(error, TimeoutError):
        return NotDelivered(Answer.UNKNOWN, "it did not answer in time")
    return NotDelivered(Answer.UNKNOWN, f"the connection broke ({name})", detail=str(error)[:LONGEST_DETAIL])


def senseless(problem: str) -> NotDelivered:
    """It answered that all is well, in a way that nobody understands: perhaps it was done."""
    return NotDelivered(Answer.UNKNOWN, f"its answer makes no sense: {problem}")
