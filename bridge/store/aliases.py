"""From the key of a call to its id, through the keys that turned out to be another call."""

from collections.abc import Collection, Mapping

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model.crm import record_id
from bridge.store.schema import call_alias
from bridge.store.statements import BulkUpsert, rows_for

_KNOWN = select(call_alias.c.key, call_alias.c.call_id).where(call_alias.c.key.in_(bindparam("keys", expanding=True)))
_UPSERT = BulkUpsert(call_alias, ("key", "call_id"))


async def call_ids(conn: AsyncConnection, keys: Collection[str]) -> dict[str, str]:
    """The id that the call with each key has or would have; a merged call's key leads to the call it became."""
    merged: dict[str, str] = dict(await rows_for(conn, _KNOWN, keys))
    return {key: merged.get(key) or record_id("call", key) for key in keys}


async def add_aliases(conn: AsyncConnection, call_of_key: Mapping[str, str]) -> None:
    """From now on each of these keys means the call with this id."""
    await _UPSERT.run(conn, list(call_of_key.items()))


async def keys_of(conn: AsyncConnection, call_id: str) -> list[str]:
    """The other keys under which events of this call came."""
    found = await conn.execute(select(call_alias.c.key).where(call_alias.c.call_id == call_id))
    return [key for (key,) in found]
