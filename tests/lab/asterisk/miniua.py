# ruff: noqa: TID251, T201, ASYNC109, C901, PLR0912, RET503, RUF012, S311, S324, TRY300  # the kit stands alone: its own clock, tasks and dice, and it prints
"""A small scriptable SIP telephone on asyncio (standard library only).

Enough of RFC 3261/3264/3515/3891/4733 to play desk phones, carriers and callers against a PBX on
loopback: digest REGISTER and INVITE, ringing, answer, reject, 302, hold, BYE/CANCEL, blind and
attended REFER, DTMF as RTP events, and a G.711 tone as voice.  Each Call keeps the times of what
happened on the wire; the kit's ground truth is made from those, never from the PBX's own events.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import math
import random
import re
import struct
import time
from collections.abc import Awaitable, Callable

COMPACT = {
    "v": "via",
    "f": "from",
    "t": "to",
    "i": "call-id",
    "m": "contact",
    "l": "content-length",
    "c": "content-type",
    "k": "supported",
    "s": "subject",
    "r": "refer-to",
}
REASONS = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    200: "OK",
    202: "Accepted",
    302: "Moved Temporarily",
    404: "Not Found",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    486: "Busy Here",
    487: "Request Terminated",
    503: "Service Unavailable",
    603: "Decline",
}


def rnd(n: int = 10) -> str:
    return "".join(random.choice("0123456789abcdef") for _ in range(n))


class Msg:
    """One SIP message: start line, ordered headers, body."""

    def __init__(self, start: str, headers: list[tuple[str, str]], body: str = ""):
        self.start, self.headers, self.body = start, headers, body
        self.is_response = start.startswith("SIP/2.0")
        if self.is_response:
            p = start.split(" ", 2)
            self.code, self.method, self.uri = int(p[1]), "", ""
        else:
            p = start.split(" ")
            self.code, self.method, self.uri = 0, p[0], p[1]

    @classmethod
    def parse(cls, data: bytes) -> Msg:
        text = data.decode("utf-8", "replace")
        head, _, body = text.partition("\r\n\r\n")
        lines = head.split("\r\n")
        headers: list[tuple[str, str]] = []
        for ln in lines[1:]:
            if ln[:1] in " \t" and headers:
                headers[-1] = (headers[-1][0], headers[-1][1] + " " + ln.strip())
                continue
            k, _, v = ln.partition(":")
            k = k.strip().lower()
            headers.append((COMPACT.get(k, k), v.strip()))
        return cls(lines[0], headers, body)

    def get(self, name: str, default: str = "") -> str:
        name = name.lower()
        for k, v in self.headers:
            if k.lower() == name:
                return v
        return default

    def all(self, name: str) -> list[str]:
        return [v for k, v in self.headers if k.lower() == name.lower()]

    def encode(self) -> bytes:
        body = self.body.encode()
        out = [self.start] + [f"{k}: {v}" for k, v in self.headers if k.lower() != "content-length"]
        out.append(f"Content-Length: {len(body)}")
        return ("\r\n".join(out) + "\r\n\r\n").encode() + body

    @property
    def branch(self) -> str:
        m = re.search(r"branch=([^;,\s]+)", self.get("via"))
        return m.group(1) if m else ""

    @property
    def cseq_method(self) -> str:
        return self.get("cseq").split()[-1] if self.get("cseq") else ""


def tag_of(value: str) -> str:
    m = re.search(r";\s*tag=([^;>\s]+)", value.rsplit(">", maxsplit=1)[-1] if ">" in value else value)
    return m.group(1) if m else ""


def uri_of(value: str) -> str:
    m = re.search(r"<([^>]+)>", value)
    return m.group(1) if m else value.split(";", maxsplit=1)[0].strip()


def user_of(value: str) -> str:
    m = re.match(r"sips?:([^@;>]+)@", uri_of(value))
    return m.group(1) if m else ""


# ---- voice ------------------------------------------------------------------------------------
def _ulaw(sample: int) -> int:
    sign = 0x80 if sample < 0 else 0
    mag = min(abs(sample), 32635) + 132
    exp = max(mag.bit_length() - 8, 0)
    return ~(sign | exp << 4 | (mag >> (exp + 3)) & 0x0F) & 0xFF


def _tone(freq: int) -> list[bytes]:
    pcm = [int(8000 * math.sin(2 * math.pi * freq * i / 8000)) for i in range(8000)]
    b = bytes(_ulaw(s) for s in pcm)
    return [b[i : i + 160] for i in range(0, 8000, 160)]


TONES = {f: _tone(f) for f in (400, 500, 600, 700)}


class Rtp(asyncio.DatagramProtocol):
    """One RTP stream: sends a tone every 20 ms while started, counts what comes in."""

    live: set[Rtp] = set()
    ticker: asyncio.Task | None = None

    def __init__(self, freq: int):
        self.frames, self.i = TONES[freq], 0
        self.seq, self.ts, self.ssrc = random.randrange(1 << 15), random.randrange(1 << 30), random.randrange(1 << 31)
        self.remote: tuple[str, int] | None = None
        self.received = 0
        self.dtmf: list[str] = []
        self._ev: list | None = None
        self.transport = None

    @classmethod
    async def open(cls, ip: str, freq: int = 400) -> Rtp:
        loop = asyncio.get_running_loop()
        self = cls(freq)
        self.transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(ip, 0))
        self.port = self.transport.get_extra_info("sockname")[1]
        return self

    def datagram_received(self, data, addr):
        self.received += 1

    def start(self):
        Rtp.live.add(self)
        if Rtp.ticker is None or Rtp.ticker.done():
            Rtp.ticker = asyncio.get_running_loop().create_task(Rtp._tick())

    def close(self):
        Rtp.live.discard(self)
        if self.transport:
            self.transport.close()
            self.transport = None

    @staticmethod
    async def _tick():
        nxt = time.monotonic()
        while Rtp.live:
            for r in list(Rtp.live):
                r._send()
            nxt += 0.02
            await asyncio.sleep(max(0.0, nxt - time.monotonic()))
        Rtp.ticker = None

    def _send(self):
        if not self.remote or not self.transport:
            return
        marker, pt = 0, 0
        if self._ev is None and self.dtmf:
            d = self.dtmf.pop(0)
            if d == "w":  # a pause of half a second in a digit string
                self._ev = ["w", 25, self.ts]
            else:
                self._ev = ["0123456789*#ABCD".index(d), 0, self.ts]
        if self._ev is not None:
            ev, n, ts0 = self._ev
            self._ev[1] += 1 if ev != "w" else -1
            if ev == "w":
                if self._ev[1] <= 0:
                    self._ev = None
                self.ts += 160
                return
            end = n >= 7  # 8 packets of 20 ms, then two more end packets
            payload = struct.pack("!BBH", ev, 0x8A if end else 0x0A, min((n + 1) * 160, 1280))
            pt, marker, ts = 101, 0x80 if n == 0 else 0, ts0
            if n >= 9:
                self._ev = ["w", 5, self.ts]  # 100 ms between digits
        else:
            payload, ts = self.frames[self.i % len(self.frames)], self.ts
            self.i += 1
        self.seq = (self.seq + 1) & 0xFFFF
        self.ts = (self.ts + 160) & 0xFFFFFFFF
        hdr = struct.pack("!BBHII", 0x80, marker | pt, self.seq, ts & 0xFFFFFFFF, self.ssrc)
        with contextlib.suppress(OSError):
            self.transport.sendto(hdr + payload, self.remote)


def sdp(ip: str, port: int, direction: str = "sendrecv", ver: int = 1) -> str:
    return (
        "\r\n".join(
            [
                "v=0",
                f"o=- 1 {ver} IN IP4 {ip}",
                "s=-",
                f"c=IN IP4 {ip}",
                "t=0 0",
                f"m=audio {port} RTP/AVP 0 101",
                "a=rtpmap:0 PCMU/8000",
                "a=rtpmap:101 telephone-event/8000",
                "a=fmtp:101 0-16",
                "a=ptime:20",
                f"a={direction}",
            ]
        )
        + "\r\n"
    )


def sdp_addr(body: str) -> tuple[str, int] | None:
    c, m = re.search(r"c=IN IP4 (\S+)", body), re.search(r"m=audio (\d+)", body)
    return (c.group(1), int(m.group(1))) if c and m and int(m.group(1)) else None


# ---- calls ------------------------------------------------------------------------------------
class Call:
    """One dialog.  times{} holds wall-clock seconds of: start, ring, answer, end."""

    def __init__(self, ua: UA, incoming: bool, call_id: str):
        self.ua, self.incoming, self.call_id = ua, incoming, call_id
        self.times: dict[str, float] = {"start": time.time()}
        self.local_tag, self.remote_tag = rnd(), ""
        self.cseq = random.randrange(1, 1000)
        self.remote_target = self.local_uri = self.remote_uri = ""
        self.code = 0  # final code of the INVITE
        self.reason = ""  # Reason header of the CANCEL/BYE/failure
        self.ended_by = ""  # "us" | "them"
        self.result = ""  # answered|cancelled|busy|rejected|...
        self.number = ""  # the other party's user part; for incoming calls the caller id
        self.dialed = ""  # request-URI user of an incoming INVITE
        self.e_ring, self.e_answer, self.e_end = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.refer_final = asyncio.get_running_loop().create_future()
        self.refer_codes: list[int] = []
        self.invite: Msg | None = None
        self.rtp: Rtp | None = None
        self.sdp_ver = 0
        self.auth_done = False
        self.log: list[tuple[float, str]] = []
        self._acked = asyncio.Event()

    def note(self, what: str):
        self.log.append((time.time(), what))
        self.ua.note(self, what)

    def _ended(self, by: str):
        if not self.e_end.is_set():
            self.times["end"] = time.time()
            self.ended_by = by
            self.e_end.set()
            self.note(f"end by {by} code={self.code} {self.reason}".strip())
            if self.rtp:
                self.rtp.close()
            self.ua.calls.pop(self.call_id, None)

    # -- building requests within the dialog
    def _hdrs(self, method: str, cseq: int | None = None, branch: str = "") -> list[tuple[str, str]]:
        if cseq is None:
            self.cseq += 1
            cseq = self.cseq
        to = f"<{self.remote_uri}>" + (f";tag={self.remote_tag}" if self.remote_tag else "")
        return [
            ("Via", f"SIP/2.0/UDP {self.ua.ip}:{self.ua.port};rport;branch={branch or 'z9hG4bK' + rnd(14)}"),
            ("Max-Forwards", "70"),
            ("From", f"{self.from_name}<{self.local_uri}>;tag={self.local_tag}"),
            ("To", to),
            ("Call-ID", self.call_id),
            ("CSeq", f"{cseq} {method}"),
            ("Contact", f"<sip:{self.ua.user}@{self.ua.ip}:{self.ua.port}>"),
            ("User-Agent", "miniua"),
        ]

    from_name = ""

    async def _request(self, method: str, extra=(), body="", ctype="application/sdp") -> Msg:
        auth: list[tuple[str, str]] = []
        uri = self.remote_target or self.remote_uri
        while True:
            h = self._hdrs(method) + list(extra) + auth
            if body:
                h.append(("Content-Type", ctype))
            r = await self.ua.transact(Msg(f"{method} {uri} SIP/2.0", h, body))
            if method == "INVITE":
                self._ack(r)
            if r.code in (401, 407) and not auth and self.ua.password:
                auth = [self.ua.auth_header(r, method, uri)]
                continue
            return r

    def _ack(self, resp: Msg):
        n = int(resp.get("cseq").split()[0])
        h = self._hdrs("ACK", n, "" if resp.code < 300 else resp.branch)
        h[3] = ("To", resp.get("to"))
        self.ua.send(Msg(f"ACK {self.remote_target or self.remote_uri} SIP/2.0", h))

    # -- outgoing
    async def _run_invite(self, extra):
        for attempt in (1, 2):
            h = [
                *self._hdrs("INVITE"),
                ("Allow", "INVITE,ACK,BYE,CANCEL,OPTIONS,REFER,NOTIFY,UPDATE,INFO"),
                ("Supported", "replaces"),
                ("Content-Type", "application/sdp"),
                *list(extra),
            ]
            self.invite = Msg(f"INVITE {self.remote_uri} SIP/2.0", h, sdp(self.ua.ip, self.rtp.port))
            r = await self.ua.transact(self.invite, self._provisional)
            if r.code in (401, 407) and attempt == 1 and self.ua.password:
                self._ack(r)
                extra = [e for e in extra if "uthorization" not in e[0]] + [
                    self.ua.auth_header(r, "INVITE", self.remote_uri)
                ]
                continue
            break
        self.code = r.code
        self.reason = r.get("reason")
        if r.code < 300:
            self.remote_tag = tag_of(r.get("to"))
            self.remote_target = uri_of(r.get("contact")) or self.remote_uri
            self.rtp.remote = sdp_addr(r.body) or self.rtp.remote
            self._ack(r)
            if self.e_end.is_set():  # gave up just as the other side picked up
                await self._request("BYE")
                return
            self.times["answer"] = time.time()
            self.result = "answered"
            self.note("answered")
            self.e_answer.set()
            self.rtp.start()
        else:
            self._ack(r)
            self.result = self.result or {
                486: "busy",
                600: "busy",
                603: "rejected",
                487: "cancelled",
                480: "unavailable",
                404: "invalid",
            }.get(r.code, f"failed-{r.code}")
            self._ended("us" if self.result == "cancelled" else "them")

    def _provisional(self, r: Msg):
        if r.code >= 180 and "ring" not in self.times:
            self.times["ring"] = time.time()
            self.e_ring.set()
        if r.code > 100:
            self.note(f"got {r.code}")
        a = sdp_addr(r.body)
        if a and self.rtp:
            self.rtp.remote = a
        if r.code > 100 and tag_of(r.get("to")):
            self.remote_tag = self.remote_tag or tag_of(r.get("to"))
            self.remote_target = uri_of(r.get("contact")) or self.remote_target

    async def cancel(self):
        if self.e_answer.is_set():
            return await self.bye()
        self.result = "cancelled"
        self.note("cancel")
        v = [x for x in self.invite.headers if x[0] in ("Via", "From", "To", "Call-ID", "Max-Forwards")]
        v.append(("CSeq", self.invite.get("cseq").split()[0] + " CANCEL"))
        await self.ua.transact(Msg(self.invite.start.replace("INVITE", "CANCEL", 1), v))
        await asyncio.wait_for(self.e_end.wait(), 5)

    # -- incoming
    def _respond(self, code: int, body="", extra=(), reason=""):
        req = self.invite
        h = [("Via", v) for v in req.all("via")] + [("From", req.get("from"))]
        to = req.get("to")
        h += [
            ("To", to if tag_of(to) or code == 100 else f"{to};tag={self.local_tag}"),
            ("Call-ID", self.call_id),
            ("CSeq", req.get("cseq")),
            ("Allow", "INVITE,ACK,BYE,CANCEL,OPTIONS,REFER,NOTIFY,UPDATE,INFO"),
            ("User-Agent", "miniua"),
        ]
        if not any(k == "Contact" for k, _ in extra):
            h.append(("Contact", f"<sip:{self.ua.user}@{self.ua.ip}:{self.ua.port}>"))
        if body:
            h.append(("Content-Type", "application/sdp"))
        m = Msg(f"SIP/2.0 {code} {reason or REASONS.get(code, 'X')}", h + list(extra), body)
        self.ua.respond(req, m)
        return m

    def ring(self, early_media: bool = False):
        if self.e_end.is_set():
            return
        self.times.setdefault("ring", time.time())
        self.note("183 sent" if early_media else "ringing")
        self.e_ring.set()
        if early_media:
            self.rtp.remote = sdp_addr(self.invite.body)
            self._respond(183, sdp(self.ua.ip, self.rtp.port))
            self.rtp.start()
        else:
            self._respond(180)

    def answer(self) -> bool:
        if self.e_end.is_set():
            return False
        self.rtp.remote = sdp_addr(self.invite.body) or self.rtp.remote
        m = self._respond(200, sdp(self.ua.ip, self.rtp.port))
        self.code, self.result = 200, "answered"
        self.times["answer"] = time.time()
        self.note("answer")
        self.e_answer.set()
        self.rtp.start()

        async def resend():
            for d in (0.5, 1, 2, 4):
                try:
                    await asyncio.wait_for(self._acked.wait(), d)
                    return
                except TimeoutError:
                    self.ua.respond(self.invite, m)

        self.ua.spawn(resend())
        return True

    def reject(self, code: int, extra=()):
        if self.e_end.is_set():
            return
        self.code = code
        self.result = {
            486: "busy",
            600: "busy",
            603: "rejected",
            480: "unavailable",
            404: "invalid",
            302: "redirected",
        }.get(code, f"failed-{code}")
        self._respond(code, extra=extra)
        self._ended("us")

    # -- both
    async def bye(self):
        if self.e_end.is_set():
            return None
        if not self.e_answer.is_set():
            return await self.cancel()
        self._ended("us")
        await self._request("BYE")

    async def _reinvite(self, direction: str):
        self.sdp_ver += 1
        await self._request("INVITE", body=sdp(self.ua.ip, self.rtp.port, direction, 1 + self.sdp_ver))

    async def hold(self):
        self.note("hold")
        await self._reinvite("sendonly")

    async def unhold(self):
        self.note("unhold")
        await self._reinvite("sendrecv")

    def dtmf(self, digits: str):
        self.note(f"dtmf {digits}")
        self.rtp.dtmf += list(digits)

    async def refer(self, to_uri: str) -> int:
        """Blind transfer; returns the last sipfrag code (or the REFER's own failure code)."""
        self.note(f"refer {to_uri}")
        r = await self._request("REFER", [("Refer-To", f"<{to_uri}>"), ("Referred-By", f"<{self.local_uri}>")])
        if r.code >= 300:
            return r.code
        try:
            code = await asyncio.wait_for(asyncio.shield(self.refer_final), 8)
        except TimeoutError:
            code = self.refer_codes[-1] if self.refer_codes else 0
        return code

    async def refer_replaces(self, other: Call) -> int:
        """Attended transfer: join our peer with other's peer."""
        u = uri_of(other.remote_uri).split(";")[0]
        rep = (
            f"{other.call_id};to-tag={other.remote_tag};from-tag={other.local_tag}".replace("@", "%40")
            .replace(";", "%3B")
            .replace("=", "%3D")
        )
        return await self.refer(f"{u}?Replaces={rep}")

    async def wait(self, what: str, timeout: float = 15) -> bool:
        ev = {"ring": self.e_ring, "answer": self.e_answer, "end": self.e_end}[what]
        try:
            await asyncio.wait_for(ev.wait(), timeout)
            return True
        except TimeoutError:
            return False

    async def wait_any(self, timeout: float = 15):
        """Until answered or ended."""
        a, b = asyncio.ensure_future(self.e_answer.wait()), asyncio.ensure_future(self.e_end.wait())
        await asyncio.wait({a, b}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        a.cancel(), b.cancel()
        return "answer" if self.e_answer.is_set() else "end" if self.e_end.is_set() else ""


Behaviour = Callable[[Call], Awaitable[None]]


class UA(asyncio.DatagramProtocol):
    """A telephone (or a carrier) on one UDP socket."""

    def __init__(self, user: str, pbx: tuple[str, int], password: str = "", freq: int = 400, sink=None):
        self.user, self.pbx, self.password, self.freq = user, pbx, password, freq
        self.calls: dict[str, Call] = {}
        self.history: list[Call] = []
        self.behaviour: Behaviour | None = None
        self._clients: dict[tuple[str, str], asyncio.Queue] = {}
        self._cache: dict[tuple[str, str], bytes] = {}
        self._tasks: set[asyncio.Task] = set()
        self.sink = sink
        self.reg_cseq, self.reg_id = 0, rnd(16)

    async def open(self, ip: str, port: int = 0) -> UA:
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(ip, port))
        self.ip, self.port = self.transport.get_extra_info("sockname")[:2]
        return self

    def note(self, call: Call, what: str):
        if self.sink is not None:
            self.sink.append(
                {
                    "t": round(time.time(), 4),
                    "ua": self.user,
                    "call_id": call.call_id,
                    "dir": "in" if call.incoming else "out",
                    "number": call.number or call.dialed,
                    "what": what,
                }
            )

    def spawn(self, coro):
        t = asyncio.get_running_loop().create_task(coro)
        self._tasks.add(t)
        t.add_done_callback(self._done)
        return t

    def _done(self, t):
        self._tasks.discard(t)
        if not t.cancelled() and t.exception():
            print(f"  [ua {self.user}] task failed: {t.exception()!r}")

    async def close(self):
        for t in list(self._tasks):
            t.cancel()
        for c in list(self.calls.values()):
            if c.rtp:
                c.rtp.close()
        self.transport.close()

    # -- wire
    def send(self, m: Msg):
        self.transport.sendto(m.encode(), self.pbx)

    def respond(self, req: Msg, resp: Msg):
        data = resp.encode()
        self._cache[(req.branch, req.method)] = data
        self.transport.sendto(data, self.pbx)

    async def transact(self, m: Msg, provisional=None) -> Msg:
        q: asyncio.Queue = asyncio.Queue()
        key = (m.branch, m.method)
        self._clients[key] = q
        self.send(m)
        delay, got = 0.5, False
        while True:
            try:
                r = await asyncio.wait_for(q.get(), None if got else delay)
            except TimeoutError:
                delay *= 2
                if delay > 8:
                    return Msg("SIP/2.0 408 Timeout", list(m.headers))
                self.send(m)
                continue
            got = got or m.method == "INVITE"
            if r.code < 200:
                if provisional:
                    provisional(r)
                continue
            if m.method != "INVITE":
                self._clients.pop(key, None)
            return r

    def auth_header(self, r: Msg, method: str, uri: str) -> tuple[str, str]:
        name = "WWW-Authenticate" if r.code == 401 else "Proxy-Authenticate"
        ch = next((v for v in r.all(name) if "md5" in v.lower() or "algorithm" not in v.lower()), r.get(name))
        p = dict(re.findall(r'(\w+)="?([^",]+)"?', ch))
        h = lambda s: hashlib.md5(s.encode()).hexdigest()  # noqa: E731
        ha1, ha2 = h(f"{self.user}:{p['realm']}:{self.password}"), h(f"{method}:{uri}")
        out = f'Digest username="{self.user}",realm="{p["realm"]}",nonce="{p["nonce"]}",uri="{uri}",algorithm=MD5'
        if "qop" in p:
            nc, cn = "00000001", rnd(8)
            out += f',qop=auth,nc={nc},cnonce="{cn}",response="{h(":".join((ha1, p["nonce"], nc, cn, "auth", ha2)))}"'
        else:
            out += f',response="{h(":".join((ha1, p["nonce"], ha2)))}"'
        if "opaque" in p:
            out += f',opaque="{p["opaque"]}"'
        return ("Authorization" if r.code == 401 else "Proxy-Authorization", out)

    async def register(self, expires: int = 300) -> bool:
        uri, extra = f"sip:{self.pbx[0]}:{self.pbx[1]}", []
        for _ in range(2):
            self.reg_cseq += 1
            h = [
                ("Via", f"SIP/2.0/UDP {self.ip}:{self.port};rport;branch=z9hG4bK{rnd(14)}"),
                ("Max-Forwards", "70"),
                ("From", f"<sip:{self.user}@{self.pbx[0]}>;tag={rnd()}"),
                ("To", f"<sip:{self.user}@{self.pbx[0]}>"),
                ("Call-ID", self.reg_id),
                ("CSeq", f"{self.reg_cseq} REGISTER"),
                ("Contact", f"<sip:{self.user}@{self.ip}:{self.port}>"),
                ("Expires", str(expires)),
                ("User-Agent", "miniua"),
                *extra,
            ]
            r = await self.transact(Msg(f"REGISTER {uri} SIP/2.0", h))
            if r.code == 401:
                extra = [self.auth_header(r, "REGISTER", uri)]
                continue
            return r.code == 200
        return False

    async def call(self, number: str, from_user: str = "", from_name: str = "", from_host: str = "", extra=()) -> Call:
        """Start a call; returns at once, follow it with call.wait(...)."""
        c = Call(self, False, f"{rnd(16)}@{self.ip}")
        c.number = number
        c.rtp = await Rtp.open(self.ip, self.freq)
        c.local_uri = f"sip:{from_user or self.user}@{from_host or (self.pbx[0] if self.password else self.ip)}"
        c.from_name = f'"{from_name}" ' if from_name else ""
        c.remote_uri = f"sip:{number}@{self.pbx[0]}:{self.pbx[1]}"
        self.calls[c.call_id] = c
        self.history.append(c)
        c.note(f"invite {number}")
        self.spawn(c._run_invite(extra))
        return c

    # -- arrivals
    def datagram_received(self, data, addr):
        if len(data) < 20:
            return
        m = Msg.parse(data)
        if m.is_response:
            q = self._clients.get((m.branch, m.cseq_method))
            if q is not None:
                q.put_nowait(m)
                if m.cseq_method == "INVITE" and m.code >= 200:
                    c = self.calls.get(m.get("call-id"))
                    if c and c.e_answer.is_set() and m.code < 300:
                        c._ack(m)  # 200 seen again: our ACK was late
            return
        cached = self._cache.get((m.branch, m.method))
        if cached and m.method != "ACK":
            self.transport.sendto(cached, self.pbx)
            return
        self.spawn(self._request(m))

    def _plain(self, m: Msg, code: int, body: str = "", tag: str = "", reason=""):
        to = m.get("to")
        h = [("Via", v) for v in m.all("via")] + [
            ("From", m.get("from")),
            ("To", to if tag_of(to) or not tag else f"{to};tag={tag}"),
            ("Call-ID", m.get("call-id")),
            ("CSeq", m.get("cseq")),
            ("Contact", f"<sip:{self.user}@{self.ip}:{self.port}>"),
        ]
        if body:
            h.append(("Content-Type", "application/sdp"))
        self.respond(m, Msg(f"SIP/2.0 {code} {reason or REASONS.get(code, 'X')}", h, body))

    async def _request(self, m: Msg):
        c = self.calls.get(m.get("call-id"))
        if m.method == "ACK":
            if c:
                c._acked.set()
            return None
        if m.method == "INVITE" and not tag_of(m.get("to")):
            c = Call(self, True, m.get("call-id"))
            c.invite, c.remote_tag = m, tag_of(m.get("from"))
            c.remote_target = uri_of(m.get("contact"))
            c.remote_uri, c.local_uri = uri_of(m.get("from")), uri_of(m.get("to"))
            c.number, c.dialed = user_of(m.get("from")), user_of(m.uri)
            c.rtp = await Rtp.open(self.ip, self.freq)
            self.calls[c.call_id] = c
            self.history.append(c)
            c.note(f"incoming from {c.number} for {c.dialed}")
            c._respond(100)
            if self.behaviour:
                await self.behaviour(c)
            else:
                c.reject(480)
            return None
        if m.method == "INVITE":  # re-INVITE
            if not c:
                return self._plain(m, 481)
            a = sdp_addr(m.body)
            if a:
                c.rtp.remote = a
            d = re.search(r"a=(sendonly|recvonly|inactive)", m.body)
            ans = (
                {"sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}[d.group(1)]
                if d
                else "sendrecv"
            )
            c.sdp_ver += 1
            return self._plain(m, 200, sdp(self.ip, c.rtp.port, ans, 1 + c.sdp_ver))
        if m.method == "CANCEL":
            self._plain(m, 200)
            if c and not c.e_answer.is_set() and not c.e_end.is_set():
                c.reason, c.code, c.result = m.get("reason"), 487, "cancelled"
                c._respond(487)
                c._ended("them")
            return None
        if m.method == "BYE":
            self._plain(m, 200)
            if c:
                c.reason = m.get("reason")
                c._ended("them")
            return None
        if m.method == "NOTIFY":
            self._plain(m, 200)
            f = re.match(r"SIP/2.0 (\d+)", m.body.strip())
            if c and f:
                code = int(f.group(1))
                c.refer_codes.append(code)
                c.note(f"notify {code}")
                if code >= 200 and not c.refer_final.done():
                    c.refer_final.set_result(code)
            return None
        self._plain(m, 200)  # OPTIONS, UPDATE, INFO, MESSAGE


# ---- ready-made behaviours ---------------------------------------------------------------------
def no_answer(ring_after: float = 0.05) -> Behaviour:
    """Ring until the other side gives up."""

    async def f(c: Call):
        await asyncio.sleep(ring_after)
        c.ring()

    return f


def answer_after(seconds: float, talk: float | None = None, early_media: bool = False) -> Behaviour:
    """Ring, answer after seconds; hang up after talk seconds if given."""

    async def f(c: Call):
        await asyncio.sleep(0.05)
        c.ring(early_media)
        if await c.wait("end", seconds):
            return
        c.answer()
        if talk is not None and not await c.wait("end", talk):
            await c.bye()

    return f


def reject_with(code: int, after: float = 0.3, ring: bool = True, extra=()) -> Behaviour:
    async def f(c: Call):
        await asyncio.sleep(0.05)
        if ring:
            c.ring()
        if not await c.wait("end", after):
            c.reject(code, extra)

    return f
