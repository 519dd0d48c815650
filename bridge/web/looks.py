"""How things look to people: times in the company's zone, names instead of ids, words instead of codes, charts."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bridge.model.call import Direction, Outcome
from bridge.model.crm import Contact, Lead
from bridge.model.moment import Instant, iso
from bridge.model.people import Company
from bridge.model.phone import readable
from bridge.rules.staff import employee_of
from bridge.store.calls import CallRecord
from bridge.store.glimpses import Glimpse
from bridge.web.doings import person
from bridge.web.explanation import Leg
from bridge.web.shapes import missed_reason_of, outcome_of

HERE: Final = Path(__file__).parent
MINUTE: Final = 60.0
HOUR: Final = 3600.0
DAY: Final = 86400.0

TEMPLATES: Final = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file that pages load."""

    body: bytes
    content_type: str


_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
STATIC: Final[Mapping[str, StaticFile]] = {
    path.name: StaticFile(path.read_bytes(), _TYPES[path.suffix])
    for path in sorted((HERE / "static").iterdir())
    if path.suffix in _TYPES
}
STATIC_VERSION: Final = hashlib.blake2b(b"".join(file.body for file in STATIC.values()), digest_size=6).hexdigest()
"""Changes with any of the files, so that browsers may keep them for ever under an address that has it."""

_REASONS: Final = {
    "no_answer": "nobody answered",
    "abandoned_ringing": "gave up while it rang",
    "abandoned_in_queue": "gave up in the queue",
    "abandoned_in_menu": "gave up in the menu",
    "short_abandon": "gave up at once",
    "busy": "busy",
    "rejected": "rejected",
    "unavailable": "no phone was reachable",
    "failed": "failed",
    "out_of_hours": "outside office hours",
    "voicemail": "left a message",
}
_RESULTS: Final = {
    "answered": "answered",
    "no_answer": "no answer",
    "busy": "busy",
    "rejected": "rejected",
    "unavailable": "not reachable",
    "answered_elsewhere": "answered elsewhere",
    "cancelled": "stopped ringing",
    "forwarded": "forwarded",
    "failed": "failed",
}


class Looks:
    """Words for one page, as they are at this moment in this company."""

    def __init__(self, company: Company, now: Instant, zone: ZoneInfo) -> None:
        self.company = company
        self.now = now
        self._zone = zone

    def local(self, instant: Instant) -> datetime:
        """The instant on the company's wall clock."""
        return datetime.fromtimestamp(instant, self._zone)

    @property
    def midnight(self) -> Instant:
        """When today began."""
        return self.local(self.now).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()

    def iso(self, instant: Instant) -> str:
        """For machines."""
        return iso(instant)

    def clock(self, instant: Instant) -> str:
        """Hours and minutes."""
        return self.local(instant).strftime("%H:%M")

    def seconds(self, instant: Instant) -> str:
        """Hours, minutes and seconds."""
        return self.local(instant).strftime("%H:%M:%S")

    def full(self, instant: Instant) -> str:
        """Everything, for titles."""
        return self.local(instant).strftime("%A %d %B %Y, %H:%M:%S %Z")

    def day(self, instant: Instant) -> str:
        """Today, Yesterday, or the date."""
        day, today = self.local(instant).date(), self.local(self.now).date()
        if day == today:
            return "Today"
        if day == today - timedelta(days=1):
            return "Yesterday"
        return day.strftime("%A, %d %B" if day.year == today.year else "%A, %d %B %Y")

    def ago(self, instant: Instant) -> str:
        """How long ago, or in how long; app.js keeps it true while the page stands."""
        away = instant - self.now
        if abs(away) < MINUTE:
            return "just now" if away <= 0 else "in a moment"
        return f"{_about(-away)} ago" if away < 0 else f"in {_about(away)}"

    def lasting(self, seconds: float | None) -> str:
        """A stretch of time, short."""
        if seconds is None:
            return ""
        whole = round(seconds)
        if whole < MINUTE:
            return f"{whole} s"
        minutes, rest = divmod(whole, 60)
        if minutes < MINUTE:
            return f"{minutes}:{rest:02d} min"
        return f"{minutes // 60} h {minutes % 60:02d} min"

    def person(self, employee_id: str | None) -> str:
        """The employee's name."""
        return person(self.company, employee_id)

    def party(self, party: str | None) -> str:
        """The name of whoever of ours has this extension, and the extension."""
        if not party:
            return "somebody"
        employee = employee_of(self.company, party)
        return party if employee is None else f"{employee.name} ({party})"

    def number(self, number: str | None) -> str:
        """The number in groups."""
        return "hidden number" if number is None else readable(number)

    def line(self, number: str | None) -> str:
        """The line's name, or its number."""
        line = self.company.lines.get(number or "")
        return line.name if line is not None else readable(number or "")

    def caller(self, call: CallRecord, contacts: Mapping[str, Contact]) -> str:
        """Who the client is, as well as we know."""
        contact = contacts.get(call.contact_id or "")
        known = contact.name if contact is not None else None
        if known and not known.startswith("+"):
            return known
        return call.body.client_name or self.number(call.client_number or call.body.raw_number)

    def lead(self, lead: Lead, contact: Contact | None) -> str:
        """Who the lead is: the contact's name, unless a person gave the lead a title of its own."""
        return lead.title if contact is None or lead.touched else contact.name

    def status(self, call: CallRecord) -> str:
        """The call's state in a word or two: live states, or the outcome. It is the client who misses our calls."""
        outcome = outcome_of(call)
        if call.body.ended_at is None:
            return "talking" if call.body.answered else "ringing"
        if outcome == Outcome.MISSED and call.body.direction is Direction.OUTBOUND:
            return "not reached"
        return outcome or "ended"

    def reason(self, call: CallRecord) -> str:
        """Why it was missed; nothing for our own calls."""
        if call.body.direction is Direction.OUTBOUND:
            return ""
        reason = missed_reason_of(call) or ""
        return _REASONS.get(reason, reason)

    def result(self, result: str | None) -> str:
        """What became of a phone that rang."""
        return _RESULTS.get(result or "", result or "")

    def whom(self, call: CallRecord) -> str:
        """Who of ours talked, or was called."""
        if call.body.talked:
            parties = dict.fromkeys(talk.party for talk in call.body.talked)
            return " → ".join(self._short(party) for party in parties)
        if call.body.direction is Direction.OUTBOUND and call.body.caller:
            return self._short(call.body.caller)
        return ""

    def _short(self, party: str) -> str:
        employee = employee_of(self.company, party)
        return f"{party} (unknown)" if employee is None else employee.name


