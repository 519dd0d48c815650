"""The facts of a situation as the words that rows ask for; each is worked out at most once, when first asked."""

from collections.abc import Callable, Mapping
from operator import attrgetter

from bridge.model.call import Direction, Utm
from bridge.model.phone import Hidden, read_number
from bridge.model.situation import Situation
from bridge.rules.findings import Findings, Talker
from bridge.rules.rows import Condition, OneOf, TalkedFor
from bridge.rules.vocabulary import NO, NONE, YES


class Facts(dict[str, str]):
    """The words found so far; asking for a missing one works it out."""

    __slots__ = ("findings",)

    def __init__(self, findings: Findings) -> None:
        super().__init__()
        self.findings = findings

    def __missing__(self, key: str) -> str:
        word = FACTS[key](self.findings)
        self[key] = word
        return word


def talked_long_enough(condition: TalkedFor, facts: Facts) -> bool:
    """Whether they talked at least as long as the condition says."""
    least = facts.findings.company.policy.outbound_min_talk if condition.seconds is None else condition.seconds
    return talk_seconds(facts.findings) >= least


def found(condition: Condition, facts: Facts) -> str:
    """What was found where the condition asked, in the words of the file."""
    if isinstance(condition, OneOf):
        return facts[condition.key]
    return f"{talk_seconds(facts.findings):.0f}s"


def talk_seconds(findings: Findings) -> float:
    """How long they talked; 0 while it is not over and for anything but a call."""
    return findings.call.talk_seconds if findings.call is not None else 0.0


def number_word(situation: Situation) -> str:
    """What the other side's number is: the blocked list comes first, then our own numbers."""
    if situation.blocked:
        return "blocked"
    call = situation.call
    if situation.own_number or (call is not None and call.direction is Direction.INTERNAL):
        return "own"
    if situation.client_number is not None:
        return "usable"
    hidden = isinstance(read_number(situation.raw_number, situation.company.country), Hidden)
    return "hidden" if hidden else "unusable"


def _switch(*, on: bool) -> str:
    return YES if on else NO


def _person(findings: Findings, talker: Talker | None) -> str:
    if talker is None:
        return "nobody"
    if talker.employee is None:
        return "unknown"
    return "responsible" if talker.employee.id == findings.match.responsible_id else "other"


def _outcome(findings: Findings) -> str:
    return str(findings.outcome) if findings.outcome is not None else NONE


def _chat(findings: Findings) -> str:
    chat = findings.situation.chat
    if chat is None:
        return NONE
    automatic = findings.company.policy.chat_intake == "auto"
    return "requested" if chat.sent_to_crm or automatic else "held"


def source_of(situation: Situation) -> str:
    """The id of the source that it came from; empty if nothing came in."""
    fact = situation.call or situation.form or situation.chat
    return fact.source if fact is not None else ""


def utm_of(situation: Situation) -> Utm:
    """The advertising tags of whatever came in."""
    fact = situation.call or situation.form or situation.chat
    return fact.utm if fact is not None else Utm()


def _utm(part: str) -> Callable[[Findings], str]:
    read = attrgetter(part)

    def word(findings: Findings) -> str:
        value = read(utm_of(findings.situation))
        return str(value).lower() if value else NONE

    return word


def _policy(name: str) -> Callable[[Findings], str]:
    read = attrgetter(name)
    return lambda findings: YES if read(findings.company.policy) else NO


def _queue(findings: Findings) -> str:
    return (findings.call.queue if findings.call is not None else None) or NONE


FACTS: Mapping[str, Callable[[Findings], str]] = {
    "occasion": lambda findings: str(findings.situation.occasion),
    "direction": lambda findings: str(findings.call.direction) if findings.call is not None else NONE,
    "number": lambda findings: number_word(findings.situation),
    "client": lambda findings: str(findings.match.standing),
    "outcome": _outcome,
    "missed_reason": lambda findings: str(findings.missed_reason) if findings.missed_reason is not None else NONE,
    "picked_up_by": lambda findings: _person(findings, findings.first),
    "answered_by": lambda findings: _person(findings, findings.answerer),
    "made_by": lambda findings: _person(findings, findings.caller),
    "case": lambda findings: "open" if findings.cases else "closed",
    "chat": _chat,
    "reached": lambda findings: _switch(on=findings.answered),
    "responsible_talked": lambda findings: _switch(on=findings.responsible_talked),
    "previous_owner_talked": lambda findings: _switch(on=findings.talked(findings.previous_owner_id)),
    "unknown_party": lambda findings: _switch(on=findings.unknown_party is not None),
    "transferred": lambda findings: _switch(on=findings.transferred),
    "repeated_short_abandon": lambda findings: _switch(on=findings.situation.earlier_short_abandon),
    "forms": _policy("forms"),
    "review_open": _policy("review_open"),
    "new_answered_done_task": _policy("new_answered_done_task"),
    "owner_follows_transfer": _policy("owner_follows_transfer"),
    "line": lambda findings: findings.situation.line_number or NONE,
    "line_name": lambda findings: findings.line.name if findings.line is not None else NONE,
    "queue": _queue,
    "branch": lambda findings: findings.situation.branch or NONE,
    "source": lambda findings: source_of(findings.situation) or NONE,
    "utm_source": _utm("source"),
    "utm_medium": _utm("medium"),
    "utm_campaign": _utm("campaign"),
    "utm_term": _utm("term"),
    "utm_content": _utm("content"),
}
