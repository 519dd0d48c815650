"""Statements that are made ready once, and then given to the database's driver as they are.

SQLAlchemy builds each of them; but to execute one through all of its layers takes four times as long as SQLite takes
for a small one, and a batch of calls is some twenty small ones. On PostgreSQL it is the same, and a list of keys is one
parameter there, an array: the statement has one text for all lengths, which the server plans once.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from sqlalchemy import ARRAY, Executable, Select, any_, bindparam
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import BinaryExpression, BindParameter
from sqlalchemy.sql.visitors import replacement_traverse

from bridge.store.driver import OneTripConnection

Row = tuple[Any, ...]


class Driver(Protocol):
    """A connection of the database's own driver, in a transaction."""

    async def rows(self, operation: str, parameters: Sequence[Any]) -> list[Any]:
        """Every row that this statement gives."""

    async def for_each(self, operation: str, rows: Iterable[Sequence[Any]]) -> None:
        """Execute this statement, which gives nothing, for each of these rows of parameters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ready:
    """A statement with a list of one length, or of any. `keys` are the names of the list's members among all `names`,
    in order (none: the list is one parameter); `fixed` are the values that the statement itself brings, `turns` read
    what SQLite has no type for (by place).
    """  # noqa: D205

    text: str
    names: tuple[str, ...]
    keys: tuple[str, ...]
    fixed: dict[str, Any]
    turns: tuple[tuple[int, Callable[[Any], Any]], ...]

    def parameters(self, values: dict[str, Any]) -> tuple[Any, ...]:
        given = self.fixed | values
        if self.keys:
            given |= zip(self.keys, values["keys"], strict=True)
        return tuple([given[name] for name in self.names])

    def read(self, rows: list[Row]) -> list[Row]:
        return [self._turned(row) for row in rows] if self.turns else rows

    def _turned(self, row: Row) -> Row:
        turned = list(row)
        for place, turn in self.turns:
            turned[place] = turn(turned[place])
        return tuple(turned)


_READY: WeakKeyDictionary[Executable, dict[tuple[str, int], _Ready]] = WeakKeyDictionary()
_ANY_LENGTH = -1


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


async def _driver_of(conn: AsyncConnection) -> Driver | None:
    """The driver, with a transaction begun; None: the statement must go the usual way, which begins one."""
    if conn.dialect.name == "sqlite" and not conn.in_transaction():
        await conn.begin()
    driver = conn.sync_connection.connection.driver_connection if conn.sync_connection is not None else None
    if isinstance(driver, OneTripConnection):
        return driver
    if conn.dialect.name == "postgresql" and driver is not None and driver.is_in_transaction():
        return _straight(driver)
    return None


def _straight(driver: Any) -> Driver:
    from bridge.store.postgres import StraightConnection  # noqa: PLC0415 # an embedded store never pays for its memory

    return StraightConnection(driver)


def _made_ready(statement: Executable, dialect: Dialect, values: dict[str, Any]) -> _Ready:
    known = _READY.setdefault(statement, {})
    length = len(values.get("keys", ())) if dialect.name == "sqlite" else _ANY_LENGTH
    place = (dialect.name, length)
    return known.get(place) or known.setdefault(place, _make_ready(statement, dialect, values))


def _make_ready(statement: Any, dialect: Dialect, values: dict[str, Any]) -> _Ready:
    sqlite = dialect.name == "sqlite"
    if not sqlite:
        statement = replacement_traverse(statement, {}, _with_an_array)
    state = statement.compile(dialect=dialect).construct_expanded_state(values)
    keys = tuple(state.parameter_expansion.get("keys", ()))
    fixed = {name: value for name, value in state.parameters.items() if name not in values and name not in keys}
    columns = list(statement.selected_columns) if sqlite and isinstance(statement, Select) else []
    turns = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
    return _Ready(
        text=state.statement,
        names=tuple(state.positiontup or ()),
        keys=keys,
        fixed=fixed,
        turns=tuple((place, turn) for place, turn in enumerate(turns) if turn is not None),
    )


def _with_an_array(element: Any, **_options: Any) -> Any:
    """`column IN (keys)` as `column = ANY (keys)`; None: this part stays as it is."""
    if not isinstance(element, BinaryExpression) or not isinstance(element.right, BindParameter):
        return None
    if not element.right.expanding:
        return None
    return element.left == any_(bindparam(element.right.key, type_=ARRAY(element.left.type)))
