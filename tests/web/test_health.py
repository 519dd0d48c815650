import re
from pathlib import Path

from bridge.store.errors import StoreUnavailable
from bridge.web.services import SourceStatus, Status


async def test_a_healthy_bridge_is_alive_and_ready(house):
    assert (await house.ask("GET", "/healthz")).json == {"status": "alive"}
    answer = await house.ask("GET", "/readyz")
    assert answer.status == 200
    assert answer.json["ready"] is True
    assert answer.json["journal"] == {"pending": 0, "failed": 0, "lag_seconds": 0.0, "quarantined": 0}
    assert [source["id"] for source in answer.json["sources"]] == ["shop"]


async def test_readiness_tells_the_lag_of_the_journal_and_what_waits_for_a_person(house):
    await house.push(house.call())
    await house.push({"nonsense": 1})
    house.clock.advance(30)
    journal = (await house.ask("GET", "/readyz")).json["journal"]
    assert journal == {"pending": 1, "failed": 0, "lag_seconds": 30.0, "quarantined": 1}


async def test_a_lost_source_and_a_refused_reload_are_told_but_the_bridge_stays_ready(house):
    lost = SourceStatus(
        id="pbx", kind="ami", state="lost", good=False, since=house.clock.now(), problem="login refused"
    )
    house.status[0] = Status(sources=(lost,), refused_reload="[web] lisen: did you mean listen?")
    answer = await house.ask("GET", "/readyz")
    assert answer.status == 200
    assert answer.json["sources"] == [
        {
            "id": "pbx",
            "kind": "ami",
            "state": "lost",
            "good": False,
            "since": "2026-11-23T12:00:00.000Z",
            "problem": "login refused",
        }
    ]
    assert "did you mean listen?" in answer.json["refused_reload"]
    metrics = (await house.ask("GET", "/metrics")).text
    assert 'callbridge_source_good{kind="ami",source="pbx"} 0.0' in metrics
    assert "callbridge_reload_refused 1.0" in metrics


async def test_a_bridge_that_takes_nothing_more_is_alive_but_not_ready(house):
    house.intake.close()
    assert (await house.ask("GET", "/healthz")).status == 200
    answer = await house.ask("GET", "/readyz")
    assert (answer.status, answer.json["ready"], answer.json["accepting"]) == (503, False, False)


async def test_a_store_that_is_gone_makes_everything_wait_and_nothing_break(house, monkeypatch):
    class Gone:
        def __init__(self, *_):
            pass

        async def __aenter__(self):
            raise StoreUnavailable("/secret/place is full")

        async def __aexit__(self, *_):
            pass

    await house.get("/v1/leads")
    monkeypatch.setattr(type(house.store), "reading", Gone)
    monkeypatch.setattr(type(house.store), "writing", Gone)
    ready = await house.ask("GET", "/readyz")
    assert (ready.status, ready.json["store"]) == (503, "StoreUnavailable")
    metrics = await house.ask("GET", "/metrics")
    assert (metrics.status, "callbridge_store_up 0.0" in metrics.text) == (200, True)
    leads, page = await house.get("/v1/leads"), await house.see("/sign-in")
    assert (leads.status, leads.headers["Retry-After"], page.status) == (503, "5", 200)
    push = await house.push(house.call())
    assert (push.status, push.headers["Retry-After"]) == (503, "5")
    for answer in (ready, metrics, leads, push):
        assert "secret" not in answer.text


async def test_the_metrics_tell_what_happened(house):
    await house.happen(house.call())
    await house.push(house.call())
    await house.get("/v1/leads?x=1")
    answer = await house.ask("GET", "/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    for line in (
        "callbridge_events_accepted_total 1.0",
        "callbridge_events_duplicate_total 1.0",
        'callbridge_verdicts_total{scenario="S4"} 1.0',
        'callbridge_http_requests_total{method="POST",route="/hooks/{source}",status="202"} 2.0',
        'callbridge_http_requests_total{method="GET",route="/v1/leads",status="400"} 1.0',
        "callbridge_events_pending 0.0",
        "callbridge_store_up 1.0",
    ):
        assert line in answer.text
    assert "process_resident_memory_bytes" in answer.text


async def test_strangers_cannot_fill_the_metrics_with_addresses_of_their_own(house):
    for number in range(5):
        await house.ask("GET", f"/made-up-{number}")
        await house.ask(f"MADEUP{number}", "/v1/leads")
    text = (await house.ask("GET", "/metrics")).text
    assert "made-up" not in text
    assert "MADEUP" not in text


async def test_every_metric_has_help(house):
    text = (await house.ask("GET", "/metrics")).text
    names = set(re.findall(r"^# TYPE (callbridge_\w+)", text, re.MULTILINE))
    assert names
    assert names == set(re.findall(r"^# HELP (callbridge_\w+) \w", text, re.MULTILINE))


async def test_every_metric_is_documented_and_every_documented_metric_exists(house):
    text = (await house.ask("GET", "/metrics")).text
    told = (Path(__file__).parents[2] / "docs" / "reference" / "web.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"callbridge_[a-z_]+", told.split("Worth an alert")[0]))
    assert documented == set(re.findall(r"^# TYPE (callbridge_\w+) ", text, re.MULTILINE))
