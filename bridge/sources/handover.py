"""Between a line that cannot wait and a store that may: the newest snapshot of each call, within a stated bound."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import chain, islice

import structlog

from bridge.flow.clock import Clock
from bridge.flow.intake import Overloaded, Stopping
from bridge.model.events import CallSeen
from bridge.store.errors import StoreUnavailable, Superseded

log = structlog.get_logger()

BATCH = 500
"""Snapshots handed to the journal at once."""
LONGEST_PAUSE = 1.0
"""Seconds, at most, before snapshots that could not be stored are offered again."""

Accept = Callable[[Sequence[CallSeen]], Awaitable[object]]
"""`Intake.accept`: returns when the events are on disk."""


class Handover:
    """Snapshots of calls on their way to the journal, oldest call first.

    A snapshot tells the whole call and supersedes the earlier ones, so of each call only the newest waits: however
    slow the journal is, nothing that was known is lost and memory grows with the number of calls, not of events.
    Beyond `most` calls something must go, and is counted: first the news of a call that still goes on (it will be told
    again when it ends), then the oldest that has ended. The journal would take a call for living on of which it has
    the beginning and never gets the end, so the ends of such calls go last of all.
    """

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._waiting: OrderedDict[str, CallSeen] = OrderedDict()
        self._begun: set[str] = set()
        self._some = asyncio.Event()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def keys(self) -> frozenset[str]:
        """Of which calls something waits."""
        return frozenset(self._waiting)

    def put(self, event: CallSeen) -> None:
        """Let this snapshot wait, in the place of the earlier ones of the same call and of those merged into it."""
        for key in event.call.merged:
            self._waiting.pop(key, None)
        if event.call_key not in self._waiting and len(self._waiting) >= self._most:
            self.dropped += 1
            goes = self._least_missed(event)
            if goes is event:
                return
            del self._waiting[goes.call_key]
            if goes.call.ended:
                self._begun.difference_update(_keys(goes))
        self._waiting[event.call_key] = event
        self._some.set()

    def _least_missed(self, event: CallSeen) -> CallSeen:
        """Of those that wait and this one."""
        if not event.call.ended:
            return event
        waiting = self._waiting.values()
        goes_on = next((each for each in waiting if not each.call.ended), None)
        return goes_on or next(
            (each for each in chain(waiting, [event]) if not self._has_begun(each)), next(iter(waiting))
        )

    def _has_begun(self, event: CallSeen) -> bool:
        return not self._begun.isdisjoint(_keys(event))

    def begun(self, keys: Iterable[str]) -> None:
        """The journal has the beginning of these calls, or may have it."""
        self._begun.update(keys)

    async def some(self, most: int) -> Sequence[CallSeen]:
        """Wait until there is at least one; the oldest, at most so many. They stay here until `taken` is told."""
        await self._some.wait()
        some = list(islice(self._waiting.values(), most))
        self.begun(event.call_key for event in some if not event.call.ended)  # as good as there: nobody may learn of it
        return some

    def taken(self, events: Sequence[CallSeen]) -> None:
        """These are on disk. One that was superseded in the meantime is not what waits now, and stays."""
        for event in events:
            if self._waiting.get(event.call_key) is event:
                del self._waiting[event.call_key]
            if event.call.ended:
                self._begun.difference_update(_keys(event))
        if not self._waiting:
            self._some.clear()


def _keys(event: CallSeen) -> tuple[str, ...]:
    return (event.call_key, *event.call.merged)


class Delivery:
    """Carries what waits in a handover to the journal. `chance` gives a number from 0 up to but not including 1."""

    def __init__(
        self,
        handover: Handover,
        clock: Clock,
        chance: Callable[[], float],
        accept: Accept,
        *,
        source: str,
        stop_seconds: float,
    ) -> None:
        self._log = log.bind(source=source)
        self._handover = handover
        self._clock = clock
        self._chance = chance
        self._accept = accept
        self._stop_seconds = stop_seconds
        self._dropped_told = 0

    async def run(self) -> None:
        """Deliver until cancelled; what waits then is delivered first, if the journal is quick."""
        try:
            while True:
                if not await self._deliver():
                    await self._clock.sleep(LONGEST_PAUSE * (0.5 + self._chance() / 2))
        except asyncio.CancelledError:
            await self._flush()
            raise

    async def _deliver(self) -> bool:
        """Deliver some; False if nothing can be stored now (they still wait)."""
        events = await self._handover.some(BATCH)
        try:
            await self._accept(events)
        except (StoreUnavailable, Overloaded, Stopping):
            self._tell_dropped()
            return False
        self._handover.taken(events)
        return True

    def _tell_dropped(self) -> None:
        """Say how many were dropped, each time that it has doubled."""
        if self._handover.dropped >= max(1, 2 * self._dropped_told):
            self._dropped_told = self._handover.dropped
            self._log.error("source.calls_dropped", dropped=self._dropped_told, waiting=len(self._handover))

    async def _flush(self) -> None:
        try:
            async with asyncio.timeout(self._stop_seconds):
                while len(self._handover) and await self._deliver():
                    pass
        except (TimeoutError, Superseded):
            pass
        if len(self._handover):  # the PBX will be asked again, but what has ended by then is lost
            self._log.warning("source.calls_left", calls=len(self._handover))
