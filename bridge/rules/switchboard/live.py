"""The parts of a live call: its channels, the bridges that connect them, phones rung, spells of talk, hand-overs.

Everything here changes while the call lives and is small: thousands of calls may live at once (2 KiB each).
"""

from enum import Enum

from bridge.model.call import Direction, HungUpBy, MissedReason, RangResult, TransferKind
from bridge.model.channels import DialStatus
from bridge.model.moment import Instant


class Role(Enum):
    """What a channel is in the company's eyes."""

    PHONE = "phone"
    TRUNK = "trunk"
    LOCAL = "local"
    MACHINE = "machine"


class Whereabouts(Enum):
    """Where the caller was when he hung up without having talked to anybody."""

    QUEUE = "queue"
    RINGING = "ringing"
    ELSEWHERE = "elsewhere"


class Bridge:
    """A mixing of channels: everybody in it hears everybody, unless it is a holding one."""

    __slots__ = ("holding", "id", "members")

    def __init__(self, bridge: str, *, holding: bool) -> None:
        self.id = bridge
        self.holding = holding
        self.members: list[Channel] = []


class Channel:
    """One channel of the PBX.

    `rung_by_us`: we call it; else it called us. `number`: what was dialled on a trunk. `missing`: the last snapshot did
    not list it; its end may be on its way. `pair` is known for a local half that was met in a snapshot.
    """

    __slots__ = (
        "asked_to_end", "bridge", "call", "cause", "endpoint", "gone", "id", "missing", "number", "other_half", "pair",
        "rang", "recording", "role", "rung_by_us", "status", "up_at",
    )  # fmt: skip

    def __init__(self, channel: str, *, call: "LiveCall", role: Role, endpoint: str, rung_by_us: bool) -> None:
        self.id = channel
        self.call = call
        self.role = role
        self.endpoint = endpoint
        self.rung_by_us = rung_by_us
        self.number: str | None = None
        self.up_at: Instant | None = None
        self.rang = False
        self.asked_to_end = False
        self.gone = False
        self.missing = False
        self.status: DialStatus | None = None
        self.cause = 0
        self.bridge: Bridge | None = None
        self.other_half: Channel | None = None
        self.pair: str | None = None
        self.recording: str | None = None

    @property
    def party(self) -> str:
        """What the platform calls whoever is here: the mobile's number behind a trunk, else the endpoint."""
        return self.number if self.role is Role.TRUNK and self.number is not None else self.endpoint

    def reach(self) -> "list[Channel]":
        """Every channel that hears this one, itself first: through bridges, and from one local half to the other."""
        if self.other_half is None and (self.bridge is None or self.bridge.holding or len(self.bridge.members) == 1):
            return [self]
        found = [self]
        seen = {self.id}
        for channel in found:  # grows while we walk
            bridge, half = channel.bridge, channel.other_half
            if bridge is not None and not bridge.holding:
                for member in bridge.members:
                    if member.id not in seen:
                        seen.add(member.id)
                        found.append(member)
            if half is not None and half.id not in seen:
                seen.add(half.id)
                found.append(half)
        return found


class Leg:
    """One phone that was rung; `channel` is None once it is forgotten."""

    __slots__ = ("channel", "party", "result", "since", "until")

    def __init__(self, channel: Channel | None, party: str, since: Instant) -> None:
        self.channel = channel
        self.party = party
        self.since = since
        self.until: Instant | None = None
        self.result: RangResult | None = None

    def end(self, at: Instant, result: RangResult) -> None:
        """It rings no more; the first word counts, a repeat says nothing new."""
        if self.until is None:
            self.until = max(at, self.since)  # a clock may be set back
            self.result = result


class Spell:
    """One person of ours in conversation with the client."""

    __slots__ = ("channel", "party", "since", "until")

    def __init__(self, channel: Channel | None, party: str, since: Instant) -> None:
        self.channel = channel
        self.party = party
        self.since = since
        self.until: Instant | None = None

    def end(self, at: Instant) -> None:
        """He talks no more, for now."""
        if self.until is None:
            self.until = max(at, self.since)


class HandOver:
    """A transfer, told or recognised. `answered` is None until somebody took it or the call ended without."""

    __slots__ = ("answered", "at", "by", "kind", "to")

    def __init__(self, kind: TransferKind, *, by: str | None, to: str | None, at: Instant) -> None:
        self.kind = kind
        self.by = by
        self.to = to
        self.at = at
        self.answered: bool | None = None


class LiveCall:
    """One call while it lives and a little longer.

    `root` is the channel that began it. `client` is the channel of the outside: the root of an inbound call, the
    trunk that an outbound call reached last. `pivot` is the channel whose conversations count: the client's, or the
    root's of a call inside the house. `consults` is the call whose client waits while this one asks a colleague.
    """

    __slots__ = (
        "absorbed", "adopted", "announced", "answered_at", "caller", "channels", "client", "consulting", "consults",
        "crashed", "dialled", "direction", "ended_at", "fresh", "from_record", "gave_up", "hung_up_by", "id",
        "incomplete", "line", "mailbox", "menu", "merged", "name", "nobody", "number", "parked_at", "pivot", "queue",
        "queued", "rang", "recordings", "revision", "root", "spells", "started_at", "transfers", "unseen_end",
        "voicemail", "voicemail_left",
    )  # fmt: skip

    def __init__(self, call: str, *, started_at: Instant) -> None:
        self.id = call
        self.started_at = started_at
        self.revision = 0
        self.merged: tuple[str, ...] = ()
        self.absorbed = False
        self.fresh = False
        # its shape
        self.channels: tuple[Channel, ...] = ()
        self.root: Channel | None = None
        self.client: Channel | None = None
        self.pivot: Channel | None = None
        self.consults: LiveCall | None = None
        self.consulting: HandOver | None = None
        # what is known
        self.direction: Direction | None = None
        self.number: str | None = None
        self.line: str | None = None
        self.name: str | None = None
        self.caller: str | None = None
        self.dialled: str | None = None
        self.rang: tuple[Leg, ...] = ()
        self.spells: tuple[Spell, ...] = ()
        self.transfers: tuple[HandOver, ...] = ()
        self.recordings: tuple[str, ...] = ()
        self.from_record: str | None = None
        self.answered_at: Instant | None = None
        # where the caller is while nobody talks to him
        self.queue: str | None = None
        self.queued = False
        self.menu = False
        self.announced = False
        self.mailbox = False
        self.nobody: MissedReason | None = None
        self.parked_at: Instant | None = None
        self.voicemail: str | None = None
        self.voicemail_left = False
        # its end
        self.ended_at: Instant | None = None
        self.hung_up_by: HungUpBy | None = None
        self.gave_up: Whereabouts | None = None
        self.incomplete = False
        self.unseen_end = False
        self.crashed = False
        self.adopted = False

    @property
    def live(self) -> bool:
        """It is neither over nor part of another call."""
        return self.ended_at is None and not self.absorbed

    def leg_of(self, channel: Channel) -> Leg | None:
        """The latest ringing of this channel."""
        for leg in reversed(self.rang):
            if leg.channel is channel:
                return leg
        return None

    def over(self) -> bool:
        """Whether nothing of it is left that matters: the client is gone, or everybody is."""
        client = self.client
        if client is not None and client.gone:
            if self.direction is Direction.INBOUND or self.answered_at is not None:
                return True
            if self.root is None or self.root.gone:
                return True
        for channel in self.channels:  # noqa: SIM110 - asked at every hang-up, and `all` takes three times as long
            if not channel.gone:
                return False
        return True
