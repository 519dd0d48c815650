"""Moving a whole store to another, empty one, while nobody works on either.

How far it came stands in the target itself and is written in one transaction with the rows that came: a move that was
killed at any moment goes on where it was, and no row comes twice. Until the end the target has a revision that no
bridge starts on. The source is only read.
"""

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    MetaData,
    String,
    Table,
    Text,
    column,
    delete,
    exists,
    func,
    insert,
    select,
    table,
    text,
    update,
)
from sqlalchemy.engine import Connection as SyncConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bridge.store.engine import errors_in_our_words, moving_engine
from bridge.store.errors import MoveUnfinished, NotEmpty, StoreError, StoreInUse, Superseded
from bridge.store.migrate import alone, make_tables
from bridge.store.pieces import columns_with_nul, key_of, read_piece, without_nul, write_piece
from bridge.store.place import Place, SoleUse, place_of, prepare_file
from bridge.store.ready import Row
from bridge.store.revision import (
    HEAD,
    MOVING,
    VERSION_TABLE,
    SchemaState,
    found_revision,
    refuse_unusable,
    require_current,
    state_of,
)
from bridge.store.schema import hold, lane_slot, metadata, tell_postgresql
from bridge.store.sums import Sum, sum_of

NOT_MOVED = frozenset({lane_slot, hold})
"""What belongs to the nodes of one database: locks, and who holds what."""
MOVED = tuple([known for known in metadata.sorted_tables if known not in NOT_MOVED])

