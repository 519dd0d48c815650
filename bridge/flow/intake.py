"""Where facts come in. `accept` returns when they are on disk, and not before: that is our acknowledgement.

One writer stores everything that waits in one transaction, so that a disk's slow "it is safe" is paid once for many.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from bridge.flow.clock import Clock
from bridge.flow.identity import lane_of_event
from bridge.flow.outage import Outage
from bridge.flow.tally import Tally
from bridge.model.events import Event
from bridge.model.moment import Instant
from bridge.model.people import Company
from bridge.store.claims import is_shared
from bridge.store.engine import Store
from bridge.store.errors import StoreContended, StoreCorrupt, StoreUnavailable, Superseded
from bridge.store.holds import Hold, News, require_hold, tell_nodes
from bridge.store.journal import NewEntry, append_new, in_known_lanes, put_in_quarantine, write_and_take_back

log = structlog.get_logger()

MOST_WAITING = 10_000
"""Events and bodies that may wait for the disk; whoever comes later is asked to come again."""
MOST_BYTES = 64 * 1024 * 1024
LARGEST_COMMIT = 1000
"""Events in one transaction: more would make the first of them wait for the last."""
PROBE_SECONDS = 2.0
"""How often we try by ourselves whether a lost store is back."""
CONTENDED_TRIES = 4
"""How often a commit that another node's stood in the way of is tried again at once."""
SIZE_OF_EVENT = 512
"""Bytes that we reckon for an event whose text nobody measured."""


class Overloaded(Exception):  # noqa: N818  # style: an exception is named for what happened
    """Too much waits for the disk already; the sender should come again in `retry_after` seconds."""

    retry_after = 2


class Stopping(Exception):  # noqa: N818  # the same
    """The bridge is being stopped and takes nothing more; the sender should come again in `retry_after` seconds."""

    retry_after = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """How many of the events were new and how many we already had."""

    accepted: int
    duplicates: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unreadable:
    source: str
    received_at: Instant
    content_type: str | None
    body: bytes
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arrival:
    entries: tuple[NewEntry, ...]
    unreadable: _Unreadable | None
    size: int
    hold: Hold | None
    stored: asyncio.Future[Accepted]


