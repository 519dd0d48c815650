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
from bridge.wire.ami import AmiMessage, Interest, Only, header

_APP_DATA = header(b"AppData")
_APPLICATION = header(b"Application")
_BRIDGE_ID = header(b"BridgeId")
_BRIDGE_TECHNOLOGY = header(b"BridgeTechnology")
_BRIDGE_UNIQUEID = header(b"BridgeUniqueid")
_CALLER_IDNAME = header(b"CallerIDName")
_CALLER_IDNUM = header(b"CallerIDNum")
_CAUSE = header(b"Cause")
_CHANNEL = header(b"Channel")
_CHANNEL_STATE = header(b"ChannelState")
_DNID = header(b"DNID")
_DEST_CHANNEL = header(b"DestChannel")
_DEST_CONNECTED_LINE_NUM = header(b"DestConnectedLineNum")
_DEST_UNIQUEID = header(b"DestUniqueid")
_DIAL_STATUS = header(b"DialStatus")
_DIAL_STRING = header(b"DialString")
_DURATION = header(b"Duration")
_EXTEN = header(b"Exten")
_EXTENSION = header(b"Extension")
_FORWARD = header(b"Forward")
_LINKEDID = header(b"Linkedid")
_LOCAL_ONE_UNIQUEID = header(b"LocalOneUniqueid")
_LOCAL_TWO_UNIQUEID = header(b"LocalTwoUniqueid")
_MESSAGE = header(b"Message")
_NEW = header(b"New")
_ORIG_TRANSFERER_UNIQUEID = header(b"OrigTransfererUniqueid")
_PARKEE_UNIQUEID = header(b"ParkeeUniqueid")
_QUEUE = header(b"Queue")
_RESPONSE = header(b"Response")
_RESULT = header(b"Result")
_SECOND_TRANSFERER_UNIQUEID = header(b"SecondTransfererUniqueid")
_SECONDS = header(b"Seconds")
_SWAP_UNIQUEID = header(b"SwapUniqueid")
_TARGET_UNIQUEID = header(b"TargetUniqueid")
_TRANSFER_TARGET_UNIQUEID = header(b"TransferTargetUniqueid")
_TRANSFEREE_UNIQUEID = header(b"TransfereeUniqueid")
_TRANSFERER_UNIQUEID = header(b"TransfererUniqueid")
_UNIQUE_ID = header(b"UniqueID")
_UNIQUEID = header(b"Uniqueid")
_UPTIME = header(b"Uptime")
_USER_FIELD = header(b"UserField")
_VALUE = header(b"Value")
_VARIABLE = header(b"Variable")

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
_KINDS = {"Local": ChannelKind.LOCAL} | dict.fromkeys(
    (
        "Announcer", "AsyncGoto", "AudioSocket", "Bridge", "CBAnn", "CBRec", "Message", "MulticastRTP", "Parked",
        "Recorder", "Snoop", "Surrogate", "UnicastRTP",
    ),
    ChannelKind.MACHINE,
)  # fmt: skip
"""By technology; whatever is not here is a device."""
PLACES = {
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
        return SnapshotBegun(at=at) if message.find(_MESSAGE) == "Channels will follow" else None
    reader = _READERS.get(message.event)
    if reader is None:
        return None
    stamp = message.timestamp
    if stamp is not None:
        at = _instant(stamp, at)
    return reader(message, at)


def read_name(channel: str) -> tuple[ChannelKind, str, str]:
    """Kind, technology and endpoint of a channel name.

    `PJSIP/101-0000001a` is the device PJSIP, 101; `DAHDI/i1/0770-2` is DAHDI, i1 (a span has no fixed number);
    `Local/101@from-queue-00000004;1` is a half of the pair `101@from-queue-00000004`.
    """
    slash = channel.find("/")
    technology = channel[:slash] if slash >= 0 else channel
    kind = _KINDS.get(technology, ChannelKind.DEVICE)
    end = channel.rfind(";" if kind is ChannelKind.LOCAL else "-")
    endpoint = channel[slash + 1 : end if end > slash else None]
    if technology == "DAHDI":
        if endpoint == "pseudo":
            return ChannelKind.MACHINE, technology, endpoint
        endpoint = endpoint.partition("/")[0]
    return kind, technology, endpoint


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


def below(path: str, folder: str) -> str:
    """The path below the spool folder of this name, where Asterisk puts what has no other place; else the path."""
    return path.rpartition(f"/{folder}/")[2]


def _cause(message: AmiMessage) -> int:
    value = message.find_last(_CAUSE)
    return int(value) if value is not None and value.isdecimal() and len(value) <= 3 else 0  # noqa: PLR2004 - Q.850


def _channel_born(message: AmiMessage, at: Instant) -> ChannelFact | None:
    channel = message.find_last(_UNIQUEID)
    if not channel:
        return None
    kind, technology, endpoint = read_name(message.find(_CHANNEL) or "")
    return ChannelBorn(
        at=at,
        channel=channel,
        linked=message.find_last(_LINKEDID) or channel,
        kind=kind,
        technology=technology,
        endpoint=endpoint,
        state=_STATES.get(message.find(_CHANNEL_STATE) or "", ChannelState.OTHER),
        number=_known(message.find(_CALLER_IDNUM)),
        name=_known(_unescaped(message.find(_CALLER_IDNAME))),
        exten=_known(message.find_last(_EXTEN)),
    )


def _state_changed(message: AmiMessage, at: Instant) -> ChannelFact | None:
    channel = message.find_last(_UNIQUEID)
    state = _STATES.get(message.find(_CHANNEL_STATE) or "", ChannelState.OTHER)
    return StateChanged(at, channel, state) if channel else None


def _caller_learned(message: AmiMessage, at: Instant) -> ChannelFact | None:
    channel = message.find_last(_UNIQUEID)
    if not channel:
        return None
    name = _known(_unescaped(message.find(_CALLER_IDNAME)))
    return CallerLearned(at=at, channel=channel, number=_known(message.find(_CALLER_IDNUM)), name=name)


def _dial_begun(message: AmiMessage, at: Instant) -> ChannelFact | None:
    channel = message.find_last(_DEST_UNIQUEID)
    if not channel:
        return None
    kind, _, endpoint = read_name(message.find(_DEST_CHANNEL) or "")
    number = None
    if kind is ChannelKind.DEVICE:
        number = dialled_number(message.find_last(_DIAL_STRING) or "", endpoint)
    return DialBegun(
        at=at,
        channel=channel,
        dialler=message.find_last(_UNIQUEID) or None,
        number=number,
        shown=_known(message.find(_DEST_CONNECTED_LINE_NUM)),
    )


def _dial_ended(message: AmiMessage, at: Instant) -> ChannelFact | None:
    channel = message.find_last(_DEST_UNIQUEID)
    if not channel:
        return None
    status = _STATUSES.get(message.find_last(_DIAL_STATUS) or "", DialStatus.OTHER)
    return DialEnded(at=at, channel=channel, status=status, forwarded=bool(message.find_exact(_FORWARD)))


def _bridge_entered(message: AmiMessage, at: Instant) -> ChannelFact | None:
    channel, bridge = message.find_last(_UNIQUEID), message.find(_BRIDGE_UNIQUEID)
    if not channel or not bridge:
        return None
    return BridgeEntered(
        at=at,
        channel=channel,
        bridge=bridge,
        linked=message.find_last(_LINKEDID),
        holding=message.find(_BRIDGE_TECHNOLOGY) == "holding_bridge",
        swapped=message.find_exact(_SWAP_UNIQUEID),
    )


def _bridge_left(message: AmiMessage, at: Instant) -> ChannelFact | None:
    channel, bridge = message.find_last(_UNIQUEID), message.find(_BRIDGE_UNIQUEID)
    return BridgeLeft(at, channel, bridge) if channel and bridge else None


def _halves_joined(message: AmiMessage, at: Instant) -> ChannelFact | None:
    one, two = message.find(_LOCAL_ONE_UNIQUEID), message.find(_LOCAL_TWO_UNIQUEID)
    return HalvesJoined(at=at, channel=one, other=two) if one and two else None


def _held(message: AmiMessage, at: Instant) -> ChannelFact | None:
    channel = message.find_last(_UNIQUEID)
    return HoldChanged(at=at, channel=channel, held=message.event == b"Hold") if channel else None


def _picked_up(message: AmiMessage, at: Instant) -> ChannelFact | None:
    channel, target = message.find_last(_UNIQUEID), message.find_last(_TARGET_UNIQUEID)
    return PickedUp(at=at, channel=channel, target=target) if channel and target else None


def _blind_transferred(message: AmiMessage, at: Instant) -> ChannelFact | None:
    channel = message.find(_TRANSFERER_UNIQUEID)
    if not channel or message.find(_RESULT) != "Success":
        return None
    transferred, exten = message.find(_TRANSFEREE_UNIQUEID), _known(message.find(_EXTENSION))
    return BlindTransferred(at=at, channel=channel, transferred=transferred, exten=exten)


def _attended_transferred(message: AmiMessage, at: Instant) -> ChannelFact | None:
    channel, second = message.find(_ORIG_TRANSFERER_UNIQUEID), message.find(_SECOND_TRANSFERER_UNIQUEID)
    if not channel or not second or message.find(_RESULT) != "Success":
        return None
    target = _known(message.find(_TRANSFER_TARGET_UNIQUEID))
    return AttendedTransferred(at=at, channel=channel, second=second, target=target)


def _parked(message: AmiMessage, at: Instant) -> ChannelFact | None:
    channel = message.find(_PARKEE_UNIQUEID)
    return Parked(at=at, channel=channel) if channel else None


def _queue_joined(message: AmiMessage, at: Instant) -> ChannelFact | None:
    channel = message.find_last(_UNIQUEID)
    return QueueJoined(at=at, channel=channel, queue=message.find(_QUEUE) or "") if channel else None


def _queue_left(message: AmiMessage, at: Instant) -> ChannelFact | None:
    channel = message.find_last(_UNIQUEID)
    return QueueLeft(at=at, channel=channel) if channel else None


def _variable_set(message: AmiMessage, at: Instant) -> ChannelFact | None:
    channel = message.find_last(_UNIQUEID)
    name = (message.find_last(_VARIABLE) or "").lstrip("_")  # leading underscores make it inheritable
    value = _unescaped(message.find_last(_VALUE))
    if not channel or not value:
        return None
    match name:
        case "MIXMONITOR_FILENAME":
            return RecordingNamed(at, channel, below(value, "monitor"))
        case "VM_MESSAGEFILE":
            return VoicemailNamed(at=at, channel=channel, file=below(value, "voicemail"))
        case "VMSTATUS":
            return VoicemailEnded(at=at, channel=channel, left=value == "SUCCESS")
        case "FROM_DID":
            return LineTold(at, channel, value)
        case "QUEUESTATUS":
            return NobodyThere(at=at, channel=channel, in_queue=True) if value in _NO_MEMBERS else None
        case "DIALSTATUS":
            return NobodyThere(at=at, channel=channel) if value == "CHANUNAVAIL" else None
        case "BACKGROUNDSTATUS":
            return PlaceReached(at=at, channel=channel, place=Place.MENU)
        case "PLAYBACKSTATUS":
            return PlaceReached(at=at, channel=channel, place=Place.ANNOUNCEMENT)
        case _:
            return None


def _place_reached(message: AmiMessage, at: Instant) -> ChannelFact | None:
    channel = message.find_last(_UNIQUEID)
    place = PLACES.get(message.find_last(_APPLICATION) or "")
    if not channel or place is None:
        return None
    name = None
    if place is Place.QUEUE:
        name = _known((message.find_last(_APP_DATA) or "").partition(",")[0])
    return PlaceReached(at=at, channel=channel, place=place, name=name)


def _message_waiting(message: AmiMessage, at: Instant) -> ChannelFact | None:
    channel = message.find_last(_UNIQUEID)  # absent when a mailbox changes without a call
    new = message.find(_NEW) or ""
    return VoicemailEnded(at=at, channel=channel, left=True) if channel and new.strip("0").isdecimal() else None


def _cdr(message: AmiMessage, at: Instant) -> ChannelFact | None:
    channel = message.find_last(_UNIQUE_ID)
    file = _unescaped(message.find_last(_USER_FIELD))
    if (
        not channel
        or not file
        or not file.lower().endswith((".wav", ".wav49", ".mp3", ".gsm", ".ogg", ".opus", ".ulaw"))
    ):
        return None
    return RecordingNamed(at, channel, below(file, "monitor"), written_later=True)


def _originated(message: AmiMessage, at: Instant) -> ChannelFact | None:
    channel = _known(message.find_last(_UNIQUEID))
    if channel is None or message.find(_RESPONSE) != "Success":
        return None
    return Originated(at=at, channel=channel, exten=_known(message.find_last(_EXTEN)))


def _hangup_asked(message: AmiMessage, at: Instant) -> ChannelFact | None:
    channel = message.find_last(_UNIQUEID)
    return HangupAsked(at, channel) if channel else None


def _hung_up(message: AmiMessage, at: Instant) -> ChannelFact | None:
    channel = message.find_last(_UNIQUEID)
    return ChannelHungUp(at, channel, _cause(message)) if channel else None


def _channel_listed(message: AmiMessage, at: Instant) -> ChannelFact | None:
    """One line of CoreShowChannels or of Status; the latter knows the DID and, if asked, variables."""
    born = _channel_born(message, at)
    if not isinstance(born, ChannelBorn):
        return None
    variables = dict(line.partition("=")[::2] for line in message.get_all(b"Variable"))
    recording = variables.get("MIXMONITOR_FILENAME")
    dialled = variables.get("FROM_DID") or _known(message.find(_DNID)) or born.exten
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
        bridge=message.find(_BRIDGE_ID) or None,
        pair=born.endpoint if born.kind is ChannelKind.LOCAL else None,
        recording=below(recording, "monitor") if recording else None,
        detail=message.event == b"Status",
    )


