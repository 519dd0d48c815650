"""Bringing the tables of a store to this version."""

from pathlib import Path

from sqlalchemy import Column, MetaData, PrimaryKeyConstraint, String, Table, func, insert, select
from sqlalchemy.engine import Connection as SyncConnection
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.store.engine import errors_in_our_words, migrating_engine, writing_engine
from bridge.store.place import SoleUse, place_of, prepare_file
from bridge.store.revision import HEAD, VERSION_TABLE, SchemaState, found_revision, refuse_unusable, state_of
from bridge.store.schema import metadata

MIGRATION_LOCK = 0x6272_6964_6765
"""The advisory lock of PostgreSQL under which tables are made or changed (any number that nobody else uses)."""


async def schema_state(url: str, data_dir: Path) -> SchemaState:
    """What the tables of this store are to this version of the program. An embedded store that is missing is EMPTY.

    Raises:
        StoreUnavailable: it cannot be reached.
        StoreCorrupt: its file is damaged.

    """
    place = place_of(url, data_dir)
    if place.file is not None and not place.file.exists():
        return SchemaState.EMPTY
    engine = writing_engine(place)
    try:
        with errors_in_our_words(place):
            async with engine.connect() as conn:
                return state_of(await found_revision(conn))
    finally:
        await engine.dispose()


async def migrate(url: str, data_dir: Path) -> tuple[str | None, str]:
    """Bring the tables to this version, in one transaction; gives the revision before (None: empty) and after.

    Raises:
        SchemaTooNew: a newer callbridge wrote the store.
        MoveUnfinished: another store is being moved to it.
        StoreInUse: a daemon works on this embedded store; stop it first.
        StoreUnavailable: nothing was changed; try again later.

    """
    place = place_of(url, data_dir)
    lock = None
    if place.file is not None:
        prepare_file(place.file)
        lock = SoleUse(place.file)
        lock.take()
    engine = migrating_engine(place)
    try:
        with errors_in_our_words(place):
            async with engine.begin() as conn:
                await alone(conn)
                before = await found_revision(conn)
                await conn.run_sync(_bring_up, before)
        return before, HEAD
    finally:
        await engine.dispose()
        if lock is not None:
            lock.give_back()


async def alone(conn: AsyncConnection) -> None:
    """Of several nodes that are started at once only one makes the tables; the others find them made."""
    if conn.dialect.name == "postgresql":
        await conn.execute(select(func.pg_advisory_xact_lock(MIGRATION_LOCK)))


def _bring_up(conn: SyncConnection, before: str | None) -> None:
    state = refuse_unusable(before)
    if state is SchemaState.EMPTY:
        make_tables(conn)
    elif state is SchemaState.OUTDATED:
        upgrade(conn)


def make_tables(conn: SyncConnection) -> None:
    """Make every table in an empty database, as the sum of all migrations would (a test compares), without Alembic.

    A first start would otherwise carry Alembic's 10 MiB through the daemon's whole life.
    """
    metadata.create_all(conn)
    version = Table(
        VERSION_TABLE,
        MetaData(),
        Column("version_num", String(32), nullable=False),
        PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
    )
    version.create(conn)
    conn.execute(insert(version).values(version_num=HEAD))


def upgrade(conn: SyncConnection) -> None:
    """Bring the tables from whatever revision they have to ours, step by step, in the connection's transaction."""
    from alembic import command  # noqa: PLC0415 # loaded only when there is something to migrate
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = conn
    command.upgrade(config, "head")
