import asyncio
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from bridge.store.migrate import migrate
from tests.postgres import HASTY, PostgresServer, running

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


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """The URL of a store, told on either engine."""
    return "sqlite:///bridge.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
