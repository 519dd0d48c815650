"""The switchboard: channel facts in, accounts of whole calls out. No I/O, no clock; time comes with the facts."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from sys import intern
from typing import assert_never

from bridge.model.call import Call, Direction, HungUpBy, RangResult
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
    LinkLost,
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
from bridge.model.events import CallSeen
from bridge.model.moment import Instant
from bridge.rules.switchboard import handover, recovery
from bridge.rules.switchboard.account import account
from bridge.rules.switchboard.live import Channel, Leg, LiveCall, Role, Whereabouts
from bridge.rules.switchboard.registry import Registry
from bridge.rules.switchboard.talk import note_recording, regroup

_NO_EXTENSION = frozenset(("s", "h", "i", "t", "o", "a", "e", "fax", "failed"))
"""Extensions of the dialplan that nobody dials."""
_RESULTS = {
    DialStatus.ANSWER: RangResult.ANSWERED,
    DialStatus.BUSY: RangResult.BUSY,
    DialStatus.NO_ANSWER: RangResult.NO_ANSWER,
    DialStatus.UNAVAILABLE: RangResult.UNAVAILABLE,
    DialStatus.CONGESTION: RangResult.FAILED,
    DialStatus.REFUSED: RangResult.REJECTED,
    DialStatus.OTHER: RangResult.CANCELLED,
}
_NOTHING: Sequence[CallSeen] = ()
_UPTIME_SLACK = 2.0
"""Seconds: the PBX tells how long it has been up in whole ones."""
_SWEEP_EVERY = 60.0


class Switchboard:
    """Folds the channels of one PBX into calls.

    `trunks` are patterns (`*` stands for anything) for the end-points that lead outside, with or without technology:
    `trunk`, `provider-*`, `DAHDI/i1`. Every other end-point is a phone of ours. `grace` is for how many seconds late
    words about a channel are understood; `longest` is when a call is believed to be stuck, also in seconds.

    `advance` gives the accounts that a fact makes necessary: a call began, a phone rang, somebody picked up, handed on,
    hung up, or something was learned after the end. Calls inside the house are told once, when they are over.
    """

    __slots__ = (
        "_grace", "_listing", "_longest", "_lost_at", "_registry", "_roles", "_source", "_swept_at", "_trunks",
    )  # fmt: skip

    def __init__(
        self, *, source: str, trunks: Iterable[str], grace: float = 30.0, longest: float = 24 * 3600.0
    ) -> None:
        self._source = source
        self._trunks = tuple(trunks)
        self._longest = longest
        self._registry = Registry(grace)
        self._roles: dict[tuple[str, str], Role] = {}
        self._listing: dict[str, ChannelListed | None] | None = None
        self._lost_at: Instant | None = None
        self._swept_at: Instant | None = None

    # What the outside does with it

    def advance(self, fact: ChannelFact) -> Sequence[CallSeen]:
        """Take one fact in; what there is to tell now. Odd, late and repeated facts are harmless."""
        self._take(fact)
        registry = self._registry
        if registry.news:
            return self._tell(fact.at)
        return _NOTHING

    def tick(self, now: Instant) -> Sequence[CallSeen]:
        """What can wait (a second phone rings), and what must be forgotten or is stuck. Call it about every second."""
        registry = self._registry
        registry.sweep(now)
        for call in registry.stale:
            if call.live:
                registry.report(call)
        registry.stale.clear()
        if self._swept_at is None or now - self._swept_at >= _SWEEP_EVERY:
            self._swept_at = now
            for call in self._living():
                if now - call.started_at > self._longest:
                    self._lose(call, now)
        return self._tell(now)

    def live_calls(self) -> tuple[Call, ...]:
        """The accounts of the calls that live now, inside the house included."""
        return tuple(account(call, self._source) for call in self._living())

    def resume(self, call: Call) -> None:
        """Go on with a call that the store knows as live, after a restart of ours.

        Its channels are found in the next snapshot (the PBX links them to `platform_call_id` or to a merged one); if
        none is left, the call is closed as incomplete.
        """
        if call.ended or call.platform_call_id in self._registry.calls:
            return
        live = recovery.restored(call)
        for key in (live.id, *live.merged):
            self._registry.calls[key] = live

    # Telling

    def _tell(self, at: Instant) -> list[CallSeen]:
        told = []
        for call in self._registry.news:
            call.fresh = False
            if self._worth_telling(call):
                call.revision += 1
                seen = account(call, self._source)
                event_id = f"{seen.key}#{seen.revision}"
                told.append(CallSeen(event_id=event_id, source=self._source, occurred_at=at, received_at=at, call=seen))
        self._registry.news.clear()
        return told

    def _worth_telling(self, call: LiveCall) -> bool:
        """A consultation waits until it proves to be a call of its own; so does a call that knows no outside yet."""
        if call.absorbed:
            return False
        if call.ended_at is None:
            return call.consults is None and call.direction in {Direction.INBOUND, Direction.OUTBOUND}
        return call.client is not None or call.caller is not None or bool(call.rang) or call.revision > 0

    def _living(self) -> list[LiveCall]:
        calls = {id(call): call for call in self._registry.calls.values() if call.live}
        return list(calls.values())

    # Facts

    def _take(self, fact: ChannelFact) -> None:  # noqa: C901, PLR0912, PLR0915 - one line for each fact there is
        match fact:
            case StateChanged():
                self._state_changed(fact)
            case BridgeEntered():
                self._entered(fact)
            case BridgeLeft():
                self._left(fact)
            case ChannelListed():
                self._listed(fact)
            case ChannelBorn():
                self._born(fact)
            case ChannelHungUp():
                self._hung_up(fact)
            case DialBegun():
                self._dial_begun(fact)
            case DialEnded():
                self._dial_ended(fact)
            case HangupAsked():
                self._hangup_asked(fact)
            case RecordingNamed():
                self._recording_named(fact)
            case CallerLearned():
                self._caller_learned(fact)
            case LineTold():
                self._line_told(fact)
            case HalvesJoined():
                self._halves_joined(fact)
            case HoldChanged():
                self._hold_changed(fact)
            case PickedUp():
                self._picked_up(fact)
            case BlindTransferred():
                handover.blind_transferred(self._registry, fact)
            case AttendedTransferred():
                handover.attended_transferred(self._registry, fact)
            case Parked():
                handover.parked(self._registry, fact)
            case QueueJoined() | QueueLeft() | PlaceReached() | NobodyThere():
                self._waits(fact)
            case VoicemailNamed() | VoicemailEnded():
                self._voicemail(fact)
            case Originated():
                self._originated(fact)
            case SnapshotBegun():
                self._listing = {}
            case SnapshotEnded():
                self._snapshot_ended(fact)
            case LinkLost():
                self._lost_at = fact.at
                self._listing = None
            case PbxBooted():
                self._booted(fact)
            case PbxStopped():
                for call in self._living():
                    self._lose(call, fact.at)
            case _:
                assert_never(fact)

    def _role(self, fact: ChannelBorn | ChannelListed) -> Role:
        match fact.kind:
            case ChannelKind.LOCAL:
                return Role.LOCAL
            case ChannelKind.MACHINE:
                return Role.MACHINE
            case ChannelKind.DEVICE:
                key = (fact.technology, fact.endpoint)
                role = self._roles.get(key)
                if role is None:
                    names = (fact.endpoint, f"{fact.technology}/{fact.endpoint}")
                    leads_out = any(fnmatchcase(name, pattern) for name in names for pattern in self._trunks)
                    if len(self._roles) >= 4096:  # noqa: PLR2004 - guests have names without end
                        self._roles.clear()
                    role = self._roles[key] = Role.TRUNK if leads_out else Role.PHONE
                return role
            case _:
                assert_never(fact.kind)

    def _born(self, fact: ChannelBorn) -> None:
        registry = self._registry
        registry.sweep(fact.at)
        if self._listing is not None:
            self._listing.setdefault(fact.channel, None)
        if fact.channel in registry.channels:
            return
        call = registry.calls.get(fact.linked)
        if call is None:
            call = registry.open_call(fact.linked, fact.at)
            call.incomplete = fact.linked != fact.channel  # how it began was not seen
        role = self._role(fact)
        channel = Channel(
            fact.channel,
            call=call,
            role=role,
            endpoint=intern(fact.endpoint),
            rung_by_us=fact.state is ChannelState.DOWN,
        )
        if fact.state is ChannelState.UP:
            channel.up_at = fact.at
        registry.channels[fact.channel] = channel
        call.channels.append(channel)
        if fact.linked == fact.channel and call.root is None and call.live:
            self._begin(call, channel, fact)

    def _begin(self, call: LiveCall, root: Channel, fact: ChannelBorn) -> None:
        """The first channel of a call decides what kind of call it is, as far as one can know yet."""
        call.root = call.pivot = root
        if root.role is Role.PHONE:
            call.caller = root.endpoint
            call.dialled = _extension(fact.exten)
            held = self._registry.holding.get(root.endpoint)
            if held is not None and not root.rung_by_us:
                call.consults = held.call
        elif root.role is Role.TRUNK and not root.rung_by_us:
            call.direction = Direction.INBOUND
            call.client = root
            call.number, call.name, call.line = fact.number, fact.name, _extension(fact.exten)
            out = self._registry.loop_of(call)
            if out is not None:
                call.direction = out.direction = Direction.INTERNAL
            self._registry.stale.append(call)  # in a moment a phone rings: that is worth telling

    def _state_changed(self, fact: StateChanged) -> None:
        channel = self._registry.channels.get(fact.channel)
        if channel is None:
            return
        match fact.state:
            case ChannelState.UP:
                if channel.up_at is None:
                    channel.up_at = fact.at
                    if channel.bridge is not None:
                        regroup(self._registry, [channel], fact.at)
            case ChannelState.RINGING:
                channel.rang = True
            case ChannelState.CALLING:
                channel.rung_by_us = channel.rung_by_us and channel is not channel.call.root  # an analogue phone
            case ChannelState.DOWN | ChannelState.OTHER:
                pass
            case _:
                assert_never(fact.state)

    def _caller_learned(self, fact: CallerLearned) -> None:
        """Caller ids come late on analogue lines; a number once known is not rewritten, a name is."""
        channel = self._registry.channels.get(fact.channel)
        if channel is None or not channel.call.live or channel.call.client is not channel or channel.rung_by_us:
            return
        call = channel.call
        if (call.number is None and fact.number is not None) or (call.name is None and fact.name is not None):
            call.number = call.number or fact.number
            call.name = call.name or fact.name
            self._registry.report(call)

    def _line_told(self, fact: LineTold) -> None:
        channel = self._registry.channels.get(fact.channel)
        if channel is None or channel.call.client is not channel or channel.rung_by_us:
            return
        if channel.call.line is None:
            channel.call.line = fact.line
            self._registry.report(channel.call)

    def _originated(self, fact: Originated) -> None:
        channel = self._registry.channels.get(fact.channel)
        if channel is None or not channel.call.live or channel.call.answered_at is not None:
            return
        call = channel.call
        call.dialled = _extension(fact.exten) or call.dialled
        if call.direction is Direction.OUTBOUND and call.dialled is not None and call.number != call.dialled:
            self._registry.dials_no_more(call)
            call.number = call.dialled
            self._registry.dials(call)
            self._registry.report(call)

    # Ringing

    def _dial_begun(self, fact: DialBegun) -> None:
        registry = self._registry
        rung = registry.channels.get(fact.channel)
        if rung is None:
            return
        dialler = registry.channels.get(fact.dialler) if fact.dialler is not None else None
        if dialler is not None:
            registry.join(dialler.call, rung.call)
        call = rung.call
        if not call.live or rung.gone:
            return
        if rung.role is Role.TRUNK and fact.number is not None:
            rung.number = fact.number
        if dialler is not None and dialler is call.pivot:
            if call.hung_up_by is HungUpBy.EMPLOYEE and call.answered_at is not None:
                call.hung_up_by = None
            handover.redirected(registry, call, rung, fact.at)
        if rung.role is Role.LOCAL or rung.role is Role.MACHINE:
            return
        if self._leads_to_client(call, rung):
            self._reach_out(call, rung, fact)
            return
        self._ring(call, rung, fact.at)
        if dialler is not None and dialler.role is Role.LOCAL and call.spells:
            handover.consultation_begun(call, dialler, rung, fact.at)

    def _leads_to_client(self, call: LiveCall, rung: Channel) -> bool:
        """Whether ringing this trunk means calling a client, and not a mobile of one of ours."""
        if rung.role is not Role.TRUNK or rung is call.root:
            return False
        match call.direction:
            case Direction.INBOUND:
                return False
            case Direction.OUTBOUND:
                return call.answered_at is None and rung is not call.client
            case Direction.INTERNAL | None:
                # A colleague's phone rings and his mobile, too: that stays inside. Who has talked inside and is then
                # connected to the outside calls a client.
                colleagues = any(leg.channel is not call.root for leg in call.rang)
                return bool(call.spells) or not colleagues
            case _:
                assert_never(call.direction)

    def _reach_out(self, call: LiveCall, client: Channel, fact: DialBegun) -> None:
        """The call goes outside, or tries another carrier."""
        if call.direction is None:
            call.direction = Direction.OUTBOUND
            inside = [spell for spell in call.spells if spell.channel is not call.root]
            call.number = client.number if inside and call.root is not None and call.root.role is Role.PHONE else None
            call.number = call.number or call.dialled or client.number
            call.spells.clear()
            call.recordings = ()
            call.answered_at = None
            call.hung_up_by = None
        if call.number is None:
            call.number = client.number
        call.client = call.pivot = client
        if fact.shown != call.caller:
            call.line = fact.shown
        self._registry.dials(call)
        self._registry.report(call)

    def _ring(self, call: LiveCall, rung: Channel, at: Instant) -> None:
        root = call.root
        if (
            root is not None
            and root.role is Role.TRUNK
            and root.rung_by_us
            and call.direction is None
            and rung is not root
        ):
            # The PBX called the outside first and now looks for somebody of ours.
            call.direction = Direction.OUTBOUND
            call.client = root
            call.number = root.number or call.dialled
            call.rang = [leg for leg in call.rang if leg.channel is not root]
            call.caller = None
            self._registry.report(call)
        leg = call.leg_of(rung)
        if leg is not None:
            return
        call.rang.append(Leg(rung, rung.party, at))
        if call.caller is None and call.direction is not Direction.INBOUND:
            call.caller = rung.party
        if len(call.rang) == 1:
            self._registry.report(call)
        else:
            self._registry.stale.append(call)

    def _dial_ended(self, fact: DialEnded) -> None:
        rung = self._registry.channels.get(fact.channel)
        if rung is None or rung.status is not None:
            return
        rung.status = fact.status
        leg = rung.call.leg_of(rung)
        if leg is not None:
            leg.end(fact.at, self._result(rung.call, fact))

    def _result(self, call: LiveCall, fact: DialEnded) -> RangResult:
        if fact.forwarded:
            return RangResult.FORWARDED
        if fact.status is not DialStatus.CANCEL:
            return _RESULTS[fact.status]
        if call.pivot is not None and call.pivot.asked_to_end:
            return RangResult.CANCELLED
        if any(leg.result is RangResult.ANSWERED for leg in call.rang):
            return RangResult.ELSEWHERE
        return RangResult.NO_ANSWER  # the PBX stopped ringing it: a queue went on to the next

    def _picked_up(self, fact: PickedUp) -> None:
        registry = self._registry
        picker, target = registry.channels.get(fact.channel), registry.channels.get(fact.target)
        if picker is None or target is None:
            return
        registry.join(target.call, picker.call)
        leg = target.call.leg_of(target)
        if leg is not None:
            leg.end(fact.at, RangResult.ELSEWHERE)

    # Bridges

    def _entered(self, fact: BridgeEntered) -> None:
        registry = self._registry
        channel = registry.channels.get(fact.channel)
        if channel is None or channel.gone:
            return
        if fact.linked is not None and fact.linked != channel.call.id:
            linked = registry.calls.get(fact.linked)
            if linked is not None and linked is not channel.call:
                registry.join(linked, channel.call)
        if fact.swapped is not None:
            self._swapped(fact.swapped, channel)
        registry.enter(channel, fact.bridge, holding=fact.holding)
        regroup(registry, [channel], fact.at)

    def _swapped(self, swapped: str, channel: Channel) -> None:
        """A client's own PBX may replace his channel by another one: it is the same client."""
        old = self._registry.channels.get(swapped)
        if old is None or old.call.client is not old or channel.role is not Role.TRUNK or channel.rung_by_us:
            return
        call, other = old.call, channel.call
        if call is not other and other.client is channel and call.live:
            other.client = other.pivot = None
            self._registry.join(call, other)
            call.client = call.pivot = channel

    def _left(self, fact: BridgeLeft) -> None:
        registry = self._registry
        channel = registry.channels.get(fact.channel)
        if channel is None or channel.bridge is None or channel.bridge.id != fact.bridge:
            return
        stay = registry.leave(channel)
        regroup(registry, [channel, *stay], fact.at)

    def _halves_joined(self, fact: HalvesJoined) -> None:
        one, two = self._registry.channels.get(fact.channel), self._registry.channels.get(fact.other)
        if one is None or two is None or one.gone or two.gone:
            return
        self._registry.join(one.call, two.call)
        one.other_half, two.other_half = two, one
        regroup(self._registry, [one], fact.at)

    def _hold_changed(self, fact: HoldChanged) -> None:
        channel = self._registry.channels.get(fact.channel)
        if channel is None or channel.gone or channel.role is not Role.PHONE:
            return
        holding = self._registry.holding
        if fact.held:
            if channel.call.client is not None:
                holding[channel.endpoint] = channel
        elif holding.get(channel.endpoint) is channel:
            del holding[channel.endpoint]

    # While nobody talks

    def _waits(self, fact: QueueJoined | QueueLeft | PlaceReached | NobodyThere) -> None:
        channel = self._registry.channels.get(fact.channel)
        if channel is None or not channel.call.live:
            return
        call = channel.call
        match fact:
            case QueueJoined():
                call.queue, call.queued = fact.queue, True
                self._registry.stale.append(call)
            case QueueLeft():
                call.queued = False
            case NobodyThere():
                call.empty = True
            case PlaceReached():
                self._reached(call, channel, fact)
            case _:
                assert_never(fact)

    def _reached(self, call: LiveCall, channel: Channel, fact: PlaceReached) -> None:
        match fact.place:
            case Place.MAILBOX:
                call.mailbox = True
            case Place.QUEUE:
                call.queue = fact.name or call.queue
            case Place.MENU:
                call.menu = call.menu or channel is call.pivot
            case Place.ANNOUNCEMENT:
                call.announced = call.announced or channel is call.pivot
            case _:
                assert_never(fact.place)

    def _voicemail(self, fact: VoicemailNamed | VoicemailEnded) -> None:
        channel = self._registry.channels.get(fact.channel)
        if channel is None:
            return
        call = channel.call
        match fact:
            case VoicemailNamed():
                changed = call.voicemail != fact.file
                call.voicemail = fact.file
            case VoicemailEnded():
                changed = call.voicemail_left != fact.left
                call.mailbox = True
                call.voicemail_left = call.voicemail_left or fact.left
            case _:
                assert_never(fact)
        if changed and call.ended_at is not None:
            self._registry.report(call)

    def _recording_named(self, fact: RecordingNamed) -> None:
        channel = self._registry.channels.get(fact.channel)
        if channel is None:
            return
        call = channel.call
        if not fact.written_later:
            channel.recording = fact.file
            if any(spell.until is None for spell in call.spells) and call.pivot is not None:
                group = channel.reach()
                if call.pivot in group:
                    note_recording(call, group)
                    self._registry.report(call)
        elif call.from_record is None and (channel is call.root or channel is call.client):
            call.from_record = fact.file
            if call.ended_at is not None and not call.recordings:
                self._registry.report(call)

    # The end

    def _hangup_asked(self, fact: HangupAsked) -> None:
        channel = self._registry.channels.get(fact.channel)
        if channel is None or channel.asked_to_end:
            return
        channel.asked_to_end = True
        call = channel.call
        if not call.live:
            return
        if channel is call.client and (call.direction is Direction.INBOUND or call.answered_at is not None):
            call.hung_up_by = HungUpBy.CLIENT
            if call.answered_at is None:
                call.gave_up = _whereabouts(call)
        elif _talks(call, channel) or (call.answered_at is None and _is_caller(call, channel)):
            call.hung_up_by = HungUpBy.EMPLOYEE

    def _hung_up(self, fact: ChannelHungUp) -> None:
        registry = self._registry
        if self._listing is not None:
            self._listing.pop(fact.channel, None)
        channel = registry.channels.get(fact.channel)
        if channel is None or channel.gone:
            return
        channel.cause = fact.cause
        leg = channel.call.leg_of(channel)
        if leg is not None:
            _explain(leg, channel, fact)
        left = registry.leave(channel)
        half = channel.other_half
        if half is not None:
            half.other_half = channel.other_half = None
            left = [*left, half]
        registry.bury(channel, fact.at)
        call = channel.call
        if call.live and call.over():
            self._end(call, fact.at)
        elif left:
            regroup(registry, left, fact.at)

    def _end(self, call: LiveCall, at: Instant) -> None:
        call.ended_at = at
        for spell in call.spells:
            if spell.until is None:
                spell.until = at
        for over in call.transfers:
            over.answered = bool(over.answered)
        if call.consulting is not None:
            call.consulting.answered = False
            call.transfers.append(call.consulting)
            call.consulting = None
        if call.hung_up_by is None:
            call.hung_up_by = HungUpBy.SYSTEM
        self._registry.dials_no_more(call)
        handover.consultation_ended(self._registry, call)
        self._registry.report(call)

    def _lose(self, call: LiveCall, at: Instant, *, crashed: bool = False) -> None:
        """The call ended unseen, at this moment or soon after it; what became of it is not invented."""
        call.ended_at = max(at, call.started_at)
        call.incomplete = True
        call.crashed = crashed
        call.unseen_end = call.answered_at is None
        for leg in call.rang:
            if leg.until is None:
                leg.until = max(at, leg.since)
        for spell in call.spells:
            if spell.until is None:
                spell.until = max(at, spell.since)
        call.consults = None
        self._registry.dials_no_more(call)
        self._registry.report(call)
        if not call.channels:
            self._registry.forget_call(call)

    # After a gap

    def _listed(self, fact: ChannelListed) -> None:
        """A channel of the snapshot; outside of one, details about a channel (the DID, the recording)."""
        if self._listing is not None:
            self._listing[fact.channel] = fact
            return
        channel = self._registry.channels.get(fact.channel)
        if channel is None or channel.gone:
            return
        call = channel.call
        line = _extension(fact.exten)
        if (
            call.adopted
            and channel is call.client
            and call.direction is Direction.INBOUND
            and line not in {None, call.line}
        ):
            call.line = line
            self._registry.report(call)
        if fact.recording is not None and channel.recording is None:
            self._recording_named(RecordingNamed(at=fact.at, channel=fact.channel, file=fact.recording))

    def _snapshot_ended(self, fact: SnapshotEnded) -> None:
        listing, self._listing = self._listing, None
        if listing is None:
            return
        lost_at = self._lost_at if self._lost_at is not None else fact.at
        self._lost_at = None
        roles = {key: self._role(listed) for key, listed in listing.items() if listed is not None}
        for call in recovery.reconcile(self._registry, listing, roles, lost_at=lost_at, at=fact.at):
            self._lose(call, min(lost_at, recovery.last_known(call)) if not call.channels else lost_at)

    def _booted(self, fact: PbxBooted) -> None:
        """If the PBX began after a call, the call is dead: it crashed, or was restarted while we were not listening."""
        if fact.since is None:
            return
        for call in self._living():
            if call.started_at < fact.since - _UPTIME_SLACK:
                self._crash(call, fact.at)

    def _crash(self, call: LiveCall, at: Instant) -> None:
        for channel in call.channels:
            if not channel.gone:
                self._registry.leave(channel)
                self._registry.bury(channel, at)
        self._lose(call, self._lost_at if self._lost_at is not None else recovery.last_known(call), crashed=True)


