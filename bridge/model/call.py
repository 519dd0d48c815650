"""One call: the fold of every event that carries one call key, however many phones rang."""

from dataclasses import dataclass, field
from enum import StrEnum

from bridge.model.moment import Instant


class Direction(StrEnum):
    """Who began the call: the outside, one of ours towards the outside, or both ends are ours."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
    INTERNAL = "internal"


class Outcome(StrEnum):
    """How the call ended, in the words of the API and of the generic webhook.

    An inbound call is ANSWERED (a person of ours talked) or MISSED (with a reason). An outbound call is ANSWERED,
    BUSY, FAILED, CANCELLED (our side gave up) or MISSED (the network rang it out).
    """

    ANSWERED = "answered"
    MISSED = "missed"
    BUSY = "busy"
    FAILED = "failed"
    VOICEMAIL = "voicemail"
    CANCELLED = "cancelled"


class MissedReason(StrEnum):
    """Why a missed call was missed."""

    NO_ANSWER = "no_answer"
    ABANDONED_RINGING = "abandoned_ringing"
    ABANDONED_IN_QUEUE = "abandoned_in_queue"
    ABANDONED_IN_MENU = "abandoned_in_menu"
    SHORT_ABANDON = "short_abandon"
    BUSY = "busy"
    REJECTED = "rejected"
    UNAVAILABLE = "unavailable"
    FAILED = "failed"
    OUT_OF_HOURS = "out_of_hours"
    VOICEMAIL = "voicemail"


class RangResult(StrEnum):
    """What became of one phone that was rung."""

    ANSWERED = "answered"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    REJECTED = "rejected"
    UNAVAILABLE = "unavailable"
    ELSEWHERE = "answered_elsewhere"
    CANCELLED = "cancelled"
    FORWARDED = "forwarded"
    FAILED = "failed"


class TransferKind(StrEnum):
    """BLIND: sent on without asking. ATTENDED: after a consultation."""

    BLIND = "blind"
    ATTENDED = "attended"


class HungUpBy(StrEnum):
    """Who ended the call; SYSTEM is the PBX itself."""

    CLIENT = "client"
    EMPLOYEE = "employee"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rang:
    """One phone that was rung. `party` is what the platform calls it (extension, account, mobile number)."""

    party: str
    since: Instant
    until: Instant | None = None
    result: RangResult | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """One person of ours in conversation with the client. `until` is None while it goes on.

    `since` is when his own phone was picked up for this call, so a colleague who was consulted before an attended
    transfer is credited from his pick-up.
    """

    party: str
    since: Instant
    until: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """A call handed on. `answered` is None until it is known whether anybody took it."""

    kind: TransferKind
    by: str | None
    to: str | None
    at: Instant
    answered: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Utm:
    """Where the client came from, as the advertising world tags it."""

    source: str | None = None
    medium: str | None = None
    campaign: str | None = None
    term: str | None = None
    content: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call as far as it is known now.

    `key` is unique over all sources: `{source}/{platform_call_id}`. `merged` lists the keys of calls that turned out
    to be this same call. `raw_number` is the client's number exactly as the platform told it (None: not told or
    withheld); `raw_line` is the company number that was called (inbound) or shown (outbound). `rang`, `talked` and
    `transfers` are in the order of their beginning. `answered_at` is when a person first answered: for an inbound
    call one of ours, for an outbound call the client. For an outbound call `talked` lists our people, too; `caller`
    is the party of ours who placed it. `outcome` is None while the call lives. `incomplete` says that part of the
    call was not seen (a lost connection, a crash) and that what is missing was not invented.
    """

    key: str
    source: str
    platform_call_id: str
    direction: Direction
    started_at: Instant
    raw_number: str | None = None
    raw_line: str | None = None
    client_name: str | None = None
    caller: str | None = None
    queue: str | None = None
    menu: bool = False
    rang: tuple[Rang, ...] = ()
    talked: tuple[Talk, ...] = ()
    transfers: tuple[Transfer, ...] = ()
    recordings: tuple[str, ...] = ()
    voicemail: str | None = None
    answered_at: Instant | None = None
    ended_at: Instant | None = None
    outcome: Outcome | None = None
    missed_reason: MissedReason | None = None
    hung_up_by: HungUpBy | None = None
    incomplete: bool = False
    utm: Utm = field(default_factory=Utm)
    merged: tuple[str, ...] = ()
    revision: int = 0

    @property
    def ended(self) -> bool:
        """The call is over (it may still be corrected by late facts)."""
        return self.ended_at is not None

    @property
    def answered(self) -> bool:
        """A person answered: ours for an inbound call, the client for an outbound one."""
        return self.answered_at is not None

    @property
    def first_talker(self) -> str | None:
        """The party of ours who answered first, as the platform names him; None if nobody talked."""
        return self.talked[0].party if self.talked else None

    @property
    def last_talker(self) -> str | None:
        """The party of ours who talked last; he is the answerer for S6-S8 (D15)."""
        return self.talked[-1].party if self.talked else None

    @property
    def ring_seconds(self) -> float | None:
        """Seconds until a person answered or, if nobody did, until the end; None while it still rings."""
        until = self.answered_at if self.answered_at is not None else self.ended_at
        return None if until is None else until - self.started_at

    @property
    def links(self) -> tuple[str, ...]:
        """Where it can be listened to: the voicemail first, then the recordings, each once."""
        if self.voicemail is None:
            return self.recordings
        return (self.voicemail, *[link for link in self.recordings if link != self.voicemail])

    @property
    def talk_seconds(self) -> float:
        """Seconds from the first answer by a person to the end; 0 if there was none or it is not over."""
        if self.answered_at is None or self.ended_at is None:
            return 0.0
        return self.ended_at - self.answered_at
