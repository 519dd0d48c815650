"""Hours in the schedule's own time zone, over closed days, midnights and clock changes."""

from dataclasses import replace
from datetime import date, time

import pytest

from bridge.model.moment import from_iso
from bridge.model.people import OpenHours, Schedule, Shift
from bridge.rules.deadlines import deadline
from bridge.rules.shifts import after_working_time, shift
from tests.builders import HOUR, LINES, OFFICE, changed, company

WARSAW = replace(OFFICE, timezone="Europe/Warsaw")
ALL_DAY = Schedule(
    id="always",
    timezone="Europe/London",
    hours=tuple(OpenHours(weekday=day, opens=time(0), closes=time.max) for day in range(7)),
)
NEVER = Schedule(id="never", timezone="Europe/London")
NIGHT = Schedule(
    id="night",
    timezone="Europe/Warsaw",
    hours=tuple(OpenHours(weekday=day, opens=time(22), closes=time(6)) for day in range(7)),
)
LUNCH = Schedule(
    id="lunch",
    timezone="Europe/London",
    hours=tuple(
        OpenHours(weekday=day, opens=opens, closes=closes)
        for day in range(5)
        for opens, closes in ((time(13), time(17)), (time(9), time(12)))
    ),
)


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2026-03-12T09:00:00+00:00", True),
        ("2026-03-12T08:59:59+00:00", False),
        ("2026-03-12T16:59:59+00:00", True),
        ("2026-03-12T17:00:00+00:00", False),
        ("2026-03-14T10:00:00+00:00", False),
        ("2026-04-03T10:00:00+01:00", False),
    ],
)
def test_an_office_is_open_in_its_hours_and_not_on_weekends_or_closed_days(at, is_open):
    assert shift(OFFICE, from_iso(at)).open is is_open


def test_hours_are_those_of_the_schedules_own_time_zone():
    assert shift(WARSAW, from_iso("2026-03-12T08:30:00+00:00")).open
    assert not shift(OFFICE, from_iso("2026-03-12T08:30:00+00:00")).open


def test_a_closed_schedule_says_when_it_opens_next():
    assert shift(OFFICE, from_iso("2026-03-13T18:00:00+00:00")) == Shift(
        open=False, opens_at=from_iso("2026-03-16T09:00:00+00:00")
    )


def test_the_next_opening_skips_closed_days_and_keeps_the_wall_clock_over_a_clock_change():
    friday = from_iso("2026-04-02T18:00:00+01:00")
    assert shift(OFFICE, friday).opens_at == from_iso("2026-04-06T09:00:00+01:00")
    before_summer = from_iso("2026-03-27T18:00:00+00:00")
    assert shift(OFFICE, before_summer).opens_at == from_iso("2026-03-30T09:00:00+01:00")


def test_a_schedule_without_hours_never_opens():
    assert shift(NEVER, 0.0) == Shift(open=False, opens_at=None)
    assert after_working_time(NEVER, 0.0, 60) is None


def test_an_opening_over_midnight_is_open_on_both_sides_of_it():
    assert shift(NIGHT, from_iso("2026-03-12T23:00:00+01:00")).open
    assert shift(NIGHT, from_iso("2026-03-13T05:59:00+01:00")).open
    assert not shift(NIGHT, from_iso("2026-03-13T06:00:00+01:00")).open


def test_a_day_that_closes_at_midnight_is_open_until_then():
    assert shift(ALL_DAY, from_iso("2026-03-12T23:59:59.9+00:00")).open
    assert shift(ALL_DAY, from_iso("2026-03-13T00:00:00+00:00")).open


def test_a_lunch_break_is_closed_whatever_the_order_of_the_hours_in_the_file():
    noon = shift(LUNCH, from_iso("2026-03-12T12:30:00+00:00"))
    assert (noon.open, noon.opens_at) == (False, from_iso("2026-03-12T13:00:00+00:00"))


@pytest.mark.parametrize(
    ("since", "hours", "due"),
    [
        ("2026-03-12T10:00:00+00:00", 4, "2026-03-12T14:00:00+00:00"),
        ("2026-03-12T15:00:00+00:00", 4, "2026-03-13T11:00:00+00:00"),
        ("2026-03-13T15:00:00+00:00", 4, "2026-03-16T11:00:00+00:00"),
        ("2026-03-12T20:00:00+00:00", 4, "2026-03-13T13:00:00+00:00"),
        ("2026-03-12T06:00:00+00:00", 8, "2026-03-12T17:00:00+00:00"),
        ("2026-03-27T16:00:00+00:00", 2, "2026-03-30T10:00:00+01:00"),
        ("2026-10-23T16:00:00+01:00", 2, "2026-10-26T10:00:00+00:00"),
    ],
)
def test_working_time_counts_in_opening_hours_only(since, hours, due):
    assert after_working_time(OFFICE, from_iso(since), hours * HOUR) == from_iso(due)


def test_working_time_through_a_clock_change_counts_real_hours():
    # The night of 2026-03-29 has seven hours in Warsaw: 02:00 is 03:00.
    since = from_iso("2026-03-28T22:00:00+01:00")
    assert after_working_time(NIGHT, since, 7 * HOUR) == from_iso("2026-03-29T06:00:00+02:00")


SINCE = from_iso("2026-03-12T20:00:00+00:00")


def due(working=True, seconds=None, assignee="olga", line=LINES[0], **fields):
    the_company = company(deadline_counts="working" if working else "clock", **fields)
    return deadline(the_company, SINCE, seconds=seconds, assignee=the_company.employees[assignee], line=line)


def test_clock_time_is_the_default_whatever_the_schedules_say():
    assert due(working=False, people=changed("olga", schedule="office"), schedules=[OFFICE]).at == SINCE + 4 * HOUR


def test_working_time_is_the_assignees():
    found = due(people=changed("olga", schedule="office"), schedules=[OFFICE])
    assert found.at == from_iso("2026-03-13T13:00:00+00:00")
    assert found.reason == "D14: due counted from the next opening, 2026-03-13 09:00"


def test_an_assignee_without_hours_follows_the_lines():
    assert due(line=replace(LINES[0], schedule="office"), schedules=[OFFICE]).at == from_iso(
        "2026-03-13T13:00:00+00:00"
    )


def test_without_any_schedule_the_clock_counts():
    assert due().at == SINCE + 4 * HOUR
    assert due(line=None).at == SINCE + 4 * HOUR


def test_a_schedule_that_never_opens_again_leaves_the_clock_and_says_so():
    found = due(people=changed("olga", schedule="never"), schedules=[NEVER])
    assert found.at == SINCE + 4 * HOUR
    assert found.reason == "schedule never never opens again: the clock counts"


def test_within_opening_hours_there_is_nothing_to_explain():
    assert due(people=changed("olga", schedule="always"), schedules=[ALL_DAY]).reason is None


def test_a_row_may_shorten_the_deadline():
    assert due(working=False, seconds=60).at == SINCE + 60


def test_a_closed_day_in_the_middle_of_the_week_takes_no_working_time():
    closed = replace(OFFICE, closed=frozenset({date(2026, 3, 13)}))
    assert after_working_time(closed, SINCE, HOUR) == from_iso("2026-03-16T10:00:00+00:00")
