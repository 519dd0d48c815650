"""What `[crm]` in bridge.toml may say. Every default stands here, or in flow.limits."""

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from bridge.flow.limits import Limits
from bridge.wire import standard_webhooks

_USUAL = Limits()
DAY = 86400.0
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class EmbeddedCrm(BaseModel):
    """The bridge's own records, and no other system."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["embedded"] = "embedded"


class RemoteCrm(BaseModel):
    """What every remote system has in common; see flow.limits for the meaning. Durations are seconds.

    An alarm tells when what has waited longest is older than `alarm_age_seconds`, or more than `alarm_size` wait.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    per_second: float = Field(default=_USUAL.per_second, gt=0, le=10_000, allow_inf_nan=False)
    burst: int = Field(default=_USUAL.burst, ge=1, le=10_000)
    concurrency: int = Field(default=_USUAL.concurrency, ge=1, le=500)
    timeout_seconds: float = Field(default=_USUAL.timeout, ge=0.1, le=300)
    retry_first_seconds: Positive = _USUAL.retry_first
    retry_most_seconds: Positive = _USUAL.retry_most
    most_attempts: int = Field(default=_USUAL.most_attempts, ge=1, le=1000)
    give_up_days: Positive = _USUAL.give_up / DAY
    hold_seconds: float = Field(default=_USUAL.hold, ge=0, allow_inf_nan=False)
    keep_days: Positive = _USUAL.keep / DAY
    alarm_age_seconds: Positive = 3600.0
    alarm_size: int = Field(default=1000, ge=1)

    @model_validator(mode="after")
    def _first_before_most(self) -> Self:
        if self.retry_first_seconds > self.retry_most_seconds:
            raise ValueError("retry_first_seconds must not exceed retry_most_seconds")
        return self

    @property
    def limits(self) -> Limits:
        """The same for whoever delivers."""
        return Limits(
            per_second=self.per_second,
            burst=self.burst,
            concurrency=self.concurrency,
            timeout=self.timeout_seconds,
            retry_first=self.retry_first_seconds,
            retry_most=self.retry_most_seconds,
            most_attempts=self.most_attempts,
            give_up=self.give_up_days * DAY,
            hold=self.hold_seconds,
            keep=self.keep_days * DAY,
        )


class HttpCrm(RemoteCrm):
    """A CRM of one's own behind a small JSON API (docs/how-to/http-crm.md).

    It is told who we are with `token` (Bearer) or `signing_secret` (Standard Webhooks), or both.
    """

    kind: Literal["http"] = "http"
    url: str = Field(examples=["https://crm.example/bridge"])
    token: SecretStr | None = None
    signing_secret: SecretStr | None = None

    @field_validator("url")
    @classmethod
    def _is_one(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError('write the address with its scheme: "https://crm.example/bridge"')
        if parts.query or parts.fragment or parts.username or parts.password:
            raise ValueError("it takes no user, query or fragment; secrets belong into token or signing_secret")
        return url.rstrip("/")

    @field_validator("token")
    @classmethod
    def _sendable(cls, token: SecretStr | None) -> SecretStr | None:
        text = token.get_secret_value() if token is not None else "-"
        if not (text and text.isascii() and text.isprintable() and " " not in text):
            raise ValueError("must be printable ASCII without blanks: it becomes part of a header")
        return token

    @field_validator("signing_secret")
    @classmethod
    def _readable(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None:
            standard_webhooks.read_secret(secret.get_secret_value())
        return secret

    @model_validator(mode="after")
    def _proves_itself(self) -> Self:
        if self.token is None and self.signing_secret is None:
            raise ValueError('it must know us by a token or a signing_secret: token = { env = "BRIDGE_CRM_TOKEN" }')
        return self


CrmSettings = EmbeddedCrm | HttpCrm
