import asyncio

import pytest
import structlog

from bridge.flow.supervision import keep
from bridge.flow.tally import Tally
from bridge.store.errors import StoreCorrupt
from tests.flow.hand_clock import HandClock


@pytest.fixture
def lines():
    with structlog.testing.capture_logs() as captured:
        yield captured


class Work:
    """Breaks as often as it is told to, then is done; remembers when it began."""

    def __init__(self, clock: HandClock, breaks: int, error: Exception | None = None):
        self.clock = clock
        self.breaks = breaks
        self.error = error or RuntimeError("a bug")
        self.begun: list[float] = []

    async def __call__(self):
        self.begun.append(self.clock.now())
        if len(self.begun) <= self.breaks:
            raise self.error


async def keep_through(work, clock, seconds):
    """Keep it at work while the clock runs on, a second at a time."""
    tally, stopping, start = Tally(), asyncio.Event(), clock.now()
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        kept = tasks.create_task(keep("work", work, clock=clock, tally=tally, stopping=stopping))
        for _ in range(seconds):
            for _ in range(10):
                await asyncio.sleep(0)
            clock.advance(1.0)
        await kept
    return tally, [round(at - start) for at in work.begun]


async def test_work_that_breaks_is_begun_again_after_pauses_that_double(lines):
    clock = HandClock()
    tally, begun = await keep_through(Work(clock, breaks=3), clock, 8)
    assert begun == [0, 1, 3, 7]
    assert tally.restarts == 3
    assert [line["event"] for line in lines] == ["task.broken"] * 3


async def test_work_that_is_done_is_not_begun_again(lines):
    clock = HandClock()
    tally, begun = await keep_through(Work(clock, breaks=0), clock, 3)
    assert (begun, tally.restarts) == ([0], 0)


@pytest.mark.parametrize(
    "error", [StoreCorrupt("it is"), ExceptionGroup("tasks", [ValueError(), ExceptionGroup("more", [StoreCorrupt()])])]
)
async def test_a_damaged_store_is_nobodys_to_work_on_however_many_tasks_the_work_has(lines, error):
    clock = HandClock()
    with pytest.raises(type(error)):
        await keep(
            "work",
            Work(clock, breaks=1, error=error),
            clock=clock,
            tally=Tally(),
            stopping=asyncio.Event(),
        )


async def test_a_stop_does_not_wait_for_the_pause_to_end(lines):
    clock, stopping = HandClock(), asyncio.Event()
    stopping.set()
    work = Work(clock, breaks=1)
    async with asyncio.timeout(5):
        await keep("work", work, clock=clock, tally=Tally(), stopping=stopping)
    assert len(work.begun) == 2