def _extension(exten: str | None) -> str | None:
    return None if exten in _NO_EXTENSION else exten


def _whereabouts(call: LiveCall) -> Whereabouts:
    if call.queued:
        return Whereabouts.QUEUE
    if any(leg.until is None for leg in call.rang):
        return Whereabouts.RINGING
    if call.client is not None and call.client.bridge is not None:
        return Whereabouts.RINGING  # alone in a conference: he waits for a person as one does who hears ringing
    return Whereabouts.ELSEWHERE


def _talks(call: LiveCall, channel: Channel) -> bool:
    return any(spell.channel is channel and spell.until is None for spell in call.spells)


def _is_caller(call: LiveCall, channel: Channel) -> bool:
    """Whether one of ours placed the call from this channel; by click-to-call he is rung first."""
    if call.direction is Direction.INBOUND:
        return False
    if channel is call.root:
        return True
    return call.direction is Direction.OUTBOUND and channel.role is Role.PHONE and channel.up_at is not None


def _explain(leg: Leg, channel: Channel, fact: ChannelHungUp) -> None:
    """The cause tells apart what the dial status does not: declined, switched off, taken by somebody else."""
    leg.end(fact.at, RangResult.NO_ANSWER if channel.up_at is None else RangResult.ANSWERED)
    if leg.result not in {RangResult.NO_ANSWER, RangResult.CANCELLED}:
        return
    match fact.cause:
        case 26:
            leg.result = RangResult.ELSEWHERE
        case 21:
            leg.result = RangResult.REJECTED
        case 17:
            leg.result = RangResult.BUSY
        case 1 | 20:
            leg.result = RangResult.UNAVAILABLE
        case 19 if not channel.rang and channel.asked_to_end:
            leg.result = RangResult.UNAVAILABLE  # do not disturb: refused at once, without ringing
        case _:
            pass
