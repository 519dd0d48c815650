"""A whole bridge behind a real socket, with its clock in the test's hand; nothing in it is a fake."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, web

from bridge.flow.bulletin import Bulletin
from bridge.flow.intake import Intake
from bridge.flow.lanes import Lanes
from bridge.flow.reloads import Reloads
from bridge.flow.replay import Replay
from bridge.flow.tally import Tally
from bridge.model.moment import iso
from bridge.model.people import Company
from bridge.sources.http import WebhookReceiver, WebhookSettings, read_again
from bridge.store.engine import Store
from bridge.web.app import make_app, make_runner
from bridge.web.gate import SESSION_COOKIE
from bridge.web.services import Services, SourceStatus, Status
from bridge.web.settings import WebSettings
from bridge.web.tokens import issue_token
from tests.builders import MATRIX, SCENARIOS
from tests.flow.builders import ANNA, SALES, acme
from tests.flow.hand_clock import HandClock
from tests.stores import has_tables

URL = "sqlite:///bridge.db"
HOOK_TOKEN = "shop-token"
SETTLED = 10.0


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Any
    text: str
    json: Any = None


@dataclass
class House:
    """The bridge and ways to talk to it."""

    address: str
    session: ClientSession
    store: Store
    clock: HandClock
    intake: Intake
    lanes: Lanes
    receiver: WebhookReceiver
    bulletin: Bulletin
    status: list[Status]
    reloads: Reloads
    services: Services
    runner: web.AppRunner
    tokens: dict[str, str] = field(default_factory=dict)

    async def ask(self, method: str, path: str, *, token: str | None = None, **more: Any) -> Answer:
        headers = dict(more.pop("headers", {}))
        if token is not None:
            headers["Authorization"] = f"Bearer {self.tokens.get(token, token)}"
        url = f"{self.address}{path}"
        async with self.session.request(method, url, headers=headers, allow_redirects=False, **more) as response:
            text = (await response.read()).decode()
            spoken = response.headers.get("Content-Type", "")
            parsed = await response.json(content_type=None) if "json" in spoken else None
            return Answer(response.status, response.headers, text, parsed)

    async def get(self, path: str, **more: Any) -> Answer:
        return await self.ask("GET", path, **{"token": "all"} | more)

    async def post(self, path: str, **more: Any) -> Answer:
        return await self.ask("POST", path, **{"token": "all"} | more)

    async def see(self, path: str, cookie: str | None = None, **more: Any) -> Answer:
        """A page, as a browser asks for it."""
        headers = {"Cookie": f"{SESSION_COOKIE}={cookie}"} if cookie else {}
        return await self.ask("GET", path, headers=headers | more.pop("headers", {}), **more)

    async def sign_in(self, name: str = "all") -> str:
        """The session cookie of whoever has the token of this name."""
        answer = await self.ask("POST", "/sign-in", data={"token": self.tokens[name]})
        assert answer.status == 303, answer.text
        return answer.headers["Set-Cookie"].split("=", 1)[1].split(";", 1)[0]

    async def push(self, *bodies: dict[str, Any], **more: Any) -> Answer:
        """Events of the generic dialect, as the shop pushes them."""
        headers = {"Authorization": f"Bearer {HOOK_TOKEN}"} | more.pop("headers", {})
        return await self.ask("POST", "/hooks/shop", headers=headers, **{"json": list(bodies)} | more)

    async def happen(self, *bodies: dict[str, Any]) -> None:
        """These events came, and everything that follows from them has been done."""
        answer = await self.push(*bodies)
        assert answer.status == 202, answer.text
        await self.catch_up()

    async def catch_up(self) -> None:
        while await self.lanes.turn():
            pass
        self.clock.advance(SETTLED)
        while await self.lanes.turn():
            pass

    def call(self, call_id: str = "c-1", **changes: Any) -> dict[str, Any]:
        """A missed call of Anna Nowak that has just ended; changes make it another."""
        event = {
            "event_id": f"{call_id}-{changes.get('type', 'call.ended')}",
            "type": "call.ended",
            "call_id": call_id,
            "occurred_at": iso(self.clock.now()),
            "direction": "inbound",
            "client_number": ANNA,
            "client_name": "Anna Nowak",
            "line_number": SALES,
            "outcome": "missed",
            "ring_seconds": 20,
        }
        return {key: value for key, value in (event | changes).items() if value is not None}

    def answered(self, call_id: str = "c-2", **changes: Any) -> dict[str, Any]:
        """A call that Jan answered."""
        told = {"outcome": "answered", "employee": "101", "ring_seconds": 6, "talk_seconds": 60}
        return self.call(call_id, **told | changes)

    async def token(self, name: str, *scopes: str) -> str:
        """A new token of this name."""
        issued = await issue_token(
            self.store, name, scopes, entropy=name.encode().ljust(32, b"."), now=self.clock.now()
        )
        assert issued is not None
        self.tokens[name] = issued.text
        return issued.text


@asynccontextmanager
async def open_house(
    data_dir: Path,
    *,
    company: Company | None = None,
    settings: WebSettings | None = None,
    hooks: Iterable[WebhookSettings] | None = None,
    public_url: str | None = None,
    seconds_without_a_request: float = 60.0,
    clock: HandClock | None = None,
    url: str = URL,
) -> AsyncIterator[House]:
    """Open the house; it has a token `all` that may read and write."""
    company = company or acme()
    clock = clock or HandClock()
    has_tables(url, data_dir)
    store = await Store.open(url, data_dir=data_dir)
    tally, bulletin = Tally(), Bulletin()
    status = [Status(sources=(SourceStatus(id="shop", kind="webhook", state="waiting"),))]
    lanes = Lanes(store, clock, company, MATRIX, SCENARIOS.read_text(), bulletin=bulletin, tally=tally)
    intake = Intake(store, company, tally, lanes.wake, clock=clock)
    shop = WebhookSettings(id="shop", token=HOOK_TOKEN)  # type: ignore[arg-type]
    reloads = Reloads()
    receiver = WebhookReceiver(hooks or [shop], intake=intake, clock=clock)
    replay = Replay(
        store,
        clock,
        read=lambda body, now: read_again([shop], body, now),
        country=lambda: company.country,
        wake=lanes.wake,
    )
    services = Services(
        store=store,
        intake=intake,
        bulletin=bulletin,
        tally=tally,
        clock=clock,
        company=lambda: company,
        matrix=lambda: MATRIX,
        matrix_text=lambda: SCENARIOS.read_text(encoding="utf-8"),
        status=lambda: status[0],
        receive=receiver.receive,
        replay=replay,
        reload=reloads.asked,
        settings=settings or WebSettings(),
        session_key=b"k" * 32,
        version="0.0.0",
        public_url=public_url,
    )
    runner = make_runner(make_app(services), seconds_without_a_request=seconds_without_a_request)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with (
            ClientSession(cookie_jar=DummyCookieJar(), timeout=ClientTimeout(total=20)) as session,
            asyncio.TaskGroup() as tasks,
        ):
            tasks.create_task(intake.work())
            house = House(
                address, session, store, clock, intake, lanes, receiver, bulletin, status, reloads, services, runner
            )
            await house.token("all", "read", "write")
            try:
                yield house
            finally:
                await session.close()
                await runner.cleanup()
                intake.close()
    finally:
        await store.close()
