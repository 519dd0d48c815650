"""What a PBX writes down about its calls: one row of its call detail records (CDR) or of its channel events (CEL).

A CDR sums up one attempt to connect two channels; CEL is a diary of every channel. Instants are the PBX's clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum

from bridge.model.channels import ChannelKind
from bridge.model.moment import Instant


class RecordKind(StrEnum):
    """Which of the two a place keeps."""

    CDR = "cdr"
    CEL = "cel"


class Disposition(Enum):
    """What a CDR says became of the attempt. UNKNOWN: a word that we do not know, or none."""

    ANSWERED = "ANSWERED"
    NO_ANSWER = "NO ANSWER"
    BUSY = "BUSY"
    FAILED = "FAILED"
    CONGESTION = "CONGESTION"
    UNKNOWN = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedChannel:
    """A channel as its name tells: `PJSIP/101-0000001a` is the device 101 of PJSIP."""

    name: str
    kind: ChannelKind
    technology: str
    endpoint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CdrRow:
    """One attempt. `other` is the channel that was called (None: an application had the caller).

    `number` and `name` are the caller's, `dialled` is the extension called, `did` the company number where the PBX
    keeps a column for it. `reached` is the number that was rung on a trunk. `answered_at` is when the channel was
    answered, by whatever: an announcement counts. `recording` is the file as the PBX names it.
    """

    unique: str
    linked: str
    channel: NamedChannel
    other: NamedChannel | None
    number: str | None
    name: str | None
    dialled: str | None
    did: str | None
    reached: str | None
    application: str
    data: str
    started_at: Instant
    answered_at: Instant | None
    ended_at: Instant
    disposition: Disposition
    recording: str | None
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CelRow:
    """One happening of one channel. `kind` is its name in capitals (`CHAN_START`), `extra` what it tells besides."""

    kind: str
    at: Instant
    unique: str
    linked: str
    channel: NamedChannel
    number: str | None
    name: str | None
    exten: str | None
    application: str
    data: str
    extra: Mapping[str, str] = field(default_factory=dict)


CallRecordRow = CdrRow | CelRow
