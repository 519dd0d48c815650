"""The remote CRM that is told of every effect, if there is one."""

import asyncio
from dataclasses import dataclass
from random import SystemRandom  # noqa: TID251 # here chance enters

import structlog

from bridge.config import Configuration
from bridge.crm.http import HttpCrmAdapter
from bridge.crm.settings import HttpCrm
from bridge.flow.clock import Clock
from bridge.flow.delivery import Delivery
from bridge.flow.supervision import Begin
from bridge.flow.tally import Tally
from bridge.store.engine import Store
from bridge.web.services import SystemStatus

log = structlog.get_logger()

STOP_SECONDS = 9.0
"""How long a delivery may take at a stop to finish what it has begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _ToldCrm:
    """A remote CRM that is told: what it was made of, and the task that tells it."""

    delivery: Delivery
    adapter: HttpCrmAdapter
    settings: HttpCrm
    task: asyncio.Task[None]


class RemoteCrm:
    """The configured one, whichever that is now."""

    def __init__(self, store: Store, clock: Clock, tally: Tally, *, node: str, begin: Begin) -> None:
        self._store = store
        self._clock = clock
        self._tally = tally
        self._node = node
        self._begin = begin
        self._told: _ToldCrm | None = None

    async def use(self, configuration: Configuration) -> None:
        """Tell this one from now on; one that did not change is left alone."""
        wanted = configuration.crm
        if self._told is not None and wanted != self._told.settings:
            await self.end()
            self._told = None
        if isinstance(wanted, HttpCrm) and self._told is None:
            adapter = HttpCrmAdapter(wanted, self._clock)
            delivery = Delivery(
                self._store,
                self._clock,
                adapter,
                wanted.limits,
                system=wanted.kind,
                holder=self._node,
                chance=SystemRandom().random,
                tally=self._tally,
            )
            task = self._begin("delivery", delivery.work)
            self._told = _ToldCrm(delivery=delivery, adapter=adapter, settings=wanted, task=task)

    def wake(self) -> None:
        """There is something new to tell."""
        if self._told is not None:
            self._told.delivery.wake()

    async def end(self) -> None:
        """Let it finish what it has begun; what takes longer than the grace time is looked at the next time."""
        told = self._told
        if told is None:
            return
        told.delivery.close()
        _, late = await asyncio.wait((told.task,), timeout=STOP_SECONDS)
        if late:
            log.warning("bridge.stopped_late", task="delivery")
            told.task.cancel()
            await asyncio.wait((told.task,))
        await told.adapter.close()

    def status(self) -> tuple[SystemStatus, ...]:
        """How it is now; empty if there is none."""
        if self._told is None:
            return ()
        status, settings = self._told.delivery.status, self._told.settings
        return (
            SystemStatus(
                id=status.system,
                breaker=status.breaker.value,
                since=status.since,
                problem=status.problem,
                paused_until=status.paused_until,
                under_way=status.under_way,
                alarm_age=settings.alarm_age_seconds,
                alarm_size=settings.alarm_size,
            ),
        )
