"""Two nodes, one outbox, one CRM; every step of theirs may be the last (longer: tests/faults/model_at_length.py)."""

import asyncio
import tempfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bridge.flow.answers import Answer, NotDelivered
from bridge.flow.delivery import Attempt, Delivery
from bridge.flow.limits import Limits
from bridge.flow.tally import Tally
from bridge.model.outgoing import Delivered
from bridge.store.engine import Store
from bridge.store.migrate import migrate
from bridge.store.outbox import OutboxState, replay_dead
from tests.flow.hand_clock import HandClock
from tests.flow.parcels import SYSTEM, drive, intended, listed, parcels_of, put

URL = "sqlite:///bridge.db"
LIMITS = Limits(per_second=1000, burst=1000, concurrency=4, timeout=10.0, hold=10 * 86400.0, give_up=1e9)
CLIENTS = 3


class ForgetfulCrm:
    """Each telling makes a record; `moods` are what happens to the next requests."""

    def __init__(self) -> None:
        self.moods: list[str] = []
        self.records: list[tuple[str, str]] = []

    async def deliver(self, parcel) -> Delivered:
        mood = self.moods.pop(0) if self.moods else "works"
        if mood in {"works", "lost"}:
            self.records.append((parcel.outgoing.lane, parcel.outgoing.key))
        if mood == "works":
            return Delivered(id=parcel.outgoing.key)
        raise NotDelivered(Answer.UNKNOWN if mood in {"lost", "vain"} else Answer(mood), mood)

    async def find(self, parcel) -> Delivered | None:
        mood = self.moods.pop(0) if self.moods else "works"
        if mood != "works":
            raise NotDelivered(Answer.UNKNOWN if mood in {"lost", "vain"} else Answer(mood), mood)
        found = any(key == parcel.outgoing.key for _, key in self.records)
        return Delivered(id=parcel.outgoing.key) if found else None

    async def reauthorise(self) -> bool:
        return False


class Outbox(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = HandClock()
        self.crm = ForgetfulCrm()
        self.put: list = []
        self.counts = [0] * CLIENTS
        self.lives = 0
        self.begun: list[list[tuple[float, Attempt]]] = [[], []]

    @initialize()
    def open(self) -> None:
        folder = Path(self.folder.name)
        self.runner.run(migrate(URL, folder))
        self.store = self.runner.run(Store.open(URL, data_dir=folder))
        self.nodes = [self.node(), self.node()]

    def node(self) -> Delivery:
        self.lives += 1
        return Delivery(
            self.store, self.clock, self.crm, LIMITS, system=SYSTEM, holder=f"life {self.lives}", chance=lambda: 0.5,
            tally=Tally(),
        )  # fmt: skip

    @rule(client=st.integers(0, CLIENTS - 1), more=st.integers(1, 3))
    def decide(self, client, more) -> None:
        items = parcels_of(client, self.counts[client] + more, first=self.counts[client])
        self.counts[client] += more
        self.put += items
        self.runner.run(put(self.store, items, self.clock.now()))

    @rule()
    def decide_the_same_again(self) -> None:
        assert self.runner.run(put(self.store, self.put, self.clock.now())) == 0

    @rule(moods=st.lists(st.sampled_from(["works", "lost", "vain", "retry", "park", "reauthorise"]), max_size=4))
    def grow_ill(self, moods) -> None:
        self.crm.moods = list(moods)

    @rule(who=st.integers(0, 1))
    def claim(self, who) -> None:
        now = self.clock.now()
        self.begun[who] += [(now, attempt) for attempt in self.runner.run(self.nodes[who].turn())]

    @rule(who=st.integers(0, 1), noted=st.booleans())
    def tell(self, who, noted) -> None:
        """Not noted: its task is cut off when the CRM has answered and nobody has written it down."""
        if self.begun[who]:
            since, attempt = self.begun[who].pop(0)
            if self.clock.now() - since >= LIMITS.attempt_seconds:  # its own clock has ended it by then
                attempt = replace(attempt, ends=0.0)
            settled = self.runner.run(self.nodes[who].attempt(attempt))
            if noted:
                self.nodes[who].note(settled)

    @rule(who=st.integers(0, 1))
    def crash(self, who) -> None:
        self.begun[who] = []
        self.nodes[who] = self.node()

    @rule(seconds=st.sampled_from([1.0, 10.0, 19.0, 26.0]))
    def pass_by(self, seconds) -> None:
        self.clock.advance(seconds)

    @rule()
    def replay(self) -> None:
        async def again() -> None:
            async with self.store.writing() as conn:
                await replay_dead(conn, self.clock.now())

        self.runner.run(again())

    @invariant()
    def nothing_is_there_twice_and_nothing_out_of_order(self) -> None:
        keys = [key for _, key in self.crm.records]
        assert len(keys) == len(set(keys))
        for lane, told in self.told().items():
            assert told == intended(self.put)[lane][: len(told)]

    def told(self) -> dict[str, list[str]]:
        found = defaultdict(list)
        for lane, key in self.crm.records:
            found[lane].append(key)
        return dict(found)

    def teardown(self) -> None:
        if not hasattr(self, "store"):
            return
        self.crm.moods = []
        for _ in range(2):
            self.replay()
            self.runner.run(drive(self.node(), self.clock, 3600.0, step=60.0))
        assert self.told() == intended(self.put)
        states = {item.state for item in self.runner.run(listed(self.store))}
        assert states <= {OutboxState.DONE}
        self.runner.run(self.store.close())
        self.runner.close()
        self.folder.cleanup()


TestOutbox = Outbox.TestCase
TestOutbox.settings = settings(max_examples=10, stateful_step_count=20, deadline=None)
