"""The one worker that turns journal entries into verdicts: a batch at a time, each batch one transaction.

Within a batch facts and deadlines take their turns in the order in which they happened, so it makes no difference
how many of them share a batch, or where a crash has cut.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import structlog

from bridge.flow.batch import Batch
from bridge.flow.bulletin import Bulletin, Change, Shown, Topic, change_of
from bridge.flow.clock import Clock
from bridge.flow.folding import Fold, Told
from bridge.flow.judging import settle, take
from bridge.flow.lookup import Wishes, known_calls, lay_out
from bridge.flow.outage import Outage
from bridge.flow.tally import Tally
from bridge.model.moment import Instant
from bridge.model.people import Company
from bridge.model.situation import Occasion
from bridge.rules.matrix import Matrix, MatrixError, read_matrix
from bridge.store.calls import CallRecord, add_aliases, calls_by_key, due_calls, next_due, save_calls, save_judgements
from bridge.store.engine import Connection, Store
from bridge.store.errors import StoreCorrupt, StoreUnavailable
from bridge.store.journal import JournalEntry, fail, finish, forget, pending
from bridge.store.matrices import keep_matrix, matrix_text
from bridge.store.records import Changes, save

log = structlog.get_logger()

LARGEST_BATCH = 200
BREATH = 16
"""Facts after which everybody else in the process gets his turn."""
PACE_SECONDS = 0.05
"""The rest after a batch that was not full. A batch costs some milliseconds whatever its size: without a rest, a steady
stream of pushes would be handled a few at a time, at three times the price; the first after a quiet moment never waits.
"""
RETRY_SECONDS = 1.0
"""How long to wait when the store is unavailable."""
PUT_OFF_SECONDS = 600.0
"""When a call that could not be judged is tried again."""

DECIDED = {
    Occasion.PICKED_UP: "call.picked_up",
    Occasion.ENDED: "call.decided",
    Occasion.RECORDED: "call.recorded",
    Occasion.FORM: "form.decided",
    Occasion.CHAT: "chat.decided",
}
"""The log line of each verdict."""


class Spoilt(Exception):  # noqa: N818  # style: an exception is named for what happened
    """Handling these facts, or judging this call, broke; trying it again at once would break again.

    A call that breaks in the batch that tells of it is its facts' fault: they are put aside, not the call.
    """

    def __init__(self, *entries: JournalEntry, call_key: str | None = None) -> None:
        super().__init__(call_key, *[entry.event_id for entry in entries])
        self.entries = entries
        self.call_key = call_key


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    """The work of one batch: facts, calls that are due, and the moment up to which both are known completely."""

    entries: Sequence[JournalEntry] = ()
    due: Sequence[CallRecord] = ()
    horizon: Instant = 0.0
    full: bool = False

    def only(self) -> Spoilt:
        """The one thing in it, to be blamed."""
        return Spoilt(call_key=self.due[0].key) if self.due else Spoilt(*self.entries)


class Lanes:
    """Handles what the journal holds and judges what is due, for as long as `work` runs."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        company: Company,
        matrix: Matrix,
        scenarios: str,
        *,
        bulletin: Bulletin,
        tally: Tally,
    ) -> None:
        self._store = store
        self._clock = clock
        self._bulletin = bulletin
        self._tally = tally
        self._news = asyncio.Event()
        self._closed = False
        self._outage = Outage("store")
        self._size = LARGEST_BATCH
        self._rounds = 0
        self._turning = False
        self._next_due: Instant | None = None
        self._claim = _Claim()
        self._kept: str | None = None  # the scenarios that the store has for sure
        self._wishes = Wishes(company=company, matrix=matrix, scenarios=scenarios, matrices={matrix.version: matrix})

    def use(self, company: Company, matrix: Matrix, scenarios: str) -> None:
        """From the next batch on: this company, and this matrix for calls that begin from now on (S3-24).

        `scenarios` is the text that the matrix was read from; the store keeps it for the calls that began with it.
        """
        matrices = {**self._wishes.matrices, matrix.version: matrix}
        self._wishes = Wishes(company=company, matrix=matrix, scenarios=scenarios, matrices=matrices)
        self.wake()

    @property
    def pulse(self) -> int | None:
        """How often `work` has gone round; None in the middle of a turn, which may have to wait for the store."""
        return None if self._turning else self._rounds

    def wake(self) -> None:
        """There is something new in the journal, or among the calls that are due."""
        self._news.set()

    def close(self) -> None:
        """Finish the batch in hand and begin no other; what is left stays in the journal."""
        self._closed = True
        self._news.set()

    async def work(self) -> None:
        """Handle batch after batch, waiting for news or for the next call that is due, until `close`."""
        while not self._closed:
            self._news.clear()
            self._rounds += 1
            self._turning = True
            try:
                more = await self.turn()
            except StoreUnavailable as error:
                self._outage.begins(error)
                await self._clock.sleep(RETRY_SECONDS)
                continue
            finally:
                self._turning = False
            self._outage.ends()
            if not more and not self._closed:
                if self._claim.entries or self._claim.due:
                    await self._clock.sleep(PACE_SECONDS)
                await self._clock.wait(self._news, until=self._next_due)

    async def turn(self) -> bool:
        """One batch; gives whether there is more to do now.

        What breaks the batch is found and put aside: the journal marks the event as failed, for a person to look at
        and replay; a call that cannot be judged is tried again later. While it is not known what breaks it, the
        batches become ever smaller, until one thing is left to blame.

        Raises:
            StoreUnavailable: nothing was changed; try again.
            StoreCorrupt: a person must come.

        """
        self._claim = _Claim()
        try:
            more = await self._batch()
        except (StoreUnavailable, StoreCorrupt):
            raise
        except Spoilt as spoilt:
            await self._put_aside(spoilt, spoilt.__cause__ or spoilt)
            return True
        except Exception as error:  # noqa: BLE001  # whatever it is, it must not stop everybody else's calls
            log.warning("batch.broken", size=self._size, problem=type(error).__name__)
            if self._size > 1:
                self._size = max(1, self._size // 8)
                return True
            await self._put_aside(self._claim.only(), error)
            return True
        self._size = min(self._size * 2, LARGEST_BATCH)
        return more

    async def _batch(self) -> bool:
        now = self._clock.now()
        async with self._store.writing() as conn:
            claim = self._claim = await _claimed(conn, self._size, now)
            if not claim.entries and not claim.due:
                self._next_due = await next_due(conn)
                return False
            known = await known_calls(conn, claim.entries)
            wishes = await self._with_older_matrices(conn, [*known.values(), *claim.due])
            told = _told(known, claim.entries, wishes.company)
            batch = await lay_out(conn, told, known.values(), claim.due, wishes=wishes, now=now)
            await _go_through(batch, claim.horizon)
            calls, changes = batch.changed_calls(), batch.changes()
            await _write(conn, batch, calls, changes)
            if self._kept != wishes.matrix.version:
                await keep_matrix(conn, wishes.matrix.version, wishes.scenarios, now)
            self._next_due = await next_due(conn)
        self._kept = wishes.matrix.version
        self._add_up(batch, claim, now)
        _tell(self._bulletin, batch, calls, changes)
        return claim.full or batch.put_off > 0 or (self._next_due is not None and self._next_due <= now)

    async def _with_older_matrices(self, conn: Connection, records: Iterable[CallRecord]) -> Wishes:
        """Running calls keep the scenarios that they began with, also over a restart (S3-24)."""
        wishes = self._wishes  # these for the whole batch, whatever is reloaded meanwhile
        for version in {record.matrix for record in records} - wishes.matrices.keys():
            older = wishes.matrix
            try:
                text = await matrix_text(conn, version) if version is not None else None
                older = read_matrix(text) if text is not None else older
            except MatrixError as error:
                log.warning("matrix.unreadable", version=version, problem=str(error))
            wishes.matrices[version or ""] = older
        return wishes

    async def _put_aside(self, spoilt: Spoilt, error: BaseException) -> None:
        now, problem = self._clock.now(), f"{type(error).__name__}: {error}"
        self._tally.failed += len(spoilt.entries)
        async with self._store.writing() as conn:
            for entry in spoilt.entries:
                await fail(conn, entry.id, problem, now)
                log.error("event.failed", id=entry.id, type=entry.type, exc_info=error)
            if spoilt.entries:
                return
            if spoilt.call_key is None:
                raise error
            found = await calls_by_key(conn, [spoilt.call_key])
            await save_calls(conn, [replace(call, judge_at=now + PUT_OFF_SECONDS) for call in found.values()])
            log.error("call.put_off", ids=list(found), seconds=PUT_OFF_SECONDS, exc_info=error)

    def _add_up(self, batch: Batch, claim: _Claim, now: Instant) -> None:
        tally = self._tally
        tally.batches += 1
        tally.handled += len(batch.told)
        tally.effects.update(batch.effects)
        if claim.entries:
            tally.lag = max(0.0, now - claim.entries[0].received_at)
        tally.blocked += sum(count for (name, _day), count in batch.counters.items() if name == "blocked")
        tally.internal += sum(count for (name, _day), count in batch.counters.items() if name == "internal")
        for made in batch.verdicts:
            scenario = made.verdict.scenario or "none"
            tally.verdicts[scenario] += 1
            log.info(DECIDED[made.occasion], call_id=made.call_id, scenario=scenario, matrix=made.matrix)


async def _claimed(conn: Connection, size: int, now: Instant) -> _Claim:
    """The oldest facts and the calls that have become due, no more of either than `size`.

    What lies after the last one taken is not known yet, so nothing later than that may be judged in this batch.
    """
    entries = await pending(conn, size)
    horizon = now if len(entries) < size else min(now, entries[-1].received_at)
    due = await due_calls(conn, horizon, size)
    full = len(entries) == size or len(due) == size
    if len(due) == size:
        horizon = min(horizon, due[-1].judge_at or horizon)
        entries = [entry for entry in entries if entry.received_at <= horizon]
    if size == 1 and due:
        entries = []  # one thing alone, so that it can be blamed
    return _Claim(entries=entries, due=due, horizon=horizon, full=full)


def _told(known: Mapping[str, CallRecord], entries: Iterable[JournalEntry], company: Company) -> list[Told]:
    fold = Fold(known, company)
    told: list[Told] = []
    for entry in entries:
        try:
            told.append(fold.tell(entry))
        except Exception as error:
            raise Spoilt(entry) from error
    return told


async def _go_through(batch: Batch, horizon: Instant) -> None:
    """Facts and deadlines in the order in which they happened."""
    for place, told in enumerate(batch.told):
        for record in batch.agenda.until(min(told.entry.received_at, batch.now), batch.records, before=True):
            _settle(batch, record)
        try:
            take(batch, told)
        except Exception as error:
            raise Spoilt(told.entry) from error
        if place % BREATH == 0:
            await asyncio.sleep(0)
    for place, record in enumerate(batch.agenda.until(horizon, batch.records)):
        _settle(batch, record)
        if place % BREATH == 0:
            await asyncio.sleep(0)


def _settle(batch: Batch, record: CallRecord) -> None:
    try:
        settle(batch, record)
    except Exception as error:
        told = [each.entry for each in batch.told if each.key == record.key]
        raise Spoilt(*told, call_key=record.key) from error


async def _write(conn: Connection, batch: Batch, calls: Sequence[CallRecord], changes: Changes) -> None:
    """Everything that the batch leaves behind; the facts are handled if and only if all of it is committed."""
    await save_calls(conn, [record for record in calls if not batch.judged_only(record)])
    await save_judgements(conn, [record for record in calls if batch.judged_only(record)])
    await add_aliases(conn, batch.aliases)
    await save(conn, changes)
    await finish(conn, [told.entry.id for told in batch.told], batch.now)
    await forget(conn, batch.forgotten, batch.forgotten_calls, batch.now)


def _tell(bulletin: Bulletin, batch: Batch, calls: Iterable[CallRecord], changes: Changes) -> None:
    """The news of what was committed, for who listens."""
    if not bulletin.heard:
        return
    records = (
        changes.contacts,
        changes.organisations,
        changes.leads,
        changes.deals,
        changes.tasks,
        changes.cases,
    )
    bulletin.publish(change_of(record) for record in chain[Shown](*records))
    for record in calls:
        if record.listed:
            bulletin.publish([change_of(record)])
        elif batch.was_listed(record):
            bulletin.publish([Change(topic=Topic.CALL, id=record.id)])
