"""What the store's bulk operations cost, on a fresh file or one filled with `--contacts N` clients.

    python bench/store.py [--contacts 100000] [--rounds 5]

Each figure is the best of the rounds, in milliseconds for one call.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from bridge.model.call import Call, Direction, HungUpBy, Outcome, Rang, RangResult, Talk
from bridge.model.crm import (
    Case,
    Client,
    Contact,
    Deal,
    Lead,
    LeadStatus,
    Organisation,
    Task,
    TaskKind,
    TaskStatus,
    record_id,
)
from bridge.model.effects import AddTask, OpenContact, OpenLead, OpenOrganisation, Refusal, Verdict
from bridge.model.events import CallSeen
from bridge.model.situation import Occasion
from bridge.store.calls import CallRecord, calls_by_key, save_calls
from bridge.store.clients import clients
from bridge.store.engine import Connection, Store
from bridge.store.journal import NewEntry, append_new, finish, pending
from bridge.store.migrate import migrate
from bridge.store.queries import responsible_for
from bridge.store.records import Changes, NewVerdict, save

START = 1_790_000_000.0
URL = "sqlite:///bridge.db"


def number_of(n: int) -> str:
    return f"+1202555{n:07d}"


def call_of(n: int, revision: int = 3) -> Call:
    at = START + n
    return Call(
        key=f"pbx/{at:.0f}.{n}",
        source="pbx",
        platform_call_id=f"{at:.0f}.{n}",
        direction=Direction.INBOUND,
        started_at=at,
        raw_number=number_of(n),
        raw_line="+442079460000",
        queue="sales",
        rang=(
            Rang(party="101", since=at + 1, until=at + 7, result=RangResult.ANSWERED),
            Rang(party="102", since=at + 1, until=at + 7, result=RangResult.ELSEWHERE),
        ),
        talked=(Talk(party="101", since=at + 7, until=at + 99),),
        recordings=(f"https://pbx.example/monitor/{n}.wav",),
        answered_at=at + 7,
        ended_at=at + 99,
        outcome=Outcome.ANSWERED,
        hung_up_by=HungUpBy.CLIENT,
        revision=revision,
    )


def entry_of(n: int, revision: int = 3) -> NewEntry:
    call = call_of(n, revision)
    seen = CallSeen(
        event_id=f"{call.key}#{revision}",
        source="pbx",
        occurred_at=call.started_at,
        received_at=call.started_at,
        call=call,
    )
    return NewEntry(event=seen, lane=number_of(n))


def record_of(n: int) -> CallRecord:
    return CallRecord(
        id=record_id("call", call_of(n).key),
        lane=number_of(n),
        body=call_of(n),
        client_number=number_of(n),
        line_number="+442079460000",
        outcome=Outcome.ANSWERED,
        answered_by="jan",
        last_talker="jan",
        lead_id=record_id("lead", str(n)),
        contact_id=record_id("contact", str(n)),
        scenario="S3",
        pickup_judged=True,
        judged_at=START + n,
        matrix="m",
        client_before=Client(lane=number_of(n)),
    )


def changes_of(numbers: range) -> Changes:
    def ids(n: int) -> tuple[str, str, str]:
        return record_id("contact", str(n)), record_id("organisation", str(n)), record_id("lead", str(n))

    contacts, organisations, leads, tasks, verdicts, cases, deals = [], [], [], [], [], [], []
    for n in numbers:
        contact, organisation, lead = ids(n)
        call = record_id("call", call_of(n).key)
        common = {"origin": f"pbx/{n}", "created_at": START + n}
        contacts.append(
            Contact(
                id=contact, name="Ann", phones=(number_of(n),), owner_id="jan", organisation_id=organisation, **common
            )
        )
        organisations.append(Organisation(id=organisation, name="Acme", owner_id="jan", **common))
        status = LeadStatus.OPEN if n % 2 else LeadStatus.CONVERTED
        leads.append(
            Lead(
                id=lead,
                title=f"Call {lead}",
                status=status,
                owner_id="jan",
                contact_id=contact,
                organisation_id=organisation,
                **common,
            )
        )
        tasks.append(
            Task(
                id=record_id("task", str(n)),
                kind=TaskKind.CALLBACK,
                status=TaskStatus.OPEN if n % 4 == 0 else TaskStatus.DONE,
                assignee_id="jan",
                title="Call back",
                text="He rang for 7 seconds",
                due_at=START,
                lead_id=lead,
                contact_id=contact,
                call_id=call,
                scenario="S4",
                **common,
            )
        )
        if n % 10 == 0:
            deals.append(Deal(id=record_id("deal", str(n)), title="Deal", contact_id=contact, lead_id=lead, **common))
            cases.append(
                Case(
                    id=record_id("case", str(n)),
                    client=number_of(n),
                    client_number=number_of(n),
                    line_number="+442079460000",
                    attempts=1,
                    first_at=START,
                    last_at=START,
                    due_at=START,
                    task_id=record_id("task", str(n)),
                )
            )
        effects = (
            OpenContact(contact=contacts[-1]),
            OpenOrganisation(organisation=organisations[-1]),
            OpenLead(lead=leads[-1]),
            AddTask(task=tasks[-1]),
        )
        decided = Verdict(
            scenario="S4",
            effects=effects,
            reasons=("nobody answered", "the client is new"),
            refusals=tuple(Refusal(scenario=f"S{i}", condition="client", found="new") for i in range(3)),
        )
        verdicts.append(
            NewVerdict(
                fact=f"pbx/{n}",
                call_id=call,
                occasion=Occasion.ENDED,
                decided_at=START + n,
                matrix="m",
                verdict=decided,
            )
        )
    return Changes(
        contacts=contacts,
        organisations=organisations,
        leads=leads,
        deals=deals,
        tasks=tasks,
        cases=cases,
        verdicts=verdicts,
    )


async def fill(store: Store, contacts: int) -> None:
    for start in range(0, contacts, 5000):
        async with store.writing() as conn:
            numbers = range(start, min(start + 5000, contacts))
            await save(conn, changes_of(numbers))
            await save_calls(conn, [record_of(n) for n in numbers])


async def timed(store: Store, job: Callable[[Connection], Awaitable[object]]) -> float:
    async with store.writing() as conn:
        before = time.perf_counter()
        await job(conn)
        return (time.perf_counter() - before) * 1000


async def measure(contacts: int, rounds: int) -> None:
    best: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        await migrate(URL, Path(folder))
        store = await Store.open(URL, data_dir=Path(folder))
        await fill(store, contacts)
        for k in range(rounds):
            base = contacts + 10_000 * (k + 1)
            known = range(k * 500 % max(contacts - 500, 1), k * 500 % max(contacts - 500, 1) + 500)
            news, batch = [entry_of(n) for n in range(base, base + 1000)], range(base, base + 500)
            made, calls = changes_of(batch), [record_of(n) for n in batch]
            wanted = {number_of(n): frozenset({number_of(n)}) for n in known}
            keys = [call_of(n).key for n in known]
            jobs: dict[str, Callable[[Connection], Awaitable[object]]] = {
                "append 1000 new": lambda conn, news=news: append_new(conn, news),
                "append 1000 known": lambda conn, news=news: append_new(conn, news),
                "pending 500": lambda conn: pending(conn, 500),
                "clients of 500 lanes": lambda conn, wanted=wanted: clients(conn, wanted),
                "500 calls by key": lambda conn, keys=keys: calls_by_key(conn, keys),
                "save 500 calls": lambda conn, calls=calls: save_calls(conn, calls),
                "save 500 calls again": lambda conn, calls=calls: save_calls(conn, calls),
                "save 500 x (3 records, task, verdict)": lambda conn, made=made: save(conn, made),
                "responsible for one": lambda conn, keys=known: responsible_for(conn, [number_of(keys[0])]),
            }
            for name, job in jobs.items():
                spent = await timed(store, job)
                best[name] = min(best.get(name, spent), spent)
            async with store.writing() as conn:
                ids = [entry.id for entry in await pending(conn, 1000)]
            spent = await timed(store, lambda conn, ids=ids: finish(conn, ids, START))
            best["finish 1000"] = min(best.get("finish 1000", spent), spent)
        before = time.perf_counter()
        async with store.writing() as conn:
            await append_new(conn, [entry_of(1, revision=99)])
        best["append 1 and commit"] = (time.perf_counter() - before) * 1000
        await store.close()
    for name, milliseconds in best.items():
        print(f"{name:40} {milliseconds:8.2f} ms")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    asyncio.run(measure(options.contacts, options.rounds))
