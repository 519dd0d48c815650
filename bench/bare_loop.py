"""The bare loop that bench/webhook.py measures beside the daemon: python bare_loop.py durable|hasty DATABASE PORT.

An aiohttp handler that parses the JSON and appends to a queue, and one task that inserts batches into SQLite with
`synchronous=FULL`. `durable` answers after the batch is on disk, `hasty` at once.
"""

import asyncio
import json
import sqlite3
import sys
from collections.abc import AsyncIterator

import uvloop
from aiohttp import web


def bare_app(database: str, *, durable: bool) -> web.Application:
    base = sqlite3.connect(database, check_same_thread=False, isolation_level=None)
    base.executescript(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE event (id INTEGER PRIMARY KEY, body TEXT)"
    )
    queue: asyncio.Queue[tuple[str, asyncio.Future[None]]] = asyncio.Queue()

    async def take(request: web.Request) -> web.Response:
        event = await request.json()
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.put_nowait((json.dumps(event), stored))
        if durable:
            await stored
        return web.json_response({"accepted": 1, "duplicates": 0}, status=202)

    def insert(batch: list[tuple[str, asyncio.Future[None]]]) -> None:
        base.execute("BEGIN")
        base.executemany("INSERT INTO event (body) VALUES (?)", [(text,) for text, _ in batch])
        base.execute("COMMIT")

    async def write() -> None:
        while True:
            batch = [await queue.get()]
            while not queue.empty():
                batch.append(queue.get_nowait())
            await asyncio.to_thread(insert, batch)
            for _, stored in batch:
                stored.set_result(None)

    async def writer(_app: web.Application) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            writing = tasks.create_task(write())
            yield
            writing.cancel()

    app = web.Application()
    app.router.add_post("/hooks/bench", take)
    app.cleanup_ctx.append(writer)
    return app


if __name__ == "__main__":
    uvloop.install()
    web.run_app(
        bare_app(sys.argv[2], durable=sys.argv[1] == "durable"),
        host="127.0.0.1",
        port=int(sys.argv[3]),
        print=None,
        access_log=None,
    )
