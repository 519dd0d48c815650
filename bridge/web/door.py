"""Where connections come in: as many as there is room for, and those who say nothing make way for those who come."""

import asyncio
from typing import Final

from aiohttp import web

MOST_CONNECTIONS: Final = 1000
"""At once, or twice as many while all are being served. One that sends all it can costs some 100 KiB."""
BACKLOG: Final = 1024
PIECE: Final = 20
"""After every twentieth of them that came we look whether it is full; so many of the oldest are asked to leave then."""


class Door(web.BaseSite):
    """Listens on `host` and `port` for a runner; holds about `most` connections, whoever knocks.

    Beyond them the oldest must go: one that waits for a request at once, one that is being served after its answer,
    and when there are twice as many at once, too: by then it is slow, or a stream, and will come again.
    """

    def __init__(self, runner: web.AppRunner, host: str, port: int, *, most: int = MOST_CONNECTIONS) -> None:
        super().__init__(runner, backlog=BACKLOG)
        self._host = host
        self._port = port
        self._most = most
        self._piece = max(1, most // PIECE)
        self._came = 0

    @property
    def name(self) -> str:
        """What aiohttp calls it."""
        return f"http://{self._host}:{self._port}"

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address is taken, or none of this machine's.

        """
        await super().start()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._admitted, self._host, self._port, backlog=self._backlog)

    def _admitted(self) -> asyncio.BaseProtocol:
        server = self._runner.server
        if server is None:
            raise RuntimeError("a door needs a runner that is set up")
        self._came += 1
        if self._came % self._piece == 0 and len(held := server.connections) >= self._most:  # the oldest first
            for connection in held[: len(held) - self._most + self._piece]:
                connection.close()
            for connection in held[: max(0, len(held) - 2 * self._most)]:
                connection.force_close()
        return server()