def _about(seconds: float) -> str:
    if seconds < HOUR:
        return f"{round(seconds / MINUTE)} min"
    if seconds < DAY:
        return f"{round(seconds / HOUR)} h"
    days = round(seconds / DAY)
    return f"{days} day" if days == 1 else f"{days} days"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A rectangle of a chart, in units of its view box; `title` says it in words."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """The day's calls by hour, as bars of a box `width` by `height`, and the hours to be written under them."""

    bars: tuple[Bar, ...]
    hours: tuple[str, ...]
    width: float
    height: float
    most: int


def hours_chart(calls: Iterable[Glimpse], looks: Looks) -> Hours:
    """The calls of today, hour by hour: answered at the bottom, then missed, then outbound."""
    counts: dict[int, dict[str, int]] = {}
    for call in calls:
        kind = _kind(call)
        hour = counts.setdefault(looks.local(call.started_at).hour, {})
        hour[kind] = hour.get(kind, 0) + 1
    first = min([*counts, _MORNING])
    last = max([*counts, looks.local(looks.now).hour, _EVENING])
    most = max([sum(hour.values()) for hour in counts.values()], default=0)
    bars: list[Bar] = []
    for place in range(first, last + 1):
        top = _CHART_HEIGHT
        for kind, count in _in_order(counts.get(place, {})):
            tall = count / most * _CHART_HEIGHT
            top -= tall
            said = f"{place:02d}:00 to {place + 1:02d}:00: {count} {kind}"
            x = (place - first) * _CHART_STEP + 2
            bars.append(Bar(x=x, y=round(top, 2), width=_CHART_STEP - 4, height=round(tall, 2), kind=kind, title=said))
    return Hours(
        bars=tuple(bars),
        hours=tuple(f"{place:02d}" for place in range(first, last + 1)),
        width=(last - first + 1) * _CHART_STEP,
        height=_CHART_HEIGHT,
        most=most,
    )


_MORNING: Final = 8
_EVENING: Final = 18
_CHART_STEP: Final = 12.0
_CHART_HEIGHT: Final = 100.0


def _kind(call: Glimpse) -> str:
    if call.direction == "outbound":
        return "outbound"
    if call.outcome is None:
        return "ongoing"
    return "answered" if call.outcome == "answered" else "missed"


def _in_order(hour: Mapping[str, int]) -> list[tuple[str, int]]:
    return [(kind, hour[kind]) for kind in ("answered", "missed", "outbound", "ongoing") if kind in hour]


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One phone's row of the timeline: its bars, and in words what became of it."""

    name: str
    bars: tuple[Bar, ...]
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """The legs of a call over its time. The view box is WIDTH wide; marks are (x, words)."""

    tracks: tuple[Track, ...]
    marks: tuple[tuple[float, str], ...]
    width: float = 1000.0


def timeline_chart(call: CallRecord, legs: Sequence[Leg], looks: Looks) -> Timeline:
    """Who rang and who talked, drawn to scale."""
    begin = min([call.body.started_at, *(leg.since for leg in legs)])
    end = call.body.ended_at if call.body.ended_at is not None else looks.now
    end = max([end, begin + 1.0, *(leg.until for leg in legs if leg.until is not None)])
    scale = 1000.0 / (end - begin)
    tracks = tuple(
        Track(
            name=looks.party(party),
            bars=tuple(_leg_bar(leg, begin, end, scale, looks) for leg in legs if leg.party == party),
            said="; ".join(_leg_said(leg, end, looks) for leg in legs if leg.party == party),
        )
        for party in dict.fromkeys(leg.party for leg in legs)
    )
    marks = [(0.0, looks.seconds(begin))]
    marks.append((1000.0, looks.seconds(end) if call.body.ended_at is not None else "now"))
    return Timeline(tracks=tracks, marks=tuple(marks))


def _leg_bar(leg: Leg, begin: Instant, end: Instant, scale: float, looks: Looks) -> Bar:
    until = end if leg.until is None else leg.until
    width = max((until - leg.since) * scale, 3.0)
    return Bar(
        x=round(min((leg.since - begin) * scale, 997.0), 2),
        y=4.0 if leg.kind == "talked" else 8.0,
        width=round(width, 2),
        height=16.0 if leg.kind == "talked" else 8.0,
        kind=leg.kind,
        title=_leg_said(leg, end, looks),
    )


def _leg_said(leg: Leg, end: Instant, looks: Looks) -> str:
    until = end if leg.until is None else leg.until
    said = f"{leg.kind} {looks.lasting(until - leg.since)} from {looks.seconds(leg.since)}"
    return f"{said}, {looks.result(leg.result)}" if leg.result else said
