import pytest

from bridge.store.engine import Store
from bridge.store.migrate import migrate
from tests.store.builders import URL


@pytest.fixture
async def store(tmp_path):
    await migrate(URL, tmp_path)
    opened = await Store.open(URL, data_dir=tmp_path)
    yield opened
    await opened.close()
