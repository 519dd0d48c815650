"""Whose lanes a transaction may work on.

An embedded store has one node, and its one writer may work on everything. On PostgreSQL several equal nodes work at
once: each name (a client's lane, his contact, a call, what a settings task is about) has one of
`LANE_SLOTS` slots, and who works on it holds that slot's row until his transaction ends, however it ends. Whoever
finds it held passes on (`SKIP LOCKED`) and never waits, so there is nothing to deadlock.
"""

from collections.abc import Collection, Iterable
from zlib import crc32

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.store.schema import LANE_SLOTS, lane_slot
from bridge.store.statements import rows_for

_SLOTS = select(lane_slot.c.slot).where(lane_slot.c.slot.in_(bindparam("keys", expanding=True)))
_FREE = _SLOTS.with_for_update(skip_locked=True)
_IN_TURN = _SLOTS.order_by(lane_slot.c.slot).with_for_update()


def slot_of(name: str) -> int:
    """The slot of this name, the same on every node."""
    return crc32(name.encode()) % LANE_SLOTS


def is_shared(conn: AsyncConnection) -> bool:
    """Other nodes may work on this store at the same time."""
    return conn.dialect.name == "postgresql"


class Held:
    """What this transaction may work on. Whatever is barred may not be worked on in it, though it could be reached.

    Barring keeps the order of a client's facts: when one of them has to wait for another node, so do all later ones.
    """

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn
        self._everything = not is_shared(conn)
        self._slots: set[int] = set()
        self._barred: set[str] = set()

    @property
    def everything(self) -> bool:
        """Nobody else is at work on this store."""
        return self._everything

    async def reach(self, names: Iterable[str]) -> None:
        """Take those of them that no other node holds; does not wait."""
        if self._everything:
            return
        wanted = {slot_of(name) for name in names if name not in self._barred} - self._slots
        self._slots.update([slot for (slot,) in await rows_for(self._conn, _FREE, sorted(wanted))])

    def allows(self, names: Collection[str]) -> bool:
        """All of them are ours to work on."""
        return self._everything or (
            self._barred.isdisjoint(names) and all(slot_of(name) in self._slots for name in names)
        )

    def bar(self, names: Iterable[str]) -> None:
        """Leave these alone until the transaction ends."""
        self._barred.update(names)


async def hold_lanes(conn: AsyncConnection, lanes: Collection[str]) -> None:
    """Wait until these lanes are ours, for what is done beside the batches; once at the beginning of a transaction."""
    if is_shared(conn):
        await rows_for(conn, _IN_TURN, sorted({slot_of(lane) for lane in lanes}))
