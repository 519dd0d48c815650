"""Doing what only one of several nodes may do, for as long as this node is the one.

On an embedded store this node is the only one. On PostgreSQL a beat, twice a second, shows the server that we live;
the server ends the session of a node that was silent for two and a half (`store.guard`), and another node takes over.
A node that gets no answer lets go after less than two, so it has stopped before another begins. When the server's
machine says that there is no server (a restart), nobody can take over: then we go on listening, and keep what we hear.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog

from bridge.flow.clock import Clock
from bridge.flow.outage import Outage
from bridge.store.engine import Store
from bridge.store.errors import StoreUnavailable, Superseded
from bridge.store.holds import Hold, News, take_over

log = structlog.get_logger()

BEAT_SECONDS = 0.4
DOUBT_SECONDS = 1.5
"""After so long without an answer we let go; well before the server gives our locks to another node."""


@dataclass(slots=True)
class _Wish:
    """Something that this node wants to do, and whether it may (`hold`)."""

    hold: Hold | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def set(self, hold: Hold | None) -> None:
        if hold != self.hold:
            self.hold = hold
            self.changed.set()


class Holds:
    """What this node may do that only one may. `heard` is told what other nodes tell."""

    def __init__(self, store: Store, clock: Clock, node: str, *, heard: Callable[[News], None]) -> None:
        self._store = store
        self._clock = clock
        self._node = node
        self._heard = heard
        self._wishes: dict[str, _Wish] = {}
        self._outage = Outage("guard")
        self._answered_at = 0.0
        self._closed = asyncio.Event()
        self._asking = True

    def ask_no_more(self) -> None:
        """Whoever waits for his turn goes home; what is under way goes on, until `close`."""
        self._asking = False
        for wish in self._wishes.values():
            if wish.hold is None:
                wish.changed.set()

    def close(self) -> None:
        """Let everything go; `work` returns then, and another node may take over at once."""
        self._closed.set()

    def has(self, name: str) -> bool:
        """This node is the one who does this."""
        wish = self._wishes.get(name)
        return wish is not None and wish.hold is not None

    async def during(self, name: str, work: Callable[[Hold | None], Awaitable[None]]) -> None:
        """Do this work whenever this node is the one; cancelled when another has taken over, and begun anew later.

        `work` gets what it has to show when it writes (None: there are no other nodes). Returns when the work does, or
        when it would have to wait for its turn after `ask_no_more`.
        """
        if self._store.place.embedded:
            await work(None)
            return
        wish = self._wishes[name] = _Wish()
        try:
            while not await self._once(wish, work):
                pass
        finally:
            if self._wishes.get(name) is wish:  # else it was slow to end, and begun anew meanwhile
                del self._wishes[name]

    async def _once(self, wish: _Wish, work: Callable[[Hold | None], Awaitable[None]]) -> bool:
        """Wait until we may, and do it for as long as we may; gives whether it is done."""
        while wish.hold is None:
            if not self._asking:
                return True
            wish.changed.clear()
            await wish.changed.wait()
        hold = wish.hold
        wish.changed.clear()
        async with asyncio.TaskGroup() as tasks:
            working = tasks.create_task(_unless_superseded(work, hold))
            changed = tasks.create_task(wish.changed.wait())
            await asyncio.wait((working, changed), return_when=asyncio.FIRST_COMPLETED)
            finished = working.done()
            working.cancel()
            changed.cancel()
        if finished and working.result():
            return True
        if wish.hold == hold:  # the journal told us before the guard could
            wish.set(None)
        return False

    async def work(self) -> None:
        """Hold the guard's session, again and again, until `close`."""
        if self._store.place.embedded:
            await self._closed.wait()
            return
        while not self._closed.is_set():
            try:
                await self._guard()
            except StoreUnavailable as error:
                self._outage.begins(error)
                self._let_go_if_in_doubt(error)
                await self._clock.wait(self._closed, until=self._clock.now() + BEAT_SECONDS / 4)
            except BaseException:  # the locks went with the session, and nobody knows when the next one is opened
                self._let_go()
                raise

    async def _guard(self) -> None:
        from bridge.store.guard import Guard  # noqa: PLC0415 # an embedded store never pays for its memory

        asked_at = _monotonic()
        guard = await Guard.open(self._store, self._node, self._heard)
        try:
            self._answered_at = asked_at
            confirmed: frozenset[str] = frozenset()
            self._heard(News.FACTS)  # nobody told us while we could not hear
            while not self._closed.is_set():
                asked_at = _monotonic()
                held = await guard.beat(tuple(self._wishes))
                self._answered_at = asked_at
                self._outage.ends()
                await self._grant(held, held - confirmed)
                confirmed = held
                await self._clock.wait(self._closed, until=self._clock.now() + BEAT_SECONDS)
        except BaseException:
            guard.abandon()
            raise
        await guard.close()

    async def _grant(self, held: frozenset[str], fresh: frozenset[str]) -> None:
        """`fresh` were got in this session: somebody else may have had them since we did."""
        for name, wish in list(self._wishes.items()):
            if name not in held:
                wish.set(None)
            elif wish.hold is None or name in fresh:
                async with self._store.writing() as conn:
                    hold = await take_over(conn, name, self._node, self._clock.now())
                wish.set(hold)  # not before the commit: a count that is rolled back is the next one's, too
                log.info("hold.taken", name=name, node=self._node)

    def _let_go_if_in_doubt(self, error: StoreUnavailable) -> None:
        from bridge.store.guard import server_is_down  # noqa: PLC0415 # the same

        if server_is_down(error):
            self._answered_at = _monotonic()
        elif _monotonic() - self._answered_at >= DOUBT_SECONDS:
            self._let_go()

    def _let_go(self) -> None:
        for wish in self._wishes.values():
            wish.set(None)


async def _unless_superseded(work: Callable[[Hold | None], Awaitable[None]], hold: Hold) -> bool:
    """Whether the work came to its end."""
    done = False
    try:
        await work(hold)
        done = True
    except* Superseded:
        log.warning("hold.superseded", name=hold.name)
    return done


def _monotonic() -> float:
    return asyncio.get_running_loop().time()
