#!/usr/bin/env python3
# ruff: noqa: T201, C901, PLR0912, E501  # the kit stands alone: its own clock, tasks and dice, and it prints
"""Print a trace as a short readable sequence, or compare the sequences of two Asterisk versions.

show.py TRACE_DIR [--all]          one line per event; channels get short names (trunk#1, 101#1, L1;1)
show.py --compare DIR16 DIR22      per scenario: events whose number differs
show.py --fields DIR16 DIR22       per event type: fields that only one version sends
show.py --md DIR16 DIR22           all sequences of the second, and what the first has differently, as Markdown
"""

import collections
import gzip
import json
import re
import sys
from pathlib import Path

SKIP = {
    "VarSet",
    "Newexten",
    "TestEvent",
    "RTCPSent",
    "RTCPReceived",
    "QueueMemberStatus",
    "CEL",
    "DeviceStateChange",
    "FullyBooted",
    "SuccessfulAuth",
    "ChallengeSent",
    "ContactStatus",
    "PeerStatus",
    "ExtensionStatus",
    None,
}
SHOW = {
    "Newchannel": ("CallerIDNum", "Exten", "Context"),
    "Newstate": ("ChannelStateDesc",),
    "NewCallerid": ("CallerIDNum", "CallerIDName"),
    "NewConnectedLine": ("ConnectedLineNum",),
    "DialBegin": ("DialString",),
    "DialState": ("DialStatus",),
    "DialEnd": ("DialStatus", "Forward"),
    "BridgeEnter": ("BridgeType", "BridgeNumChannels"),
    "BridgeLeave": ("BridgeNumChannels",),
    "Hangup": ("Cause", "ConnectedLineNum"),
    "HangupRequest": ("Cause",),
    "SoftHangupRequest": ("Cause",),
    "QueueCallerJoin": ("Queue", "Position"),
    "QueueCallerAbandon": ("Queue", "HoldTime"),
    "QueueCallerLeave": ("Queue",),
    "AgentCalled": ("Interface", "MemberName"),
    "AgentConnect": ("Interface", "RingTime", "HoldTime"),
    "AgentComplete": ("Interface", "Reason", "TalkTime"),
    "AgentRingNoAnswer": ("Interface", "RingTime"),
    "BlindTransfer": ("Result", "IsExternal", "Extension"),
    "AttendedTransfer": ("Result", "IsExternal", "DestType"),
    "ParkedCall": ("ParkingSpace", "ParkerDialString"),
    "UnParkedCall": ("ParkingSpace",),
    "ParkedCallTimeOut": ("ParkingSpace",),
    "ParkedCallGiveUp": ("ParkingSpace",),
    "OriginateResponse": ("Response", "Reason", "Exten", "Uniqueid"),
    "Cdr": (
        "Source",
        "Destination",
        "Channel",
        "DestinationChannel",
        "Disposition",
        "Duration",
        "BillableSeconds",
        "LastApplication",
    ),
    "Hold": (),
    "Unhold": (),
    "DTMFBegin": ("Digit",),
    "DTMFEnd": ("Digit",),
    "LocalBridge": (),
    "LocalOptimizationEnd": (),
    "MixMonitorStart": (),
    "MixMonitorStop": (),
    "MusicOnHoldStart": (),
    "Pickup": (),
    "UserEvent": ("UserEvent", "Stage"),
    "MessageWaiting": ("Mailbox", "New"),
    "QueueMemberPause": ("Interface", "Paused"),
}
CHKEYS = (
    "Channel",
    "DestChannel",
    "LocalOneChannel",
    "LocalTwoChannel",
    "TransfererChannel",
    "TransfereeChannel",
    "OrigTransfererChannel",
    "SecondTransfererChannel",
    "TransferTargetChannel",
    "ParkeeChannel",
    "RetrieverChannel",
    "TargetChannel",
    "SourceChannel",
    "DestinationChannel",
)


def load(folder: Path):
    for p in sorted(folder.glob("ami*.jsonl"), key=lambda p: (len(p.name), p.name)):
        raw = gzip.decompress(p.with_name(p.name.replace(".jsonl", ".txt.gz")).read_bytes())
        for ln in p.read_text(encoding="utf-8").splitlines():
            x = json.loads(ln)
            e: dict = {}
            for row in raw[x["o"] : x["o"] + x["n"]].decode("utf-8", "replace").split("\r\n"):
                k, sep, v = row.partition(":")
                if sep:
                    e[k] = v.lstrip(" ") if k not in e else e[k]
            yield x["t"], e


