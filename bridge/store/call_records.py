"""A PBX's call records in a database of its own: read a stretch of them, whatever the engine and the columns.

The place is somebody else's: it is opened for one look, only read, and every look has a bound in time and rows.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, TypeVar

from sqlalchemy import Connection, create_engine, inspect, literal, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchTableError, SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from sqlalchemy.sql import column, table
from sqlalchemy.sql.elements import ColumnClause
from sqlalchemy.types import DateTime, Float, Integer, Numeric, String

from bridge.model.call_records import CallRecordRow, CelRow, RecordKind
from bridge.model.moment import Instant
from bridge.rules.hindsight import EVIDENCE
from bridge.store.aside import aside
from bridge.wire.records import Unreadable, columns_found, columns_missing, read_row, spelled

SLICE_SECONDS = 3600.0
"""So much of a stretch is asked for at once."""
MOST_ROWS = 100_000
"""Rows of one look; a stretch that has more is read to here, and that is said."""
WHOLE_LOOK = 20
"""How often the time of one answer a whole look may take: a long gap is asked for in many pieces."""

T = TypeVar("T")


class RecordsUnavailable(Exception):  # noqa: N818 - style: an exception is named for what happened
    """The place cannot be read now; try again later."""


class RecordsUnusable(RecordsUnavailable):
    """The place lacks what it takes, so that a person must change something; the message says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """What a place held of some stretch of time. `rows` in the order in which they were written.

    `kinds` are the events (of CEL) that this PBX is known to write. `unreadable` rows were passed over. `whole` False:
    there were more rows than one look may take.
    """

    rows: tuple[CallRecordRow, ...]
    kinds: frozenset[str] = frozenset()
    unreadable: int = 0
    whole: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordTable:
    """A table of call records. `seconds` bounds each answer. `zone` is of the times that carry none.

    `most` rows are read in one look.
    """

    url: str
    password: str | None
    table: str
    kind: RecordKind
    zone: tzinfo
    seconds: float
    most: int = MOST_ROWS

    async def read(self, since: Instant, until: Instant) -> Stretch:
        """The records of this stretch: the CDRs of attempts that began in it, the CEL events that happened in it.

        Raises:
            RecordsUnavailable: try again later.
            RecordsUnusable: the table is not there, or not all columns are.

        """
        return await self._connected(lambda conn: _read(conn, self, since, until))

    async def look(self) -> str:
        """See whether it can be read at all; what is there, in a few words.

        Raises:
            RecordsUnavailable: it cannot, and why.

        """
        return await self._connected(lambda conn: _look(conn, self))

    async def _connected(self, work: Callable[[Connection], T]) -> T:
        url = _driven(self)
        try:
            async with asyncio.timeout(WHOLE_LOOK * self.seconds):
                if url.get_driver_name() == "asyncpg":
                    return await _over_asyncpg(url, self.seconds, work)
                return await aside(lambda: _over_a_thread(url, self.seconds, work))
        except TimeoutError as error:
            raise RecordsUnavailable(f"it took more than {WHOLE_LOOK * self.seconds:.0f} seconds") from error
        except ImportError as error:
            raise RecordsUnusable(f"the driver {error.name} is not installed; install it beside the bridge") from error
        except DBAPIError as error:
            raise RecordsUnavailable(" ".join(str(error.orig).split())) from error
        except (SQLAlchemyError, OSError) as error:
            raise RecordsUnavailable(" ".join(str(error).split())) from error


def parsed(url: str) -> URL:
    """The address of a database.

    Raises:
        ValueError: it is none, or of an engine that we do not know.

    """
    try:
        address = make_url(url)
        address.get_dialect()
    except ArgumentError as error:
        raise ValueError('write "mysql+pymysql://bridge@pbx/asteriskcdrdb", "sqlite:////path" or the like') from error
    except (SQLAlchemyError, ImportError) as error:
        raise ValueError("SQLAlchemy knows no such database, or its driver is not installed") from error
    return address


def _driven(place: RecordTable) -> URL:
    """The address with a driver that we bring along, and with its password."""
    url = make_url(place.url)
    drivers = {"mysql": "mysql+pymysql", "mariadb": "mariadb+pymysql", "postgresql": "postgresql+asyncpg"}
    if url.drivername in drivers:
        url = url.set(drivername=drivers[url.drivername])
    return url if place.password is None else url.set(password=place.password)


async def _over_asyncpg(url: URL, seconds: float, work: Callable[[Connection], T]) -> T:
    engine = create_async_engine(
        url,
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={
            "timeout": seconds,
            "command_timeout": seconds,
            "server_settings": {"default_transaction_read_only": "on"},
        },
    )
    async with engine.connect() as conn:
        return await conn.run_sync(work)


def _over_a_thread(url: URL, seconds: float, work: Callable[[Connection], T]) -> T:
    url, arguments, first = _read_only(url, seconds)
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=arguments)
    with engine.connect() as conn:
        if first is not None:
            conn.exec_driver_sql(first)
        return work(conn)


def _read_only(url: URL, seconds: float) -> tuple[URL, dict[str, Any], str | None]:
    """How each driver is told to only read and not to wait for ever: address, arguments, first statement."""
    whole = max(1, round(seconds))
    match url.get_driver_name():
        case "pymysql":
            waits = {"connect_timeout": whole, "read_timeout": whole, "write_timeout": whole}
            return url, waits, "SET SESSION TRANSACTION READ ONLY"
        case "pysqlite":
            file = f"file:{url.database}"
            return url.set(database=file, query={"mode": "ro", "uri": "true"}), {"timeout": seconds}, None
        case "psycopg" | "psycopg2":
            options = f"-c default_transaction_read_only=on -c statement_timeout={whole * 1000}"
            return url, {"connect_timeout": whole, "options": options}, None
        case _:
            return url, {}, None


