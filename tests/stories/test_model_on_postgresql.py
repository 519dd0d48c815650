"""The same model on PostgreSQL: a node that crashes there, and comes back (longer: tests/faults/model_at_length.py)."""

from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.conftest import TEMPLATE
from tests.postgres import PostgresServer
from tests.stories.model import CrashingBridge
from tests.stories.test_crashes_on_postgresql import Plug

NUMBERS = count(1)


class CrashingNode(CrashingBridge):
    server: PostgresServer

    def new_store(self):
        return Path(), self.server.make(f"model{next(NUMBERS)}", TEMPLATE)

    def forget(self, _folder, url):
        self.server.ask(f"DROP DATABASE {url.rpartition('/')[2]}")

    @asynccontextmanager
    async def plug_pulled(self, *, before):
        with Plug(self.office.store).pulled(before=before):
            yield


@pytest.fixture(autouse=True, scope="module")
def _server(postgres):
    CrashingNode.server = postgres


TestNodeOnPostgresql = CrashingNode.TestCase
TestNodeOnPostgresql.settings = settings(
    max_examples=3, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
