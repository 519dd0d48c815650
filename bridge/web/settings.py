"""What `[web]` in bridge.toml may say."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator


class WebSettings(BaseModel):
    """Where the API and the page are, and who may see them.

    `listen` is HOST:PORT (an IPv6 address in brackets); beyond this machine put a proxy with TLS in front of it.
    `anonymous` is what somebody without a token may do: nothing, or read. `session_hours` is how long the page
    remembers a token.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    listen: str = "127.0.0.1:8080"
    anonymous: Literal["none", "read"] = "none"
    session_hours: float = Field(default=12.0, gt=0, le=24 * 90)

    @field_validator("listen")
    @classmethod
    def _host_and_port(cls, listen: str) -> str:
        host, _, port = listen.rpartition(":")
        highest_port = 65535
        if not host or not port.isdecimal() or int(port) > highest_port:
            raise ValueError(f"{listen!r} is not HOST:PORT; write it as 127.0.0.1:8080")
        return listen

    @property
    def host(self) -> str:
        """The address to bind, without the brackets of IPv6."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port to bind; 0 takes any free one."""
        return int(self.listen.rpartition(":")[2])
