"""A held line to a fake Asterisk, real intake, lanes and store, and the PBX's own records in a database of its own."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select
from structlog.testing import capture_logs

from bridge.sources.ami import AmiLine, AmiSettings
from bridge.store.calls import live_calls
from bridge.store.schema import listening
from tests.flow.hand_clock import NOON
from tests.sources.fake_asterisk import FakeAsterisk
from tests.stories.office import Office

FREEPBX = """CREATE TABLE cdr (
    calldate DATETIME, clid VARCHAR(80), src VARCHAR(80), dst VARCHAR(80), dcontext VARCHAR(80), channel VARCHAR(80),
    dstchannel VARCHAR(80), lastapp VARCHAR(80), lastdata VARCHAR(80), duration INT, billsec INT,
    disposition VARCHAR(45), uniqueid VARCHAR(32), did VARCHAR(50), recordingfile VARCHAR(255),
    linkedid VARCHAR(32), sequence INT)"""
"""The columns of FreePBX's asteriskcdrdb.cdr that matter; it has no start, answer and end."""
CEL = """CREATE TABLE cel (
    id INTEGER PRIMARY KEY, eventtype VARCHAR(30), eventtime DATETIME, cid_name VARCHAR(80), cid_num VARCHAR(80),
    exten VARCHAR(80), channame VARCHAR(80), appname VARCHAR(80), appdata VARCHAR(80), uniqueid VARCHAR(32),
    linkedid VARCHAR(32), extra VARCHAR(512))"""
CLIENT = "+447700900101"
TRUNK = "PJSIP/trunk-00000001"
PHONE = "PJSIP/101-00000002"
SETTINGS = {"id": "pbx", "username": "bridge", "secret": "s3cret", "trunks": ["trunk"], "ping_seconds": 0.05}


def wall(seconds: float) -> str:
    """How the PBX's clock (UTC) shows the moment so many seconds after noon."""
    return f"{datetime.fromtimestamp(NOON + seconds, UTC):%Y-%m-%d %H:%M:%S.%f}"


