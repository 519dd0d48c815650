"""Platforms that push over HTTP: `POST /hooks/{source}` (docs/how-to/webhook.md).

A request is answered in the order in which it gets expensive: who is it (404), is he allowed (401), too large (413),
too fast (429), readable (422), stored (202 or 503). Nothing of a refused request is kept, but for the body that could
not be read, which goes into the quarantine.
"""

import asyncio
import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Literal, Self

from aiohttp import hdrs, web
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from bridge.flow.clock import Clock
from bridge.flow.intake import Intake, Overloaded, Stopping
from bridge.flow.pace import TokenBucket
from bridge.flow.replay import StillUnreadable
from bridge.model.events import Event
from bridge.model.moment import Instant
from bridge.sources.room import Room
from bridge.store.errors import StoreError
from bridge.store.journal import Quarantined
from bridge.wire import generic, problems, standard_webhooks
from bridge.wire.problems import Problem, Unreadable, shown

MOST_UNFINISHED = 64 * 1024 * 1024
"""Bytes of bodies that are not whole yet, of all senders together; whoever comes later is asked to come again."""
MOST_UNPROVED = 16 * 1024 * 1024
"""The same, of those whose signature can be looked at only when the body is whole: anybody may pretend to have one."""
SECONDS_FOR_ROOM = 2
SECONDS_FOR_A_STORE = 5
"""After which a store that was full or locked is worth another try."""


