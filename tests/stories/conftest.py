import pytest

from tests.stories.office import open_office


@pytest.fixture
async def office(tmp_path):
    async with open_office(tmp_path) as opened:
        yield opened
