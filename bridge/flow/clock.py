"""The only place that asks the time. Everybody else is told: `now` is an argument."""

import asyncio
import time

from bridge.model.moment import Instant

LONGEST_NAP = 30.0
"""Seconds after which a wait for an instant looks at the clock again: the machine may have slept, or been set right."""
SET_BACK = 7200.0
"""Seconds, more than summer time makes. A clock that was set back by less is caught up with, one that was set back by
more is believed.
"""


class Clock:
    """The time of this machine, such that it never runs backwards under us. Tests derive one that is set by hand.

    When the system clock is put back a little, `now` goes on at half speed until the two agree again, so that a
    second of ours is never counted twice and a deadline of three seconds takes six at worst.
    """

    def __init__(self) -> None:
        self._now = time.time()  # noqa: TID251  # this is the one place
        self._read_at = time.monotonic()

    def now(self) -> Instant:
        """Seconds since 1970 UTC, never less than the last time it was asked (but see SET_BACK)."""
        read_at, wall = time.monotonic(), time.time()  # noqa: TID251  # this is the one place
        slowest = self._now + (read_at - self._read_at) / 2
        self._now = wall if wall >= slowest or slowest - wall > SET_BACK else slowest
        self._read_at = read_at
        return self._now

    def uptime(self) -> float:
        """Seconds that this machine has been up (CLOCK_MONOTONIC); nobody can set it."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait so many seconds, whatever happens to the system clock meanwhile."""
        await asyncio.sleep(seconds)

    async def wait(self, woken: asyncio.Event, *, until: Instant | None = None) -> None:
        """Wait until somebody sets `woken`, or until that instant (None: for ever). May return early: look again."""
        nap = LONGEST_NAP if until is None else min(max(until - self.now(), 0.0), LONGEST_NAP)
        try:
            async with asyncio.timeout(nap):
                await woken.wait()
        except TimeoutError:
            return
