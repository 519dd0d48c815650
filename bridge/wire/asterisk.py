"""What Asterisk's manager events say about channels: an AMI message in, a neutral channel fact out.

Works for Asterisk 16 to 22, with and without CEL, CDR, Newexten and time stamps, and for ids with a system name in
front. `EVENTS` is what an `AmiStream` should hand out; everything else is noise.

Sources: main/manager_channels.c, manager_bridges.c, res_parking, app_queue, app_voicemail, pbx_builtins of Asterisk 16
and 22; streams recorded from 16.28 and 22.10 (tests/transcripts).
"""

from collections.abc import Callable

from bridge.model.channels import (
    AttendedTransferred,
    BlindTransferred,
    BridgeEntered,
    BridgeLeft,
    CallerLearned,
    ChannelBorn,
    ChannelFact,
    ChannelHungUp,
    ChannelKind,
    ChannelListed,
    ChannelState,
    DialBegun,
    DialEnded,
    DialStatus,
    HalvesJoined,
    HangupAsked,
    HoldChanged,
    LineTold,
    NobodyThere,
    Originated,
    Parked,
    PbxBooted,
    PbxStopped,
    PickedUp,
    Place,
    PlaceReached,
    QueueJoined,
    QueueLeft,
    RecordingNamed,
    SnapshotBegun,
    SnapshotEnded,
    StateChanged,
    VoicemailEnded,
    VoicemailNamed,
)
from bridge.model.moment import Instant
from bridge.wire.ami import AmiMessage, Interest, Only

_STATES = {
    "0": ChannelState.DOWN,
    "1": ChannelState.DOWN,  # reserved: DAHDI makes the channels that it is about to call so
    "4": ChannelState.CALLING,
    "5": ChannelState.RINGING,
    "6": ChannelState.UP,
    "9": ChannelState.CALLING,  # pre-ring: an analogue line before its caller id
}
_STATUSES = {
    "ANSWER": DialStatus.ANSWER,
    "BUSY": DialStatus.BUSY,
    "CANCEL": DialStatus.CANCEL,
    "NOANSWER": DialStatus.NO_ANSWER,
    "CHANUNAVAIL": DialStatus.UNAVAILABLE,
    "CONGESTION": DialStatus.CONGESTION,
    "DONTCALL": DialStatus.REFUSED,
    "TORTURE": DialStatus.REFUSED,
}
_MACHINES = frozenset(
    (
        "Announcer", "AsyncGoto", "AudioSocket", "Bridge", "CBAnn", "CBRec", "Message", "MulticastRTP", "Parked",
        "Recorder", "Snoop", "Surrogate", "UnicastRTP",
    )
)  # fmt: skip
_PLACES = {
    "BackGround": Place.MENU,
    "WaitExten": Place.MENU,
    "Read": Place.MENU,
    "Playback": Place.ANNOUNCEMENT,
    "ControlPlayback": Place.ANNOUNCEMENT,
    "VoiceMail": Place.MAILBOX,
    "Queue": Place.QUEUE,
}
_NO_MEMBERS = ("JOINEMPTY", "LEAVEEMPTY", "JOINUNAVAIL", "LEAVEUNAVAIL")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "v": "\v", "a": "\a"}


def translate(message: AmiMessage, at: Instant) -> ChannelFact | None:
    """The fact that this message tells, None if it tells none; `at` is when it arrived.

    If the PBX stamps its events (`timestampevents = yes` in manager.conf) its own time is taken instead.
    """
    if message.event is None:
        # The answer to CoreShowChannels; the list follows as events.
        return SnapshotBegun(at=at) if message.get(b"Message") == "Channels will follow" else None
    reader = _READERS.get(message.event)
    if reader is None:
        return None
    stamp = message.get_exact(b"Timestamp")
    if stamp is not None:
        at = _instant(stamp, at)
    return reader(message, at)


