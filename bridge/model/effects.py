"""Effects: what a verdict wants done. Each carries whole records with ids that derive from the fact, so that doing
an effect twice is the same as doing it once.
"""  # noqa: D205

from dataclasses import dataclass, field

from bridge.model.call import MissedReason
from bridge.model.crm import Case, Contact, Deal, Lead, Organisation, Task
from bridge.model.moment import Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenContact:
    """Make this contact."""

    contact: Contact


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOrganisation:
    """Make this organisation."""

    organisation: Organisation


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLead:
    """Make this lead."""

    lead: Lead


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDeal:
    """Make this deal."""

    deal: Deal


@dataclass(frozen=True, slots=True, kw_only=True)
class AddTask:
    """Make this task, open or done."""

    task: Task


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatTask:
    """The same again: count up, raise the priority, keep the earlier due time (D5, D18).

    `text` replaces if given, `due_at` if it is earlier. `recording_url` is the link of what happened again; a task that
    has one already keeps its own. `fact` is what happened again: the fact that was counted last is not counted twice.
    """

    task_id: str
    at: Instant
    text: str | None = None
    recording_url: str | None = None
    due_at: Instant | None = None
    fact: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteTask:
    """Close this task by its id; `note` says who, how and how long it took."""

    task_id: str
    at: Instant
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCase:
    """Make this missed-call case."""

    case: Case


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatCase:
    """The client tried again: attempts + 1 (D5); the same `fact` counts once, the earlier `due_at` holds."""

    case_id: str
    at: Instant
    due_at: Instant | None = None
    fact: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteCallback:
    """We called back in vain: the attempt is noted, the case stays open (D7); the same `fact` counts once."""

    case_id: str
    at: Instant
    fact: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseCase:
    """The promise is kept or void (D6)."""

    case_id: str
    at: Instant
    resolved_by: str | None
    resolved_how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogCall:
    """Link the call to these records; the call shows up in them and they become its CRM place."""

    call_id: str
    lead_id: str | None = None
    deal_id: str | None = None
    contact_id: str | None = None
    at: Instant = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachRecording:
    """Put the recording links on the call and on the tasks that the call made, once (D20).

    An open task that `fact`, the call's key, has counted up is one of them, too.
    """

    call_id: str
    urls: tuple[str, ...]
    fact: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOver:
    """Give these records to another owner, unless a person has edited them."""

    owner_id: str
    lead_id: str | None = None
    contact_id: str | None = None
    organisation_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddNote:
    """Write a note on a lead, deal or contact. `key` makes it unique."""

    key: str
    text: str
    at: Instant
    lead_id: str | None = None
    deal_id: str | None = None
    contact_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CountOnly:
    """Touch nothing; count it under this name (S1, S2)."""

    counter: str


Effect = (
    OpenContact
    | OpenOrganisation
    | OpenLead
    | OpenDeal
    | AddTask
    | RepeatTask
    | CompleteTask
    | OpenCase
    | RepeatCase
    | NoteCallback
    | CloseCase
    | LogCall
    | AttachRecording
    | HandOver
    | AddNote
    | CountOnly
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a row of the matrix did not match: the first condition that failed, and what was found instead."""

    scenario: str
    condition: str
    found: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The scenario that matched (None: no row did), its effects and the reasons, in the order they were found.

    `responsible_id` is who owned the client's record; `answerer_id` who of ours talked last; `refusals` are the rows
    tried before the one that matched. `missed_reason` is the reason as judged (D12, D14), to be kept on the call;
    `tags` names the cross-cutting rules that had a say (D5, D15 ...).
    """

    scenario: str | None
    effects: tuple[Effect, ...] = ()
    reasons: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    responsible_id: str | None = None
    answerer_id: str | None = None
    missed_reason: MissedReason | None = None
    tags: tuple[str, ...] = field(default=())
