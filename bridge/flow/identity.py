"""Whose fact is it: the lane that an event belongs to, from the number in it."""

from dataclasses import dataclass
from functools import lru_cache

from bridge.model.call import Call
from bridge.model.events import CallSeen, ChatRequested, Event, FormSubmitted
from bridge.model.phone import Hidden, PhoneNumber, Unusable, lane_of, lookup_keys, read_number

REMEMBERED = 4096
"""Lists of keys that are kept ready: those of the busiest callers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The outside person behind a number. `keys` is every spelling; without a usable number there is none."""

    lane: str
    number: str | None = None
    keys: frozenset[str] = frozenset()


@lru_cache(maxsize=REMEMBERED)
def identity_of(raw: str | None, country: str, nobody: str) -> Identity:
    """Who this number is, read as in `country`; `nobody` is the lane of those whose number is hidden or unusable."""
    match read_number(raw, country):
        case PhoneNumber() as number:
            return Identity(lane=lane_of(number), number=number.e164, keys=lookup_keys(number))
        case Hidden() | Unusable():
            return Identity(lane=nobody)


def caller(call: Call, country: str) -> Identity:
    """The client of this call; those who hide their number share a lane for each line that they called."""
    return identity_of(call.raw_number, country, f"hidden:{line_of(call, country) or call.source}")


def line_of(call: Call, country: str) -> str | None:
    """The company number of this call in E.164, or as the platform wrote it when it is none (an extension)."""
    return line_number(call.raw_line, country)


def line_number(raw: str | None, country: str) -> str | None:
    """A company number in E.164, or as it was written when it is no number; None if there is none."""
    if not raw:
        return None
    number = read_number(raw, country)
    return number.e164 if isinstance(number, PhoneNumber) else raw


def lane_of_event(event: Event, country: str) -> str:
    """The lane in which the journal keeps this event.

    A step of a call that tells no number waits in the lane of its call; it is handled in its client's, once known.
    """
    match event:
        case CallSeen():
            return caller(event.call, country).lane
        case FormSubmitted() | ChatRequested():
            return form_client(event, country).lane
        case _:
            if event.client_number is None:
                return f"call:{event.call_key}"
            line = line_number(event.line_number, country) or event.source
            return identity_of(event.client_number, country, f"hidden:{line}").lane


def form_client(event: FormSubmitted | ChatRequested, country: str) -> Identity:
    """The client behind a form or chat; without a usable number each stands alone."""
    return identity_of(event.phone, country, f"{event.source}:{event.event_id}")
