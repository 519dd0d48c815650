"""What is wrong with a body, and how we tell it: problem details (RFC 9457) with the JSONPath of each problem."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

CONTENT_TYPE = "application/problem+json"
"""The media type of a problem document (RFC 9457, section 3)."""

MOST_PROBLEMS = 20
"""A body of ten thousand wrong objects is explained by its first problems, not by an answer of a megabyte."""

LONGEST_WORD = 60
"""What is longer was never a typing mistake, and comparing it would take long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong. `path` is its JSONPath (`$` is the whole body), `message` says what to write instead."""

    path: str
    message: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A body that holds no events of ours, and why; never empty."""

    problems: tuple[Problem, ...]

    def __str__(self) -> str:
        """One line, for the quarantine and for people."""
        return "; ".join(f"{problem.path}: {problem.message}" for problem in self.problems)


def unreadable(path: str, message: str) -> Unreadable:
    """A body with this one problem."""
    return Unreadable((Problem(path=path, message=message),))


def problem_document(
    status: int, detail: str, problems: Sequence[Problem] = (), **members: object
) -> Mapping[str, object]:
    """The members of a problem document; `problems` goes out as `errors`, each with its `path` and `message`.

    The type is `about:blank`: the status says what kind of problem it is, `detail` says what to do about it.
    """
    document: dict[str, object] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        **members,
    }
    if problems:
        document["errors"] = [{"path": problem.path, "message": problem.message} for problem in problems]
    return document


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean …?` when one of the known words is close, else nothing."""
    close = difflib.get_close_matches(word[:LONGEST_WORD], known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def kind_of(value: object) -> str:
    """What JSON calls a value of this kind."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "an array" if isinstance(value, list) else "an object"


def shown(value: object, *, most: int = 60) -> str:
    """A JSON value of a stranger as it may stand in a message: quoted, escaped, short, printable in any encoding."""
    if isinstance(value, list | dict):
        return kind_of(value)  # spelling it out could take megabytes, or a stack deeper than ours
    text = ascii(value[: most + 1]) if isinstance(value, str) else ascii(value)
    return text if len(text) <= most else f"{text[:most]}…"
