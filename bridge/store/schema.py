"""The tables. Instants are doubles (seconds since 1970 UTC), ids are text, documents are JSON text written by us.

The columns of the record tables carry the names of the fields in `model.crm`, so that one mapping serves both.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy import event as happenings
from sqlalchemy.engine import Connection
from sqlalchemy.sql.elements import ColumnElement

metadata = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s"}
)


def _index_of_some(name: str, *columns: Column[Any], where: ColumnElement[bool]) -> None:
    """An index of the rows that some condition holds for: it stays small however large the table grows."""
    Index(name, *columns, sqlite_where=where, info={"where": where})


@happenings.listens_for(metadata, "before_create")
def tell_postgresql(_metadata: MetaData, connection: Connection, **_told: object) -> None:
    """Give the indexes of some rows their condition in PostgreSQL's name, too.

    Only when they are made there: naming PostgreSQL in a declaration would load 2 MiB into every daemon.
    """
    if connection.dialect.name == "postgresql":
        for index in [index for table in metadata.tables.values() for index in table.indexes]:
            if "where" in index.info:
                index.dialect_kwargs["postgresql_where"] = index.info["where"]


Serial = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts by itself only in INTEGER PRIMARY KEY

event = Table(
    "event",  # the journal
    metadata,
    Column("id", Serial, primary_key=True),
    Column("source", String, nullable=False),
    Column("event_id", String, nullable=False),
    Column("type", String, nullable=False),
    Column("lane", String, nullable=False),
    Column("call_key", String),
    Column("occurred_at", Double, nullable=False),
    Column("received_at", Double, nullable=False),
    Column("body", Text, nullable=False),
    Column("state", String, nullable=False),  # pending | done | failed
    Column("handled_at", Double),
    Column("problem", Text),
    UniqueConstraint("source", "event_id"),
)
_index_of_some("ix_event_pending", event.c.id, where=event.c.state == "pending")
_index_of_some("ix_event_failed", event.c.id, where=event.c.state == "failed")
Index("ix_event_call_key", event.c.call_key)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("source", String, nullable=False),
    Column("received_at", Double, nullable=False),
    Column("content_type", String),
    Column("body", LargeBinary, nullable=False),
    Column("problem", Text, nullable=False),
    Column("state", String, nullable=False),  # waiting | replayed | dropped
)
_index_of_some("ix_quarantine_waiting", quarantine.c.id, where=quarantine.c.state == "waiting")

call = Table(
    "call",
    metadata,
    Column("id", String, primary_key=True),  # derives from the key, so the key needs no index
    Column("key", String, nullable=False),
    Column("source", String, nullable=False),
    Column("platform_call_id", String, nullable=False),
    Column("lane", String, nullable=False),
    Column("direction", String, nullable=False),
    Column("raw_number", String),
    Column("client_number", String),
    Column("client_name", String),
    Column("raw_line", String),
    Column("line_number", String),
    Column("queue", String),
    Column("outcome", String),
    Column("missed_reason", String),
    Column("answered_by", String),  # employee id
    Column("last_talker", String),  # employee id
    Column("started_at", Double, nullable=False),
    Column("answered_at", Double),
    Column("ended_at", Double),
    Column("recording_url", String),
    Column("voicemail_url", String),
    Column("incomplete", Boolean, nullable=False),
    Column("listed", Boolean, nullable=False),  # internal and blocked calls are counted, not listed
    Column("unknown_party", String),  # who answered or called, when no employee has that name (D18)
    Column("lead_id", String),
    Column("contact_id", String),
    Column("deal_id", String),
    Column("branch", String),
    Column("scenario", String),
    Column("judge_at", Double),  # when the ended call is settled; null: nothing is due
    Column("pickup_judged", Boolean, nullable=False),
    Column("judged_at", Double),
    Column("matrix", String),  # the scenario version it began with
    Column("revision", Integer, nullable=False),
    Column("body", Text, nullable=False),  # the whole model.call.Call
    Column("client_before", Text),  # the client's records when the call began
    Column("steps", Text),  # the steps that a platform pushed, to fold them again when one comes late
    Column("version", Integer, nullable=False),
)
Index("ix_call_started_at", call.c.started_at, call.c.id)
Index("ix_call_lane", call.c.lane, call.c.started_at)
_index_of_some("ix_call_judge_at", call.c.judge_at, where=call.c.judge_at.is_not(None))
_index_of_some("ix_call_live", call.c.source, where=call.c.ended_at.is_(None))
_index_of_some("ix_call_lead_id", call.c.lead_id, where=call.c.lead_id.is_not(None))
_index_of_some("ix_call_unknown_party", call.c.unknown_party, where=call.c.unknown_party.is_not(None))

call_alias = Table(
    "call_alias",  # the keys of calls that turned out to be another call
    metadata,
    Column("key", String, primary_key=True),
    Column("call_id", String, nullable=False),
    sqlite_with_rowid=False,
)
Index("ix_call_alias_call_id", call_alias.c.call_id)

verdict = Table(
    "verdict",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("fact", String, nullable=False),  # call key or event id
    Column("call_id", String),
    Column("occasion", String, nullable=False),
    Column("decided_at", Double, nullable=False),
    Column("matrix", String, nullable=False),
    Column("scenario", String),
    Column("body", Text, nullable=False),  # effects, reasons, refusals, candidates
)
Index("ix_verdict_call_id", verdict.c.call_id)

matrix = Table(
    "matrix",  # every version of the scenarios that ever decided something
    metadata,
    Column("version", String, primary_key=True),
    Column("text", Text, nullable=False),
    Column("first_used_at", Double, nullable=False),
)

contact = Table(
    "contact",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("phones", Text, nullable=False),
    Column("emails", Text, nullable=False),
    Column("owner_id", String),
    Column("organisation_id", String),
    Column("origin", String, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("version", Integer, nullable=False),
    Column("touched", Boolean, nullable=False),
)
Index("ix_contact_created_at", contact.c.created_at, contact.c.id)

identity = Table(
    "identity",  # phone, email: what a contact is found by
    metadata,
    Column("kind", String, primary_key=True),
    Column("value", String, primary_key=True),
    Column("contact_id", String, primary_key=True),
    sqlite_with_rowid=False,
)

organisation = Table(
    "organisation",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("owner_id", String),
    Column("origin", String, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("version", Integer, nullable=False),
    Column("touched", Boolean, nullable=False),
)
Index("ix_organisation_created_at", organisation.c.created_at, organisation.c.id)

lead = Table(
    "lead",
    metadata,
    Column("id", String, primary_key=True),
    Column("title", String, nullable=False),
    Column("status", String, nullable=False),
    Column("owner_id", String),
    Column("contact_id", String),
    Column("organisation_id", String),
    Column("deal_id", String),
    Column("previous_lead_id", String),
    Column("source", String, nullable=False),
    Column("utm", Text, nullable=False),
    Column("tags", Text, nullable=False),
    Column("branch", String),
    Column("origin", String, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("active_at", Double, nullable=False),
    Column("version", Integer, nullable=False),
    Column("touched", Boolean, nullable=False),
)
Index("ix_lead_contact_id", lead.c.contact_id)
Index("ix_lead_owner_id", lead.c.owner_id, lead.c.created_at, lead.c.id)
Index("ix_lead_created_at", lead.c.created_at, lead.c.id)
_index_of_some("ix_lead_open", lead.c.created_at, lead.c.id, where=lead.c.status == "open")

deal = Table(
    "deal",
    metadata,
    Column("id", String, primary_key=True),
    Column("title", String, nullable=False),
    Column("status", String, nullable=False),
    Column("owner_id", String),
    Column("contact_id", String),
    Column("organisation_id", String),
    Column("lead_id", String),
    Column("origin", String, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("active_at", Double, nullable=False),
    Column("version", Integer, nullable=False),
    Column("touched", Boolean, nullable=False),
)
Index("ix_deal_contact_id", deal.c.contact_id)
Index("ix_deal_created_at", deal.c.created_at, deal.c.id)

task = Table(
    "task",
    metadata,
    Column("id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("status", String, nullable=False),
    Column("assignee_id", String, nullable=False),
    Column("title", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("due_at", Double),
    Column("done_at", Double),
    Column("lead_id", String),
    Column("contact_id", String),
    Column("organisation_id", String),
    Column("deal_id", String),
    Column("call_id", String),
    Column("case_id", String),
    Column("recording_url", String),
    Column("scenario", String, nullable=False),
    Column("subject", String),
    Column("count", Integer, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("branch", String),
    Column("origin", String, nullable=False),
    Column("last_fact", String, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("version", Integer, nullable=False),
)
Index("ix_task_assignee_id", task.c.assignee_id, task.c.status, task.c.created_at, task.c.id)
Index("ix_task_created_at", task.c.created_at, task.c.id)
_index_of_some("ix_task_open", task.c.created_at, task.c.id, where=task.c.status == "open")
Index("ix_task_lead_id", task.c.lead_id)
_index_of_some("ix_task_contact_id", task.c.contact_id, where=task.c.status == "open")
Index("ix_task_call_id", task.c.call_id)
_index_of_some("ix_task_subject", task.c.subject, task.c.status, where=task.c.subject.is_not(None))

note = Table(
    "note",
    metadata,
    Column("id", String, primary_key=True),
    Column("text", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("lead_id", String),
    Column("deal_id", String),
    Column("contact_id", String),
    Column("task_id", String),
)
Index("ix_note_lead_id", note.c.lead_id)
Index("ix_note_contact_id", note.c.contact_id)

missed_case = Table(
    "missed_case",
    metadata,
    Column("id", String, primary_key=True),
    Column("client", String, nullable=False),
    Column("client_number", String),
    Column("line_number", String),
    Column("attempts", Integer, nullable=False),
    Column("callbacks", Integer, nullable=False),
    Column("first_at", Double, nullable=False),
    Column("last_at", Double, nullable=False),
    Column("due_at", Double, nullable=False),
    Column("task_id", String),
    Column("status", String, nullable=False),
    Column("resolved_by", String),
    Column("resolved_how", String),
    Column("closed_at", Double),
    Column("branch", String),
    Column("origin", String, nullable=False),
    Column("last_fact", String, nullable=False),
    Column("version", Integer, nullable=False),
)
Index("ix_missed_case_client", missed_case.c.client, missed_case.c.status)
Index("ix_missed_case_first_at", missed_case.c.first_at, missed_case.c.id)
Index("ix_missed_case_status", missed_case.c.status, missed_case.c.first_at, missed_case.c.id)

blocked_number = Table(
    "blocked_number",
    metadata,
    Column("number", String, primary_key=True),  # E.164
    Column("reason", String),
    Column("added_by", String),
    Column("added_at", Double, nullable=False),
)

blocked_key = Table(
    "blocked_key",  # every spelling under which a blocked number may come
    metadata,
    Column("key", String, primary_key=True),
    Column("number", String, primary_key=True),
    sqlite_with_rowid=False,
)

employee = Table(
    "employee",  # a mirror of the configuration, for those who read the store
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("role", String, nullable=False),
    Column("branch", String),
    Column("email", String),
    Column("active", Boolean, nullable=False),
    Column("body", Text, nullable=False),
)

api_token = Table(
    "api_token",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("hash", String, nullable=False),
    Column("scopes", String, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("used_at", Double),
    Column("revoked_at", Double),
)

counter = Table(
    "counter",  # calls that leave no other trace: blocked, internal
    metadata,
    Column("name", String, primary_key=True),
    Column("day", String, primary_key=True),
    Column("value", Integer, nullable=False),
    sqlite_with_rowid=False,
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Serial, primary_key=True),  # the order within a lane
    Column("key", String, nullable=False, unique=True),
    Column("system", String, nullable=False),
    Column("lane", String, nullable=False),
    Column("effect", String, nullable=False),
    Column("body", Text, nullable=False),
    Column("state", String, nullable=False),  # waiting | dead | done
    Column("attempts", Integer, nullable=False),  # those that count against it
    Column("unknown", Boolean, nullable=False),  # it may have been sent, and nobody knows what became of it
    Column("created_at", Double, nullable=False),
    Column("since", Double, nullable=False),  # when it began to wait
    Column("finished_at", Double),  # when it was delivered or given up
    Column("problem", Text),
)
_index_of_some(
    "ix_outbox_waiting",
    outbox.c.system,
    outbox.c.lane,
    outbox.c.id,
    outbox.c.state,  # or SQLite would go and read it in each row, to count them
    where=outbox.c.state == "waiting",
)
_index_of_some("ix_outbox_dead", outbox.c.id, where=outbox.c.state == "dead")
_index_of_some("ix_outbox_done", outbox.c.finished_at, where=outbox.c.state == "done")

outbox_lane = Table(
    "outbox_lane",  # each lane of a system that has something waiting; whoever delivers for it holds this row
    metadata,
    Column("system", String, primary_key=True),
    Column("lane", String, primary_key=True),
    Column("next_at", Double, nullable=False),  # when it may be tried next; while it is held: when the lease runs out
    Column("holder", String),
    Column("held_by", BigInteger),  # the dead letter that holds the others back until next_at
    sqlite_with_rowid=False,
)
Index("ix_outbox_lane_next_at", outbox_lane.c.system, outbox_lane.c.next_at)
_index_of_some(
    "ix_outbox_lane_held", outbox_lane.c.system, outbox_lane.c.lane, where=outbox_lane.c.held_by.is_not(None)
)

remote_record = Table(
    "remote_record",  # what a remote system calls a record of ours
    metadata,
    Column("system", String, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("local_id", String, primary_key=True),
    Column("remote_id", String, nullable=False),
    Column("at", Double, nullable=False),
    sqlite_with_rowid=False,
)

LANE_SLOTS = 8192
"""Lanes share this many locks. Two clients of one slot only wait for one another; more slots, fewer such pairs."""
lane_slot = Table(
    "lane_slot",  # PostgreSQL only: what a node locks while it works on the lanes of this slot
    metadata,
    Column("slot", Integer, primary_key=True, autoincrement=False),
)


@happenings.listens_for(lane_slot, "after_create")
def fill_lane_slots(_table: Table, connection: Connection, **_told: object) -> None:
    """Make the rows that nodes lock; an embedded store has one node and needs none."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"INSERT INTO lane_slot SELECT generate_series(0, {LANE_SLOTS - 1})"))


hold = Table(
    "hold",  # who of the nodes does what only one may do: hold a line to a PBX, do the chores
    metadata,
    Column("name", String, primary_key=True),
    Column("epoch", Integer, nullable=False),  # counts the takeovers
    Column("node", String, nullable=False),
    Column("since", Double, nullable=False),
)

listening = Table(
    "listening",  # until when a line to a PBX was held, by whichever node; what came after is a gap
    metadata,
    Column("source", String, primary_key=True),
    Column("until", Double, nullable=False),
    Column("gap_since", Double),  # a gap that is not repaired yet began here; null: there is none
)
