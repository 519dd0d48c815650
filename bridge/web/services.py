"""What the web shows and works with; the wiring hands it over, and nothing here reaches for more."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from aiohttp import web

from bridge.flow.bulletin import Bulletin
from bridge.flow.clock import Clock
from bridge.flow.intake import Intake
from bridge.flow.reloads import Reloaded
from bridge.flow.replay import Replay
from bridge.flow.tally import Tally
from bridge.model.moment import Instant
from bridge.model.people import Company
from bridge.rules.rows import Matrix
from bridge.store.engine import Store
from bridge.web.settings import WebSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """How one source is. `good` False makes the bridge not less ready: what cannot be received is somewhere else.

    `state` is one word (connected, waiting, lost …), `since` is when it began, `problem` what to do about it.
    """

    id: str
    kind: str
    state: str
    good: bool = True
    since: Instant | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemStatus:
    """How a remote system is that we tell of effects. `breaker` is closed, open, half_open or refused.

    `problem` and `since` are about the trouble that it is in; `paused_until`: it asks to be left alone until then.
    `alarm_age` (seconds) and `alarm_size` are how long, and how much, may wait for it before somebody should look.
    """

    id: str
    breaker: str = "closed"
    since: Instant | None = None
    problem: str | None = None
    paused_until: Instant | None = None
    under_way: int = 0
    alarm_age: float = 3600.0
    alarm_size: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How the daemon is. `refused_reload` is why the last new configuration was not taken; None: it was."""

    sources: tuple[SourceStatus, ...] = ()
    systems: tuple[SystemStatus, ...] = ()
    refused_reload: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The collaborators of the web. What a reload changes is asked for each time.

    `receive` answers `/hooks/{source}`, `replay` handles again what had failed. `reload` reads the configuration again
    for somebody, named as he shall be in the log. `session_key` signs the page's cookies: 32 random bytes; when it
    changes, people are asked for their token again. `matrix_text` is the scenarios' file as it was written.
    """

    store: Store
    intake: Intake
    bulletin: Bulletin
    tally: Tally
    clock: Clock
    company: Callable[[], Company]
    matrix: Callable[[], Matrix]
    matrix_text: Callable[[], str]
    status: Callable[[], Status]
    receive: Callable[[web.Request], Awaitable[web.StreamResponse]]
    replay: Replay
    reload: Callable[[str], Awaitable[Reloaded]]
    settings: WebSettings
    session_key: bytes
    version: str
    public_url: str | None = None

    @property
    def zone(self) -> ZoneInfo:
        """The time zone that people read times in."""
        return ZoneInfo(self.company().timezone)

    @property
    def secure(self) -> bool:
        """People come over TLS (through a proxy), so cookies may insist on it."""
        return (self.public_url or "").startswith("https://")


SERVICES = web.AppKey("services", Services)
