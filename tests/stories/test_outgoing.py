"""What is decided leaves for the remote CRM in the same transaction, once."""

import shutil

import pytest

from bridge.model.crm import LeadStatus
from bridge.store.outbox import OutboxState
from bridge.wire.effects import name_of
from tests.flow.parcels import listed
from tests.stories.a_day import BLOCKED, a_day
from tests.stories.office import MATRIX, SCENARIOS, Office, open_office
from tests.stories.test_crashes import COMPANY, LATER, PlugPulled, fill, pull_the_plug


def telling(office: Office) -> Office:
    office.lanes.use(office.company, MATRIX, SCENARIOS, system="http")
    office.chores.use(office.company, system="http")
    return office


async def told(folder) -> list[tuple[str, str, str | None]]:
    """Everything that the CRM is to be told, in order for each client."""
    async with open_office(folder, COMPANY) as office:
        office.clock.advance(LATER)
        await telling(office).work()
        items = await listed(office.store)
        assert {item.state for item in items} == {OutboxState.WAITING}
        return sorted(
            ((item.outgoing.lane, place, item.key) for place, item in enumerate(items)),
            key=lambda each: (each[0], each[1]),
        )


def in_order(items) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for lane, _, key in items:
        found.setdefault(lane, []).append(key)
    return found


async def test_a_bridge_without_a_remote_crm_tells_nobody(tmp_path):
    async with open_office(tmp_path, COMPANY) as office:
        await office.store_facts(*a_day())
        office.clock.advance(LATER)
        await office.work()
        assert await listed(office.store) == []


async def test_every_effect_of_every_verdict_is_told_and_the_records_agree(tmp_path):
    async with open_office(tmp_path, COMPANY) as office:
        telling(office)
        await office.store_facts(*a_day())
        office.clock.advance(LATER)
        await office.work()
        items = await listed(office.store)
        made = [name_of(item.outgoing.effect) for item in items]
        assert made.count("open_lead") == len(await office.leads()) > 0
        assert made.count("open_contact") == len(await office.contacts()) > 0
        assert made.count("add_task") == len(await office.tasks()) > 0
        assert made.count("open_case") == len(await office.cases()) > 0
        assert all(item.outgoing.scenario for item in items if item.outgoing.call)
        assert not [item for item in items if BLOCKED in str(item.outgoing)], "a blocked number touches nothing"
        assert all(lead.status is LeadStatus.OPEN for lead in await office.leads())


@pytest.fixture
async def undisturbed(tmp_path):
    await fill(tmp_path / "undisturbed")
    return in_order(await told(tmp_path / "undisturbed"))


async def crash(folder, *, before: int) -> bool:
    async with open_office(folder, COMPANY) as office:
        office.clock.advance(LATER)
        telling(office)
        await pull_the_plug(office.store, before=before)
        office.lanes._size = 40
        try:
            await office.work()
        except PlugPulled:
            return True
        return False


async def test_a_crash_between_any_two_steps_of_a_batch_tells_the_same(tmp_path, undisturbed):
    await fill(tmp_path / "full")
    crashes = 0
    while True:
        folder = tmp_path / str(crashes)
        shutil.copytree(tmp_path / "full", folder)
        if not await crash(folder, before=crashes):
            break
        assert in_order(await told(folder)) == undisturbed, f"crashed before step {crashes}"
        crashes += 3
    assert crashes > 20
