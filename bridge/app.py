"""The wiring: the only file that knows every part. It starts them, reloads them and stops them in the right order."""

import asyncio
import contextlib
import faulthandler
import gc
import os
import resource
import secrets
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import SystemRandom  # noqa: TID251 # here chance enters
from typing import assert_never
from zoneinfo import ZoneInfo

import structlog
from aiohttp import web

from bridge import __version__
from bridge.config import Configuration, ConfigurationError, Problem, environment, load_everything
from bridge.crm.http import HttpCrmAdapter, try_http_crm
from bridge.crm.settings import HttpCrm
from bridge.flow.bulletin import Bulletin
from bridge.flow.chores import Chores
from bridge.flow.clock import Clock
from bridge.flow.delivery import Delivery
from bridge.flow.holding import Holds
from bridge.flow.intake import Intake, Stopping
from bridge.flow.lanes import Lanes
from bridge.flow.reloads import Reloaded, ReloadRefused, Reloads
from bridge.flow.replay import Replay
from bridge.flow.supervision import keep
from bridge.flow.systemd import Systemd
from bridge.flow.tally import Tally
from bridge.flow.trial import Trial
from bridge.flow.watchdog import watch
from bridge.rules.matrix import version_of
from bridge.rules.rows import Matrix
from bridge.sources.ami import AmiLine
from bridge.sources.ami_settings import AmiSettings
from bridge.sources.ami_trial import try_asterisk
from bridge.sources.http import WebhookReceiver, WebhookSettings, read_again
from bridge.sources.simulator import PushRefused, push_all
from bridge.store.calls import live_calls
from bridge.store.engine import CLOSE_SECONDS, Store
from bridge.store.errors import StoreError
from bridge.store.holds import Hold, News
from bridge.store.journal import anything_pending
from bridge.store.migrate import migrate, schema_state
from bridge.store.revision import SchemaState
from bridge.web.app import LAST_ANSWERS_SECONDS, make_app, make_runner
from bridge.web.door import BACKLOG, MOST_CONNECTIONS, Door
from bridge.web.services import Services, SourceStatus, Status, SystemStatus
from bridge.wire.problems import Problem as Refusal
from bridge.wire.simulation import SimulatedCompany, simulated_call

log = structlog.get_logger()

LINES_SECONDS = 6.0
"""How long PBX lines may take at a stop to hand over the calls that they have just seen."""
FLOW_SECONDS = 9.0
"""How long the batch in hand and the last commit may take; what is left stays in the journal."""
GUARD_SECONDS = 1.0
"""How long it may take to give what we hold to the other nodes; else the server takes it back."""
GRACE_SECONDS = LINES_SECONDS + FLOW_SECONDS + GUARD_SECONDS + LAST_ANSWERS_SECONDS + CLOSE_SECONDS
"""How long a stop takes at most, all in all. The unit's TimeoutStopSec is longer (a test compares)."""
JOURNAL_PAUSE_SECONDS = 0.05
"""How often we look whether the journal's rest is handled, before a line is held."""
FIXED = ("store_url", "data_dir", "web", "public_url")
"""What a reload does not change."""
COMPARED = (*FIXED, "name", "company", "sources", "crm")
"""What a reload tells of, if it is different from before."""
OTHER_FILES = 200
"""Files and connections of our own: the store, the lines to PBXs."""
KEY_FILE = "session.key"
KEY_BYTES = 32
KEY_MODE = 0o600


class StartRefused(Exception):  # noqa: N818  # style: an exception is named for what happened
    """The daemon cannot start; the message says what to do."""


def run_daemon(configuration: Configuration, matrix: Matrix, *, simulate: str | None = None) -> None:
    """Run until SIGTERM or SIGINT, in the fastest event loop that is installed.

    Raises:
        StartRefused: the address is taken, or the like.
        StoreError: the store is not usable.

    """
    try:
        if sys.stderr is not None:
            faulthandler.enable()  # whoever aborts a daemon that hangs (systemd's watchdog) sees where it hung
        with asyncio.Runner(loop_factory=_fastest_loop()) as runner:
            runner.run(_daemon(configuration, matrix, simulate))
    except BaseExceptionGroup as group:
        raise _reason_of(group) from None


