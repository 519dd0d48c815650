"""How we talk to both databases: dialect-neutral upserts, bulk statements, lists of keys in bounded pieces."""

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Any, TypeVar

from sqlalchemy import Executable, Table, TableClause, bindparam, column, literal_column, table, update
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from bridge.store.ready import Row, execute_for_each, rows_of, rows_of_text

K = TypeVar("K")
CHUNK = 1024
"""The longest list in one statement: well under what both databases take (32 766), and a page of memory at most."""
ROWS_AT_ONCE = 128
"""The most rows in one statement."""


def insert_for(connection: AsyncConnection, into: Table) -> Any:
    """An INSERT into this table that understands ON CONFLICT in the connection's dialect."""
    return _insert_in(connection.dialect, into)


def _insert_in(dialect: Dialect, into: TableClause) -> Any:
    if dialect.name == "sqlite":
        return sqlite.insert(into)
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415 # an embedded store never pays for its memory

    return postgresql.insert(into)


def literally(text: str) -> ColumnElement[str]:
    """A constant written into the SQL, where a partial index must recognise it; never for data."""
    return literal_column(f"'{text}'")


class BulkUpsert:
    """Writes many rows of one table with one prepared statement: new ones are inserted, known ones replaced.

    `replace` False leaves known rows as they are. The SQL is compiled once per dialect and given to the driver as it
    is: per row this costs a third of what the statement would cost if it were built anew for each batch.
    """

    def __init__(self, into: Table, columns: Sequence[str], *, replace: bool = True) -> None:
        self._table = into
        self._columns = list(columns)
        self._replace = replace
        self._text: dict[str, str] = {}

    async def run(self, conn: AsyncConnection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Write the rows, whose values stand in the order of `columns`."""
        if not rows:
            return
        text = self._text.get(conn.dialect.name) or self._compile(conn.dialect)
        await execute_for_each(conn, text, list(rows))

    def _compile(self, dialect: Dialect) -> str:
        keys = [key.name for key in self._table.primary_key]
        # The same table with its columns in our order: parameters stand in the order of the table's columns.
        statement = _insert_in(
            dialect, table(self._table.name, *(column(c, self._table.c[c].type) for c in self._columns))
        )
        if self._replace:
            changed = {name: statement.excluded[name] for name in self._columns if name not in keys}
            statement = statement.on_conflict_do_update(index_elements=keys, set_=changed)
        else:
            statement = statement.on_conflict_do_nothing()
        self._text[dialect.name] = str(statement.compile(dialect=dialect, column_keys=self._columns))
        return self._text[dialect.name]


class BulkUpdate:
    """Changes some columns of many known rows of one table with one prepared statement; `columns` end with the id."""

    def __init__(self, of: Table, columns: Sequence[str]) -> None:
        *self._changed, self._key = columns
        self._table = of
        self._text: dict[str, str] = {}

    async def run(self, conn: AsyncConnection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Change the rows, whose values stand in the order of `columns`."""
        if not rows:
            return
        text = self._text.get(conn.dialect.name) or self._compile(conn.dialect)
        await execute_for_each(conn, text, list(rows))

    def _compile(self, dialect: Dialect) -> str:
        # The same table with its columns in our order: parameters stand in the order of the table's columns.
        names = (*self._changed, self._key)
        same = table(self._table.name, *(column(name, self._table.c[name].type) for name in names))
        values = {name: bindparam(f"new_{name}", type_=same.c[name].type) for name in self._changed}
        statement = update(same).where(same.c[self._key] == bindparam("key")).values(values)
        self._text[dialect.name] = str(statement.compile(dialect=dialect))
        return self._text[dialect.name]


class BulkInsert:
    """Inserts many rows of one table, all in one statement, and gives `returning` of those that were new.

    Known rows stay as they are, so it does no harm that the last row fills the statement up (see `in_pieces`).
    """

    def __init__(self, into: Table, columns: Sequence[str], *, returning: Sequence[str]) -> None:
        self._table = into
        self._columns = list(columns)
        self._returning = list(returning)
        self._texts: dict[tuple[str, int], str] = {}

    async def run(self, conn: AsyncConnection, rows: Sequence[tuple[Any, ...]]) -> list[Row]:
        """Insert the rows, whose values stand in the order of `columns`."""
        new: list[Row] = []
        for piece in in_pieces(rows, ROWS_AT_ONCE):
            text = self._texts.get((conn.dialect.name, len(piece))) or self._compile(conn.dialect, len(piece))
            new += await rows_of_text(conn, text, tuple(chain.from_iterable(piece)))
        return new

    def _compile(self, dialect: Dialect, rows: int) -> str:
        # The same table with its columns in our order: parameters stand in the order of the table's columns.
        parts = (column(name, self._table.c[name].type) for name in (*self._columns, *self._returning))
        same = table(self._table.name, *{part.name: part for part in parts}.values())
        statement = _insert_in(dialect, same).values([dict.fromkeys(self._columns)] * rows).on_conflict_do_nothing()
        given = statement.returning(*(same.c[name] for name in self._returning))
        return self._texts.setdefault((dialect.name, rows), str(given.compile(dialect=dialect)))


def in_pieces(keys: Collection[K], longest: int = CHUNK) -> Iterator[list[K]]:
    """The keys in lists of at most `longest`, each filled up with its last key to a power of two.

    A statement with a list has one text per length; so there are eleven of them, and both drivers keep them prepared.
    """
    every = list(keys)
    for start in range(0, len(every), longest):
        piece = every[start : start + longest]
        yield piece + piece[-1:] * ((1 << (len(piece) - 1).bit_length()) - len(piece))


async def rows_for(conn: AsyncConnection, statement: Executable, keys: Collection[Any], **values: Any) -> list[Row]:
    """Every row that the statement gives for these keys; it has them as the expanding parameter `keys`."""
    rows: list[Row] = []
    for piece in in_pieces(keys):
        rows += await rows_of(conn, statement, keys=piece, **values)
    return rows


@cache
def by_value(kind: Any) -> Callable[[str], Any]:
    """The reader of one StrEnum: quicker than calling the class."""
    return {member.value: member for member in kind}.__getitem__
