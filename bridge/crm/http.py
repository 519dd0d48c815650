"""A CRM of one's own behind a small JSON API (docs/how-to/http-crm.md has the contract)."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, hdrs

from bridge.crm.answers import of_exception, of_status, senseless
from bridge.crm.settings import HttpCrm
from bridge.flow.answers import NotDelivered
from bridge.flow.clock import Clock
from bridge.flow.trial import Trial
from bridge.model.outgoing import Delivered, Parcel
from bridge.wire import standard_webhooks
from bridge.wire.effects import effect_document

KEY_HEADER: Final = "Idempotency-Key"
LARGEST_ANSWER: Final = 64 * 1024
LONGEST_ID: Final = 255
NO_KEY: Final = "connection-test"
"""The key of nothing, to ask for when only the way is to be tried."""


class HttpCrmAdapter:
    """Tells this CRM; `close` when it is no longer needed."""

    def __init__(self, settings: HttpCrm, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._url = f"{settings.url}/effects"
        secret = settings.signing_secret
        self._key = None if secret is None else standard_webhooks.read_secret(secret.get_secret_value())
        self._session: ClientSession | None = None

    async def deliver(self, parcel: Parcel) -> Delivered:
        """POST /effects; raises NotDelivered."""
        body = json.dumps(effect_document(parcel), ensure_ascii=False, allow_nan=False).encode()
        key = parcel.outgoing.key
        headers = {KEY_HEADER: key, str(hdrs.CONTENT_TYPE): "application/json"}
        return _delivered(await self._ask(hdrs.METH_POST, self._url, key, body, headers))

    async def find(self, parcel: Parcel) -> Delivered | None:
        """GET /effects/{key}: None if it is not there; raises NotDelivered."""
        return await self.look(parcel.outgoing.key)

    async def look(self, key: str) -> Delivered | None:
        """What it has under this key, as `find`."""
        answer = await self._ask(hdrs.METH_GET, f"{self._url}/{key}", key, b"", {}, missing=True)
        return None if answer is None else _delivered(answer)

    async def reauthorise(self) -> bool:
        """No: the secrets stand in bridge.toml, and only a person can change them."""
        return False

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    async def _ask(
        self, method: str, url: str, key: str, body: bytes, headers: Mapping[str, str], *, missing: bool = False
    ) -> str | None:
        """The text of a good answer; None if it is `missing`, where that may be."""
        proof = {} if self._key is None else self._signed(key, body)
        try:
            async with self._open().request(
                method, url, data=body or None, headers={**headers, **proof}, allow_redirects=False
            ) as response:
                if missing and response.status == HTTPStatus.NOT_FOUND:
                    return None
                text = await _text(response)
                refusal = of_status(response.status, response.headers, text or "", now=self._clock.now())
        except (ClientError, OSError) as error:
            raise of_exception(error) from error
        if refusal is not None:
            raise refusal
        if text is None:
            raise senseless(f"it is longer than {LARGEST_ANSWER} bytes")
        return text

    def _signed(self, key: str, body: bytes) -> Mapping[str, str]:
        return standard_webhooks.signed_headers(self._key or b"", message_id=key, now=self._clock.now(), body=body)

    def _open(self) -> ClientSession:
        if self._session is None:
            token = self._settings.token
            known = {} if token is None else {str(hdrs.AUTHORIZATION): f"Bearer {token.get_secret_value()}"}
            self._session = ClientSession(
                headers={str(hdrs.USER_AGENT): "callbridge", str(hdrs.ACCEPT): "application/json", **known},
                timeout=ClientTimeout(total=self._settings.timeout_seconds),
                cookie_jar=DummyCookieJar(),
                connector=TCPConnector(limit=self._settings.concurrency),
            )
        return self._session


async def _text(response: ClientResponse) -> str | None:
    """The body; None if it is longer than any sensible answer."""
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > LARGEST_ANSWER:
            response.close()
            return None
    return body.decode(errors="replace")


def _delivered(answer: str | None) -> Delivered:
    try:
        said: Any = json.loads(answer or "")
    except (ValueError, RecursionError):
        raise senseless("it is no JSON") from None
    given = said.get("id") if isinstance(said, dict) else None
    if isinstance(given, int) and not isinstance(given, bool):
        given = str(given)
    if not (isinstance(given, str) and 0 < len(given) <= LONGEST_ID and given.isprintable()):
        raise senseless("it has no id")
    return Delivered(id=given)


async def try_http_crm(settings: HttpCrm, clock: Clock) -> Trial:
    """Ask this CRM for an effect that it never had, and see whether it knows us; for `bridge check --connect`."""
    adapter = HttpCrmAdapter(settings, clock)
    try:
        found = await adapter.look(NO_KEY)
    except NotDelivered as why:
        told = f"{why.problem}: {why.detail}" if why.detail else why.problem
        return Trial(good=False, detail=told)
    finally:
        await adapter.close()
    said = "says that it has what it never had" if found else "answers, and knows us"
    return Trial(good=not found, detail=f"{settings.url} {said}")
