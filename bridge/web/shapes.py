"""How our records look in answers: each member once, for the answer and for its description."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

from bridge.model.call import Call
from bridge.model.crm import Contact
from bridge.model.moment import Instant, iso
from bridge.model.people import Company, Employee
from bridge.rules.staff import employee_of
from bridge.store.calls import CallRecord
from bridge.store.journal import Quarantined

Schema = Mapping[str, Any]
Json = Any

TEXT: Final[Schema] = {"type": "string"}
TEXT_OR_NULL: Final[Schema] = {"type": ["string", "null"]}
TEXTS: Final[Schema] = {"type": "array", "items": TEXT}
WHOLE: Final[Schema] = {"type": "integer"}
SECONDS: Final[Schema] = {"type": "number", "description": "seconds"}
SECONDS_OR_NULL: Final[Schema] = {"type": ["number", "null"], "description": "seconds"}
YES_NO: Final[Schema] = {"type": "boolean"}
YES_NO_OR_NULL: Final[Schema] = {"type": ["boolean", "null"]}
MOMENT: Final[Schema] = {"type": "string", "format": "date-time"}
MOMENT_OR_NULL: Final[Schema] = {"type": ["string", "null"], "format": "date-time"}


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an answer. `get` finds its value in the record; the company knows who has which extension."""

    name: str
    schema: Schema
    get: Callable[[Any, Company], Json]


@dataclass(frozen=True, slots=True)
class Shape:
    """How records of one kind look."""

    name: str
    description: str
    members: tuple[Member, ...]

    def json(self, record: Any, company: Company) -> dict[str, Json]:
        """The record as it goes out."""
        return {member.name: member.get(record, company) for member in self.members}

    def schema(self) -> Schema:
        """The JSON Schema of what `json` gives."""
        return {
            "type": "object",
            "description": self.description,
            "properties": {member.name: member.schema for member in self.members},
            "required": [member.name for member in self.members],
            "additionalProperties": False,
        }


def member(name: str, schema: Schema, get: Callable[[Any], Json] | None = None) -> Member:
    """A member that needs nothing but the record: its attribute of the same name, if nothing else is said."""
    find = get or attrgetter(name)
    if schema is MOMENT or schema is MOMENT_OR_NULL:
        return Member(name, schema, lambda record, _: moment(find(record)))
    return Member(name, schema, lambda record, _: find(record))


def members(names: str, schema: Schema) -> tuple[Member, ...]:
    """Several members of one kind."""
    return tuple(member(name, schema) for name in names.split())


def moment(instant: Instant | None) -> str | None:
    """ISO 8601 in UTC."""
    return None if instant is None else iso(instant)


def one_of(choices: Sequence[str], *, null: bool = False) -> Schema:
    """One of these words."""
    words: list[str | None] = [str(choice) for choice in choices]
    return {"enum": [*words, None] if null else words}


def array(items: Schema) -> Schema:
    """Any number of these."""
    return {"type": "array", "items": items}


def ref(shape: Shape) -> Schema:
    """The shape, described elsewhere in the document."""
    return {"$ref": f"#/components/schemas/{shape.name}"}


UTM: Final = Shape(
    "Utm",
    "Where the client came from, as advertising tags it.",
    members("source medium campaign term content", TEXT_OR_NULL),
)

LEAD: Final = Shape(
    "Lead",
    "Somebody who may buy.",
    (
        *members("id title", TEXT),
        member("status", one_of(("open", "converted", "won", "lost")), lambda lead: str(lead.status)),
        member("responsible_id", TEXT_OR_NULL, attrgetter("owner_id")),
        *members("contact_id organisation_id deal_id previous_lead_id", TEXT_OR_NULL),
        member("source", TEXT),
        Member("utm", ref(UTM), lambda lead, company: UTM.json(lead.utm, company)),
        member("tags", TEXTS, lambda lead: list(lead.tags)),
        member("branch", TEXT_OR_NULL),
        *members("created_at active_at", MOMENT),
        member("version", WHOLE),
    ),
)

