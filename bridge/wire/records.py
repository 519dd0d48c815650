"""Asterisk's call detail records and channel events as it stores them: rows of a table or of a CSV file.

Column names differ from one installation to the next; `CDR_COLUMNS` and `CEL_COLUMNS` say under which names each thing
may stand. Sources: cdr_csv, cdr_custom, cdr_adaptive_odbc, cdr_pgsql, cel_custom, cel_odbc, cel_pgsql and main/cel.c of
Asterisk 16 and 22; FreePBX's database asteriskcdrdb; records of 16.28 and 22.10 (tests/transcripts).
"""

import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any

from bridge.model.call_records import CallRecordRow, CdrRow, CelRow, Disposition, NamedChannel, RecordKind
from bridge.model.channels import ChannelKind
from bridge.model.moment import Instant
from bridge.wire.asterisk import dialled_number, read_name

Row = Mapping[str, Any]
"""Column name to value, as a database or a CSV file gives it: text, number, time or None."""

CDR_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "started": ("start", "calldate"),
    "answered": ("answer", "answerdate"),
    "ended": ("end", "hangupdate"),
    "duration": ("duration",),
    "billsec": ("billsec",),
    "channel": ("channel",),
    "other": ("dstchannel",),
    "application": ("lastapp",),
    "data": ("lastdata",),
    "disposition": ("disposition",),
    "number": ("src",),
    "name": ("clid",),
    "dialled": ("dst",),
    "did": ("did",),
    "unique": ("uniqueid",),
    "linked": ("linkedid",),
    "recording": ("recordingfile", "userfield"),
    "sequence": ("sequence",),
}
CEL_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "kind": ("eventtype", "eventname"),
    "at": ("eventtime",),
    "name": ("cidname", "cid_name"),
    "number": ("cidnum", "cid_num"),
    "exten": ("exten",),
    "channel": ("channame",),
    "application": ("appname",),
    "data": ("appdata",),
    "unique": ("uniqueid",),
    "linked": ("linkedid",),
    "extra": ("eventextra", "extra"),
}
COLUMNS = {RecordKind.CDR: CDR_COLUMNS, RecordKind.CEL: CEL_COLUMNS}
_NEEDED = {
    RecordKind.CDR: (
        "started", "duration", "channel", "other", "application", "disposition", "number", "dialled", "unique",
        "linked",
    ),
    RecordKind.CEL: ("kind", "at", "number", "exten", "channel", "application", "unique", "linked", "extra"),
}  # fmt: skip
"""What one cannot do without."""
CDR_CSV = (
    "accountcode", "src", "dst", "dcontext", "clid", "channel", "dstchannel", "lastapp", "lastdata", "start", "answer",
    "end", "duration", "billsec", "disposition", "amaflags", "uniqueid", "userfield", "peeraccount", "linkedid",
    "sequence",
)  # fmt: skip
"""The columns of cdr_csv with loguniqueid, loguserfield and newcdrcolumns set (it writes no header line)."""
CEL_CSV = (
    "eventtype", "eventtime", "cidname", "cidnum", "cidani", "cidrdnis", "ciddnid", "exten", "context", "channame",
    "appname", "appdata", "amaflags", "accountcode", "uniqueid", "linkedid", "bridgepeer", "userfield", "userdeftype",
    "eventextra",
)  # fmt: skip
"""The columns of the sample cel_custom.conf."""
_EVENTS = {
    "1": "CHAN_START", "2": "CHAN_END", "3": "HANGUP", "4": "ANSWER", "5": "APP_START", "6": "APP_END",
    "7": "PARK_START", "8": "PARK_END", "10": "BRIDGE_ENTER", "11": "BRIDGE_EXIT", "14": "BLINDTRANSFER",
    "15": "ATTENDEDTRANSFER", "16": "PICKUP", "17": "FORWARD",
}  # fmt: skip
"""Some back-ends write an event's number (`enum ast_cel_event_type` in cel.h) where others write its name."""


class Unreadable(Exception):  # noqa: N818 - style: an exception is named for what happened
    """This row is no record; others may be."""


def columns_found(kind: RecordKind, columns: Collection[str]) -> dict[str, str]:
    """Under which of these names each thing stands; what is not there is left out."""
    known = {column.lower(): column for column in columns}
    found: dict[str, str] = {}
    for what, names in COLUMNS[kind].items():
        for name in names:
            if name in known:
                found[what] = known[name]
                break
    return found


def columns_missing(kind: RecordKind, columns: Collection[str]) -> list[str]:
    """The columns that are needed and not among these, by their usual names."""
    found = columns_found(kind, columns)
    missing = [what for what in _NEEDED[kind] if what not in found and not (what == "duration" and "ended" in found)]
    return [COLUMNS[kind][what][0] for what in missing]


def read_row(kind: RecordKind, row: Row, zone: tzinfo) -> CallRecordRow:
    """One row; times without a zone of their own are of `zone`.

    Raises:
        Unreadable: it has no time or no channel.

    """
    told = {what: row.get(column) for what, column in columns_found(kind, row.keys()).items()}
    if kind is RecordKind.CEL:
        return _read_cel(told, zone)
    return _read_cdr(told, zone)


