import structlog

from bridge.flow.outage import Outage


def test_an_outage_is_told_once_when_it_begins_and_once_when_it_ends():
    outage = Outage("store")
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            outage.begins(OSError("no room"))
        assert outage.lost
        for _ in range(3):
            outage.ends()
        assert not outage.lost
    assert [line["event"] for line in lines] == ["store.lost", "store.recovered"]
