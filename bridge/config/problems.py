"""What is wrong with a configuration, collected so that one look shows everything."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final

from bridge.config.lines import Key, Lines, spell

MASKED: Final = "********"
_SECRET = re.compile(r"secret|token|password|passwd|credential", re.IGNORECASE)
_IN_ADDRESS = re.compile(r"(?<=://)([^:/@\s]*):[^/@\s]*@")
_LONGEST_SHOWN = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that must be mended. `value` is as written, masked if it is a secret; None if nothing is there."""

    file: str
    line: int
    key: str
    value: str | None
    remedy: str

    def __str__(self) -> str:
        told = "" if self.value is None else f" = {self.value}"
        return f"{self.file}:{self.line}: {self.key}{told}: {self.remedy}"


class ConfigurationError(Exception):
    """The configuration cannot be used; `problems` names everything that is wrong with it."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass(slots=True, kw_only=True)
class Findings:
    """The problems and warnings of one file, while it is read."""

    file: str
    lines: Lines
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, key: Key, remedy: str, value: object = None) -> None:
        """Note a problem with this key; `value` None means that nothing is written there."""
        shown = None if value is None else show(key, value)
        problem = Problem(file=self.file, line=self.lines.of(key), key=spell(key), value=shown, remedy=remedy)
        if problem not in self.problems:
            self.problems.append(problem)

    def has(self, key: Key) -> bool:
        """A problem with this very key is known already."""
        return any(problem.key == spell(key) for problem in self.problems)

    def warn(self, key: Key, text: str) -> None:
        """Note something that works but should be looked at."""
        self.warnings.append(f"{self.file}:{self.lines.of(key)}: {spell(key)}: {text}")

    def place(self, key: Key) -> str:
        """The key with its line, to name it in the problem of another."""
        return f"{spell(key)} (line {self.lines.of(key)})"

    def sorted_problems(self) -> tuple[Problem, ...]:
        """Everything found, in the order of the lines."""
        return tuple(sorted(self.problems, key=lambda problem: (problem.line, problem.key)))

    def refuse_if_any(self) -> None:
        """Raise ConfigurationError with everything found; nothing happens if all is well."""
        if self.problems:
            raise ConfigurationError(self.sorted_problems())


def show(key: Key, value: object) -> str:
    """A value as one would write it, cut to a readable length; a secret is masked."""
    if any(isinstance(part, str) and _SECRET.search(part) for part in key):
        return MASKED
    text = json.dumps(masked(value), ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def masked(value: Any) -> Any:
    """The same value with everything masked that a key calls a secret, and the passwords in addresses."""
    match value:
        case str():
            return _IN_ADDRESS.sub(rf"\1:{MASKED}@", value)
        case dict():
            return {k: MASKED if _SECRET.search(str(k)) and v is not None else masked(v) for k, v in value.items()}
        case list() | tuple() | set() | frozenset():
            return [masked(item) for item in value]
        case _:
            return value


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """`did you mean "role"?` if a known word is near, else what is known; empty if nothing is."""
    words = sorted(known)
    folded = {candidate.casefold(): candidate for candidate in words}
    near = get_close_matches(str(word).casefold(), folded, n=1, cutoff=0.6)
    if near:
        return f'did you mean "{folded[near[0]]}"?'
    return f"known: {', '.join(words)}" if words else ""
