"""Whatever is pushed, repeated and reordered, whenever time passes and whenever it crashes: the same is made of it as
by a bridge that was never disturbed.

The model knows which facts were acknowledged and nothing else; what they must lead to, an undisturbed bridge says that
gets the same facts in the same order and handles them all at once.
"""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import event as note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bridge.model.call import Direction, Outcome, Talk
from bridge.model.crm import Contact, record_id
from bridge.model.events import Event
from bridge.rules.matrix import read_matrix
from bridge.store.journal import EntryState, entries
from bridge.store.records import Changes, save
from tests.flow.builders import (
    BELLA,
    CARLA,
    acme,
    answered,
    missed,
    pbx_call,
    recorded,
    ringing,
    seen,
    talked,
    transferred,
)
from tests.flow.hand_clock import NOON, HandClock
from tests.stories.a_day import BLOCKED
from tests.stories.office import SCENARIOS, URL, Office, open_office
from tests.stories.test_any_order import gist
from tests.stories.test_crashes import PlugPulled, pull_the_plug

T = TypeVar("T")
COMPANY = acme(blocked=[BLOCKED])
MORNING_OVER = 600.0
LATER = 7200.0
CARLAS_OTHER = "+447700900309"
MOST_STEPS = 30
"""Instructions of a batch after which the plug may be pulled; a batch has some twenty."""

LEG = pbx_call("m", raw_number=None)
WHOLE = pbx_call(
    "k",
    raw_number=CARLA,
    merged=(LEG.key,),
    answered_at=NOON + 6,
    ended_at=NOON + 30,
    outcome=Outcome.ANSWERED,
    talked=(Talk(party="101", since=NOON + 6, until=NOON + 30),),
)
FACTS: tuple[Event, ...] = (
    ringing("a1", NOON),
    missed("a1", NOON + 20),
    missed("a2", NOON + 50),
    talked("a3", NOON + 200, direction=Direction.OUTBOUND, employee="101"),
    ringing("b1", NOON + 100, client_number=BELLA),
    answered("b1", NOON + 106, client_number=BELLA, employee="101"),
    transferred("b1", NOON + 120, client_number=BELLA),
    answered("b1", NOON + 125, client_number=BELLA, employee="102"),
    talked("b1", NOON + 160, client_number=BELLA, employee="102"),
    recorded("b1", NOON + 161),
    missed("b2", NOON + 300, client_number=BELLA),
    missed("c1", NOON + 10, client_number=CARLA),
    talked("c1", NOON + 11, client_number=CARLA, employee="102"),
    ringing("d1", NOON + 12, client_number=CARLAS_OTHER),
    answered("d1", NOON + 13, client_number=CARLAS_OTHER, employee="101"),
    missed("d2", NOON + 14, client_number=CARLAS_OTHER),
    talked("x1", NOON + 80, client_number=BLOCKED),
    recorded("x1", NOON + 85),
    talked("i1", NOON + 10, direction=Direction.INTERNAL, client_number="102"),
    missed("h1", NOON + 9, client_number="anonymous"),
    missed("h2", NOON + 9, client_number=None),
    talked("h1", NOON + 14, client_number=BELLA, employee="102"),
    missed("h2", NOON + 15, client_number=CARLA),
    seen(LEG),
    seen(replace(LEG, revision=2, ended_at=NOON + 20, outcome=Outcome.MISSED)),
    seen(WHOLE),
)
TWO_NUMBERS = Contact(
    id=record_id("contact", "old"),
    name="Carla",
    phones=(CARLA, CARLAS_OTHER),
    owner_id="eve",
    origin="old",
    created_at=0.0,
)
SOME = st.lists(st.sampled_from(range(len(FACTS))), min_size=1, max_size=6)
WHEN = st.integers(0, MOST_STEPS)


async def know_somebody(office: Office) -> None:
    """A client from before the story, who has two numbers."""
    async with office.store.writing() as conn:
        await save(conn, Changes(contacts=[TWO_NUMBERS]))


