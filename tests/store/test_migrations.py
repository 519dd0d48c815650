import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, create_mock_engine, inspect, text

import bridge.store
from bridge.store.engine import Store, migrating_engine, writing_engine
from bridge.store.errors import SchemaTooNew, StoreInUse
from bridge.store.migrate import make_tables, migrate, schema_state, upgrade
from bridge.store.place import place_of
from bridge.store.revision import HEAD, REVISIONS, SchemaState
from bridge.store.schema import metadata
from tests.store.builders import URL, on_sqlite, shape_of_postgres


def alembic():
    config = Config()
    config.set_main_option("script_location", str(Path(bridge.store.__file__).parent / "migrations"))
    return config


@pytest.fixture
def migrated(tmp_path):
    """A connection to a database that all migrations, one after another, have made."""
    engine = create_engine(f"sqlite:///{tmp_path}/migrated.db")
    with engine.begin() as conn:
        upgrade(conn)
        yield conn
    engine.dispose()


@pytest.fixture
def made(tmp_path):
    """A connection to a database whose tables were made at once, as on a first start."""
    engine = create_engine(f"sqlite:///{tmp_path}/made.db")
    with engine.begin() as conn:
        make_tables(conn)
        yield conn
    engine.dispose()


def declared(conn):
    """Every table and index as SQLite keeps its declaration, spacing and the order of constraints aside."""
    found = conn.execute(text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
    return {name: sorted(" ".join(sql.split()).replace('"', "").split(", ")) for name, sql in found}


def test_the_tables_in_the_code_are_those_that_the_migrations_make(migrated):
    context = MigrationContext.configure(migrated, opts={"compare_type": True, "compare_server_default": True})
    assert compare_metadata(context, metadata) == []


def test_a_first_start_makes_exactly_what_the_migrations_make(migrated, made):
    assert declared(made) == declared(migrated)


def test_every_revision_is_known_without_asking_alembic():
    scripts = list(ScriptDirectory.from_config(alembic()).walk_revisions())
    assert tuple(script.revision for script in reversed(scripts)) == REVISIONS


async def test_an_empty_store_becomes_current(tmp_path):
    assert await schema_state(URL, tmp_path) is SchemaState.EMPTY
    assert not (tmp_path / "bridge.db").exists()
    assert await migrate(URL, tmp_path) == (None, HEAD)
    assert await schema_state(URL, tmp_path) is SchemaState.CURRENT
    assert await migrate(URL, tmp_path) == (HEAD, HEAD)


async def test_a_store_whose_revision_nobody_knows_is_left_alone(tmp_path):
    await migrate(URL, tmp_path)
    engine = create_engine(f"sqlite:///{tmp_path}/bridge.db")
    with engine.begin() as conn:
        for table in inspect(conn).get_table_names():
            conn.execute(text(f'DROP TABLE "{table}"'))
        conn.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        conn.execute(text("INSERT INTO alembic_version VALUES ('0000')"))
    engine.dispose()
    assert await schema_state(URL, tmp_path) is SchemaState.TOO_NEW
    with pytest.raises(SchemaTooNew, match="0000"):
        await migrate(URL, tmp_path)


async def test_a_store_that_a_newer_version_wrote_is_refused_by_whoever_opens_it(url, tmp_path):
    await migrate(url, tmp_path)
    engine = writing_engine(place_of(url, tmp_path))
    async with engine.begin() as conn:
        await conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await engine.dispose()
    assert await schema_state(url, tmp_path) is SchemaState.TOO_NEW
    told = f"9999, this version knows {HEAD}"
    with pytest.raises(SchemaTooNew, match=told):
        await migrate(url, tmp_path)
    with pytest.raises(SchemaTooNew, match=told):
        await Store.open(url, data_dir=tmp_path)


async def test_migrations_one_after_another_make_on_postgresql_what_a_first_start_makes(
    postgres_url, empty_postgres_url
):
    engine = writing_engine(place_of(empty_postgres_url, Path()))
    async with engine.begin() as conn:
        await conn.run_sync(upgrade)
    await engine.dispose()
    shapes = [await shape_of_postgres(each) for each in (postgres_url, empty_postgres_url)]
    assert shapes[0] == shapes[1]
    assert await schema_state(empty_postgres_url, Path()) is SchemaState.CURRENT


@on_sqlite
async def test_nothing_is_migrated_under_a_running_daemon(store, tmp_path):
    with pytest.raises(StoreInUse):
        await migrate(URL, tmp_path)


def test_a_start_on_a_current_store_does_not_pay_for_alembic(tmp_path):
    program = (
        "import asyncio, pathlib, sys\n"
        "from bridge.store.engine import Store\n"
        "from bridge.store.migrate import migrate\n"
        "async def main():\n"
        "    folder = pathlib.Path(sys.argv[1])\n"
        f"    await migrate({URL!r}, folder)\n"
        f"    store = await Store.open({URL!r}, data_dir=folder)\n"
        "    await store.close()\n"
        "asyncio.run(main())\n"
        "print([name for name in ('alembic', 'mako', 'sqlalchemy.dialects.postgresql') if name in sys.modules])\n"
    )
    command_line = [sys.executable, "-c", program, tmp_path]
    ran = subprocess.run(command_line, capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


def test_postgresql_gets_the_small_indexes_too():
    said = []
    told = create_mock_engine("postgresql+asyncpg://", lambda statement, *_: said.append(statement))
    metadata.create_all(told, checkfirst=False)
    created = [str(statement.compile(dialect=told.dialect)) for statement in said]
    assert any("CREATE INDEX ix_event_pending ON event (id) WHERE state = 'pending'" in line for line in created)
    assert sum("WHERE" in line for line in created) == 15


async def test_tables_may_take_as_long_to_change_as_they_are_large(empty_postgres_url, tmp_path):
    """An index of ten million calls is no matter of seconds, and another node may be just at it."""
    engine = migrating_engine(place_of(empty_postgres_url, tmp_path))
    async with engine.connect() as conn:
        assert (await conn.exec_driver_sql("SHOW statement_timeout")).scalar_one() == "1h"
    await engine.dispose()
    assert await migrate(empty_postgres_url, tmp_path) == (None, HEAD)