_IDENTITY: Final[Schema] = {
    "type": "object",
    "properties": {"kind": one_of(("phone", "email")), "value": TEXT},
    "required": ["kind", "value"],
}


def _identities(contact: Contact) -> list[Json]:
    phones = [{"kind": "phone", "value": phone} for phone in contact.phones]
    return phones + [{"kind": "email", "value": email} for email in contact.emails]


CONTACT: Final = Shape(
    "Contact",
    "A person outside the company.",
    (
        *members("id name", TEXT),
        member("phones", TEXTS, lambda contact: list(contact.phones)),
        member("emails", TEXTS, lambda contact: list(contact.emails)),
        member("identities", array(_IDENTITY), _identities),
        member("responsible_id", TEXT_OR_NULL, attrgetter("owner_id")),
        member("organisation_id", TEXT_OR_NULL),
        member("created_at", MOMENT),
        member("version", WHOLE),
    ),
)

ORGANISATION: Final = Shape(
    "Organisation",
    "The company of a contact.",
    (
        *members("id name", TEXT),
        member("responsible_id", TEXT_OR_NULL, attrgetter("owner_id")),
        member("created_at", MOMENT),
        member("version", WHOLE),
    ),
)

DEAL: Final = Shape(
    "Deal",
    "A sale in progress, or over.",
    (
        *members("id title", TEXT),
        member("status", one_of(("open", "won", "lost")), lambda deal: str(deal.status)),
        member("responsible_id", TEXT_OR_NULL, attrgetter("owner_id")),
        *members("contact_id organisation_id lead_id", TEXT_OR_NULL),
        *members("created_at active_at", MOMENT),
        member("version", WHOLE),
    ),
)

TASK_KINDS: Final = ("callback", "review", "call", "settings", "visit", "other")
TASK: Final = Shape(
    "Task",
    "Something for one employee to do or to know. `priority` rises each time it happens again.",
    (
        member("id", TEXT),
        member("kind", one_of(TASK_KINDS), lambda task: str(task.kind)),
        member("status", one_of(("open", "done")), lambda task: str(task.status)),
        *members("assignee_id title text", TEXT),
        *members("due_at done_at", MOMENT_OR_NULL),
        *members("lead_id contact_id organisation_id deal_id call_id case_id recording_url", TEXT_OR_NULL),
        member("scenario", TEXT),
        *members("count priority", WHOLE),
        member("branch", TEXT_OR_NULL),
        member("created_at", MOMENT),
        member("version", WHOLE),
    ),
)


NOTE: Final = Shape(
    "Note",
    "Something worth reading on a lead, deal or contact: a recording's link, what a form said.",
    (
        *members("id text", TEXT),
        member("at", MOMENT),
        *members("lead_id deal_id contact_id task_id", TEXT_OR_NULL),
    ),
)

CASE: Final = Shape(
    "Case",
    "A missed-call case: one promise to call one client back on one line.",
    (
        member("id", TEXT),
        *members("client_number line_number", TEXT_OR_NULL),
        *members("attempts callbacks", WHOLE),
        *members("first_at last_at due_at", MOMENT),
        member("task_id", TEXT_OR_NULL),
        member("status", one_of(("open", "closed")), lambda case: str(case.status)),
        *members("resolved_by resolved_how", TEXT_OR_NULL),
        member("closed_at", MOMENT_OR_NULL),
        member("branch", TEXT_OR_NULL),
        member("version", WHOLE),
    ),
)

EMPLOYEE: Final = Shape(
    "Employee",
    "A person of the company.",
    (
        *members("id name", TEXT),
        member("role", one_of(("manager", "senior", "top")), lambda employee: str(employee.role)),
        *members("branch email", TEXT_OR_NULL),
        member("extensions", TEXTS, lambda employee: list(employee.extensions)),
        member("groups", TEXTS, lambda employee: list(employee.groups)),
        *members("active assignable", YES_NO),
    ),
)

