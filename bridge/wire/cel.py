"""Asterisk's channel events, read afterwards, as the facts that its manager interface would have told at the time.

So the same switchboard folds both, and a call that nobody watched is told as if somebody had. What CEL has no word for
is inferred from what it has, and only where nothing else can be meant: who rang a channel from the applications that
ran, when somebody hung up from the source of the hang-up, that a phone holds one call from its placing another.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from bridge.model.call_records import CelRow
from bridge.model.channels import (
    AttendedTransferred,
    BlindTransferred,
    BridgeEntered,
    BridgeLeft,
    ChannelBorn,
    ChannelFact,
    ChannelHungUp,
    ChannelKind,
    ChannelState,
    DialBegun,
    DialEnded,
    DialStatus,
    HalvesJoined,
    HangupAsked,
    HoldChanged,
    Parked,
    PickedUp,
    Place,
    PlaceReached,
    QueueJoined,
    QueueLeft,
    RecordingNamed,
    StateChanged,
)
from bridge.wire.asterisk import PLACES, below
from bridge.wire.records import number_dialled

RINGING = frozenset(("Dial", "Queue", "FollowMe", "Page"))
"""Applications that ring channels."""
CALLED_BY_US = "AppDial2"
"""What Asterisk calls the application of a channel that it rings for Originate, whom nobody dials."""
AT_ONCE = 0.25
"""Seconds before a channel's end within which everything happens because of its hanging up."""
GRACE = 30.0
"""Seconds after its end in which a channel may still be spoken of."""
CONGESTED = frozenset((3, 27, 34, 38, 41, 42, 44, 58))


@dataclass(slots=True)
class _Known:
    """A channel while the diary is read. `application` and `data` are what it runs that rings others."""

    row: CelRow
    root: bool
    application: str | None = None
    data: str = ""
    dialler: str | None = None
    bridge: str | None = None
    answered: bool = False
    asked: bool = False
    gone: bool = False


@dataclass(slots=True)
class _Diary:
    ours: frozenset[str]
    channels: dict[str, _Known] = field(default_factory=dict)
    halves: dict[str, str] = field(default_factory=dict)
    ended: deque[tuple[float, str]] = field(default_factory=deque)
    forgotten: set[str] = field(default_factory=set)
    facts: list[ChannelFact] = field(default_factory=list)


def facts_of(rows: Iterable[CelRow]) -> list[ChannelFact]:
    """The facts that these rows tell, in order. Rows come in the order in which they were written."""
    ordered = sorted(rows, key=lambda row: row.at)
    ours = frozenset(row.unique for row in ordered if row.application == CALLED_BY_US)
    diary = _Diary(ours)
    moments = [row.at for row in ordered]
    asked: dict[int, list[str]] = {}
    for row in ordered:
        if row.kind == "HANGUP" and row.extra.get("hangupsource") == row.channel.name:
            asked.setdefault(_before(ordered, moments, row), []).append(row.unique)
    for index, row in enumerate(ordered):
        for channel in asked.get(index, ()):
            _ask(diary, channel, row.at)
        _forget(diary, row.at)
        _read(diary, row)
    return diary.facts


def _forget(diary: _Diary, now: float) -> None:
    """Whoever ended long ago rings nobody: a week has many channels, and each birth looks at all that live."""
    while diary.ended and diary.ended[0][0] < now - GRACE:
        _, channel = diary.ended.popleft()
        diary.halves.pop(diary.channels.pop(channel).row.channel.endpoint, None)
        diary.forgotten.add(channel)


def _before(rows: Sequence[CelRow], moments: Sequence[float], end: CelRow) -> int:
    """The place of the first row that this channel's hanging up has caused."""
    index = bisect_right(moments, end.at - AT_ONCE)
    while rows[index] is not end and (rows[index].linked != end.linked or rows[index].kind in {"CHAN_START", "ANSWER"}):
        index += 1
    return index


def _ask(diary: _Diary, channel: str, at: float) -> None:
    known = diary.channels.get(channel)
    if known is not None and not known.asked:
        known.asked = True
        diary.facts.append(HangupAsked(at=at, channel=channel))