def read_name(channel: str) -> tuple[ChannelKind, str, str]:
    """Kind, technology and endpoint of a channel name.

    `PJSIP/101-0000001a` is the device PJSIP, 101; `DAHDI/i1/0770-2` is DAHDI, i1 (a span has no fixed number);
    `Local/101@from-queue-00000004;1` is a half of the pair `101@from-queue-00000004`.
    """
    technology, _, rest = channel.partition("/")
    rest = rest.partition("<")[0]  # <ZOMBIE>, <MASQ>: Asterisk is taking it apart
    if technology == "Local":
        return ChannelKind.LOCAL, technology, rest.rpartition(";")[0]
    endpoint = rest.rpartition("-")[0] or rest
    if technology == "DAHDI":
        if endpoint == "pseudo":
            return ChannelKind.MACHINE, technology, endpoint
        endpoint = endpoint.partition("/")[0]
    if technology in _MACHINES:
        return ChannelKind.MACHINE, technology, endpoint
    return ChannelKind.DEVICE, technology, endpoint


def dialled_number(dial_string: str, endpoint: str) -> str | None:
    """The number in what Dial or Queue was told to ring on a trunk; None if it names only the endpoint.

    `0770@trunk`, `PJSIP/0770@trunk`, `trunk/sip:0770@host:5060`, `g1/0770`, `trunk/0770`: 0770.
    """
    parts = dial_string.split("/")
    if len(parts) > 1 and parts[0] in {"PJSIP", "SIP", "IAX2", "DAHDI"}:
        parts = parts[1:]
    number = parts[-1] if len(parts) > 1 else parts[0].partition("@")[0]
    number = number.removeprefix("sip:").removeprefix("sips:").removeprefix("tel:").partition("@")[0]
    number = number.partition(":")[0].partition(";")[0]
    return None if not number or number == endpoint else number


def _instant(stamp: str, otherwise: Instant) -> Instant:
    try:
        return float(stamp)
    except ValueError:
        return otherwise


def _known(value: str | None) -> str | None:
    """What the PBX says it does not know is None: `<unknown>`, `<null>`, nothing."""
    return None if not value or value in {"<unknown>", "<null>"} else value


def _unescaped(value: str | None) -> str | None:
    r"""Names and variables come with C escapes (`O\'Brien`), numbers do not."""
    if value is None or "\\" not in value:
        return value
    pieces = value.split("\\")
    text = [pieces[0]]
    literal = False
    for piece in pieces[1:]:
        if literal or piece:
            text.append(piece if literal else _ESCAPES.get(piece[0], piece[0]) + piece[1:])
            literal = False
        else:  # two backslashes: one, and what follows stands for itself
            text.append("\\")
            literal = True
    return "".join(text)


def _below(path: str, folder: str) -> str:
    """The path below the spool folder of this name, where Asterisk puts what has no other place; else the path."""
    return path.rpartition(f"/{folder}/")[2]


def _cause(message: AmiMessage) -> int:
    value = message.get(b"Cause")
    return int(value) if value is not None and value.isdecimal() and len(value) <= 3 else 0  # noqa: PLR2004 - Q.850


def _channel_born(message: AmiMessage, at: Instant) -> ChannelFact | None:
    channel = message.get(b"Uniqueid")
    if not channel:
        return None
    kind, technology, endpoint = read_name(message.get(b"Channel") or "")
    return ChannelBorn(
        at=at,
        channel=channel,
        linked=message.get(b"Linkedid") or channel,
        kind=kind,
        technology=technology,
        endpoint=endpoint,
        state=_STATES.get(message.get(b"ChannelState") or "", ChannelState.OTHER),
        number=_known(message.get(b"CallerIDNum")),
        name=_known(_unescaped(message.get(b"CallerIDName"))),
        exten=_known(message.get(b"Exten")),
    )


def _state_changed(message: AmiMessage, at: Instant) -> ChannelFact | None:
    channel = message.get(b"Uniqueid")
    state = _STATES.get(message.get(b"ChannelState") or "", ChannelState.OTHER)
    return StateChanged(at=at, channel=channel, state=state) if channel else None