def read_time(value: Any, zone: tzinfo) -> Instant | None:
    """The instant of a stored time; None if there is none (an unanswered call's is empty, or all zeros)."""
    if isinstance(value, datetime):
        return (value if value.tzinfo is not None else value.replace(tzinfo=zone)).timestamp()
    text = _text(value)
    if not text or text.startswith("0000"):
        return None
    try:
        return float(text)  # seconds since 1970, as cel_custom writes without a dateformat
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)).timestamp()


def spelled(at: Instant, zone: tzinfo) -> datetime:
    """How a PBX in this zone writes an instant: the clock on its wall, without a zone."""
    return datetime.fromtimestamp(at, UTC).astimezone(zone).replace(tzinfo=None)


def _read_cdr(told: Row, zone: tzinfo) -> CdrRow:
    started = read_time(told.get("started"), zone)
    channel, unique = _text(told.get("channel")), _text(told.get("unique"))
    if started is None or not channel or not unique:
        raise Unreadable("it has no time, no channel or no uniqueid")
    ended = read_time(told.get("ended"), zone)
    if ended is None:
        ended = started + _number(told.get("duration"))
    disposition = _disposition(_text(told.get("disposition")))
    answered = read_time(told.get("answered"), zone)
    billed = _number(told.get("billsec"))
    if answered is None and (billed > 0 or disposition is Disposition.ANSWERED):
        answered = ended - billed
    data = _text(told.get("data"))
    other = _named(_text(told.get("other")))
    return CdrRow(
        unique=unique,
        linked=_text(told.get("linked")) or unique,
        channel=_channel(channel),
        other=other,
        number=_text(told.get("number")) or None,
        name=_caller_name(_text(told.get("name"))),
        dialled=_text(told.get("dialled")) or None,
        did=_text(told.get("did")) or None,
        reached=_reached(data, other),
        application=_text(told.get("application")),
        data=data,
        started_at=started,
        answered_at=answered,
        ended_at=max(ended, started),
        disposition=disposition,
        recording=_recording(_text(told.get("recording")), spelled(started, zone)),
        sequence=int(_number(told.get("sequence"))),
    )


def _read_cel(told: Row, zone: tzinfo) -> CelRow:
    at = read_time(told.get("at"), zone)
    kind, channel, unique = (_text(told.get(what)) for what in ("kind", "channel", "unique"))
    if at is None or not channel or not unique:
        raise Unreadable("it has no time, no channel or no uniqueid")
    return CelRow(
        kind=_EVENTS.get(kind, kind.upper()),
        at=at,
        unique=unique,
        linked=_text(told.get("linked")) or unique,
        channel=_channel(channel),
        number=_text(told.get("number")) or None,
        name=_text(told.get("name")) or None,
        exten=_text(told.get("exten")) or None,
        application=_text(told.get("application")),
        data=_text(told.get("data")),
        extra=_extra(_text(told.get("extra"))),
    )


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _number(value: Any) -> float:
    try:
        return float(_text(value) or 0)
    except ValueError:
        return 0.0


def _disposition(word: str) -> Disposition:
    try:
        return Disposition(word.upper())
    except ValueError:
        return Disposition.UNKNOWN


def _channel(name: str) -> NamedChannel:
    kind, technology, endpoint = read_name(name)
    return NamedChannel(name=name, kind=kind, technology=technology, endpoint=endpoint)


def _named(name: str) -> NamedChannel | None:
    return _channel(name) if name else None


def _caller_name(clid: str) -> str | None:
    """The name in `"Anna Nowak" <0770>`; quotes inside are doubled."""
    name, bracket, _ = clid.rpartition(" <")
    name = name.strip()
    if not bracket or len(name) <= 2 or not name.startswith('"'):  # noqa: PLR2004 - two quotes and nothing between
        return None
    return name[1:-1].replace('""', '"') or None


def _recording(told: str, began: datetime) -> str | None:
    """A file, if that is what the column holds: a userfield may hold anything.

    FreePBX's recordingfile has no folder: it is that of the day (`/var/spool/asterisk/monitor/2026/11/22/`).
    """
    path = told.removeprefix("audio:")
    if not path.endswith((".wav", ".WAV", ".mp3", ".gsm", ".wav49", ".ogg", ".opus")):
        return None
    return path if "/" in path else f"{began:%Y/%m/%d}/{path}"


def _reached(data: str, other: NamedChannel | None) -> str | None:
    """The number in the dial string that led to this channel."""
    if other is None or other.kind is not ChannelKind.DEVICE:
        return None
    return number_dialled(data, other.endpoint)


def number_dialled(data: str, endpoint: str) -> str | None:
    """The number that Dial's argument rings at this endpoint (`PJSIP/0770@trunk&PJSIP/101,20,tT`)."""
    for destination in data.partition(",")[0].split("&"):
        number = dialled_number(destination, endpoint)
        if endpoint in destination and number is not None:
            return number
    return None


def _extra(text: str) -> dict[str, str]:
    if not text.startswith("{"):
        return {}
    try:
        told = json.loads(text)
    except ValueError:
        return {}
    return {str(name): str(value) for name, value in told.items()} if isinstance(told, dict) else {}
