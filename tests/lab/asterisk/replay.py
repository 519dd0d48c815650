#!/usr/bin/env python3
# ruff: noqa: TID251, T201  # the kit stands alone: its own clock, tasks and dice, and it prints
"""A stand-in for Asterisk's AMI: plays a recorded trace to whoever logs in.

  replay.py TRACE_DIR [--port 5038] [--speed 1] [--part 1]

Sends the recorded bytes with the recorded pauses (divided by --speed; 0 = at once).  Answers Login, Logoff, Ping and
the list actions (with empty lists) itself, with the client's own ActionID.  Ends after the first client has gone.
"""

import argparse
import asyncio
import gzip
import json
from pathlib import Path

EMPTY_LISTS = {
    "coreshowchannels": "CoreShowChannelsComplete",
    "status": "StatusComplete",
    "bridgelist": "BridgeListComplete",
    "queuestatus": "QueueStatusComplete",
    "queuesummary": "QueueSummaryComplete",
}


def read_part(folder: Path, part: int):
    sfx = "" if part == 1 else f".{part}"
    raw = gzip.decompress((folder / f"ami{sfx}.txt.gz").read_bytes())
    out, end = [], None
    for ln in (folder / f"ami{sfx}.jsonl").read_text(encoding="utf-8").splitlines():
        x = json.loads(ln)
        start = end if end is not None else x["o"]  # keep the odd empty lines between events
        end = x["o"] + x["n"]
        head = raw[x["o"] : end]
        if head.startswith(b"Response:"):  # answers to the recorder's own actions are not for this client
            continue
        out.append((x["t"], raw[start:end]))
    return out


async def serve(folder: Path, port: int, speed: float, part: int):
    events, done = read_part(folder, part), asyncio.Event()

    async def play(writer):
        t0 = None
        for t, data in events:
            if t0 is not None and speed and t > t0:
                await asyncio.sleep((t - t0) / speed)
            t0 = t if t0 is None else max(t0, t)
            writer.write(data)
            await writer.drain()
        writer.close()

    async def client(reader, writer):
        writer.write(b"Asterisk Call Manager/11.0.0\r\n")
        player = None
        try:
            while True:
                block = await reader.readuntil(b"\r\n\r\n")
                a = {
                    k.strip().lower(): v.strip()
                    for k, _, v in (r.partition(":") for r in block.decode().split("\r\n"))
                    if k
                }
                aid = f"ActionID: {a['actionid']}\r\n" if "actionid" in a else ""
                name = a.get("action", "").lower()
                if name in EMPTY_LISTS:
                    writer.write(
                        (
                            f"Response: Success\r\n{aid}EventList: start\r\nMessage: list follows\r\n\r\n"
                            f"Event: {EMPTY_LISTS[name]}\r\n{aid}EventList: Complete\r\nListItems: 0\r\n\r\n"
                        ).encode()
                    )
                    continue
                extra = "Ping: Pong\r\n" if name == "ping" else ""
                writer.write(f"Response: Success\r\n{aid}{extra}Message: ok\r\n\r\n".encode())
                if name == "login" and player is None:
                    player = asyncio.create_task(play(writer))
                if name == "logoff":
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        if player:
            player.cancel()
        writer.close()
        done.set()

    server = await asyncio.start_server(client, "127.0.0.1", port)
    print(f"AMI replay of {folder.name} on 127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    async with server:
        await done.wait()


if __name__ == "__main__":
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("trace", type=Path)
    ap.add_argument("--port", type=int, default=5038)
    ap.add_argument("--speed", type=float, default=1.0)
    ap.add_argument("--part", type=int, default=1)
    x = ap.parse_args()
    asyncio.run(serve(x.trace, x.port, x.speed, x.part))
