"""What lies on the table while one batch is worked on: calls, clients, and everything that the batch leaves behind.

All of it is in memory and changes in the order of the facts; `lookup` lays it out, `judging` works on it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from bridge.flow.folding import Told
from bridge.flow.identity import Identity
from bridge.flow.timers import Agenda, Turn
from bridge.model.crm import Client, Note, Task, TaskKind, TaskStatus, record_id
from bridge.model.effects import CompleteTask, CountOnly, Effect, RepeatTask
from bridge.model.moment import Instant
from bridge.model.outgoing import Outgoing
from bridge.model.people import Company
from bridge.rules import ledger
from bridge.rules.outgoing import Cause, outgoing
from bridge.rules.rows import Matrix
from bridge.rules.shifts import local
from bridge.store.calls import CallRecord
from bridge.store.records import Changes, NewVerdict

R = TypeVar("R")
BLOCKED = "blocked"
"""The lane of calls with a blocked number: nobody's, so that the number is not kept."""


@dataclass(slots=True, kw_only=True)
class Batch:
    """One batch. `matrix` is the current one, `matrices` has every version that a call of the batch began with.

    `records` are the calls by their own keys, `clients` by their lanes; `lent` says by lane which tasks and cases are
    there only for one call, which had made them, and for which. `blocked` has the lookup keys of this batch that are
    blocked. Nothing is judged whose turn comes after `horizon`; `put_off` is how much has to wait.
    `gave_up` has by lane the calls in which the client gave up early, and when each began (D12). `settings_tasks` are
    the open ones by what they are about: calls of several clients share them. `system` is the remote system that is
    told of every effect, None: there is none; what it is to be told is `outgoing`. `forgotten` and `forgotten_calls`
    are what the journal must not keep the number of.
    """

    company: Company
    now: Instant
    matrix: Matrix
    matrices: Mapping[str, Matrix]
    told: Sequence[Told]
    agenda: Agenda
    horizon: Turn
    records: dict[str, CallRecord]
    clients: dict[str, Client]
    lent: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    system: str | None = None
    blocked: frozenset[str] = frozenset()
    gave_up: dict[str, dict[str, Instant]] = field(default_factory=dict)
    settings_tasks: dict[str, Task] = field(default_factory=dict)
    verdicts: list[NewVerdict] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    counters: Counter[tuple[str, str]] = field(default_factory=Counter)
    effects: Counter[str] = field(default_factory=Counter)
    outgoing: list[Outgoing] = field(default_factory=list)
    aliases: dict[str, str] = field(default_factory=dict)
    forgotten: list[int] = field(default_factory=list)
    forgotten_calls: set[str] = field(default_factory=set)
    put_off: int = 0
    _records_before: dict[str, CallRecord] = field(init=False)
    _clients_before: dict[str, Client] = field(init=False)
    _settings_before: dict[str, Task] = field(init=False)

    def __post_init__(self) -> None:
        self._records_before = dict(self.records)
        self._clients_before = dict(self.clients)
        self._settings_before = dict(self.settings_tasks)

    def is_blocked(self, who: Identity) -> bool:
        """The number is on the blocked list, under whichever spelling."""
        return not self.blocked.isdisjoint(who.keys)

    def is_own(self, who: Identity) -> bool:
        """The number is one of the company's lines or one of its people's phones."""
        return not self.company.own_numbers.isdisjoint(who.keys)

    def matrix_of(self, record: CallRecord) -> Matrix:
        """The scenarios that this call began with."""
        return self.matrices.get(record.matrix or "", self.matrix)

    def client_of(self, record: CallRecord) -> Client:
        """The client of this call, as any batch has him: without what is there for another call of the batch alone."""
        client, lent = self.clients[record.lane], self.lent.get(record.lane)
        if not lent:
            return client
        own = {record.id, *[record_id("call", key) for key in record.body.merged]}
        hidden = {id_ for id_, call_id in lent.items() if call_id not in own}
        return replace(
            client,
            tasks=tuple([task for task in client.tasks if task.id not in hidden]),
            cases=tuple([case for case in client.cases if case.id not in hidden]),
        )

    def put(self, record: CallRecord) -> None:
        """The call is like this now."""
        self.records[record.key] = record

    def count(self, counter: str) -> None:
        """One more of these today."""
        self.counters[counter, f"{local(self.now, self.company.timezone):%Y-%m-%d}"] += 1

    def enact(self, cause: Cause, effects: Sequence[Effect]) -> None:
        """Carry the effects out on the client whose lane it is, so that the next fact of the batch sees them.

        What a remote system is to be told of them leaves with the batch.
        """
        lane = cause.lane
        client = self._with_settings_tasks(self.clients[lane], effects)
        client = self.clients[lane] = ledger.apply_all(client, effects)
        for effect in effects:
            self.effects[type(effect).__name__] += 1
            if isinstance(effect, CountOnly):
                self.count(effect.counter)
        self.notes += ledger.notes_of(effects)
        for task in client.tasks:
            if task.kind is TaskKind.SETTINGS and task.subject is not None and task.status is TaskStatus.OPEN:
                self.settings_tasks[task.subject] = task
        if self.system is not None:
            shared = {task.id: subject for subject, task in self.settings_tasks.items()}
            self.outgoing += outgoing(self.system, cause, effects, shared)

    def gave_up_before(self, record: CallRecord) -> bool:
        """The client of this call gave up early in another one, within the hour before it (D12)."""
        begun, own = record.body.started_at, {record.key, *record.body.merged}
        earliest = begun - self.company.policy.short_abandon_repeat
        others = self.gave_up.get(record.lane, {})
        return any(earliest <= at <= begun for key, at in others.items() if key not in own)

    def move_tasks(self, lane: str, from_call: str, to_call: str) -> None:
        """The tasks that one call has made belong to another one from now on."""
        client = self.clients[lane]
        tasks = [
            replace(task, call_id=to_call, version=task.version + 1) if task.call_id == from_call else task
            for task in client.tasks
        ]
        self.clients[lane] = replace(client, tasks=tuple(tasks))

    def _with_settings_tasks(self, client: Client, effects: Sequence[Effect]) -> Client:
        """The client with the settings tasks as they are by now: another client's call may have counted them up."""
        if not self.settings_tasks:
            return client
        shared = {task.id: task for task in self.settings_tasks.values()}
        wanted = {effect.task_id for effect in effects if isinstance(effect, RepeatTask | CompleteTask)}
        wanted |= {task.id for task in client.tasks}
        lent = [task for id_, task in shared.items() if id_ in wanted]
        return replace(client, tasks=(*[task for task in client.tasks if task.id not in shared], *lent))

    def changed_calls(self) -> list[CallRecord]:
        """The calls that are to be written."""
        before = self._records_before
        return [record for key, record in self.records.items() if before.get(key) is not record]

    def judged_only(self, record: CallRecord) -> bool:
        """Nothing has changed about this call but what was decided about it."""
        before = self._records_before.get(record.key)
        return (
            before is not None
            and before.body is record.body
            and before.steps is record.steps
            and before.pickup_judged is record.pickup_judged
        )

    def was_listed(self, record: CallRecord) -> bool:
        """People could see this call before the batch."""
        before = self._records_before.get(record.key)
        return before is not None and before.listed

    def changes(self) -> Changes:
        """Everything else that is to be written, each record once."""
        parts = [
            ledger.changes(self._clients_before[lane], client)
            for lane, client in self.clients.items()
            if client is not self._clients_before[lane]
        ]
        # Settings tasks are shared: what lies in `settings_tasks` is newer than any client's copy.
        tasks = _newest(task for part in parts for task in part.tasks)
        shared = {task.id: task for task in self.settings_tasks.values()}
        known = {task.id: task for task in self._settings_before.values()}
        tasks = {id_: task for id_, task in tasks.items() if id_ not in shared}
        tasks |= {id_: task for id_, task in shared.items() if known.get(id_) is not task}
        return Changes(
            contacts=_all(part.contacts for part in parts),
            organisations=_all(part.organisations for part in parts),
            leads=_all(part.leads for part in parts),
            deals=_all(part.deals for part in parts),
            tasks=list(tasks.values()),
            cases=_all(part.cases for part in parts),
            notes={note.id: note for note in self.notes}.values(),
            verdicts=self.verdicts,
            counters=self.counters,
        )


def _newest(tasks: Iterable[Task]) -> dict[str, Task]:
    """Tasks by their ids. Those of a call that another one takes over may be in two clients' copies: the newer."""
    found: dict[str, Task] = {}
    for task in tasks:
        if task.id not in found or found[task.id].version < task.version:
            found[task.id] = task
    return found


def _all(groups: Iterable[tuple[R, ...]]) -> list[R]:
    return [record for group in groups for record in group]
