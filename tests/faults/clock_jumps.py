"""The machine's clock is set to and fro by an hour under a working bridge; only the monotonic clock cannot be set.

The process is the real one; what it asks for the time is set here. (libfaketime would do so for every library, but
the daemon does not get through its start under it.)
"""

import sys
from pathlib import Path

from tests.daemon.process import SETTINGS, Bridge, ended
from tests.daemon.test_hardship import until_handled
from tests.faults.load import asking_file, settled

PROGRAM = """#!{python}
import sys, time
from pathlib import Path

true = time.time
time.time = lambda: true() + float(Path({ahead!r}).read_text())

from bridge.cli import main
main()
"""
HOUR = 3600
JUMPS = (0, HOUR, 0, -HOUR, HOUR, 0, -HOUR, 0)
"""How far the clock is ahead of the true time, one after the other."""


def set_clock(file: Path, ahead: int) -> None:
    fresh = file.with_name("fresh")
    fresh.write_text(str(ahead))
    fresh.replace(file)


def test_an_hour_to_and_fro_judges_every_call_once_and_forgets_none(tmp_path, monkeypatch):
    ahead, program = tmp_path / "ahead", tmp_path / "bridge"
    program.write_text(PROGRAM.format(python=sys.executable, ahead=str(ahead)))
    program.chmod(0o755)
    monkeypatch.setattr("tests.daemon.process.BRIDGE", str(program))
    set_clock(ahead, 0)
    bridge = Bridge(tmp_path, SETTINGS.replace('settle = "0s"', 'settle = "1s"'))
    bridge.start()
    for number, jump in enumerate(JUMPS):
        client = f"+4477009005{number:02d}"
        ringing = ended(f"c{number}", client, event_id=f"{number}-ring", type="call.ringing", outcome=None)
        assert bridge.push(ringing)[0] == 202
        until_handled(bridge)
        set_clock(ahead, jump)
        assert bridge.push(ended(f"c{number}", client), ended(f"c{number}", client))[0] == 202
        assert bridge.hears("call.decided")["scenario"] == "S4"  # within PATIENCE: a second's deadline takes some
        if number == len(JUMPS) // 2:
            bridge.kill()  # and the next life begins with another time than the last one had
            set_clock(ahead, -jump)
            bridge.start()
    found = settled(asking_file(bridge))
    bridge.stop()
    assert len(found["calls"]) == len(found["cases"]) == len(found["leads"]) == len(found["tasks"]) == len(JUMPS)
    assert len([line for line in bridge.log if line["event"] == "call.decided"]) == len(JUMPS)
