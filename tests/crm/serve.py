"""A CRM in a process of its own, which is ill by chance: python -m tests.crm.serve SEED. It prints its address.

`GET /records` is what it has; `POST /heal` makes it well. It does not know a key again.
"""

import asyncio
import sys
from random import Random  # noqa: TID251 # the test brings its own chance

from aiohttp import web

from tests.crm.fake_crm import FakeCrm

MOODS = ["done, shuts", "shuts", "done, half", "done, no json", "done, 500", "500", "502", "429", "redirects", "hangs",
         "done, hangs"]  # fmt: skip
ILL = 0.3
AWAY = 0.02
"""How often it is ill, and how often it goes away for a moment."""


class ChancyCrm(FakeCrm):
    def __init__(self, chance: Random) -> None:
        super().__init__(forgetful=True)
        self.chance = chance
        self.well = False
        self.left = asyncio.Event()

    async def _answer(self, mood, request, body):
        if not self.well and self.chance.random() < ILL:
            mood = self.chance.choice(MOODS)
        if not self.well and self.chance.random() < AWAY:
            self.left.set()
        return await super()._answer(mood, request, body)


async def serve(seed: int) -> None:
    crm = ChancyCrm(Random(seed))  # noqa: S311 # chance need not be secret here
    await crm.arrive()

    async def records(_request: web.Request) -> web.Response:
        return web.json_response(crm.records)

    async def heal(_request: web.Request) -> web.Response:
        crm.well = True
        return web.Response()

    app = web.Application()
    app.router.add_get("/records", records)
    app.router.add_post("/heal", heal)
    desk = web.AppRunner(app, access_log=None)
    await desk.setup()
    await web.TCPSite(desk, "127.0.0.1", 0).start()
    print(crm.url, f"http://127.0.0.1:{desk.addresses[0][1]}", flush=True)  # noqa: T201 # for whoever started it
    while True:
        await crm.left.wait()
        crm.left.clear()
        await crm.leave()
        await asyncio.sleep(0.5)
        await crm.arrive()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