OUTCOMES: Final = ("answered", "missed", "busy", "failed", "voicemail", "cancelled")
DIRECTIONS: Final = ("inbound", "outbound", "internal")

_PARTY: Final[Schema] = {"type": "string", "description": "as the platform names it"}
TALKED: Final = Shape(
    "Talked",
    "One person of ours in conversation with the client.",
    (
        Member("employee_id", TEXT_OR_NULL, lambda talk, company: _id_of(talk.party, company)),
        member("party", _PARTY),
        member("from", MOMENT, attrgetter("since")),
        member("to", MOMENT_OR_NULL, attrgetter("until")),
    ),
)
RANG: Final = Shape(
    "Rang",
    "One phone that was rung.",
    (
        Member("employee_id", TEXT_OR_NULL, lambda rang, company: _id_of(rang.party, company)),
        member("party", _PARTY),
        member("from", MOMENT, attrgetter("since")),
        member("to", MOMENT_OR_NULL, attrgetter("until")),
        member("result", TEXT_OR_NULL, lambda rang: _word(rang.result)),
    ),
)
TRANSFER: Final = Shape(
    "Transfer",
    "A call handed on.",
    (
        member("kind", one_of(("blind", "attended")), lambda transfer: str(transfer.kind)),
        *members("by to", TEXT_OR_NULL),
        member("at", MOMENT),
        member("answered", YES_NO_OR_NULL),
    ),
)


def _id_of(party: str | None, company: Company) -> str | None:
    found: Employee | None = employee_of(company, party)
    return None if found is None else found.id


def _word(value: object) -> str | None:
    return None if value is None else str(value)


def _of_body(name: str) -> Callable[[CallRecord], Json]:
    find = attrgetter(name)
    return lambda record: find(record.body)


def _talk_seconds(record: CallRecord) -> float:
    return round(record.body.talk_seconds, 3)


def _ring_seconds(record: CallRecord) -> float | None:
    seconds = record.body.ring_seconds
    return None if seconds is None else round(seconds, 3)


def outcome_of(record: CallRecord) -> str | None:
    """How the call ended, as judged; until then as the platform told it; None while it goes on."""
    return _word(record.outcome or record.body.outcome)


def missed_reason_of(record: CallRecord) -> str | None:
    """Why it was missed, as judged; until then as the platform told it."""
    return _word(record.missed_reason or record.body.missed_reason)


def _each(shape: Shape, name: str) -> Member:
    find = attrgetter(name)

    def get(record: CallRecord, company: Company) -> list[Json]:
        body: Call = record.body
        return [shape.json(item, company) for item in find(body)]

    return Member(name, array(ref(shape)), get)


CALL: Final = Shape(
    "Call",
    "One call, however many phones rang. `client_number` is null if it is hidden or unusable.",
    (
        member("id", TEXT),
        *(member(name, TEXT, _of_body(name)) for name in ("source", "platform_call_id")),
        member("direction", one_of(DIRECTIONS), lambda record: str(record.body.direction)),
        member("client_number", TEXT_OR_NULL),
        *(member(name, TEXT_OR_NULL, _of_body(name)) for name in ("raw_number", "client_name")),
        member("line_number", TEXT_OR_NULL),
        member("outcome", one_of(OUTCOMES, null=True), outcome_of),
        member("missed_reason", TEXT_OR_NULL, missed_reason_of),
        *members("answered_by last_talker", TEXT_OR_NULL),
        _each(TALKED, "talked"),
        _each(RANG, "rang"),
        _each(TRANSFER, "transfers"),
        member("queue", TEXT_OR_NULL, _of_body("queue")),
        member("started_at", MOMENT, _of_body("started_at")),
        member("answered_at", MOMENT_OR_NULL, _of_body("answered_at")),
        member("ended_at", MOMENT_OR_NULL, _of_body("ended_at")),
        member("ring_seconds", SECONDS_OR_NULL, _ring_seconds),
        member("talk_seconds", SECONDS, _talk_seconds),
        member("hung_up_by", TEXT_OR_NULL, lambda record: _word(record.body.hung_up_by)),
        member("recording_url", TEXT_OR_NULL),
        member("recordings", TEXTS, lambda record: list(record.body.recordings)),
        member("voicemail_url", TEXT_OR_NULL, _of_body("voicemail")),
        member("incomplete", YES_NO, _of_body("incomplete")),
        Member("utm", ref(UTM), lambda record, company: UTM.json(record.body.utm, company)),
        *members("lead_id contact_id deal_id branch scenario", TEXT_OR_NULL),
        member("version", WHOLE),
    ),
)

