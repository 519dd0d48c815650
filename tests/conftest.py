import asyncio
import gc
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from bridge.store.migrate import migrate
from bridge.store.revision import HEAD, VERSION_TABLE
from bridge.store.schema import metadata
from tests.postgres import HASTY, PostgresServer, running

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

TEMPLATE = "migrated"
_NUMBERS = count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server for all tests of this run; it has a database with our tables to copy."""
    with running(*HASTY, "max_connections=200") as server:
        asyncio.run(migrate(server.make(TEMPLATE), Path()))
        yield server


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> str:
    """A database of the test's own, with our tables."""
    return postgres.make(f"test{next(_NUMBERS)}", TEMPLATE)


@pytest.fixture
def empty_postgres_url(postgres: PostgresServer) -> str:
    """The same, without any table."""
    return postgres.make(f"test{next(_NUMBERS)}")


@pytest.fixture(scope="session")
def shared_postgres_url(postgres: PostgresServer) -> str:
    """One database for all stories that are told on either engine: to copy one takes longer than most of them."""
    return postgres.make("shared", TEMPLATE)


_EMPTIED = "; ".join(f"DELETE FROM {table}" for table in metadata.tables if table != "lane_slot")  # noqa: S608
_AS_MADE = f"""
SET lock_timeout = '5s'; {_EMPTIED}; UPDATE {VERSION_TABLE} SET version_num = '{HEAD}';
DROP FUNCTION IF EXISTS refusing CASCADE;
DO $$ DECLARE s record; BEGIN FOR s IN SELECT sequencename FROM pg_sequences
LOOP EXECUTE format('ALTER SEQUENCE %I RESTART', s.sequencename); END LOOP; END $$
"""  # noqa: S608 # our own names


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """The URL of a store, told on either engine."""
    if request.param == "sqlite":
        return "sqlite:///bridge.db"
    shared = request.getfixturevalue("shared_postgres_url")
    request.getfixturevalue("postgres").ask(_AS_MADE, shared.rpartition("/")[2])
    return shared


def pytest_collection_finish() -> None:
    """Thousands of tests were made and stay to the end: the collector need not look through them after each."""
    gc.collect()
    gc.freeze()