def _caller_learned(message: AmiMessage, at: Instant) -> ChannelFact | None:
    channel = message.get(b"Uniqueid")
    if not channel:
        return None
    name = _known(_unescaped(message.get(b"CallerIDName")))
    return CallerLearned(at=at, channel=channel, number=_known(message.get(b"CallerIDNum")), name=name)


def _dial_begun(message: AmiMessage, at: Instant) -> ChannelFact | None:
    channel = message.get(b"DestUniqueid")
    if not channel:
        return None
    kind, _, endpoint = read_name(message.get(b"DestChannel") or "")
    number = None
    if kind is ChannelKind.DEVICE:
        number = dialled_number(message.get(b"DialString") or "", endpoint)
    return DialBegun(
        at=at,
        channel=channel,
        dialler=message.get(b"Uniqueid") or None,
        number=number,
        shown=_known(message.get(b"DestConnectedLineNum")),
    )


def _dial_ended(message: AmiMessage, at: Instant) -> ChannelFact | None:
    channel = message.get(b"DestUniqueid")
    if not channel:
        return None
    status = _STATUSES.get(message.get(b"DialStatus") or "", DialStatus.OTHER)
    return DialEnded(at=at, channel=channel, status=status, forwarded=bool(message.get_exact(b"Forward")))


def _bridge_entered(message: AmiMessage, at: Instant) -> ChannelFact | None:
    channel, bridge = message.get(b"Uniqueid"), message.get(b"BridgeUniqueid")
    if not channel or not bridge:
        return None
    return BridgeEntered(
        at=at,
        channel=channel,
        bridge=bridge,
        linked=message.get(b"Linkedid"),
        holding=message.get(b"BridgeTechnology") == "holding_bridge",
        swapped=message.get_exact(b"SwapUniqueid"),
    )


def _bridge_left(message: AmiMessage, at: Instant) -> ChannelFact | None:
    channel, bridge = message.get(b"Uniqueid"), message.get(b"BridgeUniqueid")
    return BridgeLeft(at=at, channel=channel, bridge=bridge) if channel and bridge else None


def _halves_joined(message: AmiMessage, at: Instant) -> ChannelFact | None:
    one, two = message.get(b"LocalOneUniqueid"), message.get(b"LocalTwoUniqueid")
    return HalvesJoined(at=at, channel=one, other=two) if one and two else None


def _held(message: AmiMessage, at: Instant) -> ChannelFact | None:
    channel = message.get(b"Uniqueid")
    return HoldChanged(at=at, channel=channel, held=message.event == b"Hold") if channel else None


def _picked_up(message: AmiMessage, at: Instant) -> ChannelFact | None:
    channel, target = message.get(b"Uniqueid"), message.get(b"TargetUniqueid")
    return PickedUp(at=at, channel=channel, target=target) if channel and target else None


def _blind_transferred(message: AmiMessage, at: Instant) -> ChannelFact | None:
    channel = message.get(b"TransfererUniqueid")
    if not channel or message.get(b"Result") != "Success":
        return None
    transferred, exten = message.get(b"TransfereeUniqueid"), _known(message.get(b"Extension"))
    return BlindTransferred(at=at, channel=channel, transferred=transferred, exten=exten)


def _attended_transferred(message: AmiMessage, at: Instant) -> ChannelFact | None:
    channel, second = message.get(b"OrigTransfererUniqueid"), message.get(b"SecondTransfererUniqueid")
    if not channel or not second or message.get(b"Result") != "Success":
        return None
    target = _known(message.get(b"TransferTargetUniqueid"))
    return AttendedTransferred(at=at, channel=channel, second=second, target=target)


def _parked(message: AmiMessage, at: Instant) -> ChannelFact | None:
    channel = message.get(b"ParkeeUniqueid")
    return Parked(at=at, channel=channel) if channel else None


