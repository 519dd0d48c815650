"""Between a line that cannot wait and a store that may: the newest snapshot of each call, within a stated bound."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence

from bridge.model.events import CallSeen


class Handover:
    """Snapshots of calls on their way to the journal, oldest call first.

    A snapshot tells the whole call and supersedes the earlier ones, so of each call only the newest waits: however
    slow the journal is, nothing that was known is lost and memory grows with the number of calls, not of events.
    Beyond `most` calls something must go, and is counted: first the news of calls that still go on (they will be told
    again when they end), then the oldest.
    """

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._waiting: OrderedDict[str, CallSeen] = OrderedDict()
        self._some = asyncio.Event()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, event: CallSeen) -> None:
        """Let this snapshot wait, in the place of the earlier ones of the same call and of those merged into it."""
        for key in event.call.merged:
            self._waiting.pop(key, None)
        if event.call_key not in self._waiting and len(self._waiting) >= self._most:
            self.dropped += 1
            if not event.call.ended:
                return
            self._waiting.popitem(last=False)
        self._waiting[event.call_key] = event
        self._some.set()

    async def some(self, most: int) -> Sequence[CallSeen]:
        """Wait until there is at least one; the oldest, at most so many. They stay here until `taken` is told."""
        await self._some.wait()
        return [event for event, _ in zip(self._waiting.values(), range(most), strict=False)]

    def taken(self, events: Sequence[CallSeen]) -> None:
        """These are on disk. One that was superseded in the meantime is not what waits now, and stays."""
        for event in events:
            if self._waiting.get(event.call_key) is event:
                del self._waiting[event.call_key]
        if not self._waiting:
            self._some.clear()