class WebhookSettings(BaseModel):
    """One pushing platform. It proves itself with `token` (Bearer) or `signing_secret` (Standard Webhooks), or either.

    `per_second` requests are let through for as long as they come, `burst` at once; more are told to wait. `max_body`
    is in bytes; `body_seconds` is how long it may take: who needs longer for a mebibyte is lost or hostile.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    kind: Literal["webhook"] = "webhook"
    dialect: Literal["generic"] = "generic"
    token: SecretStr | None = None
    signing_secret: SecretStr | None = None
    per_second: float = Field(default=5000.0, gt=0)
    burst: int = Field(default=10_000, ge=1)
    max_body: int = Field(default=1024 * 1024, ge=1024, le=16 * 1024 * 1024)
    body_seconds: float = Field(default=10.0, gt=0, le=300)

    @field_validator("signing_secret")
    @classmethod
    def _readable(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None:
            standard_webhooks.read_secret(secret.get_secret_value())
        return secret

    @model_validator(mode="after")
    def _proved_somehow(self) -> Self:
        if not (self.token and self.token.get_secret_value()) and self.signing_secret is None:
            raise ValueError('a webhook needs a token or a signing_secret: token = { env = "BRIDGE_SHOP_TOKEN" }')
        return self


class _Hook:
    """One source as the receiver needs it at each request."""

    __slots__ = ("bucket", "key", "settings", "token")

    def __init__(self, settings: WebhookSettings, now: Instant) -> None:
        self.settings = settings
        self.token = settings.token.get_secret_value().encode() if settings.token else None
        secret = settings.signing_secret
        self.key = standard_webhooks.read_secret(secret.get_secret_value()) if secret else None
        self.bucket = TokenBucket(per_second=settings.per_second, burst=settings.burst, now=now)


class WebhookReceiver:
    """The receiver of every webhook source; `receive` is the handler of `/hooks/{source}`."""

    def __init__(self, sources: Iterable[WebhookSettings], *, intake: Intake, clock: Clock) -> None:
        self._intake = intake
        self._clock = clock
        self._hooks: dict[str, _Hook] = {}
        self._unfinished = Room(MOST_UNFINISHED)
        self._unproved = Room(MOST_UNPROVED)
        self.configure(sources)

    def configure(self, sources: Iterable[WebhookSettings]) -> None:
        """Receive for these sources from now on; those that did not change keep their pace."""
        known = self._hooks
        now = self._clock.now()
        self._hooks = {
            settings.id: hook
            if (hook := known.get(settings.id)) is not None and hook.settings == settings
            else _Hook(settings, now)
            for settings in sources
        }

    async def receive(self, request: web.Request) -> web.Response:
        """Answer one push."""
        hook = self._hooks.get(request.match_info["source"])
        if hook is None:
            return _problem(
                HTTPStatus.NOT_FOUND, "no source of this name takes webhooks; see [[source]] in bridge.toml"
            )
        refused = _refuse_by_its_head(hook, request.headers)
        if refused is not None:
            return refused
        proved = hdrs.AUTHORIZATION in request.headers and hook.token is not None
        body = await _read_body(request, hook.settings, self._unfinished if proved else self._unproved)
        if isinstance(body, web.Response):
            return body
        now = self._clock.now()
        if hook.key is not None and standard_webhooks.SIGNATURE_HEADER in request.headers:
            wrong = standard_webhooks.refusal(hook.key, request.headers, body, now=now)
            if wrong is not None:
                return _unauthorised(wrong)
        wait = hook.bucket.take(now)  # after the proof: nobody else can use up what the source may send
        if wait:
            return _too_fast(hook.settings.per_second, wait)
        return await self._take(request, hook.settings.id, body, now)

    async def _take(self, request: web.Request, source: str, body: bytes, now: Instant) -> web.Response:
        """Store what the body says, or the body itself if it cannot be read."""
        events = generic.read_events(body, source=source, received_at=now)
        try:
            if isinstance(events, Unreadable):
                content_type = (
                    request.headers.get(hdrs.CONTENT_TYPE, "").encode(errors="replace").decode()[:255] or None
                )
                await self._intake.quarantine(source, content_type, body, str(events))
                return _explained(events, request)
            accepted = await self._intake.accept(events)
        except (Overloaded, Stopping) as error:
            return _come_again(type(error).__name__.lower(), error.retry_after)
        except StoreError:
            return _come_again("the store cannot be written to", SECONDS_FOR_A_STORE)
        return web.Response(
            status=HTTPStatus.ACCEPTED,
            body=b'{"accepted": %d, "duplicates": %d}' % (accepted.accepted, accepted.duplicates),
            content_type="application/json",
        )


def read_again(hooks: Iterable[WebhookSettings], body: Quarantined, now: Instant) -> Sequence[Event]:
    """The events in a body that could not be read when it came, as its source reads it now.

    Raises:
        StillUnreadable: it still cannot, or there is no such source any more.

    """
    if all(hook.id != body.source for hook in hooks):
        raise StillUnreadable(f"no webhook has the id {shown(body.source)} any more")
    events = generic.read_events(body.body, source=body.source, received_at=now)
    if isinstance(events, Unreadable):
        raise StillUnreadable(str(events))
    return events


def _refuse_by_its_head(hook: _Hook, headers: Mapping[str, str]) -> web.Response | None:
    """What can be refused before the body is read; a signature is looked at later, it covers the body."""
    given = headers.get(hdrs.AUTHORIZATION)
    signed = hook.key is not None and standard_webhooks.SIGNATURE_HEADER in headers
    if given is not None and hook.token is not None:
        scheme, _, token = given.partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(_bytes_of(token.strip()), hook.token):
            return _unauthorised("the token is not this source's token")
    elif not signed:
        return _unauthorised("say who you are: Authorization: Bearer TOKEN, or the Standard Webhooks headers")
    encoding = headers.get(hdrs.CONTENT_ENCODING, "identity")
    if encoding.lower() != "identity":
        return _problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send the body uncompressed", {hdrs.ACCEPT_ENCODING: "identity"}
        )
    return None


async def _read_body(request: web.Request, settings: WebhookSettings, room: Room) -> bytes | web.Response:
    """The body, or why it is not read to its end."""
    most = settings.max_body
    if request.content_length is not None and request.content_length > most:
        return _too_large(most)
    try:
        if request.content.is_eof():  # it came with its head, as nearly every push does
            body = request.content.read_nowait(-1)
            return body if len(body) <= most else _too_large(most)
        async with asyncio.timeout(settings.body_seconds):
            return await _read_slowly(request, most, room)
    except TimeoutError:
        return _problem(HTTPStatus.REQUEST_TIMEOUT, f"the body took longer than {settings.body_seconds:g} seconds")
    except (web.RequestPayloadError, ConnectionError):
        return _problem(HTTPStatus.BAD_REQUEST, "the body is not what its headers promise")


async def _read_slowly(request: web.Request, most: int, room: Room) -> bytes | web.Response:
    body = bytearray()
    taken = 0
    try:
        async for piece in request.content.iter_any():
            if not room.take(len(piece)):
                return _come_again("too many bodies are on their way", SECONDS_FOR_ROOM)
            taken += len(piece)
            body += piece
            if len(body) > most:
                return _too_large(most)
        return bytes(body)
    finally:
        room.give_back(taken)


def _explained(unreadable: Unreadable, request: web.Request) -> web.Response:
    detail = "the body holds no event; it was put into the quarantine"
    if request.content_type not in {"application/json", "application/octet-stream"}:
        detail += f" (send it as application/json, it came as {problems.shown(request.content_type)})"
    return _problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=unreadable.problems)


def _too_fast(per_second: float, wait: float) -> web.Response:
    detail = f"this source may push {per_second:g} times a second; wait for Retry-After seconds"
    return _problem(HTTPStatus.TOO_MANY_REQUESTS, detail, {hdrs.RETRY_AFTER: str(int(wait) + 1)})


def _too_large(most: int) -> web.Response:
    return _problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is larger than {most} bytes; send fewer events at once"
    )


def _come_again(why: str, seconds: int) -> web.Response:
    detail = f"nothing was stored ({why}); send it again after Retry-After seconds"
    return _problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, {hdrs.RETRY_AFTER: str(seconds)})


def _unauthorised(detail: str) -> web.Response:
    return _problem(HTTPStatus.UNAUTHORIZED, detail, {hdrs.WWW_AUTHENTICATE: "Bearer"})


def _problem(
    status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None, errors: Iterable[Problem] = ()
) -> web.Response:
    document = problems.problem_document(status, detail, tuple(errors))
    return web.Response(status=status, text=json.dumps(document), headers=headers, content_type=problems.CONTENT_TYPE)


def _bytes_of(text: str) -> bytes:
    return text.encode(errors="surrogateescape")  # as aiohttp has decoded it
