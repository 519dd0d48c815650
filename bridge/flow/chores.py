"""What has no hurry: calls nobody ended are closed, employees are mirrored, and credited once they are known."""

import asyncio
from collections.abc import Callable

from bridge.flow.bulletin import Bulletin
from bridge.flow.clock import Clock
from bridge.flow.staff_changes import credit_known_parties
from bridge.flow.sweeper import GIVE_UP_SECONDS, call_in, sweep
from bridge.model.people import Company
from bridge.store.engine import Store
from bridge.store.errors import StoreUnavailable
from bridge.store.staff import mirror_employees

PAUSE_SECONDS = 600.0


class Chores:
    """Does them at the start, whenever the company has changed, and every ten minutes. `wake` wakes the lanes."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        company: Company,
        *,
        bulletin: Bulletin,
        wake: Callable[[], None],
        give_up_after: float = GIVE_UP_SECONDS,
        system: str | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._company = company
        self._system = system
        self._bulletin = bulletin
        self._wake = wake
        self._give_up_after = give_up_after
        self._known: Company | None = None  # it may have changed while we were down
        self._news = asyncio.Event()
        self._closed = False

    def use(self, company: Company, *, system: str | None = None) -> None:
        """The company is like this now; `system` is the remote system that is told of every effect."""
        self._company, self._system = company, system
        self._news.set()

    def close(self) -> None:
        """Begin no other round."""
        self._closed = True
        self._news.set()

    async def work(self) -> None:
        """Round after round, until `close`."""
        broken = False
        while not self._closed:
            self._news.clear()
            try:
                await self.round()
            except StoreUnavailable:  # the lanes say so; the next round does what this one could not
                broken = True
            else:
                if broken:
                    self._bulletin.miss()  # what broke at its commit may have been committed
                broken = False
            await self._rest()

    async def round(self) -> None:
        """Everything that there is to do now.

        Raises:
            StoreUnavailable: the rest is done the next time.

        """
        company = self._company
        if company is not self._known:
            async with self._store.writing() as conn:
                await mirror_employees(conn, company.employees.values())
            await credit_known_parties(self._store, self._clock, company, self._bulletin, self._system)
            self._known = company
        called_in = await call_in(self._store, self._clock, company.policy.settle)
        if await sweep(self._store, self._clock, self._give_up_after) + called_in:
            self._wake()

    async def _rest(self) -> None:
        began = self._clock.now()
        until = began + PAUSE_SECONDS
        while not self._news.is_set() and began <= self._clock.now() < until:  # earlier than it began: it was set back
            await self._clock.wait(self._news, until=until)
