import json
import random  # noqa: TID251 - a test is where chance may come from
import re

import pytest

from bridge.model.events import CallEnded
from bridge.wire.generic import read_events
from bridge.wire.simulation import NAMES, NOBODY, SimulatedCompany, simulated_call

START = 1_795_338_930.0
COMPANY = SimulatedCompany(
    lines=("+442079460100", "+442079460101"), extensions=("101", "102", "103"), blocked=("+447700900666",)
)
FICTION = re.compile(r"\+447700900\d{3}|\+120255501\d\d|\+442079460\d{3}|\d{3}")


def pushes(name, seed=1, company=COMPANY):
    return simulated_call(name, random.Random(seed), START, company)  # noqa: S311 - nothing secret


def events(name, seed=1, company=COMPANY):
    bodies = [push.body for push in pushes(name, seed, company)]
    read = read_events(json.dumps(bodies).encode(), source="demo", received_at=START)
    assert isinstance(read, tuple), str(read)
    return read


def outcomes(name):
    return [str(event.outcome) for event in events(name) if isinstance(event, CallEnded)]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", range(5))
def test_every_simulated_body_is_one_that_the_generic_dialect_reads(name, seed):
    told = events(name, seed)
    assert len({event.event_id for event in told}) == len(told)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", range(5))
def test_nobody_real_is_ever_called(name, seed):
    for event in events(name, seed):
        for number in (event.client_number, event.line_number):
            assert number is None or FICTION.fullmatch(number)


@pytest.mark.parametrize("name", NAMES)
def test_pushes_come_in_the_order_of_their_delays(name):
    delays = [push.delay for push in pushes(name)]
    assert delays == sorted(delays)
    assert delays[0] >= 0


@pytest.mark.parametrize("name", NAMES)
def test_a_company_of_one_phone_can_be_called_too(name):
    assert events(name, company=SimulatedCompany(extensions=("101",)))


@pytest.mark.parametrize("name", NAMES)
def test_the_same_chance_tells_the_same_story(name):
    assert pushes(name, seed=7) == pushes(name, seed=7)
    assert pushes(name, seed=7) != pushes(name, seed=8)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("answered", ["answered"]),
        ("missed", ["missed"]),
        ("busy", ["busy"]),
        ("voicemail", ["voicemail"]),
        ("transfer", ["answered"]),
        ("ringgroup", ["answered"]),
        ("outbound", ["answered"]),
        ("outbound_missed", ["missed"]),
        ("callback", ["missed", "answered"]),
        ("hidden", ["missed"]),
        ("blocked", ["missed"]),
        ("repeat", ["missed"] * 4),
        ("unknown_employee", ["answered"]),
        ("internal", ["answered"]),
    ],
)
def test_each_name_ends_as_it_promises(name, expected):
    assert outcomes(name) == expected


def test_who_calls_is_what_the_name_says():
    assert {event.client_number for event in events("hidden")} == {None}
    assert {event.client_number for event in events("blocked")} == {"+447700900666"}
    assert len({event.client_number for event in events("repeat")}) == 1
    assert len({event.client_number for event in events("callback")}) == 1
    assert NOBODY in {event.employee for event in events("unknown_employee")}
    assert NOBODY not in COMPANY.extensions


def test_a_transfer_is_answered_by_two_different_phones():
    told = [event.employee for event in events("transfer") if type(event).__name__ == "CallAnswered"]
    assert len(told) == len(set(told)) == 2


def test_a_day_has_a_past_that_arrives_at_once_and_a_present_that_takes_its_time():
    day = pushes("day")
    assert sum(push.delay < 3 for push in day) > 40
    assert 60 < day[-1].delay < 300
    assert min(event.occurred_at for event in events("day")) < START - 6 * 3600


def test_an_unknown_name_is_a_key_error():
    with pytest.raises(KeyError):
        pushes("nonsense")