def _read(diary: _Diary, row: CelRow) -> None:
    known = diary.channels.get(row.unique)
    if row.kind == "CHAN_START":
        if known is None and row.unique not in diary.forgotten:
            _born(diary, row)
        return
    if known is None:
        return  # its beginning lies before what was read: whoever has the call must not guess at it
    match row.kind:
        case "ANSWER":
            _answered(diary, known, row)
        case "HANGUP" | "CHAN_END":
            _ended(diary, known, row)
        case "APP_START":
            _application(diary, known, row)
        case "APP_END":
            _application_ended(diary, known, row)
        case "BRIDGE_ENTER":
            _entered(diary, known, row)
        case "BRIDGE_EXIT":
            known.bridge = None
            diary.facts.append(BridgeLeft(row.at, row.unique, row.extra.get("bridge_id", "")))
        case _:
            _handed_over(diary, row)


def _born(diary: _Diary, row: CelRow) -> None:
    root = row.linked == row.unique
    known = diary.channels[row.unique] = _Known(row, root)
    if root and row.channel.kind is ChannelKind.DEVICE:
        _hold(diary, row)
    calls_us = root and row.unique not in diary.ours
    diary.facts.append(
        ChannelBorn(
            at=row.at,
            channel=row.unique,
            linked=row.linked,
            kind=row.channel.kind,
            technology=row.channel.technology,
            endpoint=row.channel.endpoint,
            state=ChannelState.CALLING if calls_us else ChannelState.DOWN,
            number=row.number,
            name=row.name,
            exten=row.exten,
        )
    )
    if row.channel.kind is ChannelKind.LOCAL and _join_halves(diary, row):
        return
    if row.channel.kind is ChannelKind.MACHINE or calls_us:
        return
    _rung(diary, known, row)


def _hold(diary: _Diary, row: CelRow) -> None:
    """A phone that places a call while it is in one has put that one on hold."""
    for channel, known in diary.channels.items():
        same = known.row.channel.endpoint == row.channel.endpoint and known.row.channel.kind is row.channel.kind
        if same and known.bridge is not None and not known.gone:
            diary.facts.append(HoldChanged(at=row.at, channel=channel, held=True))


def _join_halves(diary: _Diary, row: CelRow) -> bool:
    """The second half of a Local pair is nobody whom one rings; True if this is it."""
    pair = row.channel.endpoint
    first = diary.halves.setdefault(pair, row.unique)
    if first != row.unique:
        diary.facts.append(HalvesJoined(at=row.at, channel=first, other=row.unique))
    return row.channel.name.endswith(";2")


def _rung(diary: _Diary, known: _Known, row: CelRow) -> None:
    dialler = _dialler(diary, row)
    known.dialler = dialler
    by = diary.channels[dialler] if dialler is not None else None
    number = number_dialled(by.data, row.channel.endpoint) if by is not None else None
    shown = None
    if number is not None and by is not None:
        shown = by.row.number
    diary.facts.append(DialBegun(at=row.at, channel=row.unique, dialler=dialler, number=number, shown=shown))


def _dialler(diary: _Diary, row: CelRow) -> str | None:
    """Whose application rings this channel: the one that names it, else the latest of the same call."""
    latest = None
    for channel, known in diary.channels.items():
        if known.application is None or known.gone or known.row.linked != row.linked:
            continue
        if _names(known.data, row):
            return channel
        latest = channel
    return latest


def _names(data: str, row: CelRow) -> bool:
    endpoint = row.channel.endpoint
    if row.channel.kind is ChannelKind.LOCAL:
        endpoint = endpoint.rpartition("-")[0]
    destinations = data.partition(",")[0].split("&")
    whole = f"{row.channel.technology}/{endpoint}"
    return any(
        destination == whole or destination.startswith(f"{whole}/") or destination.endswith(f"@{endpoint}")
        for destination in destinations
    )


def _answered(diary: _Diary, known: _Known, row: CelRow) -> None:
    if known.answered:
        return
    known.answered = True
    diary.facts.append(StateChanged(row.at, row.unique, ChannelState.UP))
    if not known.root:
        diary.facts.append(DialEnded(at=row.at, channel=row.unique, status=DialStatus.ANSWER))


