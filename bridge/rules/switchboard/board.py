"""The switchboard: channel facts in, accounts of whole calls out. No I/O, no clock; time comes with the facts."""

from collections.abc import Iterable, Sequence
from typing import assert_never

from bridge.model.call import Call, Direction
from bridge.model.channels import (
    AttendedTransferred,
    BlindTransferred,
    BridgeEntered,
    BridgeLeft,
    CallerLearned,
    ChannelBorn,
    ChannelFact,
    ChannelHungUp,
    ChannelListed,
    DialBegun,
    DialEnded,
    HalvesJoined,
    HangupAsked,
    HoldChanged,
    LineTold,
    LinkLost,
    NobodyThere,
    Originated,
    Parked,
    PbxBooted,
    PbxStopped,
    PickedUp,
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
from bridge.model.events import CallSeen
from bridge.model.moment import Instant
from bridge.rules.switchboard import ending, handover, moves, origin, ringing, waiting
from bridge.rules.switchboard.account import account
from bridge.rules.switchboard.live import LiveCall
from bridge.rules.switchboard.recovery import Survey, restored
from bridge.rules.switchboard.registry import Registry
from bridge.rules.switchboard.roles import Roles

_NOTHING: Sequence[CallSeen] = ()
_SWEEP_EVERY = 60.0
"""Seconds between looks for calls that are stuck."""


class Switchboard:
    """Folds the channels of one PBX into calls.

    `trunks` are patterns (`*` stands for anything) for the end-points that lead outside, with or without technology:
    `trunk`, `provider-*`, `DAHDI/i1`. Every other end-point is a phone of ours. `grace` is for how many seconds late
    words about a channel are understood; `longest` is when a call is believed to be stuck, also in seconds.

    `advance` gives the accounts that a fact makes necessary: a call began, a phone rang, somebody picked up, handed on,
    hung up, or something was learned after the end. Calls inside the house are told once, when they are over.
    """

    __slots__ = ("_longest", "_registry", "_roles", "_source", "_survey", "_swept_at")

    def __init__(
        self, *, source: str, trunks: Iterable[str], grace: float = 30.0, longest: float = 24 * 3600.0
    ) -> None:
        self._source = source
        self._longest = longest
        self._registry = Registry(grace)
        self._roles = Roles(trunks)
        self._survey = Survey()
        self._swept_at: Instant | None = None

    def advance(self, fact: ChannelFact) -> Sequence[CallSeen]:
        """Take one fact in; what there is to tell now. Odd, late and repeated facts are harmless."""
        self._take(fact)
        return self._tell(fact.at) if self._registry.news else _NOTHING

    def tick(self, now: Instant) -> Sequence[CallSeen]:
        """What can wait (a second phone rings), and what must be forgotten or is stuck. Call it about every second."""
        registry = self._registry
        registry.sweep(now)
        for call in registry.soon:
            if call.live:
                registry.report(call)
        registry.soon.clear()
        if self._swept_at is None or now - self._swept_at >= _SWEEP_EVERY:
            self._swept_at = now
            for call in registry.living():
                if now - call.started_at > self._longest:
                    ending.lose(registry, call, now, now=now)
        return self._tell(now)

    @property
    def channels(self) -> int:
        """How many are known: those that live and those that ended within `grace`."""
        return len(self._registry.channels)

    def live_calls(self) -> tuple[Call, ...]:
        """The accounts of the calls that live now, inside the house included."""
        return tuple(account(call, self._source) for call in self._registry.living())

    def resume(self, call: Call) -> None:
        """Go on with a call that the store knows as live, after a restart of ours.

        Its channels are found in the next snapshot (the PBX links them to `platform_call_id` or to a merged one); if
        none is left, the call is closed as incomplete.
        """
        if not call.ended and call.platform_call_id not in self._registry.calls:
            self._registry.know(restored(call))

    def _tell(self, at: Instant) -> list[CallSeen]:
        told = []
        for call in self._registry.news:
            call.fresh = False
            if _worth_telling(call):
                call.revision += 1
                seen = account(call, self._source)
                event_id = f"{seen.key}#{seen.revision}"
                told.append(CallSeen(event_id=event_id, source=self._source, occurred_at=at, received_at=at, call=seen))
        self._registry.news.clear()
        return told

    def _take(self, fact: ChannelFact) -> None:  # noqa: C901, PLR0912, PLR0915 - one line for each fact there is
        registry = self._registry
        match fact:
            case StateChanged():
                moves.state_changed(registry, fact)
            case BridgeEntered():
                moves.entered(registry, fact)
            case BridgeLeft():
                moves.left(registry, fact)
            case ChannelBorn():
                registry.sweep(fact.at)
                self._survey.born(fact.channel)
                origin.born(registry, fact, self._roles.of(fact))
            case ChannelHungUp():
                self._survey.gone(fact.channel)
                ending.hung_up(registry, fact)
            case DialBegun():
                ringing.dial_begun(registry, fact)
            case DialEnded():
                ringing.dial_ended(registry, fact)
            case HangupAsked():
                ending.hangup_asked(registry, fact)
            case RecordingNamed():
                waiting.recording_named(registry, fact)
            case LineTold():
                origin.line_told(registry, fact)
            case CallerLearned():
                origin.caller_learned(registry, fact)
            case HalvesJoined():
                moves.halves_joined(registry, fact)
            case HoldChanged():
                moves.hold_changed(registry, fact)
            case PickedUp():
                ringing.picked_up(registry, fact)
            case BlindTransferred():
                handover.blind_transferred(registry, fact)
            case AttendedTransferred():
                handover.attended_transferred(registry, fact)
            case Parked():
                handover.parked(registry, fact)
            case QueueJoined() | QueueLeft() | PlaceReached() | NobodyThere():
                waiting.waits(registry, fact)
            case VoicemailNamed() | VoicemailEnded():
                waiting.voicemail(registry, fact)
            case Originated():
                origin.originated(registry, fact)
            case SnapshotBegun():
                self._survey.begin()
            case ChannelListed():
                self._survey.listed(registry, fact, self._roles.of(fact))
            case SnapshotEnded():
                self._survey.end(registry, fact.at)
            case LinkLost():
                self._survey.lost(fact.at)
            case PbxBooted():
                self._survey.booted(registry, fact)
            case PbxStopped():
                for call in registry.living():
                    ending.lose(registry, call, fact.at, now=fact.at)
            case _:
                assert_never(fact)


def _worth_telling(call: LiveCall) -> bool:
    """A consultation waits until it proves to be a call of its own; so does a call that knows no outside yet."""
    if call.absorbed:
        return False
    if call.ended_at is None:
        asked_for = call.consults
        if asked_for is not None and asked_for.live:
            return False
        return call.direction is Direction.INBOUND or call.direction is Direction.OUTBOUND
    return call.client is not None or call.caller is not None or bool(call.rang) or call.revision > 0
