#!/usr/bin/env python3
# ruff: noqa: TID251, T201  # the kit stands alone: its own clock, tasks and dice, and it prints
"""Run call scenarios on a running lab and write their traces with ground truth.

  calls.py list
  calls.py run 22 NAME [NAME ...]     one or more scenarios (or "all") on the Asterisk 22 lab
      --out DIR                       default: LAB_HOME/traces/<version>
      --skip-existing                 leave scenarios alone whose truth.json is there without problems
Python 3.11+, standard library; sipp only for the scenario that is named after it.
"""

import argparse
import asyncio
import contextlib
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import further  # noqa: F401 - registers its scenarios
from lablib import LAB_HOME, AriEvents, Lab, Skip
from scenarios import REG


async def run_one(version: str, name: str, out: Path) -> str:
    s = REG[name]
    lab = Lab(version)
    await lab.begin(s.get("phones", ("101", "102", "103", "104", "105", "106")))
    if s.get("ari"):
        lab.ari = await AriEvents().connect(lab.http_port)
        await asyncio.sleep(0.2)
        lab.t0 = time.time()
    t = time.time()
    skip = ""
    try:
        await asyncio.wait_for(s["f"](lab), 90)
    except Skip as e:
        skip = str(e)
    except Exception as e:  # noqa: BLE001 - a broken scenario must not stop the others
        lab.problems.append(f"scenario raised {e!r}")
        for u in (*lab.phones.values(), lab.trunk, lab.trunkb):
            for c in list(u.calls.values()):
                with contextlib.suppress(Exception):
                    await asyncio.wait_for(c.bye(), 2)
    took = time.time() - t
    await lab.finish()
    if skip:
        return f"skipped: {skip}"
    lab.write(out / name, name, s["text"])
    size = sum(p.stat().st_size for p in (out / name).iterdir())
    ev = sum(len(c.events) for c in lab.caps)
    return f"{took:5.1f} s  {ev:4d} events  {size // 1024:4d} KiB  " + (
        "ok" if not lab.problems else "PROBLEMS " + "; ".join(lab.problems)
    )


def main() -> int:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = ap.add_subparsers(dest="cmd", required=True)
    sub.add_parser("list")
    r = sub.add_parser("run")
    r.add_argument("version", choices=("16", "22"))
    r.add_argument("names", nargs="+")
    r.add_argument("--out", type=Path)
    r.add_argument("--skip-existing", action="store_true")
    a = ap.parse_args()
    if a.cmd == "list":
        for n, s in REG.items():
            print(f"{n:28s} {s['text']}")
        return 0
    names = list(REG) if a.names == ["all"] else a.names
    out = a.out or LAB_HOME / "traces" / a.version
    bad = 0
    for n in names:
        if n not in REG:
            print(f"{n}: no such scenario")
            bad += 1
            continue
        done = out / n / "truth.json"
        if a.skip_existing and done.exists() and not json.loads(done.read_text())["problems"]:
            continue
        res = asyncio.run(run_one(a.version, n, out))
        bad += "PROBLEMS" in res
        print(f"{a.version} {n:28s} {res}", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
