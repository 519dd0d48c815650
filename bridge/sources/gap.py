"""What a PBX did while nobody listened, fetched from its own records and told like everything else.

Since when nobody listened stands in the store, not in memory: after a crash, or on another machine, the next holder of
the line finds the gap there, and it stays there until what can be known of it is known.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Never

import structlog

from bridge.flow.clock import Clock
from bridge.flow.intake import Overloaded, Stopping
from bridge.model.call import Call, Direction
from bridge.model.call_records import CdrRow, CelRow, RecordKind
from bridge.model.events import CallSeen
from bridge.model.moment import Instant
from bridge.rules.hindsight import calls_of_events, calls_of_summaries, completed
from bridge.sources.handover import Accept
from bridge.sources.record_settings import CallRecordSettings
from bridge.store.aside import aside
from bridge.store.call_records import RecordsUnavailable, Stretch
from bridge.store.calls import calls_by_key, unexplained_calls
from bridge.store.engine import Connection, Store
from bridge.store.errors import StoreUnavailable, Superseded
from bridge.store.holds import Hold, require_hold
from bridge.store.journal import pending_calls
from bridge.store.listening import begin_listening, gap_repaired, has_listened
from bridge.wire.cel import facts_of

log = structlog.get_logger()

LOOKS = (10.0, 60.0, 300.0)
"""Seconds after the line is back at which the records are read: a PBX writes when a call is over, or later."""
LATER_LOOKS = (900.0, 3600.0)
"""The same, if calls are still unexplained then."""
AGAIN = 3600.0
"""Seconds between two looks after that, while the place cannot be read at all."""
EDGE = 120.0
"""Seconds that are read beyond both ends of the gap: clocks differ, and what was told last may not have been stored."""
STRAY = 60.0
"""Seconds beyond both ends of the gap in which a call that nobody knows is believed to belong to it."""
LONGEST_CALL = 24 * 3600.0
"""How long before the gap a call may have begun that lived in it."""
LONGEST_GAP = 7 * 24 * 3600.0
"""A longer gap is repaired from its end backwards to here: older calls are no news to anybody."""
MOST_UNEXPLAINED = 10_000
PAUSE = 1.0
"""Seconds before it is asked again whether what the line told of a call is handled."""
PATIENCE = 60
"""How often that is asked before the call is left for the next look."""
AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Nobody listened from `since` to `until`."""

    since: Instant
    until: Instant


