"""Who asks, and what he may do: an API token, the page's session, or nobody.

A session is a cookie that names a token and until when it counts, signed with the daemon's session key; so revoking
the token ends it, and nothing is kept per visitor. Writes with a session need the session's CSRF token besides.
"""

import hmac
import ipaddress
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from typing import Final, Literal
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from bridge.model.moment import Instant
from bridge.store.tokens import ApiToken
from bridge.web.problems import Refused
from bridge.web.services import Services
from bridge.web.tokens import TokenBook, TooManyTries

Scope = Literal["read", "write"]

SESSION_COOKIE: Final = "bridge_session"
CSRF_HEADER: Final = "X-CSRF-Token"
CSRF_FIELD: Final = "csrf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Who asks. `name` is the token's, None for somebody unknown. `csrf` is what his forms must send back."""

    name: str | None
    scopes: frozenset[str]
    csrf: str | None = None

    def may(self, scope: Scope) -> bool:
        """He may do this."""
        return scope in self.scopes


NOBODY: Final = Visitor(name=None, scopes=frozenset())
ANYBODY: Final = Visitor(name=None, scopes=frozenset({"read"}))


class Gate:
    """Recognises visitors."""

    def __init__(self, services: Services) -> None:
        self._settings = services.settings
        self._clock = services.clock
        self._key = services.session_key
        self._public_host = urlsplit(services.public_url or "").hostname
        self._tokens = TokenBook(services.store, services.clock)

    async def visitor(self, request: web.Request) -> Visitor:
        """Who this is; NOBODY if he says nothing that counts.

        Raises:
            Refused: he showed a token that is not good (401).
            StoreUnavailable: nobody can be recognised now.

        """
        given = request.headers.get(hdrs.AUTHORIZATION)
        if given is not None:
            return await self._bearer(given)
        cookie = request.cookies.get(SESSION_COOKIE)
        token = None if cookie is None else await self._token_of_session(cookie)
        if token is not None and cookie is not None:
            return Visitor(name=token.name, scopes=token.scopes, csrf=self._csrf(cookie))
        return ANYBODY if self._settings.anonymous == "read" and self._asked_by_its_name(request) else NOBODY

    async def require(self, request: web.Request, scope: Scope) -> Visitor:
        """The visitor, who may do this.

        Raises:
            Refused: he may not (401, 403).

        """
        visitor = await self.visitor(request)
        if not visitor.may(scope):
            if visitor.name is None:
                raise unknown_visitor()
            raise Refused(HTTPStatus.FORBIDDEN, f"this token lacks the scope {scope}; `bridge token add` gives one")
        if scope == "write" and visitor.csrf is not None:
            self._require_csrf(request, visitor.csrf, request.headers.get(CSRF_HEADER, ""))
        return visitor

    async def require_form(self, request: web.Request, sent: str) -> Visitor:
        """The visitor who sent a form of the page, with its CSRF field `sent`.

        Raises:
            Refused: he may not, or the form is not from our page.

        """
        visitor = await self.visitor(request)
        if visitor.csrf is None:
            raise unknown_visitor()
        self._require_csrf(request, visitor.csrf, sent)
        if not visitor.may("write"):
            raise Refused(HTTPStatus.FORBIDDEN, "you signed in with a token that may only read")
        return visitor

    async def sign_in(self, text: str) -> str | None:
        """The session cookie for whoever has this token; None if it is none of ours.

        Raises:
            Refused: too many tokens are being tried (429).

        """
        token = await self._token(text.strip())
        if token is None:
            return None
        until = int(self._clock.now() + self._settings.session_hours * 3600)
        named = f"{token.id}.{until}"
        return f"{named}.{self._sign('session', named)}"

    async def _bearer(self, header: str) -> Visitor:
        scheme, _, text = header.partition(" ")
        token = await self._token(text.strip()) if scheme.lower() == "bearer" else None
        if token is None:
            raise Refused(
                HTTPStatus.UNAUTHORIZED, "this token is not good (any more)", headers={hdrs.WWW_AUTHENTICATE: "Bearer"}
            )
        return Visitor(name=token.name, scopes=token.scopes)

    async def _token(self, text: str) -> ApiToken | None:
        try:
            return await self._tokens.token(text)
        except TooManyTries as error:
            raise Refused(
                HTTPStatus.TOO_MANY_REQUESTS, "too many tokens are being tried", headers={hdrs.RETRY_AFTER: "2"}
            ) from error

    async def _token_of_session(self, cookie: str) -> ApiToken | None:
        named, _, signature = cookie.rpartition(".")
        token_id, _, until = named.partition(".")
        if not hmac.compare_digest(_bytes_of(signature), self._sign("session", named).encode()):
            return None
        return await self._tokens.by_id(token_id) if self._clock.now() < Instant(until) else None

    def _require_csrf(self, request: web.Request, csrf: str, sent: str) -> None:
        elsewhere = request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}
        if elsewhere or not hmac.compare_digest(_bytes_of(sent), csrf.encode()):
            raise Refused(HTTPStatus.FORBIDDEN, "this did not come from our page; load the page again and repeat it")

    def _csrf(self, cookie: str) -> str:
        return self._sign("csrf", cookie)

    def _sign(self, purpose: str, text: str) -> str:
        return hmac.new(self._key, f"{purpose} {text}".encode(errors="replace"), sha256).hexdigest()

    def _asked_by_its_name(self, request: web.Request) -> bool:
        """The host that was asked for is this machine's or the public one.

        Another name that leads here may belong to a site in a visitor's browser that wants to read what he may read
        (DNS rebinding); where everybody may read, this is the only thing in its way.
        """
        host = _host_in(request.headers.get(hdrs.HOST, ""))
        return host in {"localhost", self._public_host} or _is_address(host)


def unknown_visitor() -> Refused:
    """He must say who he is."""
    return Refused(
        HTTPStatus.UNAUTHORIZED,
        "send a token: Authorization: Bearer TOKEN; `bridge token add NAME` gives one",
        headers={hdrs.WWW_AUTHENTICATE: "Bearer"},
    )


def _host_in(header: str) -> str:
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _bytes_of(text: str) -> bytes:
    return text.encode(errors="replace")


GATE: Final = web.AppKey("gate", Gate)
