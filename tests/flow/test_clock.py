import asyncio
import time

import pytest

from bridge.flow.clock import Clock


@pytest.fixture
def wall(monkeypatch):
    """The system's two clocks, in the hands of the test."""
    hands = {"wall": 1_800_000_000.0, "monotonic": 500.0}
    monkeypatch.setattr(time, "time", lambda: hands["wall"])
    monkeypatch.setattr(time, "monotonic", lambda: hands["monotonic"])

    def move(*, wall: float, monotonic: float) -> None:
        hands["wall"] += wall
        hands["monotonic"] += monotonic

    return move


def test_the_time_is_the_systems_time(wall):
    clock = Clock()
    wall(wall=7.5, monotonic=7.5)
    assert clock.now() == 1_800_000_007.5


def test_a_clock_that_is_put_back_goes_on_at_half_speed_and_never_backwards(wall):
    clock = Clock()
    wall(wall=-20.0, monotonic=0.0)
    assert clock.now() == 1_800_000_000.0
    wall(wall=10.0, monotonic=10.0)
    assert clock.now() == 1_800_000_005.0
    wall(wall=40.0, monotonic=40.0)
    assert clock.now() == 1_800_000_030.0  # caught up


def test_a_clock_that_is_put_forward_is_believed_at_once(wall):
    clock = Clock()
    wall(wall=86_400.0, monotonic=1.0)
    assert clock.now() == 1_800_086_400.0


def test_a_clock_that_was_a_day_ahead_is_set_right_at_once(wall):
    clock = Clock()
    wall(wall=-86_400.0, monotonic=1.0)
    assert clock.now() == 1_800_000_000.0 - 86_400.0


async def test_a_wait_ends_when_somebody_wakes_it():
    clock, woken = Clock(), asyncio.Event()
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        tasks.create_task(clock.wait(woken))
        woken.set()


async def test_a_wait_ends_at_its_instant():
    clock = Clock()
    async with asyncio.timeout(5):
        await clock.wait(asyncio.Event(), until=clock.now() + 0.01)


async def test_a_wait_for_a_past_instant_is_none():
    clock = Clock()
    async with asyncio.timeout(5):
        await clock.wait(asyncio.Event(), until=0.0)
