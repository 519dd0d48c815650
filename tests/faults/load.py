"""A day of calls pushed by many impatient senders, who repeat whatever was not acknowledged; and what became of it."""

import contextlib
import http.client
import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random  # noqa: TID251 # the test brings its own chance
from threading import Event, Lock, Thread
from time import monotonic, sleep
from typing import Any

from bridge.model.moment import iso
from tests.daemon.process import TOKEN, Bridge
from tests.postgres import PostgresServer

SENDERS = 8
PAUSE = 0.02
PATIENCE = 30.0
MORNING = time.time() // 60 * 60 - 3 * 3600  # noqa: TID251 # today's: a call that began yesterday is given up
LINE = "+442079460100"

Fact = dict[str, Any]
STORY = {
    "missed": ("call.ringing", "call.ended"),
    "answered": ("call.ringing", "call.answered", "call.ended", "call.recorded"),
    "busy": ("call.ended",),
    "placed": ("call.answered", "call.ended"),
}
WAITING = """SELECT (SELECT count(*) FROM event WHERE state = 'pending')
                  + (SELECT count(*) FROM call WHERE judge_at IS NOT NULL)"""
WHAT_CAME_OF_IT = {
    "calls": "SELECT key, outcome, scenario, client_number, answered_by, judge_at IS NULL FROM call ORDER BY key",
    "leads": "SELECT id, status, owner_id, contact_id, deal_id FROM lead ORDER BY id",
    "contacts": "SELECT id, name, phones, owner_id FROM contact ORDER BY id",
    "tasks": "SELECT id, kind, status, assignee_id, lead_id, case_id, count FROM task ORDER BY id",
    "cases": "SELECT id, status, attempts, task_id FROM missed_case ORDER BY id",
    "facts": "SELECT event_id, state FROM event ORDER BY event_id",
    # A recording that comes with the call's end, or a pick-up told with it, makes no verdict of its own.
    "verdicts": "SELECT fact, scenario, count(*) FROM verdict WHERE occasion = 'ended' GROUP BY 1, 2 ORDER BY 1, 2",
    "twice": "SELECT fact, occasion, scenario FROM verdict GROUP BY 1, 2, 3 HAVING count(*) > 1 ORDER BY 1, 2, 3",
}
SETTLE_PATIENCE = 120.0

Row = tuple[Any, ...]
Ask = Callable[[str], Sequence[Row]]
"""Asks the store, past the bridge."""


def a_days_facts(chance: Random, clients: int) -> list[list[Fact]]:
    """The facts of each client's call, in the order in which they happened.

    One call each: what two calls of one client mean depends, rightly, on whether they were told at the same time.
    """
    return [list(_facts_of(chance, client)) for client in range(clients)]


def _facts_of(chance: Random, client: int) -> Iterator[Fact]:
    kind = chance.choice(tuple(STORY))
    begun = MORNING + chance.randint(0, 7200)
    for place, step in enumerate(STORY[kind]):
        yield _fact(f"c{client}", kind, step, begun + 10 * place) | {"client_number": f"+4477009{client:05d}"}


def _fact(call: str, kind: str, step: str, at: float) -> Fact:
    fact: Fact = {
        "event_id": f"{call}-{step}",
        "type": step,
        "call_id": call,
        "occurred_at": iso(at),
        "direction": "outbound" if kind == "placed" else "inbound",
        "line_number": LINE,
        "client_name": f"Client {call}",
    }
    if kind in {"answered", "placed"} and step != "call.ringing":
        fact["employee"] = "101"
    if step == "call.ended":
        fact |= {"outcome": "answered" if "employee" in fact else kind, "talk_seconds": 60 if "employee" in fact else 0}
    if step == "call.recorded":
        fact["recording_url"] = f"https://pbx.example/{call}.mp3"
    return fact


@dataclass
class Load:
    """Senders at work; each has clients of its own and pushes their facts in order, some of them again later."""

    bridge: Bridge
    facts: list[list[Fact]]
    chance: Random
    again: float = 0.2
    acknowledged: set[str] = field(default_factory=set)
    _lock: Lock = field(default_factory=Lock)
    _left: Event = field(default_factory=Event)

    @contextlib.contextmanager
    def pushed(self) -> Iterator[list[Thread]]:
        """Push for as long as the block lasts; the threads end by themselves when everything was acknowledged."""
        threads = [
            Thread(target=self._send, args=(self.facts[place::SENDERS], Random(self.chance.random())), daemon=True)  # noqa: S311
            for place in range(SENDERS)
        ]
        for thread in threads:
            thread.start()
        try:
            yield threads
        finally:
            self._left.set()
            for thread in threads:
                thread.join(PATIENCE)

    def _send(self, clients: Sequence[list[Fact]], chance: Random) -> None:
        queues = [list(facts) for facts in clients]
        sent: list[Fact] = []
        while queues and not self._left.is_set():
            queue = chance.choice(queues)
            pieces = [queue.pop(0) for _ in range(min(len(queue), chance.randint(1, 3)))]
            if not queue:
                queues.remove(queue)
            sent += pieces
            self._until_acknowledged(pieces)
            if chance.random() < self.again:
                self._until_acknowledged(chance.sample(sent, min(len(sent), 3)))

    def _until_acknowledged(self, facts: Sequence[Fact]) -> None:
        while not self._left.is_set():
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self._push(facts):
                    with self._lock:
                        self.acknowledged.update(fact["event_id"] for fact in facts)
                    return
            sleep(PAUSE)

    def _push(self, facts: Sequence[Fact]) -> bool:
        line = http.client.HTTPConnection("127.0.0.1", self.bridge.port, timeout=5)
        with contextlib.closing(line):
            line.request("POST", "/hooks/shop", json.dumps(facts), {"Authorization": f"Bearer {TOKEN}"})
            status = line.getresponse().status
            assert status in {202, 503}, status
            return status == 202


def settled(ask: Ask) -> dict[str, Sequence[Row]]:
    """What is in the store when nothing is left to do."""
    deadline = monotonic() + SETTLE_PATIENCE
    while int(ask(WAITING)[0][0]):
        assert monotonic() < deadline, "something waits for ever"
        sleep(PAUSE)
    return {name: ask(question) for name, question in WHAT_CAME_OF_IT.items()}


def asking_file(bridge: Bridge) -> Ask:
    """Asks the embedded store of this bridge."""

    def ask(question: str) -> Sequence[Row]:
        with contextlib.closing(sqlite3.connect(bridge.folder / "data" / "bridge.db", timeout=PATIENCE)) as store:
            return store.execute(question).fetchall()

    return ask


def asking_server(server: PostgresServer, database: str) -> Ask:
    """Asks this database."""
    return lambda question: [tuple(line.split("|")) for line in server.ask(question, database).splitlines()]
