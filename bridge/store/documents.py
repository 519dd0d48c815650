"""Documents: our values as JSON text and back.

The way of each class is worked out once from its fields. A field that has its default value is not written, a key
that no field has is not read, so that versions which know more and fewer fields read each other's documents. A member
of a union (an event, an effect) carries the name of its class under `is`.
"""

import json
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import StrEnum
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar

from bridge.model.call import Call, Utm
from bridge.model.crm import Client
from bridge.model.effects import Verdict
from bridge.model.events import CallStep, Event
from bridge.store.errors import UnreadableDocument

T = TypeVar("T")
Plain = Any  # what json gives and takes
Turn = Callable[[Any], Plain] | None  # None: the value is written, or read, as it is
_NAME = "is"
_UNSET = object()
_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode
_loads = json.JSONDecoder().decode


class _Way:
    """How the values of one dataclass become plain and come back."""

    __slots__ = ("make", "readers", "values_of", "writers")

    def __init__(self, kind: type) -> None:
        hints = typing.get_type_hints(kind)
        parts = fields(kind)
        names = [part.name for part in parts]
        self.make = kind
        self.values_of: Callable[[Any], tuple[Any, ...]] = (
            attrgetter(*names) if len(names) > 1 else _alone(attrgetter(names[0]))
        )
        self.writers = tuple((part.name, _default(part), _writer(hints[part.name])) for part in parts)
        self.readers: dict[str, Turn] = {name: _reader(hints[name]) for name in names}

    def write(self, value: Any) -> dict[str, Plain]:
        plain: dict[str, Plain] = {}
        for (name, default, turn), item in zip(self.writers, self.values_of(value), strict=True):
            if item is not default and item != default:
                plain[name] = item if turn is None or item is None else turn(item)
        return plain

    def read(self, plain: dict[str, Plain]) -> Any:
        readers = self.readers
        known: dict[str, Any] = {}
        for name, item in plain.items():
            turn = readers.get(name, _UNSET)
            if turn is None or item is None:
                known[name] = item
            elif turn is not _UNSET:
                known[name] = turn(item)  # type: ignore[operator] # a Turn, since it is neither None nor unset
        return self.make(**known)


def _alone(get: Callable[[Any], Any]) -> Callable[[Any], tuple[Any, ...]]:
    return lambda value: (get(value),)


def _default(part: "Field[Any]") -> object:
    """What need not be written; a field without a default is always written."""
    if part.default is not MISSING:
        return part.default
    return part.default_factory() if part.default_factory is not MISSING else _UNSET


@cache
def _way(kind: type) -> _Way:
    return _Way(kind)


def _without_none(hint: Any) -> list[Any]:
    """The members of a union but None; a hint that is no union is alone."""
    members = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return [member for member in members if member is not type(None)]


def _writer(hint: Any) -> Turn:
    members = _without_none(hint)
    if len(members) > 1:
        return _union(members)[0]
    (kind,) = members
    if typing.get_origin(kind) is tuple:
        turn = _writer(typing.get_args(kind)[0])
        return None if turn is None else lambda items: [turn(item) for item in items]
    if is_dataclass(kind):
        return _way(typing.cast("type", kind)).write
    return dict if typing.get_origin(kind) is Mapping else None


def _reader(hint: Any) -> Turn:
    members = _without_none(hint)
    if len(members) > 1:
        return _union(members)[1]
    (kind,) = members
    if typing.get_origin(kind) is tuple:
        turn = _reader(typing.get_args(kind)[0])
        return tuple if turn is None else lambda items: tuple([turn(item) for item in items])
    if is_dataclass(kind):
        return _way(typing.cast("type", kind)).read
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return {member.value: member for member in kind}.__getitem__
    return None


def _union(members: Iterable[type]) -> tuple[Callable[[Any], Plain], Callable[[Plain], Any]]:
    """The way of a closed set of classes, told apart by the name of the class."""
    ways = {kind: _way(kind) for kind in members}
    named = {kind.__name__: way for kind, way in ways.items()}

    def write(value: Any) -> Plain:
        kind = type(value)
        return {_NAME: kind.__name__} | ways[kind].write(value)

    def read(plain: Plain) -> Any:
        return named[plain[_NAME]].read(plain)

    return write, read


def _texts(hint: Any) -> tuple[Callable[[Any], str], Callable[[str], Any]]:
    """Writer and reader of the text of one kind of document."""
    to_plain = _writer(hint) or (lambda value: value)
    from_plain = _reader(hint) or (lambda plain: plain)

    def read(text: str) -> Any:
        try:
            return from_plain(_loads(text))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnreadableDocument(f"{type(error).__name__}: {error}") from error

    return lambda value: _dumps(to_plain(value)), read


_EVENT = _texts(Event)
_CALL = _texts(Call)
_CLIENT = _texts(Client)
_VERDICT = _texts(Verdict)
_STEPS = _texts(tuple[CallStep, ...])
_WORDS = _texts(tuple[str, ...])
_UTM = _texts(Utm)


def event_text(event: Event) -> str:
    """The event as the journal keeps it."""
    return _EVENT[0](event)


def read_event(text: str) -> Event:
    """The event that `event_text` wrote.

    Raises:
        UnreadableDocument: the text is damaged, or of a kind that this version does not know.

    """
    return typing.cast("Event", _EVENT[1](text))


def call_text(call: Call) -> str:
    """The whole call."""
    return _CALL[0](call)


def read_call(text: str) -> Call:
    """The call that `call_text` wrote; raises UnreadableDocument."""
    return typing.cast("Call", _CALL[1](text))


def client_text(client: Client) -> str:
    """The client with all his records."""
    return _CLIENT[0](client)


def read_client(text: str) -> Client:
    """The client that `client_text` wrote; raises UnreadableDocument."""
    return typing.cast("Client", _CLIENT[1](text))


def verdict_text(verdict: Verdict) -> str:
    """The verdict with its effects, reasons and refusals."""
    return _VERDICT[0](verdict)


def read_verdict(text: str) -> Verdict:
    """The verdict that `verdict_text` wrote; raises UnreadableDocument."""
    return typing.cast("Verdict", _VERDICT[1](text))


def steps_text(steps: tuple[CallStep, ...]) -> str:
    """The steps of one call, as its platform pushed them."""
    return _STEPS[0](steps)


def read_steps(text: str) -> tuple[CallStep, ...]:
    """The steps that `steps_text` wrote; raises UnreadableDocument."""
    return typing.cast("tuple[CallStep, ...]", _STEPS[1](text))


def words_text(words: tuple[str, ...]) -> str:
    """A list of words: phones, e-mail addresses, tags."""
    return _WORDS[0](words)


def read_words(text: str) -> tuple[str, ...]:
    """The words that `words_text` wrote; raises UnreadableDocument."""
    return typing.cast("tuple[str, ...]", _WORDS[1](text))


def utm_text(utm: Utm) -> str:
    """The advertising tags."""
    return _UTM[0](utm)


def read_utm(text: str) -> Utm:
    """The tags that `utm_text` wrote; raises UnreadableDocument."""
    return typing.cast("Utm", _UTM[1](text))
