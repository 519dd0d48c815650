"""The record tables: one mapping between each class of `model.crm` and its table, since their names agree."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any, Generic, TypeVar

from sqlalchemy import Select, Table, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model.crm import (
    Case,
    CaseStatus,
    Contact,
    Deal,
    DealStatus,
    Lead,
    LeadStatus,
    Note,
    Organisation,
    Task,
    TaskKind,
    TaskStatus,
)
from bridge.store import documents, schema
from bridge.store.statements import BulkUpsert, by_value, rows_for

T = TypeVar("T")
Turn = Callable[[Any], Any]


class RecordTable(Generic[T]):
    """The records of one class in one table. `kinds` are its enumerations, `texts` its documents (write, read)."""

    def __init__(
        self,
        table: Table,
        make: type[T],
        *,
        kinds: Mapping[str, Any] | None = None,
        texts: Mapping[str, tuple[Turn, Turn]] | None = None,
    ) -> None:
        self.table = table
        self.make = make
        self.names = tuple(part.name for part in fields(make))  # type: ignore[arg-type] # each is a dataclass
        place = self.names.index
        self._values_of = attrgetter(*self.names)
        self._writers: list[tuple[int, Turn]] = [(place(name), str) for name in kinds or {}]
        self._writers += [(place(name), write) for name, (write, _) in (texts or {}).items()]
        self._readers = [(place(name), by_value(kind)) for name, kind in (kinds or {}).items()]
        self._readers += [(place(name), read) for name, (_, read) in (texts or {}).items()]
        self._upsert = BulkUpsert(table, self.names)

    def select(self) -> Select[Any]:
        """Every column, in the order that `record` reads."""
        return select(*(self.table.c[name] for name in self.names))

    def having(self, column: str) -> Select[Any]:
        """The statement for `rows_for`: every record with one of these keys in this column."""
        return self.select().where(self.table.c[column].in_(bindparam("keys", expanding=True)))

    def record(self, row: Sequence[Any]) -> T:
        """The record of one row."""
        values = list(row)
        for place, turn in self._readers:
            values[place] = turn(values[place])
        return self.make(**dict(zip(self.names, values, strict=True)))

    def row(self, record: T) -> tuple[Any, ...]:
        """The row of one record."""
        values = list(self._values_of(record))
        for place, turn in self._writers:
            values[place] = turn(values[place])
        return tuple(values)

    async def save(self, conn: AsyncConnection, records: Iterable[T]) -> None:
        """Insert the new ones and replace the known ones, in one statement."""
        await self._upsert.run(conn, [self.row(record) for record in records])

    async def all_of(self, conn: AsyncConnection, statement: Select[Any], keys: Iterable[Any]) -> list[T]:
        """Every record that the statement gives for these keys, each once."""
        wanted = set(keys)
        return [self.record(row) for row in await rows_for(conn, statement, wanted)] if wanted else []


_WORDS = (documents.words_text, documents.read_words)
_UTM = (documents.utm_text, documents.read_utm)

CONTACTS = RecordTable(schema.contact, Contact, texts={"phones": _WORDS, "emails": _WORDS})
ORGANISATIONS = RecordTable(schema.organisation, Organisation)
LEADS = RecordTable(schema.lead, Lead, kinds={"status": LeadStatus}, texts={"utm": _UTM, "tags": _WORDS})
DEALS = RecordTable(schema.deal, Deal, kinds={"status": DealStatus})
TASKS = RecordTable(schema.task, Task, kinds={"kind": TaskKind, "status": TaskStatus})
CASES = RecordTable(schema.missed_case, Case, kinds={"status": CaseStatus})
NOTES = RecordTable(schema.note, Note)
