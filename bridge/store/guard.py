"""The session of PostgreSQL that holds a node's locks, and through which it hears what the others tell.

Loaded only where nodes share a store: an embedded store does not pay for asyncpg. Sources: PostgreSQL 16 "Advisory
Lock Functions", "idle_session_timeout" (since 14); asyncpg 0.32 `Connection.add_listener`.
"""

import asyncio
import hashlib
from collections.abc import Callable, Collection
from typing import Any, Self

import asyncpg

from bridge.store.engine import Store, errors_in_our_words
from bridge.store.errors import StoreUnavailable
from bridge.store.holds import News
from bridge.store.postgres import SESSION

SILENCE_MS = 2_500
"""After which the server ends the session of a node that has not asked it anything, and with it all its locks."""
CONNECT_SECONDS = 0.5
ANSWER_SECONDS = 0.7
"""Both are short, since whoever gets no answer has to let go before the server gives his locks away."""


class Guard:
    """One such session."""

    def __init__(self, store: Store, connection: Any) -> None:
        self._store = store
        self._connection = connection
        self._held: set[str] = set()

    @classmethod
    async def open(cls, store: Store, node: str, hear: Callable[[News], None]) -> Self:
        """A new session, which holds nothing yet. `hear` is told what other nodes tell.

        Raises:
            StoreUnavailable: it does not answer, or refuses us.

        """
        url = store.place.url
        _, options = url.get_dialect()().create_connect_args(url)
        session = {**SESSION, "idle_session_timeout": str(SILENCE_MS), "application_name": f"callbridge guard {node}"}
        with errors_in_our_words(store.place):
            async with asyncio.timeout(CONNECT_SECONDS):
                connection = await asyncpg.connect(
                    **options, timeout=CONNECT_SECONDS, command_timeout=ANSWER_SECONDS, server_settings=session
                )

            def heard(_connection: object, _pid: int, channel: str, told_by: str) -> None:
                if told_by != node:
                    hear(News(channel))

            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    for news in News:
                        await connection.add_listener(news.value, heard)
            except BaseException:
                connection.terminate()
                raise
        return cls(store, connection)

    async def beat(self, wanted: Collection[str]) -> frozenset[str]:
        """Show the server that we are here, and try to get what we want and do not have; gives all that we have.

        Raises:
            StoreUnavailable: the session is gone, or does not answer; so are the locks, sooner or later.

        """
        for name in self._held - set(wanted):
            await self._ask("SELECT pg_advisory_unlock($1)", name)
            self._held.discard(name)
        for name in set(wanted) - self._held:
            if await self._ask("SELECT pg_try_advisory_lock($1)", name):
                self._held.add(name)
        with errors_in_our_words(self._store.place):
            await self._connection.fetchval("SELECT 1")
        return frozenset(self._held)

    async def _ask(self, sql: str, name: str) -> bool:
        with errors_in_our_words(self._store.place):
            answer: bool = await self._connection.fetchval(sql, _key_of(name))
        return answer

    def abandon(self) -> None:
        """Leave a session that does not answer; the locks go when the server notices."""
        self._connection.terminate()

    async def close(self) -> None:
        """End the session; the locks go at once."""
        try:
            await self._connection.close(timeout=ANSWER_SECONDS)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            self._connection.terminate()


def _key_of(name: str) -> int:
    """The number of the advisory lock: PostgreSQL knows them by 64-bit integers."""
    return int.from_bytes(hashlib.sha256(f"callbridge:{name}".encode()).digest()[:8], signed=True)


def server_is_down(error: StoreUnavailable) -> bool:
    """The server's machine says that there is no server: nobody can hold a lock there, and nobody can take over.

    A server that refuses us is there, and may let others in.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ConnectionRefusedError | asyncpg.CannotConnectNowError | asyncpg.AdminShutdownError):
            return True
        if isinstance(cause, asyncpg.CrashShutdownError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
