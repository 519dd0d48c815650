"""A platform that does not exist: pushes simulated calls over real HTTP, as a real one would."""

import asyncio
from collections.abc import Callable, Sequence
from http import HTTPStatus

import aiohttp

from bridge.flow.clock import Clock
from bridge.wire.simulation import SimulatedPush

SECONDS_FOR_AN_ANSWER = 10.0
TRIES = 5
"""A platform gives up after some tries; so do we."""


class PushRefused(Exception):  # noqa: N818  # style: an exception is named for what happened
    """The bridge did not take what was pushed; the message is its answer."""


async def push_all(
    pushes: Sequence[SimulatedPush], *, url: str, token: str | None, clock: Clock, tell: Callable[[str], None]
) -> None:
    """Push each body at its moment to `url`; `tell` hears what happens in it.

    Raises:
        PushRefused: the bridge is not there, or says that the push is wrong.

    """
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    limit = aiohttp.ClientTimeout(total=SECONDS_FOR_AN_ANSWER)
    began = clock.now()
    async with aiohttp.ClientSession(headers=headers, timeout=limit) as session:
        for push in pushes:
            await asyncio.sleep(max(0.0, began + push.delay - clock.now()))
            await _push(session, url, push)
            tell(push.told)


async def _push(session: aiohttp.ClientSession, url: str, push: SimulatedPush) -> None:
    problem = ""
    for again in range(TRIES):
        try:
            async with session.post(url, json=push.body) as answer:
                if answer.status == HTTPStatus.ACCEPTED:
                    return
                problem = f"{url} answered {answer.status}: {(await answer.text())[:500]}"
                if answer.status < HTTPStatus.INTERNAL_SERVER_ERROR and answer.status != HTTPStatus.TOO_MANY_REQUESTS:
                    break
        except (aiohttp.ClientError, TimeoutError) as error:
            problem = f"{url} cannot be reached: {str(error) or 'no answer'}"
        await asyncio.sleep(0.2 * 2**again)
    raise PushRefused(problem)
