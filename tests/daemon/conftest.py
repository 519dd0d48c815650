import pytest

from tests.daemon.process import QuickBridge


@pytest.fixture
def bridge(tmp_path):
    made = QuickBridge(tmp_path)
    yield made
    if made.process is not None and made.process.poll() is None:
        made.kill()
