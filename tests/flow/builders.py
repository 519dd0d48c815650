"""A small company and the facts about its calls; whatever a story does not say is ordinary."""

from collections.abc import Iterable
from typing import Any

from bridge.model.call import Call, Direction, Outcome
from bridge.model.events import CallAnswered, CallEnded, CallRecorded, CallRinging, CallSeen, CallTransferred
from bridge.model.moment import Instant
from bridge.model.people import Branch, Company, Employee, Line, Policy, Role
from bridge.model.phone import PhoneNumber, lookup_keys
from tests.flow.hand_clock import NOON

ANNA = "+447700900111"
BELLA = "+447700900222"
CARLA = "+447700900333"
SALES = "+442079460100"
SUPPORT = "+442079460101"

JAN = Employee(id="jan", name="Jan Kowalski", extensions=("101",), phones=("+447700900901",))
EVE = Employee(id="eve", name="Eve Adams", extensions=("102",))
OLGA = Employee(id="olga", name="Olga Senior", role=Role.SENIOR, extensions=("103",))
TOP = Employee(id="tom", name="Tom Top", role=Role.TOP, extensions=("104",))


def acme(*people: Employee, blocked: Iterable[str] = (), **policy: Any) -> Company:
    """Jan and Eve sell, Olga is the senior manager and Tom the top one; `people` replace or join them."""
    staff = {person.id: person for person in (JAN, EVE, OLGA, TOP, *people)}
    lines = {number: Line(number=number, name=name) for number, name in ((SALES, "Sales"), (SUPPORT, "Support"))}
    own = set(lines)
    parties: dict[str, str] = {}
    for person in staff.values():
        parties |= dict.fromkeys(person.extensions, person.id)
        for phone in person.phones:
            keys = lookup_keys(PhoneNumber(phone))
            own |= keys
            parties |= dict.fromkeys(keys, person.id)
    return Company(
        name="Acme",
        country="GB",
        timezone="Europe/London",
        policy=Policy(senior="olga", top="tom", **policy),
        branches={"london": Branch(id="london", name="London")},
        employees=staff,
        lines=lines,
        parties=parties,
        own_numbers=frozenset(own),
        blocked=frozenset(key for number in blocked for key in lookup_keys(PhoneNumber(number))),
    )


def _fact(kind: type, call: str, at: Instant, told: dict[str, Any]) -> Any:
    """One pushed step. Its event_id says what it is, so that the same step told twice is the same event."""
    ordinary: dict[str, Any] = {
        "event_id": f"{call}-{kind.__name__}-{at - NOON:g}",
        "source": "shop",
        "occurred_at": at,
        "received_at": at,
        "platform_call_id": call,
        "direction": Direction.INBOUND,
        "client_number": ANNA,
        "line_number": SALES,
    }
    return kind(**(ordinary | told))


def ringing(call: str = "c1", at: Instant = NOON, **told: Any) -> CallRinging:
    return _fact(CallRinging, call, at, told)


def answered(call: str = "c1", at: Instant = NOON + 6, **told: Any) -> CallAnswered:
    return _fact(CallAnswered, call, at, {"employee": "101"} | told)


def transferred(call: str = "c1", at: Instant = NOON + 30, **told: Any) -> CallTransferred:
    return _fact(CallTransferred, call, at, {"employee": "101", "to": "102"} | told)


def missed(call: str = "c1", at: Instant = NOON + 20, **told: Any) -> CallEnded:
    return _fact(CallEnded, call, at, {"outcome": Outcome.MISSED, "ring_seconds": 20} | told)


def talked(call: str = "c1", at: Instant = NOON + 60, **told: Any) -> CallEnded:
    ordinary = {"outcome": Outcome.ANSWERED, "employee": "101", "ring_seconds": 6, "talk_seconds": 54}
    return _fact(CallEnded, call, at, ordinary | told)


def recorded(call: str = "c1", at: Instant = NOON + 90, **told: Any) -> CallRecorded:
    ordinary = {"recording_url": f"https://pbx.example/rec/{call}.mp3", "client_number": None, "line_number": None}
    return _fact(CallRecorded, call, at, ordinary | told)


def seen(call: Call, at: Instant | None = None) -> CallSeen:
    """The snapshot that a switchboard gives of this call."""
    moment = at if at is not None else (call.ended_at or call.answered_at or call.started_at)
    return CallSeen(
        event_id=f"{call.key}#{call.revision}", source=call.source, occurred_at=moment, received_at=moment, call=call
    )


def pbx_call(call: str = "1.1", **told: Any) -> Call:
    ordinary: dict[str, Any] = {
        "key": f"pbx/{call}",
        "source": "pbx",
        "platform_call_id": call,
        "direction": Direction.INBOUND,
        "started_at": NOON,
        "raw_number": ANNA,
        "raw_line": SALES,
        "revision": 1,
    }
    return Call(**(ordinary | told))
