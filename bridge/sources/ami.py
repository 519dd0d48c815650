"""Asterisk over its manager interface (settings only so far)."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class AmiSettings(BaseModel):
    """One Asterisk. Secrets are SecretStr fields: the configuration resolves env, file and credential before."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    kind: Literal["ami"] = "ami"
    host: str = "127.0.0.1"
    port: int = Field(default=5038, ge=1, le=65535)
    username: str
    secret: SecretStr
    trunks: tuple[str, ...] = ()
    recordings: str | None = None
