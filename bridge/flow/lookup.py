"""Lays out a batch: everything that its facts may touch, with a number of queries that does not grow with the batch."""

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from bridge.flow.batch import BLOCKED, Batch
from bridge.flow.claims import Unfolded
from bridge.flow.folding import Told
from bridge.flow.timers import Agenda, Turn, turn_of_call, turns_of_facts
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
from bridge.store.journal import name_of_call


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


async def lay_out(conn: Connection, unfolded: Unfolded, *, held: Held, wishes: Wishes, now: Instant) -> Batch:
    """The batch of these facts and of these calls that are to be judged.

    Two clients who share a contact (one person with two numbers) cannot share a batch, since each would change his own
    copy: it ends before they would meet, and the rest stays in the journal for the next one (`Batch.put_off`). What
    concerns a client who shares a contact with one whom another node is at work on stays there as well.
    """
    company, told, due = wishes.company, unfolded.told, unfolded.claim.due
    records = {record.key: record for record in (*due, *unfolded.known.values())}
    lanes = _lanes(told, records.values())
    keys = frozenset().union(*lanes.values())
    found = await clients(conn, lanes)
    lent = await _add_own_records(conn, found, records.values(), told)
    settings = await _settings_tasks(conn, told, due, company)
    for client in found.values():
        for task in client.tasks:
            if task.kind is TaskKind.SETTINGS and task.status is TaskStatus.OPEN and task.subject is not None:
                settings.setdefault(task.subject, task)
    elsewhere = _elsewhere(found, held)
    late = {each.key for each in told if each.who.lane in elsewhere}
    late |= {record.key for record in records.values() if record.lane in elsewhere}
    ours = [(turn, item) for turn, item in _in_turn(told, due, now) if item.key not in late]
    taken = _until_two_meet(ours, found, records)
    horizon = unfolded.claim.horizon if len(taken) == len(ours) else max(turn for turn, _ in taken)
    return Batch(
        company=company,
        now=now,
        matrix=wishes.matrix,
        matrices=wishes.matrices,
        told=[item for _, item in taken if isinstance(item, Told)],
        agenda=Agenda(records[item.key] for _, item in taken if isinstance(item, CallRecord)),
        horizon=horizon,
        records=records,
        clients=found,
        lent=lent,
        system=wishes.system,
        blocked=(company.blocked & keys) | await blocked_among(conn, keys),
        gave_up=await _gave_up(conn, found, told, records.values(), company),
        settings_tasks=settings,
        put_off=len(late) + len(ours) - len(taken),
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
    conn: Connection, found: dict[str, Client], records: Iterable[CallRecord], told: Iterable[Told]
) -> dict[str, dict[str, str]]:
    """For calls that may be judged again: what they have made already, closed or done since, so that it stays so.

    A call of which it becomes known that it is another client's has it in both lanes. Gives by lane what was added, and
    for which call.
    """
    lent: dict[str, dict[str, str]] = defaultdict(dict)
    absorbed: set[str] = set()
    lanes_of: dict[str, set[str]] = defaultdict(set)
    for each in told:
        merged = each.call.merged if each.call is not None else ()
        absorbed.update(merged)
        for key in (each.key, *merged):
            lanes_of[key].add(each.who.lane)
    again = [
        record for record in records if record.judged_at is not None or record.body.merged or record.key in absorbed
    ]
    tasks = await tasks_of_calls(conn, [record.id for record in again])
    cases = await cases_by_id(conn, [record_id("case", key) for record in again for key in _facts(record)])
    for record in again:
        own = [case for key in _facts(record) if (case := cases.get(record_id("case", key))) is not None]
        for lane in {record.lane, *lanes_of[record.key]} & found.keys():
            known = _ids(found[lane])
            found[lane] = _with_own(found[lane], tasks.get(record.id, ()), own)
            lent[lane] |= dict.fromkeys(_ids(found[lane]) - known, record.id)
    return lent


def _facts(record: CallRecord) -> tuple[str, ...]:
    return (record.key, *record.body.merged)


def _with_own(client: Client, tasks: Iterable[Task], cases: Iterable[Case]) -> Client:
    here = _ids(client)
    return replace(
        client,
        tasks=(*client.tasks, *[task for task in tasks if task.id not in here]),
        cases=(*client.cases, *[case for case in cases if case.id not in here]),
    )


def _ids(client: Client) -> set[str]:
    """The ids of his tasks and cases."""
    return {task.id for task in client.tasks} | {case.id for case in client.cases}


def _elsewhere(found: Mapping[str, Client], held: Held) -> set[str]:
    """The lanes whose client has a contact that is not ours to work on: he got this number only now."""
    return {
        lane
        for lane, client in found.items()
        if not held.allows([name_of_contact(contact.id) for contact in client.contacts])
    }


def _in_turn(told: Sequence[Told], due: Iterable[CallRecord], now: Instant) -> Iterator[tuple[Turn, Told | CallRecord]]:
    """Facts and calls that are due, in the order in which the batch will go through them."""
    turns = [(turn, record) for record in due if (turn := turn_of_call(record)) is not None]
    agenda = deque(sorted(turns, key=lambda pair: pair[0]))
    for each, turn in zip(told, turns_of_facts(min(each.entry.received_at, now) for each in told), strict=True):
        while agenda and agenda[0][0] <= turn:
            yield agenda.popleft()
        yield turn, each
    yield from agenda


def _until_two_meet(
    items: Sequence[tuple[Turn, Told | CallRecord]], found: Mapping[str, Client], records: Mapping[str, CallRecord]
) -> Sequence[tuple[Turn, Told | CallRecord]]:
    """The first of these: no two clients among them share a contact, and so everything else, or what a call has made.

    What a single fact brings together (a call whose number becomes another one, two calls that turn out to be one) has
    met; it is the first of a batch then, and changes what it finds under its own client's lane.
    """
    lane_of: dict[str, str] = {}
    for place, (_, item) in enumerate(items):
        call = item.body if isinstance(item, CallRecord) else item.call
        lane, others = (item.lane, ()) if isinstance(item, CallRecord) else (item.who.lane, item.entry.call_keys)
        keys = (item.key, *others, *(call.merged if call is not None else ()))
        lanes = {lane, *[records[key].lane for key in keys if key in records]}
        ids = {id_ for name in lanes if name in found for id_ in _own(found[name])}
        if call is not None and (call.answered or call.ended):  # it may have made something by then
            ids.add(name_of_call(item.key))
        met = (lane_of.get(name_of_call(key), lane) for key in keys)
        if any(lane_of.setdefault(id_, lane) != lane for id_ in ids) or any(other != lane for other in met):
            return items[:place]
    return items


def _own(client: Client) -> Iterator[str]:
    """The ids of what nobody else may change meanwhile; settings tasks are shared by design."""
    yield from (contact.id for contact in client.contacts)
    yield from (case.id for case in client.cases)
    yield from (task.id for task in client.tasks if task.kind is not TaskKind.SETTINGS)


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
