"""How the daemon is: alive, able to accept, and its figures. Open to everybody: there is no client's data in it."""

import asyncio
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from bridge.flow.breaker import BreakerState
from bridge.flow.tally import Tally
from bridge.store.errors import StoreError
from bridge.store.gauges import Gauges, OutboxSize, gauges
from bridge.web.endpoints import Endpoint, services
from bridge.web.gate import Visitor
from bridge.web.services import Services, SourceStatus, SystemStatus
from bridge.web.shapes import TEXT, TEXT_OR_NULL, YES_NO, moment

SECONDS_FOR_THE_STORE: Final = 2.0
BREAKER_STATES: Final = tuple(map(str, BreakerState))
METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


async def healthz(_request: web.Request, _visitor: Visitor) -> web.Response:
    """GET /healthz: the process answers."""
    return web.json_response({"status": "alive"})


async def readyz(request: web.Request, _visitor: Visitor) -> web.Response:
    """GET /readyz: 503 when facts could not be stored now."""
    shop = services(request)
    status = shop.status()
    found = await _gauges(shop)
    ready = shop.intake.ready and isinstance(found, Gauges)
    now = shop.clock.now()
    answer = {
        "ready": ready,
        "store": "reachable" if isinstance(found, Gauges) else found,
        "accepting": shop.intake.ready,
        "journal": _journal(found, now) if isinstance(found, Gauges) else None,
        "sources": [_source(source) for source in status.sources],
        "systems": [_system(system, _size(system.id, found), now) for system in status.systems],
        "refused_reload": status.refused_reload,
        "version": shop.version,
    }
    return web.json_response(answer, status=HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE)


async def _gauges(shop: Services) -> Gauges | str:
    """The store's gauges, or in short why there are none."""
    try:
        async with asyncio.timeout(SECONDS_FOR_THE_STORE):
            return await gauges(shop.store)
    except TimeoutError:
        return "does not answer"
    except (StoreError, OSError) as error:
        return type(error).__name__  # the message may tell paths and addresses


def _journal(found: Gauges, now: float) -> dict[str, Any]:
    oldest = found.oldest_pending_at
    return {
        "pending": found.pending_events,
        "failed": found.failed_events,
        "lag_seconds": 0.0 if oldest is None else round(max(0.0, now - oldest), 3),
        "quarantined": found.quarantined,
    }


def _source(source: SourceStatus) -> dict[str, Any]:
    return {
        "id": source.id,
        "kind": source.kind,
        "state": source.state,
        "good": source.good,
        "since": moment(source.since),
        "problem": source.problem,
    }


def _size(system: str, found: Gauges | str) -> OutboxSize | None:
    """What waits for this system; None: the store does not tell."""
    if isinstance(found, str):
        return None
    return next((size for size in found.outbox if size.system == system), OutboxSize(system=system))


def _system(system: SystemStatus, size: OutboxSize | None, now: float) -> dict[str, Any]:
    """A remote system that is in trouble makes the bridge not less ready: what it is to be told is kept."""
    return {
        "id": system.id,
        "state": system.breaker,
        "since": moment(system.since),
        "problem": system.problem,
        "paused_until": moment(system.paused_until),
        "under_way": system.under_way,
        "outbox": None if size is None else _outbox(size, now),
        "alarms": _alarms(system, size, now),
    }


def _outbox(size: OutboxSize, now: float) -> dict[str, Any]:
    return {"waiting": size.waiting, "held": size.held, "dead": size.dead, "oldest_seconds": _age(size, now)}


def _age(size: OutboxSize, now: float) -> float:
    return 0.0 if size.oldest_at is None else round(max(0.0, now - size.oldest_at), 3)


def _alarms(system: SystemStatus, size: OutboxSize | None, now: float) -> list[str]:
    """What somebody should look at, in words that do not change from one moment to the next."""
    alarms = [] if system.breaker == "closed" else [f"the system is in trouble ({system.breaker})"]
    if size is not None:
        if _age(size, now) > system.alarm_age:
            alarms.append(f"something has waited for more than {system.alarm_age:g} seconds")
        if size.waiting + size.held > system.alarm_size:
            alarms.append(f"more than {system.alarm_size} effects wait")
        if size.dead:
            alarms.append("there are dead letters; `bridge replay --dead` tries them again")
    return alarms


class Figures:
    """The registry of /metrics: what the flow has counted, what the store holds, how requests were answered."""

    def __init__(self, shop: Services) -> None:
        self.registry = CollectorRegistry()
        self._store = _StoreFigures(shop)
        self._requests = Counter(
            "callbridge_http_requests", "Requests by route, method and status", ["route", "method", "status"],
            registry=self.registry,
        )  # fmt: skip
        self._counters: dict[tuple[str, str, int], Counter] = {}
        self.registry.register(_FlowFigures(shop))
        self.registry.register(self._store)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)

    def count_request(self, route: str, method: str, status: int) -> None:
        """One more request of this kind was answered."""
        counter = self._counters.get((route, method, status))
        if counter is None:
            counter = self._counters[route, method, status] = self._requests.labels(route, method, str(status))
        counter.inc()

    def text(self, found: Gauges | None) -> bytes:
        """Everything, in Prometheus' text format; without the store's gauges when it does not answer."""
        self._store.found = found
        return generate_latest(self.registry)


