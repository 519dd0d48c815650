"""Statements that are made ready once, and then given to SQLite's driver as they are.

SQLAlchemy builds each of them; but to execute one through all of its layers takes four times as long as SQLite takes
for a small one, and a batch of calls is some twenty small ones. On another database they go the usual way.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Executable, Select
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.store.driver import OneTripConnection

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ready:
    """A statement with a list of one length. `keys` are the names of the list's members among all `names`, in order;
    `fixed` are the values that the statement itself brings, `turns` read what SQLite has no type for (by place).
    """  # noqa: D205

    text: str
    names: tuple[str, ...]
    keys: tuple[str, ...]
    fixed: dict[str, Any]
    turns: tuple[tuple[int, Callable[[Any], Any]], ...]

    def parameters(self, values: dict[str, Any]) -> tuple[Any, ...]:
        given = self.fixed | values | dict(zip(self.keys, values.get("keys", ()), strict=True))
        return tuple([given[name] for name in self.names])

    def read(self, rows: list[Row]) -> list[Row]:
        return [self._turned(row) for row in rows] if self.turns else rows

    def _turned(self, row: Row) -> Row:
        turned = list(row)
        for place, turn in self.turns:
            turned[place] = turn(turned[place])
        return tuple(turned)


_READY: WeakKeyDictionary[Executable, dict[int, _Ready]] = WeakKeyDictionary()


async def rows_of(conn: AsyncConnection, statement: Executable, **values: Any) -> list[Row]:
    """Every row that the statement gives for these values; the list of an expanding parameter is always `keys`.

    The statement should be one that lives as long as the program: it is made ready when it is first used.
    """
    driver = await _driver_of(conn)
    if driver is None:
        result = await conn.execute(statement, values)
        return [tuple(row) for row in result] if result.returns_rows else []
    ready = _made_ready(statement, conn.dialect, values)
    return ready.read(await driver.rows(ready.text, ready.parameters(values)))


async def rows_of_text(conn: AsyncConnection, text: str, parameters: tuple[Any, ...]) -> list[Row]:
    """Every row that this SQL, compiled for the database of `conn`, gives."""
    driver = await _driver_of(conn)
    if driver is None:
        return [tuple(row) for row in await conn.exec_driver_sql(text, parameters)]
    return await driver.rows(text, parameters)


async def execute_for_each(conn: AsyncConnection, text: str, rows: list[tuple[Any, ...]]) -> None:
    """Execute this SQL, which gives nothing, for each of these rows of parameters."""
    driver = await _driver_of(conn)
    if driver is None:
        await conn.exec_driver_sql(text, rows)
    else:
        await driver.for_each(text, rows)


async def _driver_of(conn: AsyncConnection) -> OneTripConnection | None:
    """The driver, with a transaction begun; None: it is not ours."""
    if conn.dialect.name != "sqlite":
        return None
    if not conn.in_transaction():
        await conn.begin()
    driver = conn.sync_connection.connection.driver_connection if conn.sync_connection is not None else None
    return driver if isinstance(driver, OneTripConnection) else None


def _made_ready(statement: Executable, dialect: Dialect, values: dict[str, Any]) -> _Ready:
    known = _READY.setdefault(statement, {})
    length = len(values.get("keys", ()))
    return known.get(length) or known.setdefault(length, _make_ready(statement, dialect, values))


def _make_ready(statement: Any, dialect: Dialect, values: dict[str, Any]) -> _Ready:
    state = statement.compile(dialect=dialect).construct_expanded_state(values)
    keys = tuple(state.parameter_expansion.get("keys", ()))
    fixed = {name: value for name, value in state.parameters.items() if name not in values and name not in keys}
    columns = list(statement.selected_columns) if isinstance(statement, Select) else []
    turns = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
    return _Ready(
        text=state.statement,
        names=tuple(state.positiontup or ()),
        keys=keys,
        fixed=fixed,
        turns=tuple((place, turn) for place, turn in enumerate(turns) if turn is not None),
    )
