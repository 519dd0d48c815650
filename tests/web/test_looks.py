from zoneinfo import ZoneInfo

import pytest

from bridge.model.moment import from_iso
from bridge.store.glimpses import Glimpse
from bridge.web.looks import Looks, hours_chart
from tests.flow.builders import SALES, acme

NOW = from_iso("2026-11-23T12:00:00Z")
looks = Looks(acme(), NOW, ZoneInfo("Europe/Warsaw"))


def test_times_are_those_of_the_companys_wall_clock():
    assert looks.clock(NOW) == "13:00"
    assert looks.full(NOW) == "Monday 23 November 2026, 13:00:00 CET"
    assert looks.iso(NOW) == "2026-11-23T12:00:00.000Z"
    assert looks.midnight == from_iso("2026-11-22T23:00:00Z")


def test_today_begins_at_the_companys_midnight_also_when_the_clocks_change():
    spring = Looks(acme(), from_iso("2026-03-29T20:00:00Z"), ZoneInfo("Europe/Warsaw"))
    assert spring.midnight == from_iso("2026-03-28T23:00:00Z")


@pytest.mark.parametrize(
    ("away", "said"),
    [
        (0, "just now"),
        (-59, "just now"),
        (30, "in a moment"),
        (-60, "1 min ago"),
        (-3599, "60 min ago"),
        (-3600, "1 h ago"),
        (7200, "in 2 h"),
        (-86400, "1 day ago"),
        (-3 * 86400, "3 days ago"),
    ],
)
def test_how_long_ago_is_said_shortly(away, said):
    assert looks.ago(NOW + away) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "0 s"), (59.4, "59 s"), (60, "1:00 min"), (184, "3:04 min"), (3725, "1 h 02 min"), (None, "")],
)
def test_how_long_it_lasted_is_said_shortly(seconds, said):
    assert looks.lasting(seconds) == said


def test_days_are_named():
    assert looks.day(NOW) == "Today"
    assert looks.day(NOW - 86400) == "Yesterday"
    assert looks.day(NOW - 2 * 86400) == "Saturday, 21 November"
    assert looks.day(NOW - 400 * 86400) == "Sunday, 19 October 2025"


def test_people_and_lines_have_names():
    assert looks.person("jan") == "Jan Kowalski"
    assert looks.person("gone") == "gone"
    assert looks.person(None) == "nobody"
    assert looks.party("101") == "Jan Kowalski (101)"
    assert looks.party("999") == "999"
    assert looks.party(None) == "somebody"
    assert looks.line(SALES) == "Sales"
    assert looks.number(None) == "hidden number"


def test_the_hours_are_stacked_and_fill_the_height_where_most_was_going_on():
    calls = [
        Glimpse(started_at=NOW, direction="inbound", outcome="answered"),
        Glimpse(started_at=NOW + 60, direction="inbound", outcome="missed"),
        Glimpse(started_at=NOW - 3600, direction="outbound", outcome="missed"),
        Glimpse(started_at=NOW + 90, direction="inbound", outcome=None),
    ]
    chart = hours_chart(calls, looks)
    noon = [bar for bar in chart.bars if bar.title.startswith("13:00")]
    assert [bar.kind for bar in noon] == ["answered", "missed", "ongoing"]
    assert sum(bar.height for bar in noon) == pytest.approx(chart.height, abs=0.1)
    assert [bar.title for bar in chart.bars if bar.kind == "outbound"] == ["12:00 to 13:00: 1 outbound"]
    assert chart.hours[0] == "08"
    assert chart.hours[-1] == "18"


def test_a_day_without_calls_has_an_empty_chart():
    assert hours_chart([], looks).most == 0
