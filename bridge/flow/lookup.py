"""Lays out a batch: everything that its facts may touch, with a number of queries that does not grow with the batch."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bridge.flow.batch import BLOCKED, Batch
from bridge.flow.folding import Told
from bridge.flow.timers import Agenda
from bridge.model.crm import Case, Client, Task, TaskKind, TaskStatus, record_id
from bridge.model.moment import Instant
from bridge.model.people import Company
from bridge.model.phone import PhoneNumber, lookup_keys
from bridge.rules.rows import Matrix
from bridge.rules.staff import settings_subject
from bridge.store.blocked import blocked_among
from bridge.store.calls import CallRecord, short_abandons
from bridge.store.claims import Held
from bridge.store.clients import cases_by_id, clients, name_of_contact, settings_tasks, tasks_of_calls
from bridge.store.engine import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the company wants at present: who it is, and its scenarios, read and as they were written.

    `matrices` are those with the older versions that calls began with. `system` is the remote system that is told of
    every effect, None: there is none.
    """

    company: Company
    matrix: Matrix
    scenarios: str
    matrices: dict[str, Matrix]
    system: str | None = None


async def lay_out(
    conn: Connection, told: Sequence[Told], known: Iterable[CallRecord], due: Sequence[CallRecord], *,
    held: Held, wishes: Wishes, now: Instant,
) -> Batch:  # fmt: skip
    """The batch of these facts and of these calls that are to be judged.

    Facts of two clients who share a record cannot share a batch, since each would change his own copy; those of the
    later one stay in the journal for the next batch (`Batch.put_off`). The same goes for a client who shares a contact
    with one whom another node is at work on.
    """
    company = wishes.company
    records = {record.key: record for record in (*due, *known)}
    lanes = _lanes(told, records.values())
    keys = frozenset().union(*lanes.values())
    found = await clients(conn, lanes)
    absorbed = {key for each in told if each.call is not None for key in each.call.merged}
    await _add_own_records(conn, found, records.values(), absorbed)
    put_off = _sharing(found) | _elsewhere(found, held)
    settings = await _settings_tasks(conn, told, due, company)
    for client in found.values():
        for task in client.tasks:
            if task.kind is TaskKind.SETTINGS and task.status is TaskStatus.OPEN and task.subject is not None:
                settings.setdefault(task.subject, task)
    late = {each.key for each in told if each.who.lane in put_off}
    late |= {record.key for record in records.values() if record.lane in put_off}
    return Batch(
        company=company,
        now=now,
        matrix=wishes.matrix,
        matrices=wishes.matrices,
        told=[each for each in told if each.key not in late],
        agenda=Agenda(records[record.key] for record in due if record.key not in late),
        records=records,
        clients=found,
        system=wishes.system,
        blocked=(company.blocked & keys) | await blocked_among(conn, keys),
        gave_up=await _gave_up(conn, found, told, records.values(), company),
        settings_tasks=settings,
        put_off=len(late),
    )


def _lanes(told: Iterable[Told], records: Iterable[CallRecord]) -> dict[str, frozenset[str]]:
    """The lanes of everybody concerned, each with the keys by which the client is found."""
    lanes = {each.who.lane: each.who.keys for each in told}
    for record in records:
        if record.lane not in lanes and record.lane != BLOCKED:
            number = record.client_number
            lanes[record.lane] = frozenset() if number is None else lookup_keys(PhoneNumber(number))
    return lanes


async def _add_own_records(
    conn: Connection, found: dict[str, Client], records: Iterable[CallRecord], absorbed: Collection[str]
) -> None:
    """For calls that may be judged again: what they have made already, closed or done since, so that it stays so."""
    again = [
        record
        for record in records
        if record.lane in found and (record.judged_at is not None or record.body.merged or record.key in absorbed)
    ]
    tasks = await tasks_of_calls(conn, [record.id for record in again])
    cases = await cases_by_id(conn, [record_id("case", key) for record in again for key in _facts(record)])
    for record in again:
        own = [case for key in _facts(record) if (case := cases.get(record_id("case", key))) is not None]
        found[record.lane] = _with_own(found[record.lane], tasks.get(record.id, ()), own)


def _facts(record: CallRecord) -> tuple[str, ...]:
    return (record.key, *record.body.merged)


def _with_own(client: Client, tasks: Iterable[Task], cases: Iterable[Case]) -> Client:
    here = {task.id for task in client.tasks} | {case.id for case in client.cases}
    return replace(
        client,
        tasks=(*client.tasks, *[task for task in tasks if task.id not in here]),
        cases=(*client.cases, *[case for case in cases if case.id not in here]),
    )


def _elsewhere(found: Mapping[str, Client], held: Held) -> set[str]:
    """The lanes whose client has a contact that is not ours to work on: he got this number only now."""
    return {
        lane
        for lane, client in found.items()
        if not held.allows([name_of_contact(contact.id) for contact in client.contacts])
    }


def _sharing(found: Mapping[str, Client]) -> set[str]:
    """The lanes whose client shares a contact, and so everything else, with an earlier lane of the batch."""
    first: dict[str, str] = {}
    sharing: set[str] = set()
    for lane, client in found.items():
        ids = [contact.id for contact in client.contacts]
        if any(id_ in first for id_ in ids):
            sharing.add(lane)
        else:
            first.update(dict.fromkeys(ids, lane))
    return sharing


async def _settings_tasks(
    conn: Connection, told: Iterable[Told], due: Iterable[CallRecord], company: Company
) -> dict[str, Task]:
    calls = [each.call for each in told if each.call is not None] + [record.body for record in due]
    subjects = {settings_subject(company, call) for call in calls}
    return await settings_tasks(conn, [subject for subject in subjects if subject is not None])


async def _gave_up(
    conn: Connection, lanes: Collection[str], told: Iterable[Told], records: Iterable[CallRecord], company: Company
) -> dict[str, dict[str, Instant]]:
    """Reckoned from the calls' own times: a backlog is handled long after the hour in which it happened."""
    if company.policy.short_abandon <= 0:
        return {}
    begun = [each.call.started_at for each in told if each.call is not None]
    begun += [record.body.started_at for record in records]
    return await short_abandons(conn, lanes, min(begun, default=0.0) - company.policy.short_abandon_repeat)
