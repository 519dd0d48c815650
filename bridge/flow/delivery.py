"""Delivers what waits in the outbox to one remote system: in order for each client, as fast as the system bears it.

A turn writes down what became of the attempts that have ended and claims as many new ones as may begin, all in one
transaction; then those begin. An item is marked as "may have been sent" before it is, so that after a crash, a
time-out or a lost connection the system is asked whether it has it before it is told again.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

import structlog

from bridge.flow.answers import Answer, Crm, NotDelivered
from bridge.flow.breaker import CLOSED, Breaker, BreakerState
from bridge.flow.clock import Clock
from bridge.flow.limits import Limits
from bridge.flow.outage import Outage
from bridge.flow.pace import TokenBucket
from bridge.flow.tally import Tally
from bridge.model.moment import Instant
from bridge.model.outgoing import Delivered, Parcel
from bridge.rules.outgoing import made_by
from bridge.store.engine import Store
from bridge.store.errors import StoreContended, StoreUnavailable
from bridge.store.outbox import (
    Again,
    Claimed,
    Dead,
    Done,
    Settled,
    call_in,
    claim,
    forget_delivered,
    next_moment,
    settle,
)

log = structlog.get_logger()

POLL_SECONDS = 5.0
"""How often we look by ourselves: a command or another node may have put something there."""
PAUSE_SECONDS = 0.05
"""The rest after a turn that found less than it had room for."""
RETRY_SECONDS = 1.0
"""How long to wait when the store is unavailable."""
FORGET_SECONDS = 600.0
"""How often what was delivered long ago is forgotten, this many at a time:"""
FORGET_AT_ONCE = 2000
LONGEST_PROBLEM = 500
_LIVES = count(1)
"""No two lives in this process have one name: what the former one has claimed is not the next one's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """An item that is ours until `ends` (by the loop's own clock); `well`: the system was thought to be."""

    item: Claimed
    ends: float
    well: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryStatus:
    """How a system is. `paused_until`: it has asked us to leave it alone until then."""

    system: str
    breaker: BreakerState
    since: Instant | None
    problem: str | None
    paused_until: Instant | None
    under_way: int


class Delivery:
    """One system's deliveries on this node, for as long as `work` runs. `holder` is this node's name on its lanes."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        crm: Crm,
        limits: Limits,
        *,
        system: str,
        holder: str,
        chance: Callable[[], float],
        tally: Tally,
    ) -> None:
        self._store = store
        self._clock = clock
        self._crm = crm
        self._limits = limits
        self._system = system
        self._node = holder
        self._begin_anew()
        self._chance = chance
        self._tally = tally
        self._news = asyncio.Event()
        self._closed = False
        self._lost = Outage("store")
        self._ill = Outage("crm")
        self._breaker: Breaker = CLOSED
        self._bucket = TokenBucket(per_second=limits.per_second, burst=limits.burst, now=clock.now())
        self._paused_until: Instant = 0.0
        self._under_way = 0
        self._settled: list[Settled] = []
        self._next: Instant | None = None
        self._idle = False
        self._forget_at: Instant = 0.0
        self._seen: Instant = 0.0

    def wake(self) -> None:
        """There may be something new in the outbox."""
        self._news.set()

    def close(self) -> None:
        """Begin nothing more; `work` returns when what is under way has ended and is written down."""
        self._closed = True
        self._news.set()

    @property
    def status(self) -> DeliveryStatus:
        """How the system is now."""
        now = self._clock.now()
        return DeliveryStatus(
            system=self._system,
            breaker=self._breaker.state(now),
            since=self._breaker.since,
            problem=self._breaker.problem,
            paused_until=self._paused_until if self._paused_until > now else None,
            under_way=self._under_way,
        )

    async def work(self) -> None:
        """Deliver what waits, until `close`."""
        self._under_way = 0
        self._begin_anew()
        async with asyncio.TaskGroup() as tasks:
            while not self._closed or self._under_way or self._settled:
                self._news.clear()
                try:
                    begun = await self.turn()
                except StoreContended:
                    continue  # PostgreSQL has let another node go first
                except StoreUnavailable as error:
                    self._lost.begins(error)
                    self._begin_anew()
                    await self._clock.sleep(RETRY_SECONDS)
                    continue
                self._lost.ends()
                for attempt in begun:
                    self._under_way += 1
                    tasks.create_task(self._carry(attempt))
                if not self._closed or self._under_way or self._settled:
                    await self._clock.wait(self._news, until=self._next_look(self._clock.now()))

    def _begin_anew(self) -> None:
        """Under another name: nobody knows whether what we claimed last was committed; we wait for it as others do."""
        self._holder = f"{self._node}#{next(_LIVES)}"

    async def _carry(self, attempt: Attempt) -> None:
        settled = await self.attempt(attempt)
        self._under_way -= 1
        self.note(settled)

    def note(self, settled: Settled) -> None:
        """Write this down in the next turn."""
        self._settled.append(settled)
        self._news.set()

    async def turn(self) -> list[Attempt]:
        """Write down what has ended, and claim what may begin now.

        Raises:
            StoreUnavailable: nothing was written or claimed; try again.

        """
        now, ends = self._clock.now(), asyncio.get_running_loop().time() + self._limits.attempt_seconds
        self._keep_time(now)
        settled, room = list(self._settled), self._room(now)
        items: list[Claimed] = []
        async with self._store.writing() as conn:
            counted = await settle(conn, self._system, settled, now)
            if room:
                until = now + self._limits.lease_seconds
                items = await claim(conn, self._system, holder=self._holder, now=now, until=until, limit=room)
            self._next = await next_moment(conn, self._system, self._holder)
            if now >= self._forget_at:
                more = await forget_delivered(conn, now - self._limits.keep, FORGET_AT_ONCE) == FORGET_AT_ONCE
                self._forget_at = now if more else now + FORGET_SECONDS
                await call_in(conn, self._system, now + self._limits.longest_wait)
        del self._settled[: len(settled)]
        self._idle = len(items) < room
        self._bucket.spend(len(items))
        for each in counted:
            self._tell(each)
        well = self._breaker.state(now) is BreakerState.CLOSED
        return [Attempt(item=item, ends=ends, well=well) for item in items]

    def _keep_time(self, now: Instant) -> None:
        """When the clock was set back, so is what we wait for; else nothing would be told until it is there again."""
        back = self._seen - now
        self._seen = now
        if back > 0.0:
            self._paused_until -= back
            self._breaker = self._breaker.set_back(back)
            self._forget_at = now

    def _room(self, now: Instant) -> int:
        """How many attempts may begin now."""
        if self._closed or now < self._paused_until:
            return 0
        room = min(self._limits.concurrency - self._under_way, self._bucket.available(now))
        allowed = self._breaker.lets_through(now, self._under_way)
        return max(0, room if allowed is None else min(room, allowed))

    def _next_look(self, now: Instant) -> Instant:
        """When to look again if nobody wakes us."""
        latest = now + POLL_SECONDS
        busy = self._under_way >= (self._limits.concurrency if self._breaker.open_until is None else 1)
        if self._next is None or self._closed or busy:
            return latest
        moment = max(self._next, self._paused_until, self._breaker.open_until or 0.0, now + self._bucket.wait(now))
        if self._idle:  # what is there is just being claimed by another node
            moment = max(moment, now + PAUSE_SECONDS)
        return min(latest, moment)

    async def attempt(self, attempt: Attempt) -> Settled:
        """Tell the system one thing, within the time that there is; gives what became of it, whatever happens."""
        item = attempt.item
        if item.outgoing is None:
            problem = f"this version cannot read it: {item.problem}"
            return self._dead(item, item.attempts, problem, self._clock.now(), unknown=item.unknown)
        made = made_by(item.outgoing.effect)
        if made is not None and made in item.remote:  # it was made long ago, whatever an index there says
            return Done(item=item)
        told = _Told(self._crm, Parcel(outgoing=item.outgoing, remote=item.remote), unknown=item.unknown)
        try:
            async with asyncio.timeout_at(attempt.ends):
                delivered = await told.tell(attempt.ends)
        except NotDelivered as why:
            return self._failed(attempt, why, unknown=told.unknown)
        except TimeoutError:
            late = NotDelivered(Answer.UNKNOWN, "it did not answer in time")
            return self._failed(attempt, late, unknown=told.unknown)
        except Exception as error:
            log.exception("effect.broken", system=self._system, key=item.key)
            broken = NotDelivered(Answer.UNKNOWN, f"the adapter broke: {type(error).__name__}")
            return self._failed(attempt, broken, unknown=told.unknown)
        finally:
            self._bucket.spend(max(0, told.requests - 1))
        self._answered(Answer.DONE)
        known = None if made is None or delivered.id is None else (made, delivered.id)
        return Done(item=item, made=known)

    def _answered(self, answer: Answer) -> None:
        """The system has spoken: it is well, if it was thought to be ill."""
        self._tally.answers[self._system, answer.value] += 1
        self._breaker = self._breaker.worked()
        self._ill.ends()

    def _failed(self, attempt: Attempt, why: NotDelivered, *, unknown: bool) -> Settled:
        now, item = self._clock.now(), attempt.item
        problem = f"{why.problem}: {why.detail}"[:LONGEST_PROBLEM] if why.detail else why.problem
        attempts = item.attempts + 1
        if why.answer is Answer.PARK:
            self._answered(why.answer)
            return self._dead(item, attempts, problem, now, unknown=unknown)
        self._trouble(why, now)
        systems_own = not attempt.well or why.retry_after is not None or why.answer is Answer.REAUTHORISE
        counted = item.attempts if systems_own else attempts
        if counted >= self._limits.most_attempts or now - item.since > self._limits.give_up:
            return self._dead(item, counted, problem, now, unknown=unknown)
        pause = self._limits.backoff.pause(max(1, counted), self._chance())
        if unknown:  # it may still be at work on it: looking too early would find nothing
            pause = max(pause, self._limits.timeout)
        at = max(now + pause, self._paused_until)
        return Again(item=item, at=at, attempts=counted, unknown=unknown, problem=problem)

    def _dead(self, item: Claimed, attempts: int, problem: str, now: Instant, *, unknown: bool) -> Dead:
        hold_until = now + self._limits.hold
        return Dead(item=item, hold_until=hold_until, attempts=attempts, unknown=unknown, problem=problem)

    def _trouble(self, why: NotDelivered, now: Instant) -> None:
        """It is the system that is in trouble, as far as one can tell from one answer."""
        self._tally.answers[self._system, why.answer.value] += 1
        if why.retry_after is not None:
            self._paused_until = max(self._paused_until, now + why.retry_after)
        elif why.answer is Answer.REAUTHORISE:
            self._breaker = self._breaker.refused(why.problem, now)
        else:
            self._breaker = self._breaker.failed(why.problem, now)
        if self._breaker.open_until is not None:
            self._ill.begins(why)

    def _tell(self, settled: Settled) -> None:
        """The log line of what became of an item."""
        key, effect = settled.item.key, settled.item.outgoing
        name = "unreadable" if effect is None else type(effect.effect).__name__
        if isinstance(settled, Done):
            log.debug("effect.delivered", system=self._system, key=key, effect=name)
        elif isinstance(settled, Dead):
            problem = settled.problem.partition(":")[0]
            log.error("effect.parked", system=self._system, id=settled.item.id, effect=name, problem=problem)


class _Told:
    """One attempt at one item: `unknown` is whether it may be there already, as far as we know by now."""

    def __init__(self, crm: Crm, parcel: Parcel, *, unknown: bool) -> None:
        self._crm = crm
        self._parcel = parcel
        self.unknown = unknown
        self.requests = 0

    async def tell(self, ends: float) -> Delivered:
        """Look if it may be there, else tell it; once more if the system had to be told anew who we are."""
        try:
            return await self._once(ends)
        except NotDelivered as why:
            if why.answer is not Answer.REAUTHORISE or not await self._crm.reauthorise():
                raise
        return await self._once(ends)

    async def _once(self, ends: float) -> Delivered:
        if self.unknown:
            self.requests += 1
            found = await self._crm.find(self._parcel)
            if found is not None:
                return found
            self.unknown = False
        if asyncio.get_running_loop().time() >= ends:  # we were asleep, and somebody else may have it by now
            raise NotDelivered(Answer.RETRY, "there was no time left", retry_after=0.0)
        self.requests += 1
        self.unknown = True
        try:
            return await self._crm.deliver(self._parcel)
        except NotDelivered as why:
            self.unknown = why.answer is Answer.UNKNOWN
            raise
