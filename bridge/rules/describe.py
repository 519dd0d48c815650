"""The reference page of the scenarios, written from the matrix and the vocabulary, so that it cannot be out of date."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields

from bridge.rules.row_reading import ACTIONS, Spec
from bridge.rules.rows import AnyAction, Matrix, Row
from bridge.rules.vocabulary import CONDITIONS, MIN_TALK, MIN_TALK_MEANING, PEOPLE, VARIABLES, Domain

HEAD = """\
# Scenarios

<!-- Written by `bridge.rules.describe` from config/scenarios.toml; a test keeps it current. Do not edit it by hand. -->

What the bridge makes of every call, form and chat stands in `scenarios.toml`: data that you may change. The rows are
tried from top to bottom, and **the first row whose conditions hold decides**; then every modifier whose conditions hold
adds to it. `bridge explain CALL_ID` shows which row decided and why each row before it did not.

## How to change a row

1. Copy `config/scenarios.toml` beside your `bridge.toml`, and name it there: `[scenarios] file = "scenarios.toml"`.
2. Change it. A row is a `[[scenario]]` with a `name`, a `title`, conditions (`when.…`, all of them must hold) and
   actions (`then`, done in their order; `if = { … }` makes one action depend on a further condition). To treat one
   line, queue, source or campaign in a way of its own, put a row with `when.line`, `when.queue`, `when.source` or
   `when.utm_campaign` **above** the general one.
3. `bridge check` tells everything that is wrong at once, with the line: unknown words, rows that can never match
   because rows above take all their situations, a lead without a contact or organisation, lead and deal in one row.
4. Reload (`systemctl reload bridge`). The next call follows the new rows; a call that has begun keeps the old ones.

The client's state is judged as it was when the call began. Where a task has no `due`, it is due
`policy.task_deadline` (4 hours) after the call's end. Whoever is disabled or not to be assigned is passed over for
the next one named, then the senior, then the top manager (D17), and the reason is kept.
"""


def describe(matrix: Matrix) -> str:
    """The whole page as Markdown."""
    parts = [
        HEAD,
        "## Rows\n\n" + _table(("row", "title", "when", "then"), map(_row, matrix.rows)),
        "## Modifiers\n\nEvery one that matches adds to the row that decided, unless that row only counts.\n\n"
        + _table(("modifier", "title", "when", "then"), map(_row, matrix.modifiers)),
        "## Rules that rows rely on\n\n" + _table(("rule", "what it says", "set by"), _rules(matrix)),
        "## Conditions\n\n" + _table(("key", "words", "meaning"), _conditions()),
        "## Actions\n\n" + _table(("`do`", "arguments", "meaning"), _actions()),
        "## People\n\nOne word, or a list of which the first who can takes it. `employee:ID` names one by his id.\n\n"
        + _table(("word", "who"), _meanings(PEOPLE)),
        "## Variables of texts\n\n" + _table(("variable", "what it says"), _meanings(VARIABLES)),
    ]
    return "\n".join(parts)


def action_text(action: AnyAction) -> str:
    """One action as the explanation and the reference write it: `call_back(assignee: senior, text: callback)`."""
    name, spec = next((name, spec) for name, spec in ACTIONS.items() if spec.make is type(action))
    told = ", ".join(_arguments(action, spec))
    given = " and ".join(condition.text for condition in action.given)
    return f"{name}{f'({told})' if told else ''}{f' if {given}' if given else ''}"


def _arguments(action: AnyAction, spec: Spec) -> Iterator[str]:
    defaults = {part.name: part.default for part in fields(action)}
    for key, (target, _) in spec.arguments.items():
        value = getattr(action, target)
        if key in spec.optional and value == defaults[target]:
            continue
        yield f"{key}: {', else '.join(value) if isinstance(value, tuple) else value}"


def _row(row: Row) -> tuple[str, ...]:
    when = "<br>".join(condition.text for condition in row.when) or "always"
    then = "<br>".join(action_text(action) for action in row.then) or "nothing"
    return row.name, row.title, when, then


def _rules(matrix: Matrix) -> Iterator[tuple[str, ...]]:
    for rule in matrix.rules.values():
        choice = f"choice: {rule.choice}" if rule.choice else ""
        setting = f"`{rule.setting}` in bridge.toml" if rule.setting else ""
        yield rule.name, rule.title, choice or setting


def _conditions() -> Iterator[tuple[str, ...]]:
    for key, domain in CONDITIONS.items():
        yield f"`{key}`", _words(domain), domain.meaning
    yield f"`{MIN_TALK}`", "a duration", MIN_TALK_MEANING


def _words(domain: Domain) -> str:
    if not domain.words:
        return "any text"
    if domain.words == ("yes", "no"):
        return "true, false"
    groups = [f"{name} = {' or '.join(words)}" for name, words in domain.groups.items()]
    return "<br>".join([", ".join(domain.words), *groups])


def _actions() -> Iterator[tuple[str, ...]]:
    for name, spec in ACTIONS.items():
        keys = [f"{key}?" if key in spec.optional else key for key in spec.arguments]
        yield f"`{name}`", ", ".join(keys), spec.meaning


def _meanings(words: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    return ((f"`{word}`", meaning) for word, meaning in words.items())


def _table(head: tuple[str, ...], lines: Iterable[tuple[str, ...]]) -> str:
    rows = [head, ("---",) * len(head), *lines]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |\n" for row in rows)
