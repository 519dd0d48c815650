"""From a TOML text to sections of the right shape, with every problem noted and none of them stopping the reading."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import NoneType
from typing import Any, Final, Generic, TypeVar, cast, get_args

from pydantic import BaseModel, ValidationError, create_model
from pydantic_core import ErrorDetails

from bridge.config.credentials import Credentials, secret_fields
from bridge.config.lines import Key, Lines, find_lines
from bridge.config.problems import MASKED, Findings, did_you_mean
from bridge.config.settings import (
    BranchSection,
    BridgeSection,
    EmployeeSection,
    LineSection,
    PolicySection,
    ScenariosSection,
    ScheduleSection,
    StoreSection,
)
from bridge.crm.settings import CrmSettings, EmbeddedCrm, HttpCrm
from bridge.sources.ami_settings import AmiSettings
from bridge.sources.http import WebhookSettings
from bridge.web.settings import WebSettings

SourceSettings = AmiSettings | WebhookSettings

SINGLE: Final[Mapping[str, type[BaseModel]]] = {
    "bridge": BridgeSection,
    "store": StoreSection,
    "web": WebSettings,
    "policy": PolicySection,
    "scenarios": ScenariosSection,
}
REPEATED: Final[Mapping[str, type[BaseModel]]] = {
    "branch": BranchSection,
    "employee": EmployeeSection,
    "schedule": ScheduleSection,
    "line": LineSection,
}
CRMS: Final[Mapping[str, type[CrmSettings]]] = {"embedded": EmbeddedCrm, "http": HttpCrm}
SOURCES: Final[Mapping[str, type[SourceSettings]]] = {"ami": AmiSettings, "webhook": WebhookSettings}

_NO_TRUNKS: Final = (
    "without it no call would be from outside; name the end-points that lead to providers, "
    'for example trunks = ["provider-*"]'
)

S = TypeVar("S", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed(Generic[S]):
    """A section and the key under which it stands."""

    key: Key
    section: S


@dataclass(frozen=True, slots=True, kw_only=True)
class Sections:
    """The whole file. What could not be read has its default, or is empty where it has none."""

    bridge: BridgeSection
    store: StoreSection
    web: WebSettings
    policy: PolicySection
    scenarios: ScenariosSection
    crm: CrmSettings
    branches: tuple[Placed[BranchSection], ...]
    employees: tuple[Placed[EmployeeSection], ...]
    schedules: tuple[Placed[ScheduleSection], ...]
    lines: tuple[Placed[LineSection], ...]
    sources: tuple[Placed[SourceSettings], ...]


def parse(text: str, file: str) -> tuple[dict[str, Any], Findings]:
    """The raw tables of a TOML text, and the place for what is found about them.

    Raises:
        ConfigurationError: the text is no TOML.

    """
    try:
        raw = tomllib.loads(text)
        lines = find_lines(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        told = "it is nested too deep" if isinstance(error, RecursionError) else str(error)
        line = re.search(r"\(at line (\d+)", told)
        number = int(line[1]) if line else text.count("\n") + 1
        found = Findings(file=file, lines=Lines(known={("TOML",): number}))
        found.add(("TOML",), f"{re.sub(r' [(]at .*[)]$', '', told)}; this is no TOML (text needs quotes)")
        found.refuse_if_any()
        raise
    return raw, Findings(file=file, lines=lines)


def read_sections(raw: Mapping[str, Any], credentials: Credentials, found: Findings) -> Sections:
    """Every section of the file; what is wrong is noted in `found`."""
    reader = _Reader(raw=raw, credentials=credentials, found=found)
    reader.unknown_sections()
    reader.same_ids()
    return Sections(
        bridge=reader.single("bridge", BridgeSection),
        store=reader.single("store", StoreSection),
        web=reader.single("web", WebSettings),
        policy=reader.single("policy", PolicySection),
        scenarios=reader.single("scenarios", ScenariosSection),
        crm=reader.crm(),
        branches=tuple(reader.repeated("branch", BranchSection)),
        employees=tuple(reader.repeated("employee", EmployeeSection)),
        schedules=tuple(reader.repeated("schedule", ScheduleSection)),
        lines=tuple(reader.repeated("line", LineSection)),
        sources=tuple(reader.sources()),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    raw: Mapping[str, Any]
    credentials: Credentials
    found: Findings

    def unknown_sections(self) -> None:
        known = {**SINGLE, **REPEATED, "source": BaseModel, "crm": BaseModel}
        for name in self.raw.keys() - known.keys():
            value = None if isinstance(self.raw[name], dict | list) else self.raw[name]
            hint = _home_of(name) if value is not None else ""
            self.found.add((name,), f"there is no such section; {hint or did_you_mean(name, known)}", value)

    def single(self, name: str, model: type[S]) -> S:
        table = self.raw.get(name, {})
        if not isinstance(table, dict):
            self.found.add((name,), f"write it once, as a table: [{name}]", None)
            table = {}
        return self._lenient((name,), table, model)

    def repeated(self, name: str, model: type[S]) -> Iterator[Placed[S]]:
        for key, table in self._tables(name):
            yield Placed(key=key, section=self._lenient(key, table, model))

    def sources(self) -> Iterator[Placed[SourceSettings]]:
        for key, table in self._tables("source"):
            kind = table.get("kind")
            model = SOURCES.get(kind) if isinstance(kind, str) else None
            if model is None:
                hint = did_you_mean(kind or "", SOURCES)
                self.found.add((*key, "kind"), f"there is no such kind of source; {hint}", kind)
                continue
            if kind == "ami" and not table.get("trunks"):
                self.found.add((*key, "trunks"), _NO_TRUNKS, table.get("trunks"))
            filled = self.credentials.fill(table, model, key, self.found)
            if (section := self._validated(key, table, filled, model)) is not None:
                yield Placed(key=key, section=section)

    def crm(self) -> CrmSettings:
        table = self.raw.get("crm", {})
        kind = table.get("kind", "embedded") if isinstance(table, dict) else "embedded"
        model = CRMS.get(kind) if isinstance(kind, str) else None
        if model is None:
            self.found.add(("crm", "kind"), f"there is no such kind of CRM; {did_you_mean(kind, CRMS)}", kind)
            return EmbeddedCrm()
        return self.single("crm", model)

    def same_ids(self) -> None:
        """Note every id that somebody else of the same section has."""
        for name in (*REPEATED, "source"):
            first: dict[str, Key] = {}
            for key, table in self._tables(name):
                written = table.get("id")
                if isinstance(written, str) and first.setdefault(written, key) != key:
                    place = self.found.place((*first[written], "id"))
                    self.found.add((*key, "id"), f"{place} is the same; give each its own", written)

    def _tables(self, name: str) -> Iterator[tuple[Key, dict[str, Any]]]:
        written = self.raw.get(name, [])
        if isinstance(written, dict):
            self.found.add((name,), f"there can be several: write [[{name}]], in double brackets")
            yield (name,), written
        elif not isinstance(written, list):
            self.found.add((name,), f"write each one as a table: [[{name}]]", written)
        else:
            for index, table in enumerate(written):
                if isinstance(table, dict):
                    yield (name, index), table
                else:
                    self.found.add((name, index), f"write it as a table: [[{name}]]", table)

    def _validated(self, key: Key, table: dict[str, Any], filled: dict[str, Any], model: type[S]) -> S | None:
        try:
            section = model.model_validate(filled)
        except ValidationError as error:
            lost = table.keys() - filled.keys()
            for detail in error.errors(include_url=False):
                # What lacks only the secret that was just noted is no second problem.
                if not (lost and (not detail["loc"] or detail["loc"][0] in lost)):
                    _note(detail, key, table, model, self.found)
            return None
        # A secret that could not be had was noted already, and nothing may run without it.
        return section if filled.keys() == table.keys() else None

    def _lenient(self, key: Key, table: dict[str, Any], model: type[S]) -> S:
        """The section; if it is wrong in places, what is left of it, so that the rest can still be checked."""
        left = self.credentials.fill(table, model, key, self.found)
        section = self._validated(key, table, left, model)
        if section is not None:
            return section
        loose = _without_demands(model)
        while True:
            try:
                return loose.model_validate(left)
            except ValidationError as error:
                wrong = {str(detail["loc"][0]) for detail in error.errors(include_input=False) if detail["loc"]}
                if not wrong & left.keys():
                    return loose.model_construct()
                left = {name: value for name, value in left.items() if name not in wrong}


def _without_demands(model: type[S]) -> type[S]:
    """The same section with nothing required: what is missing is empty."""
    empty: dict[str, Any] = {
        name: (field.rebuild_annotation(), "" if field.annotation is str else ())
        for name, field in model.model_fields.items()
        if field.is_required()
    }
    return cast("type[S]", create_model(model.__name__, __base__=model, **empty))


def _note(detail: ErrorDetails, key: Key, table: Mapping[str, Any], model: type[BaseModel], found: Findings) -> None:
    """Put one of pydantic's complaints into our words."""
    place = _within(table, detail["loc"])
    last = str(place[-1]) if place else ""
    if place and found.has((*key, *place)):
        return
    secret = bool(place) and place[0] in secret_fields(model)
    if detail["type"] == "missing":
        found.add((*key, *place), _missing(model, place))
        return
    value = MASKED if secret else detail["input"] if place else None
    if detail["type"] == "extra_forbidden":
        known = _fields_at(model, place[:-1])
        near = did_you_mean(last, known)
        hint = near if near.startswith("did") else _home_of(last) or near
        found.add((*key, *place), f"there is no such key; {hint}", value)
    else:
        found.add((*key, *place), _remedy(detail), value)


