"""What a service says to systemd (sd_notify(3)), heard at a real socket."""

import asyncio
import time

import pytest
import structlog

from bridge.flow.clock import LONGEST_NAP
from bridge.flow.systemd import Systemd
from bridge.flow.watchdog import LONGEST_REST, watch
from tests.daemon.service_manager import service_manager
from tests.flow.hand_clock import HandClock

PID = 4711


class Rounds(HandClock):
    """A clock on which a watch ends after so many rounds; `between` says what happens in each."""

    def __init__(self, rounds: int, manager, between=lambda _: None) -> None:
        super().__init__()
        self.rounds = rounds
        self.manager = manager
        self.between = between
        self.pings = 0

    async def sleep(self, seconds: float) -> None:
        self.rounds -= 1
        self.between(self.rounds)
        self.pings += not self.manager.heard_nothing()
        if self.rounds == 0:
            raise asyncio.CancelledError


def told_by(manager) -> Systemd:
    return Systemd(manager.environment | {"WATCHDOG_USEC": "20000000"}, HandClock(), pid=PID)


@pytest.mark.parametrize("abstract", [False, True])
def test_each_word_is_one_datagram_at_a_path_or_an_abstract_address(tmp_path, abstract):
    with service_manager(tmp_path, abstract=abstract) as manager:
        systemd = told_by(manager)
        systemd.ready("works,\n2 sources")
        systemd.reloading()
        systemd.stopping()
        systemd.alive()
        assert manager.hears("READY") == {"READY": "1", "STATUS": "works, 2 sources"}
        reloading = manager.hears("RELOADING")
        assert manager.hears("STOPPING")["STOPPING"] == "1"
        assert manager.hears("WATCHDOG") == {"WATCHDOG": "1"}
    assert 0 <= time.monotonic() - int(reloading["MONOTONIC_USEC"]) / 1e6 < 60


@pytest.mark.parametrize("address", ["", "relative", "vsock:2:1234"])
def test_without_a_socket_of_a_known_kind_nobody_is_told_and_nothing_is_wrong(address):
    systemd = Systemd({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1"}, HandClock(), pid=PID)
    with structlog.testing.capture_logs() as lines:
        systemd.ready("works")
    assert (lines, systemd.watchdog_seconds) == ([], None)


def test_a_socket_that_takes_nothing_is_told_of_once_and_stops_nobody(tmp_path):
    systemd = Systemd({"NOTIFY_SOCKET": str(tmp_path / "gone")}, HandClock(), pid=PID)
    with structlog.testing.capture_logs() as lines:
        systemd.ready("works")
        systemd.alive()
    assert [line["event"] for line in lines] == ["systemd.missed"]


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(PID)}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_it_watches_us_only_if_it_says_so_to_this_process(told, seconds):
    assert Systemd({"NOTIFY_SOCKET": "@x"} | told, HandClock(), pid=PID).watchdog_seconds == seconds


async def ended() -> None:
    pass


async def watched(clock: Rounds, pulse, *, dead: bool = False) -> list[str]:
    """Watch until the clock says that it is enough; gives the log's lines."""
    part = asyncio.get_running_loop().create_future()
    with structlog.testing.capture_logs() as lines:
        async with asyncio.TaskGroup() as tasks:
            lanes = tasks.create_task(ended() if dead else _until(part), name="lanes")
            await asyncio.sleep(0)
            await asyncio.wait([tasks.create_task(watch(told_by(clock.manager), clock, [lanes], pulse))])
            part.cancel()
    return [f"{line['event']} {line['task']}" for line in lines]


async def _until(future) -> None:
    await asyncio.wait([future])


async def test_it_is_pinged_in_every_half_of_its_time_while_the_lanes_go_round(tmp_path):
    rounds = iter(range(1000))
    with service_manager(tmp_path) as manager:
        clock = Rounds(20, manager)
        assert await watched(clock, lambda: next(rounds)) == []
    assert clock.pings == 20


async def test_lanes_that_wait_for_the_store_for_ever_do_not_get_us_killed(tmp_path):
    with service_manager(tmp_path) as manager:
        clock = Rounds(100, manager)
        assert await watched(clock, lambda: None) == []
    assert clock.pings == 100


async def test_a_part_that_has_ended_is_told_of_once_and_nothing_is_pinged_any_more(tmp_path):
    rounds = iter(range(1000))
    with service_manager(tmp_path) as manager:
        clock = Rounds(5, manager)
        assert await watched(clock, lambda: next(rounds), dead=True) == ["task.stuck lanes"]
    assert clock.pings == 0


async def test_lanes_that_rest_for_too_long_silence_it_until_they_get_up(tmp_path):
    half = 10
    longest = int(LONGEST_REST / half)
    pulse = [0]

    def get_up(left: int) -> None:
        pulse[0] += left < 3

    with service_manager(tmp_path) as manager:
        clock = Rounds(longest + 10, manager, get_up)
        assert await watched(clock, lambda: pulse[0]) == ["task.stuck lanes"]
    assert longest < clock.pings < longest + 6
    assert LONGEST_REST > 2 * LONGEST_NAP
