import pytest

from bridge.store.engine import Store
from tests.stores import has_tables


@pytest.fixture
async def store(url, tmp_path):
    has_tables(url, tmp_path)
    opened = await Store.open(url, data_dir=tmp_path)
    yield opened
    await opened.close()