BLOCKED: Final = Shape(
    "BlockedNumber",
    "A number with which nothing is ever done. `configured` ones stand in bridge.toml and are changed there.",
    (
        member("number", TEXT),
        *members("reason added_by", TEXT_OR_NULL),
        member("added_at", MOMENT_OR_NULL),
        member("configured", YES_NO),
    ),
)

RESPONSIBLE: Final = Shape(
    "Responsible",
    "Who owns the client, for smart forwarding.",
    (
        *members("employee_id extension", TEXT_OR_NULL),
        member("via", one_of(("lead", "deal", "contact", "none"))),
    ),
)


EVENT: Final = Shape(
    "Event",
    "One immutable fact, as it came. `state` is pending, done or failed.",
    (
        member("id", WHOLE),
        *members("source event_id type", TEXT),
        member("call_key", TEXT_OR_NULL),
        *members("occurred_at received_at", MOMENT),
        member("state", one_of(("pending", "done", "failed")), lambda entry: str(entry.state)),
        member("handled_at", MOMENT_OR_NULL),
        member("problem", TEXT_OR_NULL),
    ),
)


def _beginning(entry: Quarantined) -> str:
    return entry.body[:10_000].decode(errors="replace")


QUARANTINED: Final = Shape(
    "Quarantined",
    "A body that nobody could read. `body` is its beginning, as text.",
    (
        member("id", WHOLE),
        member("source", TEXT),
        member("received_at", MOMENT),
        member("content_type", TEXT_OR_NULL),
        member("problem", TEXT),
        member("state", one_of(("waiting", "replayed", "dropped")), lambda entry: str(entry.state)),
        member("size", WHOLE, lambda entry: len(entry.body)),
        member("body", TEXT, _beginning),
    ),
)

PUSHED: Final[Mapping[str, Schema]] = {
    "event_id": {**TEXT, "description": "the same when it is sent again; made from the content if it is missing"},
    "type": one_of(("call.ringing", "call.answered", "call.transferred", "call.ended", "call.recorded")),
    "call_id": {**TEXT, "description": "the same for every event of one call"},
    "occurred_at": {**MOMENT, "description": "with an offset"},
    "direction": one_of(DIRECTIONS),
    "client_number": TEXT,
    "client_name": TEXT,
    "line_number": TEXT,
    "employee": {**TEXT, "description": "extension, account, phone or e-mail; absent when nobody answered"},
    "queue": TEXT,
    "outcome": {**one_of(OUTCOMES), "description": "with call.ended"},
    "ring_seconds": SECONDS,
    "talk_seconds": SECONDS,
    "recording_url": {**TEXT, "description": "with call.ended and call.recorded"},
    "to": {**TEXT, "description": "with call.transferred: who gets the call"},
    "kind": {**one_of(("blind", "attended")), "description": "with call.transferred"},
    "utm": ref(UTM),
}
"""What a pushed event may say (wire/generic.py reads it)."""

SHAPES: Final = (
    UTM, LEAD, CONTACT, ORGANISATION, DEAL, TASK, NOTE, CASE, EMPLOYEE, TALKED, RANG, TRANSFER, CALL, BLOCKED,
    RESPONSIBLE, EVENT, QUARANTINED,
)  # fmt: skip
