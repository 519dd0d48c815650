"""A real Chromium, spoken to over its DevTools protocol: no driver, no further dependency."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import ClientSession, ClientWebSocketResponse

NAMES = ("chromium", "chromium-browser", "google-chrome")
COMPLAINTS = {"Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled"}


def chromium() -> str:
    """The browser of this machine; a lab without one fails."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    assert found is not None, "no Chromium: apt-get install -y --no-install-recommends chromium"
    return found


class Tab:
    """One tab. `complaints` is what the browser had to complain about: errors, refused content, exceptions."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self._socket = socket
        self._last = 0
        self.complaints: list[str] = []

    async def command(self, method: str, **parameters: Any) -> Any:
        self._last += 1
        mine = self._last
        await self._socket.send_json({"id": mine, "method": method, "params": parameters})
        while True:
            told = json.loads((await self._socket.receive(timeout=20)).data)
            advice = told.get("params", {}).get("entry", {}).get("source") == "recommendation"
            if told.get("method") in COMPLAINTS and not advice:
                self.complaints.append(json.dumps(told["params"]))
            if told.get("id") == mine:
                assert "error" not in told, told
                return told["result"]

    async def begin(self) -> None:
        for domain in ("Page", "Network", "Log", "Runtime"):
            await self.command(f"{domain}.enable")

    async def size(self, width: int, height: int) -> None:
        await self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    async def prefer(self, scheme: str) -> None:
        feature = {"name": "prefers-color-scheme", "value": scheme}
        await self.command("Emulation.setEmulatedMedia", features=[feature])

    async def scripts(self, *, on: bool) -> None:
        await self.command("Emulation.setScriptExecutionDisabled", value=not on)

    async def cookie(self, url: str, name: str, value: str) -> None:
        await self.command("Network.setCookie", url=url, name=name, value=value)

    async def go(self, url: str) -> None:
        await self.command("Page.navigate", url=url)
        await self.until("document.readyState == 'complete' && location.href != 'about:blank'")

    async def value(self, expression: str) -> Any:
        """What the expression gives; works also while the page's own scripts are switched off."""
        return (await self.command("Runtime.evaluate", expression=expression, returnByValue=True))["result"].get(
            "value"
        )

    async def until(self, expression: str, seconds: float = 10) -> None:
        async with asyncio.timeout(seconds):
            while not await self.value(expression):  # noqa: ASYNC110 - the browser tells no events of ours
                await asyncio.sleep(0.05)


@asynccontextmanager
async def open_tab(profile: Path) -> AsyncIterator[Tab]:
    """A tab of a browser that has never seen anything."""
    process = await asyncio.create_subprocess_exec(
        chromium(), "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0",
        f"--user-data-dir={profile}", "about:blank", stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with ClientSession() as session, asyncio.TaskGroup() as tasks:
            address = await _address(process)
            reading = tasks.create_task(process.stderr.read())  # type: ignore[union-attr] # else it blocks when full
            async with session.get(f"http://{urlsplit(address).netloc}/json") as answer:
                pages = [page for page in await answer.json() if page["type"] == "page"]
            async with session.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                tab = Tab(socket)
                await tab.begin()
                yield tab
            process.terminate()
            await reading
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    async with asyncio.timeout(30):
        while line := (await process.stderr.readline()).decode():
            if "DevTools listening on" in line:
                return line.split("listening on ", 1)[1].strip()
    raise AssertionError("the browser did not start")
