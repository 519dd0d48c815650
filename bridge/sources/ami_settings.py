"""What a `[[source]]` of kind `ami` may hold. Every default stands here."""

from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from bridge.sources.record_settings import CallRecordSettings
from bridge.sources.recordings import PLACE


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must be one line of printable characters")
    return text


Line = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_one_line)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class AmiSettings(BaseModel):
    """One Asterisk and how we talk to it. Durations are seconds.

    `trunks` are the end-points that lead outside, as Asterisk names them before the dash (`PJSIP/trunk-0000001a` is
    `trunk`); `*` stands for anything; every other end-point is a phone of ours. `login` is `md5` (the secret does not
    travel) or `plain`. `ca_file` is the certificate authority, or the self-signed certificate itself, that the PBX is
    recognised by (None: the system's authorities), `tls_name` the name that its certificate carries when that is not
    `host`. `recordings` and `voicemails` are the links to files, `{file}` being the path below `recordings_folder`
    and `voicemails_folder`; without them calls carry no links.

    `cdr` is where the PBX keeps its call records; without it nobody knows what became of calls while we did not listen.

    The last group has defaults for everybody: `ping_seconds` between two questions whether the PBX is still there,
    `reply_seconds` for any answer, `sweep_seconds` between two comparisons with what the PBX says is going on;
    the first wait before connecting again is at most `retry_first_seconds`, doubled each time up to
    `retry_most_seconds`; a refused login is tried again every `refused_seconds`. `most_waiting` calls may wait for a
    store that is not there; a PBX that tells of more than `most_channels` at once is cut off. `filter` False leaves the
    events unfiltered on the PBX.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    kind: Literal["ami"] = "ami"
    host: Line = "127.0.0.1"
    port: int = Field(default=5038, ge=1, le=65535)
    username: Line
    secret: SecretStr = Field(min_length=1)
    trunks: tuple[Line, ...] = Field(min_length=1)

    login: Literal["md5", "plain"] = "md5"
    tls: bool = False
    ca_file: str | None = None
    tls_name: str | None = None

    recordings: str | None = None
    recordings_folder: str = "/var/spool/asterisk/monitor"
    voicemails: str | None = None
    voicemails_folder: str = "/var/spool/asterisk/voicemail"

    cdr: CallRecordSettings | None = None

    filter: bool = True
    connect_seconds: Seconds = 10.0
    reply_seconds: Seconds = 10.0
    ping_seconds: Seconds = 15.0
    sweep_seconds: Seconds = 300.0
    retry_first_seconds: Seconds = 0.5
    retry_most_seconds: Seconds = 30.0
    refused_seconds: Seconds = 60.0
    most_waiting: int = Field(default=10_000, ge=1)
    most_channels: int = Field(default=50_000, ge=100)
    stop_seconds: Seconds = 2.0

    @field_validator("secret")
    @classmethod
    def _sendable(cls, secret: SecretStr) -> SecretStr:
        _one_line(secret.get_secret_value())
        return secret

    @field_validator("recordings", "voicemails")
    @classmethod
    def _has_place(cls, template: str | None) -> str | None:
        if template is not None and PLACE not in template:
            raise ValueError(f'must say where the file goes: "https://pbx.example/monitor/{PLACE}"')
        return template

    @field_validator("recordings_folder", "voicemails_folder")
    @classmethod
    def _absolute(cls, folder: str) -> str:
        if not PurePosixPath(folder).is_absolute():
            raise ValueError("must be the PBX's absolute path of the folder")
        return folder

    @model_validator(mode="after")
    def _no_contradiction(self) -> Self:
        if not self.tls and (self.ca_file or self.tls_name):
            raise ValueError("ca_file and tls_name mean nothing without tls = true")
        if self.retry_first_seconds > self.retry_most_seconds:
            raise ValueError("retry_first_seconds must not exceed retry_most_seconds")
        return self
