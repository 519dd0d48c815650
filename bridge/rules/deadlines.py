"""When a task is due: clock time, or the working time of whoever has to do it (D14)."""

from dataclasses import dataclass

from bridge.model.moment import Instant
from bridge.model.people import Company, Employee, Line, Schedule
from bridge.rules.shifts import after_working_time, local, shift


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """When it is due, and what there is to say about it (None: plain clock time)."""

    at: Instant
    reason: str | None = None


def deadline(
    company: Company, since: Instant, *, seconds: float | None, assignee: Employee | None, line: Line | None
) -> Deadline:
    """`seconds` (None: policy.task_deadline) after `since`.

    When deadlines count working time, it is that of the assignee's schedule, else of the line's; without either, or
    when it never opens again, clock time.
    """
    length = company.policy.task_deadline if seconds is None else seconds
    if company.policy.deadline_counts != "working":
        return Deadline(at=since + length)
    schedule = schedule_of(company, assignee, line)
    if schedule is None:
        return Deadline(at=since + length)
    due = after_working_time(schedule, since, length)
    if due is None:
        return Deadline(at=since + length, reason=f"schedule {schedule.id} never opens again: the clock counts")
    opening = shift(schedule, since)
    if opening.open or opening.opens_at is None:
        return Deadline(at=due)
    begins = local(opening.opens_at, schedule.timezone)
    return Deadline(at=due, reason=f"D14: due counted from the next opening, {begins:%Y-%m-%d %H:%M}")


def schedule_of(company: Company, assignee: Employee | None, line: Line | None) -> Schedule | None:
    """The working hours that count for this task."""
    for who in (assignee, line):
        if who is not None and who.schedule is not None and who.schedule in company.schedules:
            return company.schedules[who.schedule]
    return None
