"""The work of one batch: which facts, and which calls that have become due.

With several nodes on one store a batch takes what no other node is at work on; the rest waits for its turn.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, takewhile
from typing import TypeVar

from bridge.flow.batch import BLOCKED
from bridge.flow.folding import Fold, Told
from bridge.flow.timers import Turn, turn_of, turn_of_call, turn_of_facts
from bridge.model.call import Call
from bridge.model.moment import Instant
from bridge.model.people import Company
from bridge.rules.staff import settings_subject
from bridge.store.calls import CallRecord, DueCall, calls_by_key, due_calls, due_lanes
from bridge.store.claims import Held
from bridge.store.clients import contact_names
from bridge.store.engine import Connection
from bridge.store.journal import JournalEntry, WaitingEntry, entries_by_id, name_of_call, pending, waiting

K = TypeVar("K")
E = TypeVar("E", JournalEntry, WaitingEntry)
WINDOWS = 4
"""How many batches' worth of facts are looked through for one that nobody else is at work on."""
ROUNDS = 3
"""How often we reach for what the facts turn out to touch; what touches ever more waits for the next batch."""


class Spoilt(Exception):  # noqa: N818  # style: an exception is named for what happened
    """Handling these facts, or judging this call, broke; trying it again at once would break again.

    A call that breaks in the batch that tells of it is its facts' fault: they are put aside, not the call.
    """

    def __init__(self, *entries: JournalEntry, call_key: str | None = None) -> None:
        super().__init__(call_key, *[entry.event_id for entry in entries])
        self.entries = entries
        self.call_key = call_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Facts, calls that are due, and the turn up to which both are known completely.

    `full`: there may be more of either. `passed_over`: something waits that another node is at work on, or was.
    """

    entries: Sequence[JournalEntry] = ()
    due: Sequence[CallRecord] = ()
    horizon: Turn = (0.0, 0.0, "")
    full: bool = False
    passed_over: bool = False

    def only(self) -> Spoilt:
        """The one thing in it, to be blamed."""
        return Spoilt(call_key=self.due[0].key) if self.due else Spoilt(*self.entries)


async def claimed(conn: Connection, held: Held, size: int, now: Instant) -> Claim:
    """The oldest facts and the calls that have become due, no more of either than `size`.

    What lies after the last one taken is not known yet, so nothing later than that may be judged in this batch.
    """
    if held.everything:
        entries = await pending(conn, size)
        until = now if len(entries) < size else min(now, _latest(entries))
        found = Claim(entries=entries, due=await due_calls(conn, until, size), horizon=turn_of_facts(until))
    else:
        found = await _claimed_among_others(conn, held, size, now)
    return _in_bounds(found, size)


def _in_bounds(found: Claim, size: int) -> Claim:
    entries, due, horizon = found.entries, found.due, found.horizon
    full = len(entries) >= size or len(due) >= size
    if len(due) >= size:
        horizon = min(horizon, max(turn for record in due if (turn := turn_of_call(record)) is not None))
        entries = _until(horizon, entries)
    if size == 1 and entries:
        due = ()  # one thing alone, so that it can be blamed; what is left of the facts comes before the deadline
    return replace(found, entries=entries, due=due, horizon=horizon, full=full)


def _latest(entries: Iterable[JournalEntry | WaitingEntry]) -> Instant:
    """When the last of these facts was heard, which need not be the last one in the journal: clocks differ."""
    return max(entry.received_at for entry in entries)


def _until(horizon: Turn, entries: Iterable[E]) -> list[E]:
    """The first of these facts, as far as their turn comes before calls that are due and are not known."""
    return list(takewhile(lambda entry: turn_of_facts(entry.received_at) <= horizon, entries))


async def _claimed_among_others(conn: Connection, held: Held, size: int, now: Instant) -> Claim:
    """Look through what waits, the oldest first, for what can be had; then read what of it still waits.

    Only what is read after the lock is true: until then another node may have handled it.
    """
    looked_at = await waiting(conn, WINDOWS * size)
    taken: list[WaitingEntry] = []
    seen = 0
    while seen < len(looked_at) and len(taken) < size:
        piece = looked_at[seen : seen + size]
        contacts = await contact_names(conn, {entry.lane for entry in piece})
        names = {entry.id: (*entry.names, *contacts.get(entry.lane, ())) for entry in piece}
        await held.reach(chain.from_iterable(names.values()))
        for entry in piece[: size - len(taken)]:
            seen += 1
            if held.allows(names[entry.id]):
                taken.append(entry)
            else:
                held.bar(names[entry.id])
    complete = seen == len(looked_at) < WINDOWS * size
    until = now if complete or not seen else min(now, _latest(looked_at[:seen]))
    due, horizon = await _due_among_others(conn, held, size, until)
    if horizon < turn_of_facts(until):  # more calls are due than we have looked at
        taken = _until(horizon, taken)
    entries = await entries_by_id(conn, [entry.id for entry in taken])
    passed_over = len(entries) < seen or seen < len(looked_at)
    return Claim(entries=entries, due=due, horizon=horizon, passed_over=passed_over)


async def _due_among_others(conn: Connection, held: Held, size: int, until: Instant) -> tuple[list[CallRecord], Turn]:
    """The calls that are due and can be had, and the turn up to which all have been looked at."""
    looked_at = await due_lanes(conn, until, WINDOWS * size)
    taken: list[DueCall] = []
    seen = 0
    while seen < len(looked_at) and len(taken) < size:
        piece = looked_at[seen : seen + size]
        contacts = await contact_names(conn, {call.lane for call in piece})
        names = {call.key: (call.lane, *contacts.get(call.lane, ())) for call in piece}
        await held.reach(chain.from_iterable(names.values()))
        for call in piece[: size - len(taken)]:
            seen += 1
            if held.allows(names[call.key]):
                taken.append(call)
            else:
                held.bar(names[call.key])
    horizon = turn_of_facts(until)
    if not seen == len(looked_at) < WINDOWS * size:
        latest = looked_at[seen - 1]
        horizon = turn_of(latest.judge_at, latest.ended_at, latest.id)
    found = await calls_by_key(conn, [call.key for call in taken])
    due = []
    for call in taken:
        record = found.get(call.key)
        if record is None or record.key != call.key or record.lane != call.lane:
            held.bar([call.lane])  # it has become another client's, or part of another call: not ours to read
        elif record.judge_at is not None and record.judge_at <= until:
            due.append(record)
    return due, horizon


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfolded:
    """A claim that is wholly within reach, its calls as they were, and what its facts say."""

    claim: Claim
    known: Mapping[str, CallRecord]
    told: Sequence[Told]


async def unfolded(conn: Connection, held: Held, claim: Claim, company: Company) -> Unfolded:
    """What the claimed facts say, less what touches a client that another node is at work on.

    Only now it is known whose calls they are about: a step may tell no number, or another one than the step before.
    """
    for _ in range(ROUNDS):
        known = await known_calls(conn, claim.entries)
        told = fold(known, claim.entries, company)
        if held.everything:
            break
        names = await _with_contacts(conn, {each.entry.id: _names(each, known, company) for each in told})
        due_names = await _with_contacts(conn, {record.key: _due_names(record, company) for record in claim.due})
        touched = frozenset().union(*names.values(), *due_names.values())
        if held.allows(touched):
            break
        await held.reach(touched)
        claim = _allowed(held, claim, names, due_names)
    else:  # what the last round has reached may have changed before it was reached: to be read in the next batch
        claim = replace(claim, entries=(), due=(), passed_over=True)
        known, told = {}, []
    return Unfolded(claim=claim, known=known, told=told)


def _allowed(
    held: Held, claim: Claim, names: Mapping[int, frozenset[str]], due_names: Mapping[str, frozenset[str]]
) -> Claim:
    for record in claim.due:  # first, since what its client does later must not overtake it
        if not held.allows(due_names[record.key]):
            held.bar(due_names[record.key])
    entries: list[JournalEntry] = []
    for entry in claim.entries:
        if held.allows(names[entry.id]):
            entries.append(entry)
        else:
            held.bar(names[entry.id])
    due = [record for record in claim.due if held.allows(due_names[record.key])]
    fewer = len(entries) < len(claim.entries) or len(due) < len(claim.due)
    return replace(claim, entries=entries, due=due, passed_over=claim.passed_over or fewer)


async def known_calls(conn: Connection, entries: Iterable[JournalEntry]) -> dict[str, CallRecord]:
    """The calls that these entries tell of, by every key that an entry uses for them."""
    keys: set[str] = set()
    for entry in entries:
        keys.update(entry.call_keys)
    return await calls_by_key(conn, keys)


def fold(known: Mapping[str, CallRecord], entries: Iterable[JournalEntry], company: Company) -> list[Told]:
    """What each entry says.

    Raises:
        Spoilt: one of them cannot be read.

    """
    folded = Fold(known, company)
    told: list[Told] = []
    for entry in entries:
        try:
            told.append(folded.tell(entry))
        except Exception as error:
            raise Spoilt(entry) from error
    return told


async def _with_contacts(conn: Connection, names: Mapping[K, frozenset[str]]) -> dict[K, frozenset[str]]:
    """The same, with the contacts that these lanes lead to."""
    contacts = await contact_names(conn, frozenset().union(*names.values()))
    return {key: found.union(*[contacts.get(lane, ()) for lane in found]) for key, found in names.items()}


def _names(told: Told, known: Mapping[str, CallRecord], company: Company) -> frozenset[str]:
    """Everybody whom handling this fact may change."""
    records = [known[key] for key in told.entry.call_keys if key in known]
    subjects = _subjects([*([told.call] if told.call is not None else []), *[r.body for r in records]], company)
    lanes = {told.who.lane, told.entry.lane, *[record.lane for record in records]}
    calls = {name_of_call(key) for key in (told.key, *told.entry.call_keys)} if told.call is not None else frozenset()
    return frozenset(lanes - {BLOCKED}) | subjects | calls


def _due_names(record: CallRecord, company: Company) -> frozenset[str]:
    return frozenset({record.lane} - {BLOCKED}) | _subjects([record.body], company)


def _subjects(calls: Collection[Call], company: Company) -> frozenset[str]:
    """The settings tasks that these calls may make or count up: the calls of several clients share them."""
    found = {settings_subject(company, call) for call in calls}
    return frozenset(f"subject:{subject}" for subject in found if subject is not None)
