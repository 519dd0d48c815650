"""What a table holds, in two figures that are the same on either database.

The checksum is the sum of the digests of the rows: it does not depend on their order, which the databases see
differently, and a row that is doubled and one that is missing do not cancel each other out. It is reckoned here and
not by the databases, which have no common way to spell a float.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b

from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncEngine

from bridge.store.pieces import key_of, read_piece
from bridge.store.ready import Row

_BYTES = 16
_ALL = (1 << 8 * _BYTES) - 1


@dataclass(frozen=True, slots=True)
class Sum:
    """How many rows, and their checksum."""

    rows: int = 0
    checksum: int = 0

    def __str__(self) -> str:
        """Both, for people."""
        return f"{self.rows} rows, {self.checksum:0{2 * _BYTES}x}"

    def plus(self, rows: list[Row]) -> "Sum":
        """The sum with these rows added."""
        checksum = self.checksum
        for row in rows:
            # Python spells equal values alike and different ones differently, floats to the last bit.
            digest = blake2b(repr(row).encode(), digest_size=_BYTES).digest()
            checksum += int.from_bytes(digest)
        return Sum(self.rows + len(rows), checksum & _ALL)


async def sum_of(
    engine: AsyncEngine, table: Table, *, turned: Callable[[list[Row]], list[Row]], told: Callable[[int], None]
) -> Sum:
    """The sum of everything in this table, each piece of it `turned` before; `told` hears how many rows were read."""
    total, after = Sum(), None
    async with engine.connect() as conn:
        while rows := await read_piece(conn, table, after):
            after = key_of(table, rows[-1])
            total = total.plus(turned(rows))
            told(len(rows))
    return total