def _remedy(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    match detail["type"]:
        case "value_error":
            return str(context["error"])
        case "enum" | "literal_error":
            words = re.findall(r"'([^']*)'", str(context["expected"]))
            near = did_you_mean(detail["input"], words)
            choice = " or ".join(f'"{word}"' for word in words)
            return f"{near} it is {choice}" if near.startswith("did") else f"write {choice}"
        case "bool_type":
            return "write true or false, without quotes"
        case "tuple_type" | "list_type":
            return 'write a list: ["…", "…"]'
        case "string_type":
            return "write a text in quotes"
        case "too_short" | "string_too_short":
            return "it must not be empty"
        case "model_type" | "model_attributes_type" | "dict_type":
            return "write a table: { key = … }"
        case _:
            message = detail["msg"]
            return message[:1].lower() + message[1:]


def _missing(model: type[BaseModel], place: Key) -> str:
    last = str(place[-1])
    field = model.model_fields.get(last)
    example = next(iter(field.examples or ()), "…") if field else "…"
    written = f'"{example}"' if isinstance(example, str) else str(example).replace("'", '"')
    if field is not None and last in secret_fields(model):
        written = '{ env = "NAME" }'
    return f"it is missing; add {last} = {written}"


def _within(table: Any, loc: tuple[int | str, ...]) -> Key:
    """The part of pydantic's location that is really written: it also names branches of unions and functions."""
    place: Key = ()
    for part in loc:
        if isinstance(table, dict) and isinstance(part, str):
            place, table = (*place, part), table.get(part)
        elif isinstance(table, list) and isinstance(part, int) and part < len(table):
            place, table = (*place, part), table[part]
    return place


def _fields_at(model: type[BaseModel], place: Key) -> frozenset[str]:
    """The keys that are known in a section, or in a table inside it."""
    for part in place:
        field = model.model_fields.get(str(part))
        inner = (
            [kind for kind in (field.annotation, *get_args(field.annotation)) if kind is not NoneType] if field else []
        )
        model = next((kind for kind in inner if isinstance(kind, type) and issubclass(kind, BaseModel)), model)
    return frozenset(model.model_fields)


def _home_of(name: str) -> str:
    """Where a misplaced key belongs, if there is such a key somewhere."""
    home = next((section for section, model in SINGLE.items() if name in model.model_fields), None)
    return f"it belongs into [{home}]" if home else ""
