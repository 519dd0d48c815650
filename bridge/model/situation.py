"""Everything that a rule may look at, and nothing else."""

from dataclasses import dataclass
from enum import StrEnum

from bridge.model.call import Call
from bridge.model.crm import Client
from bridge.model.events import ChatRequested, FormSubmitted
from bridge.model.moment import Instant
from bridge.model.people import Company


class Occasion(StrEnum):
    """Why we are deciding now."""

    PICKED_UP = "picked_up"
    """A person answered the live call (records of S3 and S5 are made now)."""
    ENDED = "ended"
    """The call has ended and settled (tasks, cases, everything else)."""
    RECORDED = "recorded"
    """A recording came after the verdict (D20)."""
    FORM = "form"
    CHAT = "chat"


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """The moment of a decision.

    `fact` is the key that effects derive from: the call key, or the event id of a form or chat. `client_number` is
    E.164 (None: hidden or unusable, see `raw_number`). `blocked` and `own_number` were looked up under every
    spelling. `client` is the CRM as it is now, `client_before` as it was when the call began; records of this
    very fact (`origin == fact`) are told apart by their origin. `now` is the moment of the decision.
    `lead_id` and `deal_id` are where the call has been logged already.
    `settings_task_id` is the open settings task for the unknown party, if there is one (D18).
    `earlier_short_abandon`: the same client gave up early within the hour before this call (D12).
    """

    occasion: Occasion
    fact: str
    now: Instant
    company: Company
    client: Client
    client_before: Client
    call: Call | None = None
    call_id: str | None = None
    lead_id: str | None = None
    deal_id: str | None = None
    form: FormSubmitted | None = None
    chat: ChatRequested | None = None
    client_number: str | None = None
    raw_number: str | None = None
    line_number: str | None = None
    branch: str | None = None
    blocked: bool = False
    own_number: bool = False
    settings_task_id: str | None = None
    earlier_short_abandon: bool = False