def _queue_joined(message: AmiMessage, at: Instant) -> ChannelFact | None:
    channel = message.get(b"Uniqueid")
    return QueueJoined(at=at, channel=channel, queue=message.get(b"Queue") or "") if channel else None


def _queue_left(message: AmiMessage, at: Instant) -> ChannelFact | None:
    channel = message.get(b"Uniqueid")
    return QueueLeft(at=at, channel=channel) if channel else None


def _variable_set(message: AmiMessage, at: Instant) -> ChannelFact | None:
    channel = message.get(b"Uniqueid")
    name = (message.get(b"Variable") or "").lstrip("_")  # leading underscores make it inheritable
    value = _unescaped(message.get(b"Value"))
    if not channel or not value:
        return None
    match name:
        case "MIXMONITOR_FILENAME":
            return RecordingNamed(at=at, channel=channel, file=_below(value, "monitor"))
        case "VM_MESSAGEFILE":
            return VoicemailNamed(at=at, channel=channel, file=_below(value, "voicemail"))
        case "VMSTATUS":
            return VoicemailEnded(at=at, channel=channel, left=value == "SUCCESS")
        case "FROM_DID":
            return LineTold(at=at, channel=channel, line=value)
        case "QUEUESTATUS":
            return NobodyThere(at=at, channel=channel) if value in _NO_MEMBERS else None
        case "DIALSTATUS":
            return NobodyThere(at=at, channel=channel) if value == "CHANUNAVAIL" else None
        case "BACKGROUNDSTATUS":
            return PlaceReached(at=at, channel=channel, place=Place.MENU)
        case "PLAYBACKSTATUS":
            return PlaceReached(at=at, channel=channel, place=Place.ANNOUNCEMENT)
        case _:
            return None


def _place_reached(message: AmiMessage, at: Instant) -> ChannelFact | None:
    channel = message.get(b"Uniqueid")
    place = _PLACES.get(message.get(b"Application") or "")
    if not channel or place is None:
        return None
    name = None
    if place is Place.QUEUE:
        name = _known((message.get(b"AppData") or "").partition(",")[0])
    return PlaceReached(at=at, channel=channel, place=place, name=name)


def _message_waiting(message: AmiMessage, at: Instant) -> ChannelFact | None:
    channel = message.get(b"Uniqueid")  # absent when a mailbox changes without a call
    new = message.get(b"New") or ""
    return VoicemailEnded(at=at, channel=channel, left=True) if channel and new.strip("0").isdecimal() else None


def _cdr(message: AmiMessage, at: Instant) -> ChannelFact | None:
    channel = message.get(b"UniqueID")
    file = _unescaped(message.get(b"UserField"))
    if not channel or not file or not file.lower().endswith((".wav", ".wav49", ".mp3", ".gsm", ".ogg", ".opus", ".ulaw")):
        return None
    return RecordingNamed(at=at, channel=channel, file=_below(file, "monitor"), written_later=True)


def _originated(message: AmiMessage, at: Instant) -> ChannelFact | None:
    channel = _known(message.get(b"Uniqueid"))
    if channel is None or message.get(b"Response") != "Success":
        return None
    return Originated(at=at, channel=channel, exten=_known(message.get(b"Exten")))


def _hangup_asked(message: AmiMessage, at: Instant) -> ChannelFact | None:
    channel = message.get(b"Uniqueid")
    return HangupAsked(at=at, channel=channel) if channel else None


def _hung_up(message: AmiMessage, at: Instant) -> ChannelFact | None:
    channel = message.get(b"Uniqueid")
    return ChannelHungUp(at=at, channel=channel, cause=_cause(message)) if channel else None


