"""A real Asterisk goes on while the daemon does not listen; what it wrote into its CSV files completes the records.

Started by `tests/lab/run`.
"""

import asyncio
from contextlib import asynccontextmanager

import pytest

from tests.lab.calls_become_records import (
    DID,
    VERSION,
    Client,
    Lab,
    answer_after,
    check_callback,
    check_new_lead,
    in_thread,
    lab,  # noqa: F401  # the fixture
)
from tests.lab.daemon import Daemon
from tests.postgres import free_port

FILES = {"cdr": "f_cdr", "cel": "f_cel"}
PATIENCE = 60
"""Seconds for the looks 10 and 21 seconds after the line is back."""


class Relay:
    """The line between the daemon and the PBX, which can be cut."""

    def __init__(self, port: int) -> None:
        self.port = free_port()
        self._pbx = port
        self._open: set[asyncio.StreamWriter] = set()

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def cut(self) -> None:
        self._server.close()
        for writer in list(self._open):
            writer.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, reader, writer) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._pbx)
        self._open |= {writer, back}
        try:
            async with asyncio.TaskGroup() as tasks:
                ways = [tasks.create_task(self._pour(*way)) for way in ((reader, back), (there, writer))]
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for way in ways:
                    way.cancel()
        finally:
            self._open -= {writer, back}
            for end in (writer, back):
                end.transport.abort()

    async def _pour(self, reader, writer) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            return


@asynccontextmanager
async def listening(folder, kind):
    """A daemon of its own that is told where the PBX keeps its records, and the line that it listens on."""
    pbx = Lab(VERSION)
    relay = Relay(pbx.ami_port)
    await relay.mend()
    more = f'cdr = {{ file = "{getattr(pbx, FILES[kind])}", kind = "{kind}", timezone = "UTC" }}'
    daemon = Daemon(folder, ami=relay.port, web=free_port(), more=more)
    await in_thread(daemon.start)
    try:
        yield daemon, relay
    finally:
        await in_thread(daemon.stop)
        await relay.cut()
    assert '"exception"' not in daemon.log()


async def until(daemon, what, condition):
    return await in_thread(lambda: daemon.until(what, condition, PATIENCE))


@pytest.mark.parametrize("kind", list(FILES))
async def test_the_line_is_cut_in_a_talk_and_its_end_is_read_from_the_records(lab, tmp_path, kind):  # noqa: F811
    async with listening(tmp_path, kind) as (daemon, relay):
        numbers = {"cdr": ("+447700900431", "+447700900432"), "cel": ("+447700900435", "+447700900436")}
        client, other = (Client(daemon, number) for number in numbers[kind])  # the minute before is read, too
        lab.set(p101=answer_after(0.6))
        caller = await lab.outside(client.number, DID + "101")
        assert await caller.wait("answer", 10)
        await until(daemon, "the lead", client.leads)
        await relay.cut()
        await asyncio.sleep(2)
        await caller.bye()
        await caller.wait("end", 5)
        missed = await lab.outside(other.number, DID + "103")  # nobody listens to this one at all
        await missed.wait("end", 15)
        await relay.mend()
        await until(daemon, "the missed call", other.cases)
        [call] = await other.judged()
        assert (call["outcome"], call["line_number"]) == ("missed", "+" + DID + "103")
        check_callback(other, call)
        await until(daemon, "its end", lambda: client.calls()[0]["talk_seconds"] > 1)
        [call] = client.calls()
        assert (call["outcome"], call["answered_by"], call["incomplete"]) == ("answered", "ann", kind == "cdr")
        assert call["talk_seconds"] < 6
        check_new_lead(client, "ann")
        assert client.cases() == []


async def test_a_daemon_that_was_dead_completes_and_finds_the_calls_of_that_time(lab, tmp_path):  # noqa: F811
    async with listening(tmp_path, "cel") as (daemon, _):
        client, other = Client(daemon, "+447700900433"), Client(daemon, "+447700900434")
        lab.set(p101=answer_after(0.6), p102=answer_after(0.6))
        caller = await lab.outside(client.number, DID + "101")
        assert await caller.wait("answer", 10)
        await until(daemon, "the lead", client.leads)
        daemon.kill()
        await caller.bye()
        await caller.wait("end", 5)
        second = await lab.outside(other.number, DID + "102")
        assert await second.wait("answer", 10)
        await asyncio.sleep(1.5)
        await second.bye()
        await in_thread(daemon.start)
        await until(daemon, "the unseen call", other.calls)
        [call] = await other.judged()
        assert (call["outcome"], call["answered_by"], call["incomplete"]) == ("answered", "boris", False)
        check_new_lead(other, "boris")
        [call] = client.calls()
        assert (call["outcome"], call["incomplete"]) == ("answered", False)
        assert (client.cases(), other.cases()) == ([], [])
