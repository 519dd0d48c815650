"""API tokens: how their text looks, how it is hashed, and whose text this is."""

import asyncio
import base64
import hashlib
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from bridge.flow.clock import Clock
from bridge.model.crm import record_id
from bridge.model.moment import Instant
from bridge.store.engine import Store
from bridge.store.errors import StoreUnavailable
from bridge.store.tokens import ApiToken, add_token, find_token, note_use

SCOPES: Final = ("read", "write")
"""What a token may be for; `write` does not include `read`."""
ENTROPY: Final = 32
"""Random bytes in a token."""
SECONDS_KNOWN: Final = 5.0
"""How long we rely on what the store said about a token: a revoked one is refused after this time at the latest."""
SECONDS_BETWEEN_USES: Final = 3600.0
MOST_KNOWN: Final = 1000
LONGEST_TOKEN: Final = 200
MOST_VERIFICATIONS: Final = 8
"""Hashes that may wait to be compared; whoever tries tokens faster is told to wait."""

# OWASP's smallest recommendation for argon2id: a token has 256 random bits, so the hash need not be slow, only one-way.
_hasher: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """A token that nobody has seen yet; `text` is shown once, `hash` is kept."""

    id: str
    text: str
    hash: str


class TooManyTries(Exception):  # noqa: N818  # style: an exception is named for what happened
    """More tokens are being tried than we compare at a time."""


def make_token(entropy: bytes) -> NewToken:
    """The token of these random bytes (at least ENTROPY of them): `cb_`, its id, `_`, its secret."""
    if len(entropy) < ENTROPY:
        raise ValueError(f"a token needs {ENTROPY} random bytes, not {len(entropy)}")
    secret = base64.urlsafe_b64encode(entropy).decode().rstrip("=")
    token_id = record_id("token", hashlib.sha256(entropy).hexdigest())
    return NewToken(id=token_id, text=f"cb_{token_id}_{secret}", hash=_hasher.hash(secret))


async def issue_token(
    store: Store, name: str, scopes: Collection[str], *, entropy: bytes, now: Instant
) -> NewToken | None:
    """Make a token and keep its hash; None if the name was taken before."""
    token = await asyncio.to_thread(make_token, entropy)
    async with store.writing() as conn:
        kept = await add_token(conn, token_id=token.id, name=name, hash_text=token.hash, scopes=scopes, now=now)
    return token if kept else None


class TokenBook:
    """Which token a text is. Comparing hashes is paid once per token, not per request."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: OrderedDict[str, tuple[Instant, ApiToken]] = OrderedDict()
        self._verified: OrderedDict[bytes, None] = OrderedDict()
        self._one_at_a_time = asyncio.Lock()
        self._verifying = 0

    async def token(self, text: str) -> ApiToken | None:
        """The token whose text this is, None if it is none of ours or was revoked.

        Raises:
            TooManyTries: come again in a second.
            StoreUnavailable: nobody can be recognised now.

        """
        token_id, secret = _parts(text)
        if token_id is None:
            return None
        token = await self.by_id(token_id)
        if token is None:
            return None
        fingerprint = hashlib.sha256(f"{token.hash} {secret}".encode()).digest()
        if fingerprint not in self._verified:
            if not await self._is_secret_of(token, secret):
                return None
            self._verified[fingerprint] = None
            _keep_newest(self._verified)
        return token

    async def by_id(self, token_id: str) -> ApiToken | None:
        """The token with this id, None if there is none or it was revoked."""
        now = self._clock.now()
        known = self._known.get(token_id)
        if known is not None and now - known[0] < SECONDS_KNOWN:
            return known[1]
        async with self._store.reading() as conn:
            token = await find_token(conn, token_id)
        if token is None:
            self._known.pop(token_id, None)
            return None
        await self._note_use(token, now)
        self._known[token_id] = (now, token)
        _keep_newest(self._known)
        return token

    async def _is_secret_of(self, token: ApiToken, secret: str) -> bool:
        if self._verifying >= MOST_VERIFICATIONS:
            raise TooManyTries
        self._verifying += 1
        try:
            async with self._one_at_a_time:
                return await asyncio.to_thread(_matches, token.hash, secret)
        finally:
            self._verifying -= 1

    async def _note_use(self, token: ApiToken, now: Instant) -> None:
        if token.used_at is not None and now - token.used_at < SECONDS_BETWEEN_USES:
            return
        try:
            async with self._store.writing() as conn:
                await note_use(conn, token.id, now)
        except StoreUnavailable:
            return  # whoever may read may read while the disk is full, too


def _parts(text: str) -> tuple[str | None, str]:
    """Id and secret of a token's text; the id is None when it is no token of ours."""
    prefix, _, rest = text.partition("_")
    token_id, _, secret = rest.partition("_")
    fits = prefix == "cb" and token_id and secret and len(text) <= LONGEST_TOKEN and text.isascii()
    return (token_id if fits else None), secret


def _matches(hash_text: str, secret: str) -> bool:
    try:
        return _hasher.verify(hash_text, secret)
    except (VerificationError, InvalidHashError):
        return False


def _keep_newest(known: OrderedDict[Any, Any]) -> None:
    if len(known) > MOST_KNOWN:
        known.popitem(last=False)
