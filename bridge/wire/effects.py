"""Effects as JSON for a CRM of one's own (docs/how-to/http-crm.md has every member).

One member is named after what the effect is about and holds its fields under our names; instants are ISO 8601. What is
only our own bookkeeping (versions, who edited) stays here.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from bridge.model import effects as do
from bridge.model.crm import record_id
from bridge.model.effects import Effect
from bridge.model.moment import iso
from bridge.model.outgoing import Outgoing, Parcel

NAMES: Final[Mapping[type, tuple[str, str]]] = {
    do.OpenContact: ("open_contact", "contact"),
    do.OpenOrganisation: ("open_organisation", "organisation"),
    do.OpenLead: ("open_lead", "lead"),
    do.OpenDeal: ("open_deal", "deal"),
    do.AddTask: ("add_task", "task"),
    do.RepeatTask: ("repeat_task", "task"),
    do.CompleteTask: ("complete_task", "task"),
    do.OpenCase: ("open_case", "case"),
    do.RepeatCase: ("repeat_case", "case"),
    do.NoteCallback: ("note_callback", "case"),
    do.CloseCase: ("close_case", "case"),
    do.LogCall: ("log_call", "links"),
    do.AttachRecording: ("attach_recording", "recording"),
    do.HandOver: ("hand_over", "owner"),
    do.AddNote: ("add_note", "note"),
}
"""What each effect is called outside, and the member that holds its fields."""
_OURS: Final = frozenset({"touched", "version", "last_fact"})


def name_of(effect: Effect) -> str:
    """What this effect is called outside."""
    return NAMES[type(effect)][0]


def effect_document(parcel: Parcel) -> dict[str, Any]:
    """The whole request body."""
    remote: dict[str, dict[str, str]] = {}
    for (kind, id_), theirs in parcel.remote.items():
        remote.setdefault(kind, {})[id_] = theirs
    return {**document_of(parcel.outgoing), "remote": remote}


def document_of(outgoing: Outgoing) -> dict[str, Any]:
    """The same without what the system calls our records."""
    name, member = NAMES[type(outgoing.effect)]
    return {
        "key": outgoing.key,
        "effect": name,
        member: _fields(outgoing.effect, member),
        "client": {"number": outgoing.client_number, "lane": outgoing.lane},
        "call": outgoing.call,
        "scenario": outgoing.scenario,
        "occurred_at": iso(outgoing.occurred_at),
    }


def _fields(effect: Effect, member: str) -> dict[str, Any]:
    plain = asdict(effect)
    if len(plain) == 1 and member in plain:  # it carries the whole record
        plain = plain[member]
    if isinstance(effect, do.AddNote):
        plain["id"] = record_id("note", plain.pop("key"))
    own = f"{member}_id"
    return {"id" if name == own else name: _moment(name, value) for name, value in plain.items() if name not in _OURS}


def _moment(name: str, value: Any) -> Any:
    return iso(value) if isinstance(value, float) and (name == "at" or name.endswith("_at")) else value
