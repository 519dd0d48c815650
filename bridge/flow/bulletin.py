"""What has just been committed, told to whoever listens in this process: the pages' server-sent events."""

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from bridge.model.crm import Case, Contact, Deal, Lead, Organisation, Task
from bridge.store.calls import CallRecord

KEPT = 256
"""Changes that a listener may be behind before he loses the oldest."""

Shown = CallRecord | Task | Case | Lead | Deal | Contact | Organisation


class Topic(StrEnum):
    """What a change is about. RESYNC: you have missed changes, read everything again."""

    CALL = "call"
    TASK = "task"
    CASE = "case"
    LEAD = "lead"
    DEAL = "deal"
    CONTACT = "contact"
    ORGANISATION = "organisation"
    RESYNC = "resync"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One record as it is now on disk; None: it is gone (a call that became part of another), or RESYNC."""

    topic: Topic
    id: str = ""
    record: Shown | None = None


_TOPICS: dict[type, Topic] = {
    CallRecord: Topic.CALL,
    Task: Topic.TASK,
    Case: Topic.CASE,
    Lead: Topic.LEAD,
    Deal: Topic.DEAL,
    Contact: Topic.CONTACT,
    Organisation: Topic.ORGANISATION,
}


def change_of(record: Shown) -> Change:
    """The news that this record is as it is."""
    return Change(topic=_TOPICS[type(record)], id=record.id, record=record)


class Listener:
    """One who listens; he gets every change since he came, oldest first, or is told that he missed some."""

    def __init__(self, kept: int = KEPT) -> None:
        self._changes: deque[Change] = deque(maxlen=kept)
        self._missed = False
        self._news = asyncio.Event()

    def hear(self, changes: Iterable[Change]) -> None:
        """Take these; when there are too many, the oldest are forgotten."""
        for change in changes:
            self._missed = self._missed or len(self._changes) == self._changes.maxlen
            self._changes.append(change)
            self._news.set()

    def miss(self) -> None:
        """Something has changed that nobody can tell him; any number of such moments are one."""
        self._missed = True
        self._news.set()

    async def next(self) -> Change:
        """The next change; waits for one. RESYNC comes before what is left after a loss."""
        while not self._changes and not self._missed:
            self._news.clear()
            await self._news.wait()
        if self._missed:
            self._missed = False
            return Change(topic=Topic.RESYNC)
        return self._changes.popleft()


class Bulletin:
    """Tells every listener of every change. Publishing never waits."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()

    @property
    def heard(self) -> bool:
        """Somebody listens; without anybody there is no need to make the news."""
        return bool(self._listeners)

    def publish(self, changes: Iterable[Change]) -> None:
        """Tell everybody; call it after the commit."""
        news = tuple(changes)
        for listener in self._listeners:
            listener.hear(news)

    def miss(self) -> None:
        """Another node has changed something: whoever listens reads everything again."""
        for listener in self._listeners:
            listener.miss()

    @contextmanager
    def listening(self, kept: int = KEPT) -> Iterator[Listener]:
        """Listen for as long as the block lasts."""
        listener = Listener(kept)
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
