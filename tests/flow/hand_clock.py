"""A clock that stands still until a test moves it."""

import asyncio

from bridge.flow.clock import Clock
from bridge.model.moment import Instant, from_iso

NOON = from_iso("2026-11-23T12:00:00+00:00")  # a Monday


class HandClock(Clock):
    """Waiting for an instant ends when the test has moved the clock there."""

    def __init__(self, now: Instant = NOON) -> None:
        super().__init__()
        self._hand = now
        self._moved: set[asyncio.Event] = set()

    def now(self) -> Instant:
        return self._hand

    def advance(self, seconds: float) -> None:
        self._hand += seconds
        for moved in self._moved:
            moved.set()

    async def sleep(self, seconds: float) -> None:
        """A short rest takes no time that anybody tells."""
        await asyncio.sleep(0)

    async def wait(self, woken: asyncio.Event, *, until: Instant | None = None) -> None:
        moved = asyncio.Event()
        self._moved.add(moved)
        try:
            while not woken.is_set() and (until is None or self._hand < until):
                moved.clear()
                async with asyncio.TaskGroup() as tasks:
                    first = [tasks.create_task(woken.wait()), tasks.create_task(moved.wait())]
                    await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
                    for waiting in first:
                        waiting.cancel()
        finally:
            self._moved.discard(moved)
