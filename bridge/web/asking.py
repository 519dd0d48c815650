"""What a request asks for: its filters, its page, the version it is about, its JSON body."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any, TypeVar

from aiohttp import hdrs, web

from bridge.model.people import Company
from bridge.model.phone import PhoneNumber, lookup_keys, read_number
from bridge.web.problems import Refused, bad_body, bad_query
from bridge.wire.problems import did_you_mean, kind_of, shown

MOST_ITEMS = 200
USUAL_ITEMS = 50
LONGEST_CURSOR = 300
LONGEST_VALUE = 200

E = TypeVar("E", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Asked:
    """The filters of one request, each given at most once and each known."""

    values: Mapping[str, str]

    def text(self, name: str) -> str | None:
        """The value of this filter; None if it was not given."""
        return self.values.get(name)

    def word(self, name: str, kind: type[E]) -> E | None:
        """The value as a member of this enumeration.

        Raises:
            Refused: it is none of its words.

        """
        value = self.values.get(name)
        if value is None:
            return None
        try:
            return kind(value)
        except ValueError:
            words = [str(word) for word in kind]
            hint = did_you_mean(value, words)
            raise bad_query(name, f"{shown(value)} is none of {', '.join(words)}{hint}") from None

    def phone_keys(self, name: str, company: Company) -> frozenset[str] | None:
        """Every spelling of the number in this filter.

        Raises:
            Refused: nobody has such a number.

        """
        value = self.values.get(name)
        return None if value is None else lookup_keys(usable_number(value, company, name))

    @property
    def limit(self) -> int:
        """How many items at most."""
        value = self.values.get("limit", str(USUAL_ITEMS))
        short = len(value) <= len(str(MOST_ITEMS))
        if not (short and value.isascii() and value.isdecimal() and 1 <= int(value) <= MOST_ITEMS):
            raise bad_query("limit", f"must be a number from 1 to {MOST_ITEMS}")
        return int(value)

    @property
    def cursor(self) -> str | None:
        """Where the page before this one ended."""
        value = self.values.get("cursor")
        if value is not None and len(value) > LONGEST_CURSOR:
            raise bad_query("cursor", "is not one that this list gave; leave it away to begin again")
        return value


def asked(request: web.Request, *known: str) -> Asked:
    """The filters of this request.

    Raises:
        Refused: a filter that this address does not know, one given twice, or a value that nothing can equal.

    """
    values: dict[str, str] = {}
    for name, value in request.query.items():
        if name not in known:
            hint = did_you_mean(name, known)
            listed = f"; known: {', '.join(known)}" if known else ""
            raise bad_query(shown(name).strip("'"), f"is no filter of this address{hint}{listed}")
        if name in values:
            raise bad_query(name, "is given twice")
        if len(value) > max(LONGEST_VALUE, LONGEST_CURSOR) or not value.isprintable():
            raise bad_query(name, "is too long, or has characters that nothing has")
        values[name] = value
    return Asked(values)


def usable_number(text: str, company: Company, name: str) -> PhoneNumber:
    """The number that this text says.

    Raises:
        Refused: nobody has such a number.

    """
    if text.startswith(" "):
        text = f"+{text.strip()}"  # a plus that was not escaped in an address arrives as a blank
    number = read_number(text, company.country)
    if not isinstance(number, PhoneNumber):
        raise bad_query(name, f"{shown(text)} is no usable number; write it as +442079460100")
    return number


def version_of(request: web.Request) -> int | None:
    """The version that `If-Match` insists on; None: any.

    Raises:
        Refused: it is no version of ours (412).

    """
    given = request.headers.get(hdrs.IF_MATCH)
    if given is None or given.strip() == "*":
        return None
    text = given.strip().removeprefix("W/").strip('"')
    if not (text.isascii() and text.isdecimal() and len(text) < len(str(2**31))):
        raise Refused(HTTPStatus.PRECONDITION_FAILED, 'If-Match takes the record\'s version, as in If-Match: "3"')
    return int(text)


async def body_of(request: web.Request, known: Collection[str], *, required: Collection[str] = ()) -> dict[str, Any]:
    """The JSON object in the body, with known members only; an empty body is an empty object.

    Raises:
        Refused: it is no object, has unknown members or lacks one.

    """
    raw = await request.read()
    try:
        body = json.loads(raw.decode()) if raw.strip() else {}
    except (ValueError, RecursionError):
        raise Refused(HTTPStatus.BAD_REQUEST, "the body is not JSON") from None
    if not isinstance(body, dict):
        raise bad_body("$", f"must be an object, not {kind_of(body)}")
    for name in body:
        if name not in known:
            raise bad_body(f"$[{shown(name)}]", f"is no member of this request{did_you_mean(name, known)}")
    for name in required:
        value = body.get(name)
        if value is None or value == "":
            raise bad_body(f"$.{name}", "is missing")
    return body


def text_in(body: Mapping[str, Any], name: str, *, longest: int = LONGEST_VALUE) -> str | None:
    """The text of this member; None if it is not given.

    Raises:
        Refused: it is no text that we can keep.

    """
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise bad_body(f"$.{name}", f"must be a string, not {kind_of(value)}")
    if len(value) > longest or any(
        ord(character) < ord(" ") or "\ud800" <= character <= "\udfff" for character in value
    ):
        raise bad_body(f"$.{name}", f"must have at most {longest} characters, and no control characters")
    return value.strip() or None
