"""Every channel, bridge and call that lives or died lately, and the news of them."""

import re
from collections import deque

from bridge.model.call import Direction, RangResult
from bridge.model.moment import Instant
from bridge.rules.switchboard.live import Bridge, Channel, Leg, LiveCall, Role

_NO_DIGITS = re.compile(r"[^0-9]+")
_TAIL = 6
"""Digits by which numbers are looked up; a shorter number is an extension."""


class Registry:
    """Looks things up by the PBX's ids and forgets them `grace` seconds after their end.

    A call is found under every id that it ever had: channels linked to any of them are its own.
    """

    __slots__ = ("_grace", "_graves", "bridges", "calls", "channels", "dialling", "holding", "news", "soon")

    def __init__(self, grace: float) -> None:
        self.channels: dict[str, Channel] = {}
        self.calls: dict[str, LiveCall] = {}
        self.bridges: dict[str, Bridge] = {}
        self.holding: dict[str, Channel] = {}
        """By endpoint: the phone's channel whose client waits on hold."""
        self.dialling: dict[str, LiveCall] = {}
        """By the end of the number: the calls that ring somebody outside at this moment."""
        self.news: list[LiveCall] = []
        self.soon: dict[LiveCall, None] = {}
        """Calls with small news, which can wait for the next tick, in order."""
        self._grace = grace
        self._graves: deque[tuple[Instant, Channel]] = deque()

    def open_call(self, call: str, at: Instant) -> LiveCall:
        """A new call under this id."""
        opened = self.calls[call] = LiveCall(call, started_at=at)
        return opened

    def know(self, call: LiveCall) -> None:
        """A call that was opened elsewhere, under each of its ids."""
        for key in (call.id, *call.merged):
            self.calls[key] = call

    def living(self) -> list[LiveCall]:
        """Every call that lives, once."""
        return [call for key, call in self.calls.items() if key == call.id and call.live]

    def report(self, call: LiveCall) -> None:
        """Something happened to this call that is worth a new account of it."""
        if not call.fresh:
            call.fresh = True
            self.news.append(call)

    def report_soon(self, call: LiveCall) -> None:
        """Something small happened to it."""
        self.soon[call] = None

    def enter(self, channel: Channel, bridge: str, *, holding: bool) -> None:
        """Put the channel into this bridge and out of any other."""
        found = self.bridges.get(bridge)
        if found is None:
            found = self.bridges[bridge] = Bridge(bridge, holding=holding)
        if channel.bridge is not found:
            self.leave(channel)
            channel.bridge = found
            found.members.append(channel)

    def leave(self, channel: Channel) -> list[Channel]:
        """Take the channel out of its bridge; those who stay."""
        bridge = channel.bridge
        if bridge is None:
            return []
        channel.bridge = None
        bridge.members.remove(channel)
        if not bridge.members:
            del self.bridges[bridge.id]
        return bridge.members

    def dials(self, call: LiveCall) -> None:
        """The call rings somebody outside now."""
        tail = _tail(call.number)
        if tail is not None:
            self.dialling[tail] = call

    def dials_no_more(self, call: LiveCall) -> None:
        """It was answered, or is over."""
        tail = _tail(call.number)
        if tail is not None and self.dialling.get(tail) is call:
            del self.dialling[tail]

    def loop_of(self, call: LiveCall) -> LiveCall | None:
        """The call of ours that comes back in as this one: the company rang a number of its own.

        It is told by both numbers at once: the number that we show calls the number that we ring.
        """
        tail = _tail(call.line) if self.dialling else None
        out = self.dialling.get(tail) if tail is not None else None
        if out is None or not out.live:
            return None
        return out if _same_number(call.number, out.line) and _same_number(call.line, out.number) else None

    def join(self, one: LiveCall, two: LiveCall, *, consultation: bool = False) -> LiveCall | None:
        """Make one call of two and give what is left: the one with a client, else the older.

        Two clients stay two calls (None), even if they hear each other; unless one was called by us for a
        `consultation` of the other.
        """
        if one is two:
            return one
        older, younger = (one, two) if one.started_at <= two.started_at else (two, one)
        if one.client is None or two.client is None:
            into, other = (older, younger) if younger.client is None else (younger, older)
        elif consultation and younger.direction is Direction.OUTBOUND:
            into, other = older, younger
        else:
            return None
        self._absorb(into, other)
        return into

    def _absorb(self, into: LiveCall, other: LiveCall) -> None:
        other.absorbed = True
        self.dials_no_more(other)
        for key in (other.id, *other.merged):
            self.calls[key] = into
        into.merged += (other.id, *other.merged)
        for channel in other.channels:
            channel.call = into
        into.channels += other.channels
        if other.client is not None:  # somebody outside whom we rang for the client: one of our people now
            leg = Leg(other.client, other.client.party, other.started_at)
            if other.client.up_at is not None:
                leg.end(other.client.up_at, RangResult.ANSWERED)
            into.rang += (leg,)
        into.rang = tuple(sorted(into.rang + other.rang, key=lambda leg: leg.since))
        if other.revision:  # it was told as a call of its own
            self.report(into)

    def bury(self, channel: Channel, at: Instant) -> None:
        """The channel is gone; late words about it are understood for a while."""
        channel.gone = True
        if self.holding.get(channel.endpoint) is channel:
            del self.holding[channel.endpoint]
        self._graves.append((at + self._grace, channel))

    def sweep(self, now: Instant) -> None:
        """Forget what is gone long enough."""
        graves = self._graves
        while graves and graves[0][0] <= now:
            _, channel = graves.popleft()
            self._forget(channel)

    def forget_call(self, call: LiveCall) -> None:
        """Drop an ended call that has no channels any more."""
        for key in (call.id, *call.merged):
            self.calls.pop(key, None)

    def _forget(self, channel: Channel) -> None:
        self.channels.pop(channel.id, None)
        call = channel.call
        call.channels = tuple([other for other in call.channels if other is not channel])
        for leg in call.rang:
            if leg.channel is channel:
                leg.channel = None
        for spell in call.spells:
            if spell.channel is channel:
                spell.channel = None
        if not call.channels and call.ended_at is not None:
            self.forget_call(call)


def _digits(number: str | None) -> str:
    """The digits without prefixes that differ from one spelling to the next (+, 00, 0)."""
    return _NO_DIGITS.sub("", number).lstrip("0") if number is not None else ""


def _tail(number: str | None) -> str | None:
    digits = _digits(number)
    return digits[-_TAIL:] if len(digits) >= _TAIL else None


def _same_number(one: str | None, other: str | None) -> bool:
    """Whether two spellings may be one number in any country: one ends like the whole other."""
    short, long = sorted((_digits(one), _digits(other)), key=len)
    return len(short) >= _TAIL and long.endswith(short)


def is_person(channel: Channel) -> bool:
    """Whether somebody of ours may be talking here: a phone, or a mobile that we rang over a trunk; and it is up."""
    if channel.up_at is None or channel.gone:
        return False
    if channel.role is Role.TRUNK:
        return channel.rung_by_us and channel.call.client is not channel
    return channel.role is Role.PHONE
