"""After the company has changed: whoever was unknown and is known now gets his calls (D18)."""

from dataclasses import dataclass, replace
from itertools import chain

import structlog

from bridge.flow.bulletin import Bulletin, Change, Shown, Topic, change_of
from bridge.flow.clock import Clock
from bridge.flow.credit import handed_to, keepers
from bridge.model.crm import Client
from bridge.model.effects import CompleteTask, HandOver, Verdict
from bridge.model.moment import Instant
from bridge.model.outgoing import Outgoing
from bridge.model.people import Company, Employee
from bridge.model.phone import PhoneNumber, lookup_keys
from bridge.model.situation import Occasion
from bridge.rules import ledger
from bridge.rules.outgoing import Cause, outgoing
from bridge.rules.staff import employee_of, subject_of_party, unknown_party
from bridge.store.calls import CallRecord, calls_of_unknown_party, save_calls, unknown_parties
from bridge.store.claims import hold_lanes
from bridge.store.clients import clients, contact_names, settings_tasks
from bridge.store.engine import Connection, Store
from bridge.store.outbox import enqueue
from bridge.store.records import Changes, NewVerdict, save

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Credited:
    """A call as it is after somebody in it became known, and what is handed to him on its account."""

    record: CallRecord
    handed: HandOver | None


async def credit_known_parties(
    store: Store, clock: Clock, company: Company, bulletin: Bulletin, system: str | None = None
) -> int:
    """Look through the calls in which somebody unknown took part; gives how many are credited to an employee now.

    His settings task closes. What those calls had opened and the top manager still keeps untouched is handed to him.
    `system` is the remote system that is told of it, None: there is none.

    Raises:
        StoreUnavailable: what was committed stays, the rest is found the next time.

    """
    async with store.reading() as conn:
        parties = await unknown_parties(conn)
    credited = 0
    for party in parties:
        employee = employee_of(company, party)
        if employee is not None:
            async with store.writing() as conn:
                news = await _credit(conn, company, party, employee, now=clock.now(), system=system)
            calls = [change for change in news if change.topic is Topic.CALL]
            log.info("employee.recognised", employee=employee.id, calls=len(calls))
            bulletin.publish(news)
            credited += len(calls)
    return credited


async def _credit(
    conn: Connection, company: Company, party: str, employee: Employee, *, now: Instant, system: str | None
) -> list[Change]:
    """Credit him with everything that this party has done; gives what has changed."""
    subject = subject_of_party(party)
    theirs = {record.lane for record in await calls_of_unknown_party(conn, party)}
    contacts = chain.from_iterable((await contact_names(conn, theirs)).values())
    await hold_lanes(conn, {*theirs, *contacts, f"subject:{subject}"})
    found = [record for record in await calls_of_unknown_party(conn, party) if record.lane in theirs]
    before = await _clients_of(conn, found)
    after = dict(before)
    credited = [_credited(record, after, company) for record in found]
    changed = [ledger.changes(before[lane], after[lane]) for lane in before]
    tasks = Client(lane=subject, tasks=tuple((await settings_tasks(conn, [subject])).values()))
    note = f"{party} is {employee.name} now; {len(found)} calls were credited."
    closing = [CompleteTask(task_id=task.id, at=now, note=note) for task in tasks.tasks]
    done = ledger.apply_all(tasks, closing)
    changes = Changes(
        contacts=[contact for part in changed for contact in part.contacts],
        organisations=[organisation for part in changed for organisation in part.organisations],
        leads=[lead for part in changed for lead in part.leads],
        tasks=done.tasks,
        verdicts=[_verdict(each, employee, now) for each in credited if each.handed is not None],
    )
    await save_calls(conn, [each.record for each in credited])
    await save(conn, changes)
    if system is not None:
        told = [item for each in credited if each.handed for item in _told(system, each.record, each.handed, now)]
        told += outgoing(system, Cause(fact=subject, lane=subject, at=now), closing, {})
        await enqueue(conn, system, told, now)
    news = [change_of(record) for record in chain[Shown](changes.leads, changes.contacts, changes.tasks)]
    return news + [change_of(each.record) for each in credited]


def _told(system: str, record: CallRecord, handed: HandOver, now: Instant) -> list[Outgoing]:
    cause = Cause(
        fact=record.key,
        lane=record.lane,
        at=now,
        call=record.key,
        scenario=record.scenario,
        client_number=record.client_number,
    )
    return outgoing(system, cause, [handed], {})


async def _clients_of(conn: Connection, records: list[CallRecord]) -> dict[str, Client]:
    numbers = {record.lane: record.client_number for record in records}
    return await clients(
        conn,
        {lane: lookup_keys(PhoneNumber(number)) if number else frozenset() for lane, number in numbers.items()},
    )


def _credited(record: CallRecord, known: dict[str, Client], company: Company) -> _Credited:
    call = record.body
    first, last = employee_of(company, call.first_talker), employee_of(company, call.last_talker)
    handed = None
    if record.answered_by is None and first is not None:
        facts = (record.key, *call.merged)
        handed = handed_to(known[record.lane], facts, first.id, keepers(company.policy))
        if handed is not None:
            known[record.lane] = ledger.apply(known[record.lane], handed)
    return _Credited(
        record=replace(
            record,
            answered_by=first.id if first is not None else None,
            last_talker=last.id if last is not None else None,
            unknown_party=unknown_party(company, call) or None,
        ),
        handed=handed,
    )


def _verdict(credited: _Credited, employee: Employee, now: Instant) -> NewVerdict:
    record = credited.record
    effects = (credited.handed,) if credited.handed is not None else ()
    return NewVerdict(
        fact=record.key,
        call_id=record.id,
        occasion=Occasion.ENDED,
        decided_at=now,
        matrix=record.matrix or "",
        verdict=Verdict(
            scenario=record.scenario,
            effects=effects,
            reasons=(f"D18: {employee.name} is known now, what the call opened is handed to him",),
            answerer_id=employee.id,
        ),
    )
