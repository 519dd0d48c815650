"""After the company has changed: whoever was unknown and is known now gets his calls (D18)."""

from dataclasses import dataclass, replace
from itertools import chain

import structlog

from bridge.flow.bulletin import Bulletin, Change, Shown, change_of
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
from bridge.store.claims import hold_lanes, is_shared
from bridge.store.clients import clients, contact_names, settings_tasks
from bridge.store.engine import Connection, Store
from bridge.store.outbox import enqueue
from bridge.store.records import Changes, NewVerdict, save

log = structlog.get_logger()

AT_ONCE = 200
"""Calls that are credited in one transaction."""


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
            work = _Work(store, clock, company, party=party, employee=employee, system=system)
            while await work.some():
                bulletin.publish(work.news)
            bulletin.publish(work.news)
            log.info("employee.recognised", employee=employee.id, calls=work.credited)
            credited += work.credited
    return credited


class _Work:
    """What this party has done, credited to this employee, some calls at a time; `news` is what changed the last time.

    People at the same store wait for no more than that.
    """

    def __init__(
        self, store: Store, clock: Clock, company: Company, *, party: str, employee: Employee, system: str | None
    ) -> None:
        self._store = store
        self._clock = clock
        self._company = company
        self._party = party
        self._employee = employee
        self._system = system
        self._subject = subject_of_party(party)
        self.credited = 0
        self.news: list[Change] = []

    async def some(self) -> bool:
        """Credit him with some of it; gives whether there is more. With the last of it his settings task closes."""
        touched: frozenset[str] = frozenset()
        while True:
            async with self._store.writing() as conn:
                await hold_lanes(conn, touched)
                found = await calls_of_unknown_party(conn, self._party, AT_ONCE + 1)
                some, more = found[:AT_ONCE], len(found) > AT_ONCE
                wanted = await self._touched(conn, some)
                if not is_shared(conn) or wanted <= touched:
                    return await self._credit(conn, some, more=more)
            touched |= wanted  # another node may work on them until they are held: to be read again then

    async def _touched(self, conn: Connection, records: list[CallRecord]) -> frozenset[str]:
        lanes = {record.lane for record in records}
        contacts = chain.from_iterable((await contact_names(conn, lanes)).values())
        return frozenset({*lanes, *contacts, f"subject:{self._subject}"})

    async def _credit(self, conn: Connection, records: list[CallRecord], *, more: bool) -> bool:
        now, company = self._clock.now(), self._company
        before = await _clients_of(conn, records)
        after = dict(before)
        credited = [_credited(record, after, company) for record in records]
        changed = [ledger.changes(before[lane], after[lane]) for lane in before]
        self.credited += len(credited)
        open_tasks = () if more else tuple((await settings_tasks(conn, [self._subject])).values())
        tasks = Client(lane=self._subject, tasks=open_tasks)
        note = f"{self._party} is {self._employee.name} now; the calls are credited."
        closing = [CompleteTask(task_id=task.id, at=now, note=note) for task in tasks.tasks]
        changes = Changes(
            contacts=[contact for part in changed for contact in part.contacts],
            organisations=[organisation for part in changed for organisation in part.organisations],
            leads=[lead for part in changed for lead in part.leads],
            tasks=ledger.apply_all(tasks, closing).tasks,
            verdicts=[_verdict(each, self._employee, now) for each in credited if each.handed is not None],
        )
        await save_calls(conn, [each.record for each in credited])
        await save(conn, changes)
        if self._system is not None:
            told = [item for each in credited for item in _told(self._system, each, now)]
            told += outgoing(self._system, Cause(fact=self._subject, lane=self._subject, at=now), closing, {})
            await enqueue(conn, self._system, told, now)
        calls = [each.record for each in credited]
        self.news = [
            change_of(record) for record in chain[Shown](changes.leads, changes.contacts, changes.tasks, calls)
        ]
        return more and any(call.unknown_party != self._party for call in calls)


def _told(system: str, credited: _Credited, now: Instant) -> list[Outgoing]:
    record, handed = credited.record, credited.handed
    cause = Cause(
        fact=record.key,
        lane=record.lane,
        at=now,
        call=record.key,
        scenario=record.scenario,
        client_number=record.client_number,
    )
    return outgoing(system, cause, [handed] if handed is not None else [], {})


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
