import asyncio
from contextlib import asynccontextmanager

import pytest

from bridge.model.call import Call
from bridge.model.events import CallSeen
from bridge.sources.ami import AmiLine, AmiSettings
from tests.flow.hand_clock import HandClock
from tests.sources.fake_asterisk import FakeAsterisk


class Journal:
    """What the line hands over, and the journal's refusals."""

    def __init__(self) -> None:
        self.events: list[CallSeen] = []
        self.refuse_with: Exception | None = None
        self.offers = 0
        self._something = asyncio.Condition()

    async def accept(self, events) -> None:
        async with self._something:
            self.offers += 1
            if self.refuse_with is None:
                self.events.extend(events)
            self._something.notify_all()
        if self.refuse_with is not None:
            raise self.refuse_with

    async def until(self, condition) -> None:
        async with asyncio.timeout(5), self._something:
            await self._something.wait_for(condition)

    def newest(self) -> dict[str, Call]:
        """The newest account of each call by its platform id."""
        return {event.call.platform_call_id: event.call for event in self.events}

    async def call(self, key, condition=lambda _call: True) -> Call:
        """Wait for an account of this call that fulfils the condition."""
        await self.until(lambda: key in self.newest() and condition(self.newest()[key]))
        return self.newest()[key]


@pytest.fixture
async def pbx():
    async with FakeAsterisk() as fake:
        yield fake


@pytest.fixture
def journal():
    return Journal()


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def hold(pbx, journal, clock):
    """`async with hold(...) as line:` holds a line to the fake PBX; keywords are settings."""

    @asynccontextmanager
    async def holding(*, chance=lambda: 0.0, resume=(), **more):
        settings = {"id": "pbx", "port": pbx.port, "username": "bridge", "secret": "s3cret", "trunks": ["trunk"]}
        line = AmiLine(AmiSettings.model_validate(settings | more), clock, chance, journal.accept)
        line.resume(resume)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(line.run())
            yield line
            running.cancel()

    return holding
