"""Platforms that push over HTTP (settings only so far)."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, SecretStr


class WebhookSettings(BaseModel):
    """One pushing platform. Secrets are SecretStr fields: the configuration resolves env, file and credential before."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    kind: Literal["webhook"] = "webhook"
    dialect: Literal["generic"] = "generic"
    token: SecretStr | None = None
    secret: SecretStr | None = None
