"""Channel facts: what a PBX says of its channels and bridges, in neutral words; a switchboard folds them into calls.

`channel` and `linked` are the PBX's ids as told, opaque and never compared by size; `at` is when it happened. An
outside number, a name or an extension that the PBX does not know is None.
"""

from dataclasses import dataclass
from enum import Enum

from bridge.model.moment import Instant


class ChannelKind(Enum):
    """What is at the other end of a channel."""

    DEVICE = "device"
    """A telephone, a trunk, a gateway: somebody may be talking there."""
    LOCAL = "local"
    """One half of a pair that the PBX strings between two of its own places; the other half is elsewhere."""
    MACHINE = "machine"
    """An announcer, a recorder, a place-holder: never a person."""


class ChannelState(Enum):
    """How far a channel is."""

    DOWN = "down"
    """Nothing yet: we are about to call it."""
    CALLING = "calling"
    """It calls us."""
    RINGING = "ringing"
    """It is being rung."""
    UP = "up"
    """Answered."""
    OTHER = "other"


class DialStatus(Enum):
    """How ringing somebody ended."""

    ANSWER = "answer"
    BUSY = "busy"
    CANCEL = "cancel"
    NO_ANSWER = "no_answer"
    UNAVAILABLE = "unavailable"
    CONGESTION = "congestion"
    REFUSED = "refused"
    OTHER = "other"


class Place(Enum):
    """What plays to a caller while no person does."""

    MENU = "menu"
    ANNOUNCEMENT = "announcement"
    MAILBOX = "mailbox"
    QUEUE = "queue"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelEvent:
    """What every fact about one channel carries."""

    at: Instant
    channel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelBorn(ChannelEvent):
    """A channel is there. `linked` is its own id if it begins something, else the id of what it was made for.

    `exten` is what was dialled: by the outside (the DID) or on a phone.
    """

    linked: str
    kind: ChannelKind
    technology: str
    endpoint: str
    state: ChannelState
    number: str | None = None
    name: str | None = None
    exten: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanged(ChannelEvent):
    """The channel got further."""

    state: ChannelState


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerLearned(ChannelEvent):
    """The caller's number or name came late, or was rewritten."""

    number: str | None
    name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DialBegun(ChannelEvent):
    """`channel` is being rung on behalf of `dialler` (None: of the PBX itself, as in click-to-call).

    `number` is the outside number that was dialled on a trunk, `shown` the number that is shown there.
    """

    dialler: str | None
    number: str | None = None
    shown: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DialEnded(ChannelEvent):
    """`channel` is not rung any more. `forwarded`: the phone sent the call elsewhere."""

    status: DialStatus
    forwarded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeEntered(ChannelEvent):
    """The channel hears the others in this bridge, unless it is a `holding` one, where each hears music alone.

    `swapped` is the channel whose place it takes.
    """

    bridge: str
    linked: str | None = None
    holding: bool = False
    swapped: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeLeft(ChannelEvent):
    """The channel is out of this bridge."""

    bridge: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HalvesJoined(ChannelEvent):
    """The two halves of a local pair are joined: what `channel` hears, `other` says."""

    other: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldChanged(ChannelEvent):
    """The phone put its call on hold, or took it back."""

    held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PickedUp(ChannelEvent):
    """`channel` took the call that rang at `target`."""

    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BlindTransferred(ChannelEvent):
    """`channel` sent `transferred` (None: not told) to an extension; whether anybody answers there is open."""

    transferred: str | None
    exten: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttendedTransferred(ChannelEvent):
    """The transferer, who was in two conversations (`channel` and `second`), joined them.

    `target` is the channel consulted, if the PBX says (Asterisk 16 often does not).
    """

    second: str
    target: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked(ChannelEvent):
    """The channel waits in a parking place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueJoined(ChannelEvent):
    """The caller waits in this queue."""

    queue: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLeft(ChannelEvent):
    """The caller waits no more: answered, gone or timed out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceReached(ChannelEvent):
    """The dialplan put the caller before a machine. `name` is the queue's name where the place is a queue."""

    place: Place
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NobodyThere(ChannelEvent):
    """What was to be rung cannot be: no phone registered, no agent logged in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineTold(ChannelEvent):
    """The company number that was called, where the channel's own extension does not say."""

    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingNamed(ChannelEvent):
    """The channel is recorded into this file (below the PBX's recording folder).

    `written_later`: from the call's detail record, which tells a name whether or not anything was recorded.
    """

    file: str
    written_later: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VoicemailNamed(ChannelEvent):
    """The message that is being left would be in this file."""

    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VoicemailEnded(ChannelEvent):
    """The mailbox is done with the caller, who left a message or did not."""

    left: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Originated(ChannelEvent):
    """The channel was called by the PBX on somebody's order and answered; now `exten` is dialled for it."""

    exten: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HangupAsked(ChannelEvent):
    """The party on this channel hung up (or its network refused)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelHungUp(ChannelEvent):
    """The channel is gone. `cause` is Q.850; 0 and 16 say the same."""

    cause: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotBegun:
    """The PBX is about to list the channels that live now."""

    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelListed(ChannelBorn):
    """A channel that lives now. `born` is when it began; `pair` is what both halves of a local pair share."""

    born: Instant | None = None
    bridge: str | None = None
    pair: str | None = None
    recording: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotEnded:
    """The list is complete: what is not in it lives no more."""

    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkLost:
    """We hear nothing of the PBX from now on."""

    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class PbxBooted:
    """The PBX is up, and has been since `since` (None: it does not say)."""

    at: Instant
    since: Instant | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PbxStopped:
    """The PBX goes down in good order; no call survives."""

    at: Instant


ChannelFact = (
    ChannelBorn
    | StateChanged
    | CallerLearned
    | DialBegun
    | DialEnded
    | BridgeEntered
    | BridgeLeft
    | HalvesJoined
    | HoldChanged
    | PickedUp
    | BlindTransferred
    | AttendedTransferred
    | Parked
    | QueueJoined
    | QueueLeft
    | PlaceReached
    | NobodyThere
    | LineTold
    | RecordingNamed
    | VoicemailNamed
    | VoicemailEnded
    | Originated
    | HangupAsked
    | ChannelHungUp
    | SnapshotBegun
    | ChannelListed
    | SnapshotEnded
    | LinkLost
    | PbxBooted
    | PbxStopped
)
"""Everything that a switchboard understands."""
