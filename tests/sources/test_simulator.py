import random  # noqa: TID251 - a test is where chance may come from

import pytest

from bridge.sources.http import WebhookSettings
from bridge.sources.simulator import PushRefused, push_all
from bridge.wire.simulation import NAMES, SimulatedCompany, simulated_call
from tests.flow.builders import SALES
from tests.flow.hand_clock import HandClock
from tests.web.house import HOOK_TOKEN, open_house

COMPANY = SimulatedCompany(lines=(SALES,), extensions=("101", "102", "103"))


class QuickClock(HandClock):
    """Waiting takes no time at all: the clock jumps."""

    async def sleep(self, seconds):
        self.advance(seconds)


@pytest.fixture
async def house(tmp_path):
    hooks = [WebhookSettings(id="shop", token=HOOK_TOKEN, per_second=1, burst=3)]
    async with open_house(tmp_path, hooks=hooks, clock=QuickClock()) as opened:
        yield opened


def play(name, house):
    chance = random.Random(3)  # noqa: S311 - nothing secret
    return simulated_call(name, chance, house.clock.now(), COMPANY)


async def push(house, name, *, token=HOOK_TOKEN, path="/hooks/shop", speed=1.0):
    told = []
    await push_all(
        play(name, house), url=house.address + path, token=token, clock=house.clock, tell=told.append, speed=speed
    )
    return told


async def test_a_simulated_call_is_pushed_at_its_pace_and_told(house):
    began = house.clock.now()
    told = await push(house, "answered")
    assert told[0].startswith("inbound: ")
    assert house.clock.now() - began == play("answered", house)[-1].delay
    await house.catch_up()
    assert len((await house.get("/v1/leads")).json["items"]) == 1


async def test_a_faster_play_is_over_sooner(house):
    began = house.clock.now()
    await push(house, "answered", speed=4)
    assert house.clock.now() - began == play("answered", house)[-1].delay / 4


async def test_a_bridge_that_asks_to_come_again_is_asked_again(house):
    await push(house, "day", speed=1000)
    assert len((await house.get("/v1/events?limit=200")).json["items"]) > 100


@pytest.mark.parametrize(("token", "path"), [("wrong", "/hooks/shop"), (None, "/hooks/shop"), ("x", "/hooks/none")])
async def test_a_push_that_is_refused_says_what_the_bridge_answered(house, token, path):
    with pytest.raises(PushRefused, match=r"40[14]"):
        await push(house, "missed", token=token, path=path)


async def test_a_bridge_that_is_not_there_is_told_at_once(house):
    house.address = "http://127.0.0.1:9"
    with pytest.raises(PushRefused, match="did not take it"):
        await push(house, "missed")


@pytest.mark.parametrize("name", NAMES)
async def test_every_play_leads_to_what_its_name_says(house, name):
    await push(house, name, speed=100)
    await house.catch_up()
    calls = (await house.get("/v1/calls?limit=200")).json["items"]
    leads = (await house.get("/v1/leads?limit=200")).json["items"]
    cases = (await house.get("/v1/cases?status=open")).json["items"]
    expected = {
        "answered": (1, 1, 0),
        "missed": (1, 1, 1),
        "busy": (1, 1, 1),
        "voicemail": (1, 1, 1),
        "transfer": (1, 1, 0),
        "ringgroup": (1, 1, 0),
        "outbound": (1, 1, 0),
        "outbound_missed": (1, 0, 0),
        "callback": (2, 1, 0),
        "hidden": (1, 0, 1),
        "blocked": (1, 1, 1),  # this company blocks nobody yet
        "repeat": (4, 1, 1),
        "unknown_employee": (1, 1, 0),
        "internal": (0, 0, 0),
    }
    if name in expected:
        assert (len(calls), len(leads), len(cases)) == expected[name]
    else:
        assert len(calls) > 25