_progress = Table(
    "move_progress",  # in the target, while a move to it is not finished
    MetaData(),
    Column("name", String, primary_key=True),  # of the table
    Column("source", Text, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("last", Text),  # the primary key of the last row that came, as JSON
)
_DOUBLE = "23505"  # PostgreSQL's unique_violation
_version = table(VERSION_TABLE, column("version_num", String))


class Stage(StrEnum):
    """COPY: rows come. COMPARE: both stores are read and summed up."""

    COPY = "copy"
    COMPARE = "compare"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How far a move is: so many rows of all are done in this stage, and this table is at work."""

    stage: Stage
    table: str
    done: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A table that is not the same in both stores."""

    table: str
    source: Sum
    target: Sum

    def __str__(self) -> str:
        """A sentence."""
        return f"{self.table}: the source has {self.source}; the target has {self.target}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a move or a comparison found.

    `without_nul` counts the texts in which U+FFFD took the place of a NUL, by `table.column`. `again` are tables that
    had changed since an interrupted move copied them, and were copied anew.
    """

    sums: Mapping[str, Sum]
    differences: tuple[Difference, ...] = ()
    without_nul: Mapping[str, int] = field(default_factory=dict)
    again: tuple[str, ...] = ()
    resumed: bool = False


Told = Callable[[Step], None]


async def move(source_url: str, target_url: str, data_dir: Path, told: Told) -> Outcome:
    """Copy everything to an empty store, or go on where an interrupted move stopped, and compare.

    With differences in the outcome the target stays unfinished: no bridge starts on it.

    Raises:
        StoreInUse: a daemon works on one of them.
        NotEmpty: the target has something else in it.
        SchemaOutdated, SchemaTooNew, MoveUnfinished: one of them cannot be used as it is.
        StoreUnavailable: one of them cannot be reached; nothing is lost, the same call goes on.
        StoreError: it is one and the same store, there is no source, or a value that the target cannot hold.

    """
    async with _both(source_url, target_url, data_dir) as pair:
        resumed = await pair.prepare()
        await pair.copy(MOVED, told)
        outcome = await pair.compare(told)
        again: tuple[str, ...] = ()
        if outcome.differences and resumed:
            # Somebody worked on the source since the first part was copied.
            again = tuple([different.table for different in outcome.differences])
            await pair.copy_again([known for known in MOVED if known.name in again], told)
            outcome = await pair.compare(told)
        if not outcome.differences:
            await pair.finish()
        return replace(outcome, again=again, resumed=resumed)


async def verify(source_url: str, target_url: str, data_dir: Path, told: Told) -> Outcome:
    """Compare two whole stores; copies nothing. Raises as `move` does."""
    async with _both(source_url, target_url, data_dir) as pair:
        await pair.require_target()
        return await pair.compare(told)


@asynccontextmanager
async def _both(source_url: str, target_url: str, data_dir: Path) -> AsyncIterator["_Pair"]:
    """Both stores, with nobody else at work on either."""
    source, target = place_of(source_url, data_dir), place_of(target_url, data_dir)
    if _name_of(source) == _name_of(target):
        raise StoreError(f"{_name_of(source)} is the store that is to be moved; name another one")
    if source.file is not None and not source.file.exists():
        raise StoreError(f"there is no store at {source.file}")
    async with AsyncExitStack() as held:
        ends = []
        for place in (source, target):
            if place.file is not None:
                prepare_file(place.file)
                lock = SoleUse(place.file)
                lock.take()
                held.callback(lock.give_back)
            engine = moving_engine(place, reads_only=place is source)
            held.push_async_callback(engine.dispose)
            ends.append(_End(place=place, engine=engine))
        pair = _Pair(*ends)
        await pair.require_rest()
        yield pair


def _name_of(place: Place) -> str:
    """What tells this store from others, without any secret."""
    if place.file is not None:
        return str(place.file.resolve())
    return f"{place.url.host}:{place.url.port or 5432}/{place.url.database}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _End:
    """One of the two stores."""

    place: Place
    engine: AsyncEngine

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        with errors_in_our_words(self.place):
            async with self.engine.connect() as conn:
                yield conn

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        with errors_in_our_words(self.place):
            async with self.engine.begin() as conn:
                yield conn


class _Pair:
    """A source and a target."""

    def __init__(self, source: _End, target: _End) -> None:
        self._source = source
        self._target = target
        self._drops_nul = source.place.embedded and not target.place.embedded

    async def require_rest(self) -> None:
        """See that the source is usable and that no node works on either."""
        async with self._source.reading() as conn:
            await require_current(conn)
            await _require_no_nodes(conn, self._source.place)
        async with self._target.reading() as conn:
            await _require_no_nodes(conn, self._target.place)

    async def require_target(self) -> None:
        """See that the target is whole."""
        async with self._target.reading() as conn:
            await require_current(conn)

    async def prepare(self) -> bool:
        """Make the target ready to be filled; gives whether a move from this source had begun already."""
        async with self._target.writing() as conn:
            await alone(conn)
            revision = await found_revision(conn)
            if state_of(revision) is SchemaState.MOVING:
                await self._require_same_move(conn, revision)
                return True
            if refuse_unusable(revision) is SchemaState.EMPTY:
                await conn.run_sync(make_tables)
            else:
                await require_current(conn)
                await _require_empty(conn, self._target.place)
            await conn.run_sync(_without_indexes)
            await conn.run_sync(_progress.create)
            rows = [{"name": known.name, "source": _name_of(self._source.place), "rows": 0} for known in MOVED]
            await conn.execute(insert(_progress), rows)
            await conn.execute(update(_version).values(version_num=MOVING))
        return False

    async def _require_same_move(self, conn: AsyncConnection, revision: str | None) -> None:
        began = (await conn.execute(select(_progress.c.source).limit(1))).scalar_one()
        if began != _name_of(self._source.place):
            raise MoveUnfinished(f"it came from {began}; to move another store there, drop its database first")
        if revision != MOVING:
            raise MoveUnfinished(f"another version of callbridge began it ({revision}); drop its database first")

    async def copy(self, tables: Sequence[Table], told: Told) -> None:
        """Copy what has not come yet of these tables."""
        totals = {known.name: await self._count(known) for known in tables}
        async with self._target.reading() as conn:
            stand = {name: (rows, last) for name, _, rows, last in await conn.execute(select(_progress))}
        done, total = sum(stand[name][0] for name in totals), sum(totals.values())
        for known in tables:
            rows, last = stand[known.name]
            told(Step(stage=Stage.COPY, table=known.name, done=done, total=total))
            async for came in self._pieces(known, rows, None if last is None else json.loads(last)):
                done += came
                told(Step(stage=Stage.COPY, table=known.name, done=done, total=max(total, done)))

    async def _count(self, known: Table) -> int:
        async with self._source.reading() as conn:
            return (await conn.execute(select(func.count()).select_from(known))).scalar_one()

    async def _pieces(self, known: Table, done: int, after: list[Any] | None) -> AsyncIterator[int]:
        """Copy a table piece by piece; gives the rows of each that is committed."""
        while True:
            async with self._source.reading() as conn:
                rows = await read_piece(conn, known, after)
            if not rows:
                return
            after = key_of(known, rows[-1])
            if self._drops_nul:
                rows = [without_nul(row) for row in rows]
            async with self._target.writing() as conn:
                stand = _progress.c.name == known.name, _progress.c.rows == done
                done += len(rows)
                noted = await conn.execute(update(_progress).where(*stand).values(rows=done, last=json.dumps(after)))
                if noted.rowcount != 1:
                    raise Superseded(f"another move writes {known.name}")
                with _values_refused(known):
                    await write_piece(conn, known, rows)
            yield len(rows)

    async def copy_again(self, tables: list[Table], told: Told) -> None:
        """Empty these tables and copy them from the beginning."""
        async with self._target.writing() as conn:
            for known in tables:
                await conn.execute(delete(known))
                begun = update(_progress).where(_progress.c.name == known.name)
                await conn.execute(begun.values(rows=0, last=None))
        await self.copy(tables, told)

    async def compare(self, told: Told) -> Outcome:
        """Sum up every table on both sides."""
        total = 2 * sum([await self._count(known) for known in MOVED])
        done = 0
        outcome = Outcome(sums={})
        for known in MOVED:

            def more(rows: int, name: str = known.name) -> None:
                nonlocal done
                done += rows
                told(Step(stage=Stage.COMPARE, table=name, done=done, total=max(total, done)))

            outcome = await self._compared(outcome, known, more)
        return outcome

    async def _compared(self, outcome: Outcome, known: Table, more: Callable[[int], None]) -> Outcome:
        """The outcome with this table in it."""
        found: Counter[str] = Counter(outcome.without_nul)

        def turned(rows: list[Row]) -> list[Row]:
            if not self._drops_nul:
                return rows
            found.update(f"{known.name}.{name}" for row in rows for name in columns_with_nul(known, row))
            return [without_nul(row) for row in rows]

        with errors_in_our_words(self._source.place):
            ours = await sum_of(self._source.engine, known, turned=turned, told=more)
        with errors_in_our_words(self._target.place):
            theirs = await sum_of(self._target.engine, known, turned=lambda rows: rows, told=more)
        different = () if ours == theirs else (Difference(table=known.name, source=ours, target=theirs),)
        return replace(
            outcome,
            sums={**outcome.sums, known.name: ours},
            differences=(*outcome.differences, *different),
            without_nul=found,
        )

    async def finish(self) -> None:
        """Make the target a store like any other."""
        async with self._target.writing() as conn:
            await alone(conn)
            await conn.run_sync(_with_indexes)
            if conn.dialect.name == "postgresql":
                await _count_on(conn)
            await conn.run_sync(_progress.drop)
            await conn.execute(update(_version).values(version_num=HEAD))


@contextmanager
def _values_refused(known: Table) -> Iterator[None]:
    """A value that the target's column cannot hold, in a sentence."""
    try:
        yield
    except Exception as error:
        if isinstance(error, ValueError | OverflowError):
            raise StoreError(f"{known.name} holds a value that the target cannot hold: {error}") from error
        if getattr(error, "sqlstate", "") == _DOUBLE:
            raise StoreError(f"two rows of {known.name} differ only in a NUL, which the target cannot keep") from error
        raise


async def _require_no_nodes(conn: AsyncConnection, place: Place) -> None:
    """See that no daemon is connected to this PostgreSQL (a file is locked instead)."""
    if place.embedded:
        return
    nodes = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE :guards"
    if found := (await conn.execute(text(nodes), {"guards": "callbridge guard %"})).scalar_one():
        raise StoreInUse(f"{found} node(s) are connected to {_name_of(place)}; stop every one of them first")


async def _require_empty(conn: AsyncConnection, place: Place) -> None:
    for known in (*MOVED, hold):
        if (await conn.execute(select(exists(select(1).select_from(known))))).scalar_one():
            raise NotEmpty(f"{_name_of(place)} has rows in {known.name}; make a new database and name that one")


def _without_indexes(conn: SyncConnection) -> None:
    """Drop the indexes, which cost more to keep than to make at the end."""
    for known in MOVED:
        for index in known.indexes:
            index.drop(conn)


def _with_indexes(conn: SyncConnection) -> None:
    tell_postgresql(metadata, conn)
    for known in MOVED:
        for index in known.indexes:
            index.create(conn)


async def _count_on(conn: AsyncConnection) -> None:
    """Let PostgreSQL number new rows behind those that came; SQLite does so by itself."""
    for known in MOVED:
        if (key := known.autoincrement_column) is not None:
            last = func.coalesce(select(func.max(key)).scalar_subquery(), 0)
            sequence = func.pg_get_serial_sequence(f'"{known.name}"', key.name)
            await conn.execute(select(func.setval(sequence, last + 1, False)))  # noqa: FBT003 # the next one is this
