"""Every version of the scenarios that ever decided something: a running call keeps the one that it began with."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model.moment import Instant
from bridge.store.schema import matrix
from bridge.store.statements import insert_for


async def keep_matrix(conn: AsyncConnection, version: str, text: str, now: Instant) -> None:
    """Keep this version of the scenarios for ever; known ones stay as they are."""
    row = {"version": version, "text": text, "first_used_at": now}
    await conn.execute(insert_for(conn, matrix).on_conflict_do_nothing(), row)


async def matrix_text(conn: AsyncConnection, version: str) -> str | None:
    """The scenarios of this version, as they were written; None if it never decided anything."""
    text: str | None = (await conn.execute(select(matrix.c.text).where(matrix.c.version == version))).scalar()
    return text
