"""The employees as configured, mirrored into the store for whoever reads it: reports, and tasks of people who left."""

from collections.abc import Iterable

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model.people import Employee
from bridge.store.documents import employee_text
from bridge.store.schema import employee
from bridge.store.statements import BulkUpsert

_MIRROR = BulkUpsert(employee, ("id", "name", "role", "branch", "email", "active", "body"))


async def mirror_employees(conn: AsyncConnection, employees: Iterable[Employee]) -> None:
    """Write them as they are configured now; who is no longer configured stays, as not active."""
    await conn.execute(update(employee).values(active=False))
    rows = [(p.id, p.name, str(p.role), p.branch, p.email, p.active, employee_text(p)) for p in employees]
    await _MIRROR.run(conn, rows)
