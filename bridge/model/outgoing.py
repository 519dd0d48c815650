"""What leaves for a remote system: an effect with everything that the system has to know beside it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.model.effects import Effect
from bridge.model.moment import Instant

Ref = tuple[str, str]
"""A record of ours: its kind (`lead`, `task` …) and its id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """An effect on its way to a remote system.

    `key` derives from the fact, so that the same thing is never told twice; `lane` is whose order it keeps (the
    client's, see model.phone). `call` is the call's key, None for forms and chats; `client_number` None: hidden, or not
    about a client.
    """

    key: str
    lane: str
    effect: Effect
    occurred_at: Instant
    call: str | None = None
    scenario: str | None = None
    client_number: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """The system has it. `id` is how it names what was made, None if it does not say."""

    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """An effect that is to be delivered now, with the remote ids of the records that it names, as far as known."""

    outgoing: Outgoing
    remote: Mapping[Ref, str] = field(default_factory=dict)
