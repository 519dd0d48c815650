"""Channel facts: what a PBX says of its channels and bridges, in neutral words; a switchboard folds them into calls.

`channel` and `linked` are the PBX's ids as told, opaque and never compared by size; `at` is when it happened. An
outside number, a name or an extension that the PBX does not know is None.

They are named tuples where everything else is a frozen dataclass, because a busy PBX makes thousands of them a second
and a tuple is made in half the time; so tell them apart by class, not by `==`. `at` and `channel` come first.
"""

from enum import Enum
from typing import NamedTuple

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


class ChannelBorn(NamedTuple):
    """A channel is there. `linked` is its own id if it begins something, else the id of what it was made for.

    `exten` is what was dialled: by the outside (the DID) or on a phone.
    """

    at: Instant
    channel: str
    linked: str
    kind: ChannelKind
    technology: str
    endpoint: str
    state: ChannelState
    number: str | None = None
    name: str | None = None
    exten: str | None = None


class StateChanged(NamedTuple):
    """The channel got further."""

    at: Instant
    channel: str
    state: ChannelState


class CallerLearned(NamedTuple):
    """The caller's number or name came late, or was rewritten."""

    at: Instant
    channel: str
    number: str | None
    name: str | None


class DialBegun(NamedTuple):
    """`channel` is being rung on behalf of `dialler` (None: of the PBX itself, as in click-to-call).

    `number` is the outside number that was dialled on a trunk, `shown` the number that is shown there.
    """

    at: Instant
    channel: str
    dialler: str | None
    number: str | None = None
    shown: str | None = None


class DialEnded(NamedTuple):
    """`channel` is not rung any more. `forwarded`: the phone sent the call elsewhere."""

    at: Instant
    channel: str
    status: DialStatus
    forwarded: bool = False


class BridgeEntered(NamedTuple):
    """The channel hears the others in this bridge, unless it is a `holding` one, where each hears music alone.

    `swapped` is the channel whose place it takes.
    """

    at: Instant
    channel: str
    bridge: str
    linked: str | None = None
    holding: bool = False
    swapped: str | None = None


class BridgeLeft(NamedTuple):
    """The channel is out of this bridge."""

    at: Instant
    channel: str
    bridge: str


class HalvesJoined(NamedTuple):
    """The two halves of a local pair are joined: what `channel` hears, `other` says."""

    at: Instant
    channel: str
    other: str


class HoldChanged(NamedTuple):
    """The phone put its call on hold, or took it back."""

    at: Instant
    channel: str
    held: bool


class PickedUp(NamedTuple):
    """`channel` took the call that rang at `target`."""

    at: Instant
    channel: str
    target: str


class BlindTransferred(NamedTuple):
    """`channel` sent `transferred` (None: not told) to an extension; whether anybody answers there is open."""

    at: Instant
    channel: str
    transferred: str | None
    exten: str | None


class AttendedTransferred(NamedTuple):
    """The transferer, who was in two conversations (`channel` and `second`), joined them.

    `target` is the channel consulted, if the PBX says (Asterisk 16 often does not).
    """

    at: Instant
    channel: str
    second: str
    target: str | None


class Parked(NamedTuple):
    """The channel waits in a parking place."""

    at: Instant
    channel: str


class QueueJoined(NamedTuple):
    """The caller waits in this queue."""

    at: Instant
    channel: str
    queue: str


class QueueLeft(NamedTuple):
    """The caller waits no more: answered, gone or timed out."""

    at: Instant
    channel: str


class PlaceReached(NamedTuple):
    """The dialplan put the caller before a machine. `name` is the queue's name where the place is a queue."""

    at: Instant
    channel: str
    place: Place
    name: str | None = None


class NobodyThere(NamedTuple):
    """What was to be rung cannot be: no phone registered or, `in_queue`, no agent logged in."""

    at: Instant
    channel: str
    in_queue: bool = False


class LineTold(NamedTuple):
    """The company number that was called, where the channel's own extension does not say."""

    at: Instant
    channel: str
    line: str


class RecordingNamed(NamedTuple):
    """The channel is recorded into this file (below the PBX's recording folder).

    `written_later`: from the call's detail record, which tells a name whether or not anything was recorded.
    """

    at: Instant
    channel: str
    file: str
    written_later: bool = False


class VoicemailNamed(NamedTuple):
    """The message that is being left would be in this file."""

    at: Instant
    channel: str
    file: str


class VoicemailEnded(NamedTuple):
    """The mailbox is done with the caller, who left a message or did not."""

    at: Instant
    channel: str
    left: bool


class Originated(NamedTuple):
    """The channel was called by the PBX on somebody's order and answered; now `exten` is dialled for it."""

    at: Instant
    channel: str
    exten: str | None


class HangupAsked(NamedTuple):
    """The party on this channel hung up (or its network refused)."""

    at: Instant
    channel: str


class ChannelHungUp(NamedTuple):
    """The channel is gone. `cause` is Q.850; 0 and 16 say the same."""

    at: Instant
    channel: str
    cause: int


class SnapshotBegun(NamedTuple):
    """The PBX is about to list the channels that live now."""

    at: Instant


class ChannelListed(NamedTuple):
    """A channel that lives now. `born` is when it began; `pair` is what both halves of a local pair share.

    `detail`: it is not a line of the list of all channels but tells more about one of them.
    """

    at: Instant
    channel: str
    linked: str
    kind: ChannelKind
    technology: str
    endpoint: str
    state: ChannelState
    number: str | None = None
    name: str | None = None
    exten: str | None = None
    born: Instant | None = None
    bridge: str | None = None
    pair: str | None = None
    recording: str | None = None
    detail: bool = False


class SnapshotEnded(NamedTuple):
    """The list is complete: what is not in it lives no more."""

    at: Instant


class LinkLost(NamedTuple):
    """We hear nothing of the PBX from now on."""

    at: Instant


class PbxBooted(NamedTuple):
    """The PBX is up, and has been since `since` (None: it does not say)."""

    at: Instant
    since: Instant | None


class PbxStopped(NamedTuple):
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
