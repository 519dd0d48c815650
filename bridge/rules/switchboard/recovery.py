"""After a gap: which calls still live, which are gone, and which began while nobody listened."""

from collections.abc import Container

from bridge.model.call import Call, Direction, Rang, RangResult, Talk
from bridge.model.channels import ChannelListed, ChannelState, PbxBooted, RecordingNamed
from bridge.model.moment import Instant
from bridge.rules.switchboard import ending, waiting
from bridge.rules.switchboard.live import Channel, HandOver, Leg, LiveCall, Role, Spell
from bridge.rules.switchboard.origin import extension
from bridge.rules.switchboard.registry import Registry
from bridge.rules.switchboard.talk import regroup

_UPTIME_SLACK = 2.0
"""Seconds: the PBX tells how long it has been up in whole ones."""


def restored(call: Call) -> LiveCall:
    """A live call as the store remembers it from before a restart of ours; its channels are still to be found."""
    live = LiveCall(call.platform_call_id, started_at=call.started_at)
    live.revision = call.revision
    live.merged = tuple(key.removeprefix(f"{call.source}/") for key in call.merged)
    live.direction = call.direction
    live.number, live.line, live.name = call.raw_number, call.raw_line, call.client_name
    live.caller, live.queue, live.menu = call.caller, call.queue, call.menu
    live.rang = tuple(_leg(rang) for rang in call.rang)
    live.spells = tuple(_spell(talk) for talk in call.talked)
    live.recordings = call.recordings
    live.answered_at = call.answered_at
    live.incomplete = call.incomplete
    for transfer in call.transfers:
        over = HandOver(transfer.kind, by=transfer.by, to=transfer.to, at=transfer.at)
        over.answered = transfer.answered
        live.transfers += (over,)
    return live


def _leg(rang: Rang) -> Leg:
    leg = Leg(None, rang.party, rang.since)
    leg.until, leg.result = rang.until, rang.result
    return leg


def _spell(talk: Talk) -> Spell:
    spell = Spell(None, talk.party, talk.since)
    spell.until = talk.until
    return spell


class Survey:
    """Compares what we believe to live with what the PBX lists, and knows since when we heard nothing.

    Without a gap a channel must be missing from two lists before it is believed dead: the first may be overtaking the
    event that tells of its end.
    """

    __slots__ = ("_listing", "_lost_at")

    def __init__(self) -> None:
        self._listing: dict[str, tuple[ChannelListed, Role] | None] | None = None
        self._lost_at: Instant | None = None

    def lost(self, at: Instant) -> None:
        """The link is gone, and with it a list that was being made."""
        self._lost_at = at
        self._listing = None

    def begin(self) -> None:
        """A list is being made, or asked for."""
        if self._listing is None:
            self._listing = {}

    def born(self, channel: str) -> None:
        """A channel that is born while the list is made lives, though it may not be on it."""
        if self._listing is not None:
            self._listing.setdefault(channel, None)

    def gone(self, channel: str) -> None:
        """A channel that ends while the list is made does not live, though it may be on it."""
        if self._listing is not None:
            self._listing.pop(channel, None)

    def listed(self, registry: Registry, fact: ChannelListed, role: Role) -> None:
        """A line of the list, whoever asked for it, or details about a channel that we know."""
        if fact.detail:
            _detail(registry, fact)
            return
        if self._listing is None:
            self._listing = {}
        self._listing[fact.channel] = (fact, role)

    def end(self, registry: Registry, at: Instant) -> None:
        """The list is complete: bring channels, bridges and calls in line with it."""
        listing, self._listing = self._listing, None
        if listing is None:
            return
        gap = self._lost_at is not None
        lost_at = self._lost_at if self._lost_at is not None else at
        self._lost_at = None
        _bury_missing(registry, listing.keys(), gap=gap, lost_at=lost_at, at=at)
        _adopt(registry, [line for line in listing.values() if line is not None])
        for call in registry.living():
            if call.over():
                ending.lose(registry, call, lost_at if call.channels else min(lost_at, _last_known(call)), now=at)
            else:
                _look_again(registry, call, at)

    def booted(self, registry: Registry, fact: PbxBooted) -> None:
        """A call that is older than the PBX is dead: the PBX crashed, or was restarted while we were not listening."""
        if fact.since is None:
            return
        for call in registry.living():
            if call.started_at < fact.since - _UPTIME_SLACK:
                ended_at = self._lost_at if self._lost_at is not None else _last_known(call)
                ending.lose(registry, call, ended_at, now=fact.at, crashed=True)


def _last_known(call: LiveCall) -> Instant:
    """The latest moment of which we know that the call lived."""
    rang = [moment for leg in call.rang for moment in (leg.since, leg.until)]
    talked = [moment for spell in call.spells for moment in (spell.since, spell.until)]
    return max([call.started_at, *(moment for moment in (*rang, *talked) if moment is not None)])