def _reason_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What a person can do something about, if that is what ended the daemon; else everything."""
    known: BaseException | None = group.subgroup((StartRefused, StoreError))
    while isinstance(known, BaseExceptionGroup):
        known = known.exceptions[0]
    return known or group


def _fastest_loop() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        from uvloop import new_event_loop  # noqa: PLC0415 # an ornament: the daemon works without it
    except ImportError:
        return asyncio.new_event_loop
    return new_event_loop


async def _daemon(configuration: Configuration, matrix: Matrix, simulate: str | None) -> None:
    reloads = Reloads()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reloads.ask, "SIGHUP")  # at once: it would kill us
    state = await schema_state(configuration.store_url, configuration.data_dir)
    if state in (SchemaState.EMPTY, SchemaState.OUTDATED):
        await migrate(configuration.store_url, configuration.data_dir)
    store = await Store.open(configuration.store_url, data_dir=configuration.data_dir)
    try:
        await Daemon(configuration, matrix, store, reloads).run(simulate)
    finally:
        await store.close()


@dataclass(slots=True)
class _HeldLine:
    """A line that is to be held: what it is made of, and the task that holds it. `line` None: another node holds it."""

    settings: AmiSettings
    task: asyncio.Task[None] | None = None
    line: AmiLine | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _HeldCrm:
    """A remote CRM that is told: what it was made of, and the task that tells it."""

    delivery: Delivery
    adapter: HttpCrmAdapter
    settings: HttpCrm
    task: asyncio.Task[None]


class Daemon:
    """Every part of one running bridge."""

    def __init__(self, configuration: Configuration, matrix: Matrix, store: Store, reloads: Reloads) -> None:
        self._begun_with = self._configuration = configuration
        self._matrix = matrix
        self._matrix_text = _text_of(matrix, configuration.scenarios_path)
        self._store = store
        self._clock = Clock()
        self._tally = Tally()
        self._bulletin = Bulletin()
        company, system = configuration.company, system_of(configuration)
        node = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._holds = Holds(store, self._clock, node, heard=self._hear)
        self._lanes = Lanes(
            store,
            self._clock,
            company,
            matrix,
            self._matrix_text,
            bulletin=self._bulletin,
            tally=self._tally,
            node=node,
            system=system,
            deliver=self._wake_delivery,
        )
        self._chores = Chores(
            store, self._clock, company, bulletin=self._bulletin, wake=self._lanes.wake, system=system
        )
        self._intake = Intake(store, company, self._tally, self._lanes.wake, clock=self._clock, node=node)
        self._receiver = WebhookReceiver(_webhooks(configuration), intake=self._intake, clock=self._clock)
        self._replay = Replay(
            store,
            self._clock,
            read=lambda body, now: read_again(_webhooks(self._configuration), body, now),
            country=lambda: self._configuration.company.country,
            wake=self._wake_everybody,
        )
        self._lines: dict[str, _HeldLine] = {}
        self._crm: _HeldCrm | None = None
        self._node = node
        self._refused_reload: str | None = None
        self._stopping = asyncio.Event()
        self._reloads = reloads
        self._systemd = Systemd(environment(), self._clock, pid=os.getpid())
        self._tasks: asyncio.TaskGroup

    async def run(self, simulate: str | None) -> None:
        """Start everything, reload on SIGHUP, and stop in the order in which facts travel."""
        self._listen_to_signals()
        runner = make_runner(make_app(self._services()))
        await runner.setup()
        try:
            async with asyncio.TaskGroup() as self._tasks:
                flow = [
                    self._tasks.create_task(self._kept("intake", self._intake.work), name="intake"),
                    self._tasks.create_task(self._kept("lanes", self._lanes.work), name="lanes"),
                    self._tasks.create_task(self._kept("chores", self._do_chores), name="chores"),
                ]
                guard = self._tasks.create_task(self._kept("guard", self._holds.work))
                beside = [self._tasks.create_task(self._kept("reloads", self._reload_when_asked))]
                try:
                    await self._hold_lines()
                    await self._hold_crm()
                    await self._open_the_door(runner)
                    _let_what_is_there_stay()
                    self._systemd.ready(self._state())
                    beside.append(
                        self._tasks.create_task(watch(self._systemd, self._clock, flow, lambda: self._lanes.pulse))
                    )
                    if simulate:
                        beside.append(self._tasks.create_task(self._play(simulate)))
                    await self._stopping.wait()
                finally:
                    for task in beside:
                        task.cancel()
                    await self._drain(runner, flow)
                    self._holds.close()
                    await asyncio.wait((guard,), timeout=GUARD_SECONDS)
        finally:
            await runner.cleanup()
        log.info("bridge.stopped")

    def _services(self) -> Services:
        settings = self._configuration.web
        return Services(
            store=self._store,
            intake=self._intake,
            bulletin=self._bulletin,
            tally=self._tally,
            clock=self._clock,
            company=lambda: self._configuration.company,
            matrix=lambda: self._matrix,
            matrix_text=lambda: self._matrix_text,
            status=self._status,
            receive=self._receiver.receive,
            replay=self._replay,
            reload=self._reloads.asked,
            settings=settings,
            session_key=_session_key(self._configuration.data_dir),
            version=__version__,
            public_url=self._configuration.public_url,
        )

    async def _kept(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        await keep(name, work, clock=self._clock, tally=self._tally, stopping=self._stopping)

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)

    async def _open_the_door(self, runner: web.AppRunner) -> None:
        settings = self._configuration.web
        try:
            await Door(runner, settings.host, settings.port, most=_room_for_connections()).start()
        except OSError as error:
            raise StartRefused(f"[web] listen = {settings.listen!r}: {error.strerror}; choose another") from error
        host, port = runner.addresses[0][:2]  # the port that 0 has become
        sources = len(self._configuration.sources)
        log.info("bridge.started", version=__version__, listen=f"{_in_url(host)}:{port}", sources=sources)

    async def _reload_when_asked(self) -> None:
        """One reload after the other, for as long as we run; a stop ends one that waits for the files or for a PBX."""
        while True:
            await self._reloads.wanted()
            wishes = self._reloads.take()
            self._systemd.reloading()
            try:
                wishes.grant(await self._reload(wishes.askers))
            except ReloadRefused as refused:
                wishes.refuse(refused)
            except BaseException as error:  # a stop, or a bug of ours: nobody waits for ever
                wishes.refuse(error if isinstance(error, Exception) else Stopping("the bridge is being stopped"))
                raise
            finally:
                if not self._stopping.is_set():
                    self._systemd.ready(self._state())

    async def _reload(self, askers: Sequence[str]) -> Reloaded:
        """Take the files as they are now, or keep what we have and say why (S3-24).

        Whatever may fail comes first; then everything changes at once, between two steps of the event loop.

        Raises:
            ReloadRefused: the files are not good; nothing was changed.

        """
        try:
            configuration, matrix = await asyncio.to_thread(load_everything, self._configuration.path)
            scenarios = _text_of(matrix, configuration.scenarios_path)
        except ConfigurationError as error:
            raise self._refused(error, [_as_refusal(problem) for problem in error.problems], askers) from error
        except Exception as error:  # whatever is odd about the files, the daemon goes on with what it has
            odd = Refusal(path=str(self._configuration.path), message=f"{type(error).__name__}: {error}")
            raise self._refused(error, [odd], askers) from error
        before, version_before = self._configuration, self._matrix.version
        self._put_in_force(configuration, matrix, scenarios)
        changed = _different(COMPARED, before, configuration)
        if version_before != matrix.version:
            changed.append("scenarios")
        fixed = _different(FIXED, self._begun_with, configuration)
        log.info("configuration.reloaded", scenarios=matrix.version, changed=changed, asked_by=list(askers))
        if fixed:
            log.warning("configuration.needs_restart", keys=fixed)
        await self._hold_lines()
        await self._hold_crm()
        return Reloaded(scenarios=matrix.version, changed=tuple(changed), needs_restart=tuple(fixed))

    def _put_in_force(self, configuration: Configuration, matrix: Matrix, scenarios: str) -> None:
        self._configuration, self._matrix, self._matrix_text = configuration, matrix, scenarios
        self._refused_reload = None
        self._intake.use(configuration.company)
        system = system_of(configuration)
        self._lanes.use(configuration.company, matrix, scenarios, system=system)
        self._chores.use(configuration.company, system=system)
        self._receiver.configure(_webhooks(configuration))

    def _refused(self, error: Exception, problems: Sequence[Refusal], askers: Sequence[str]) -> ReloadRefused:
        told = str(error) if isinstance(error, ConfigurationError) else problems[0].message
        self._refused_reload = told
        log.error("configuration.refused", problems=told, asked_by=list(askers))
        return ReloadRefused(tuple(problems))

    def _state(self) -> str:
        """In one line, for `systemctl status`."""
        if self._refused_reload is not None:
            return "works, but the newest configuration was refused: see the journal"
        return f"works, {len(self._configuration.sources)} sources, scenarios {self._matrix.version}"

    async def _hold_lines(self) -> None:
        """Hold a line to every configured PBX; those that did not change are left alone."""
        wanted = {source.id: source for source in self._configuration.sources if isinstance(source, AmiSettings)}
        for source_id, held in list(self._lines.items()):
            if wanted.get(source_id) != held.settings:
                del self._lines[source_id]
                await _ended([held])
        for source_id, settings in wanted.items():
            if source_id not in self._lines:
                held = self._lines[source_id] = _HeldLine(settings)
                hold = partial(self._holds.during, f"source {source_id}", partial(self._hold, held))
                held.task = self._tasks.create_task(self._kept(f"ami {source_id}", hold))

    async def _hold(self, held: _HeldLine, hold: Hold | None) -> None:
        """Go on where the journal ends: what it holds of this PBX is handled first, or calls would begin twice.

        The line is a new one each time: while another node held it, what the last one knew has become old.
        """
        source_id = held.settings.id
        accept = partial(self._intake.accept, hold=hold)
        zone = ZoneInfo(self._configuration.company.timezone)
        chance = SystemRandom().random
        line = AmiLine(held.settings, self._clock, chance, accept, store=self._store, hold=hold, zone=zone)
        while True:
            async with self._store.reading() as conn:
                if not await anything_pending(conn, source_id):
                    line.resume([record.body for record in await live_calls(conn, source_id)])
                    break
            await self._clock.sleep(JOURNAL_PAUSE_SECONDS)
        held.line = line
        try:
            await line.run()
        finally:
            held.line = None

    async def _do_chores(self) -> None:
        await self._holds.during("chores", lambda _hold: self._chores.work())

    def _hear(self, news: News) -> None:
        """What another node tells."""
        match news:
            case News.FACTS:
                self._lanes.wake()
            case News.RECORDS:
                self._bulletin.miss()
            case _:
                assert_never(news)

    async def _hold_crm(self) -> None:
        """Tell the configured remote CRM, if there is one; one that did not change is left alone."""
        wanted, held = self._configuration.crm, self._crm
        if held is not None and wanted != held.settings:
            await self._let_crm_go(held)
            self._crm = held = None
        if isinstance(wanted, HttpCrm) and held is None:
            adapter = HttpCrmAdapter(wanted, self._clock)
            delivery = Delivery(
                self._store,
                self._clock,
                adapter,
                wanted.limits,
                system=wanted.kind,
                holder=self._node,
                chance=SystemRandom().random,
                tally=self._tally,
            )
            task = self._tasks.create_task(self._kept("delivery", delivery.work))
            self._crm = _HeldCrm(delivery=delivery, adapter=adapter, settings=wanted, task=task)

    async def _let_crm_go(self, held: _HeldCrm) -> None:
        """Let it finish what it has begun; what takes longer than the grace time is looked at the next time."""
        held.delivery.close()
        _, late = await asyncio.wait((held.task,), timeout=FLOW_SECONDS)
        if late:
            log.warning("bridge.stopped_late", task="delivery")
            held.task.cancel()
            await asyncio.wait((held.task,))
        await held.adapter.close()

    def _wake_delivery(self) -> None:
        if self._crm is not None:
            self._crm.delivery.wake()

    def _wake_everybody(self) -> None:
        self._lanes.wake()
        self._wake_delivery()

    async def _drain(self, runner: web.AppRunner, flow: Sequence[asyncio.Task[None]]) -> None:
        """Take nothing more, store what came, finish the batch in hand; the journal keeps the rest."""
        self._stopping.set()
        self._systemd.stopping()
        log.info("bridge.stopping")
        self._reloads.close()
        for site in list(runner.sites):
            await site.stop()
        await _ended(self._lines.values())
        self._intake.close()
        self._lanes.close()
        self._chores.close()
        self._holds.ask_no_more()
        async with asyncio.TaskGroup() as leaving:
            if self._crm is not None:
                leaving.create_task(self._let_crm_go(self._crm))
            _, late = await asyncio.wait(flow, timeout=FLOW_SECONDS)
            for task in late:
                log.warning("bridge.stopped_late", task=task.get_name())
                task.cancel()

    async def _play(self, name: str) -> None:
        """Be the platform that a demonstration needs."""
        hook = simulated_hook(self._configuration)
        if hook is None:
            log.error("simulation.refused", problem="the configuration has no webhook of the generic dialect")
            return
        url, token = hook
        pushes = simulated_call(name, SystemRandom(), self._clock.now(), simulated_company(self._configuration))
        try:
            await push_all(
                pushes,
                url=url,
                token=token,
                clock=self._clock,
                tell=lambda told: log.info("simulation.pushed", told=told),
            )
        except PushRefused as refused:
            log.warning("simulation.refused", problem=str(refused))

    def _status(self) -> Status:
        hooks = [SourceStatus(id=hook.id, kind="webhook", state="waiting") for hook in _webhooks(self._configuration)]
        embedded = self._store.place.embedded
        lines = [
            _line_status(held, ours=embedded or self._holds.has(f"source {id_}")) for id_, held in self._lines.items()
        ]
        systems = () if self._crm is None else (_system_status(self._crm),)
        return Status(sources=(*lines, *hooks), systems=systems, refused_reload=self._refused_reload)


async def _ended(lines: Iterable[_HeldLine]) -> None:
    """Let these lines go, and wait until they have."""
    tasks = [held.task for held in lines if held.task is not None]
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=LINES_SECONDS)


def _different(names: Sequence[str], before: Configuration, after: Configuration) -> list[str]:
    return [name for name in names if getattr(before, name) != getattr(after, name)]


def _as_refusal(problem: Problem) -> Refusal:
    told = "" if problem.value is None else f"{problem.value}: "
    return Refusal(path=f"{problem.file}:{problem.line}: {problem.key}", message=f"{told}{problem.remedy}")


def _line_status(held: _HeldLine, *, ours: bool) -> SourceStatus:
    if held.line is None:
        return SourceStatus(id=held.settings.id, kind="ami", state="starting" if ours else "standby")
    line = held.line.status
    connected = line.connected_since is not None
    return SourceStatus(
        id=held.settings.id,
        kind="ami",
        state="connected" if connected else "lost",
        good=connected,
        since=line.connected_since,
        problem=line.problem,
    )


def _system_status(held: _HeldCrm) -> SystemStatus:
    status = held.delivery.status
    return SystemStatus(
        id=status.system,
        breaker=status.breaker.value,
        since=status.since,
        problem=status.problem,
        paused_until=status.paused_until,
        under_way=status.under_way,
        alarm_age=held.settings.alarm_age_seconds,
        alarm_size=held.settings.alarm_size,
    )


def system_of(configuration: Configuration) -> str | None:
    """The remote system that is told of every effect; None: there is none."""
    crm = configuration.crm
    return crm.kind if isinstance(crm, HttpCrm) else None


def replay_beside(configuration: Configuration, store: Store) -> Replay:
    """For a command: a running daemon looks by itself what there is to handle again."""
    return Replay(
        store,
        Clock(),
        read=lambda body, now: read_again(_webhooks(configuration), body, now),
        country=lambda: configuration.company.country,
    )


def _webhooks(configuration: Configuration) -> list[WebhookSettings]:
    return [source for source in configuration.sources if isinstance(source, WebhookSettings)]


def _session_key(data_dir: Path) -> bytes:
    """The key that signs the page's cookies; made once, so that a restart asks nobody for his token again."""
    path = data_dir / KEY_FILE
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o750)  # nothing else is in it when the store is a server
        with contextlib.suppress(FileNotFoundError):
            path.chmod(KEY_MODE)  # also of one that came back from a backup
            key = path.read_bytes()
            if len(key) == KEY_BYTES:
                return key
        key = secrets.token_bytes(KEY_BYTES)
        path.touch(mode=KEY_MODE)
        path.write_bytes(key)
    except OSError as error:
        raise StartRefused(
            f"{path}: {error.strerror}; make room, or give this user the right to write there"
        ) from error
    return key


