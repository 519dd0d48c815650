"""Work that blocks, beside the event loop: in a thread of its own that a stop of the daemon need not wait for."""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def aside(work: Callable[[], T]) -> T:
    """What `work` gives, or raises. If nobody waits any more its thread ends by itself, whenever that is."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def tell(settle: Callable[[], None]) -> None:
        if not done.done():
            settle()

    def run() -> None:
        try:
            given = work()
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            wrong = error
            _post(loop, lambda: tell(lambda: done.set_exception(wrong)))
        else:
            _post(loop, lambda: tell(lambda: done.set_result(given)))

    threading.Thread(target=run, name="aside", daemon=True).start()
    return await done


def _post(loop: asyncio.AbstractEventLoop, told: Callable[[], None]) -> None:
    try:
        loop.call_soon_threadsafe(told)
    except RuntimeError:  # the loop is closed: the daemon has gone
        return