def _channel_listed(message: AmiMessage, at: Instant) -> ChannelFact | None:
    """One line of CoreShowChannels or of Status; the latter knows the DID and, if asked, variables."""
    born = _channel_born(message, at)
    if not isinstance(born, ChannelBorn):
        return None
    variables = dict(line.partition("=")[::2] for line in message.get_all(b"Variable"))
    recording = variables.get("MIXMONITOR_FILENAME")
    dialled = variables.get("FROM_DID") or _known(message.get(b"DNID")) or born.exten
    return ChannelListed(
        at=born.at,
        channel=born.channel,
        linked=born.linked,
        kind=born.kind,
        technology=born.technology,
        endpoint=born.endpoint,
        state=born.state,
        number=born.number,
        name=born.name,
        exten=dialled,
        born=_begun(message, at),
        bridge=message.get(b"BridgeId") or None,
        pair=born.endpoint if born.kind is ChannelKind.LOCAL else None,
        recording=_below(recording, "monitor") if recording else None,
    )


def _begun(message: AmiMessage, at: Instant) -> Instant | None:
    """When a listed channel began, from `Duration: 01:02:03` or `Seconds: 3723`."""
    parts = (message.get(b"Duration") or message.get(b"Seconds") or "").split(":")
    if not all(part.isdecimal() and len(part) < 9 for part in parts):  # noqa: PLR2004 - thirty years are enough
        return None
    seconds = 0
    for part in parts:
        seconds = seconds * 60 + int(part)
    return at - seconds


def _snapshot_ended(_message: AmiMessage, at: Instant) -> ChannelFact | None:
    return SnapshotEnded(at=at)


def _booted(message: AmiMessage, at: Instant) -> ChannelFact | None:
    uptime = message.get(b"Uptime") or ""
    return PbxBooted(at=at, since=at - int(uptime) if uptime.isdecimal() and len(uptime) < 12 else None)  # noqa: PLR2004


def _stopped(_message: AmiMessage, at: Instant) -> ChannelFact | None:
    return PbxStopped(at=at)


_READERS: dict[bytes, Callable[[AmiMessage, Instant], ChannelFact | None]] = {
    b"Newchannel": _channel_born,
    b"Newstate": _state_changed,
    b"NewCallerid": _caller_learned,
    b"DialBegin": _dial_begun,
    b"DialEnd": _dial_ended,
    b"BridgeEnter": _bridge_entered,
    b"BridgeLeave": _bridge_left,
    b"LocalBridge": _halves_joined,
    b"Hold": _held,
    b"Unhold": _held,
    b"Pickup": _picked_up,
    b"BlindTransfer": _blind_transferred,
    b"AttendedTransfer": _attended_transferred,
    b"ParkedCall": _parked,
    b"QueueCallerJoin": _queue_joined,
    b"QueueCallerLeave": _queue_left,
    b"VarSet": _variable_set,
    b"Newexten": _place_reached,
    b"MessageWaiting": _message_waiting,
    b"Cdr": _cdr,
    b"OriginateResponse": _originated,
    b"HangupRequest": _hangup_asked,
    b"Hangup": _hung_up,
    b"CoreShowChannel": _channel_listed,
    b"Status": _channel_listed,
    b"CoreShowChannelsComplete": _snapshot_ended,
    b"FullyBooted": _booted,
    b"Shutdown": _stopped,
}

_VARIABLES = ("MIXMONITOR_FILENAME", "VM_MESSAGEFILE", "VMSTATUS", "FROM_DID", "BACKGROUNDSTATUS", "PLAYBACKSTATUS")
_VARIABLE_LINES = tuple(
    f"{inherited}{name}\r\n".encode() for name in _VARIABLES for inherited in ("", "_", "__")
) + (
    b"DIALSTATUS\r\nValue: CHANUNAVAIL",
    *(f"QUEUESTATUS\r\nValue: {status}".encode() for status in _NO_MEMBERS),
)  # fmt: skip

EVENTS: Interest = {name: None for name in _READERS} | {
    b"VarSet": Only(header=b"Variable", begins=_VARIABLE_LINES),
    b"Newexten": Only(header=b"Application", begins=tuple(f"{name}\r\n".encode() for name in _PLACES)),
}
"""What `translate` understands: the interest to give to an `AmiStream`."""
