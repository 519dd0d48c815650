"""A little PBX for stories about switchboards: it says what an Asterisk would say, and the clock goes on by itself.

What a story does not say is ordinary: a caller is +447700900101, the line 442079460100, `trunk` leads outside.
"""

from collections.abc import Iterable
from itertools import count

from bridge.model.call import Call
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
    LinkLost,
    Originated,
    Parked,
    PbxBooted,
    RecordingNamed,
    SnapshotBegun,
    SnapshotEnded,
    StateChanged,
)
from bridge.model.events import CallSeen
from bridge.rules.switchboard import Switchboard

CLIENT = "+447700900101"
LINE = "442079460100"
NOON = 1_800_000_000.0
STEP = 0.1


class Pbx:
    """Speaks to a switchboard and remembers what it tells. Channels are named by their ids."""

    def __init__(self, *, trunks: Iterable[str] = ("trunk", "trunkb"), times: int = 1, **settings: float) -> None:
        self.board = Switchboard(source="pbx", trunks=trunks, **settings)
        self.told: list[CallSeen] = []
        self.now = NOON
        self.times = times
        self._ids = count(1)
        self._bridge_of: dict[str, str] = {}
        self._linked: dict[str, str] = {}
        self._phones: dict[str, str] = {}

    # ---- saying and hearing

    def says(self, fact: ChannelFact) -> None:
        for _ in range(self.times):
            self.told += self.board.advance(fact)
        self.now += STEP

    def waits(self, seconds: float) -> None:
        self.now += seconds
        self.told += self.board.tick(self.now)

    @property
    def calls(self) -> list[Call]:
        """The last account of each call, without those that became part of another."""
        last: dict[str, Call] = {}
        for seen in self.told:
            last[seen.call.key] = seen.call
            for key in seen.call.merged:
                last.pop(key, None)
        return list(last.values())

    @property
    def call(self) -> Call:
        """The only call there is."""
        (only,) = self.calls
        return only

    # ---- channels

    def born(
        self,
        endpoint: str,
        *,
        state: ChannelState = ChannelState.DOWN,
        by: str | None = None,
        kind: ChannelKind = ChannelKind.DEVICE,
        number: str | None = None,
        name: str | None = None,
        exten: str | None = None,
        channel: str | None = None,
        technology: str = "PJSIP",
    ) -> str:
        channel = channel or f"1800000000.{next(self._ids)}"
        linked = self._linked[channel] = self._linked[by] if by is not None else channel
        self._phones[channel] = endpoint
        self.says(
            ChannelBorn(
                at=self.now, channel=channel, linked=linked, kind=kind, technology=technology, endpoint=endpoint,
                state=state, number=number, name=name, exten=exten,
            )
        )  # fmt: skip
        return channel

    def call_comes_in(self, number: str | None = CLIENT, did: str | None = LINE, **more: str) -> str:
        endpoint = more.pop("endpoint", "trunk")
        return self.born(endpoint, state=ChannelState.CALLING, number=number, exten=did, **more)

    def phone_dials(self, endpoint: str, exten: str) -> str:
        return self.born(endpoint, state=ChannelState.CALLING, number=endpoint, exten=exten)

    def local_pair(self, name: str, by: str) -> tuple[str, str]:
        one = self.born(name, by=by, kind=ChannelKind.LOCAL, technology="Local")
        two = self.born(name, by=by, kind=ChannelKind.LOCAL, technology="Local", state=ChannelState.CALLING)
        self.says(HalvesJoined(at=self.now, channel=one, other=two))
        return one, two

    # ---- ringing

    def rings(self, endpoint: str, by: str, *, number: str | None = None, shown: str | None = None) -> str:
        channel = self.born(endpoint, by=by)
        self.dials(by, channel, number=number, shown=shown)
        return channel

    def dials(self, by: str | None, channel: str, *, number: str | None = None, shown: str | None = None) -> None:
        self.says(DialBegun(at=self.now, channel=channel, dialler=by, number=number, shown=shown))
        self.says(StateChanged(at=self.now, channel=channel, state=ChannelState.RINGING))

    def stops_ringing(self, channel: str, status: DialStatus, cause: int = 0, *, forwarded: bool = False) -> None:
        self.says(DialEnded(at=self.now, channel=channel, status=status, forwarded=forwarded))
        self.gone(channel, cause)

    def up(self, channel: str) -> None:
        self.says(StateChanged(at=self.now, channel=channel, state=ChannelState.UP))

    def answers(self, channel: str, caller: str) -> None:
        """The phone is picked up and joined with the caller."""
        self.up(channel)
        self.says(DialEnded(at=self.now, channel=channel, status=DialStatus.ANSWER))
        self.up(caller)
        self.joins(channel, caller)

    # ---- bridges

    def joins(self, *channels: str, bridge: str | None = None, holding: bool = False) -> str:
        bridge = bridge or f"bridge-{next(self._ids)}"
        for channel in channels:
            self.leaves(channel)
            self._bridge_of[channel] = bridge
            linked = self._linked[channel]
            self.says(BridgeEntered(at=self.now, channel=channel, bridge=bridge, linked=linked, holding=holding))
        return bridge

    def leaves(self, *channels: str) -> None:
        for channel in channels:
            bridge = self._bridge_of.pop(channel, None)
            if bridge is not None:
                self.says(BridgeLeft(at=self.now, channel=channel, bridge=bridge))

    # ---- handing on

    def holds(self, channel: str, *, held: bool = True) -> None:
        self.says(HoldChanged(at=self.now, channel=channel, held=held))

    def blind(self, by: str, client: str, to: str) -> None:
        self.says(BlindTransferred(at=self.now, channel=by, transferred=client, exten=to))

    def attended(self, by: str, second: str, target: str | None = None) -> None:
        self.says(AttendedTransferred(at=self.now, channel=by, second=second, target=target))

    def parks(self, channel: str) -> None:
        self.says(Parked(at=self.now, channel=channel))

    # ---- the rest

    def records(self, channel: str, file: str, *, later: bool = False) -> None:
        self.says(RecordingNamed(at=self.now, channel=channel, file=file, written_later=later))

    def learns(self, channel: str, number: str | None, name: str | None = None) -> None:
        self.says(CallerLearned(at=self.now, channel=channel, number=number, name=name))

    def originated(self, channel: str, exten: str) -> None:
        self.says(Originated(at=self.now, channel=channel, exten=exten))

    def asks_to_end(self, channel: str) -> None:
        self.says(HangupAsked(at=self.now, channel=channel))

    def gone(self, channel: str, cause: int = 16) -> None:
        self.leaves(channel)
        self.says(ChannelHungUp(at=self.now, channel=channel, cause=cause))

    def hangs_up(self, channel: str, *others: str, cause: int = 16) -> None:
        """The party on `channel` hangs up; the PBX takes the others down."""
        self.asks_to_end(channel)
        for each in (channel, *others):
            self.gone(each, cause)

    # ---- gaps

    def link_lost(self) -> None:
        self.says(LinkLost(at=self.now))

    def booted(self, since: float) -> None:
        self.says(PbxBooted(at=self.now, since=since))

    def lists(self, *channels: str, **states: ChannelState) -> None:
        """A whole snapshot: these channels, up unless said otherwise, each in the bridge that it was in."""
        self.says(SnapshotBegun(at=self.now))
        for channel in channels:
            self.says(self.listed(channel))
        self.says(SnapshotEnded(at=self.now))

    def listed(self, channel: str, *, linked: str | None = None, **facts: object) -> ChannelListed:
        values: dict[str, object] = {
            "kind": ChannelKind.DEVICE, "technology": "PJSIP", "endpoint": self._phones.get(channel, "trunk"),
            "state": ChannelState.UP, "bridge": self._bridge_of.get(channel), **facts,
        }  # fmt: skip
        linked = linked or self._linked.get(channel, channel)
        return ChannelListed(at=self.now, channel=channel, linked=linked, **values)  # type: ignore[arg-type]
