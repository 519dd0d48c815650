"""S3-24: a row is edited; the next call follows it, running calls keep the version that they began with."""

from bridge.rules.matrix import read_matrix
from tests.flow.builders import BELLA, acme, missed, ringing
from tests.stories.office import MATRIX, SCENARIOS, open_office

EDITED = SCENARIOS.replace('name = "S4"', 'name = "S4-edited"')
EDITED_MATRIX = read_matrix(EDITED)


async def test_a_running_call_keeps_its_scenarios_and_the_next_one_follows_the_edited_ones(office):
    await office.hear(ringing("c1"))
    office.lanes.use(office.company, EDITED_MATRIX, EDITED)
    await office.settle(ringing("c2", client_number=BELLA), missed("c1"), missed("c2", client_number=BELLA))
    assert (await office.call("shop/c1")).scenario == "S4"
    assert (await office.call("shop/c2")).scenario == "S4-edited"


async def test_a_running_call_keeps_its_scenarios_over_a_restart_with_edited_ones(tmp_path):
    async with open_office(tmp_path) as office:
        await office.hear(ringing("c1"))
    async with open_office(tmp_path) as office:
        office.lanes.use(office.company, EDITED_MATRIX, EDITED)
        await office.settle(missed("c1"), missed("c2", client_number=BELLA))
        assert (await office.call("shop/c1")).scenario == "S4"
        assert (await office.call("shop/c2")).scenario == "S4-edited"
        (made,) = await office.verdicts("shop/c1")
        assert made.matrix == MATRIX.version


async def test_the_company_changes_for_the_next_batch(office):
    await office.hear(missed())
    office.lanes.use(acme(task_deadline=60.0), MATRIX, SCENARIOS)
    await office.pass_by(3)
    (task,) = await office.tasks()
    assert task.due_at is not None
    assert task.due_at - office.clock.now() < 60
