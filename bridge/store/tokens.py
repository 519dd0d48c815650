"""API tokens, by their hashes; what a token's text is and how it is hashed is the web's matter."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model.moment import Instant
from bridge.store.schema import api_token


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    """What may call the API in our name. `name` is unique among all that ever were; `used_at` is about when it was."""

    id: str
    name: str
    hash: str
    scopes: frozenset[str]
    created_at: Instant
    used_at: Instant | None = None
    revoked_at: Instant | None = None


_COLUMNS = (
    api_token.c.id,
    api_token.c.name,
    api_token.c.hash,
    api_token.c.scopes,
    api_token.c.created_at,
    api_token.c.used_at,
    api_token.c.revoked_at,
)


def _token(row: Sequence[Any]) -> ApiToken:
    id_, name, hash_, scopes, created_at, used_at, revoked_at = row
    return ApiToken(
        id=id_,
        name=name,
        hash=hash_,
        scopes=frozenset(scopes.split()),
        created_at=created_at,
        used_at=used_at,
        revoked_at=revoked_at,
    )


async def add_token(
    conn: AsyncConnection, *, token_id: str, name: str, hash_text: str, scopes: Collection[str], now: Instant
) -> bool:
    """Keep a new token; False if the name was taken before (a revoked token keeps its name)."""
    taken = await conn.execute(select(api_token.c.id).where((api_token.c.name == name) | (api_token.c.id == token_id)))
    if taken.first() is not None:
        return False
    row = {"id": token_id, "name": name, "hash": hash_text, "scopes": " ".join(sorted(scopes)), "created_at": now}
    await conn.execute(insert(api_token), row)
    return True


async def api_tokens(conn: AsyncConnection) -> list[ApiToken]:
    """Every token, revoked ones too, the newest first."""
    rows = await conn.execute(select(*_COLUMNS).order_by(api_token.c.created_at.desc(), api_token.c.id))
    return [_token(row) for row in rows]


async def find_token(conn: AsyncConnection, token_id: str) -> ApiToken | None:
    """The token with this id, unless it is revoked."""
    found = await conn.execute(select(*_COLUMNS).where(api_token.c.id == token_id, api_token.c.revoked_at.is_(None)))
    row = found.first()
    return None if row is None else _token(row)


async def note_use(conn: AsyncConnection, token_id: str, now: Instant) -> None:
    """Note that the token was used; callers do this now and then, not at every request."""
    await conn.execute(update(api_token).where(api_token.c.id == token_id).values(used_at=now))


async def revoke_token(conn: AsyncConnection, name: str, now: Instant) -> bool:
    """Revoke the token of this name; False if there is none that is still good."""
    revoked = await conn.execute(
        update(api_token).where(api_token.c.name == name, api_token.c.revoked_at.is_(None)).values(revoked_at=now)
    )
    return revoked.rowcount > 0
