"""The sections of bridge.toml as they are written, each key with its type, default and example.

Only the shape is checked here; what one section says about another is checked in `bridge.config.company`.
"""

from collections.abc import Callable
from dataclasses import fields
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, StrictBool

from bridge.config.values import (
    read_country,
    read_duration,
    read_email,
    read_hours,
    read_id,
    read_store_url,
    read_timezone,
    read_url,
)
from bridge.model.people import Policy, Role

_POLICY: dict[str, Any] = {field.name: field.default for field in fields(Policy)}


def _number_or_text(written: object) -> object:
    """An extension written without quotes is meant as text."""
    return str(written) if isinstance(written, int) and not isinstance(written, bool) else written


def _kept(read: Callable[[str], object]) -> AfterValidator:
    """Checks that the text can be read, and keeps it as written: whoever needs the value reads it again."""

    def check(written: str) -> str:
        read(written)
        return written

    return AfterValidator(check)


Text = Annotated[str, Field(min_length=1)]
Id = Annotated[str, AfterValidator(read_id)]
Extension = Annotated[str, BeforeValidator(_number_or_text), Field(min_length=1)]
Duration = Annotated[float, BeforeValidator(read_duration)]
Timezone = Annotated[str, AfterValidator(read_timezone)]


class Section(BaseModel):
    """What every section has in common: unknown keys are errors, and nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class BridgeSection(Section):
    """[bridge]: the company as a whole, and where the daemon keeps its data."""

    name: Text = "callbridge"
    country: Annotated[str, AfterValidator(read_country)] = Field(examples=["PL"])
    timezone: Timezone = "UTC"
    public_url: Annotated[str, AfterValidator(read_url)] | None = None
    data_dir: Text = "/var/lib/bridge"


class StoreSection(Section):
    """[store]: where the bridge remembers."""

    url: Annotated[str, AfterValidator(read_store_url)] = "sqlite:///bridge.db"
    password: SecretStr | None = None


class OutboundPolicy(Section):
    """[policy.outbound]: calls that we place."""

    min_talk: Duration = _POLICY["outbound_min_talk"]


class NewAnsweredPolicy(Section):
    """[policy.new_answered]: the first call of a new client, answered."""

    done_task: StrictBool = _POLICY["new_answered_done_task"]


class PolicySection(Section):
    """[policy]: what the company wants, beside the scenarios."""

    senior: str | None = None
    top: str | None = None
    task_deadline: Duration = _POLICY["task_deadline"]
    deadline_counts: Literal["clock", "working"] = _POLICY["deadline_counts"]
    settle: Duration = _POLICY["settle"]
    short_abandon: Duration = _POLICY["short_abandon"]
    short_abandon_repeat: Duration = _POLICY["short_abandon_repeat"]
    outbound: OutboundPolicy = OutboundPolicy()
    new_answered: NewAnsweredPolicy = NewAnsweredPolicy()
    review_open: StrictBool = _POLICY["review_open"]
    owner_follows_transfer: StrictBool = _POLICY["owner_follows_transfer"]
    repeat: Literal["case", "new_task"] = _POLICY["repeat"]
    missed_chain: Annotated[tuple[Text, ...], Field(min_length=1)] = _POLICY["missed_chain"]
    forms: StrictBool = _POLICY["forms"]
    chat_intake: Literal["manual", "auto"] = _POLICY["chat_intake"]
    same_touch: Duration = _POLICY["same_touch"]
    blocked_numbers: tuple[str, ...] = ()


class ScenariosSection(Section):
    """[scenarios]: the matrix."""

    file: Text | None = None


class BranchSection(Section):
    """[[branch]]: one store, dealership or team."""

    id: Id = Field(examples=["warsaw"])
    name: Text | None = None


class EmployeeSection(Section):
    """[[employee]]: a person of the company."""

    id: Id = Field(examples=["jan"])
    name: Text = Field(examples=["Jan Kowalski"])
    role: Role = Role.MANAGER
    branch: str | None = None
    email: Annotated[str, AfterValidator(read_email)] | None = None
    extensions: tuple[Extension, ...] = ()
    accounts: tuple[Extension, ...] = ()
    phones: tuple[str, ...] = ()
    groups: tuple[Text, ...] = ()
    schedule: str | None = None
    active: StrictBool = True
    assignable: StrictBool = True


class ScheduleSection(Section):
    """[[schedule]]: when people work or a line is served."""

    id: Id = Field(examples=["office"])
    timezone: Timezone | None = None
    hours: tuple[Annotated[str, _kept(read_hours)], ...] = Field(examples=[["mon-fri 09:00-17:00"]])
    closed: tuple[date, ...] = ()


class LineSection(Section):
    """[[line]]: a number of the company."""

    number: Text = Field(examples=["+48 22 123 45 67"])
    name: Text | None = None
    branch: str | None = None
    schedule: str | None = None