class Intake:
    """The door: stores facts and tells the lanes that there is work (`wake`), and those of the other nodes."""

    def __init__(
        self, store: Store, company: Company, tally: Tally, wake: Callable[[], None], *, clock: Clock, node: str = ""
    ) -> None:
        self._store = store
        self._node = node
        self._clock = clock
        self._company = company
        self._tally = tally
        self._wake = wake
        self._arrivals: deque[_Arrival] = deque()
        self._bytes = 0
        self._news = asyncio.Event()
        self._closed = False
        self._outage = Outage("store")

    @property
    def ready(self) -> bool:
        """Facts can be taken now, as far as the last attempt showed."""
        return not self._closed and not self._outage.lost

    def use(self, company: Company) -> None:
        """From now on read numbers for this company."""
        self._company = company

    def close(self) -> None:
        """Take nothing more; `work` returns when everything that waits is on disk."""
        self._closed = True
        self._news.set()

    async def accept(self, events: Sequence[Event], *, hold: Hold | None = None) -> Accepted:
        """Store these facts; returns when they are committed.

        `hold` is what a source that only one node may listen to has to show.

        Raises:
            Superseded: nothing was stored, since another node listens to this source now.
            StoreUnavailable: nothing was stored; the sender should come again.
            Overloaded: too much is waiting already; the same.
            Stopping: the bridge is being stopped; the same.

        """
        country = self._company.country
        entries = tuple([NewEntry(event=event, lane=lane_of_event(event, country)) for event in events])
        return await self._arrive(entries, None, SIZE_OF_EVENT * len(entries), hold)

    async def quarantine(self, source: str, content_type: str | None, body: bytes, problem: str) -> None:
        """Keep a body that cannot be read, raw and visible; returns when it is committed. Raises as `accept` does."""
        unreadable = _Unreadable(
            source=source, received_at=self._clock.now(), content_type=content_type, body=body, problem=problem
        )
        await self._arrive((), unreadable, len(body))

    async def work(self) -> None:
        """Store what arrives, until `close`.

        Raises:
            StoreCorrupt: a person must come.

        """
        while True:
            self._news.clear()
            if self._arrivals:
                await self._store_all(self._next_commit())
            elif self._closed:
                return
            elif self._outage.lost:
                await self._clock.wait(self._news, until=self._clock.now() + PROBE_SECONDS)
                if not self._news.is_set():
                    await self._probe()
            else:
                await self._news.wait()

    async def _probe(self) -> None:
        """See whether the store is back: who asks /readyz before he sends would otherwise never send again."""
        try:
            async with self._store.writing() as conn:
                await write_and_take_back(conn, self._clock.now())
        except StoreUnavailable:
            return
        self._outage.ends()
        self._wake()

    async def _arrive(
        self, entries: tuple[NewEntry, ...], unreadable: _Unreadable | None, size: int, hold: Hold | None = None
    ) -> Accepted:
        if self._closed:
            raise Stopping("the bridge is being stopped; send it again in a minute")
        if self._tally.waiting >= MOST_WAITING or self._bytes + size > MOST_BYTES:
            self._tally.overloads += 1
            raise Overloaded("too much waits for the disk; send it again in some seconds")
        stored: asyncio.Future[Accepted] = asyncio.get_running_loop().create_future()
        arrival = _Arrival(entries=entries, unreadable=unreadable, size=size, hold=hold, stored=stored)
        self._arrivals.append(arrival)
        self._bytes += size
        self._tally.waiting += max(len(entries), 1)
        self._news.set()
        return await stored

    def _next_commit(self) -> list[_Arrival]:
        taken: list[_Arrival] = []
        events = 0
        while self._arrivals and (not taken or events + len(self._arrivals[0].entries) <= LARGEST_COMMIT):
            arrival = self._arrivals.popleft()
            events += max(len(arrival.entries), 1)
            self._bytes -= arrival.size
            taken.append(arrival)
        self._tally.waiting -= events
        return taken

    async def _store_all(self, arrivals: list[_Arrival]) -> None:
        """One transaction for all; if it breaks for an unknown reason, one for each, to find who broke it."""
        try:
            new = await self._commit_at_last(arrivals)
        except StoreUnavailable as error:
            self._outage.begins(error)
            _refuse(arrivals, error)
        except StoreCorrupt as error:
            _refuse(arrivals, error)
            raise
        except Exception as error:
            if len(arrivals) == 1:
                if not isinstance(error, Superseded):
                    log.exception("event.refused", source=_source(arrivals[0]))
                _refuse(arrivals, error)
                return
            for arrival in arrivals:
                await self._store_all([arrival])
        except BaseException as error:
            _refuse(arrivals, StoreUnavailable(f"stopped before the commit: {type(error).__name__}"))
            raise
        else:
            self._outage.ends()
            self._acknowledge(arrivals, new)

    async def _commit_at_last(self, arrivals: list[_Arrival]) -> dict[tuple[str, str], int]:
        """Nodes that are told the same facts in different orders get in each other's way, until all use one order.

        That is the order in which the facts happened, which is told with them: a client's facts stay in it.
        """
        entries = [entry for arrival in arrivals for entry in arrival.entries]
        for _ in range(CONTENDED_TRIES):
            try:
                return await self._commit(arrivals, entries)
            except StoreContended:
                entries.sort(key=_order)
        return await self._commit(arrivals, entries)

    async def _commit(self, arrivals: list[_Arrival], entries: list[NewEntry]) -> dict[tuple[str, str], int]:
        async with self._store.writing() as conn:
            for hold in {arrival.hold for arrival in arrivals if arrival.hold is not None}:
                await require_hold(conn, hold)
            if is_shared(conn):
                entries = await in_known_lanes(conn, entries)
            new = await append_new(conn, entries)
            for arrival in arrivals:
                if (body := arrival.unreadable) is not None:
                    await put_in_quarantine(
                        conn,
                        body.source,
                        received_at=body.received_at,
                        content_type=body.content_type,
                        body=body.body,
                        problem=body.problem,
                    )
            await tell_nodes(conn, News.FACTS, self._node)
        return new

    def _acknowledge(self, arrivals: list[_Arrival], new: dict[tuple[str, str], int]) -> None:
        self._tally.commits += 1
        for arrival in arrivals:
            accepted = 0
            for entry in arrival.entries:
                # Popped, since the same event may have come twice into this commit.
                accepted += new.pop((entry.event.source, entry.event.event_id), None) is not None
            duplicates = len(arrival.entries) - accepted
            self._tally.accepted += accepted
            self._tally.duplicates += duplicates
            self._tally.quarantined += arrival.unreadable is not None
            if not arrival.stored.done():  # the sender may have hung up
                arrival.stored.set_result(Accepted(accepted=accepted, duplicates=duplicates))
        self._wake()


def _refuse(arrivals: list[_Arrival], error: Exception) -> None:
    for arrival in arrivals:
        if not arrival.stored.done():
            arrival.stored.set_exception(error)


def _order(entry: NewEntry) -> tuple[Instant, str, str]:
    """The same on every node."""
    return entry.event.occurred_at, entry.event.source, entry.event.event_id


def _source(arrival: _Arrival) -> str:
    return arrival.unreadable.source if arrival.unreadable is not None else arrival.entries[0].event.source
