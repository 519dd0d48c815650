"""The conditions and actions of one row, from the tables of the file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, assert_never

from bridge.model.crm import TaskKind, TaskStatus
from bridge.rules import rows
from bridge.rules.reading import Desk, did_you_mean, seconds_in
from bridge.rules.rows import AnyAction, Condition, OneOf, TalkedFor
from bridge.rules.vocabulary import CONDITIONS, MIN_TALK, MIN_TALK_SETTING, NO, PEOPLE, YES, Domain

BY_ID = "employee:"


class Argument(StrEnum):
    """What kind of value an argument of an action takes."""

    PEOPLE = "people"
    TEXT = "text"
    NAME = "name"
    KIND = "kind"
    STATUS = "status"
    DURATION = "duration"
    SWITCH = "switch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """How an action is written: its arguments in the file, by the names of the value's fields."""

    make: Callable[..., AnyAction]
    meaning: str
    arguments: Mapping[str, tuple[str, Argument]]
    optional: frozenset[str] = frozenset()


_OWNER = {"owner": ("owner", Argument.PEOPLE)}
_TEXT = {"text": ("text", Argument.TEXT)}
_TASK = {"assignee": ("assignee", Argument.PEOPLE), **_TEXT, "due": ("due_in", Argument.DURATION)}

ACTIONS: Mapping[str, Spec] = {
    "count": Spec(
        make=rows.Count,
        meaning="touch nothing, only count the call under the name `as`",
        arguments={"as": ("counter", Argument.NAME)},
    ),
    "open_contact": Spec(
        make=rows.OpenContact, meaning="the known contact, or a new one for `owner`", arguments=_OWNER
    ),
    "open_organisation": Spec(
        make=rows.OpenOrganisation, meaning="the known organisation, or a new one for `owner`", arguments=_OWNER
    ),
    "open_lead": Spec(
        make=rows.OpenLead,
        meaning="a new lead for `owner`, linked to contact, organisation and the lead before it",
        arguments={**_OWNER, **_TEXT},
    ),
    "open_deal": Spec(
        make=rows.OpenDeal,
        meaning="a new deal for `owner`, linked to contact and organisation",
        arguments={**_OWNER, **_TEXT},
    ),
    "add_task": Spec(
        make=rows.AddTask,
        meaning="a task of this `kind` and `status` for `assignee`, `due` so long after the call's end",
        arguments={**_TASK, "kind": ("kind", Argument.KIND), "status": ("status", Argument.STATUS)},
        optional=frozenset({"due"}),
    ),
    "call_back": Spec(
        make=rows.CallBack,
        meaning="a missed-call case and its open callback task; an open case of the same client and line counts up; "
        "with `on_duty` whoever is off duty is passed over",
        arguments={**_TASK, "on_duty": ("on_duty", Argument.SWITCH)},
        optional=frozenset({"due", "on_duty"}),
    ),
    "check_settings": Spec(
        make=rows.CheckSettings,
        meaning="an open settings task about the unknown party; one that is open already counts up",
        arguments=_TASK,
        optional=frozenset({"due"}),
    ),
    "close_cases": Spec(
        make=rows.CloseCases, meaning="the client's open cases close and their tasks are completed", arguments={}
    ),
    "note_attempt": Spec(
        make=rows.NoteAttempt, meaning="the client's open cases note that we called back in vain", arguments={}
    ),
    "log_call": Spec(make=rows.LogCall, meaning="the call is linked to the client's lead, deal, contact", arguments={}),
    "attach_recording": Spec(
        make=rows.AttachRecording,
        meaning="the recording links go to the call, its tasks and its lead",
        arguments={},
    ),
    "hand_over": Spec(
        make=rows.HandOver,
        meaning="what this call has opened goes to `owner`, unless a person edited it",
        arguments=_OWNER,
    ),
    "write_note": Spec(make=rows.WriteNote, meaning="a note on the lead, deal or contact", arguments=_TEXT),
}


def read_conditions(desk: Desk, table: object, key: str, occurrence: int = 0) -> tuple[Condition, ...]:
    """The conditions of a `when` or an `if`."""
    if not isinstance(table, dict):
        desk.wrong(key, table, 'write conditions, such as { client = "new" }', occurrence)
        return ()
    read = (_condition(desk, key, name, value, occurrence) for name, value in table.items())
    return tuple(condition for condition in read if condition is not None)


def _condition(desk: Desk, place: str, name: str, value: object, occurrence: int) -> Condition | None:
    key = f"{place}.{name}"
    if name == MIN_TALK:
        return _talked_for(desk, key, value, occurrence)
    domain = CONDITIONS.get(name)
    if domain is None:
        desk.wrong(key, value, f"unknown condition{did_you_mean(name, [*CONDITIONS, MIN_TALK])}", occurrence)
        return None
    if isinstance(value, bool) and domain.words == (YES, NO):
        return OneOf(key=name, accepted=frozenset({YES if value else NO}), text=f"{name} = {str(value).lower()}")
    words = desk.words(key, value, occurrence)
    accepted = {known for word in words for known in _known(desk, key, word, domain, occurrence)}
    text = f"{name} = {' or '.join(words)}"
    return OneOf(key=name, accepted=frozenset(accepted), text=text) if accepted else None


