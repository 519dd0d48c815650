"""How the scenarios' text is read: where things stand in it, what is wrong, and what was probably meant."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

from bridge.rules.rows import Problem

UNITS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)")
HEADER = re.compile(r"^\s*(\[\[?)\s*([A-Za-z0-9_.\- \"]+?)\s*\]\]?\s*(?:#.*)?$")


class Lines:
    """Where the tables of a TOML text stand; tomllib does not tell."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()
        self._headers = [
            (number, match[2].replace(" ", "").replace('"', ""))
            for number, line in enumerate(self._lines, start=1)
            if (match := HEADER.match(line))
        ]

    def of_item(self, name: str, index: int) -> int | None:
        """The line of the `index`-th `[[name]]`, or of the table `[name]` with index 0."""
        numbers = [number for number, header in self._headers if header == name]
        return numbers[index] if index < len(numbers) else None

    def of_key(self, start: int | None, key: str, occurrence: int = 0) -> int | None:
        """The line where this key is given in the table that begins at `start`; the table's own line if not found."""
        if start is None:
            return None
        pattern = re.compile(rf"(?:^\s*|[{{,.]\s*){re.escape(key)}\s*[=.]")
        for number in range(start, self._end_of(start)):
            line = self._lines[number - 1]
            if not line.lstrip().startswith("#") and pattern.search(line):
                if occurrence == 0:
                    return number
                occurrence -= 1
        return start

    def _end_of(self, start: int) -> int:
        """The line after the table that begins here; tables inside it, such as [scenario.when], belong to it."""
        own = dict(self._headers).get(start, "")
        later = (number for number, header in self._headers if number > start and not header.startswith(f"{own}."))
        return next(later, len(self._lines) + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """One row as it is read: whose problems these are and where its table begins. `texts` are the known templates."""

    lines: Lines
    problems: list[Problem] = field(default_factory=list)
    scenario: str | None = None
    start: int | None = None
    texts: frozenset[str] = frozenset()

    def within(self, scenario: str | None, start: int | None) -> "Desk":
        """The same desk for another table."""
        return replace(self, scenario=scenario, start=start)

    def wrong(self, key: str, value: object, remedy: str, occurrence: int = 0) -> None:
        """Keep a problem with this key."""
        self.problems.append(
            Problem(
                scenario=self.scenario,
                line=self.lines.of_key(self.start, key.rpartition(".")[2], occurrence),
                key=key,
                value="" if value is None else repr(value),
                remedy=remedy,
            )
        )

    def unknown_keys(self, table: Mapping[str, object], known: Iterable[str], place: str = "") -> None:
        """Keep a problem for every key that nothing reads."""
        names = list(known)
        for key in table:
            if key not in names:
                self.wrong(f"{place}{key}", None, f"unknown key{did_you_mean(key, names)}")

    def text(self, table: Mapping[str, object], key: str, *, needed: bool = False) -> str:
        """The text under this key; empty if it is absent."""
        value = table.get(key)
        if isinstance(value, str) and (value.strip() or not needed):
            return value
        if value is not None or needed:
            self.wrong(key, value, "write a text" if value is not None else "is missing: write a text")
        return ""

    def words(self, key: str, value: object, occurrence: int = 0) -> tuple[str, ...]:
        """One word or a list of words; empty, with a problem, if it is neither."""
        listed = value if isinstance(value, list) else [value]
        if listed and all(isinstance(word, str) and word for word in listed):
            return tuple(str(word) for word in listed)
        self.wrong(key, value, "write a word or a list of words", occurrence)
        return ()


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """What was probably meant, else what there is to choose from; to be put behind a remedy."""
    names = sorted(known)
    near = get_close_matches(word.lower(), names, n=1, cutoff=0.6)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; known are {', '.join(names)}" if names else ""


def seconds_in(value: object) -> float | None:
    """A duration such as "4h", "90m", "10s", or a number of seconds; None if it is neither."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value) if value >= 0 else None
    match = DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or match[2] not in UNITS:
        return None
    return float(match[1]) * UNITS[match[2]]
