import json

from sqlalchemy import select

from bridge.model.people import Employee, Role
from bridge.store.schema import employee
from bridge.store.staff import mirror_employees

JAN = Employee(id="jan", name="Jan Kowalski", extensions=("101",))
OLGA = Employee(id="olga", name="Olga Senior", role=Role.SENIOR)


async def mirrored(store):
    async with store.reading() as conn:
        return {row.id: row for row in await conn.execute(select(employee))}


async def test_the_store_names_the_employees_as_configured(store):
    async with store.writing() as conn:
        await mirror_employees(conn, [JAN, OLGA])
    found = await mirrored(store)
    assert (found["olga"].role, found["jan"].active) == ("senior", True)
    assert json.loads(found["jan"].body)["extensions"] == ["101"]


async def test_who_is_no_longer_configured_stays_as_one_who_left(store):
    async with store.writing() as conn:
        await mirror_employees(conn, [JAN, OLGA])
    async with store.writing() as conn:
        await mirror_employees(conn, [OLGA])
    found = await mirrored(store)
    assert (found["jan"].name, found["jan"].active, found["olga"].active) == ("Jan Kowalski", False, True)
