"""The daemon: starts every part, reloads them and stops them in the right order."""

import asyncio
import faulthandler
import gc
import os
import resource
import secrets
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from random import SystemRandom  # noqa: TID251 # here chance enters
from typing import assert_never

import structlog
from aiohttp import web

from bridge import __version__
from bridge.app.configured import in_url, lines_of, system_of, webhooks_of
from bridge.app.lines import STOP_SECONDS as LINES_SECONDS
from bridge.app.lines import Lines
from bridge.app.refused import StartRefused
from bridge.app.remote import STOP_SECONDS as CRM_SECONDS
from bridge.app.remote import RemoteCrm
from bridge.app.session_key import session_key
from bridge.app.simulation import simulated_company, simulated_hook
from bridge.config import Configuration, ConfigurationError, Problem, environment, load_everything
from bridge.flow.bulletin import Bulletin
from bridge.flow.chores import Chores
from bridge.flow.clock import Clock
from bridge.flow.holding import Holds
from bridge.flow.intake import Intake, Stopping
from bridge.flow.lanes import Lanes
from bridge.flow.reloads import Reloaded, ReloadRefused, Reloads
from bridge.flow.replay import Replay
from bridge.flow.supervision import keep
from bridge.flow.systemd import Systemd
from bridge.flow.tally import Tally
from bridge.flow.watchdog import watch
from bridge.rules.matrix import version_of
from bridge.rules.rows import Matrix
from bridge.sources.http import WebhookReceiver, read_again
from bridge.sources.simulator import PushRefused, push_all
from bridge.store.engine import CLOSE_SECONDS, Store
from bridge.store.errors import StoreError
from bridge.store.holds import News
from bridge.store.migrate import migrate, schema_state
from bridge.store.revision import SchemaState
from bridge.web.app import LAST_ANSWERS_SECONDS, make_app, make_runner
from bridge.web.door import BACKLOG, MOST_CONNECTIONS, Door
from bridge.web.services import Services, SourceStatus, Status
from bridge.wire.problems import Problem as Refusal
from bridge.wire.simulation import simulated_call

log = structlog.get_logger()

FLOW_SECONDS = 9.0
"""How long the batch in hand and the last commit may take; what is left stays in the journal."""
GUARD_SECONDS = 1.0
"""How long it may take to give what we hold to the other nodes; else the server takes it back."""
GRACE_SECONDS = LINES_SECONDS + max(FLOW_SECONDS, CRM_SECONDS) + GUARD_SECONDS + LAST_ANSWERS_SECONDS + CLOSE_SECONDS
"""How long a stop takes at most, all in all. The unit's TimeoutStopSec is longer (a test compares)."""
FIXED = ("store_url", "data_dir", "web", "public_url")
"""What a reload does not change."""
COMPARED = (*FIXED, "name", "company", "sources", "crm")
"""What a reload tells of, if it is different from before."""
OTHER_FILES = 200
"""Files and connections of our own: the store, the lines to PBXs."""


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
        self._crm = RemoteCrm(store, self._clock, self._tally, node=node, begin=self._begin)
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
            deliver=self._crm.wake,
        )
        self._chores = Chores(
            store, self._clock, company, bulletin=self._bulletin, wake=self._lanes.wake, system=system
        )
        self._intake = Intake(store, company, self._tally, self._lanes.wake, clock=self._clock, node=node)
        self._receiver = WebhookReceiver(webhooks_of(configuration), intake=self._intake, clock=self._clock)
        self._replay = Replay(
            store,
            self._clock,
            read=lambda body, now: read_again(webhooks_of(self._configuration), body, now),
            country=lambda: self._configuration.company.country,
            wake=self._wake_everybody,
        )
        self._lines = Lines(store, self._clock, intake=self._intake, holds=self._holds, begin=self._begin)
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
                    self._begin("intake", self._intake.work),
                    self._begin("lanes", self._lanes.work),
                    self._begin("chores", self._do_chores),
                ]
                guard = self._begin("guard", self._holds.work)
                beside = [self._begin("reloads", self._reload_when_asked)]
                try:
                    await self._connect()
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
            session_key=session_key(self._configuration.data_dir),
            version=__version__,
            public_url=self._configuration.public_url,
        )

    def _begin(self, name: str, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        kept = keep(name, work, clock=self._clock, tally=self._tally, stopping=self._stopping)
        return self._tasks.create_task(kept, name=name)

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
        log.info("bridge.started", version=__version__, listen=f"{in_url(host)}:{port}", sources=sources)

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
        await self._connect()
        return Reloaded(scenarios=matrix.version, changed=tuple(changed), needs_restart=tuple(fixed))

    def _put_in_force(self, configuration: Configuration, matrix: Matrix, scenarios: str) -> None:
        self._configuration, self._matrix, self._matrix_text = configuration, matrix, scenarios
        self._refused_reload = None
        self._intake.use(configuration.company)
        system = system_of(configuration)
        self._lanes.use(configuration.company, matrix, scenarios, system=system)
        self._chores.use(configuration.company, system=system)
        self._receiver.configure(webhooks_of(configuration))

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

    async def _connect(self) -> None:
        """Hold a line to every configured PBX and tell the configured CRM; what did not change is left alone."""
        configuration = self._configuration
        await self._lines.use(lines_of(configuration), configuration.company.timezone)
        await self._crm.use(configuration)

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

    def _wake_everybody(self) -> None:
        self._lanes.wake()
        self._crm.wake()

    async def _drain(self, runner: web.AppRunner, flow: Sequence[asyncio.Task[None]]) -> None:
        """Take nothing more, store what came, finish the batch in hand; the journal keeps the rest."""
        self._stopping.set()
        self._systemd.stopping()
        log.info("bridge.stopping")
        self._reloads.close()
        for site in list(runner.sites):
            await site.stop()
        await self._lines.end()
        self._intake.close()
        self._lanes.close()
        self._chores.close()
        self._holds.ask_no_more()
        async with asyncio.TaskGroup() as leaving:
            leaving.create_task(self._crm.end())
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
        hooks = [SourceStatus(id=hook.id, kind="webhook", state="waiting") for hook in webhooks_of(self._configuration)]
        sources = (*self._lines.status(), *hooks)
        return Status(sources=sources, systems=self._crm.status(), refused_reload=self._refused_reload)


def _different(names: Sequence[str], before: Configuration, after: Configuration) -> list[str]:
    return [name for name in names if getattr(before, name) != getattr(after, name)]


def _as_refusal(problem: Problem) -> Refusal:
    told = "" if problem.value is None else f"{problem.value}: "
    return Refusal(path=f"{problem.file}:{problem.line}: {problem.key}", message=f"{told}{problem.remedy}")


def replay_beside(configuration: Configuration, store: Store) -> Replay:
    """For a command: a running daemon looks by itself what there is to handle again."""
    return Replay(
        store,
        Clock(),
        read=lambda body, now: read_again(webhooks_of(configuration), body, now),
        country=lambda: configuration.company.country,
    )


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
