"""Which effects leave for a remote system, under which key, in whose order, and which records they name."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import assert_never

from bridge.model import effects as do
from bridge.model.crm import record_id
from bridge.model.effects import Effect
from bridge.model.moment import Instant
from bridge.model.outgoing import Outgoing, Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What brought effects about, and when. `fact` is the call key or event id."""

    fact: str
    lane: str
    at: Instant
    call: str | None = None
    scenario: str | None = None
    client_number: str | None = None


def outgoing(system: str, cause: Cause, effects: Iterable[Effect], shared: Mapping[str, str]) -> list[Outgoing]:
    """What a system is to be told of these effects, in their order; what is only counted stays here.

    `shared` are tasks that calls of several clients count up, with what each is about: all that concerns one of them
    keeps one order, which is nobody's else.
    """
    return [
        Outgoing(
            key=effect_key(system, cause, effect),
            lane=shared.get(_task_of(effect) or "", cause.lane),
            effect=effect,
            occurred_at=cause.at,
            call=cause.call,
            scenario=cause.scenario,
            client_number=cause.client_number,
        )
        for effect in effects
        if not isinstance(effect, do.CountOnly)
    ]


def effect_key(system: str, cause: Cause, effect: Effect) -> str:
    """The key under which this effect is done once.

    It derives from the fact through the ids of what the effect makes or touches, and not from the scenario: a call
    that is judged again under another one makes the same records, and must not make them twice.
    """
    return record_id("outgoing", system, type(effect).__name__, *_identity(cause, effect))


def _identity(cause: Cause, effect: Effect) -> tuple[str, ...]:
    match effect:
        case do.RepeatTask():
            return effect.task_id, effect.fact or cause.fact
        case do.RepeatCase() | do.NoteCallback():
            return effect.case_id, effect.fact or cause.fact
        case do.CompleteTask():
            return effect.task_id, cause.fact
        case do.CloseCase():
            return effect.case_id, cause.fact
        case do.HandOver():  # to one, to another and back again are three of them, so the moment tells them apart
            ids = (effect.lead_id, effect.contact_id, effect.organisation_id)
            return (cause.fact, repr(cause.at), effect.owner_id, *[id_ or "" for id_ in ids])
        case do.LogCall():
            return effect.call_id, *[id_ or "" for id_ in (effect.lead_id, effect.deal_id, effect.contact_id)]
        case do.AttachRecording():
            return effect.call_id, *effect.urls
        case do.CountOnly():
            return cause.fact, effect.counter
        case (
            do.OpenContact()
            | do.OpenOrganisation()
            | do.OpenLead()
            | do.OpenDeal()
            | do.AddTask()
            | do.OpenCase()
            | do.AddNote()
        ):
            return made_by(effect) or ()
        case _:
            assert_never(effect)


def made_by(effect: Effect) -> Ref | None:
    """The record that this effect makes; None: it makes none."""
    if isinstance(effect, do.AddNote):
        return "note", record_id("note", effect.key)
    kind = _MAKES.get(type(effect))
    return None if kind is None else (kind, getattr(effect, kind).id)


def named_by(effect: Effect) -> tuple[Ref, ...]:
    """The records that this effect names, that which it makes first."""
    made, kind = made_by(effect), _MAKES.get(type(effect))
    about = effect if kind is None else getattr(effect, kind)
    named = [(kind, id_) for name, kind in _NAMES.items() if (id_ := getattr(about, name, None)) is not None]
    return tuple(dict.fromkeys(named if made is None else [made, *named]))


_MAKES: Mapping[type, str] = {
    do.OpenContact: "contact",
    do.OpenOrganisation: "organisation",
    do.OpenLead: "lead",
    do.OpenDeal: "deal",
    do.AddTask: "task",
    do.OpenCase: "case",
}
"""The kind of the record that an effect carries as a whole, which is also the name of its field."""
_NAMES: Mapping[str, str] = {
    "contact_id": "contact",
    "organisation_id": "organisation",
    "lead_id": "lead",
    "previous_lead_id": "lead",
    "deal_id": "deal",
    "task_id": "task",
    "case_id": "case",
}
"""The kind of the record that each of these fields names, in effects and in records."""


def _task_of(effect: Effect) -> str | None:
    match effect:
        case do.AddTask():
            return effect.task.id
        case do.RepeatTask() | do.CompleteTask():
            return effect.task_id
        case _:
            return None
