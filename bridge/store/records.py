"""Writing what a batch changed: a few bulk statements, whatever its size."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model.crm import Case, Contact, Deal, Lead, Note, Organisation, Task
from bridge.model.effects import Verdict
from bridge.model.moment import Instant
from bridge.model.situation import Occasion
from bridge.store.documents import verdict_text
from bridge.store.rows import CASES, CONTACTS, DEALS, LEADS, NOTES, ORGANISATIONS, TASKS
from bridge.store.schema import counter, identity, verdict
from bridge.store.statements import BulkUpsert, insert_for


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVerdict:
    """A decision to be kept for ever. `fact` is the call key or event id, `matrix` the version of the scenarios."""

    fact: str
    call_id: str | None
    occasion: Occasion
    decided_at: Instant
    matrix: str
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a batch leaves behind: whole records, new or changed (known by their ids), and what only adds up.

    `counters` are added to what the store has, by (name, day as `2026-11-22`).
    """

    contacts: Iterable[Contact] = ()
    organisations: Iterable[Organisation] = ()
    leads: Iterable[Lead] = ()
    deals: Iterable[Deal] = ()
    tasks: Iterable[Task] = ()
    cases: Iterable[Case] = ()
    notes: Iterable[Note] = ()
    verdicts: Iterable[NewVerdict] = ()
    counters: Mapping[tuple[str, str], int] = field(default_factory=dict)


_IDENTITIES = BulkUpsert(identity, ("kind", "value", "contact_id"), replace=False)
_VERDICTS = BulkUpsert(
    verdict, ("fact", "call_id", "occasion", "decided_at", "matrix", "scenario", "body"), replace=False
)


async def save(conn: AsyncConnection, changes: Changes) -> None:
    """Write everything, in the transaction of `conn`. The records were read in this same transaction, so none is stale.

    A contact is found from now on by all his phones and e-mail addresses; those he had before still lead to him.
    """
    contacts = list(changes.contacts)
    await CONTACTS.save(conn, contacts)
    await _IDENTITIES.run(conn, [row for contact in contacts for row in _identities(contact)])
    await ORGANISATIONS.save(conn, changes.organisations)
    await LEADS.save(conn, changes.leads)
    await DEALS.save(conn, changes.deals)
    await TASKS.save(conn, changes.tasks)
    await CASES.save(conn, changes.cases)
    await NOTES.save(conn, changes.notes)
    await _VERDICTS.run(conn, [_verdict_row(made) for made in changes.verdicts])
    await count(conn, changes.counters)


def _identities(contact: Contact) -> list[tuple[str, str, str]]:
    phones = [("phone", phone, contact.id) for phone in contact.phones]
    return phones + [("email", email.lower(), contact.id) for email in contact.emails]


def _verdict_row(made: NewVerdict) -> tuple[str | float | None, ...]:
    scenario, body = made.verdict.scenario, verdict_text(made.verdict)
    return made.fact, made.call_id, made.occasion.value, made.decided_at, made.matrix, scenario, body


async def count(conn: AsyncConnection, counters: Mapping[tuple[str, str], int]) -> None:
    """Add to the counters, by (name, day as `2026-11-22`)."""
    if not counters:
        return
    statement = insert_for(conn, counter)
    added = statement.on_conflict_do_update(
        index_elements=["name", "day"], set_={"value": counter.c.value + statement.excluded.value}
    )
    await conn.execute(added, [{"name": name, "day": day, "value": by} for (name, day), by in sorted(counters.items())])
