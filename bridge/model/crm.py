"""The CRM's records, as the embedded CRM keeps them and as a remote one is asked for them.

Ids derive from the fact that made the record (`record_id`), so doing it twice makes one record. `version` counts
changes; `touched` says that a person has edited the record, after which the bridge does not overwrite it.
`origin` is the call key or event id that made the record.
"""

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum

from bridge.model.call import Utm
from bridge.model.moment import Instant

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = tuple(first + second for first in _ALPHABET for second in _ALPHABET)


def record_id(kind: str, *fact: str) -> str:
    """The id of the record of this kind that this fact makes: 13 lower-case letters and digits (65 bits)."""
    digest = hashlib.blake2b("\x1f".join((kind, *fact)).encode(), digest_size=9).digest()
    number = int.from_bytes(digest, "big")
    first = _ALPHABET[(number >> 60) & 31]
    return (
        f"{first}{_PAIRS[(number >> 50) & 1023]}{_PAIRS[(number >> 40) & 1023]}{_PAIRS[(number >> 30) & 1023]}"
        f"{_PAIRS[(number >> 20) & 1023]}{_PAIRS[(number >> 10) & 1023]}{_PAIRS[number & 1023]}"
    )


class LeadStatus(StrEnum):
    """CONVERTED: became a deal; WON and LOST are over."""

    OPEN = "open"
    CONVERTED = "converted"
    WON = "won"
    LOST = "lost"


class DealStatus(StrEnum):
    """A deal is open, won or lost."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"


class TaskKind(StrEnum):
    """What a task asks for."""

    CALLBACK = "callback"
    REVIEW = "review"
    CALL = "call"
    SETTINGS = "settings"
    VISIT = "visit"
    OTHER = "other"


class TaskStatus(StrEnum):
    """Open, or done."""

    OPEN = "open"
    DONE = "done"


class CaseStatus(StrEnum):
    """Open, or closed: the promise to call back is kept or void."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A person outside. `phones` are E.164, in the order they were learned."""

    id: str
    name: str
    phones: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    owner_id: str | None = None
    organisation_id: str | None = None
    origin: str = ""
    created_at: Instant = 0.0
    version: int = 1
    touched: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Organisation:
    """The company of a contact."""

    id: str
    name: str
    owner_id: str | None = None
    origin: str = ""
    created_at: Instant = 0.0
    version: int = 1
    touched: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """Somebody who may buy. The title carries the id (S3-20). `deal_id`: what a converted lead became."""

    id: str
    title: str
    status: LeadStatus = LeadStatus.OPEN
    owner_id: str | None = None
    contact_id: str | None = None
    organisation_id: str | None = None
    deal_id: str | None = None
    previous_lead_id: str | None = None
    source: str = ""
    utm: Utm = field(default_factory=Utm)
    tags: tuple[str, ...] = ()
    branch: str | None = None
    origin: str = ""
    created_at: Instant = 0.0
    active_at: Instant = 0.0
    version: int = 1
    touched: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    """A sale in progress or over. `lead_id` None: it never was a lead (D2)."""

    id: str
    title: str
    status: DealStatus = DealStatus.OPEN
    owner_id: str | None = None
    contact_id: str | None = None
    organisation_id: str | None = None
    lead_id: str | None = None
    origin: str = ""
    created_at: Instant = 0.0
    active_at: Instant = 0.0
    version: int = 1
    touched: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Something for one employee to do or to know. `subject` makes repeats recognisable (D18: the extension);
    `count` is how often it happened; `priority` rises with each repeat (D5); `last_fact` is the fact counted last.
    """  # noqa: D205

    id: str
    kind: TaskKind
    status: TaskStatus
    assignee_id: str
    title: str
    text: str = ""
    due_at: Instant | None = None
    done_at: Instant | None = None
    lead_id: str | None = None
    contact_id: str | None = None
    organisation_id: str | None = None
    deal_id: str | None = None
    call_id: str | None = None
    case_id: str | None = None
    recording_url: str | None = None
    scenario: str = ""
    subject: str | None = None
    count: int = 1
    priority: int = 0
    branch: str | None = None
    origin: str = ""
    last_fact: str = ""
    created_at: Instant = 0.0
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A missed-call case: one open promise to call one client back on one line, however often he tried.

    `client` is the client's lane (see model.phone), or the line and day for hidden numbers (D10).
    `resolved_by` is an employee id, `client` (he got through himself) or None. `last_fact` is the fact counted last.
    """

    id: str
    client: str
    client_number: str | None
    line_number: str | None
    attempts: int
    first_at: Instant
    last_at: Instant
    due_at: Instant
    task_id: str | None
    status: CaseStatus = CaseStatus.OPEN
    callbacks: int = 0
    resolved_by: str | None = None
    resolved_how: str | None = None
    closed_at: Instant | None = None
    branch: str | None = None
    origin: str = ""
    last_fact: str = ""
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something worth reading on a lead, deal, contact or task."""

    id: str
    text: str
    at: Instant
    lead_id: str | None = None
    deal_id: str | None = None
    contact_id: str | None = None
    task_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """What the CRM knows of one outside person at this moment, all records that his identities reach.

    Leads and deals are in every status, most recently active first; `cases` and `tasks` are the open ones.
    """

    lane: str
    contacts: tuple[Contact, ...] = ()
    organisations: tuple[Organisation, ...] = ()
    leads: tuple[Lead, ...] = ()
    deals: tuple[Deal, ...] = ()
    cases: tuple[Case, ...] = ()
    tasks: tuple[Task, ...] = ()