def _ended(diary: _Diary, known: _Known, row: CelRow) -> None:
    if known.gone:
        return
    known.gone = True
    diary.ended.append((row.at, row.unique))
    by = row.extra.get("hangupsource")
    for channel, other in diary.channels.items():
        if by and other.row.channel.name == by and not other.gone:
            _ask(diary, channel, row.at)
    cause = row.extra.get("hangupcause", "")
    code = int(cause) if cause.isdecimal() else 0
    if not known.answered and not known.root:
        status = _status(diary, known, code)
        diary.facts.append(DialEnded(at=row.at, channel=row.unique, status=status))
    diary.facts.append(ChannelHungUp(row.at, row.unique, code))


def _status(diary: _Diary, known: _Known, code: int) -> DialStatus:
    """What Dial would have said of a channel that never answered."""
    by = diary.channels.get(known.dialler) if known.dialler is not None else None
    if code == 17:  # noqa: PLR2004 - Q.850: busy
        return DialStatus.BUSY
    if code in CONGESTED:
        return DialStatus.CONGESTION
    others = (other for other in diary.channels.values() if other.dialler == known.dialler and other is not known)
    taken = any(other.answered for other in others)
    if (by is not None and by.asked) or taken or code == 26:  # noqa: PLR2004 - answered elsewhere
        return DialStatus.CANCEL
    return DialStatus.NO_ANSWER


def _application(diary: _Diary, known: _Known, row: CelRow) -> None:
    if row.application in RINGING:
        known.application, known.data = row.application, row.data
        known.row = _with_caller(known.row, row)
    argument = row.data.partition(",")[0]
    if row.application == "Queue":
        diary.facts.append(QueueJoined(at=row.at, channel=row.unique, queue=argument))
    elif row.application == "MixMonitor" and argument:
        diary.facts.append(RecordingNamed(at=row.at, channel=row.unique, file=below(argument, "monitor")))
    place = PLACES.get(row.application)
    if place is not None:
        name = argument if place is Place.QUEUE else None
        diary.facts.append(PlaceReached(at=row.at, channel=row.unique, place=place, name=name))


def _with_caller(born: CelRow, row: CelRow) -> CelRow:
    """The channel as it was born, but with the number that it shows now: the company's own, on the way out."""
    return replace(born, number=row.number)


def _application_ended(diary: _Diary, known: _Known, row: CelRow) -> None:
    if known.application == row.application:
        known.application = None
    if row.application == "Queue":
        diary.facts.append(QueueLeft(at=row.at, channel=row.unique))


def _entered(diary: _Diary, known: _Known, row: CelRow) -> None:
    known.bridge = row.extra.get("bridge_id", "")
    holding = row.extra.get("bridge_technology") == "holding_bridge"
    if not known.answered:
        _answered(diary, known, row)  # who is in a bridge is up, whether or not that is written down
    diary.facts.append(
        BridgeEntered(at=row.at, channel=row.unique, bridge=known.bridge, linked=row.linked, holding=holding)
    )


def _handed_over(diary: _Diary, row: CelRow) -> None:
    told = row.extra
    match row.kind:
        case "BLINDTRANSFER":
            transferred = _channel(told.get("transferee_channel_uniqueid"))
            diary.facts.append(
                BlindTransferred(at=row.at, channel=row.unique, transferred=transferred, exten=told.get("extension"))
            )
        case "ATTENDEDTRANSFER":
            second = _channel(told.get("channel2_uniqueid"))
            if second is not None:
                target = _channel(told.get("transfer_target_channel_uniqueid"))
                diary.facts.append(AttendedTransferred(at=row.at, channel=row.unique, second=second, target=target))
        case "PICKUP":
            by = _channel(told.get("pickup_channel_uniqueid"))
            if by is not None:
                diary.facts.append(PickedUp(at=row.at, channel=by, target=row.unique))
        case "PARK_START":
            diary.facts.append(Parked(at=row.at, channel=row.unique))
        case "FORWARD":
            _forwarded(diary, row)
        case _:
            pass


def _forwarded(diary: _Diary, row: CelRow) -> None:
    """A phone sent the call on: the one that this channel rang last and that has not answered."""
    for channel, known in reversed(diary.channels.items()):
        if known.dialler == row.unique and not known.answered:
            diary.facts.append(DialEnded(at=row.at, channel=channel, status=DialStatus.CANCEL, forwarded=True))
            return


def _channel(told: str | None) -> str | None:
    return None if not told or told == "N/A" else told
