"""The scenario matrix: read from its text, with everything that is wrong with it at once (S3-14, S16)."""

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from string import Formatter
from typing import Any

from bridge.rules.coverage import unreachable
from bridge.rules.reading import Desk, Lines, did_you_mean
from bridge.rules.row_reading import read_actions, read_conditions
from bridge.rules.rows import (
    Count,
    Matrix,
    MatrixError,
    OpenContact,
    OpenDeal,
    OpenLead,
    OpenOrganisation,
    Problem,
    Row,
    Rule,
    Template,
)
from bridge.rules.vocabulary import RULES, VARIABLES

__all__ = ["Matrix", "MatrixError", "Problem", "read_matrix", "version_of"]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def version_of(text: str) -> str:
    """The version of the scenarios: a hash of their text, 12 characters."""
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def read_matrix(text: str) -> Matrix:
    """The matrix that this TOML text describes.

    Raises:
        MatrixError: the text is no TOML, or anything in it is wrong; `problems` lists everything, with line numbers.

    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MatrixError([_syntax(str(error))]) from error
    except RecursionError:
        raise MatrixError([_syntax("it is nested too deep")]) from None
    desk = Desk(lines=Lines(text))
    desk.unknown_keys(tables, ("scenario", "modifier", "rule", "text"))
    texts = _texts(desk, tables.get("text", {}))
    desk = replace(desk, texts=frozenset(texts))
    rules = _rules(desk, tables.get("rule", {}))
    rows = _rows(desk, tables.get("scenario", []), "scenario")
    modifiers = _rows(desk, tables.get("modifier", []), "modifier")
    if not rows and not desk.problems:
        desk.wrong("scenario", None, "there is no row: write at least one [[scenario]]")
    _refuse_doubles(desk, (*rows, *modifiers))
    for row in rows:
        _refuse_bad_openings(desk, row, texts)
    troubled = {problem.scenario for problem in desk.problems}
    for row, why in unreachable(row for row in rows if row.name not in troubled):
        desk.within(row.name, row.line).wrong("when", None, f"can never match: {why}")
    if desk.problems:
        raise MatrixError(sorted(desk.problems, key=lambda problem: problem.line or 0))
    return Matrix(version=version_of(text), rows=rows, modifiers=modifiers, rules=rules, texts=texts)


def _syntax(message: str) -> Problem:
    line = re.search(r"at line (\d+)", message)
    return Problem(
        scenario=None, line=int(line[1]) if line else None, key="", value="", remedy=f"this is no TOML: {message}"
    )


def _texts(desk: Desk, tables: object) -> dict[str, Template]:
    texts: dict[str, Template] = {}
    for name, table in _named(desk, "text", tables).items():
        here = desk.within(None, desk.lines.of_item(f"text.{name}", 0))
        here.unknown_keys(table, ("title", "text"))
        texts[name] = Template(title=here.text(table, "title"), text=here.text(table, "text"))
        for key, template in (("title", texts[name].title), ("text", texts[name].text)):
            _refuse_unknown_variables(here, key, template)
    return texts


def _refuse_unknown_variables(desk: Desk, key: str, template: str) -> None:
    try:
        named = [variable for _, variable, _, _ in Formatter().parse(template) if variable is not None]
    except ValueError as error:
        desk.wrong(key, template, f"{error}; write {{{{ for a brace")
        return
    for variable in named:
        if variable not in VARIABLES:
            desk.wrong(key, f"{{{variable}}}", f"unknown variable{did_you_mean(variable, VARIABLES)}")


def _rules(desk: Desk, tables: object) -> dict[str, Rule]:
    rules: dict[str, Rule] = {}
    for name, table in _named(desk, "rule", tables).items():
        here = desk.within(name, desk.lines.of_item(f"rule.{name}", 0))
        choices = RULES.get(name)
        if choices is None:
            here.wrong("", None, f"unknown rule{did_you_mean(name, RULES)}")
            continue
        here.unknown_keys(table, ("title", "setting", *(("choice",) if choices else ())))
        choice = here.text(table, "choice", needed=bool(choices)) if choices else ""
        if choice and choice not in choices:
            here.wrong("choice", choice, f"unknown word{did_you_mean(choice, choices)}")
        title = here.text(table, "title", needed=True)
        rules[name] = Rule(name=name, title=title, choice=choice, setting=here.text(table, "setting"))
    return rules


def _named(desk: Desk, key: str, tables: object) -> Mapping[str, dict[str, Any]]:
    if not isinstance(tables, dict):
        desk.wrong(key, tables, f"write [{key}.NAME] tables")
        return {}
    for name, table in tables.items():
        if not isinstance(table, dict):
            desk.wrong(f"{key}.{name}", table, f"write a table [{key}.{name}]")
    return {name: table for name, table in tables.items() if isinstance(table, dict)}


def _rows(desk: Desk, tables: object, key: str) -> tuple[Row, ...]:
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        desk.wrong(key, None, f"write [[{key}]] tables")
        return ()
    return tuple(_row(desk, table, key, index) for index, table in enumerate(tables))


def _row(desk: Desk, table: dict[str, Any], key: str, index: int) -> Row:
    line = desk.lines.of_item(key, index)
    written = table.get("name")
    name = written if isinstance(written, str) and written else f"{key} {index + 1}"
    here = desk.within(name, line)
    here.unknown_keys(table, ("name", "title", "when", "then"))
    if not isinstance(written, str) or not NAME.fullmatch(written):
        here.wrong("name", written, "write a name of letters, digits, dots and dashes")
    return Row(
        name=name,
        title=here.text(table, "title", needed=True),
        when=read_conditions(here, table.get("when", {}), "when"),
        then=read_actions(here, table.get("then", [])),
        line=line,
    )


def _refuse_doubles(desk: Desk, rows: tuple[Row, ...]) -> None:
    first: dict[str, Row] = {}
    for row in rows:
        known = first.setdefault(row.name, row)
        if known is not row:
            desk.within(row.name, row.line).wrong("name", row.name, f"is taken by the row at line {known.line}")


def _refuse_bad_openings(desk: Desk, row: Row, texts: Mapping[str, Template]) -> None:
    """S16 and S3-20, and rows that count only."""
    here = desk.within(row.name, row.line)
    kinds = {type(action) for action in row.then}
    if OpenLead in kinds and not kinds & {OpenContact, OpenOrganisation}:
        here.wrong("then", "open_lead", "a row that opens a lead also opens a contact or an organisation (S16)")
    if OpenLead in kinds and OpenDeal in kinds:
        here.wrong("then", "open_deal", "lead and deal are never opened in one row (S16)")
    if Count in kinds and len(kinds) > 1:
        here.wrong("then", "count", "a row that counts does nothing else")
    for action in row.then:
        if isinstance(action, OpenLead) and "{lead_id}" not in texts[action.text].title:
            here.wrong("then", action.text, f"the title of [text.{action.text}] must carry {{lead_id}} (S3-20)")
