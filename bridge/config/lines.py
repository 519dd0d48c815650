"""On which line of a TOML text each key stands; tomllib tells what a text says, but not where."""

import bisect
import contextlib
import re
import tomllib
from dataclasses import dataclass, field

Key = tuple[str | int, ...]
"""The way to a value: `("employee", 2, "role")` is the role of the third [[employee]]."""

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_DOT = re.compile(r"[ \t]*\.[ \t]*")
_EQUALS = re.compile(r"[ \t]*=[ \t\r\n]*")
_STRING = re.compile(
    r'"""(?:\\[\s\S]|[^\\])*?"{3,5}'  # five: two quotes may stand before the closing three
    r"|'''[\s\S]*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
)
_SCALAR = re.compile(r"[^,\[\]{}#\n]+")


def spell(key: Key) -> str:
    """The key as people write it: `employee[2].role`."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Where the keys of one text stand, counted from 1."""

    known: dict[Key, int] = field(default_factory=dict)

    def of(self, key: Key) -> int:
        """The line of this key, else of the nearest table around it, else 1."""
        while key and key not in self.known:
            key = key[:-1]
        return self.known.get(key, 1)


def find_lines(text: str) -> Lines:
    """The lines of every key, table and list item of a text that tomllib has read without complaint."""
    scan = _Scan(text)
    with contextlib.suppress(_Lost):  # what was found before stays right, the rest falls back to the table around it
        scan.document()
    return Lines(known=scan.known)


class _Lost(Exception):  # noqa: N818 - no error of anybody's: the scan gives up here
    """The text is not what the scan expects."""


class _Scan:
    """One pass over a text. It knows the grammar of places, not of values."""

    def __init__(self, text: str) -> None:
        self.known: dict[Key, int] = {}
        self._text = text
        self._at = 0
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self._counts: dict[Key, int] = {}

    def document(self) -> None:
        table: Key = ()
        self._skip(_BLANK)
        while self._at < len(self._text):
            if self._text.startswith("[", self._at):
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)

    def _header(self) -> Key:
        line, many = self._line(), self._text.startswith("[[", self._at)
        self._at += 2 if many else 1
        self._skip(_BLANK)
        *outer, last = self._parts()
        self._skip(_BLANK)
        self._at += 2 if many else 1
        table: Key = ()
        for part in outer:
            table = self._newest((*table, part))
        table = (*table, last)
        self.known.setdefault(table, line)
        if many:
            self._counts[table] = self._counts.get(table, 0) + 1
            table = self._newest(table)
            self.known[table] = line
        return table

    def _newest(self, table: Key) -> Key:
        """The last item of an array of tables, or the table itself if it is none."""
        return (*table, self._counts[table] - 1) if table in self._counts else table

    def _pair(self, table: Key) -> None:
        line = self._line()
        key = table
        for part in self._parts():
            key = (*key, part)
            self.known.setdefault(key, line)
        self._take(_EQUALS)
        self._value(key)

    def _value(self, key: Key) -> None:
        if self._text.startswith("[", self._at):
            self._list(key)
        elif self._text.startswith("{", self._at):
            self._inline(key)
        else:
            self._take(_STRING if self._text.startswith(('"', "'"), self._at) else _SCALAR)

    def _list(self, key: Key) -> None:
        index = 0
        while not self._closed("]"):
            self.known[(*key, index)] = self._line()
            self._value((*key, index))
            index += 1

    def _inline(self, key: Key) -> None:
        while not self._closed("}"):
            self._pair(key)

    def _closed(self, bracket: str) -> bool:
        """Step over an opening bracket or a comma, and over a closing bracket if one follows."""
        if self._text.startswith(("[", "{", ","), self._at):
            self._at += 1
        self._skip(_BLANK)
        if self._text.startswith(",", self._at):
            self._at += 1
            self._skip(_BLANK)
        if self._text.startswith(bracket, self._at):
            self._at += 1
            return True
        return False

    def _parts(self) -> list[str]:
        parts = [self._part()]
        while _DOT.match(self._text, self._at):
            self._skip(_DOT)
            parts.append(self._part())
        return parts

    def _part(self) -> str:
        if self._text.startswith(('"', "'"), self._at):
            try:
                return str(tomllib.loads(f"key = {self._take(_STRING)}")["key"])
            except tomllib.TOMLDecodeError as error:
                raise _Lost from error
        return self._take(_BARE)

    def _line(self) -> int:
        return bisect.bisect_right(self._starts, self._at)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        if match := pattern.match(self._text, self._at):
            self._at = match.end()

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise _Lost
        self._at = match.end()
        return match[0]
