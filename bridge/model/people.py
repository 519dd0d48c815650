"""The company: its people, its numbers, its hours. Built once from the configuration and then only read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time
from enum import StrEnum

from bridge.model.moment import Instant
from bridge.model.phone import PhoneNumber, lane_of, lookup_keys


class Role(StrEnum):
    """What an employee may be asked to do: S4 asks the senior, S5 asks the top manager."""

    MANAGER = "manager"
    SENIOR = "senior"
    TOP = "top"


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """One store, dealership or team of the company."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Employee:
    """A person of the company. `phones` are E.164. `active` False: left or disabled; gets no new work (D17)."""

    id: str
    name: str
    role: Role = Role.MANAGER
    branch: str | None = None
    email: str | None = None
    extensions: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    schedule: str | None = None
    active: bool = True
    assignable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenHours:
    """One weekly opening, `weekday` 0 is Monday; `closes` may be 24:00, written as time.max."""

    weekday: int
    opens: time
    closes: time


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When people work or a line is served, in the schedule's own time zone (IANA name)."""

    id: str
    timezone: str
    hours: tuple[OpenHours, ...] = ()
    closed: frozenset[date] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A number of the company (E.164); never a client."""

    number: str
    name: str
    branch: str | None = None
    schedule: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the company wants, beside the matrix. Durations are seconds; `senior` and `top` are employee ids.

    `missed_chain` is who gets the callback task of a missed call, first available wins: `senior`, `responsible`
    (only while on shift) or `top`. `repeat` is `case` (D5) or `new_task`. `short_abandon` 0 is off.
    """

    senior: str
    top: str
    task_deadline: float = 4 * 3600.0
    deadline_counts: str = "clock"
    settle: float = 3.0
    short_abandon: float = 0.0
    short_abandon_repeat: float = 3600.0
    outbound_min_talk: float = 10.0
    review_open: bool = False
    owner_follows_transfer: bool = False
    new_answered_done_task: bool = False
    repeat: str = "case"
    missed_chain: tuple[str, ...] = ("senior", "top")
    forms: bool = False
    chat_intake: str = "manual"
    same_touch: float = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """Everything configured about the company, with the indexes that calls are looked up by.

    `timezone` is the IANA name used where neither a line nor an employee has a schedule; `country` (ISO 3166 alpha-2)
    is how national numbers are read. `parties` maps every way a platform may name an employee (extension, SIP
    account, e-mail in lower case, each lookup key of his phones) to his id. `own_numbers` holds every lookup key of
    the lines and of the employees' phones, `blocked` every lookup key of the numbers that the configuration blocks.
    """

    name: str
    country: str
    timezone: str
    policy: Policy
    branches: Mapping[str, Branch] = field(default_factory=dict)
    employees: Mapping[str, Employee] = field(default_factory=dict)
    schedules: Mapping[str, Schedule] = field(default_factory=dict)
    lines: Mapping[str, Line] = field(default_factory=dict)
    parties: Mapping[str, str] = field(default_factory=dict)
    own_numbers: frozenset[str] = frozenset()
    blocked: frozenset[str] = frozenset()

    def blocks(self, number: PhoneNumber) -> bool:
        """Whether the configuration blocks this number; more may be blocked at run time."""
        return not self.blocked.isdisjoint(lookup_keys(number))

    def blocked_numbers(self) -> tuple[str, ...]:
        """What the configuration blocks, in E.164, each number once."""
        return tuple(sorted({lane_of(PhoneNumber(key)) for key in self.blocked}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """Whether somebody or something is open now, and when it opens next (None: never again)."""

    open: bool
    opens_at: Instant | None = None
