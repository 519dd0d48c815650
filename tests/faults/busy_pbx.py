"""A PBX that is never quiet, for whoever logs in: python -m tests.faults.busy_pbx HOST PORT.

It goes on until its standard input is closed, ends the calls at hand, and prints a line for each login, each
connection that ended, and each call with what was true of it; `t` is the moment by CLOCK_MONOTONIC.
"""

import asyncio
import json
import sys
import time
from itertools import count

from tests.sources import spoken
from tests.sources.fake_asterisk import FakeAsterisk

BETWEEN_CALLS = 0.1
RINGING = 0.7
TALKING = 0.7


def tell(what: str, **more: object) -> None:
    print(json.dumps({"t": time.monotonic(), "what": what, **more}), flush=True)  # noqa: T201 # the test reads it


class BusyPbx(FakeAsterisk):
    """Every listener hears everything, as on a real one."""

    def __init__(self) -> None:
        super().__init__()
        self._channels: dict[str, dict[str, str]] = {}
        self._numbers = count(1)

    async def serve(self, host: str, port: int) -> None:
        async with await asyncio.start_server(self._serve, host, port), asyncio.TaskGroup() as calls:
            leaving = calls.create_task(asyncio.to_thread(sys.stdin.read))
            while not leaving.done():
                calls.create_task(self._call(next(self._numbers)))
                await asyncio.sleep(BETWEEN_CALLS)
        tell("end")

    async def _serve(self, reader, writer):
        address = writer.get_extra_info("peername")[0]
        try:
            await super()._serve(reader, writer)
        finally:
            self._writers.remove(writer)
            tell("gone", address=address)

    async def _react(self, writer, action):
        self.listed["coreshowchannels"] = list(self._channels.values())
        good = await super()._react(writer, action)
        if action["action"].lower() == "login":
            tell("login", address=writer.get_extra_info("peername")[0])
        return good

    def _tell(self, *messages: str) -> None:
        for message in messages:
            data = message.strip().replace("\n", "\r\n").encode() + b"\r\n\r\n"
            for writer in self._writers:
                writer.write(data)

    def _list(self, uid: str, name: str, number: str, linked: str, **more: str) -> None:
        self._channels[uid] = {
            "Channel": name, "ChannelState": "6", "ChannelStateDesc": "Up", "CallerIDNum": number,
            "Exten": "442079460101", "Uniqueid": uid, "Linkedid": linked, "Duration": "00:00:01", **more,
        }  # fmt: skip

    async def _call(self, n: int) -> None:
        """Every second one is answered."""
        root, phone, number, answered = f"{n}.1", f"{n}.2", f"+4477009{n:05d}", n % 2 == 0
        trunk, desk = f"PJSIP/trunk-{n:08x}", f"PJSIP/101-{n:08x}"
        begun = time.monotonic()
        self._list(root, trunk, number, root, ChannelState="4", ChannelStateDesc="Ring")
        self._list(phone, desk, "101", root, ChannelState="5", ChannelStateDesc="Ringing", Exten="s")
        self._tell(
            spoken.new_channel(root, trunk, number=number),
            spoken.new_channel(phone, desk, state=0, number="101", exten="s", linked=root),
            spoken.dial_begin(root, phone, desk),
            spoken.new_state(phone, 5),
        )
        await asyncio.sleep(RINGING)
        if answered:
            for uid in (root, phone):
                self._channels[uid] |= {"ChannelState": "6", "ChannelStateDesc": "Up", "BridgeId": f"b{n}"}
            self._tell(
                spoken.new_state(phone),
                spoken.dial_end(root, phone),
                spoken.new_state(root),
                spoken.enters(phone, f"b{n}", linked=root),
                spoken.enters(root, f"b{n}"),
            )
            await asyncio.sleep(TALKING)
        self._channels.pop(root)
        self._channels.pop(phone)
        if answered:
            self._tell(spoken.leaves(root, f"b{n}"), spoken.leaves(phone, f"b{n}"))
            self._tell(spoken.hangup(phone), spoken.hangup(root))
        else:
            self._tell(*spoken.unanswered(root, phone))
        tell("call", key=f"pbx/{root}", begun=begun, outcome="answered" if answered else "missed")


if __name__ == "__main__":
    asyncio.run(BusyPbx().serve(sys.argv[1], int(sys.argv[2])))
