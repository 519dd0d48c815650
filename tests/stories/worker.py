"""A bridge that only works off its journal, for being killed: python -m tests.stories.worker FOLDER SIZE.

It prints a line for each batch that it has committed, and `done` when there is nothing left.
"""

import asyncio
import logging
import sys
from pathlib import Path

import structlog

from tests.flow.builders import acme
from tests.flow.hand_clock import HandClock
from tests.stories.a_day import BLOCKED
from tests.stories.office import open_office

LATER = 7200.0


async def work(folder: Path, size: int) -> None:
    clock = HandClock()
    clock.advance(LATER)
    async with open_office(folder, acme(blocked=[BLOCKED]), clock) as office:
        more = True
        while more:
            office.lanes._size = size
            more = await office.lanes.turn()
            print("batch", flush=True)  # noqa: T201  # the one who kills counts them
    print("done", flush=True)  # noqa: T201


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    asyncio.run(work(Path(sys.argv[1]), int(sys.argv[2])))