class Names:
    def __init__(self):
        self.d, self.n = {}, collections.Counter()

    def __call__(self, ch: str) -> str:
        if not ch:
            return "-"
        if ch not in self.d:
            m = re.match(r"Local/(.+?)@(.+)-([0-9a-f]+);([12])$", ch)
            if m:
                key = f"L:{m.group(3)}"
                if key not in self.d:
                    self.n["L"] += 1
                    self.d[key] = f"L{self.n['L']}({m.group(1)}@{m.group(2)})"
                self.d[ch] = f"{self.d[key]};{m.group(4)}"
            else:
                b = re.sub(r"-[0-9a-f]{8}.*$", "", ch).replace("PJSIP/", "")
                self.n[b] += 1
                self.d[ch] = f"{b}#{self.n[b]}"
        return self.d[ch]


def lines(folder: Path, everything=False):
    nm = Names()
    for t, e in load(folder):
        ev = e.get("Event")
        if ev in SKIP and not everything:
            continue
        chans = "/".join(nm(e[k]) for k in CHKEYS if e.get(k) and ev != "Cdr")
        extra = " ".join(
            f"{k}={nm(e[k]) if 'Channel' in k and e[k] and '/' in e[k] else e[k]}" for k in SHOW.get(ev, ()) if k in e
        )
        yield t, ev, f"{chans} {extra}".strip()


def main():
    a = sys.argv[1:]
    if not a:
        print(__doc__)
        return
    if a[0] == "--compare":
        for d in sorted(p.name for p in Path(a[2]).iterdir()):
            if not (Path(a[1]) / d).is_dir():
                continue
            c = [collections.Counter(e.get("Event") or "-" for _, e in load(Path(x) / d)) for x in a[1:3]]
            diff = {k: (c[0][k], c[1][k]) for k in sorted(set(c[0]) | set(c[1])) if c[0][k] != c[1][k]}
            print(d, " ".join(f"{k}:{x}/{y}" for k, (x, y) in diff.items()))
        return
    if a[0] == "--fields":
        f = [collections.defaultdict(collections.Counter) for _ in a[1:3]]
        n = [collections.Counter(), collections.Counter()]
        for i, root in enumerate(a[1:3]):
            for p in Path(root).iterdir():
                for _, e in load(p):
                    ev = e.get("Event") or "Response"
                    n[i][ev] += 1
                    f[i][ev].update(e.keys())
        for ev in sorted(set(n[0]) | set(n[1])):
            only = [sorted(set(f[i][ev]) - set(f[1 - i][ev])) for i in (0, 1)]
            print(f"{ev:24s} {n[0][ev]:6d} {n[1][ev]:6d}  only-first={only[0]} only-second={only[1]}")
        return
    if a[0] == "--md":
        print("# Event sequences per scenario\n")
        print(
            "The difference lists leave out BridgeNumChannels and HangupRequest's Cause, which differ throughout (see the report).\n"
        )
        print(
            "Core events only (no VarSet, Newexten, CEL, device and contact states). Time in seconds from the first INVITE.\n"
        )
        for p in sorted(Path(a[2]).iterdir()):
            if not p.is_dir():
                continue
            two, one = list(lines(p)), list(lines(Path(a[1]) / p.name))
            norm = lambda rows: collections.Counter(  # noqa: E731 - times and durations differ from run to run
                re.sub(
                    r"(Duration|BillableSeconds|HoldTime|RingTime|TalkTime|Uniqueid|Waiting|New|BridgeNumChannels)=\S*",
                    "",
                    f"{ev} {tx.split(' ')[0] if ev == 'HangupRequest' else tx}",
                )
                for _, ev, tx in rows
            )
            n1, n2 = norm(one), norm(two)
            print(f"## {p.name}\n\n```")
            for t, ev, tx in two:
                print(f"{t:7.3f} {ev:20s} {tx}".rstrip())
            print("```")
            only1, only2 = sorted((n1 - n2).elements()), sorted((n2 - n1).elements())
            if only1 or only2:
                print("\nOnly in the first version: " + ("; ".join(f"`{x}`" for x in only1) or "-"))
                print("\nOnly in the second: " + ("; ".join(f"`{x}`" for x in only2) or "-"))
            else:
                print("\nSame events in the first version.")
            print()
        return
    for t, ev, txt in lines(Path(a[0]), "--all" in a):
        print(f"{t:7.3f} {ev:22s} {txt}")


if __name__ == "__main__":
    main()