# ---- with an open connection


@dataclass(frozen=True, slots=True)
class _Layout:
    """The columns that are there and of use, by what they hold, and what kind the one with the time is."""

    columns: Mapping[str, str]
    time: ColumnClause[Any]
    type: Any
    order: tuple[ColumnClause[Any], ...]


def _layout(conn: Connection, place: RecordTable) -> _Layout:
    schema, _, name = place.table.rpartition(".")
    try:
        there = {found["name"]: found["type"] for found in inspect(conn).get_columns(name, schema=schema or None)}
    except NoSuchTableError as error:
        raise RecordsUnusable(f"there is no table {place.table}") from error
    missing = columns_missing(place.kind, there)
    if missing:
        raise RecordsUnusable(f"the table {place.table} has no column {', '.join(missing)}; {_remedy(place.kind)}")
    columns = columns_found(place.kind, there)
    when = columns["at" if place.kind is RecordKind.CEL else "started"]
    time: ColumnClause[Any] = column(when)
    order = (time, column("id")) if "id" in there else (time,)
    return _Layout(columns, time, there[when], order)


def _remedy(kind: RecordKind) -> str:
    return (
        "add it (cdr_adaptive_odbc and FreePBX fill every column that there is)"
        if kind is RecordKind.CDR
        else "add it, or name the right table and kind"
    )


def _read(conn: Connection, place: RecordTable, since: Instant, until: Instant) -> Stretch:
    layout = _layout(conn, place)
    rows: list[CallRecordRow] = []
    unreadable = 0
    for low, high in _slices(conn, place, layout, since, until):
        told, odd = _read_rows(place, _rows(conn, place, layout, (low, high), place.most + 1 - len(rows)))
        rows += told
        unreadable += odd
        if len(rows) > place.most:
            break
    whole = len(rows) <= place.most
    kinds = frozenset(row.kind for row in rows if isinstance(row, CelRow))
    if place.kind is RecordKind.CEL:
        kinds |= {kind for kind in EVIDENCE - kinds if _is_written(conn, place, layout, kind)}
    return Stretch(rows=tuple(rows[: place.most]), kinds=kinds, unreadable=unreadable, whole=whole)


def _slices(
    conn: Connection, place: RecordTable, layout: _Layout, since: Instant, until: Instant
) -> Iterator[tuple[Any, Any]]:
    """The stretch in pieces, in the words of the column.

    Where a clock on the wall was set in between, an hour more is read on either side: some of its times came twice.
    """
    if isinstance(layout.type, Numeric | Float | Integer):
        yield from _pieces(since, until, SLICE_SECONDS)
    elif conn.dialect.name == "postgresql" and isinstance(layout.type, DateTime) and layout.type.timezone:
        low, high = (datetime.fromtimestamp(at, UTC) for at in (since, until))
        yield from _pieces(low, high, timedelta(seconds=SLICE_SECONDS))
    else:
        low, high = spelled(since, place.zone), spelled(until, place.zone)
        set_by = (high - low).total_seconds() - (until - since)
        if abs(set_by) > 1:
            low, high = min(low, high) - timedelta(hours=1), max(low, high) + timedelta(hours=1)
        as_text = isinstance(layout.type, String) or conn.dialect.name == "sqlite"
        for begin, end in _pieces(low, high, timedelta(seconds=SLICE_SECONDS)):
            yield (str(begin), str(end)) if as_text else (begin, end)


def _pieces(low: Any, high: Any, step: Any) -> Iterator[tuple[Any, Any]]:
    while low < high:
        end = min(low + step, high)
        yield low, end
        low = end


def _rows(
    conn: Connection, place: RecordTable, layout: _Layout, piece: tuple[Any, Any], most: int
) -> list[dict[str, Any]]:
    wanted = list(layout.columns.values())
    columns: list[ColumnClause[Any]] = [column(name) for name in wanted]
    low, high = piece
    statement = (
        select(*columns)
        .select_from(_named(place))
        .where(layout.time >= low, layout.time < high)
        .order_by(*layout.order)
        .limit(most)
    )
    return [dict(zip(wanted, row, strict=True)) for row in conn.execute(statement)]


def _named(place: RecordTable) -> Any:
    schema, _, name = place.table.rpartition(".")
    return table(name, schema=schema or None)


def _read_rows(place: RecordTable, rows: Iterable[Mapping[str, Any]]) -> tuple[list[CallRecordRow], int]:
    read: list[CallRecordRow] = []
    odd = 0
    for row in rows:
        try:
            read.append(read_row(place.kind, row, place.zone))
        except Unreadable:
            odd += 1
    return read, odd


def _is_written(conn: Connection, place: RecordTable, layout: _Layout, kind: str) -> bool:
    """Whether the PBX has ever written an event of this kind."""
    written: ColumnClause[Any] = column(layout.columns["kind"])
    statement = select(literal(1)).select_from(_named(place)).where(written == kind).limit(1)
    return conn.execute(statement).first() is not None


def _look(conn: Connection, place: RecordTable) -> str:
    layout = _layout(conn, place)
    statement = select(layout.time).select_from(_named(place)).order_by(layout.time.desc()).limit(1)
    newest = conn.execute(statement).scalar()
    return f"{place.table} has what it takes; " + ("it is empty" if newest is None else f"its newest is of {newest}")
