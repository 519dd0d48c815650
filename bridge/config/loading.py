"""Reading bridge.toml: all of it, or a list of everything that is wrong with it."""

import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import BaseModel, SecretStr

from bridge.config.company import found_company
from bridge.config.credentials import Credentials, environment
from bridge.config.lines import Key
from bridge.config.problems import MASKED, ConfigurationError, Findings, Problem
from bridge.config.reading import Sections, SourceSettings, parse, read_sections
from bridge.config.scenarios import read_scenarios, refuse_unprepared
from bridge.crm.settings import CrmSettings
from bridge.model.people import Company
from bridge.rules.matrix import Matrix
from bridge.web.settings import WebSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Everything that bridge.toml says, checked. It never changes; a reload makes another one.

    `data_dir` and `scenarios_path` are absolute. `store_url` is relative to `data_dir` if it names a file. `warnings`
    are sentences with file and line about what works but should be looked at.
    """

    path: Path
    name: str
    public_url: str | None
    data_dir: Path
    store_url: str = field(repr=False)
    web: WebSettings
    company: Company
    sources: tuple[SourceSettings, ...]
    scenarios_path: Path
    crm: CrmSettings
    warnings: tuple[str, ...] = ()
    effective: Mapping[str, Any] = field(default_factory=dict)
    places: Mapping[str, tuple[str, int]] = field(default_factory=dict, repr=False)
    """File and line of what the matrix may find wanting: `policy.senior`, `employee jan`, `line +44…`."""

    def masked(self) -> dict[str, Any]:
        """The effective configuration, defaults included, in the shape of the file, with secrets masked."""
        return dict(self.effective)


def load_configuration(
    path: Path, environ: Mapping[str, str] | None = None, *, needs_secrets: bool = True
) -> Configuration:
    """What this file says. `environ` is where secrets are looked up; None is the environment of this process.

    Without `needs_secrets` a secret that is not there is a warning, and a stand-in takes its place: for commands that
    connect to nothing, given by people who do not have the daemon's secrets.

    Raises:
        ConfigurationError: something is wrong; it names everything that is.

    """
    draft = _draft(path, environ, needs_secrets=needs_secrets)
    draft.found.refuse_if_any()
    return draft.configuration


def load_matrix(configuration: Configuration) -> Matrix:
    """The matrix that this configuration names, for which its company has everything that it needs (S3-01).

    Raises:
        ConfigurationError: something is wrong with it; it names everything that is.

    """
    matrix = read_scenarios(configuration.scenarios_path)
    refuse_unprepared(matrix, configuration.company, configuration.scenarios_path, configuration.places)
    return matrix


def load_everything(
    path: Path, environ: Mapping[str, str] | None = None, *, needs_secrets: bool = True
) -> tuple[Configuration, Matrix]:
    """The configuration (see `load_configuration`) and its matrix, or the problems of both at once.

    Raises:
        ConfigurationError: something is wrong with either of them.

    """
    draft = _draft(path, environ, needs_secrets=needs_secrets)
    own = draft.found.sorted_problems()
    if not own:
        return draft.configuration, load_matrix(draft.configuration)
    # What the matrix needs of a company can be said only of one that is right, and of a file that is there.
    if not draft.found.has(("scenarios", "file")):
        try:
            read_scenarios(draft.configuration.scenarios_path)
        except ConfigurationError as error:
            own += error.problems
    raise ConfigurationError(own)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """A configuration that may still be wrong, and what was found about it."""

    configuration: Configuration
    found: Findings


def _draft(path: Path, environ: Mapping[str, str] | None, *, needs_secrets: bool) -> _Draft:
    credentials = Credentials(
        environ=environment() if environ is None else environ, folder=path.absolute().parent, needed=needs_secrets
    )
    raw, found = parse(_text_of(path), str(path))
    sections = read_sections(raw, credentials, found)
    company = found_company(sections, found)
    store_url = _store_url(sections, found)
    scenarios = _scenarios_path(sections, credentials.folder, found)
    data_dir = (credentials.folder / Path(sections.bridge.data_dir).expanduser()).resolve()
    configuration = Configuration(
        path=path.absolute(),
        name=sections.bridge.name,
        public_url=sections.bridge.public_url,
        data_dir=data_dir,
        store_url=store_url,
        web=sections.web,
        company=company,
        sources=tuple(item.section for item in sections.sources),
        scenarios_path=scenarios,
        crm=sections.crm,
        warnings=tuple(found.warnings),
        effective=_effective(sections, company, data_dir, scenarios),
        places=_places(sections, found),
    )
    return _Draft(configuration=configuration, found=found)


def shipped_scenarios() -> Path:
    """The default matrix that comes with the bridge: of the checkout, else of the installed package."""
    checkout = Path(__file__).parents[2] / "config" / "scenarios.toml"
    return checkout if checkout.is_file() else Path(sysconfig.get_path("data")) / "share/callbridge/scenarios.toml"


def _text_of(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except OSError as error:
        remedy = f"it cannot be read ({error.strerror}); name the file with --config, readable by this user"
    except UnicodeDecodeError as error:
        remedy = f"it is no UTF-8 (byte {error.start}); save it as UTF-8"
    raise ConfigurationError((Problem(file=str(path), line=1, key="bridge.toml", value=None, remedy=remedy),))


def _scenarios_path(sections: Sections, folder: Path, found: Findings) -> Path:
    """The file that is named (it must be there), else scenarios.toml beside the configuration, else the shipped one."""
    written = sections.scenarios.file
    if written is not None:
        path = (folder / Path(written).expanduser()).resolve()
        if not path.is_file():
            shipped = shipped_scenarios()
            copy = f"; the default one to copy is {shipped}" if shipped.is_file() else ""
            found.add(("scenarios", "file"), f"there is no file {path}{copy}", written)
        return path
    beside = (folder / "scenarios.toml").resolve()
    return beside if beside.is_file() else shipped_scenarios()


def _store_url(sections: Sections, found: Findings) -> str:
    url, password = sections.store.url, sections.store.password
    parts = urlsplit(url)
    if parts.password is not None:
        if password is not None:
            place = found.place(("store", "password"))
            found.add(("store", "url"), f"it holds a password, and so does {place}; take one of them away", _bare(url))
        found.warn(("store", "url"), 'it holds a password; write password = { env = "NAME" } instead')
        return url
    if password is None:
        return url
    if parts.scheme == "sqlite":
        found.add(("store", "password"), f"{found.place(('store', 'url'))} is a file, which has no password", MASKED)
        return url
    user = f"{parts.username or 'bridge'}:{quote(password.get_secret_value(), safe='')}"
    return urlunsplit(parts._replace(netloc=f"{user}@{parts.netloc.rpartition('@')[2]}"))


def _bare(url: str) -> str:
    """The address of the store without its password."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return urlunsplit(parts._replace(netloc=f"{parts.username}:{MASKED}@{parts.netloc.rpartition('@')[2]}"))


