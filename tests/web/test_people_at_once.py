"""Two people change one record at the same moment, on two nodes of one PostgreSQL."""

import asyncio

from bridge.model.crm import LeadStatus
from bridge.store.edits import set_lead_status
from tests.web.house import open_house

PATIENCE = 20
WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


async def until_somebody_waits(store):
    async with asyncio.timeout(PATIENCE):
        while True:
            async with store.reading() as conn:
                if (await conn.exec_driver_sql(WAITING)).all():
                    return
            await asyncio.sleep(0.01)


async def test_a_lead_that_somebody_has_just_lost_cannot_be_won(postgres_url, tmp_path):
    async with open_house(tmp_path, url=postgres_url) as house:
        await house.happen(house.answered())
        (lead,) = (await house.get("/v1/leads")).json["items"]
        async with asyncio.TaskGroup() as tasks, house.store.writing() as conn:
            await set_lead_status(conn, lead["id"], LeadStatus.LOST, house.clock.now())
            winning = tasks.create_task(house.post(f"/v1/leads/{lead['id']}/win"))
            await until_somebody_waits(house.store)
        assert winning.result().status == 409
        assert (await house.get(f"/v1/leads/{lead['id']}")).json["status"] == "lost"
