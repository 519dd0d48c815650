# ruff: noqa: TID251, ASYNC109, C901, N806, N818, PLR0912, PLR0917  # the kit stands alone: its own clock, tasks and dice, and it prints
"""Plumbing of the Asterisk lab: AMI and ARI clients, the recorder, the phones, the truth writer."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import csv
import gzip
import io
import json
import os
import re
import struct
import subprocess
import time
import wave
from pathlib import Path

from miniua import UA, Call, no_answer

KIT = Path(__file__).resolve().parent
LAB_HOME = Path(os.environ.get("LAB_HOME") or KIT.parents[2] / ".lab")
AGENT_NAMES = {
    "101": "Anna Agent",
    "102": "Boris Agent",
    "103": "Celia Agent",
    "104": "Dan Senior",
    "105": "Eva Manager",
    "106": "Fred Frontdesk",
}
CDR_HEAD = (
    "accountcode,src,dst,dcontext,clid,channel,dstchannel,lastapp,lastdata,start,answer,end,duration,"
    "billsec,disposition,amaflags,uniqueid,userfield,peeraccount,linkedid,sequence"
)
CEL_HEAD = (
    "eventtype,eventtime,cidname,cidnum,cidani,cidrdnis,ciddnid,exten,context,channame,appname,appdata,"
    "amaflags,accountcode,uniqueid,linkedid,bridgepeer,userfield,userdeftype,eventextra"
)


# Events which ami.jsonl lists by time and place only, to keep the traces small; some variables are kept.
NOISE = {"VarSet", "Newexten", "TestEvent", "RTCPSent", "RTCPReceived", "QueueMemberStatus", "CEL"}
KEPT_VARS = {
    "MIXMONITOR_FILENAME",
    "DIALSTATUS",
    "QUEUESTATUS",
    "VMSTATUS",
    "FROM_DID",
    "BRIDGEPEER",
    "DIALEDPEERNAME",
    "BLINDTRANSFER",
    "ATTENDEDTRANSFER",
    "TRANSFERERNAME",
    "SIPTRANSFER",
    "PARKINGSPACE",
    "PARKINGSLOT",
    "PARKER",
    "PICKUP",
    "FORWARDERNAME",
    "HANGUPCAUSE",
    "QUEUEPOSITION",
    "ABANDONED",
    "MEMBERINTERFACE",
}


class Ami:
    """One AMI connection.  With record=True every byte received is kept, with its arrival time."""

    def __init__(self, record: bool = False):
        self.record, self.raw, self.events = record, bytearray(), []
        self._buf, self._pos, self._n, self._waiting = b"", 0, 0, {}
        self.lists: dict[str, list] = {}
        self.closed = asyncio.Event()

    async def connect(self, port: int, user: str, secret: str, events: str = "on"):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        self.task = asyncio.create_task(self._read())
        r = await self.action("Login", Username=user, Secret=secret, Events=events)
        if r.get("Response") != "Success":
            raise RuntimeError(f"AMI login refused: {r}")
        return self

    async def _read(self):
        try:
            while True:
                data = await self.reader.read(65536)
                if not data:
                    break
                now = time.time()
                if self.record:
                    self.raw += data
                self._buf += data
                while True:
                    # the banner is one line; some events end in an extra empty line, so skip those first
                    lead = len(self._buf) - len(self._buf.lstrip(b"\r\n"))
                    if self._buf.startswith(b"Asterisk Call Manager") and b"\r\n" in self._buf:
                        lead = self._buf.index(b"\r\n") + 2
                    self._buf, self._pos = self._buf[lead:], self._pos + lead
                    end = self._buf.find(b"\r\n\r\n")
                    if end < 0 or self._buf.startswith(b"Asterisk Call Manager"):
                        break
                    block, at, self._buf = self._buf[:end], self._pos, self._buf[end + 4 :]
                    self._pos += end + 4
                    d: dict = {}
                    for ln in block.decode("utf-8", "replace").split("\r\n"):
                        k, sep, v = ln.partition(":")
                        if not sep:
                            continue
                        v = v.removeprefix(" ")
                        if k in d:
                            d[k] = (d[k] if isinstance(d[k], list) else [d[k]]) + [v]
                        else:
                            d[k] = v
                    self._got(now, d, at, end + 4)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self.closed.set()

    def _got(self, now: float, d: dict, at: int, n: int):
        if self.record:
            self.events.append((now, d, at, n))
        aid = d.get("ActionID", "")
        if "Response" in d:
            f = self._waiting.pop(aid, None)
            if f and not f.done():
                f.set_result(d)
        elif aid in self.lists and "Event" in d:
            self.lists[aid].append(d)

    async def action(self, name: str, timeout: float = 5, **kw) -> dict:
        self._n += 1
        aid = f"k{id(self) % 997}-{self._n}"
        f = self._waiting[aid] = asyncio.get_running_loop().create_future()
        self.lists[aid] = []
        lines = [f"Action: {name}", f"ActionID: {aid}"]
        for k, v in kw.items():
            lines += [f"{k}: {x}" for x in (v if isinstance(v, list) else [v])]
        self.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        await self.writer.drain()
        r = await asyncio.wait_for(f, timeout)
        r["_aid"] = aid
        return r

    async def list(self, name: str, done: str, **kw) -> list[dict]:
        r = await self.action(name, **kw)
        aid = r["_aid"]
        for _ in range(250):
            if self.lists[aid] and self.lists[aid][-1].get("Event") == done:
                break
            await asyncio.sleep(0.02)
        return [e for e in self.lists.pop(aid) if e.get("Event") != done]

    async def close(self):
        self.writer.close()
        self.task.cancel()
        with contextlib.suppress(ConnectionError, OSError):
            await self.writer.wait_closed()


class AriEvents:
    """A websocket on /ari/events, standard library only; keeps (time, event)."""

    def __init__(self):
        self.events: list[tuple[float, dict]] = []

    async def connect(self, port: int, app: str = "bridge", auth: str = "bridge:bridge-secret"):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        key = base64.b64encode(os.urandom(16)).decode()
        self.writer.write(
            (
                f"GET /ari/events?app={app}&subscribeAll=true&api_key={auth} HTTP/1.1\r\n"
                f"Host: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
            ).encode()
        )
        head = await self.reader.readuntil(b"\r\n\r\n")
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise RuntimeError(f"ARI refused: {head[:100]!r}")
        self.task = asyncio.create_task(self._read())
        return self

    async def _read(self):
        text = b""
        try:
            while True:
                b0, b1 = await self.reader.readexactly(2)
                n = b1 & 0x7F
                if n == 126:
                    n = struct.unpack("!H", await self.reader.readexactly(2))[0]
                elif n == 127:
                    n = struct.unpack("!Q", await self.reader.readexactly(8))[0]
                data = await self.reader.readexactly(n)
                op = b0 & 0x0F
                if op == 9:  # ping: answer with a masked pong
                    m = os.urandom(4)
                    self.writer.write(
                        bytes([0x8A, 0x80 | len(data)]) + m + bytes(c ^ m[i % 4] for i, c in enumerate(data))
                    )
                elif op in (0, 1):
                    text += data
                    if b0 & 0x80:
                        self.events.append((time.time(), json.loads(text)))
                        text = b""
                elif op == 8:
                    return
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass

    async def close(self):
        self.task.cancel()
        self.writer.close()


class Skip(Exception):
    """The scenario cannot run here (older Asterisk, sipp missing)."""


class Lab:
    """A running Asterisk plus the phones and carriers of one scenario."""

    def __init__(self, version: str):
        self.version = version
        out = subprocess.run([str(KIT / "lab.sh"), "ports", version], capture_output=True, text=True, check=True).stdout
        p = dict(x.split("=", 1) for x in out.split())
        self.ami_port, self.http_port, self.sip_port = int(p["AMI_PORT"]), int(p["HTTP_PORT"]), int(p["SIP_PORT"])
        self.trunk_port, self.root = int(p["TRUNK_PORT"]), Path(p["ROOT"])
        self.lab = self.root / "lab"
        self.mon, self.vm = self.lab / "spool/monitor", self.lab / "spool/voicemail/default"

    # ---- one scenario
    async def begin(self, phones=("101", "102", "103", "104", "105", "106")):
        self.sip_log: list[dict] = []
        self.calls: list[dict] = []
        self._pending: list[dict] = []
        self.notes: list[str] = []
        self.problems: list[str] = []
        self.world: dict = {}
        self.phones: dict[str, UA] = {}
        self.ctl = await Ami().connect(self.ami_port, "lab", "lab-secret", "off")
        self.ver_text = (await self.ctl.action("CoreSettings")).get("AsteriskVersion", "")
        await self.drain()
        pbx = ("127.0.0.1", self.sip_port)
        for i, n in enumerate(phones):
            ua = self.phones[n] = await UA(n, pbx, f"lab-{n}", (500, 600, 700)[i % 3], self.sip_log).open("127.0.0.1")
            ua.behaviour = no_answer()
        self.trunk = await UA("carrier", pbx, "", 400, self.sip_log).open("127.0.0.2", self.trunk_port)
        self.trunkb = await UA("carrierb", pbx, "", 400, self.sip_log).open("127.0.0.3", self.trunk_port)
        for t in (self.trunk, self.trunkb):
            t.behaviour = self._world(t)
        ok = await asyncio.gather(*(u.register() for u in self.phones.values()))
        if not all(ok):
            raise RuntimeError("a phone could not register")
        self.off_cdr, self.off_cel, self.off_map = (self._size(x) for x in (self.f_cdr, self.f_cel, self.f_map))
        self.clean_spool()
        await asyncio.sleep(0.4)  # let the registrations' own events pass
        self.cap = await Ami(record=True).connect(self.ami_port, "bridge", "bridge-secret")
        self.caps = [self.cap]
        await asyncio.sleep(0.3)
        self.t0 = time.time()

    def _world(self, ua):
        async def f(c: Call):
            b = self.world.get((ua.user, c.dialed)) or self.world.get(c.dialed)
            if b is None:
                c.reject(404)
            else:
                await b(c)

        return f

    @property
    def f_cdr(self):
        return self.lab / "log/cdr-csv/Master.csv"

    @property
    def f_cel(self):
        return self.lab / "log/cel-custom/Master.csv"

    @property
    def f_map(self):
        return self.lab / "log/labmap.txt"

    @staticmethod
    def _size(p: Path) -> int:
        return p.stat().st_size if p.exists() else 0

    @staticmethod
    def _tail(p: Path, off: int) -> str:
        if not p.exists():
            return ""
        with p.open("rb") as f:
            f.seek(off)
            return f.read().decode("utf-8", "replace")

    def clean_spool(self):
        for base in (self.mon, self.vm):
            for p in sorted(base.rglob("*"), reverse=True):
                if p.is_file():
                    p.unlink()

    async def drain(self, timeout: float = 20):
        """Wait until no channel is left."""
        t = time.time()
        while time.time() - t < timeout:
            ch = await self.ctl.list("CoreShowChannels", "CoreShowChannelsComplete")
            if not ch:
                return True
            await asyncio.sleep(0.15)
        self.problems.append(f"channels left: {[c.get('Channel') for c in ch]}")
        for c in ch:
            await self.ctl.action("Hangup", Channel=c["Channel"])
        await asyncio.sleep(0.5)
        return False

    async def finish(self):
        await self.drain()
        await asyncio.sleep(0.6)  # CDR, CEL and the last events
        self.resolve()
        await self.cap.close()
        if getattr(self, "ari", None):
            await self.ari.close()
        for u in self.phones.values():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(u.register(0), 2)
        for u in (*self.phones.values(), self.trunk, self.trunkb):
            await u.close()
        await self.ctl.close()

    # ---- acting
    def set(self, **kw):
        """lab.set(p101=answer_after(1)): what a phone does with calls that reach it."""
        for k, b in kw.items():
            self.phones[k.lstrip("p")].behaviour = b

    async def outside(self, number: str, did: str, name: str = "", host: str = "", extra=(), ua=None) -> Call:
        return await (ua or self.trunk).call(did, from_user=number, from_name=name, from_host=host, extra=extra)

    async def dial(self, ext: str, number: str) -> Call:
        return await self.phones[ext].call(number)

    def leg(self, party: str, n: int = -1, number: str | None = None, incoming: bool = True) -> Call | None:
        """The n-th call that reached (or left) a phone or, for other parties, a carrier."""
        if party in self.phones:
            h = self.phones[party].history
        else:
            h = [c for t in (self.trunk, self.trunkb) for c in t.history if c.dialed == party]
        h = [c for c in h if c.incoming == incoming and (number is None or c.number == number)]
        try:
            return h[n]
        except IndexError:
            return None

    async def channel(self, start: str) -> str:
        for c in await self.ctl.list("CoreShowChannels", "CoreShowChannelsComplete"):
            if c["Channel"].startswith(start):
                return c["Channel"]
        raise RuntimeError(f"no channel {start}")

    async def until(self, cond, timeout: float = 10):
        t = time.time()
        while time.time() - t < timeout:
            if cond():
                return True
            await asyncio.sleep(0.02)
        self.problems.append("a condition of the scenario was not reached in time")
        return False

    async def leg_when(self, party: str, n: int = 0, number=None, timeout: float = 8) -> Call:
        """Wait until the n-th call reaches a party."""
        await self.until(lambda: self.leg(party, n, number) is not None, timeout)
        c = self.leg(party, n, number)
        if c is None:
            raise RuntimeError(f"no call reached {party}")
        return c

    # ---- truth
    def off(self, t: float | None):
        return None if t is None else round(t - self.t0, 3)

    def leg_truth(self, party: str, kind: str, c: Call | None, note: str = "") -> dict:
        if c is None:
            d = {"party": party, "kind": kind, "result": "not-called"}
        else:
            d = {
                "party": party,
                "kind": kind,
                "result": c.result or "open",
                "sip_code": c.code,
                "ring": self.off(c.times.get("ring")),
                "answer": self.off(c.times.get("answer")),
                "end": self.off(c.times.get("end")),
                "ended_by": {"us": "party", "them": "pbx"}.get(c.ended_by, ""),
                "sip_reason": c.reason,
                "call_id": c.call_id,
            }
        if note:
            d["note"] = note
        return d

    def truth(
        self,
        label: str,
        main: Call,
        *,
        direction: str,
        status: str,
        answered: bool,
        entry: str,
        number: str | None = None,
        e164: str | None = None,
        did: str | None = None,
        dialed: str | None = None,
        extension: str | None = None,
        legs=(),
        answered_by=(),
        final: str | None = None,
        transfers=(),
        queue=None,
        hangup_by: str = "",
        cause: int = 16,
        recorded: bool = False,
        voicemail: dict | None = None,
        crm: bool | None = None,
        expect: dict | None = None,
        **more,
    ):
        """Write down what happened.  legs: (party, kind, Call or None) in the order they were tried.

        Times come from the wire (legs and main); everything else is the scenario's own design.
        expect maps a party to the result its leg must show, as a check of the design itself.
        """
        d: dict = {"label": label}
        self.calls.append(d)
        args = dict(locals())
        self._pending.append(args)  # filled in when every leg has ended
        return d

    @staticmethod
    def wire_cause(c: Call) -> int | None:
        """The Q.850 cause which the PBX told the main party; None if that party ended the call itself."""
        m = re.search(r"Q\.850;\s*cause=(\d+)", c.reason)
        return int(m.group(1)) if m and c.ended_by == "them" and int(m.group(1)) else None

    def resolve(self):
        for a in self._pending:
            self._resolve(**{k: v for k, v in a.items() if k not in ("self", "args")})

    def _resolve(
        self,
        d,
        label,
        main,
        direction,
        status,
        answered,
        entry,
        number,
        e164,
        did,
        dialed,
        extension,
        legs,
        answered_by,
        final,
        transfers,
        queue,
        hangup_by,
        cause,
        recorded,
        voicemail,
        crm,
        expect,
        more,
    ):
        first_leg = more.pop("start_from", main)
        L = [self.leg_truth(*x) for x in legs]
        human = [
            x["answer"]
            for x in L
            if x.get("answer") is not None and x["kind"] in ("agent", "mobile", "outside") and x["party"] in answered_by
        ]
        first = min(human) if human else None
        start, end = self.off(first_leg.times["start"]), self.off(main.times.get("end"))
        d |= {
            "direction": direction,
            "crm_event": direction != "internal" if crm is None else crm,
            "status": status,
            "answered": answered,
            "entry": entry,
            "number": number,
            "e164": e164,
            "did": did,
            "dialed": dialed,
            "extension": extension,
            "queue": queue,
            "answered_by": [
                {
                    "party": p,
                    "at": next((x["answer"] for x in L if x["party"] == p and x.get("answer") is not None), None),
                }
                for p in answered_by
            ],
            "final_party": final,
            "transfers": list(transfers),
            "start": start,
            "first_human_answer": first if answered else None,
            "end": end,
            "ring_seconds": round((first if answered and first is not None else end) - start, 2)
            if end is not None
            else None,
            "talk_seconds": round(end - first, 2) if answered and first is not None and end is not None else 0,
            "hangup_by": hangup_by,
            "cause": cause,
            "wire_cause": self.wire_cause(main),
            "sip_final": {"code": main.code, "reason": main.reason},
            "recorded": recorded,
            "recording": None,
            "voicemail": voicemail or {"left": False},
            "legs": L,
            "call_id": first_leg.call_id,
            "uniqueid": None,
        }
        d.update(more)
        for p, want in (expect or {}).items():
            got = next((x["result"] for x in L if x["party"] == p), None)
            if got != want:
                self.problems.append(f"{label}: {p} was {got}, designed {want}")
        if answered and first is None:
            self.problems.append(f"{label}: designed as answered, but no human leg answered")
        if end is None:
            self.problems.append(f"{label}: the main leg has not ended")

    def spool_truth(self):
        """Fill in recordings, voicemails and uniqueids from the file system."""
        umap = {}
        for ln in self._tail(self.f_map, self.off_map).splitlines():
            u, cid, ch = ([*ln.split("|"), "", ""])[:3]
            umap[cid] = (u, ch)
        recs = []
        for p in sorted(self.mon.rglob("*.wav")):
            try:
                with wave.open(str(p)) as w:
                    secs = round(w.getnframes() / w.getframerate(), 2)
            except (wave.Error, EOFError):
                secs = 0
            m = re.match(r"(\w+)-([^-]*)-(.*)-(\d{8}-\d{6})-(.+)\.wav$", p.name)
            recs.append(
                {
                    "path": str(p.relative_to(self.mon)),
                    "bytes": p.stat().st_size,
                    "seconds": secs,
                    "uniqueid": m.group(5) if m else None,
                    "kind": m.group(1) if m else None,
                    "number": m.group(3) if m else None,
                    "dest": m.group(2) if m else None,
                }
            )
        used = set()
        for d in self.calls:
            u = umap.get(d["call_id"])
            if u:
                d["uniqueid"], d["channel"] = u
            r = [x for x in recs if d["uniqueid"] and x["uniqueid"] == d["uniqueid"]]
            if not r and not d["uniqueid"]:
                r = [x for x in recs if x["path"] not in used and x["dest"] == (d["dialed"] or "?")]
            if r:
                d["recording"] = {k: r[0][k] for k in ("path", "bytes", "seconds")}
                used.add(r[0]["path"])
            voice = bool(r) and r[0]["seconds"] > 0.2  # a file with a header only is not a recording
            if d["recorded"] != voice:
                self.problems.append(f"{d['label']}: recorded designed {d['recorded']}, found {voice}")
        self.other_recordings = [{k: x[k] for k in ("path", "seconds")} for x in recs if x["path"] not in used]
        self.voicemails = []
        for p in sorted(self.vm.rglob("msg*.txt")):
            t = dict(ln.split("=", 1) for ln in p.read_text("utf-8", "replace").splitlines() if "=" in ln)
            self.voicemails.append(
                {
                    "mailbox": p.parts[-3],
                    "file": str(p.with_suffix(".wav").relative_to(self.vm)),
                    "seconds": int(t.get("duration") or 0),
                    "callerid": t.get("callerid", ""),
                }
            )
        want = sum(1 for d in self.calls if d["voicemail"]["left"])
        if want != len(self.voicemails):
            self.problems.append(f"voicemails designed {want}, files {len(self.voicemails)}")
        for d in self.calls:
            if d["voicemail"]["left"]:
                v = next((x for x in self.voicemails if (d["number"] or "") in x["callerid"]), None)
                if v:
                    d["voicemail"].update(file=v["file"], seconds=v["seconds"])

    def write(self, folder: Path, name: str, text: str):
        self.spool_truth()
        folder.mkdir(parents=True, exist_ok=True)
        for i, cap in enumerate(self.caps):
            sfx = "" if i == 0 else f".{i + 1}"
            (folder / f"ami{sfx}.txt.gz").write_bytes(gzip.compress(bytes(cap.raw), 9, mtime=0))
            with (folder / f"ami{sfx}.jsonl").open("w", encoding="utf-8") as f:
                for t, d, at, n in cap.events:
                    x: dict = {"t": round(t - self.t0, 3), "o": at, "n": n}
                    if d.get("Event") in NOISE and d.get("Variable", "").lstrip("_") not in KEPT_VARS:
                        x["ev"] = d["Event"]  # the text is ami.txt[o:o+n]
                    else:
                        x["e"] = {k: v for k, v in d.items() if k != "_aid"}
                    f.write(json.dumps(x, ensure_ascii=False, separators=(",", ":")) + "\n")
        if getattr(self, "ari", None):
            with (folder / "ari.jsonl").open("w", encoding="utf-8") as f:
                for t, d in self.ari.events:
                    f.write(
                        json.dumps({"t": round(t - self.t0, 3), "e": d}, ensure_ascii=False, separators=(",", ":"))
                        + "\n"
                    )
        (folder / "cdr.csv").write_text(CDR_HEAD + "\n" + self._tail(self.f_cdr, self.off_cdr), encoding="utf-8")
        (folder / "cel.csv").write_text(CEL_HEAD + "\n" + self._tail(self.f_cel, self.off_cel), encoding="utf-8")
        with (folder / "sip.jsonl").open("w", encoding="utf-8") as f:
            for x in self.sip_log:
                f.write(json.dumps({**x, "t": round(x["t"] - self.t0, 3)}, ensure_ascii=False) + "\n")
        out = {
            "scenario": name,
            "description": text,
            "asterisk": self.ver_text,
            "t0_epoch": round(self.t0, 3),
            "agents": AGENT_NAMES,
            "calls": self.calls,
            "other_recordings": self.other_recordings,
            "notes": self.notes,
            "problems": self.problems,
        }
        (folder / "truth.json").write_text(json.dumps(out, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def rows(path: Path) -> list[dict]:
    """A cdr.csv or cel.csv of a trace as dicts."""
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
