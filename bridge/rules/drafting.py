"""A verdict in the making: where its work belongs, and what it wants done so far."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bridge.model.crm import TaskKind, TaskStatus, record_id
from bridge.model.effects import Effect
from bridge.model.situation import Situation
from bridge.rules import rows
from bridge.rules.findings import Findings
from bridge.rules.matching import Standing
from bridge.rules.routing import Choice, choose
from bridge.rules.story import Story


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The records that a row's tasks and notes are linked to: known ones, or those that the row opens."""

    contact_id: str | None = None
    organisation_id: str | None = None
    lead_id: str | None = None
    deal_id: str | None = None


def place(findings: Findings, actions: Iterable[rows.AnyAction]) -> Place:
    """Where this row's work belongs. A converted lead's deal is never a place (S10)."""
    fact, matched = findings.situation.fact, findings.match
    kinds = {type(action) for action in actions}
    contact = matched.contact.id if matched.contact is not None else None
    if contact is None and rows.OpenContact in kinds:
        contact = record_id("contact", fact)
    organisation = matched.organisation_id
    if organisation is None and rows.OpenOrganisation in kinds:
        organisation = record_id("organisation", fact)
    lead = record_id("lead", fact) if rows.OpenLead in kinds else None
    if lead is None and matched.standing is Standing.OPEN_LEAD and matched.lead is not None:
        lead = matched.lead.id
    deal = record_id("deal", fact) if rows.OpenDeal in kinds else None
    if deal is None and matched.deal is not None:
        deal = matched.deal.id
    return Place(contact_id=contact, organisation_id=organisation, lead_id=lead, deal_id=deal)


@dataclass(slots=True, kw_only=True)
class Draft:
    """Effects and reasons in the order they come up. `scenario` is the row or modifier that is being written."""

    findings: Findings
    texts: Mapping[str, rows.Template]
    place: Place
    story: Story
    scenario: str
    effects: list[Effect] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    made: dict[tuple[TaskKind, TaskStatus], int] = field(default_factory=dict)
    settings_checked: bool = False

    @property
    def situation(self) -> Situation:
        """What is being decided."""
        return self.findings.situation

    @property
    def call_id(self) -> str | None:
        """The id of the call, if a call is being decided."""
        situation = self.situation
        if situation.call_id is not None or situation.call is None:
            return situation.call_id
        return record_id("call", situation.call.key)

    def add(self, effect: Effect, reason: str | None = None) -> None:
        """One more thing to do, and why if there is more to say than the row's title."""
        self.effects.append(effect)
        if reason is not None:
            self.reasons.append(reason)

    def title(self, text: str) -> str:
        """The title of this text template, filled in."""
        return self.texts[text].title.format_map(self.story)

    def text(self, text: str) -> str:
        """The body of this text template, filled in."""
        return self.texts[text].text.format_map(self.story)

    def choose(self, words: tuple[str, ...], *, on_duty: bool = False, record: bool = False) -> Choice:
        """Who of these people it is; if somebody was passed over, the reason is kept."""
        choice = choose(words, self.findings, on_duty=on_duty, record=record)
        self.reasons += [reason for reason in choice.reasons if reason not in self.reasons]
        return choice

    def task_id(self, kind: TaskKind, status: TaskStatus) -> str:
        """The id of the next task of this kind and status that this fact makes, whichever row makes it."""
        number = self.made.get((kind, status), 0)
        self.made[kind, status] = number + 1
        return record_id("task", self.situation.fact, kind, status, *([str(number)] if number else []))
