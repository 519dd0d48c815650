"""Named calls for demonstrations and drills: what a platform would push, and when, in the generic dialect.

Everybody in them is invented, and their numbers are those that Ofcom and the NANPA keep for fiction. Every body is one
that `wire.generic` reads without a problem.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from bridge.model.moment import Instant, iso

PEOPLE: Final = (
    "Ada Birch", "Tomas Vale", "Ines Calder", "Rufus Penn", "Mira Holloway", "Otto Brandt", "Clara Finch", "Leon Marsh",
    "Nadia Roth", "Hugo Lindqvist", "Petra Sommer", "Felix Amari", "Greta Osei", "Jonas Weir", "Zofia Maj",
    "Ivo Castell", "Lena Thorne", "Marek Dub", "Sana Quill", "Victor Rhys", "Elsa Brook", "Dario Pace", "Yuki Arden",
    "Olga Sand",
)  # fmt: skip
CAMPAIGNS: Final[tuple[Mapping[str, str], ...]] = (
    {"source": "google", "medium": "cpc", "campaign": "autumn"},
    {"source": "newsletter", "medium": "email", "campaign": "november"},
    {"source": "instagram", "medium": "social", "campaign": "open-day"},
    {},
    {},
)
NUISANCE: Final = "+447700900666"
"""Who calls in `blocked` when the company blocks nobody yet."""
NOBODY: Final = "799"
"""The extension that no employee has, for `unknown_employee`."""

HOUR: Final = 3600.0


class Chance(Protocol):
    """What we need of `random.Random`; the core rings may not import it."""

    def randrange(self, start: int, stop: int, /) -> int:
        """A whole number from `start` to `stop`, without `stop`."""
        ...

    def getrandbits(self, bits: int, /) -> int:
        """A whole number of so many bits."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedCompany:
    """Whom the simulated world calls: E.164 numbers of the company's lines, its extensions, whom it blocks."""

    lines: tuple[str, ...] = ("+442079460100",)
    extensions: tuple[str, ...] = ("101", "102", "103")
    blocked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedPush:
    """One body to push, `delay` seconds after the beginning of the simulation; `told` says it to a person."""

    delay: float
    body: Mapping[str, object]
    told: str


def simulated_call(name: str, chance: Chance, start: Instant, company: SimulatedCompany) -> Sequence[SimulatedPush]:
    """What is pushed when `name` happens at `start`, in the order of the delays; `NAMES` are the names.

    Raises:
        KeyError: there is no such call.

    """
    stage = _Stage(chance, start, company)
    return sorted(_PLAYS[name](stage), key=lambda push: push.delay)


