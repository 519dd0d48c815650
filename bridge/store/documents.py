"""Documents: our values as JSON text and back (how, says `codec`)."""

import typing
from collections.abc import Callable
from typing import Any

import orjson

from bridge.model.call import Call, Utm
from bridge.model.crm import Client
from bridge.model.effects import Verdict
from bridge.model.events import CallStep, Event
from bridge.model.outgoing import Outgoing
from bridge.model.people import Employee
from bridge.store.codec import Turn, turns
from bridge.store.errors import UnreadableDocument


def _texts(hint: Any) -> tuple[Callable[[Any], str], Turn]:
    """Writer and reader of the text of one kind of document."""
    write, read = turns(hint)

    def text_of(value: Any) -> str:
        return orjson.dumps(value if write is None else write(value)).decode()

    def value_of(text: str) -> Any:
        try:
            plain = orjson.loads(text)
            return plain if read is None else read(plain)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnreadableDocument(f"{type(error).__name__}: {error}") from error

    return text_of, value_of


_EVENT = _texts(Event)
_CALL = _texts(Call)
_CLIENT = _texts(Client)
_VERDICT = _texts(Verdict)
_STEPS = _texts(tuple[CallStep, ...])
_OUTGOING = _texts(Outgoing)
_WORDS = _texts(tuple[str, ...])
_UTM = _texts(Utm)
_NONE, _NO_UTM, _NO_UTM_TEXT = "[]", Utm(), "{}"  # by far the most frequent ones


def employee_text(person: Employee) -> str:
    """The employee as configured; only written, for others to read."""
    return orjson.dumps(person).decode()


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


def outgoing_text(outgoing: Outgoing) -> str:
    """An effect on its way to a remote system."""
    return _OUTGOING[0](outgoing)


def read_outgoing(text: str) -> Outgoing:
    """The effect that `outgoing_text` wrote; raises UnreadableDocument."""
    return typing.cast("Outgoing", _OUTGOING[1](text))


def words_text(words: tuple[str, ...]) -> str:
    """A list of words: phones, e-mail addresses, tags."""
    return _WORDS[0](words) if words else _NONE


def read_words(text: str) -> tuple[str, ...]:
    """The words that `words_text` wrote; raises UnreadableDocument."""
    return () if text == _NONE else typing.cast("tuple[str, ...]", _WORDS[1](text))


def utm_text(utm: Utm) -> str:
    """The advertising tags."""
    return _NO_UTM_TEXT if utm == _NO_UTM else _UTM[0](utm)


def read_utm(text: str) -> Utm:
    """The tags that `utm_text` wrote; raises UnreadableDocument."""
    return _NO_UTM if text == _NO_UTM_TEXT else typing.cast("Utm", _UTM[1](text))
