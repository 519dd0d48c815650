"""The generic dialect (docs/how-to/webhook.md): JSON that a developer writes by hand, one event or an array of them.

Its sender is a developer, so every problem is told at once, with its path and what to write instead. What strangers
typed (names, advertising tags) never makes an event unreadable: it is cleaned and clipped, because a call must not be
lost over a visitor's odd link.

Decisions:

- An unknown key is an error with "did you mean"; a known key that this `type` does not use is checked and ignored, so
  that one template may serve every type. An empty string and null both mean "not told".
- `call.transferred` may say `to` (the party who gets the call) and `kind` (`blind`, the default, or `attended`).
  `queue` may come with every type.
- Without `event_id` the id is derived from the content (`content:` and a hash), so the same object sent again is a
  duplicate.
- `occurred_at` needs an offset. Strings are bounded by `LONGEST`, an array by `MOST_EVENTS`.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn, cast

from bridge.model.call import Direction, Outcome, TransferKind, Utm
from bridge.model.events import (
    CallAnswered,
    CallEnded,
    CallRecorded,
    CallRinging,
    CallStep,
    CallTransferred,
)
from bridge.model.moment import Instant, from_iso
from bridge.wire.problems import MOST_PROBLEMS, Problem, Unreadable, did_you_mean, kind_of, shown, unreadable

MOST_EVENTS: Final = 1000
LONGEST: Final[Mapping[str, int]] = {
    "event_id": 255,
    "call_id": 255,
    "client_number": 64,
    "line_number": 64,
    "employee": 255,
    "to": 255,
    "queue": 128,
    "recording_url": 2048,
}
LONGEST_NAME: Final = 200
LONGEST_TAG: Final = 500
LONGEST_CALL: Final = 7 * 86400.0
"""A week, in seconds: nobody rings or talks longer, but wrong units (milliseconds) do."""

EARLIEST: Final = from_iso("2000-01-01T00:00:00Z")
LATEST: Final = from_iso("2100-01-01T00:00:00Z")

_STEPS: Final[Mapping[str, type[CallStep]]] = {
    "call.ringing": CallRinging,
    "call.answered": CallAnswered,
    "call.transferred": CallTransferred,
    "call.ended": CallEnded,
    "call.recorded": CallRecorded,
}
_OWN: Final[Mapping[type[CallStep], tuple[str, ...]]] = {
    CallRinging: (),
    CallAnswered: (),
    CallTransferred: ("to", "kind"),
    CallEnded: ("outcome", "ring_seconds", "talk_seconds", "recording_url"),
    CallRecorded: ("recording_url",),
}
_DIRECTIONS: Final = {str(direction): direction for direction in Direction}
_OUTCOMES: Final = {str(outcome): outcome for outcome in Outcome}
_KINDS: Final = {str(kind): kind for kind in TransferKind}
_TAGS: Final = ("source", "medium", "campaign", "term", "content")
_KEYS: Final = frozenset(
    (
        "type",
        "occurred_at",
        "direction",
        "client_name",
        "outcome",
        "ring_seconds",
        "talk_seconds",
        "kind",
        "utm",
        *LONGEST,
    )
)
_NO_UTM: Final = Utm()
_LONGEST_KEY: Final = 60
_LONG_NUMBER: Final = 10**20
_URL: Final = re.compile(r"https?://[^\s/?#\\@]+(?:[/?#][^\s\"<>\\]*)?", re.IGNORECASE)
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")


def read_events(body: bytes, *, source: str, received_at: Instant) -> tuple[CallStep, ...] | Unreadable:
    """The events of a body, in its order, or everything that is wrong with it. Never raises, whatever the bytes."""
    document = _read_json(body)
    if isinstance(document, Unreadable):
        return document
    if isinstance(document, dict):
        return _read_all([(document, "$")], source, received_at)
    if not isinstance(document, list):
        return unreadable("$", f"must be an object or an array of objects, not {kind_of(document)}")
    if len(document) > MOST_EVENTS:
        return unreadable("$", f"has {len(document)} events; send at most {MOST_EVENTS} at once")
    return _read_all([(item, f"$[{index}]") for index, item in enumerate(document)], source, received_at)


def _read_all(items: list[tuple[Any, str]], source: str, received_at: Instant) -> tuple[CallStep, ...] | Unreadable:
    events: list[CallStep] = []
    problems: list[Problem] = []
    for item, path in items:
        if not isinstance(item, dict):
            problems.append(Problem(path=path, message=f"must be an object, not {kind_of(item)}"))
        elif event := _Reading(item, path, problems).event(source, received_at):
            events.append(event)
        if len(problems) >= MOST_PROBLEMS:
            break
    return Unreadable(tuple(problems[:MOST_PROBLEMS])) if problems else tuple(events)


def _read_json(body: bytes) -> Any:
    """The document, or Unreadable. NaN and Infinity are not JSON; Python would let them in."""
    try:
        text = body.decode("utf-8-sig" if body.startswith(b"\xef\xbb\xbf") else "utf-8")
        return json.loads(text, parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        return unreadable("$", f"is not UTF-8 (byte {error.start})")
    except json.JSONDecodeError as error:
        return unreadable("$", f"is not JSON: {error.msg} (line {error.lineno}, column {error.colno})")
    except RecursionError:
        return unreadable("$", "is nested too deep")
    except ValueError as error:  # a constant that we refuse, or an integer of thousands of digits
        return unreadable("$", f"is not JSON that can be read: {shown(str(error), most=100)}")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


class _Reading:
    """One object on its way to an event; `problems` collects what is wrong with it."""

    __slots__ = ("_item", "_path", "_problems")

    def __init__(self, item: Mapping[str, Any], path: str, problems: list[Problem]) -> None:
        self._item = item
        self._path = path
        self._problems = problems

    def event(self, source: str, received_at: Instant) -> CallStep | None:
        """The event, or None when there was a problem."""
        before = len(self._problems)
        self._refuse_unknown_keys()
        step = self._choice("type", _STEPS, required=True)
        common = {
            "event_id": self._text("event_id"),
            "source": source,
            "occurred_at": self._instant(),
            "received_at": received_at,
            "platform_call_id": self._text("call_id", required=True),
            "direction": self._choice("direction", _DIRECTIONS),
            "client_number": self._text("client_number"),
            "client_name": self._typed_by_a_stranger("client_name", self._item.get("client_name"), LONGEST_NAME),
            "line_number": self._text("line_number"),
            "employee": self._text("employee"),
            "queue": self._text("queue"),
            "utm": self._utm(),
        }
        own = self._own_fields()
        if step is None or len(self._problems) > before:
            return None
        fields = common | {name: own[name] for name in _OWN[step]}
        if common["event_id"] is None:
            fields["event_id"] = _id_of_content(step, fields)
        return cast("CallStep", step(**fields))

    def _own_fields(self) -> Mapping[str, Any]:
        """The fields that only some types use; each is checked wherever it stands."""
        kind = self._item.get("type")
        return {
            "outcome": self._choice("outcome", _OUTCOMES, required=kind == "call.ended"),
            "ring_seconds": self._seconds("ring_seconds"),
            "talk_seconds": self._seconds("talk_seconds"),
            "recording_url": self._url("recording_url", required=kind == "call.recorded"),
            "to": self._text("to"),
            "kind": self._choice("kind", _KINDS) or TransferKind.BLIND,
        }

    def _refuse_unknown_keys(self) -> None:
        if self._item.keys() <= _KEYS:
            return
        for key in [key for key in self._item if key not in _KEYS][:MOST_PROBLEMS]:
            self._refuse(_step(key), f"is no key of an event{did_you_mean(key, _KEYS)}")

    def _text(self, key: str, *, required: bool = False) -> str | None:
        """A string that identifies something: kept as it is, but for the blanks around it."""
        value = self._item.get(key)
        if value is None or value == "":
            self._require(key, required=required)
            return None
        if not isinstance(value, str):
            quotes = f'; write it in quotes: "{value}"' if type(value) is int and abs(value) < _LONG_NUMBER else ""
            self._refuse(f".{key}", f"must be a string, not {kind_of(value)}{quotes}")
            return None
        text = value.strip()
        if len(text) > LONGEST[key]:
            self._refuse(f".{key}", f"has {len(text)} characters; at most {LONGEST[key]} are allowed")
        elif not text.isprintable() and (found := _CONTROL.search(text)):
            self._refuse(f".{key}", f"has the control character U+{ord(found[0]):04X} at position {found.start()}")
        elif not text:
            self._require(key, required=required)
        return text or None

    def _typed_by_a_stranger(self, step: str, value: Any, longest: int) -> str | None:
        if value is None:
            return None
        if not isinstance(value, str):
            self._refuse(f".{step}", f"must be a string, not {kind_of(value)}")
            return None
        if not value.isprintable():
            value = _CONTROL.sub(" ", value)
        return value.strip()[:longest] or None

    def _choice(self, key: str, choices: Mapping[str, Any], *, required: bool = False) -> Any:
        value = self._item.get(key)
        if value is None or value == "":
            self._require(key, required=required)
            return None
        if isinstance(value, str) and value in choices:
            return choices[value]
        hint = did_you_mean(value, choices) if isinstance(value, str) else ""
        self._refuse(f".{key}", f"{shown(value)} is none of {', '.join(choices)}{hint}")
        return None

    def _instant(self) -> Instant | None:
        value = self._item.get("occurred_at")
        if value is None or value == "":
            self._require("occurred_at", required=True)
            return None
        try:
            instant = from_iso(value)
        except (ValueError, TypeError):
            instant = None
        if instant is None:
            remedy = "is no ISO 8601 time with an offset; write it as 2026-11-22T10:15:30+01:00"
            self._refuse(".occurred_at", f"{shown(value)} {remedy}")
        elif not EARLIEST <= instant < LATEST:
            self._refuse(".occurred_at", f"{shown(value)} is no time of this century")
        return instant

    def _seconds(self, key: str) -> float | None:
        value = self._item.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._refuse(f".{key}", f"must be a number of seconds, not {kind_of(value)}")
        elif not 0 <= value <= LONGEST_CALL:
            self._refuse(f".{key}", f"must be from 0 to {LONGEST_CALL:.0f} seconds")
        else:
            return float(value)
        return None

    def _url(self, key: str, *, required: bool) -> str | None:
        url = self._text(key, required=required)
        if url is not None and not _URL.fullmatch(url):
            self._refuse(f".{key}", f"{shown(url)} is no http or https address (without a password in it)")
        return url

    def _utm(self) -> Utm:
        """The tags that we keep; others are a visitor's and nobody's mistake."""
        tags = self._item.get("utm")
        if tags is None:
            return _NO_UTM
        if not isinstance(tags, dict):
            self._refuse(".utm", f"must be an object, not {kind_of(tags)}")
            return _NO_UTM
        return Utm(**{tag: self._typed_by_a_stranger(f"utm.{tag}", tags.get(tag), LONGEST_TAG) for tag in _TAGS})

    def _require(self, key: str, *, required: bool) -> None:
        if required:
            self._refuse(f".{key}", "is missing")

    def _refuse(self, step: str, message: str) -> None:
        self._problems.append(Problem(path=f"{self._path}{step}", message=message))


def _id_of_content(step: type[CallStep], fields: Mapping[str, Any]) -> str:
    """The same for the same facts, however they were spelled; what was not told leaves no trace in it."""
    told = [f"{key}={value}" for key, value in sorted(fields.items()) if value is not None and key != "received_at"]
    digest = hashlib.blake2b("\x1f".join((step.__name__, *told)).encode(), digest_size=16)
    return f"content:{digest.hexdigest()}"


def _step(key: str) -> str:
    """The JSONPath step to this key (RFC 9535): a dot and the name, or the name in brackets and quotes."""
    return f".{key}" if key.isascii() and key.isidentifier() and len(key) <= _LONGEST_KEY else f"[{shown(key)}]"
