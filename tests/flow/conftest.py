import pytest

from bridge.store.engine import Store
from tests.stores import has_tables

URL = "sqlite:///bridge.db"


@pytest.fixture
async def store(tmp_path):
    has_tables(URL, tmp_path)
    opened = await Store.open(URL, data_dir=tmp_path)
    yield opened
    await opened.close()
