"""Where a PBX keeps its call records: the `cdr` table of a source. Every default stands here."""

from datetime import tzinfo
from pathlib import Path
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from bridge.model.call_records import RecordKind
from bridge.sources.record_file import RecordFile
from bridge.store.call_records import RecordTable, parsed
from bridge.wire.records import columns_missing


def _address(written: str) -> str:
    url = parsed(written)
    if url.password is not None:
        raise ValueError('keep the password out of it: password = { env = "NAME" }')
    return written


def _absolute(written: str) -> str:
    if not Path(written).is_absolute():
        raise ValueError('write the whole path: "/var/log/asterisk/cdr-csv/Master.csv"')
    return written


def _zone(written: str) -> str:
    try:
        ZoneInfo(written)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError('this machine knows no such time zone; write an IANA name such as "Europe/Warsaw"') from error
    return written


class CallRecordSettings(BaseModel):
    """One place with call records: a table (`url`, `table`) or a CSV file (`file`, `columns`).

    `kind` says what is in it: `cdr` (call detail records) or `cel` (channel events, which tell more). `table` is
    named like the kind if nothing else is said. `columns` are the names of a file's columns, where neither a header
    line nor the usual order tells them. `timezone` is that of the times (None: the company's own; "UTC" with
    `usegmtime = yes`). `late_seconds` is how long after a call's end the PBX may take to write (with `batch = yes` in
    cdr.conf its `time`), `query_seconds` how long one answer of a database may take.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Annotated[str, AfterValidator(_address)] | None = None
    password: SecretStr | None = None
    table: Annotated[str, Field(min_length=1)] | None = None
    file: Annotated[str, AfterValidator(_absolute)] | None = None
    columns: tuple[Annotated[str, Field(min_length=1)], ...] | None = None
    kind: RecordKind = RecordKind.CDR
    timezone: Annotated[str, AfterValidator(_zone)] | None = None
    late_seconds: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)] = 10.0
    query_seconds: Annotated[float, Field(gt=0, le=300, allow_inf_nan=False)] = 15.0

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.url is None) == (self.file is None):
            raise ValueError("name one place: url (of a database) or file (a CSV file)")
        if self.file is not None and (self.table is not None or self.password is not None):
            raise ValueError("table and password mean nothing to a file")
        if self.file is None and self.columns is not None:
            raise ValueError("columns are those of a file; a table names its own")
        if self.columns is not None and (missing := columns_missing(self.kind, self.columns)):
            raise ValueError(f"columns must also name {', '.join(missing)}")
        return self

    def place(self, zone: tzinfo) -> RecordTable | RecordFile:
        """The place, ready to be read; `zone` is the company's."""
        zone = ZoneInfo(self.timezone) if self.timezone is not None else zone
        if self.file is not None:
            path = Path(self.file)
            return RecordFile(file=path, columns=self.columns, kind=self.kind, zone=zone)
        return RecordTable(
            url=self.url or "",
            password=self.password.get_secret_value() if self.password is not None else None,
            table=self.table or str(self.kind),
            kind=self.kind,
            zone=zone,
            seconds=self.query_seconds,
        )
