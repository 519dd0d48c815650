"""Which version of the tables a store has, asked with plain SQL: Alembic is loaded only when there is work for it."""

from enum import StrEnum

from sqlalchemy import String, column, inspect, select, table
from sqlalchemy.engine import Connection as SyncConnection
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.store.errors import MoveUnfinished, SchemaOutdated, SchemaTooNew

REVISIONS = ("0001", "0002", "0003", "0004")
"""Every revision in migrations/versions, oldest first; a test compares."""
HEAD = REVISIONS[-1]
VERSION_TABLE = "alembic_version"
MOVING = f"moving {HEAD}"
"""The revision of a store to which another one is being moved: nobody may work on it before it is whole."""


class SchemaState(StrEnum):
    """EMPTY: no tables at all. OUTDATED and TOO_NEW: another callbridge wrote it. MOVING: a move to it is not over."""

    EMPTY = "empty"
    OUTDATED = "outdated"
    CURRENT = "current"
    TOO_NEW = "too_new"
    MOVING = "moving"


async def found_revision(conn: AsyncConnection) -> str | None:
    """The revision of the tables in this database; None if it has no tables of ours."""
    return await conn.run_sync(_found_revision)


def _found_revision(conn: SyncConnection) -> str | None:
    if not inspect(conn).has_table(VERSION_TABLE):
        return None
    version = table(VERSION_TABLE, column("version_num", String))
    return conn.execute(select(version.c.version_num)).scalar_one_or_none()


def state_of(revision: str | None) -> SchemaState:
    """What this revision is to this version of the program."""
    if revision is None:
        return SchemaState.EMPTY
    if revision == HEAD:
        return SchemaState.CURRENT
    if revision.startswith("moving "):
        return SchemaState.MOVING
    return SchemaState.OUTDATED if revision in REVISIONS else SchemaState.TOO_NEW


async def require_current(conn: AsyncConnection) -> None:
    """Refuse a store whose tables are not exactly ours.

    Raises:
        SchemaOutdated: it is empty or older.
        SchemaTooNew: it is newer.
        MoveUnfinished: it is not whole yet.

    """
    revision = await found_revision(conn)
    if refuse_unusable(revision) is not SchemaState.CURRENT:
        raise SchemaOutdated(f"its tables have revision {revision or 'none'}, this version needs {HEAD}")


def refuse_unusable(revision: str | None) -> SchemaState:
    """What this revision is to this version of the program, if something can be done with it.

    Raises:
        SchemaTooNew: only a newer version can.
        MoveUnfinished: it must become whole first.

    """
    state = state_of(revision)
    if state is SchemaState.TOO_NEW:
        raise SchemaTooNew(f"its tables have revision {revision}, this version knows {HEAD}")
    if state is SchemaState.MOVING:
        raise MoveUnfinished
    return state
