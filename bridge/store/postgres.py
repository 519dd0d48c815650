"""PostgreSQL as the store that several equal nodes share: its connections, and its errors in our own words.

Loaded only when the store is there: an embedded store does not pay for asyncpg.

Sources: PostgreSQL 16 "Client Connection Defaults" and appendix A "Error Codes"; asyncpg 0.32 `connect`.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import asyncpg
from sqlalchemy import event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from bridge.store.errors import StoreContended, StoreCorrupt, StoreError, StoreRefused, StoreUnavailable

WRITERS = 4
"""Connections that write, of each node: the journal, the lanes, deliveries and people do not wait for each other."""
READERS = 4
POOL_SECONDS = 10.0
"""How long somebody waits for a free connection."""
CONNECT_SECONDS = 5.0
TRUSTED_SECONDS = 1.0
"""For so long after its last use a connection is believed to live, unless we were told otherwise."""
STATEMENTS = 500
"""Prepared ones that each connection keeps: more than we have."""
STATEMENT_SECONDS = 15.0
"""After which a server that says nothing counts as gone; no statement of ours takes a tenth of it."""
MOVE_STATEMENT_SECONDS = 3600.0
"""The same for whoever moves or migrates a store, and so makes indexes of millions of rows."""
IDLE_TRANSACTION_MS = 2_500
"""After which the server takes back what a node holds that has stopped in the midst of a transaction (SIGSTOP, a
machine that was cut off); the others go on with its clients, and its lines: whoever takes over waits for it."""
SILENCE_MS = 5_000
"""After which either side gives up a connection whose other end does not acknowledge what was sent."""

SESSION = {
    "application_name": "callbridge",
    "idle_in_transaction_session_timeout": str(IDLE_TRANSACTION_MS),
    "statement_timeout": str(int(STATEMENT_SECONDS * 1000)),
    "tcp_user_timeout": str(SILENCE_MS),
    "tcp_keepalives_idle": "2",
    "tcp_keepalives_interval": "1",
    "tcp_keepalives_count": "3",
    "client_min_messages": "error",
    "synchronous_commit": "on",  # a commit is on the disk before it is acknowledged, whatever the server's default
    "timezone": "UTC",
}
"""What each of our sessions asks of the server; no more than any user may."""

_TRY_LATER = ("08", "53", "57", "58", "25P03", "55P03", "25006", "25P04")
"""SQLSTATEs or their classes: connection lost, no room, told to go, I/O error, timed out, read-only (a standby that
has not been promoted yet)."""
_CONTENDED = ("40",)
_DAMAGED = ("XX001", "XX002")
_OF_A_VALUE = "22"
_REFUSED = ("28", "3D000", "42501", "3F000")
"""Not let in, no such database, not permitted."""


class StatementFailed(Exception):  # noqa: N818  # style: an exception is named for what happened
    """PostgreSQL refused a statement of ours for what it says: our own bug. Its values are left out."""


def writing_engine(url: URL) -> AsyncEngine:
    """The engine that writes. Each statement sees what is committed by then; rows that are locked are read anew."""
    return _engine(url, WRITERS, {**SESSION, "default_transaction_isolation": "read committed"})


def reading_engine(url: URL) -> AsyncEngine:
    """The engine that only reads: each transaction sees one moment."""
    return _engine(
        url,
        READERS,
        {**SESSION, "default_transaction_isolation": "repeatable read", "default_transaction_read_only": "on"},
    )


def moving_engine(url: URL) -> AsyncEngine:
    """The engine with which a whole store is read, written or changed, which takes as long as it is large."""
    patient = str(int(MOVE_STATEMENT_SECONDS * 1000))
    session = {
        **SESSION,
        "application_name": "callbridge move",
        "statement_timeout": patient,
        "idle_in_transaction_session_timeout": patient,
    }
    return _engine(url, 1, session, MOVE_STATEMENT_SECONDS)


def _engine(
    url: URL, connections: int, session: dict[str, str], statement_seconds: float = STATEMENT_SECONDS
) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=POOL_SECONDS,
        pool_use_lifo=True,
        hide_parameters=True,  # they are names and numbers, and errors are logged
        connect_args={
            "timeout": CONNECT_SECONDS,
            "command_timeout": statement_seconds,
            "server_settings": session,
            "prepared_statement_cache_size": STATEMENTS,
            "statement_cache_size": STATEMENTS,
            "max_cached_statement_lifetime": 0,  # they are good for as long as the connection is
            "max_cacheable_statement_size": 0,  # whatever their size
        },
    )
    event.listen(engine.sync_engine, "checkin", _remember_when)
    event.listen(engine.sync_engine, "checkout", _see_that_it_lives)
    return engine


def _remember_when(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info["left_at"] = _monotonic()


def _see_that_it_lives(connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
    """After a restart of the server nobody is told of it but by a connection that has gone.

    To ask takes three trips (SQLAlchemy's ping makes a transaction of it), where the intake's commit takes four: so a
    connection is asked only when it was not used for a while, and never by `pool_pre_ping`.
    """
    left_at = record.info.get("left_at")
    if left_at is None:  # it was opened just now
        return
    try:
        if _monotonic() - left_at > TRUSTED_SECONDS:
            connection.ping()
    except Exception as error:
        raise InvalidatePoolError from error
    if connection.driver_connection.is_closed():
        raise InvalidatePoolError


class StraightConnection:
    """asyncpg's connection, past SQLAlchemy. It keeps statements prepared by itself, and its rows do for tuples."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def rows(self, operation: str, parameters: Sequence[Any]) -> list[Any]:
        """Every row that this statement gives."""
        with _values_kept_to_ourselves():
            rows: list[Any] = await self._connection.fetch(operation, *parameters)
        return rows

    async def for_each(self, operation: str, rows: Iterable[Sequence[Any]]) -> None:
        """Execute this statement, which gives nothing, for each of these rows of parameters, in one trip."""
        with _values_kept_to_ourselves():
            await self._connection.executemany(operation, rows)


@contextmanager
def _values_kept_to_ourselves() -> Iterator[None]:
    """An error that is our own bug is logged as it is, and asyncpg's tells the row, with names and numbers.

    What the server says of a constraint tells none (its DETAIL does); what it says of a value may quote it.
    """
    try:
        yield
    except asyncpg.PostgresError as error:
        if _by_state(error) is not None:
            raise
        state = error.sqlstate or ""
        said = type(error).__name__ if state.startswith(_OF_A_VALUE) or not error.args else error.args[0]
        raise StatementFailed(f"{said} ({state})") from None


def _monotonic() -> float:
    return asyncio.get_running_loop().time()


def sorted_error(error: BaseException) -> StoreError | None:
    """Whose fault it is, by what the caller does next; None: it is none of PostgreSQL's, or our own bug."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, asyncpg.PostgresError):
            return _by_state(found)
        if isinstance(found, asyncpg.InterfaceError | asyncpg.InternalClientError):
            if isinstance(found, ValueError):
                return None  # a value that no column can hold: the connection is as good as before
            return StoreUnavailable(f"the connection to PostgreSQL is of no use: {found}")
        found = found.__cause__
    return StoreUnavailable(str(error.orig)) if isinstance(error, DBAPIError) and error.connection_invalidated else None


def _by_state(error: asyncpg.PostgresError) -> StoreError | None:
    state = error.sqlstate or ""
    said = f"PostgreSQL says: {error.args[0] if error.args else state} ({state})"
    if state.startswith(_DAMAGED):
        return StoreCorrupt(f"{said}; stop every bridge and restore the database from its last backup")
    if state.startswith(_REFUSED):
        return StoreRefused(said)
    if state.startswith(_CONTENDED):
        return StoreContended(said)
    return StoreUnavailable(said) if state.startswith(_TRY_LATER) else None
