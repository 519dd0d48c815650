"""Asterisk over its manager interface: a line that is held for years, whatever happens at its other end.

Every event is folded at once by a switchboard into whole-call snapshots; those wait in a bounded handover for the
journal, so a slow or absent store never keeps the PBX waiting, and Asterisk never drops us for reading too slowly.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from typing import Never

import structlog

from bridge.flow.clock import Clock
from bridge.model.call import Call
from bridge.model.channels import ChannelFact, LinkLost, SnapshotBegun, SnapshotEnded
from bridge.model.events import CallSeen
from bridge.model.moment import Instant
from bridge.rules.switchboard.board import Switchboard
from bridge.sources.ami_session import AmiSession, LineLost, LoginRefused, connect
from bridge.sources.ami_settings import AmiSettings
from bridge.sources.gap import GapRepair
from bridge.sources.handover import Accept, Delivery, Handover
from bridge.sources.recordings import recording_link
from bridge.store.engine import Store
from bridge.store.errors import StoreUnavailable
from bridge.store.holds import Hold
from bridge.wire.ami import AmiMessage, AmiProtocolError
from bridge.wire.asterisk import EVENTS, translate

__all__ = ["AmiLine", "AmiSettings", "LineStatus"]

log = structlog.get_logger()

LEAST_PAUSE = 0.1
"""Seconds before connecting again, whatever chance says."""
UNSEEN_REVISIONS = 1000
"""By how much the numbers of a resumed call's accounts jump: the journal may hold accounts that the store has not yet
handled, and one that came with a number used before would pass for a repeat."""
TICK_SECONDS = 1.0
"""How often the switchboard is asked what can wait."""
STEADY_SECONDS = 60.0
"""A connection that held so long was a good one: the next attempt after its loss is made at once again."""
RIGHTS = {
    "CoreShowChannels": "calls that begin while we are not connected stay unknown, those that end then are closed as "
    "incomplete: the account needs write = reporting in manager.conf",
    "Status": "the called number and the recording of a call that began while we were not connected stay unknown: the "
    "account needs write = reporting in manager.conf",
}
"""What it means that the PBX does not permit an action, and which right is missing."""
UNFILTERED = (
    "the account lacks write = system, so every event travels, about six times as many as are needed; harmless, or put "
    "the eventfilter lines of docs/how-to/asterisk.md into manager.conf and set filter = false"
)
VARIABLES = "MIXMONITOR_FILENAME,FROM_DID"
"""What Status is asked to tell of each channel besides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineStatus:
    """How the line is now, for people and for /readyz and /metrics. Numbers count since the daemon started.

    `connected_since` is None while there is no connection; `problem` then says why, and otherwise which right is
    missing (None: all is well). `waiting` snapshots are not yet on disk; `dropped` never will
    be; `odd_events` could not be understood and were passed over, which is a bug of ours.
    """

    source: str
    connected_since: Instant | None
    last_event_at: Instant | None
    connections: int
    failures: int
    waiting: int
    dropped: int
    odd_events: int
    problem: str | None