def _begun(message: AmiMessage, at: Instant) -> Instant | None:
    """When a listed channel began, from `Duration: 01:02:03` or `Seconds: 3723`."""
    parts = (message.find(_DURATION) or message.find(_SECONDS) or "").split(":")
    if not all(part.isdecimal() and len(part) < 9 for part in parts):  # noqa: PLR2004 - thirty years are enough
        return None
    seconds = 0
    for part in parts:
        seconds = seconds * 60 + int(part)
    return at - seconds


def _snapshot_ended(_message: AmiMessage, at: Instant) -> ChannelFact | None:
    return SnapshotEnded(at=at)


def _booted(message: AmiMessage, at: Instant) -> ChannelFact | None:
    uptime = message.find(_UPTIME) or ""
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
_VARIABLE_LINES = (
    *(f"{inherited}{name}\r\n".encode() for name in _VARIABLES for inherited in ("", "_", "__")),
    *(f"QUEUESTATUS\r\nValue: {status}".encode() for status in _NO_MEMBERS),
    b"DIALSTATUS\r\nValue: CHANUNAVAIL",
)

EVENTS: Interest = {
    **dict.fromkeys(_READERS),
    b"VarSet": Only(header=b"Variable", begins=_VARIABLE_LINES),
    b"Newexten": Only(header=b"Application", begins=tuple(f"{name}\r\n".encode() for name in PLACES)),
}
"""What `translate` understands: the interest to give to an `AmiStream`."""