def _text_of(matrix: Matrix, path: Path) -> str:
    """The text that this matrix was read from.

    Raises:
        ConfigurationError: somebody has changed the file since.

    """
    text = path.read_bytes().decode()
    if version_of(text) != matrix.version:
        remedy = "it was changed while it was read; read it again"
        raise ConfigurationError((Problem(file=str(path), line=1, key="scenarios", value=None, remedy=remedy),))
    return text


def _room_for_connections() -> int:
    """How many may be open at once, and as many files as they need: usual limits (1024) are soft, and made for less."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * MOST_CONNECTIONS + BACKLOG + OTHER_FILES
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if resource.RLIM_INFINITY != soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return max(allowed - BACKLOG - OTHER_FILES, 2 * OTHER_FILES) // 2


def _let_what_is_there_stay() -> None:
    """Spare the garbage collector what was made up to here: modules and settings live as long as the process does,
    and to look through a hundred thousand of their objects again and again was a tenth of the work.
    """  # noqa: D205
    gc.collect()
    gc.freeze()


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def simulated_hook(configuration: Configuration) -> tuple[str, str | None] | None:
    """Address and token of the first generic webhook, as somebody on this machine reaches it; None: there is none."""
    for hook in _webhooks(configuration):
        if hook.dialect == "generic":
            host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(configuration.web.host, configuration.web.host)  # noqa: S104
            token = hook.token.get_secret_value() if hook.token else None
            return f"http://{_in_url(host)}:{configuration.web.port}/hooks/{hook.id}", token
    return None


def simulated_company(configuration: Configuration) -> SimulatedCompany:
    """Whom the simulated world calls: the configured lines and extensions, as far as there are any."""
    company, usual = configuration.company, SimulatedCompany()
    extensions = tuple(ext for employee in company.employees.values() for ext in employee.extensions)
    return SimulatedCompany(
        lines=tuple(company.lines) or usual.lines,
        extensions=extensions or usual.extensions,
        blocked=tuple(sorted(company.blocked)),
    )


async def try_connections(configuration: Configuration) -> dict[str, Trial]:
    """Log in to every source that we call and to the CRM, and name those that call us; by source id, or `crm`."""
    found = {}
    for source in configuration.sources:
        if isinstance(source, AmiSettings):
            found[source.id] = await try_asterisk(source, Clock(), ZoneInfo(configuration.company.timezone))
        else:
            found[source.id] = Trial(good=True, detail=f"pushes to /hooks/{source.id}; nothing to try from here")
    if isinstance(configuration.crm, HttpCrm):
        found["crm"] = await try_http_crm(configuration.crm, Clock())
    return found


async def try_store(configuration: Configuration) -> Trial:
    """Whether a daemon of this version could work on the store."""
    try:
        state = await schema_state(configuration.store_url, configuration.data_dir)
        if state is SchemaState.EMPTY:
            return Trial(good=True, detail="it is empty; a start makes the tables")
        if state is SchemaState.OUTDATED:
            return Trial(good=True, detail="an older version wrote it; a start brings its tables to this version")
        await (await Store.open(configuration.store_url, data_dir=configuration.data_dir, alone=False)).close()
    except StoreError as error:
        return Trial(good=False, detail=str(error))
    return Trial(good=True, detail="its tables are of this version")
