"""The page in a real Chromium: `pytest tests/lab/page_in_a_browser.py`."""

import pytest

from tests.flow.builders import BELLA
from tests.lab.browser import open_tab
from tests.web.house import open_house

PAGES = ("/", "/calls", "/tasks", "/leads", "/cases", "/blocked", "/docs", "/sign-in")
SIZES = ((390, 844), (1280, 900))
LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"

# How well the text of every element can be read (WCAG 2, relative luminance); gives those below 4.5 to 1.
FAINT = """
(() => {
  const part = (c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  const read = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const colour = read(getComputedStyle(node).backgroundColor);
      if (colour.length === 3 || (colour.length === 4 && colour[3] === 1)) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const node of document.querySelectorAll("main *, header *")) {
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
    if (!own || node.closest(".unseen, svg, .skip") || !node.getClientRects().length) continue;
    const [a, b] = [light(read(getComputedStyle(node).color)), light(behind(node))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) faint.push(`${node.textContent.trim().slice(0, 30)}: ${contrast.toFixed(2)}`);
  }
  return faint;
})()
"""


@pytest.fixture
async def house(tmp_path):
    async with open_house(tmp_path) as opened:
        yield opened


@pytest.fixture
async def tab(tmp_path_factory):
    async with open_tab(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
async def busy(house, tab):
    """A day with everything in it, and a browser that is signed in."""
    await house.happen(
        house.call(client_name=LONG, utm={"source": LONG, "campaign": "autumn"}),
        house.answered("c-2", client_number=BELLA, client_name="Bella Cruz", recording_url="https://pbx.example/2.mp3"),
        house.call("c-3", outcome="voicemail", client_number="+447700900333", client_name=None),
        house.call("c-4", client_number=None, client_name=None),
    )
    await house.happen(house.answered("c-5", client_number=BELLA, employee="102"))
    await house.happen(house.call("c-6", type="call.ringing", outcome=None, ring_seconds=None))
    await house.post("/v1/blocked-numbers", json={"number": "+447700900777", "reason": LONG})
    await tab.cookie(house.address, "bridge_session", await house.sign_in())
    return house


async def every_address(house):
    calls = (await house.get("/v1/calls")).json["items"]
    leads = (await house.get("/v1/leads")).json["items"]
    return [*PAGES, *(f"/calls/{call['id']}" for call in calls), f"/leads/{leads[0]['id']}"]


async def test_every_page_fits_can_be_read_and_has_nothing_to_complain_about(busy, tab):
    for width, height in SIZES:
        await tab.size(width, height)
        for scheme in ("light", "dark"):
            await tab.prefer(scheme)
            for path in await every_address(busy):
                await tab.go(busy.address + path)
                assert await tab.value("document.documentElement.scrollWidth <= innerWidth"), (path, width)
                assert await tab.value(FAINT) == [], (path, scheme)
    assert tab.complaints == []


async def test_a_new_call_appears_by_itself(busy, tab):
    await tab.go(busy.address + "/")
    await tab.until("document.getElementById('live-state').textContent == 'Live'")
    await tab.value("window.untouched = true")
    await busy.happen(busy.call("c-9", client_number="+447700900444", client_name="Dora Lind"))
    await tab.until("document.getElementById('latest').textContent.includes('Dora Lind')")
    assert await tab.value("window.untouched")
    assert tab.complaints == []


async def test_a_part_in_which_somebody_works_is_left_alone(busy, tab):
    await tab.go(busy.address + "/")
    await tab.until("document.getElementById('live-state').textContent == 'Live'")
    await tab.value("document.querySelector('#urgent button').focus()")
    await busy.happen(busy.call("c-9", client_number="+447700900444", client_name="Dora Lind"))
    await tab.until("document.getElementById('latest').textContent.includes('Dora Lind')")
    assert await tab.value("document.activeElement.matches('#urgent button')")


async def test_a_person_signs_in_once_and_finishes_a_task(house, tab):
    await house.happen(house.call())
    await tab.go(house.address + "/tasks")
    assert await tab.value("location.pathname + location.search") == "/sign-in?next=/tasks"
    await tab.value(f"document.querySelector('[name=token]').value = {house.tokens['all']!r}")
    await tab.value("document.querySelector('main form').requestSubmit()")
    await tab.until("location.pathname == '/tasks' && document.readyState == 'complete'")
    assert await tab.value("document.cookie") == ""
    await tab.value("document.querySelector('.task button').click()")
    await tab.until("document.body.textContent.includes('Nothing to do')")
    assert (await house.get("/v1/tasks")).json["items"][0]["status"] == "done"
    assert tab.complaints == []


async def test_the_page_can_be_read_and_used_without_javascript(busy, tab):
    await tab.scripts(on=False)
    for path in await every_address(busy):
        await tab.go(busy.address + path)
        assert len(await tab.value("document.querySelector('main').innerText")) > 20, path
    await tab.go(busy.address + "/")
    assert "Bella Cruz" in await tab.value("document.getElementById('latest').innerText")


async def test_a_lost_connection_is_told_and_comes_back(busy, tab):
    await tab.go(busy.address + "/")
    await tab.until("document.getElementById('live-state').textContent == 'Live'")
    await tab.command(
        "Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=-1, uploadThroughput=-1
    )
    await busy.happen(busy.call("c-9", client_number="+447700900444", client_name="Dora Lind"))
    await tab.command(
        "Network.emulateNetworkConditions", offline=False, latency=0, downloadThroughput=-1, uploadThroughput=-1
    )
    await tab.until("document.getElementById('latest').textContent.includes('Dora Lind')", seconds=20)
