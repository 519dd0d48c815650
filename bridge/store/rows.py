"""The record tables: one mapping between each class of `model.crm` and its table, since their names agree."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
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
from bridge.store.codec import Turn, compiled
from bridge.store.statements import BulkUpsert, by_value, rows_for

T = TypeVar("T")


class RecordTable(Generic[T]):
    """The records of one class in one table. `kinds` are its enumerations, `texts` its documents (write, read).

    `record` gives the record of one row, `row` the row of one record.
    """

    def __init__(
        self,
        table: Table,
        make: type[T],
        *,
        kinds: Mapping[str, Any] | None = None,
        texts: Mapping[str, tuple[Turn, Turn]] | None = None,
    ) -> None:
        self.table = table
        self.names = tuple(part.name for part in fields(make))  # type: ignore[arg-type] # each is a dataclass
        writers: dict[str, Turn] = dict.fromkeys(kinds or {}, str)
        readers: dict[str, Turn] = {name: by_value(kind) for name, kind in (kinds or {}).items()}
        for name, (write, read) in (texts or {}).items():
            writers[name], readers[name] = write, read
        self.record: Callable[[Sequence[Any]], T] = _record_maker(self.names, make, readers)
        self.row: Callable[[T], tuple[Any, ...]] = _row_maker(self.names, writers)
        self._upsert = BulkUpsert(table, self.names)

    def select(self) -> Select[Any]:
        """Every column, in the order that `record` reads."""
        return select(*(self.table.c[name] for name in self.names))

    def having(self, column: str) -> Select[Any]:
        """The statement for `all_of`: every record with one of these keys in this column."""
        return self.select().where(self.table.c[column].in_(bindparam("keys", expanding=True)))

    async def save(self, conn: AsyncConnection, records: Iterable[T]) -> None:
        """Insert the new ones and replace the known ones, in one statement."""
        await self._upsert.run(conn, list(map(self.row, records)))

    async def all_of(self, conn: AsyncConnection, statement: Select[Any], keys: Iterable[Any]) -> list[T]:
        """Every record that the statement gives for these keys, each once."""
        return list(map(self.record, await rows_for(conn, statement, set(keys))))


def _record_maker(names: Sequence[str], make: type[T], readers: Mapping[str, Turn]) -> Callable[[Sequence[Any]], T]:
    turned = (f"turn_{name}({name})" if name in readers else name for name in names)
    parts = ", ".join(f"{name}={value}" for name, value in zip(names, turned, strict=True))
    lines = ["def record(row):", f" {', '.join(names)}, = row", f" return make({parts})"]
    return compiled("record", lines, {"make": make} | {f"turn_{name}": turn for name, turn in readers.items()})


def _row_maker(names: Sequence[str], writers: Mapping[str, Turn]) -> Callable[[Any], tuple[Any, ...]]:
    values = (f"turn_{name}(record.{name})" if name in writers else f"record.{name}" for name in names)
    lines = ["def row(record):", f" return ({', '.join(values)},)"]
    return compiled("row", lines, {f"turn_{name}": turn for name, turn in writers.items()})


_WORDS = (documents.words_text, documents.read_words)
_UTM = (documents.utm_text, documents.read_utm)

CONTACTS = RecordTable(schema.contact, Contact, texts={"phones": _WORDS, "emails": _WORDS})
ORGANISATIONS = RecordTable(schema.organisation, Organisation)
LEADS = RecordTable(schema.lead, Lead, kinds={"status": LeadStatus}, texts={"utm": _UTM, "tags": _WORDS})
DEALS = RecordTable(schema.deal, Deal, kinds={"status": DealStatus})
TASKS = RecordTable(schema.task, Task, kinds={"kind": TaskKind, "status": TaskStatus})
CASES = RecordTable(schema.missed_case, Case, kinds={"status": CaseStatus})
NOTES = RecordTable(schema.note, Note)
