"""SQLite for SQLAlchemy: aiosqlite, but each statement takes one trip to the connection's thread.

SQLAlchemy opens a cursor, executes, fetches and closes, and aiosqlite sends each of these to its thread and waits for
the answer. A trip costs as much as a small statement, and a batch of calls is some twenty small statements.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import aiosqlite


@dataclass(frozen=True, slots=True)
class _Done:
    """What a statement gave, so that no cursor of SQLite leaves its thread."""

    rows: list[Any]
    description: Any
    rowcount: int
    lastrowid: int | None


class OneTripCursor:
    """What SQLAlchemy asks of a cursor. `execute` brings every row at once, so there is nothing left to close."""

    arraysize = 1

    def __init__(self, connection: "OneTripConnection") -> None:
        self._connection = connection
        self._done = _Done([], None, -1, None)

    async def __aenter__(self) -> Self:
        return self

    @property
    def description(self) -> Any:
        """The columns of the rows, None for a statement that gives none."""
        return self._done.description

    @property
    def rowcount(self) -> int:
        """How many rows were written."""
        return self._done.rowcount

    @property
    def lastrowid(self) -> int | None:
        """The row that was inserted last."""
        return self._done.lastrowid

    async def execute(self, operation: str, parameters: Sequence[Any] = ()) -> None:
        """Execute one statement and fetch all that it gives."""
        self._done = await self._connection.visit(lambda connection: _done(connection.execute(operation, parameters)))

    async def executemany(self, operation: str, rows: Iterable[Sequence[Any]]) -> None:
        """Execute one statement, which gives nothing, for each of these rows."""
        self._done = await self._connection.visit(lambda connection: _done(connection.executemany(operation, rows)))

    async def fetchall(self) -> list[Any]:
        """The rows that `execute` has brought."""
        return self._done.rows

    async def close(self) -> None:
        """Nothing: the statement was finished when its rows were fetched."""


def _done(cursor: sqlite3.Cursor) -> _Done:
    return _Done(cursor.fetchall(), cursor.description, cursor.rowcount, cursor.lastrowid)


class OneTripConnection(aiosqlite.Connection):
    """A connection of aiosqlite with such cursors; a fresh one still has to be awaited, as aiosqlite's own."""

    def cursor(self, _factory: object = None) -> Any:
        """A cursor, without a trip."""
        return OneTripCursor(self)

    async def rows(self, operation: str, parameters: Sequence[Any]) -> list[Any]:
        """Every row that this statement gives."""
        return (await self.visit(lambda connection: _done(connection.execute(operation, parameters)))).rows

    async def for_each(self, operation: str, rows: Iterable[Sequence[Any]]) -> None:
        """Execute this statement, which gives nothing, for each of these rows of parameters."""
        await self.visit(lambda connection: _done(connection.executemany(operation, rows)))

    async def visit(self, work: Callable[[sqlite3.Connection], _Done]) -> _Done:
        """Have this done in the connection's thread."""
        done: _Done = await self._execute(work, self._conn)  # type: ignore[no-untyped-call]
        return done


def connect(database: str, **options: Any) -> OneTripConnection:
    """As `aiosqlite.connect`; the thread does not keep a process alive that ends without closing its store."""
    connection = OneTripConnection(lambda: sqlite3.connect(database, **options), iter_chunk_size=64)
    connection._thread.daemon = True  # noqa: SLF001 # as SQLAlchemy does with aiosqlite's own
    return connection