class AmiLine:
    """One Asterisk, connected again and again. `chance` gives a number from 0 up to but not including 1.

    With a `store`, and if the source is given a place with call records, gaps are repaired from them; `zone` is the
    company's time zone.
    """

    def __init__(
        self,
        settings: AmiSettings,
        clock: Clock,
        chance: Callable[[], float],
        accept: Accept,
        *,
        store: Store | None = None,
        hold: Hold | None = None,
        zone: tzinfo = UTC,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._chance = chance
        self._log = log.bind(source=settings.id)
        self._board = Switchboard(source=settings.id, trunks=settings.trunks)
        self._handover = Handover(most=settings.most_waiting)
        self._delivery = Delivery(
            self._handover, clock, chance, accept, source=settings.id, stop_seconds=settings.stop_seconds
        )
        self._connected_since: Instant | None = None
        self._last_event_at: Instant | None = None
        self._lost_at: Instant | None = None
        self._connections = 0
        self._failures = 0
        self._tries = 0
        self._problem: str | None = None
        self._refused = False
        self._gap = False
        self._rights_told: set[str] = set()
        self._unfiltered_told = False
        self._odd = 0
        self._odd_told: set[str] = set()
        self._listed = False
        self._repair = None if store is None else self._repairing(store, hold, zone, accept)
        self._repair_asked = False

    def _repairing(self, store: Store, hold: Hold | None, zone: tzinfo, accept: Accept) -> GapRepair | None:
        settings = self._settings
        if settings.cdr is None:
            return None
        return GapRepair(
            settings.cdr,
            source=settings.id,
            trunks=settings.trunks,
            zone=zone,
            store=store,
            hold=hold,
            clock=self._clock,
            accept=accept,
            waiting=self._handover.keys,
            living=self._living,
            linked=self._with_links,
        )

    def _living(self) -> frozenset[str] | None:
        """The keys of the calls that the PBX says live; None while it says nothing, or may not be asked."""
        if self._connected_since is None or not self._listed:
            return None
        return frozenset(key for call in self._board.live_calls() for key in (call.key, *call.merged))

    @property
    def status(self) -> LineStatus:
        """How the line is now."""
        return LineStatus(
            source=self._settings.id,
            connected_since=self._connected_since,
            last_event_at=self._last_event_at,
            connections=self._connections,
            failures=self._failures,
            waiting=len(self._handover),
            dropped=self._handover.dropped,
            odd_events=self._odd,
            problem=self._problem,
        )

    def resume(self, calls: Iterable[Call]) -> None:
        """Go on with the calls of this source that the store knows as live; before `run`.

        Those that ended while the bridge was down are closed as incomplete when the PBX has listed what lives.
        """
        for call in calls:
            self._gap = True
            self._handover.begun([call.key])
            self._board.resume(replace(call, revision=call.revision + UNSEEN_REVISIONS))

    async def run(self) -> None:
        """Hold the line until cancelled; what waits then is stored first, if the store is quick."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._hold())
            tasks.create_task(self._tick())
            tasks.create_task(self._delivery.run())
            if self._repair is not None:
                tasks.create_task(self._repair.run())

    # ---- the connection

    async def _hold(self) -> Never:
        while True:
            began = self._clock.now()
            reason = await self._converse()
            self._ended(reason)
            self._tries = 0 if self._clock.now() - began >= STEADY_SECONDS else self._tries + 1
            await self._clock.sleep(self._pause(reason))

    def _pause(self, reason: LineLost | LoginRefused) -> float:
        """Seconds until the next attempt: doubled each time, and by chance anything up to that ("full jitter").

        A refused login needs a person first, and PBXs lock out whoever tries too often, so that is tried slowly.
        """
        settings = self._settings
        if isinstance(reason, LoginRefused):
            return settings.refused_seconds * (0.5 + self._chance() / 2)
        most = settings.retry_first_seconds * 2.0 ** min(self._tries, 30)
        return max(LEAST_PAUSE, min(settings.retry_most_seconds, most) * self._chance())

    async def _converse(self) -> LineLost | LoginRefused:
        """One connection from beginning to end; why it ended."""
        try:
            streams = await connect(self._settings)
        except LineLost as reason:
            return reason
        session = AmiSession(streams, self._settings, self._clock, EVENTS, self._take)
        try:
            async with asyncio.TaskGroup() as tasks:
                listening = tasks.create_task(session.listen())
                ending = await self._steer(session)
                listening.cancel()
                return ending
        finally:
            await session.close()

    async def _steer(self, session: AmiSession) -> LineLost | LoginRefused:
        """Log in, ask what is going on, and ask now and then whether the PBX is still there; why it ended."""
        try:
            await session.log_in()
            self._begun(session)
            if self._settings.filter and not await session.narrow() and not self._unfiltered_told:
                self._unfiltered_told = True
                self._log.info("ami.unfiltered", hint=UNFILTERED)
            await self._compare(session)
            self._repair_asked = False
            await self._note_listening()
            await self._watch(session)
        except (LineLost, LoginRefused) as reason:
            return reason

    async def _watch(self, session: AmiSession) -> Never:
        settings = self._settings
        compare_at = self._clock.now() + settings.sweep_seconds
        while True:
            await session.rest(settings.ping_seconds)
            await session.ask("Ping")
            await self._note_listening()
            if self._clock.now() >= compare_at:
                await self._compare(session)
                compare_at = self._clock.now() + settings.sweep_seconds

    async def _compare(self, session: AmiSession) -> None:
        """Have the PBX list its channels, so that no call is lost or invented."""
        self._hear(SnapshotBegun(at=self._clock.now()))
        listed = await session.ask("CoreShowChannels", whole_list=True)
        if listed.event is None:
            self._without("CoreShowChannels")
            if self._gap:  # then nobody knows what became of the calls that we knew: better to end than to keep them
                self._hear(SnapshotEnded(at=self._clock.now()))
        self._gap = False
        self._listed = listed.event is not None
        detailed = await session.ask("Status", [("Variables", VARIABLES)], whole_list=True)
        if detailed.event is None:
            self._without("Status")

    async def _note_listening(self) -> None:
        """Remember how far we have listened, and have the gap before that repaired."""
        if self._repair is None:
            return
        try:
            if not self._repair_asked:
                await self._repair.listening_again()
                self._repair_asked = True
            elif not self._handover:
                await self._repair.still_listening(self._clock.now())
        except StoreUnavailable:  # the next round notes it; until then the gap seems to have begun earlier
            return

    def _begun(self, session: AmiSession) -> None:
        now = self._clock.now()
        if self._lost_at is None:
            self._log.info("ami.connected", pbx=session.banner)
        else:
            self._log.info("ami.back", pbx=session.banner, away=round(now - self._lost_at, 1))
        self._connections += 1
        self._connected_since, self._lost_at, self._problem = now, None, None
        self._refused = False

    def _ended(self, reason: LineLost | LoginRefused) -> None:
        now = self._clock.now()
        refused = isinstance(reason, LoginRefused)
        if self._lost_at is None or refused != self._refused:
            self._log.error("ami.refused" if refused else "ami.lost", problem=str(reason))
        if self._connected_since is not None:
            self._hear(LinkLost(at=now))
            self._gap = True
        self._failures += 1
        self._connected_since, self._problem, self._refused = None, str(reason), refused
        self._listed = False
        self._lost_at = now if self._lost_at is None else self._lost_at

    def _without(self, action: str) -> None:
        """The PBX does not permit this; say once what that means, and go on."""
        self._problem = RIGHTS[action]
        if action not in self._rights_told:
            self._rights_told.add(action)
            self._log.warning("ami.right_missing", action=action, problem=RIGHTS[action])

    # ---- what comes in

    def _take(self, message: AmiMessage, now: Instant) -> None:
        if message.event is not None:
            self._last_event_at = now
        try:
            fact = translate(message, now)
            if fact is not None:
                self._hear(fact)
        except Exception:  # noqa: BLE001  # whatever it is: one odd event must not silence a PBX for years
            self._odd += 1
            name = (message.event or b"Response").decode(errors="replace")
            if name not in self._odd_told:
                self._odd_told.add(name)
                self._log.exception("ami.event_failed", name=name)
        if self._board.channels > self._settings.most_channels:
            self._give_up(now)

    def _give_up(self, now: Instant) -> None:
        """No PBX has so many channels: this one has gone mad, or somebody plays it. What it told is closed and let go.

        Raises:
            AmiProtocolError: always; the connection is of no use.

        """
        for fact in (LinkLost(at=now), SnapshotBegun(at=now), SnapshotEnded(at=now)):
            self._hear(fact)
        most = self._settings.most_channels
        raise AmiProtocolError(f"it told of more than {most} channels within half a minute; see most_channels")

    def _hear(self, fact: ChannelFact) -> None:
        self._tell(self._board.advance(fact))

    def _tell(self, events: Iterable[CallSeen]) -> None:
        for event in events:
            self._handover.put(replace(event, call=self._with_links(event.call)))

    def _with_links(self, call: Call) -> Call:
        """The call with links where the PBX names files; what cannot be linked is left out."""
        settings = self._settings
        links = [_link(settings.recordings, file, settings.recordings_folder) for file in call.recordings]
        voicemail = call.voicemail and _link(settings.voicemails, call.voicemail, settings.voicemails_folder)
        recordings = tuple([link for link in links if link is not None])
        return replace(call, recordings=recordings, voicemail=voicemail)

    async def _tick(self) -> None:
        while True:
            await self._clock.sleep(TICK_SECONDS)
            self._tell(self._board.tick(self._clock.now()))


def _link(template: str | None, file: str, folder: str) -> str | None:
    if "://" in file:  # of a resumed call: it was made a link before the restart
        return file
    return None if template is None else recording_link(template, file, folder)
