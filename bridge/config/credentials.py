"""Secrets: where bridge.toml says that they are, and the only place that reads the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, get_args

from pydantic import BaseModel, SecretStr

from bridge.config.lines import Key
from bridge.config.problems import Findings

_WAYS: Final = 'write { env = "NAME" }, { file = "path" } or { credential = "name" }'
STAND_IN: Final = "whsec_c3RhbmRzIGluIGZvciB0aGUgcmVhbCBzZWNyZXQ="
"""A secret of every form that a source may ask for, for commands that do not need the true one."""

_LARGEST = 64 * 1024
"""Bytes of a secret's file; more than that is another file named by mistake."""


def environment() -> Mapping[str, str]:
    """The environment of this process, read only."""
    return MappingProxyType(os.environ)  # noqa: TID251 - this is the one place


class Malformed(ValueError):  # noqa: N818 - a remedy for people, shown among others
    """What is written is no secret and no place of one; the message says what to do."""


class NotThere(ValueError):  # noqa: N818 - the same
    """There is no secret at the place that is written, or this user may not see it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Where secrets come from: the environment, and files relative to the configuration's folder.

    `needed` False: a secret that is not there is only a warning, and a stand-in takes its place. An administrator who
    asks what a call led to has neither the daemon's environment nor its credentials.
    """

    environ: Mapping[str, str]
    folder: Path
    needed: bool = True

    def fill(self, written: Mapping[str, Any], model: type[BaseModel], key: Key, found: Findings) -> dict[str, Any]:
        """The table with its secrets in place; one that could not be had is left out and noted as a problem."""
        filled = dict(written)
        for name in sorted(secret_fields(model) & filled.keys()):
            try:
                filled[name] = self._secret(filled[name])
            except (NotThere, Malformed) as problem:
                if self.needed or isinstance(problem, Malformed):
                    found.add((*key, name), str(problem), filled.pop(name))
                else:
                    found.warn((*key, name), str(problem))
                    filled[name] = STAND_IN
                continue
            if isinstance(written[name], str):
                found.warn((*key, name), f"the secret stands in the file; {_WAYS} to keep it out of copies")
        for name, inner in tables_inside(model).items():
            if isinstance(filled.get(name), dict):
                filled[name] = self.fill(filled[name], inner, (*key, name), found)
        return filled

    def _secret(self, written: object) -> str:
        match written:
            case str():
                return _not_empty(written, "the secret")
            case {"env": str(name), **rest} if not rest:
                return self._from_environment(name)
            case {"file": str(name), **rest} if not rest:
                return _from_file(self.folder / Path(name).expanduser())
            case {"credential": str(name), **rest} if not rest and name not in ("", "..") and "/" not in name:
                return self._from_systemd(name)
            case {"env": _} | {"file": _} | {"credential": _}:
                raise Malformed(f"one secret has one place; {_WAYS}")
            case _:
                raise Malformed(f"this is no secret; {_WAYS}")

    def _from_environment(self, name: str) -> str:
        if name not in self.environ:
            raise NotThere(f"the environment variable {name} is not set; set it where the daemon runs")
        return _not_empty(self.environ[name], f"the environment variable {name}")

    def _from_systemd(self, name: str) -> str:
        folder = self.environ.get("CREDENTIALS_DIRECTORY")
        if not folder:
            raise NotThere(
                f"there is no $CREDENTIALS_DIRECTORY for the credential {name}; "
                f"add LoadCredential={name}:… to the unit, or run under systemd"
            )
        return _from_file(Path(folder) / name)


def tables_inside(model: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """The keys of a section that hold a table of their own, and what that may hold."""
    inside = {}
    for name, field in model.model_fields.items():
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                inside[name] = kind
    return inside


def secret_fields(model: type[BaseModel]) -> frozenset[str]:
    """The keys of a section that hold secrets: those that its model declares as SecretStr."""
    return frozenset(
        name
        for name, field in model.model_fields.items()
        if SecretStr in (field.annotation, *get_args(field.annotation))
    )


def _from_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST + 1).decode().rstrip("\r\n")
    except OSError as error:
        raise NotThere(f"{path} cannot be read ({error.strerror}); create it readable by the daemon's user") from error
    except UnicodeDecodeError as error:
        raise NotThere(f"{path} is no text in UTF-8") from error
    if len(text) > _LARGEST:
        raise NotThere(f"{path} is larger than {_LARGEST} bytes; name the file of the secret alone")
    return _not_empty(text, str(path))


def _not_empty(text: str, place: str) -> str:
    if not text.strip():
        raise NotThere(f"{place} is empty; put the secret there, or {_WAYS}")
    return text
