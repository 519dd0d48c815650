"""Events: immutable facts in our own terms, as the journal keeps them.

Every event has an `event_id` that is unique within its source and derives from the fact itself, so that a repeat is
recognised; `occurred_at` is the platform's clock and `received_at` is ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.model.call import Call, Direction, Outcome, TransferKind, Utm
from bridge.model.moment import Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What every event carries."""

    event_id: str
    source: str
    occurred_at: Instant
    received_at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFact(Fact):
    """What every step of a call that a platform pushes may carry (docs/how-to/webhook.md); None is "not told"."""

    platform_call_id: str
    direction: Direction | None = None
    client_number: str | None = None
    client_name: str | None = None
    line_number: str | None = None
    employee: str | None = None
    queue: str | None = None
    utm: Utm = field(default_factory=Utm)

    @property
    def call_key(self) -> str:
        """The key of the call that this event belongs to."""
        return f"{self.source}/{self.platform_call_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRinging(CallFact):
    """A phone rings (`employee`), or the call has just begun (no employee)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAnswered(CallFact):
    """A person answered: ours for an inbound call, the client for an outbound one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTransferred(CallFact):
    """`employee` handed the call to `to`."""

    to: str | None = None
    kind: TransferKind = TransferKind.BLIND


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded(CallFact):
    """The call is over. A source may send nothing else, so it tells the whole story."""

    outcome: Outcome
    ring_seconds: float | None = None
    talk_seconds: float | None = None
    recording_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecorded(CallFact):
    """A recording is there, possibly long after the call."""

    recording_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSeen(Fact):
    """The whole call as a switchboard of ours has folded it from a PBX's channels; a higher revision replaces."""

    call: Call

    @property
    def call_key(self) -> str:
        """The key of the call that this event belongs to."""
        return self.call.key


@dataclass(frozen=True, slots=True, kw_only=True)
class FormSubmitted(Fact):
    """A site form; `phone` is as the client typed it."""

    phone: str | None = None
    name: str | None = None
    email: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    utm: Utm = field(default_factory=Utm)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequested(Fact):
    """A messenger contact. `sent_to_crm`: the operator pressed "send to CRM"; `answered`: he replied to the client."""

    chat_id: str
    phone: str | None = None
    name: str | None = None
    sent_to_crm: bool = False
    answered: bool = False
    employee: str | None = None
    utm: Utm = field(default_factory=Utm)


CallStep = CallRinging | CallAnswered | CallTransferred | CallEnded | CallRecorded
CallEvent = CallStep | CallSeen
Event = CallEvent | FormSubmitted | ChatRequested