def _effective(sections: Sections, company: Company, data_dir: Path, scenarios: Path) -> dict[str, Any]:
    """Everything that counts, in the shape of the file, defaults filled in and secrets masked."""
    policy = {**_dump(sections.policy), "senior": company.policy.senior, "top": company.policy.top}
    everything = {
        "bridge": {**_dump(sections.bridge), "data_dir": str(data_dir)},
        "store": {**_dump(sections.store), "url": _bare(sections.store.url)},
        "web": _dump(sections.web),
        "policy": policy,
        "scenarios": {"file": str(scenarios)},
        "crm": _dump(sections.crm),
        "branch": [_dump(item.section) for item in sections.branches],
        "employee": [_dump(item.section) for item in sections.employees],
        "schedule": [_dump(item.section) for item in sections.schedules],
        "line": [_dump(item.section) for item in sections.lines],
        "source": [_dump(item.section) for item in sections.sources],
    }
    return {name: value for name, value in everything.items() if value}


def _dump(section: BaseModel) -> dict[str, Any]:
    """The keys of a section as plain values; a secret, whatever its name, is masked by its type."""
    plain = section.model_dump(mode="json", exclude_none=True)
    return {name: MASKED if isinstance(getattr(section, name), SecretStr) else plain[name] for name in plain}


def _places(sections: Sections, found: Findings) -> dict[str, tuple[str, int]]:
    keys: dict[str, Key] = {"": (), "policy.missed_chain": ("policy", "missed_chain")}
    keys |= {f"policy.{name}": ("policy", name) for name in ("senior", "top")}
    keys |= {f"employee {item.section.id}": item.key for item in sections.employees}
    return {name: (found.file, found.lines.of(key)) for name, key in keys.items()}
