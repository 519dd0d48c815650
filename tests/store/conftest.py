import pytest

from bridge.store.engine import Store
from bridge.store.migrate import migrate


@pytest.fixture
async def store(url, tmp_path):
    await migrate(url, tmp_path)
    opened = await Store.open(url, data_dir=tmp_path)
    yield opened
    await opened.close()