class GapRepair:
    """Repairs the gaps of one line.

    Of the line it has to know the keys of the calls that are `waiting` on their way to the journal, and of those that
    are `living` on the PBX now (None: nobody knows, since it may not be asked); and how the files that a call names are
    made links (`linked`). `hold` is what has to be shown where several nodes may listen to it.
    """

    def __init__(
        self,
        settings: CallRecordSettings,
        *,
        source: str,
        trunks: Sequence[str],
        zone: tzinfo,
        store: Store,
        hold: Hold | None,
        clock: Clock,
        accept: Accept,
        waiting: Callable[[], frozenset[str]],
        living: Callable[[], frozenset[str] | None],
        linked: Callable[[Call], Call],
    ) -> None:
        self._settings = settings
        self._place = settings.place(zone)
        self._source = source
        self._trunks = trunks
        self._store = store
        self._hold = hold
        self._clock = clock
        self._accept = accept
        self._waiting = waiting
        self._living = living
        self._linked = linked
        self._log = log.bind(source=source)
        self._lost = False
        self._gap: Gap | None = None
        self._noted: Instant = 0.0
        self._back = asyncio.Event()
        self._new: set[str] = set()

    # ---- told by the line

    async def listening_again(self) -> None:
        """The line is held, and the PBX has said what lives: what was missed, if anything, is looked for from now on.

        Raises:
            StoreUnavailable: it could not be noted.
            Superseded: another node listens now.

        """
        now = self._clock.now()
        async with self._noting() as conn:
            since = await begin_listening(conn, self._source, now)
        if since is not None:
            self._gap = Gap(since=max(since, now - LONGEST_GAP), until=now)
            self._noted = since
            self._new.clear()
            self._back.set()

    async def still_listening(self, until: Instant) -> None:
        """The line was held until then, and all that was heard is stored.

        Raises:
            StoreUnavailable: it could not be noted.
            Superseded: another node listens now.

        """
        async with self._noting() as conn:
            await has_listened(conn, self._source, until)

    @asynccontextmanager
    async def _noting(self) -> AsyncIterator[Connection]:
        """How far one has listened is noted only by who listens."""
        async with self._store.writing() as conn:
            if self._hold is not None:
                await require_hold(conn, self._hold)
            yield conn

    # ---- the work

    async def run(self) -> Never:
        """Repair whatever gap there is, until cancelled."""
        while True:
            await self._back.wait()
            self._back.clear()
            if self._gap is None:
                continue
            try:
                await self._repair(self._gap)
            except StoreUnavailable:  # said by whoever looks after the store; the gap is still noted there
                await self._replaced(self._clock.now() + LOOKS[1])
                self._back.set()

    async def _repair(self, gap: Gap) -> None:
        """Look several times, until all is explained or nothing more is to be hoped for; a new gap begins it anew."""
        self._log.info("gap.found", seconds=round(gap.until - gap.since))
        enough = max(LOOKS[-1], LOOKS[0] + self._settings.late_seconds + PAUSE)
        looks = sorted({*LOOKS, LOOKS[0] + self._settings.late_seconds + PAUSE, *LATER_LOOKS})
        filled, look = 0, 0.0
        while True:
            look = next((later for later in looks if later > look), look + AGAIN)
            if await self._replaced(gap.until + look):
                return
            found = await self._look(gap)
            filled += found or 0
            left = await self._unexplained(gap)
            if found is not None and look >= enough and (not left or look >= looks[-1]):
                break
        async with self._noting() as conn:
            await gap_repaired(conn, self._source, self._noted)
        self._log.info("gap.repaired", calls=filled, unexplained=len(left))

    async def _replaced(self, until: Instant) -> bool:
        """Wait for that moment; True if another gap came first."""
        while not self._back.is_set() and self._clock.now() < until:
            await self._clock.wait(self._back, until=until)
        return self._back.is_set()

    async def _look(self, gap: Gap) -> int | None:
        """Read the records once and tell what they add: to how many calls. None: it has to be done again."""
        try:
            calls = await self._fill(gap)
        except RecordsUnavailable as problem:
            if not self._lost:
                self._lost = True
                self._log.error("records.unavailable", problem=str(problem))
        except (StoreUnavailable, Overloaded, Stopping):
            pass  # said by whoever looks after the store; the next look finds the same
        except Superseded:  # another node holds the line: whatever is left to do is its business
            raise
        except Exception:  # noqa: BLE001  # whatever is odd about somebody's records, his line goes on
            self._log.exception("gap.failed")
        else:
            self._log.debug("gap.looked", calls=calls)
            return calls
        return None

    async def _fill(self, gap: Gap) -> int | None:
        living, asked_at = self._living(), self._clock.now()
        begun = min([gap.since, *(call.started_at for call in await self._unexplained(gap))])
        stretch = await self._place.read(begun - EDGE, asked_at + EDGE)
        if self._lost:
            self._lost = False
            self._log.info("records.available")
        self._complain(stretch)
        sure = living is not None and stretch.whole
        written_by = asked_at - self._settings.late_seconds if sure else float("-inf")
        told = await aside(lambda: self._calls(stretch, written_by))
        calls = [self._linked(call) for call in told if living is None or call.key not in living]
        in_flight = await self._in_flight({key for call in calls for key in (call.key, *call.merged)})
        still = [call for call in calls if in_flight.isdisjoint((call.key, *call.merged))]
        added = await self._tell(gap, still)
        return added if len(still) == len(calls) else None

    def _complain(self, stretch: Stretch) -> None:
        if stretch.unreadable:
            self._log.warning("records.unreadable", rows=stretch.unreadable)
        if not stretch.whole:
            self._log.warning("records.too_many", rows=len(stretch.rows))

    async def _in_flight(self, keys: set[str]) -> set[str]:
        """Those of which the line has told something that is not handled yet, however long one waits for it."""
        found = keys
        for _ in range(PATIENCE):
            waiting = self._waiting()
            async with self._store.reading() as conn:
                found = keys & (waiting | await pending_calls(conn, self._source))
            if not found:
                break
            await self._clock.sleep(PAUSE)
        return found

    def _calls(self, stretch: Stretch, written_by: Instant) -> list[Call]:
        if self._settings.kind is RecordKind.CEL:
            facts = facts_of(row for row in stretch.rows if isinstance(row, CelRow))
            return calls_of_events(facts, source=self._source, trunks=self._trunks, kinds=stretch.kinds)
        rows = [row for row in stretch.rows if isinstance(row, CdrRow)]
        return calls_of_summaries(rows, source=self._source, trunks=self._trunks, written_by=written_by)

    async def _tell(self, gap: Gap, calls: Iterable[Call]) -> int:
        """Hand over what these calls add to what is known."""
        async with self._store.reading() as conn:
            known = await calls_by_key(conn, {key for call in calls for key in (call.key, *call.merged)})
        news: list[CallSeen] = []
        for call in sorted(calls, key=_ended):
            record = next((known[key] for key in (call.key, *call.merged) if key in known), None)
            if record is None and not self._is_new(gap, call):
                continue
            whole = completed(record.body if record is not None else None, call)
            if whole is not None:
                news.append(self._seen(whole))
                self._new.update((whole.key, *whole.merged))
        for start in range(0, len(news), AT_ONCE):
            await self._accept(news[start : start + AT_ONCE])
        for event in news:
            call = event.call
            self._log.info("call.recovered", call_key=call.key, outcome=call.outcome, incomplete=call.incomplete)
        return len(news)

    def _is_new(self, gap: Gap, call: Call) -> bool:
        """A call that nobody knows lies in the gap. One told before and gone since was erased: it stays so."""
        inside = call.started_at <= gap.until + STRAY and _ended(call) >= gap.since - STRAY
        return inside and call.key not in self._new and call.direction is not Direction.INTERNAL

    def _seen(self, call: Call) -> CallSeen:
        """The fact, under an id that derives from what it says."""
        gist = hashlib.sha256(repr(replace(call, revision=0)).encode()).hexdigest()[:16]
        return CallSeen(
            event_id=f"{call.key}#records-{gist}",
            source=self._source,
            occurred_at=_ended(call),
            received_at=self._clock.now(),
            call=replace(call, revision=max(call.revision, 1)),
        )

    async def _unexplained(self, gap: Gap) -> list[Call]:
        """The calls of the gap of which part is not known."""
        async with self._store.reading() as conn:
            records = await unexplained_calls(
                conn,
                self._source,
                begun=gap.since - LONGEST_CALL,
                since=gap.since - EDGE,
                limit=MOST_UNEXPLAINED,
            )
        return [record.body for record in records]


def _ended(call: Call) -> Instant:
    return call.ended_at if call.ended_at is not None else call.started_at
