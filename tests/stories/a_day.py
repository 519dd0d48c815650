"""A busy stretch of a day, with everything that may happen at the same time, for comparing two courses of it."""

from dataclasses import replace

from bridge.model.call import Direction, Outcome, Talk
from bridge.model.events import Event
from tests.flow.builders import (
    BELLA,
    CARLA,
    SUPPORT,
    answered,
    missed,
    pbx_call,
    recorded,
    ringing,
    seen,
    talked,
    transferred,
)
from tests.flow.hand_clock import NOON

BLOCKED = "+447700900666"
HIDDEN = "anonymous"
MINUTE = 60.0


def a_day() -> list[Event]:
    """In the order of their arrival: missed calls, their callbacks, transfers, merges, late recordings, corrections."""
    return sorted([*_annas_calls(), *_bellas_calls(), *_others()], key=lambda event: event.received_at)


def _annas_calls() -> list[Event]:
    return [
        ringing("a1", NOON),
        missed("a1", NOON + 20),
        missed("a2", NOON + 5 * MINUTE),
        missed("a3", NOON + 6 * MINUTE, line_number=SUPPORT),
        talked("a4", NOON + 20 * MINUTE, direction=Direction.OUTBOUND, employee="102"),
        recorded("a4", NOON + 22 * MINUTE),
        ringing("a5", NOON + 40 * MINUTE),
        answered("a5", NOON + 40 * MINUTE + 5, employee="101"),
        transferred("a5", NOON + 41 * MINUTE, employee="101", to="199"),
        talked("a5", NOON + 43 * MINUTE, employee="199"),
        recorded("a5", NOON + 44 * MINUTE),
    ]


def _bellas_calls() -> list[Event]:
    told = {"client_number": BELLA}
    call = pbx_call("b.1", raw_number=BELLA)
    up = replace(call, revision=2, answered_at=NOON + 7, talked=(Talk(party="101", since=NOON + 7),))
    over = replace(
        up,
        revision=3,
        merged=("pbx/b.2",),
        ended_at=NOON + 90,
        outcome=Outcome.ANSWERED,
        talked=(Talk(party="101", since=NOON + 7, until=NOON + 90),),
    )
    return [
        seen(call),
        seen(up),
        seen(pbx_call("b.2", raw_number=BELLA, ended_at=NOON + 30, outcome=Outcome.MISSED)),
        seen(over),
        missed("b3", NOON + 30 * MINUTE, **told),
        talked("b3", NOON + 31 * MINUTE, employee="102", **told),  # answered after all
        talked("b4", NOON + 35 * MINUTE, employee="102", **told),
    ]


def _others() -> list[Event]:
    return [
        missed("c1", NOON + 3, client_number=CARLA, outcome=Outcome.BUSY),
        talked("c2", NOON + 4, client_number=CARLA, employee="199"),
        missed("h1", NOON + 9, client_number=HIDDEN),
        missed("h2", NOON + 2 * MINUTE, client_number=""),
        ringing("x1", NOON + 1, client_number=None),
        talked("x1", NOON + 80, client_number=BLOCKED),
        recorded("x1", NOON + 85),
        talked("i1", NOON + 10, direction=Direction.INTERNAL, client_number="102"),
    ]
