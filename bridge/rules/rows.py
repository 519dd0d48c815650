"""The matrix as values: rows of conditions and actions, the rules beside them, and what can be wrong with them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.model.crm import TaskKind, TaskStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf:
    """The fact `key` is one of these words. `text` is the condition as the file says it."""

    key: str
    accepted: frozenset[str]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkedFor:
    """They talked at least so many seconds; None: as long as policy.outbound_min_talk says."""

    seconds: float | None
    text: str


Condition = OneOf | TalkedFor


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing that a row does, if its own conditions hold, too."""

    given: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Count(Action):
    """Touch nothing, count it under this name."""

    counter: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenContact(Action):
    """The client's contact: the known one is kept, else one is made for this owner."""

    owner: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOrganisation(Action):
    """The client's organisation: the known one is kept, else one is made for this owner."""

    owner: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLead(Action):
    """A new lead, linked to the contact, the organisation and the lead before it."""

    owner: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDeal(Action):
    """A new deal, linked to the contact and the organisation."""

    owner: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddTask(Action):
    """A task on the client's lead or deal. `due_in` is seconds from the call's end, None: policy.task_deadline."""

    kind: TaskKind
    status: TaskStatus
    assignee: tuple[str, ...]
    text: str
    due_in: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallBack(Action):
    """A missed-call case with its open callback task; an open case of the same client and line counts up (D5)."""

    assignee: tuple[str, ...]
    text: str
    on_duty: bool = True
    due_in: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSettings(Action):
    """A settings task about the unknown party; one that is open already counts up (D18)."""

    assignee: tuple[str, ...]
    text: str
    due_in: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseCases(Action):
    """The client was reached: his open cases and their tasks are done (D6)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteAttempt(Action):
    """We tried to call back in vain: every open case of the client notes it (D7)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogCall(Action):
    """The call shows up in the client's lead, deal and contact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachRecording(Action):
    """The recording links go to the call, its tasks and its lead (D20)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOver(Action):
    """What this call has opened goes to another owner."""

    owner: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteNote(Action):
    """A note on the client's lead, deal or contact."""

    text: str


AnyAction = (
    Count
    | OpenContact
    | OpenOrganisation
    | OpenLead
    | OpenDeal
    | AddTask
    | CallBack
    | CheckSettings
    | CloseCases
    | NoteAttempt
    | LogCall
    | AttachRecording
    | HandOver
    | WriteNote
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One named scenario, or one modifier: when a situation looks like this, then do these things, in this order."""

    name: str
    title: str
    when: tuple[Condition, ...]
    then: tuple[AnyAction, ...]
    line: int | None = None

    @property
    def touches_nothing(self) -> bool:
        """It only counts, so no modifier adds to it (S1, S2)."""
        return any(isinstance(action, Count) for action in self.then)


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """Title and text of a task, lead or note, with {variables}."""

    title: str
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A cross-cutting rule that rows rely on. `choice` is what the file chose among the rule's ways, if it has any."""

    name: str
    title: str
    choice: str = ""
    setting: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """The whole table. The first row that matches decides; then every modifier that matches adds to it."""

    version: str
    rows: tuple[Row, ...]
    modifiers: tuple[Row, ...] = ()
    rules: Mapping[str, Rule] = field(default_factory=dict)
    texts: Mapping[str, Template] = field(default_factory=dict)

    def choice(self, rule: str) -> str:
        """What the file chose for this rule; empty if it says nothing."""
        found = self.rules.get(rule)
        return "" if found is None else found.choice


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with the file: where, what it says, and what to do about it."""

    scenario: str | None
    line: int | None
    key: str
    value: str
    remedy: str

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line is not None else ""
        row = f"{self.scenario}: " if self.scenario else ""
        what = f"{self.key} = {self.value}: " if self.value else f"{self.key}: " if self.key else ""
        return f"{place}{row}{what}{self.remedy}"


class MatrixError(ValueError):
    """The scenarios cannot be used; `problems` lists everything that is wrong with them."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems
