"""The page of log events cannot be out of date: it is compared with every place that logs."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from bridge.flow.lanes import DECIDED
from bridge.flow.outage import Outage

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "log-events.md"
LEVELS = {"debug", "info", "warning", "error", "exception"}
NAME = re.compile(r"[a-z]+\.[a-z_]+")
MODULES = sorted((ROOT / "bridge").rglob("*.py"))


def calls_of(tree, name):
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == name]


def outages():
    """The names of everything that may be lost."""
    found = [call for module in MODULES for call in calls_of(ast.parse(module.read_text()), Outage.__name__)]
    return {ast.literal_eval(call.args[0]) for call in found}


SAID_ELSEWHERE = {
    "DECIDED[made.occasion]": set(DECIDED.values()),
    "self._lost_line": {f"{what}.lost" for what in outages()},
    "self._found_line": {f"{what}.recovered" for what in outages()},
}
"""Events that are no literal where they are logged, by what stands there."""


def events_of(argument):
    if isinstance(argument, ast.IfExp):
        return events_of(argument.body) | events_of(argument.orelse)
    if isinstance(argument, ast.Constant):
        return {argument.value}
    return SAID_ELSEWHERE[ast.unparse(argument)]


def logged_in(tree):
    """Of each event that this module logs, its level and its keys."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
    # What is bound once goes with every later word.
    bound = {keyword.arg for call in calls_of(tree, "log.bind") for keyword in call.keywords}
    for call in calls:
        heard = ast.unparse(call.func)
        said, _, level = heard.rpartition(".")
        if heard != "tell" and (said not in {"log", "self._log"} or level not in LEVELS):
            continue
        if heard == "tell" and not isinstance(call.args[0], ast.Constant):
            continue
        keys = {"exception" if keyword.arg == "exc_info" else keyword.arg for keyword in call.keywords}
        keys |= bound if said == "self._log" else set()
        keys |= {"exception"} if level == "exception" else set()
        levels = {"error", "warning"} if heard == "tell" else {"error" if level == "exception" else level}
        for event in events_of(call.args[0]):
            yield event, levels, keys


@cache
def told():
    found = {}
    for module in MODULES:
        for event, levels, keys in logged_in(ast.parse(module.read_text())):
            known = found.setdefault(event, (set(), set()))
            known[0].update(levels)
            known[1].update(keys)
    return found


def rows():
    return [line.split("|")[1:-1] for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]


def documented():
    return {
        event.strip(" `"): (set(level.replace(" ", "").split(",")), set(re.findall(r"`(\w+)`", keys)))
        for event, level, keys, _, _ in rows()
    }


def test_the_page_has_every_log_event_and_no_other():
    assert set(documented()) == set(told())


@pytest.mark.parametrize("event", sorted(documented()))
def test_the_page_tells_level_and_keys_as_they_are(event):
    assert documented()[event] == told()[event]


def test_every_event_is_a_noun_and_what_became_of_it():
    assert [event for event in told() if not NAME.fullmatch(event)] == []


def test_every_event_comes_with_its_meaning_and_what_to_do_about_it():
    assert [
        event for event, _, _, means, todo in rows() if not (means.strip().endswith(".") and todo.strip().endswith("."))
    ] == []