def _known(desk: Desk, key: str, word: str, domain: Domain, occurrence: int) -> tuple[str, ...]:
    if not domain.words:
        return (word.lower() if key.rpartition(".")[2].startswith("utm_") else word,)
    if word in domain.groups:
        return domain.groups[word]
    if word in domain.words:
        return (word,)
    names = ["true", "false"] if domain.words == (YES, NO) else [*domain.words, *domain.groups]
    desk.wrong(key, word, f"unknown word{did_you_mean(word, names)}", occurrence)
    return ()


def _talked_for(desk: Desk, key: str, value: object, occurrence: int) -> Condition | None:
    if value == MIN_TALK_SETTING:
        return TalkedFor(seconds=None, text=f"{MIN_TALK} = {MIN_TALK_SETTING}")
    seconds = seconds_in(value)
    if seconds is None:
        desk.wrong(key, value, f'write a duration, such as "10s", or "{MIN_TALK_SETTING}"', occurrence)
        return None
    return TalkedFor(seconds=seconds, text=f"{MIN_TALK} = {seconds:g}s")


def read_actions(desk: Desk, value: object) -> tuple[AnyAction, ...]:
    """The actions of a `then`."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        desk.wrong("then", value, 'write a list of actions, such as [{ do = "log_call" }]')
        return ()
    read = (_action(desk, item, place) for place, item in enumerate(value))
    return tuple(action for action in read if action is not None)


def _action(desk: Desk, table: dict[str, Any], place: int) -> AnyAction | None:
    name = table.get("do")
    spec = ACTIONS.get(name) if isinstance(name, str) else None
    if spec is None:
        remedy = f"unknown action{did_you_mean(name, ACTIONS)}" if isinstance(name, str) else 'write do = "..."'
        desk.wrong("do", name, remedy, place)
        return None
    before = len(desk.problems)
    for key in table:
        if key not in {"do", "if", *spec.arguments}:
            desk.wrong("do", name, f"does not take {key!r}{did_you_mean(key, ['if', *spec.arguments])}", place)
    given = read_conditions(desk, table["if"], "if", place) if "if" in table else ()
    values: dict[str, object] = {}
    for key, (target, argument) in spec.arguments.items():
        if key in table:
            values[target] = _argument(desk, argument, table[key], f"then.{key}", place)
        elif key not in spec.optional:
            desk.wrong("do", name, f"needs {key!r}", place)
    return spec.make(given=given, **values) if len(desk.problems) == before else None


def _argument(desk: Desk, argument: Argument, value: object, key: str, place: int) -> object:
    match argument:
        case Argument.PEOPLE:
            return _people(desk, key, value, place)
        case Argument.TEXT:
            return _one_of(desk, key, value, desk.texts, place)
        case Argument.NAME:
            return _name(desk, key, value, place)
        case Argument.KIND:
            return _member(desk, key, value, TaskKind, place)
        case Argument.STATUS:
            return _member(desk, key, value, TaskStatus, place)
        case Argument.DURATION:
            return _duration(desk, key, value, place)
        case Argument.SWITCH:
            if not isinstance(value, bool):
                desk.wrong("do", value, f"{key} is true or false", place)
            return value
        case _:
            assert_never(argument)


def _people(desk: Desk, key: str, value: object, place: int) -> tuple[str, ...]:
    words = desk.words(key, value, place)
    for word in words:
        if word not in PEOPLE and not (word.startswith(BY_ID) and len(word) > len(BY_ID)):
            desk.wrong("do", word, f"{key}: nobody is called so{did_you_mean(word, [*PEOPLE, 'employee:ID'])}", place)
    return words


def _one_of(desk: Desk, key: str, value: object, known: frozenset[str], place: int) -> object:
    if not isinstance(value, str) or value not in known:
        desk.wrong("do", value, f"{key}: there is no such word{did_you_mean(str(value), known)}", place)
    return value


def _name(desk: Desk, key: str, value: object, place: int) -> object:
    if not isinstance(value, str) or not value.isidentifier():
        desk.wrong("do", value, f"{key}: write a short name of letters", place)
    return value


def _member(desk: Desk, key: str, value: object, words: type[TaskKind] | type[TaskStatus], place: int) -> object:
    known = frozenset(str(word) for word in words)
    _one_of(desk, key, value, known, place)
    return words(value) if value in known else value


def _duration(desk: Desk, key: str, value: object, place: int) -> float | None:
    seconds = seconds_in(value)
    if seconds is None:
        desk.wrong("do", value, f'{key}: write a duration, such as "4h"', place)
    return seconds
