"""Whether a schedule is open at an instant, when it opens next, and working time, in the schedule's own time zone."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from bridge.model.moment import Instant
from bridge.model.people import OpenHours, Schedule, Shift

HORIZON_DAYS = 400
"""How far ahead an opening is looked for: a year of closed days and a little more."""


@lru_cache(maxsize=64)
def zone(name: str) -> ZoneInfo:
    """The time zone of this IANA name."""
    return ZoneInfo(name)


def local(at: Instant, timezone: str) -> datetime:
    """The instant on the clocks of this time zone."""
    return datetime.fromtimestamp(at, zone(timezone))


def shift(schedule: Schedule, at: Instant) -> Shift:
    """Whether the schedule is open at this instant; if not, when it opens next (None: not within 400 days)."""
    for opens, closes in openings(schedule, at):
        if opens <= at < closes:
            return Shift(open=True, opens_at=None)
        return Shift(open=False, opens_at=opens)
    return Shift(open=False, opens_at=None)


def openings(schedule: Schedule, since: Instant) -> Iterator[tuple[Instant, Instant]]:
    """Every opening that is not over at `since`, in order, as (opens, closes)."""
    first = local(since, schedule.timezone).date() - timedelta(days=1)
    for days in range(HORIZON_DAYS):
        day = first + timedelta(days=days)
        if day in schedule.closed:
            continue
        spans = sorted(_span(schedule, hours, day) for hours in schedule.hours if hours.weekday == day.weekday())
        yield from (span for span in spans if span[1] > since)


def after_working_time(schedule: Schedule, since: Instant, seconds: float) -> Instant | None:
    """The instant at which so many seconds of opening time have passed since `since`; None if it opens no more."""
    left = seconds
    for opens, closes in openings(schedule, since):
        begins = max(opens, since)
        if closes - begins >= left:
            return begins + left
        left -= closes - begins
    return None


def _span(schedule: Schedule, hours: OpenHours, day: date) -> tuple[Instant, Instant]:
    """Local wall times become instants; an opening that closes before it opens goes over midnight."""
    overnight = hours.closes == time.max or hours.closes <= hours.opens
    last = day + timedelta(days=1) if overnight else day
    closes = time(0) if hours.closes == time.max else hours.closes
    return _instant(schedule, day, hours.opens), _instant(schedule, last, closes)


def _instant(schedule: Schedule, day: date, wall: time) -> Instant:
    """A wall time that a clock change skips counts from the old offset (PEP 495, fold=0): nothing is lost."""
    return datetime.combine(day, wall, zone(schedule.timezone)).astimezone(UTC).timestamp()
