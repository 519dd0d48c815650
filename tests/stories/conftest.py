import pytest
import structlog

from tests.stories.office import open_office


@pytest.fixture(autouse=True)
def _short_logs():
    """One line for each entry: drawing tracebacks takes longer than the stories."""
    before = structlog.get_config()
    structlog.configure(processors=[structlog.processors.add_log_level, structlog.processors.KeyValueRenderer()])
    yield
    structlog.configure(**before)


@pytest.fixture
async def office(url, tmp_path):
    async with open_office(tmp_path, url=url) as opened:
        yield opened
