"""What the company still lacks before the scenarios can do what they say (S3-01)."""

from collections.abc import Iterator

from bridge.model.people import Company, Role
from bridge.rules.reading import did_you_mean
from bridge.rules.routing import BY_ID, PEOPLE_FOUND, unavailable
from bridge.rules.rows import AnyAction, Condition, Matrix, OneOf, Problem, Row
from bridge.rules.vocabulary import NONE

NEEDED_BY = {"senior": "S4 and S9", "top": "S5 and S8"}


def missing_preconditions(company: Company, matrix: Matrix) -> list[Problem]:
    """Everything that keeps the enabled rows from working, all at once; empty if the company is ready."""
    return [
        *_positions(company),
        *_profiles(company),
        *_chain(company),
        *(problem for row in (*matrix.rows, *matrix.modifiers) for problem in _row(company, row)),
    ]


def _positions(company: Company) -> Iterator[Problem]:
    policy = company.policy
    for position, employee_id in (("senior", policy.senior), ("top", policy.top)):
        trouble = unavailable(company, employee_id)
        stood_in_for = position == "senior" and employee_id in company.employees  # the top manager has nobody (D17)
        if trouble is not None and not stood_in_for:
            needed = f"{employee_id!r} is {trouble}; {NEEDED_BY[position]} give him tasks: name an active employee"
            hint = did_you_mean(employee_id, company.employees) if employee_id not in company.employees else ""
            yield _problem(f"policy.{position}", employee_id, needed + hint)


def _profiles(company: Company) -> Iterator[Problem]:
    """Whoever is to answer calls has to be recognised when he does; hours have to exist."""
    recognised = set(company.parties.values())
    for employee in company.employees.values():
        if employee.active and employee.role is Role.MANAGER and employee.id not in recognised:
            remedy = (
                "has no extension, account, phone or e-mail: calls he answers count as answered by somebody unknown"
            )
            yield _problem(f"employee {employee.id}", "", remedy)
        if employee.schedule is not None and employee.schedule not in company.schedules:
            hint = did_you_mean(employee.schedule, company.schedules)
            yield _problem(f"employee {employee.id}.schedule", employee.schedule, f"there is no such schedule{hint}")
    for line in company.lines.values():
        if line.schedule is not None and line.schedule not in company.schedules:
            hint = did_you_mean(line.schedule, company.schedules)
            yield _problem(f"line {line.number}.schedule", line.schedule, f"there is no such schedule{hint}")


def _chain(company: Company) -> Iterator[Problem]:
    for link in company.policy.missed_chain:
        if link not in PEOPLE_FOUND and link.removeprefix(BY_ID) not in company.employees:
            hint = did_you_mean(link, [*PEOPLE_FOUND, *company.employees])
            yield _problem("policy.missed_chain", link, f"nobody is called so{hint}")


def _row(company: Company, row: Row) -> Iterator[Problem]:
    conditions = (*row.when, *(condition for action in row.then for condition in action.given))
    for condition in conditions:
        yield from _condition(company, row, condition)
    for action in row.then:
        for word in _people(action):
            named = word.removeprefix(BY_ID)
            if word.startswith(BY_ID) and named not in company.employees:
                hint = did_you_mean(named, company.employees)
                yield _problem("then", word, f"there is no such employee{hint}", row)


def _condition(company: Company, row: Row, condition: Condition) -> Iterator[Problem]:
    if not isinstance(condition, OneOf):
        return
    known = {
        "line": set(company.lines),
        "line_name": {line.name for line in company.lines.values()},
        "branch": set(company.branches),
    }.get(condition.key)
    if known is None:
        return
    for value in sorted(condition.accepted - known - {NONE}):
        hint = did_you_mean(value, known)
        yield _problem(f"when.{condition.key}", value, f"the company has no such {condition.key}{hint}", row)


def _people(action: AnyAction) -> tuple[str, ...]:
    for name in ("owner", "assignee"):
        words = getattr(action, name, ())
        if words:
            return tuple(words)
    return ()


def _problem(key: str, value: str, remedy: str, row: Row | None = None) -> Problem:
    scenario, line = (row.name, row.line) if row is not None else (None, None)
    return Problem(scenario=scenario, line=line, key=key, value=repr(value) if value else "", remedy=remedy)
