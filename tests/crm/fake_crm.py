"""A CRM behind the small JSON API, which fails in every way that one can: over real sockets, when it is told to."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

NONSENSE = {
    "done, huge": '{"id": "' + "r" * 1_000_000 + '"}',
    "done, no json": "<html>Welcome</html>",
    "done, no id": '{"ok": true}',
}


class FakeCrm:
    """Its `records` are what it was told, in that order. `moods` are taken one for each POST, then `mood` holds.

    `forgetful`: it does not know an Idempotency-Key again, so that telling it twice makes two records.
    """

    def __init__(self, *, forgetful: bool = False) -> None:
        self.records: list[dict[str, Any]] = []
        self.ids: dict[str, str] = {}
        self.forgetful = forgetful
        self.mood: str = "works"
        self.moods: list[str] = []
        self.look_moods: list[str] = []
        self.requests: Counter[str] = Counter()
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        self.most_at_once = 0
        self.released = asyncio.Event()
        self._grown = asyncio.Condition()
        self._at_once = 0
        self._runner: web.AppRunner | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    def by_lane(self) -> dict[str, list[str]]:
        """The keys that it has, in the order in which it got them, for each client."""
        found: dict[str, list[str]] = defaultdict(list)
        for record in self.records:
            found[record["client"]["lane"]].append(record["key"])
        return dict(found)

    async def arrive(self) -> None:
        """Be there, at the same port as before."""
        app = web.Application()
        app.router.add_post("/api/effects", self._told)
        app.router.add_get("/api/effects/{key}", self._asked)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def leave(self) -> None:
        """Refuse every connection."""
        self.released.set()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        self.released = asyncio.Event()

    async def has(self, count: int) -> None:
        """Wait until it has so many records."""
        async with self._grown:
            await self._grown.wait_for(lambda: len(self.records) >= count)

    def work(self, body: dict[str, Any]) -> str:
        known = self.ids.get(body["key"])
        if known is not None and not self.forgetful:
            return known
        self.records.append(body)
        self.ids[body["key"]] = f"r{len(self.records)}"
        return self.ids[body["key"]]

    async def _told(self, request: web.Request) -> web.StreamResponse:
        self.requests["POST"] += 1
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            self.headers.append({name.lower(): value for name, value in request.headers.items()})
            self.bodies.append(await request.read())
            mood = self.moods.pop(0) if self.moods else self.mood
            return await self._answer(mood, request, await request.json())
        finally:
            self._at_once -= 1

    async def _asked(self, request: web.Request) -> web.StreamResponse:
        self.requests["GET"] += 1
        mood = self.look_moods.pop(0) if self.look_moods else "works"
        if mood != "works":
            return await self._answer(mood, request, None)
        known = self.ids.get(request.match_info["key"])
        if known is None:
            return web.json_response({"error": "unknown"}, status=404)
        return web.json_response({"id": known})

    async def _answer(self, mood: str, request: web.Request, body: dict[str, Any] | None) -> web.StreamResponse:
        """`done` moods do the work and then fail to say so; the others fail before it."""
        done = body is not None and (mood == "works" or mood.startswith("done"))
        made = self.work(body) if done else "r0"
        async with self._grown:
            self._grown.notify_all()
        match mood:
            case "works" | "done":
                return web.json_response({"id": made}, status=201)
            case "hangs" | "done, hangs":
                await self.released.wait()
            case "shuts" | "done, shuts":
                request.transport.close()
            case "done, half":
                return await self._part(request, b'{"id"', length=100, shut=True)
            case "done, drips":
                return await self._part(request, b'{"id"', length=100, shut=False)
            case "done, huge" | "done, no json" | "done, no id":
                return web.Response(text=NONSENSE[mood])
            case "done, redirects" | "redirects":
                return web.Response(status=302, headers={"Location": "https://sign-in.example/"})
            case "patience":
                return web.Response(status=429, headers={"Retry-After": "30"})
            case _:
                return web.Response(status=int(mood.removeprefix("done, ")), text=f"told {mood}")
        return web.Response(status=500)

    async def _part(self, request: web.Request, piece: bytes, *, length: int, shut: bool) -> web.StreamResponse:
        response = web.StreamResponse(status=200, headers={"Content-Length": str(length)})
        await response.prepare(request)
        await response.write(piece)
        if shut:
            request.transport.close()
        else:
            await self.released.wait()
        return response


@asynccontextmanager
async def open_crm(*, forgetful: bool = False) -> AsyncIterator[FakeCrm]:
    crm = FakeCrm(forgetful=forgetful)
    await crm.arrive()
    try:
        yield crm
    finally:
        await crm.leave()