class Records:
    """The PBX's database."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "asteriskcdrdb.sqlite"
        self._do(FREEPBX)
        self._do(CEL)
        for kind in ("ANSWER", "BRIDGE_ENTER"):  # of a call of last week: this PBX does write such things
            self.event(kind, -7 * 86400, "0.1", linked="0.1")

    def place(self, **more):
        return {"url": f"sqlite:///{self.file}", "timezone": "UTC", **more}

    def attempt(self, uid="1.1", *, at, seconds, talked=0, other=PHONE, app="Dial", number=CLIENT, linked=None):
        """A row of the CDR: nobody answered, or somebody did and talked for so long."""
        disposition = "ANSWERED" if talked or other == "" else "NO ANSWER"
        row = (
            wall(at)[:19], f'"" <{number}>', number, "442079460101", "did", TRUNK, other, app, "PJSIP/101,20,tT",
            seconds, talked, disposition, uid, "442079460101", "", linked or uid, at,
        )  # fmt: skip
        self._do(f"INSERT INTO cdr VALUES ({', '.join('?' * len(row))})", row)  # noqa: S608 - question marks

    def event(self, kind, at, uid="1.1", channel=TRUNK, *, app="", data="", number=CLIENT, extra="", linked="1.1"):
        """A row of the CEL."""
        row = (kind, wall(at), "", number, "442079460101", channel, app, data, uid, linked, extra)
        self._do(f"INSERT INTO cel VALUES (NULL, {', '.join('?' * len(row))})", row)  # noqa: S608 - the same

    def rings(self, at, uid="1.1", phone="1.2"):
        """A call from outside rings 101."""
        self.event("CHAN_START", at, uid, linked=uid)
        self.event("APP_START", at, uid, app="Dial", data="PJSIP/101,20,tT", linked=uid)
        self.event("CHAN_START", at, phone, PHONE, number="101", linked=uid)

    def picks_up(self, at, uid="1.1", phone="1.2"):
        bridge = '{"bridge_id":"b1","bridge_technology":"simple_bridge"}'
        self.event("ANSWER", at, phone, PHONE, number="101", linked=uid)
        self.event("ANSWER", at, uid, linked=uid)
        self.event("BRIDGE_ENTER", at, phone, PHONE, extra=bridge, linked=uid)
        self.event("BRIDGE_ENTER", at, uid, extra=bridge, linked=uid)

    def ends(self, at, uid="1.1", phone="1.2", *, by=TRUNK, cause=16):
        told = f'{{"hangupcause":{cause},"hangupsource":"{by}","dialstatus":""}}'
        self.event("HANGUP", at, phone, PHONE, extra=told, linked=uid)
        self.event("HANGUP", at, uid, extra=told, linked=uid)
        self.event("LINKEDID_END", at, uid, linked=uid)

    def _do(self, statement, values=()):
        with sqlite3.connect(self.file) as conn:
            conn.execute(statement, values)
        conn.close()


class HeldLine:
    """A line that is held now, and how its repair gets on."""

    def __init__(self, office: Office, pbx: FakeAsterisk, logs: list) -> None:
        self.office = office
        self.pbx = pbx
        self.logs = logs
        self.line: AmiLine

    def said(self, event: str) -> list:
        return [entry for entry in self.logs if entry["event"] == event]

    async def until(self, condition) -> None:
        """Everything in between happens in this process, or in a thread of it that reads a file."""
        async with asyncio.timeout(50):
            while not condition():  # noqa: ASYNC110  # nothing here tells anybody that its state has changed
                await asyncio.sleep(0)

    async def noted(self) -> None:
        """The store knows that the line is held."""
        async with asyncio.timeout(50):
            while not await self.rows():  # noqa: ASYNC110  # nobody tells when a store has changed
                await asyncio.sleep(0)

    async def rows(self):
        """How far which line has listened."""
        async with self.office.store.reading() as conn:
            return (await conn.execute(select(listening))).all()

    async def cut_off(self) -> None:
        await self.pbx.hang_up()
        await self.until(lambda: self.line.status.connected_since is None)

    async def is_back(self, gaps: int) -> None:
        """The line is held again, for the so manieth time after a gap."""
        self.office.clock.advance(1)
        await self.until(lambda: len(self.said("gap.found")) == gaps)

    async def look(self, seconds: float = 15) -> None:
        """Time passes, and the records are looked into once more."""
        await self.quiet()
        before = len(self.said("gap.looked"))
        self.office.clock.advance(seconds)
        await self.until(lambda: len(self.said("gap.looked")) > before)
        await self.quiet()

    async def repaired(self) -> None:
        """All looks are done."""
        before = len(self.said("gap.repaired"))
        async with asyncio.timeout(50):
            while len(self.said("gap.repaired")) == before:
                self.office.clock.advance(60)
                await self.office.work()
                for _ in range(50):
                    await asyncio.sleep(0)
        await self.quiet()

    async def quiet(self) -> None:
        """All that was told is handled and judged."""
        self.office.clock.advance(self.office.company.policy.settle)
        await self.until(lambda: self.line.status.waiting == 0)
        await self.office.work()


@asynccontextmanager
async def held(office: Office, pbx: FakeAsterisk, cdr: dict | None, **more) -> AsyncIterator[HeldLine]:
    """Hold a line as the daemon does: what the store knows as live goes on."""
    told = SETTINGS | {"port": pbx.port} | ({"cdr": cdr} if cdr is not None else {}) | more
    settings = AmiSettings.model_validate(told)
    line = AmiLine(settings, office.clock, lambda: 0.0, office.intake.accept, store=office.store, zone=UTC)
    async with office.store.reading() as conn:
        line.resume([record.body for record in await live_calls(conn, "pbx")])
    with capture_logs() as logs:
        world = HeldLine(office, pbx, logs)
        world.line = line
        async with asyncio.TaskGroup() as tasks:
            work = [tasks.create_task(office.intake.work()), tasks.create_task(line.run())]
            asked = len(pbx.heard)
            await world.until(lambda: any(h["action"] == "Status" for h in pbx.heard[asked:]))
            if cdr is not None:
                await world.noted()
            yield world
            for task in work[::-1]:
                task.cancel()
                await asyncio.wait([task])