@dataclass(frozen=True, slots=True)
class _Stage:
    """Where a call plays. `hurry` plays it at once, as the past: delays shrink, the times told stay."""

    chance: Chance
    start: Instant
    company: SimulatedCompany
    offset: float = 0.0
    hurry: bool = False

    def at(self, offset: float) -> "_Stage":
        """The same stage, `offset` seconds later."""
        return _Stage(self.chance, self.start + offset, self.company, self.offset + self.delay(offset), self.hurry)

    def delay(self, offset: float) -> float:
        """How long it takes until what happens at this offset is pushed."""
        return offset / 1000 if self.hurry else offset

    def in_the_past(self, ago: float) -> "_Stage":
        """The same stage, so many seconds ago."""
        return _Stage(self.chance, self.start - ago, self.company, self.offset, hurry=True)

    def between(self, least: int, most: int) -> float:
        """So many seconds; long talks only where nobody has to wait for them."""
        return float(self.chance.randrange(least, most + 1) * (1 if not self.hurry else 5))

    def extensions(self) -> tuple[str, ...]:
        """The extensions, in a chance order; always at least three, although maybe of fewer people."""
        rest = list(self.company.extensions)
        mixed = [rest.pop(self.chance.randrange(0, len(rest))) for _ in range(len(rest))]
        return tuple(mixed[index % len(mixed)] for index in range(max(3, len(mixed))))

    def caller(self) -> "_Caller":
        """Somebody who may have called before: as many people as there are names."""
        which = self.chance.randrange(0, len(PEOPLE))
        country = "+4477009001" if which % 6 else "+1202555014"  # +44 7700 900 1xx; +1 202 555 014x
        number = f"{country}{which:02d}" if which % 6 else f"{country}{which // 6}"
        return _Caller(number=number, name=PEOPLE[which])

    def call(self, direction: str, caller: "_Caller") -> "_Call":
        """A call that begins now, on one of the lines."""
        lines = self.company.lines
        utm = CAMPAIGNS[self.chance.randrange(0, len(CAMPAIGNS))] if direction == "inbound" else {}
        return _Call(
            stage=self,
            id=f"sim-{self.chance.getrandbits(48):012x}",
            direction=direction,
            caller=caller,
            line=lines[self.chance.randrange(0, len(lines))],
            utm=utm,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Caller:
    number: str | None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    stage: _Stage
    id: str
    direction: str
    caller: _Caller
    line: str
    utm: Mapping[str, str] = field(default_factory=dict)

    def rings(self, at: float, employee: str | None = None) -> SimulatedPush:
        whom = f"{employee} rings" if employee else f"{self._who} calls"
        return self._push(at, "call.ringing", whom, employee=employee)

    def is_answered(self, at: float, employee: str | None) -> SimulatedPush:
        return self._push(at, "call.answered", f"{employee} and {self._who} talk", employee=employee)

    def is_transferred(self, at: float, employee: str, to: str) -> SimulatedPush:
        told = f"{employee} hands the call to {to}"
        return self._push(at, "call.transferred", told, employee=employee, to=to, kind="attended")

    def ends(
        self,
        at: float,
        outcome: str,
        *,
        rang: float,
        talked: float = 0.0,
        employee: str | None = None,
        recording_url: str | None = None,
    ) -> SimulatedPush:
        return self._push(
            at,
            "call.ended",
            f"the call is over: {outcome}",
            outcome=outcome,
            ring_seconds=rang,
            talk_seconds=talked,
            employee=employee,
            recording_url=recording_url,
        )

    def is_recorded(self, at: float) -> SimulatedPush:
        return self._push(at, "call.recorded", "the recording is ready", recording_url=self.recording)

    @property
    def recording(self) -> str:
        return f"https://pbx.example/recordings/{self.id}.mp3"

    @property
    def _who(self) -> str:
        return self.caller.name or "somebody"

    def _push(self, at: float, step: str, told: str, **fields: object) -> SimulatedPush:
        told_fields = {
            "event_id": f"{self.id}-{step}-{at:g}-{fields.get('employee')}",
            "type": step,
            "call_id": self.id,
            "occurred_at": iso(self.stage.start + at),
            "direction": self.direction,
            "client_number": self.caller.number,
            "client_name": self.caller.name,
            "line_number": self.line,
            **fields,
            "utm": self.utm or None,
        }
        body = {key: value for key, value in told_fields.items() if value is not None}
        delay = self.stage.offset + self.stage.delay(at)
        return SimulatedPush(delay=delay, body=body, told=f"{self.direction}: {told}")


def _answered(stage: _Stage, caller: _Caller | None = None, employee: str | None = None) -> Iterator[SimulatedPush]:
    call = stage.call("inbound", caller or stage.caller())
    employee = employee or stage.extensions()[0]
    rang, talked = stage.between(2, 5), stage.between(6, 14)
    yield call.rings(0)
    yield call.rings(1, employee)
    yield call.is_answered(rang, employee)
    yield call.ends(rang + talked, "answered", rang=rang, talked=talked, employee=employee)
    yield call.is_recorded(rang + talked + 3)


def _missed(stage: _Stage, caller: _Caller | None = None, outcome: str = "missed") -> Iterator[SimulatedPush]:
    call = stage.call("inbound", caller or stage.caller())
    rang = stage.between(4, 9)
    yield call.rings(0)
    yield call.rings(1, stage.extensions()[0])
    yield call.ends(rang, outcome, rang=rang)


def _busy(stage: _Stage) -> Iterator[SimulatedPush]:
    call = stage.call("inbound", stage.caller())
    yield call.rings(0)
    yield call.ends(1, "busy", rang=1)


def _voicemail(stage: _Stage) -> Iterator[SimulatedPush]:
    call = stage.call("inbound", stage.caller())
    rang, spoke = stage.between(4, 7), stage.between(5, 9)
    yield call.rings(0)
    yield call.rings(1, stage.extensions()[0])
    yield call.ends(rang + spoke, "voicemail", rang=rang, recording_url=call.recording)


def _transfer(stage: _Stage) -> Iterator[SimulatedPush]:
    call = stage.call("inbound", stage.caller())
    first, second, *_ = stage.extensions()
    rang, told, talked = stage.between(2, 4), stage.between(4, 7), stage.between(5, 9)
    end = rang + told + 2 + talked
    yield call.rings(0)
    yield call.rings(1, first)
    yield call.is_answered(rang, first)
    yield call.is_transferred(rang + told, first, second)
    yield call.is_answered(rang + told + 2, second)
    yield call.ends(end, "answered", rang=rang, talked=end - rang, employee=second)
    yield call.is_recorded(end + 3)


def _ring_group(stage: _Stage) -> Iterator[SimulatedPush]:
    call = stage.call("inbound", stage.caller())
    employees = stage.extensions()
    rang, talked = stage.between(4, 7), stage.between(6, 12)
    yield call.rings(0)
    for place, employee in enumerate(dict.fromkeys(employees)):
        yield call.rings(1 + place / 10, employee)
    yield call.is_answered(rang, employees[-1])
    yield call.ends(rang + talked, "answered", rang=rang, talked=talked, employee=employees[-1])
    yield call.is_recorded(rang + talked + 3)


def _outbound(stage: _Stage, caller: _Caller | None = None) -> Iterator[SimulatedPush]:
    call = stage.call("outbound", caller or stage.caller())
    employee = stage.extensions()[0]
    rang, talked = stage.between(3, 6), stage.between(11, 16)
    yield call.rings(0, employee)
    yield call.is_answered(rang, employee)
    yield call.ends(rang + talked, "answered", rang=rang, talked=talked, employee=employee)
    yield call.is_recorded(rang + talked + 3)


def _outbound_missed(stage: _Stage) -> Iterator[SimulatedPush]:
    call = stage.call("outbound", stage.caller())
    employee = stage.extensions()[0]
    rang = stage.between(5, 9)
    yield call.rings(0, employee)
    yield call.ends(rang, "missed", rang=rang, employee=employee)


def _callback(stage: _Stage) -> Iterator[SimulatedPush]:
    """He is missed, and somebody calls him back."""
    caller = stage.caller()
    yield from _missed(stage, caller)
    yield from _outbound(stage.at(600 if stage.hurry else 18), caller)


def _hidden(stage: _Stage) -> Iterator[SimulatedPush]:
    yield from _missed(stage, _Caller(number=None))


def _blocked(stage: _Stage) -> Iterator[SimulatedPush]:
    number = stage.company.blocked[0] if stage.company.blocked else NUISANCE
    yield from _missed(stage, _Caller(number=number, name="Golden Offers Ltd"))


def _repeat(stage: _Stage) -> Iterator[SimulatedPush]:
    """An insistent caller: four calls, one case."""
    caller = stage.caller()
    for attempt in range(4):
        yield from _missed(stage.at(attempt * (240 if stage.hurry else 15)), caller)


def _unknown_employee(stage: _Stage) -> Iterator[SimulatedPush]:
    yield from _answered(stage, employee=NOBODY)


def _internal(stage: _Stage) -> Iterator[SimulatedPush]:
    first, second, *_ = stage.extensions()
    call = stage.call("internal", _Caller(number=first))
    yield call.rings(0, second)
    yield call.is_answered(2, second)
    yield call.ends(9, "answered", rang=2, talked=7, employee=second)


def _day(stage: _Stage) -> Iterator[SimulatedPush]:
    """A lively little day: its morning at once, as history, then an hour's worth of calls in two minutes."""
    morning = (
        _answered, _missed, _ring_group, _outbound, _callback, _voicemail, _answered, _transfer, _repeat, _hidden,
        _unknown_employee, _answered, _blocked, _busy, _outbound_missed, _internal, _ring_group, _answered,
    )  # fmt: skip
    for place, play in enumerate(morning):
        ago = (len(morning) - place) * 0.4 * HOUR
        yield from play(stage.at(place * 0.1).in_the_past(ago))
    now = (
        _answered, _missed, _ring_group, _transfer, _callback, _outbound, _repeat, _voicemail, _answered,
        _unknown_employee, _hidden, _answered, _ring_group, _missed,
    )  # fmt: skip
    for place, play in enumerate(now):
        yield from play(stage.at(3 + place * 8))


_PLAYS: Final[Mapping[str, Callable[[_Stage], Iterator[SimulatedPush]]]] = {
    "answered": _answered,
    "missed": _missed,
    "busy": _busy,
    "voicemail": _voicemail,
    "transfer": _transfer,
    "ringgroup": _ring_group,
    "outbound": _outbound,
    "outbound_missed": _outbound_missed,
    "callback": _callback,
    "hidden": _hidden,
    "blocked": _blocked,
    "repeat": _repeat,
    "unknown_employee": _unknown_employee,
    "internal": _internal,
    "day": _day,
}
NAMES: Final = tuple(_PLAYS)
"""The names of the calls, in the order in which they are best shown."""
