"""Handling again what had failed: bodies that nobody could read, events that broke, effects that were given up.

Each piece is one transaction with the mark that it was replayed, so that it happens once however often it is asked.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import structlog

from bridge.flow.clock import Clock
from bridge.flow.identity import lane_of_event
from bridge.model.events import Event
from bridge.model.moment import Instant
from bridge.store.engine import Store
from bridge.store.journal import (
    NewEntry,
    Quarantined,
    QuarantineState,
    append,
    failed_ids,
    quarantine_bodies,
    quarantine_ids,
    retry_failed,
    settle_quarantined,
)
from bridge.store.outbox import dead_items, replay_dead

log = structlog.get_logger()

AT_ONCE = 100
"""Pieces in one transaction: a running daemon writes in between."""


class StillUnreadable(Exception):  # noqa: N818  # style: an exception is named for what happened
    """The source's dialect cannot read the body, or there is no such source any more; the message says which."""


Read = Callable[[Quarantined, Instant], Sequence[Event]]
"""The events in a body, as its source reads it now; raises StillUnreadable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be replayed: these (None: all that failed), of those that failed at `since` or later (None: ever)."""

    ids: Collection[int] | None = None
    since: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What came of it: the ids of what is handled again, and for each of the others why it is not."""

    again: tuple[int, ...] = ()
    refused: tuple[tuple[int, str], ...] = ()


class Replay:
    """Replays in a daemon or beside it. `wake` tells whoever handles what was replayed; `country` reads its numbers."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        read: Read,
        country: Callable[[], str],
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._read = read
        self._country = country
        self._wake = wake

    async def quarantined_ids(self, wanted: Wanted) -> list[int]:
        """The waiting bodies that are meant, the oldest first."""
        async with self._store.reading() as conn:
            return await quarantine_ids(conn, ids=wanted.ids, since=wanted.since)

    async def failed_ids(self, wanted: Wanted) -> list[int]:
        """The failed events that are meant, the oldest first."""
        async with self._store.reading() as conn:
            return await failed_ids(conn, ids=wanted.ids, since=wanted.since)

    async def dead_ids(self, wanted: Wanted) -> list[int]:
        """The dead letters that are meant, the oldest first."""
        async with self._store.reading() as conn:
            return [item.id for item in await dead_items(conn, ids=wanted.ids, since=wanted.since)]

    async def quarantined(self, ids: Sequence[int], *, dry: bool = False) -> Replayed:
        """Read these bodies again and accept what they say. `dry`: only see whether they can be read."""
        now, again, refused = self._clock.now(), [], []
        async with self._store.writing() as conn:
            for body in await quarantine_bodies(conn, ids):
                try:
                    events = self._read(body, now)
                except StillUnreadable as why:
                    refused.append((body.id, str(why)))
                    continue
                again.append(body.id)
                if not dry:
                    country = self._country()
                    await append(conn, [NewEntry(event=event, lane=lane_of_event(event, country)) for event in events])
            if again and not dry:
                await settle_quarantined(conn, again, QuarantineState.REPLAYED)
        return self._told("body", Replayed(again=tuple(again), refused=tuple(refused)), dry=dry)

    async def failed(self, ids: Sequence[int], *, dry: bool = False) -> Replayed:
        """Let these events be handled again."""
        if not dry:
            async with self._store.writing() as conn:
                await retry_failed(conn, ids)
        return self._told("event", Replayed(again=tuple(ids)), dry=dry)

    async def dead(self, ids: Sequence[int], *, dry: bool = False) -> Replayed:
        """Let these effects be delivered again, before what their clients have besides."""
        again = list(ids)
        if not dry:
            async with self._store.writing() as conn:
                again = await replay_dead(conn, self._clock.now(), ids=ids)
        return self._told("effect", Replayed(again=tuple(again)), dry=dry)

    def _told(self, kind: str, replayed: Replayed, *, dry: bool) -> Replayed:
        if replayed.again and not dry:
            log.info("failure.replayed", kind=kind, count=len(replayed.again))
            self._wake()
        return replayed
