import asyncio
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from bridge.web.app import make_runner
from bridge.web.door import Door

MOST = 20
ASK = b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n"


class Site:
    """A door with two addresses behind it: /quick answers, /slow answers when it is told to."""

    def __init__(self):
        self.served = asyncio.Semaphore(0)
        self.go = asyncio.Event()
        self._writers = []

    @asynccontextmanager
    async def open(self):
        app = web.Application()
        app.router.add_get("/quick", self._quick)
        app.router.add_get("/slow", self._slow)
        runner = make_runner(app)
        await runner.setup()
        await Door(runner, "127.0.0.1", 0, most=MOST).start()
        self.port = runner.addresses[0][1]
        try:
            async with asyncio.timeout(10):
                yield self
        finally:
            self.go.set()
            for writer in self._writers:
                writer.transport.abort()
            await runner.cleanup()

    async def _quick(self, _request):
        return web.Response(text="quick")

    async def _slow(self, _request):
        self.served.release()
        await self.go.wait()
        return web.Response(text="slow")

    async def connect(self, *, ask=b""):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self._writers.append(writer)
        if ask:
            writer.write(ASK % ask)
        return reader, writer


@pytest.fixture
async def site():
    async with Site().open() as opened:
        yield opened


async def test_whoever_says_nothing_makes_way_for_those_who_come(site):
    silent = [await site.connect() for _ in range(5 * MOST)]
    reader, _ = await site.connect(ask=b"/quick")
    assert b"200 OK" in await reader.readline()
    assert await silent[0][0].read() == b""


async def test_whoever_is_being_served_gets_his_answer_before_he_must_go(site):
    slow = [await site.connect(ask=b"/slow") for _ in range(MOST)]
    for _ in slow:
        await site.served.acquire()
    reader, _ = await site.connect(ask=b"/quick")
    assert b"200 OK" in await reader.readline()
    site.go.set()
    for reader, _ in slow:
        assert b"200 OK" in await reader.readline()
    assert (await slow[0][0].read()).endswith(b"slow")  # and is closed then


async def test_when_all_are_slow_the_slowest_make_way(site):
    slow = [await site.connect(ask=b"/slow") for _ in range(3 * MOST)]
    reader, _ = await site.connect(ask=b"/quick")
    assert b"200 OK" in await reader.readline()
    assert await slow[0][0].read() == b""