class _FlowFigures(Collector):
    def __init__(self, shop: Services) -> None:
        self._shop = shop

    def collect(self) -> Iterator[Metric]:
        tally: Tally = self._shop.tally
        for name, value, meaning in (
            ("events_accepted", tally.accepted, "Events stored"),
            ("events_duplicate", tally.duplicates, "Events that we had already"),
            ("events_handled", tally.handled, "Events that led to a verdict or to nothing"),
            ("events_failed", tally.failed, "Events put aside because handling them failed"),
            ("bodies_quarantined", tally.quarantined, "Bodies that could not be read"),
            ("overloads", tally.overloads, "Pushes refused because too much was waiting"),
            ("commits", tally.commits, "Commits of intake"),
            ("batches", tally.batches, "Batches handled"),
            ("calls_blocked", tally.blocked, "Calls of blocked numbers"),
            ("task_restarts", tally.restarts, "Parts of the flow that broke and were begun again"),
        ):
            yield CounterMetricFamily(f"callbridge_{name}", meaning, value=value)
        yield _by_label("callbridge_verdicts", "Verdicts by scenario", "scenario", tally.verdicts)
        yield _by_label("callbridge_effects", "Effects by kind", "kind", tally.effects)
        yield GaugeMetricFamily("callbridge_intake_waiting", "Events that are not yet on disk", value=tally.waiting)
        yield GaugeMetricFamily("callbridge_lag_seconds", "How long the event handled last had waited", value=tally.lag)
        good = GaugeMetricFamily("callbridge_source_good", "1 while the source works", labels=["source", "kind"])
        for source in self._shop.status().sources:
            good.add_metric([source.id, source.kind], float(source.good))
        yield good
        yield from _of_systems(self._shop.status().systems, tally)
        refused = self._shop.status().refused_reload is not None
        yield GaugeMetricFamily(
            "callbridge_reload_refused", "1 while the newest configuration is not in use", value=float(refused)
        )


def _of_systems(systems: Iterable[SystemStatus], tally: Tally) -> Iterator[Metric]:
    answers = CounterMetricFamily(
        "callbridge_delivery_answers", "Answers of remote systems by what they mean", labels=["system", "answer"]
    )
    for (named, answer), count in tally.answers.items():
        answers.add_metric([named, answer], count)
    yield answers
    breaker = GaugeMetricFamily(
        "callbridge_delivery_breaker", "1 for the state that the breaker is in", labels=["system", "state"]
    )
    under_way = GaugeMetricFamily("callbridge_delivery_under_way", "Requests under way", labels=["system"])
    for system in systems:
        for state in BREAKER_STATES:
            breaker.add_metric([system.id, state], float(system.breaker == state))
        under_way.add_metric([system.id], system.under_way)
    yield breaker
    yield under_way


class _StoreFigures(Collector):
    def __init__(self, shop: Services) -> None:
        self._shop = shop
        self.found: Gauges | None = None

    def collect(self) -> Iterator[Metric]:
        found = self.found
        yield GaugeMetricFamily("callbridge_store_up", "1 while the store answers", value=float(found is not None))
        if found is None:
            return
        for name, value, meaning in (
            ("events_pending", found.pending_events, "Events not handled yet"),
            ("events_put_aside", found.failed_events, "Events that wait for a person"),
            ("quarantine_size", found.quarantined, "Bodies that wait for a person"),
            ("store_bytes", found.bytes_used, "Size of the data"),
            ("store_journal_bytes", found.bytes_journal, "Size of the write-ahead log"),
        ):
            yield GaugeMetricFamily(f"callbridge_{name}", meaning, value=value)
        yield from self._outbox(found)

    def _outbox(self, found: Gauges) -> Iterator[Metric]:
        now = self._shop.clock.now()
        systems = {system.id for system in self._shop.status().systems}
        sizes = {size.system: size for size in found.outbox}
        for name, meaning, figure in (
            ("waiting", "Effects not yet delivered", lambda size: size.waiting),
            ("held", "Effects behind a dead letter of the same client", lambda size: size.held),
            ("dead", "Effects that could not be delivered", lambda size: size.dead),
            ("oldest_seconds", "How long the oldest effect has waited", lambda size: _age(size, now)),
        ):
            gauge = GaugeMetricFamily(f"callbridge_outbox_{name}", meaning, labels=["system"])
            for system in sorted(systems | sizes.keys()):
                gauge.add_metric([system], figure(sizes.get(system, OutboxSize(system=system))))
            yield gauge


def _by_label(name: str, meaning: str, label: str, counts: dict[str, int]) -> Metric:
    family = CounterMetricFamily(name, meaning, labels=[label])
    for key, value in counts.items():
        family.add_metric([key], value)
    return family


FIGURES: Final = web.AppKey("figures", Figures)


async def metrics(request: web.Request, _visitor: Visitor) -> web.Response:
    """GET /metrics."""
    found = await _gauges(services(request))
    text = request.config_dict[FIGURES].text(found if isinstance(found, Gauges) else None)
    return web.Response(body=text, headers={"Content-Type": METRICS_TYPE})


_READY: Final = {
    "type": "object",
    "properties": {
        "ready": YES_NO,
        "store": TEXT,
        "accepting": YES_NO,
        "journal": {"type": ["object", "null"]},
        "sources": {"type": "array", "items": {"type": "object"}},
        "systems": {"type": "array", "items": {"type": "object"}},
        "refused_reload": TEXT_OR_NULL,
        "version": TEXT,
    },
    "required": ["ready", "store", "accepting", "journal", "sources", "systems", "refused_reload", "version"],
}

ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/healthz",
        summary="the process answers",
        handle=healthz,
        scope=None,
        answer={"type": "object", "properties": {"status": TEXT}, "required": ["status"]},
    ),
    Endpoint(
        method="GET",
        path="/readyz",
        summary="whether facts can be stored now (503: not), and how every source is",
        handle=readyz,
        scope=None,
        answer=_READY,
    ),
    Endpoint(
        method="GET",
        path="/metrics",
        summary="figures for Prometheus",
        handle=metrics,
        scope=None,
        answer=TEXT,
        media_type="text/plain",
    ),
)
