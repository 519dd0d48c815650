"""Pages of long lists, newest first: a cursor names the last record seen, so that new records never shift a page."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Select, literal, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from bridge.store.errors import BadCursor

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """Some records, newest first. `next` is the cursor of the page after this one, None on the last."""

    items: tuple[T, ...]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """What a list is sorted by, downwards: a moment and a unique id, or a unique id alone."""

    columns: tuple[ColumnElement[Any], ...]

    def after(self, cursor: str) -> ColumnElement[bool]:
        """The records that come after the one that this cursor names."""
        places = _read_cursor(cursor, len(self.columns))
        if len(self.columns) == 1:
            if not isinstance(places[0], int):
                raise BadCursor(cursor)
            return self.columns[0] < places[0]
        return tuple_(*self.columns) < tuple_(*(literal(place) for place in places))


async def page(
    conn: AsyncConnection,
    statement: Select[Any],
    order: Order,
    read: Callable[[Sequence[Any]], T],
    *,
    limit: int,
    cursor: str | None,
) -> Page[T]:
    """One page of what the statement gives.

    Raises:
        BadCursor: the cursor was not made by this list.

    """
    if cursor is not None:
        statement = statement.where(order.after(cursor))
    statement = statement.add_columns(*order.columns).order_by(*(column.desc() for column in order.columns))
    rows = (await conn.execute(statement.limit(limit + 1))).all()
    width = len(order.columns)
    items = tuple(read(row[:-width]) for row in rows[:limit])
    return Page(items=items, next=_cursor(rows[limit - 1][-width:]) if len(rows) > limit > 0 else None)


def _cursor(places: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(list(places)).encode()).decode().rstrip("=")


def _read_cursor(cursor: str, width: int) -> list[float | str]:
    try:
        places = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError) as error:
        raise BadCursor(cursor) from error
    if not isinstance(places, list) or len(places) != width or not _is_number(places[0]):
        raise BadCursor(cursor)
    if width > 1 and not (isinstance(places[1], str) and places[1].isprintable()):
        raise BadCursor(cursor)
    return places if width == 1 else [float(places[0]), places[1]]


def _is_number(place: object) -> bool:
    """What a column of either database can be compared with: PostgreSQL's driver takes no larger integers."""
    return isinstance(place, int | float) and not isinstance(place, bool) and -(2**63) <= place < 2**63
