"""The lines to the configured PBXs, each held by one node at a time."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from random import SystemRandom  # noqa: TID251 # here chance enters
from zoneinfo import ZoneInfo

from bridge.flow.clock import Clock
from bridge.flow.holding import Holds
from bridge.flow.intake import Intake
from bridge.flow.supervision import Begin
from bridge.sources.ami import AmiLine
from bridge.sources.ami_settings import AmiSettings
from bridge.store.calls import live_calls
from bridge.store.engine import Store
from bridge.store.holds import Hold
from bridge.store.journal import anything_pending
from bridge.web.services import SourceStatus

STOP_SECONDS = 6.0
"""How long lines may take at a stop to hand over the calls that they have just seen."""
JOURNAL_PAUSE_SECONDS = 0.05
"""How often we look whether the journal's rest is handled, before a line is held."""


@dataclass(slots=True)
class _HeldLine:
    """A line that is to be held: what it is made of, and the task that holds it. `line` None: another node holds it."""

    settings: AmiSettings
    task: asyncio.Task[None] | None = None
    line: AmiLine | None = None


class Lines:
    """Every line that this node holds or would hold."""

    def __init__(self, store: Store, clock: Clock, *, intake: Intake, holds: Holds, begin: Begin) -> None:
        self._store = store
        self._clock = clock
        self._intake = intake
        self._holds = holds
        self._begin = begin
        self._timezone = "UTC"
        self._lines: dict[str, _HeldLine] = {}

    async def use(self, settings: Iterable[AmiSettings], timezone: str) -> None:
        """Hold a line to each of these PBXs, which write their records in this zone if they do not say otherwise.

        Those that did not change are left alone.
        """
        self._timezone = timezone
        wanted = {source.id: source for source in settings}
        for source_id, held in list(self._lines.items()):
            if wanted.get(source_id) != held.settings:
                del self._lines[source_id]
                await _ended([held])
        for source_id, source in wanted.items():
            if source_id not in self._lines:
                held = self._lines[source_id] = _HeldLine(source)
                hold = partial(self._hold, held)
                held.task = self._begin(f"ami {source_id}", partial(self._holds.during, _name(source_id), hold))

    async def _hold(self, held: _HeldLine, hold: Hold | None) -> None:
        """Go on where the journal ends: what it holds of this PBX is handled first, or calls would begin twice.

        The line is a new one each time: while another node held it, what the last one knew has become old.
        """
        source_id = held.settings.id
        accept = partial(self._intake.accept, hold=hold)
        chance, zone = SystemRandom().random, ZoneInfo(self._timezone)
        line = AmiLine(held.settings, self._clock, chance, accept, store=self._store, hold=hold, zone=zone)
        while True:
            async with self._store.reading() as conn:
                if not await anything_pending(conn, source_id):
                    line.resume([record.body for record in await live_calls(conn, source_id)])
                    break
            await self._clock.sleep(JOURNAL_PAUSE_SECONDS)
        held.line = line
        try:
            await line.run()
        finally:
            held.line = None

    async def end(self) -> None:
        """Let every line go, and wait until they have."""
        await _ended(self._lines.values())

    def status(self) -> Sequence[SourceStatus]:
        """How each of them is now."""
        alone = self._store.place.embedded
        return [_status(held, ours=alone or self._holds.has(_name(id_))) for id_, held in self._lines.items()]


def _name(source_id: str) -> str:
    """What the nodes call it among themselves."""
    return f"source {source_id}"


async def _ended(lines: Iterable[_HeldLine]) -> None:
    tasks = [held.task for held in lines if held.task is not None]
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=STOP_SECONDS)


def _status(held: _HeldLine, *, ours: bool) -> SourceStatus:
    if held.line is None:
        return SourceStatus(id=held.settings.id, kind="ami", state="starting" if ours else "standby")
    line = held.line.status
    connected = line.connected_since is not None
    return SourceStatus(
        id=held.settings.id,
        kind="ami",
        state="connected" if connected else "lost",
        good=connected,
        since=line.connected_since,
        problem=line.problem,
    )
