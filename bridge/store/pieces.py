"""A whole table in pieces, in the order of its primary key: read from one store, written to another.

PostgreSQL takes rows fastest by COPY, which asyncpg speaks and SQLAlchemy does not. It keeps no NUL in a text, which
SQLite does; U+FFFD, the sign for what cannot be shown, takes its place, and it is told where.

Sources: PostgreSQL 16 "Character Types", "COPY"; asyncpg 0.32 `Connection.copy_records_to_table`.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import LargeBinary, Table, insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.store.ready import Row

ROWS = 4000
"""Rows of one piece."""
ROWS_WITH_BODIES = 16
"""The same where each of them may hold a whole request, a mebibyte."""
NUL, REPLACEMENT = "\0", "\ufffd"


async def read_piece(conn: AsyncConnection, table: Table, after: Sequence[Any] | None) -> list[Row]:
    """The next rows after the one with this primary key; None: from the first one on."""
    key = list(table.primary_key)
    statement = select(*table.c).order_by(*key).limit(_rows_of(table))
    if after is not None:
        statement = statement.where(tuple_(*key) > tuple_(*after))
    return [tuple(row) for row in await conn.execute(statement)]


def _rows_of(table: Table) -> int:
    return ROWS_WITH_BODIES if any(isinstance(column.type, LargeBinary) for column in table.c) else ROWS


def key_of(table: Table, row: Row) -> list[Any]:
    """The primary key of this row."""
    places = {column.name: place for place, column in enumerate(table.c)}
    return [row[places[column.name]] for column in table.primary_key]


def without_nul(row: Row) -> Row:
    """The row as PostgreSQL can keep it."""
    return tuple([value.replace(NUL, REPLACEMENT) if type(value) is str and NUL in value else value for value in row])


def columns_with_nul(table: Table, row: Row) -> list[str]:
    """The columns of this row that hold a NUL."""
    return [column.name for column, value in zip(table.c, row, strict=True) if isinstance(value, str) and NUL in value]


async def write_piece(conn: AsyncConnection, table: Table, rows: list[Row]) -> None:
    """Write these rows, none of which is there; the connection's transaction has begun."""
    names = [column.name for column in table.c]
    if conn.dialect.name == "postgresql":
        raw: Any = (await conn.get_raw_connection()).driver_connection
        await raw.copy_records_to_table(table.name, records=rows, columns=names)
    else:
        await conn.execute(insert(table), [dict(zip(names, row, strict=True)) for row in rows])
