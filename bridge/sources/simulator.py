"""Plays the platform: pushes simulated calls over real HTTP, each at its time."""

from collections.abc import Callable, Sequence

from aiohttp import ClientError, ClientSession, ClientTimeout

from bridge.flow.clock import Clock
from bridge.wire.simulation import SimulatedPush

SECONDS_FOR_A_PUSH = 10.0
TRIES = 5
SECONDS_BETWEEN_TRIES = 1.0
TRY_LATER = frozenset({429, 503})
ACCEPTED = 202


class PushRefused(Exception):  # noqa: N818  # style: an exception is named for what happened
    """The bridge refused a simulated push, or could not be reached."""


async def push_all(
    pushes: Sequence[SimulatedPush],
    *,
    url: str,
    token: str | None,
    clock: Clock,
    tell: Callable[[str], object] = lambda _: None,
    speed: float = 1.0,
) -> None:
    """Push each body at its time, `speed` times as fast; `tell` hears what was pushed, in words.

    Raises:
        PushRefused: the bridge refused one (the message has its answer), or could not be reached.

    """
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    began = clock.now()
    async with ClientSession(headers=headers, timeout=ClientTimeout(total=SECONDS_FOR_A_PUSH)) as session:
        for number, push in enumerate(pushes):
            await clock.sleep(max(0.0, began + push.delay / speed - clock.now()))
            # who is not there at the first push is not there; later ones are worth some patience
            await _push(session, url, push, clock, tries=TRIES if number else 1)
            tell(push.told)


async def _push(session: ClientSession, url: str, push: SimulatedPush, clock: Clock, *, tries: int) -> None:
    answer = ""
    for _ in range(tries):
        try:
            async with session.post(url, json=push.body, allow_redirects=False) as response:
                answer = f"{response.status} {await response.text()}"
                if response.status == ACCEPTED:
                    return
                if response.status not in TRY_LATER:
                    break
        except (TimeoutError, ClientError) as error:
            answer = f"{type(error).__name__}: {error}"
        await clock.sleep(SECONDS_BETWEEN_TRIES)
    raise PushRefused(f"{url} did not take it: {answer[:500]}")
