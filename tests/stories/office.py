"""A whole bridge without its doors: real store, real intake, real lanes, a clock set by hand. Stories happen to it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bridge.flow.bulletin import Bulletin
from bridge.flow.chores import Chores
from bridge.flow.intake import Accepted, Intake
from bridge.flow.lanes import Lanes
from bridge.flow.tally import Tally
from bridge.model.crm import Case, Contact, Lead, Organisation, Task, TaskStatus
from bridge.model.events import Event
from bridge.model.moment import Instant
from bridge.model.people import Company
from bridge.rules.matrix import read_matrix
from bridge.store import queries
from bridge.store.calls import CallRecord, calls_by_key
from bridge.store.engine import Store
from tests.flow.builders import acme
from tests.flow.hand_clock import HandClock
from tests.stores import has_tables

URL = "sqlite:///bridge.db"
SCENARIOS = (Path(__file__).parents[2] / "config" / "scenarios.toml").read_text()
MATRIX = read_matrix(SCENARIOS)
ALL = 1000


class Office:
    """Everything happens when the story says so: `hear` some facts, let time `pass_by`, `look` at what is there."""

    def __init__(self, store: Store, company: Company, clock: HandClock) -> None:
        self.store = store
        self.clock = clock
        self.company = company
        self.tally = Tally()
        self.bulletin = Bulletin()
        self.lanes = Lanes(store, clock, company, MATRIX, SCENARIOS, bulletin=self.bulletin, tally=self.tally)
        self.intake = Intake(store, company, self.tally, self.lanes.wake, clock=clock)
        self.chores = Chores(store, clock, company, bulletin=self.bulletin, wake=self.lanes.wake)

    async def store_facts(self, *events: Event) -> Accepted:
        """Only acknowledged, not handled."""
        async with asyncio.TaskGroup() as tasks:
            writer = tasks.create_task(self.intake.work())
            accepted = await self.intake.accept(events)
            writer.cancel()
        return accepted

    async def work(self) -> None:
        """Handle everything that can be handled now."""
        while await self.lanes.turn():
            pass

    async def hear(self, *events: Event) -> Accepted:
        """The facts come in one after the other, each at its moment, and are handled at once."""
        accepted = duplicates = 0
        for event in events:
            self.clock.advance(max(0.0, event.received_at - self.clock.now()))
            stored = await self.store_facts(event)
            accepted, duplicates = accepted + stored.accepted, duplicates + stored.duplicates
            await self.work()
        return Accepted(accepted=accepted, duplicates=duplicates)

    async def pass_by(self, seconds: Instant) -> None:
        self.clock.advance(seconds)
        await self.work()

    async def settle(self, *events: Event) -> None:
        """The facts come in, and the time passes after which ended calls are judged."""
        await self.hear(*events)
        await self.pass_by(self.company.policy.settle)

    async def change_company(self, company: Company) -> None:
        self.company = company
        self.lanes.use(company, MATRIX, SCENARIOS)
        self.intake.use(company)
        self.chores.use(company)
        await self.chores.round()

    async def _all(self, page_of: Any, **wanted: Any) -> tuple[Any, ...]:
        async with self.store.reading() as conn:
            page = await page_of(conn, limit=ALL, **wanted)
        return tuple(reversed(page.items))

    async def leads(self) -> tuple[Lead, ...]:
        return await self._all(queries.page_of_leads)

    async def contacts(self) -> tuple[Contact, ...]:
        return await self._all(queries.page_of_contacts)

    async def organisations(self) -> tuple[Organisation, ...]:
        return await self._all(queries.page_of_organisations)

    async def tasks(self, status: TaskStatus | None = None) -> tuple[Task, ...]:
        return await self._all(queries.page_of_tasks, status=status)

    async def cases(self) -> tuple[Case, ...]:
        return await self._all(queries.page_of_cases)

    async def calls(self) -> tuple[CallRecord, ...]:
        """Those that people see."""
        return await self._all(queries.page_of_calls)

    async def notes(self, **wanted: Any) -> tuple[Any, ...]:
        return await self._all(queries.page_of_notes, **wanted)

    async def call(self, key: str) -> CallRecord:
        async with self.store.reading() as conn:
            return (await calls_by_key(conn, [key]))[key]

    async def verdicts(self, key: str) -> list[queries.StoredVerdict]:
        async with self.store.reading() as conn:
            return await queries.verdicts_of_call(conn, (await calls_by_key(conn, [key]))[key].id)

    async def counters(self) -> dict[str, int]:
        async with self.store.reading() as conn:
            return {name: value for (name, _day), value in (await queries.counters(conn)).items()}

    async def everything(self) -> dict[str, tuple[Any, ...]]:
        """All that people can see, for comparing two courses of the same events."""
        return {
            "leads": await self.leads(),
            "contacts": await self.contacts(),
            "organisations": await self.organisations(),
            "tasks": await self.tasks(),
            "cases": await self.cases(),
            "calls": await self.calls(),
        }


@asynccontextmanager
async def open_office(
    folder: Path, company: Company | None = None, clock: HandClock | None = None, *, url: str = URL
) -> AsyncIterator[Office]:
    """The office over the store at this URL (or in this folder), which is made if it is not there."""
    has_tables(url, folder)
    store = await Store.open(url, data_dir=folder)
    try:
        yield Office(store, company or acme(), clock or HandClock())
    finally:
        await store.close()
