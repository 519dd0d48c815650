"""Who gets it: the people a row names, in their order, past everybody who cannot take it (D17)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from bridge.model.moment import Instant
from bridge.model.people import Company, Employee
from bridge.rules.findings import Findings, Talker
from bridge.rules.shifts import shift
from bridge.rules.vocabulary import PARTICIPANTS

BY_ID = "employee:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Who it is (None: nobody fits the description) and why not somebody before him."""

    employee_id: str | None
    reasons: tuple[str, ...] = ()


def choose(words: tuple[str, ...], findings: Findings, *, on_duty: bool = False, record: bool = False) -> Choice:
    """The first of these people who can take it; after them the senior and the top manager stand in.

    `on_duty`: who is off duty is passed over while somebody else is on. `record`: it only records what somebody did,
    so those who took part are not asked whether they are available.
    """
    company = findings.company
    passed: list[str] = []
    off_duty: list[str] = []
    for word, who in _chain(words, findings):
        trouble = None if record and word in PARTICIPANTS else unavailable(company, who)
        if trouble is None and on_duty and not is_on_duty(company, who, findings.since):
            off_duty.append(who)
            trouble = "off duty"
        if trouble is None:
            return Choice(employee_id=who, reasons=_told(company, passed, who))
        passed.append(f"{name_of(company, who)} is {trouble}")
    if off_duty:
        waits = f"D17: nobody in the chain is on duty, it waits for {name_of(company, off_duty[0])}"
        return Choice(employee_id=off_duty[0], reasons=(waits,))
    if not passed:
        return Choice(employee_id=None)
    last = company.policy.top
    return Choice(employee_id=last, reasons=(*_told(company, passed, last), "D17: nobody in the chain can take it"))


def _chain(words: tuple[str, ...], findings: Findings) -> Iterator[tuple[str, str]]:
    """The people named, then those who stand in for them; nobody if nobody fits the description."""
    named = False
    for word in words:
        for who in _people(word, findings):
            named = True
            yield word, who
    if named:
        yield "senior", findings.company.policy.senior
        yield "top", findings.company.policy.top


def unavailable(company: Company, employee_id: str) -> str | None:
    """Why this employee gets no new work; None if he can."""
    employee = company.employees.get(employee_id)
    if employee is None:
        return "no employee"
    if not employee.active:
        return "disabled"
    return None if employee.assignable else "not to be assigned"


def is_on_duty(company: Company, employee_id: str, at: Instant) -> bool:
    """Whether he works at this instant; somebody without a schedule always does."""
    employee = company.employees.get(employee_id)
    schedule = company.schedules.get(employee.schedule) if employee is not None and employee.schedule else None
    return schedule is None or shift(schedule, at).open


def name_of(company: Company, employee_id: str | None) -> str:
    """His name for people to read; the id where he is no employee of ours."""
    if employee_id is None:
        return "nobody"
    employee = company.employees.get(employee_id)
    return employee.name if employee is not None else employee_id


def _told(company: Company, passed: list[str], who: str) -> tuple[str, ...]:
    if not passed:
        return ()
    unique = ", ".join(dict.fromkeys(passed))
    return (f"D17: {unique}; next in the chain: {name_of(company, who)}",)


def _people(word: str, findings: Findings) -> Iterator[str]:
    if word.startswith(BY_ID):
        yield word.removeprefix(BY_ID)
    elif word == "missed_chain":
        for link in findings.company.policy.missed_chain:
            yield from _people(link if link in PEOPLE_FOUND else BY_ID + link, findings)
    else:
        person = PEOPLE_FOUND[word](findings)
        if person:
            yield person


def _talker(talker: Talker | None) -> str | None:
    return _id(talker.employee) if talker is not None else None


def _id(employee: Employee | None) -> str | None:
    return employee.id if employee is not None else None


def _stand_in(findings: Findings) -> str:
    policy = findings.company.policy
    return policy.top if findings.answered else policy.senior


PEOPLE_FOUND: Mapping[str, Callable[[Findings], str | None]] = {
    "senior": lambda findings: findings.company.policy.senior,
    "top": lambda findings: findings.company.policy.top,
    "responsible": lambda findings: findings.match.responsible_id,
    "answerer": lambda findings: _talker(findings.answerer),
    "picked_up_by": lambda findings: _talker(findings.first),
    "last_talker": lambda findings: _talker(findings.last),
    "caller": lambda findings: _talker(findings.caller),
    "operator": lambda findings: _id(findings.operator),
    "contact_owner": lambda findings: findings.match.contact.owner_id if findings.match.contact else None,
    "previous_owner": lambda findings: findings.previous_owner_id,
    "stand_in": _stand_in,
}
