"""The receiver that the how-to page shows does what the page says."""

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.crm.http import HttpCrmAdapter, try_http_crm
from bridge.crm.settings import HttpCrm
from bridge.model.outgoing import Delivered, Parcel
from bridge.wire.effects import NAMES
from tests.flow.hand_clock import HandClock
from tests.flow.parcels import parcels_of

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "http-crm.md").read_text(encoding="utf-8")


@pytest.fixture
def receiver(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    text = program.replace("8090", str(port)).replace(
        "ThreadingHTTPServer((", "server = ThreadingHTTPServer(("
    ).replace(".serve_forever()", "; print('ready', flush=True); server.serve_forever()")  # fmt: skip
    (tmp_path / "receiver.py").write_text(text)
    process = subprocess.Popen(
        [sys.executable, "receiver.py"],
        cwd=tmp_path,
        env={"BRIDGE_CRM_TOKEN": "secret"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout.readline() == b"ready\n"
    yield f"http://127.0.0.1:{port}"
    process.kill()
    process.wait()
    process.stdout.close()


async def test_the_receiver_of_the_page_keeps_the_contract(receiver):
    settings = HttpCrm(url=receiver, token="secret")
    adapter = HttpCrmAdapter(settings, HandClock())
    lead, task, _ = (Parcel(outgoing=item) for item in parcels_of(1))
    assert await adapter.find(lead) is None
    assert await adapter.deliver(lead) == Delivered(id="1")
    assert await adapter.deliver(lead) == Delivered(id="1")
    assert await adapter.find(lead) == Delivered(id="1")
    assert await adapter.deliver(task) == Delivered(id="2")
    await adapter.close()
    assert (await try_http_crm(settings, HandClock())).good
    assert not (await try_http_crm(HttpCrm(url=receiver, token="wrong"), HandClock())).good


def test_the_page_names_every_effect_with_its_member():
    told = re.findall(r"^\| (`[a-z_`, ]+) \| (`[a-z`, ]+) \|", PAGE, flags=re.MULTILINE)
    pairs = set()
    for effects, members in told:
        names, holders = re.findall(r"`(\w+)`", effects), re.findall(r"`(\w+)`", members)
        pairs |= set(zip(names, holders * len(names) if len(holders) == 1 else holders, strict=False))
    assert pairs == set(NAMES.values())
