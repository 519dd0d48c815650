"""Tells systemd again and again that the daemon is truly alive. When it is not, systemd kills it and starts it again.

Told from the event loop, so a loop that is blocked tells nothing. A store that does not answer is no reason to be
silent: whoever waits for it is alive, and a restart would not bring it back.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from bridge.flow.clock import LONGEST_NAP, Clock
from bridge.flow.systemd import Systemd

log = structlog.get_logger()

LONGEST_REST: Final = 3 * LONGEST_NAP
"""Seconds that the lanes may rest; they get up after LONGEST_NAP, also when there is nothing to do."""


async def watch(
    systemd: Systemd, clock: Clock, parts: Sequence[asyncio.Task[None]], pulse: Callable[[], int | None]
) -> None:
    """Tell systemd twice in the time it allows that these parts are at work; returns at once if it does not watch us.

    `pulse` grows as the lanes go round, and is None while they wait for the store.
    """
    if systemd.watchdog_seconds is None:
        return
    pause = systemd.watchdog_seconds / 2
    last, since, stuck = pulse(), 0.0, ""
    while True:
        now = pulse()
        since = since + pause if now is not None and now == last else 0.0  # counted, for clocks may be set
        last = now
        before, stuck = stuck, _stuck(parts, rested=since)
        if not stuck:
            systemd.alive()
        elif stuck != before:
            log.error("task.stuck", task=stuck)
        await clock.sleep(pause)


def _stuck(parts: Sequence[asyncio.Task[None]], *, rested: float) -> str:
    """The name of a part that does not work any more; empty: all do."""
    ended = [part.get_name() for part in parts if part.done()]
    return ended[0] if ended else "lanes" if rested > LONGEST_REST else ""