def _detail(registry: Registry, fact: ChannelListed) -> None:
    """Status follows the list of channels and knows more: the number called, and the recording if asked."""
    channel = registry.channels.get(fact.channel)
    if channel is None or channel.gone:
        return
    call = channel.call
    line = extension(fact.exten)
    inbound = channel is call.client and call.direction is Direction.INBOUND
    if call.adopted and inbound and line is not None and line != call.line:
        call.line = line
        registry.report(call)
    if fact.recording is not None and channel.recording is None:
        waiting.recording_named(registry, RecordingNamed(at=fact.at, channel=fact.channel, file=fact.recording))


def _bury_missing(registry: Registry, listed: Container[str], *, gap: bool, lost_at: Instant, at: Instant) -> None:
    for channel in list(registry.channels.values()):
        if channel.gone or channel.id in listed:
            channel.missing = False
        elif not gap and not channel.missing:
            channel.missing = True
        else:
            registry.leave(channel)
            registry.bury(channel, at)
            for spell in channel.call.spells:
                if spell.channel is channel:
                    spell.end(lost_at)


def _adopt(registry: Registry, lines: list[tuple[ChannelListed, Role]]) -> None:
    lines.sort(key=lambda line: line[0].linked != line[0].channel)  # roots first
    waiting_half: dict[str, Channel] = {}
    for fact, role in lines:
        channel = registry.channels.get(fact.channel)
        if channel is None:
            channel = _adopted(registry, fact, role)
        elif channel.gone:
            continue
        else:
            _refresh(channel, fact)
        if fact.bridge is None:
            registry.leave(channel)
        else:
            registry.enter(channel, fact.bridge, holding=False)  # of one met here first the kind is not known
        if fact.pair is not None and channel.other_half is None:
            other = waiting_half.pop(fact.pair, None)
            if other is None:
                waiting_half[fact.pair] = channel
            else:
                channel.other_half, other.other_half = other, channel


def _refresh(channel: Channel, fact: ChannelListed) -> None:
    if fact.state is ChannelState.UP and channel.up_at is None:
        channel.up_at = fact.at
    channel.rang = channel.rang or fact.state is ChannelState.RINGING
    if channel.recording is None:
        channel.recording = fact.recording


def _adopted(registry: Registry, fact: ChannelListed, role: Role) -> Channel:
    """A channel that we did not see being born, put into the call that it is linked to."""
    began = fact.born if fact.born is not None else fact.at
    call = registry.calls.get(fact.linked)
    if call is None:
        call = registry.open_call(fact.linked, began)
        call.adopted = True
    root = fact.linked == fact.channel
    channel = Channel(fact.channel, call=call, role=role, endpoint=fact.endpoint, rung_by_us=not root)
    channel.up_at = fact.at if fact.state is ChannelState.UP else None
    _refresh(channel, fact)
    registry.channels[channel.id] = channel
    call.channels += (channel,)
    if root:
        _take_root(call, channel, fact)
    elif role is Role.TRUNK:
        channel.number = fact.number  # an outgoing channel's caller id is the number that was dialled
        if call.direction is not Direction.INBOUND and _may_be_client(call, channel):
            _take_client(call, channel)
    if not root and role in {Role.PHONE, Role.TRUNK} and channel is not call.client:
        _take_leg(call, channel, began)
    registry.report(call)
    return channel


def _take_root(call: LiveCall, root: Channel, fact: ChannelListed) -> None:
    call.root = root
    if call.pivot is None:
        call.pivot = root
    if root.role is Role.TRUNK and call.direction is not Direction.OUTBOUND:
        call.client = call.pivot = root
        if call.direction is None:
            call.direction = Direction.INBOUND
            call.number, call.name, call.line = fact.number, fact.name, extension(fact.exten)
    elif root.role is Role.PHONE and call.caller is None:
        call.caller = root.endpoint
        call.dialled = extension(fact.exten)


def _may_be_client(call: LiveCall, channel: Channel) -> bool:
    """The first trunk that was rung, or the one with the number of the call: another may be a mobile of ours."""
    return call.client is None or (channel.number == call.number and call.client.number != call.number)


def _take_client(call: LiveCall, channel: Channel) -> None:
    call.direction = Direction.OUTBOUND
    call.client = call.pivot = channel
    if call.number is None:
        call.number = channel.number


def _take_leg(call: LiveCall, channel: Channel, since: Instant) -> None:
    """The ringing that this channel was, or still is; one that the store remembers becomes its own."""
    for leg in call.rang:
        if leg.channel is None and leg.party == channel.party and leg.until is None:
            leg.channel = channel
            break
    else:
        leg = Leg(channel, channel.party, since)
        call.rang += (leg,)
    if channel.up_at is not None:
        leg.end(channel.up_at, RangResult.ANSWERED)


def _look_again(registry: Registry, call: LiveCall, at: Instant) -> None:
    """Who talks now? Whoever began unseen makes the call incomplete: his pick-up was not seen, nor what was before."""
    if call.pivot is None:
        return
    known = len(call.spells)
    regroup(registry, (call.pivot,), at)
    if len(call.spells) > known:
        call.incomplete = True
        registry.report(call)
