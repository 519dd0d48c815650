"""Keeps the parts of the bridge at work: what breaks unexpectedly is logged and begun again."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from bridge.flow.clock import Clock
from bridge.flow.tally import Tally
from bridge.store.errors import StoreCorrupt

log = structlog.get_logger()

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
"""Seconds between a part's failure and its next beginning; also how long it must have worked to be thought healthy."""


Begin = Callable[[str, Callable[[], Awaitable[None]]], asyncio.Task[None]]
"""Begins this work, under this name, and keeps it."""


async def keep(
    name: str, work: Callable[[], Awaitable[None]], *, clock: Clock, tally: Tally, stopping: asyncio.Event
) -> None:
    """Do this work until it is done; when it breaks unexpectedly begin again, after a pause that doubles.

    Raises:
        StoreCorrupt: working on would do harm; a person must come.

    """
    pause = FIRST_PAUSE
    while True:
        began = clock.now()
        try:
            await work()
        except StoreCorrupt:
            raise
        except Exception as error:
            if isinstance(error, ExceptionGroup) and error.subgroup(StoreCorrupt) is not None:
                raise
            log.exception("task.broken", task=name, again_in=pause)
        else:
            return
        tally.restarts += 1
        if clock.now() - began > LONGEST_PAUSE:
            pause = FIRST_PAUSE
        await clock.wait(stopping, until=clock.now() + pause)
        pause = min(2 * pause, LONGEST_PAUSE)
