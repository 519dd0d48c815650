"""The open store: its connections, its one writer, and its errors in our own words."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext, suppress
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from sqlalchemy import event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from bridge.store import driver
from bridge.store.errors import StoreCorrupt, StoreError, StoreUnavailable
from bridge.store.integrity import refuse_foreign_wal, require_sound
from bridge.store.place import Place, SoleUse, place_of, prepare_file
from bridge.store.revision import require_current

Connection = AsyncConnection
"""What every function of the store takes: one transaction, opened by `Store.writing` or `Store.reading`."""

BUSY_SECONDS = 5.0
"""How long a statement waits for another process (a `bridge` command) that writes at this moment."""
POOL_SECONDS = 10.0
"""How long somebody waits for a free connection."""
CLOSE_SECONDS = 3.0
"""How long we take leave of a server that says nothing."""
READERS = 4
WRITER_CACHE_KIB = 32 * 1024  # taken as the store grows, not at the start
READER_CACHE_KIB = 1024
CHECKPOINT_PAGES = 4000
JOURNAL_LIMIT = 64 * 1024 * 1024

_TRY_LATER = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_PERM,
    }
)
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class Store:
    """The open store. Every read and write of the daemon goes through one of its transactions."""

    def __init__(self, place: Place, writer: AsyncEngine, reader: AsyncEngine, sole_use: SoleUse | None) -> None:
        self.place = place
        self._writer = writer
        self._reader = reader
        self._sole_use = sole_use
        self._turn = asyncio.Lock()

    @classmethod
    async def open(cls, url: str, *, data_dir: Path, alone: bool = True) -> "Store":
        """Open the store that `store.url` names.

        `alone`: be the only daemon on an embedded store; a command that works beside a running daemon passes False.

        Raises:
            StoreInUse: another daemon has it.
            StoreCorrupt: its file is damaged.
            SchemaOutdated, SchemaTooNew: another version of callbridge wrote it.
            StoreUnavailable: it cannot be reached or read now.

        """
        place = place_of(url, data_dir)
        if place.file is not None:
            prepare_file(place.file)
        sole_use = _sole_use(place) if alone else None
        writer = writing_engine(place)
        reader = reading_engine(place)
        store = cls(place, writer, reader, sole_use)
        try:
            async with store.reading() as conn:
                await require_current(conn)
                if alone:
                    await require_sound(conn, place)
        except BaseException:
            await store.close()
            raise
        return store

    async def close(self) -> None:
        """Close every connection and let another daemon have the store. Closing twice is harmless."""
        with suppress(TimeoutError):  # a server that cannot be reached learns of it some time
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._writer.dispose()
                await self._reader.dispose()
        if self._sole_use is not None:
            self._sole_use.give_back()

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Connection]:
        """One transaction that may write, committed at the end of the block and rolled back if the block raises.

        On an embedded store one at a time, in the order of asking: what is read inside is true until the commit.

        Raises:
            StoreUnavailable: nothing was written; try again later.
            StoreCorrupt: the file is damaged.

        """
        async with self._one_at_a_time():
            with errors_in_our_words(self.place):
                async with self._writer.begin() as conn:
                    yield conn

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """One snapshot to read from; writers neither wait for it nor change it.

        Raises:
            StoreUnavailable: try again later.
            StoreCorrupt: the file is damaged.

        """
        with errors_in_our_words(self.place):
            async with self._reader.connect() as conn:
                yield conn

    def _one_at_a_time(self) -> AbstractAsyncContextManager[Any]:
        return self._turn if self.place.embedded else nullcontext()


def _sole_use(place: Place) -> SoleUse | None:
    if place.file is None:
        return None
    lock = SoleUse(place.file)
    lock.take()
    return lock


def writing_engine(place: Place) -> AsyncEngine:
    """The engine that writes: one connection on SQLite, a bounded pool on PostgreSQL.

    Raises:
        StoreCorrupt: the file was put in the place of another one, whose -wal is still there.

    """
    if not place.embedded:
        return cast("AsyncEngine", _postgres().writing_engine(place.url))
    refuse_foreign_wal(place)
    return _sqlite_engine(
        place,
        connections=1,
        begin="BEGIN IMMEDIATE",
        pragmas=(
            "PRAGMA journal_mode=WAL",
            "PRAGMA synchronous=FULL",  # a commit is on the disk before it is acknowledged
            f"PRAGMA cache_size=-{WRITER_CACHE_KIB}",
            f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}",
            f"PRAGMA journal_size_limit={JOURNAL_LIMIT}",
        ),
    )


def migrating_engine(place: Place) -> AsyncEngine:
    """The engine that makes and changes tables, for which no time is too long."""
    if place.embedded:
        return writing_engine(place)
    return cast("AsyncEngine", _postgres().moving_engine(place.url))


def reading_engine(place: Place) -> AsyncEngine:
    """The engine that only reads."""
    if not place.embedded:
        return cast("AsyncEngine", _postgres().reading_engine(place.url))
    return _sqlite_engine(
        place,
        connections=READERS,
        begin="BEGIN",
        pragmas=(f"PRAGMA cache_size=-{READER_CACHE_KIB}", "PRAGMA query_only=ON"),
    )


def moving_engine(place: Place, *, reads_only: bool) -> AsyncEngine:
    """The engine for a move from or to this store: patient, since nobody else works on it."""
    if not place.embedded:
        return cast("AsyncEngine", _postgres().moving_engine(place.url))
    return reading_engine(place) if reads_only else writing_engine(place)


def _postgres() -> ModuleType:
    from bridge.store import postgres  # noqa: PLC0415 # an embedded store never pays for its memory

    return postgres


def _sqlite_engine(place: Place, *, connections: int, begin: str, pragmas: tuple[str, ...]) -> AsyncEngine:
    engine = create_async_engine(
        place.url,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=POOL_SECONDS,
        hide_parameters=True,  # they are names and numbers, and errors are logged
        connect_args={
            "async_creator_fn": driver.connect,
            "timeout": BUSY_SECONDS,
            "isolation_level": None,
            "cached_statements": 256,
        },
    )

    def prepare(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for pragma in (*pragmas, "PRAGMA foreign_keys=OFF", "PRAGMA temp_store=MEMORY"):
            cursor.execute(pragma)
        cursor.close()

    def start(connection: Any) -> None:
        connection.exec_driver_sql(begin)  # the driver would begin by itself too late, and never for reads

    event.listen(engine.sync_engine, "connect", prepare)
    event.listen(engine.sync_engine, "begin", start)
    return engine


@contextmanager
def errors_in_our_words(place: Place) -> Iterator[None]:
    """Turn the driver's errors into ours; what is neither the disk's nor the server's fault is our bug and stays."""
    try:
        yield
    except (PoolTimeout, OSError) as error:
        raise StoreUnavailable(str(error) or "it did not answer in time") from error
    except Exception as error:
        sorted_error = _sorted_error(error, place)
        if sorted_error is None:
            raise
        raise sorted_error from error


def _sorted_error(error: Exception, place: Place) -> StoreError | None:
    if isinstance(error, StoreError):
        return None
    if not place.embedded:
        found: StoreError | None = _postgres().sorted_error(error)
        return found
    cause = error.orig if isinstance(error, DBAPIError) else error
    return _sorted_sqlite_error(cause, place) if isinstance(cause, sqlite3.Error) else None


def _sorted_sqlite_error(error: sqlite3.Error, place: Place) -> StoreError | None:
    """Whose fault it is, by the primary result code (the lower byte, sqlite.org/rescode.html); None: ours."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _DAMAGED:
        return StoreCorrupt(f"{place.file}: {error}; {place.remedy}")
    return StoreUnavailable(f"{place.file}: {error}") if code in _TRY_LATER else None
