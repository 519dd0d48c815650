"""The one worker that turns journal entries into verdicts: a batch at a time, each batch one transaction.

Within a batch facts and deadlines take their turns in the order in which they happened, so it makes no difference
how many of them share a batch, or where a crash has cut.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import chain

import structlog

from bridge.flow.batch import Batch
from bridge.flow.bulletin import Bulletin, Change, Shown, Topic, change_of
from bridge.flow.claims import Claim, Spoilt, claimed, unfolded
from bridge.flow.clock import Clock
from bridge.flow.judging import settle, take
from bridge.flow.lookup import Wishes, lay_out
from bridge.flow.outage import Outage
from bridge.flow.tally import Tally
from bridge.flow.timers import turns_of_facts
from bridge.model.moment import Instant
from bridge.model.people import Company
from bridge.model.situation import Occasion
from bridge.rules.matrix import Matrix, MatrixError, read_matrix
from bridge.store.calls import CallRecord, add_aliases, calls_by_key, next_due, save_calls, save_judgements
from bridge.store.claims import Held, hold_lanes, is_shared
from bridge.store.engine import Connection, Store
from bridge.store.errors import StoreContended, StoreCorrupt, StoreUnavailable
from bridge.store.holds import News, tell_nodes
from bridge.store.journal import fail, finish, forget
from bridge.store.matrices import keep_matrix, matrix_text
from bridge.store.outbox import enqueue
from bridge.store.records import Changes, save

log = structlog.get_logger()

LARGEST_BATCH = 200
BREATH = 16
"""Facts after which everybody else in the process gets his turn."""
PACE_SECONDS = 0.05
"""The rest after a batch that was not full. A batch costs some milliseconds whatever its size: without a rest, a steady
stream of pushes would be handled a few at a time, at three times the price; the first after a quiet moment never waits.
"""
POLL_SECONDS = 5.0
"""How often we look by ourselves: a command may have put something into the journal."""
RETRY_SECONDS = 1.0
"""How long to wait when the store is unavailable."""
LOOK_SECONDS = 2.0
"""How often a node looks by itself for what another one has left behind."""
CONTENDED_SECONDS = 0.05
"""When a node looks again that has found everything in the hands of others: a batch takes some milliseconds."""
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


class Lanes:
    """Handles what the journal holds and judges what is due, for as long as `work` runs.

    `system` is the remote system that is told of every effect, None: there is none; `deliver` is called when there is
    something new for it.
    """

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
        node: str = "",
        system: str | None = None,
        deliver: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._node = node
        self._deliver = deliver
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
        self._claim = Claim()
        self._kept: str | None = None  # the scenarios that the store has for sure
        matrices = {matrix.version: matrix}
        self._wishes = Wishes(company=company, matrix=matrix, scenarios=scenarios, matrices=matrices, system=system)

    def use(self, company: Company, matrix: Matrix, scenarios: str, *, system: str | None = None) -> None:
        """From the next batch on: this company, and this matrix for calls that begin from now on (S3-24).

        `scenarios` is the text that the matrix was read from; the store keeps it for the calls that began with it.
        """
        matrices = {**self._wishes.matrices, matrix.version: matrix}
        self._wishes = Wishes(company=company, matrix=matrix, scenarios=scenarios, matrices=matrices, system=system)
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
            except StoreContended:
                continue  # PostgreSQL has let another node go first
            except StoreUnavailable as error:
                self._outage.begins(error)
                await self._clock.sleep(RETRY_SECONDS)
                continue
            finally:
                self._turning = False
            if self._outage.lost:
                self._outage.ends()
                self._bulletin.miss()  # a batch that broke at its commit may have been committed
            if not more and not self._closed:
                if self._claim.entries or self._claim.due:
                    await self._clock.sleep(PACE_SECONDS)
                latest = self._clock.now() + POLL_SECONDS
                await self._clock.wait(self._news, until=min(self._next_due or latest, latest))

    async def turn(self) -> bool:
        """One batch; gives whether there is more to do now.

        What breaks the batch is found and put aside: the journal marks the event as failed, for a person to look at
        and replay; a call that cannot be judged is tried again later. While it is not known what breaks it, the
        batches become ever smaller, until one thing is left to blame.

        Raises:
            StoreUnavailable: nothing was changed; try again.
            StoreCorrupt: a person must come.

        """
        self._claim = Claim()
        try:
            more = await self._batch()
        except StoreUnavailable:
            self._size = max(1, self._size // 2)  # a server ends what takes too long, and would end it again
            raise
        except StoreCorrupt:
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
        now, wishes = self._clock.now(), self._wishes  # these for the whole batch, whatever is reloaded meanwhile
        async with self._store.writing() as conn:
            held = Held(conn)
            self._claim = await claimed(conn, held, self._size, now)
            found = await unfolded(conn, held, self._claim, wishes.company)
            claim = self._claim = found.claim
            if not claim.entries and not claim.due:
                self._next_due = await self._next_look(conn, now, contended=claim.passed_over)
                return False
            await _add_older_matrices(conn, wishes, [*found.known.values(), *claim.due])
            batch = await lay_out(conn, found, held=held, wishes=wishes, now=now)
            await _go_through(batch)
            calls, changes = batch.changed_calls(), batch.changes()
            await _write(conn, batch, calls, changes)
            if self._kept != wishes.matrix.version:
                await keep_matrix(conn, wishes.matrix.version, wishes.scenarios, now)
            await tell_nodes(conn, News.RECORDS, self._node)
            idle = not batch.told and not calls  # all of it shares its clients with another node's batch
            self._next_due = await self._next_look(conn, now, contended=idle)
        self._kept = wishes.matrix.version
        self._add_up(batch, claim, now)
        _tell(self._bulletin, batch, calls, changes)
        if batch.outgoing:
            self._deliver()
        due_by_now = self._next_due is not None and self._next_due <= now
        return not idle and (claim.full or claim.passed_over or batch.put_off > 0 or due_by_now)

    async def _next_look(self, conn: Connection, now: Instant, *, contended: bool) -> Instant | None:
        """When to look again though nobody has told of news: at the next call that is due, or after other nodes.

        A node that dies in the midst of its work tells nobody.
        """
        due = await next_due(conn)
        if not is_shared(conn):
            return due
        if contended:
            return now + CONTENDED_SECONDS
        return now + LOOK_SECONDS if due is None else min(due, now + LOOK_SECONDS)

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
            known = await calls_by_key(conn, [spoilt.call_key])
            lanes = {call.lane for call in known.values()}
            await hold_lanes(conn, lanes)
            found = [call for call in (await calls_by_key(conn, [spoilt.call_key])).values() if call.lane in lanes]
            await save_calls(conn, [replace(call, judge_at=now + PUT_OFF_SECONDS) for call in found])
            log.error("call.put_off", ids=[call.key for call in found], seconds=PUT_OFF_SECONDS, exc_info=error)

    def _add_up(self, batch: Batch, claim: Claim, now: Instant) -> None:
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


async def _add_older_matrices(conn: Connection, wishes: Wishes, records: Iterable[CallRecord]) -> None:
    """Running calls keep the scenarios that they began with, also over a restart (S3-24)."""
    for version in {record.matrix for record in records} - wishes.matrices.keys():
        older = wishes.matrix
        try:
            text = await matrix_text(conn, version) if version is not None else None
            older = read_matrix(text) if text is not None else older
        except MatrixError as error:
            log.warning("matrix.unreadable", version=version, problem=str(error))
        wishes.matrices[version or ""] = older


async def _go_through(batch: Batch) -> None:
    """Facts and deadlines in the order in which they happened."""
    turns = turns_of_facts(min(told.entry.received_at, batch.now) for told in batch.told)
    for place, (told, turn) in enumerate(zip(batch.told, turns, strict=True)):
        for record in batch.agenda.until(turn, batch.records):
            _settle(batch, record)
        try:
            take(batch, told)
        except Exception as error:
            raise Spoilt(told.entry) from error
        if place % BREATH == 0:
            await asyncio.sleep(0)
    for place, record in enumerate(batch.agenda.until(batch.horizon, batch.records)):
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
    if batch.system is not None and batch.outgoing:
        await enqueue(conn, batch.system, batch.outgoing, batch.now)


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