class CrashingBridge(RuleBasedStateMachine):
    """One bridge that goes through all this. For another store override `new_store`, `plug_pulled` and `forget`."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder, self.url = self.new_store()
        self.clock = HandClock(NOON + MORNING_OVER)
        self.acknowledged: dict[str, Event] = {}
        self.reloads = 0
        self.open = AsyncExitStack()
        self.office: Office

    def new_store(self) -> tuple[Path, str]:
        return Path(tempfile.mkdtemp()), URL

    def forget(self, folder: Path, _url: str) -> None:
        shutil.rmtree(folder)

    @asynccontextmanager
    async def plug_pulled(self, *, before: int) -> AsyncIterator[None]:
        """In this block the process dies before the n-th instruction to the database."""
        await self.office.store._writer.dispose()  # its connection was made before the plug could be pulled
        await pull_the_plug(self.office.store, before=before)
        yield

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    async def start(self) -> None:
        self.office = await self.open.enter_async_context(open_office(self.folder, COMPANY, self.clock, url=self.url))

    async def restart(self) -> None:
        """Nothing of the process survives but its store."""
        await self.open.aclose()
        await self.start()

    @initialize()
    def begins(self) -> None:
        self.do(self.start())
        self.do(know_somebody(self.office))

    @rule(which=SOME)
    def facts_are_pushed(self, which: list[int]) -> None:
        self.do(self.push(self.told(which)))

    @rule(which=SOME, before=WHEN)
    def the_plug_is_pulled_while_facts_are_stored_and_they_are_sent_again(self, which: list[int], before: int) -> None:
        facts = self.told(which)
        self.do(self.crash_at(self.office.store_facts(*facts), before))
        self.do(self.push(facts))

    @rule(which=SOME)
    def it_crashes_before_the_sender_hears_that_they_are_stored(self, which: list[int]) -> None:
        facts = self.told(which)
        self.do(self.office.store_facts(*facts))
        self.do(self.restart())
        assert self.do(self.office.store_facts(*facts)).accepted == 0
        self.remember(facts)

    @rule(size=st.sampled_from([1, 2, 3, 200]))
    def the_lanes_take_a_turn(self, size: int) -> None:
        self.office.lanes._size = size
        self.do(self.office.lanes.turn())

    @rule(before=WHEN, size=st.sampled_from([1, 3, 200]))
    def the_plug_is_pulled_while_the_lanes_work(self, before: int, size: int) -> None:
        self.office.lanes._size = size
        self.do(self.crash_at(self.office.work(), before))

    @rule(seconds=st.sampled_from([0.5, 3.0, 60.0, 4000.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule()
    def it_crashes(self) -> None:
        self.do(self.restart())

    @rule()
    def the_configuration_is_read_again(self) -> None:
        """Other in its words, the same in its meaning."""
        self.reloads += 1
        text = f"{SCENARIOS}\n# {self.reloads}\n"
        self.office.lanes.use(COMPANY, read_matrix(text), text)
        self.office.intake.use(COMPANY)

    @precondition(lambda self: self.acknowledged)
    @invariant()
    def every_acknowledged_fact_is_there_once_and_none_is_put_aside(self) -> None:
        assert self.do(self.stored(None)) == sorted(self.acknowledged)
        assert self.do(self.stored(EntryState.FAILED)) == []

    def teardown(self) -> None:
        try:
            if hasattr(self, "office"):
                made, expected = self.do(self.outcome()), self.do(self.undisturbed())
                assert made == expected
        finally:
            self.runner.run(self.open.aclose())
            self.runner.close()
            self.forget(self.folder, self.url)

    def told(self, which: list[int]) -> list[Event]:
        return [replace(FACTS[number], received_at=self.clock.now()) for number in which]

    def remember(self, facts: list[Event]) -> None:
        for fact in facts:
            self.acknowledged.setdefault(fact.event_id, fact)

    async def push(self, facts: list[Event]) -> None:
        accepted = await self.office.store_facts(*facts)
        assert accepted.accepted + accepted.duplicates == len(facts)
        self.remember(facts)

    async def crash_at(self, work: Coroutine[Any, Any, Any], before: int) -> None:
        """Die before the n-th instruction to the database, or at the end if there are not so many."""
        try:
            async with self.plug_pulled(before=before):
                await work
        except PlugPulled:
            note("the plug was pulled while the lanes worked")
        except BaseExceptionGroup as group:  # the writer dies, and who waits for it is refused
            if group.subgroup(PlugPulled) is None:
                raise
            note("the plug was pulled while facts were stored")
        await self.restart()

    async def stored(self, state: EntryState | None) -> list[str]:
        async with self.office.store.reading() as conn:
            return sorted(entry.event_id for entry in (await entries(conn, state=state, limit=100)).items)

    async def outcome(self) -> dict[str, Any]:
        await self.office.work()
        await self.office.pass_by(LATER)
        assert await self.stored(EntryState.PENDING) == []
        return gist(await self.office.everything()) | {"counters": await self.office.counters()}

    async def undisturbed(self) -> dict[str, Any]:
        folder, url = self.new_store()
        try:
            async with open_office(folder, COMPANY, HandClock(self.clock.now()), url=url) as office:
                await know_somebody(office)
                if self.acknowledged:
                    await office.store_facts(*self.acknowledged.values())
                await office.work()
                return gist(await office.everything()) | {"counters": await office.counters()}
        finally:
            self.forget(folder, url)
