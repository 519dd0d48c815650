from datetime import time

import pytest

from bridge.config.values import (
    is_loopback,
    read_country,
    read_duration,
    read_hours,
    read_store_url,
    read_timezone,
    read_url,
)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("4h", 14400), ("3s", 3), ("15m", 900), ("1d", 86400), ("1w", 604800), ("500ms", 0.5), ("1h30m", 5400),
     ("1h 30m", 5400), ("1.5h", 5400), ("10 S", 10), (3, 3), (0.25, 0.25), ("0s", 0), (0, 0)],
)  # fmt: skip
def test_a_duration_is_read_in_seconds(written, seconds):
    assert read_duration(written) == seconds


@pytest.mark.parametrize("written", ["4", "4 hours", "h", "", "-3s", "3s!", -1, True, None, [], float("inf")])
def test_what_is_no_duration_is_refused_with_examples(written):
    with pytest.raises(ValueError, match="such as"):
        read_duration(written)


def hours(written):
    return [(opening.weekday, opening.opens, opening.closes) for opening in read_hours(written)]


def test_weekdays_open_on_each_of_them():
    assert hours("mon-wed 09:00-17:00") == [(day, time(9), time(17)) for day in (0, 1, 2)]


def test_days_can_be_listed_and_a_day_can_have_a_lunch_break():
    assert hours("sat, sun 10:00-12:30 13:00-18:00") == [
        (5, time(10), time(12, 30)),
        (5, time(13), time(18)),
        (6, time(10), time(12, 30)),
        (6, time(13), time(18)),
    ]


def test_a_range_of_days_may_go_over_the_end_of_the_week():
    assert [day for day, *_ in hours("Saturday-Monday 8:00-9:00")] == [5, 6, 0]


def test_a_day_may_last_until_midnight():
    assert hours("fri 00:00-24:00") == [(4, time(0), time.max)]


def test_a_night_shift_closes_before_it_opens():
    assert hours("fri 22:00-06:00") == [(4, time(22), time(6))]


@pytest.mark.parametrize(
    "written", ["", "mon", "09:00-17:00", "mon 9-17", "mon 09:00", "moon 9:00-17:00x", "xyz 09:00-17:00",
                "mon 09:00-09:00", "mon 09:60-10:00", "mon 09:00-24:30", "mon-fri 09:00-17:00 and more"],
)  # fmt: skip
def test_what_are_no_hours_is_refused_with_examples(written):
    with pytest.raises(ValueError, match="such as"):
        read_hours(written)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_this_machine_is_a_loopback(host):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "pbx.example"])  # noqa: S104 - a name of an address
def test_what_others_can_reach_is_no_loopback(host):
    assert not is_loopback(host)


def test_a_country_is_its_two_letters():
    assert read_country("pl") == "PL"
    with pytest.raises(ValueError, match="two-letter"):
        read_country("Poland")


def test_a_misspelt_time_zone_gets_a_hint():
    assert read_timezone("Europe/Warsaw") == "Europe/Warsaw"
    with pytest.raises(ValueError, match='did you mean "Europe/Warsaw"'):
        read_timezone("Europe/Warszaw")
    with pytest.raises(ValueError, match="IANA"):
        read_timezone("x")


def test_a_public_address_is_whole_and_has_no_slash_at_its_end():
    assert read_url("https://bridge.example/") == "https://bridge.example"
    for wrong in ("bridge.example", "ftp://bridge.example", "https://", "https://bridge.example/?x=1"):
        with pytest.raises(ValueError, match="whole address"):
            read_url(wrong)


@pytest.mark.parametrize("url", ["sqlite:///bridge.db", "sqlite:////var/lib/x.db", "postgresql://u@db.example/bridge"])
def test_a_store_is_a_file_or_a_server(url):
    assert read_store_url(url) == url


@pytest.mark.parametrize("url", ["bridge.db", "sqlite://", "sqlite:///:memory:", "mysql://x/y", "postgresql:///bridge"])
def test_another_store_is_refused_with_both_examples(url):
    with pytest.raises(ValueError, match=r"sqlite:///bridge\.db"):
        read_store_url(url)
