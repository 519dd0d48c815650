"""Missed-call cases: the promise to call back is opened, repeated, tried, kept (D5-D7, D10)."""

from collections.abc import Iterator

from bridge.model.call import Direction
from bridge.model.crm import Case, Task, TaskKind, TaskStatus, record_id
from bridge.model.effects import AddTask, CloseCase, CompleteTask, NoteCallback, OpenCase, RepeatCase, RepeatTask
from bridge.model.moment import Instant
from bridge.rules import rows
from bridge.rules.deadlines import deadline
from bridge.rules.drafting import Draft
from bridge.rules.shifts import local
from bridge.rules.story import at_local, lasting, talker_name
from bridge.rules.tasks import due, recording_of, task_for

AGAIN = "Called again on "
MOST_TOLD = 20
"""Attempts that the text of a callback task tells of."""
LEFT_OUT = "\n… (earlier attempts are in the list of calls)"


def call_back(draft: Draft, action: rows.CallBack) -> None:
    """A case with its callback task, or one more attempt of the case that is open on this line (D5)."""
    case = _open_case(draft)
    if case is None:
        _open(draft, action)
    elif case.origin == draft.situation.fact:
        return  # decided again: this very call has opened it
    else:
        _repeat(draft, action, case)


def close(draft: Draft) -> None:
    """The client was reached: his cases close, their tasks are completed by id (D6)."""
    findings = draft.findings
    who, how, told = _resolution(draft)
    for case in findings.cases:
        # A case that he opened again after this conversation stays: he was not reached since.
        if case.last_at > findings.since or case.origin == draft.situation.fact:
            continue
        after = lasting(max(0.0, findings.since - case.first_at))
        note = f"{told}, {after} after the missed call."
        for task_id in _tasks_of(draft, case):
            draft.add(CompleteTask(task_id=task_id, at=findings.since, note=note))
        draft.add(
            CloseCase(case_id=case.id, at=findings.since, resolved_by=who, resolved_how=how),
            f"D6: the missed-call case {case.id} closes: {note}",
        )


def note_attempt(draft: Draft) -> None:
    """We called back in vain: every open case of the client notes it (D7)."""
    for case in draft.findings.cases:
        draft.add(
            NoteCallback(case_id=case.id, at=draft.findings.since, fact=draft.situation.fact),
            f"D7: called back, not reached: the missed-call case {case.id} stays open",
        )


def _open(draft: Draft, action: rows.CallBack) -> None:
    situation, since = draft.situation, draft.findings.since
    case_id = record_id("case", situation.fact)
    task = _callback(draft, action, case_id)
    case = Case(
        id=case_id,
        client=situation.client.lane,
        client_number=situation.client_number,
        line_number=situation.line_number,
        attempts=1,
        first_at=since,
        last_at=since,
        due_at=since if task.due_at is None else task.due_at,
        task_id=task.id,
        branch=situation.branch,
        origin=situation.fact,
        last_fact=situation.fact,
    )
    if situation.client_number is None:
        draft.reasons.append("D10: no usable number: one case for the line and day, no contact and no lead")
    draft.add(OpenCase(case=case))
    draft.add(AddTask(task=task))


def _repeat(draft: Draft, action: rows.CallBack, case: Case) -> None:
    situation, since = draft.situation, draft.findings.since
    attempt = case.attempts + 1
    task = next(_open_tasks(draft, case), None)
    due_at = _due_alone(draft, action, task.assignee_id if task is not None else "")
    draft.add(
        RepeatCase(case_id=case.id, at=since, due_at=due_at, fact=situation.fact),
        f"D5: missed again while case {case.id} is open: attempt {attempt}, the earlier due time is kept",
    )
    if task is None or draft.findings.company.policy.repeat == "new_task":
        draft.add(AddTask(task=_callback(draft, action, case.id)))
        return
    again = f"{AGAIN}{at_local(draft.findings, since)}, rang {draft.story['ring']} (attempt {attempt})."
    recording = recording_of(draft)
    text = _with_attempt(task.text, again + (f" Recording: {recording}" if recording is not None else ""))
    draft.add(
        RepeatTask(task_id=task.id, at=since, text=text, recording_url=recording, due_at=due_at, fact=situation.fact)
    )


def _with_attempt(text: str, again: str) -> str:
    """The text with one more attempt. It stays a text: of very many attempts only the newest are told."""
    first, *earlier = text.split(f"\n{AGAIN}")
    attempts = [*(f"{AGAIN}{attempt}" for attempt in earlier), again]
    if len(attempts) > MOST_TOLD:
        first = first.removesuffix(LEFT_OUT) + LEFT_OUT
    return "\n".join((first, *attempts[-MOST_TOLD:]))


def _due_alone(draft: Draft, action: rows.CallBack, assignee: str) -> Instant:
    """When this attempt would be due if it were the only one."""
    findings = draft.findings
    employee = findings.company.employees.get(assignee)
    alone = deadline(findings.company, findings.since, seconds=action.due_in, assignee=employee, line=findings.line)
    return alone.at


def _callback(draft: Draft, action: rows.CallBack, case_id: str) -> Task:
    """The task that keeps the promise; where the row's people do not exist, it is the senior's, never nobody's."""
    policy = draft.findings.company.policy
    assignee = draft.choose((*action.assignee, "senior"), on_duty=action.on_duty).employee_id or policy.senior
    return task_for(
        draft,
        task_id=draft.task_id(TaskKind.CALLBACK, TaskStatus.OPEN),
        kind=TaskKind.CALLBACK,
        assignee=assignee,
        text=action.text,
        due_at=due(draft, assignee, action.due_in),
        case_id=case_id,
    )


def _open_case(draft: Draft) -> Case | None:
    """The open case of this client on this line; callers without a number share one for each line and day (D10)."""
    situation = draft.situation
    if situation.client_number is not None:
        mine = (case for case in draft.findings.cases if case.client_number is not None)
    else:
        mine = (case for case in draft.findings.cases if case.client == situation.client.lane and _today(draft, case))
    return next((case for case in mine if case.line_number == situation.line_number), None)


def _today(draft: Draft, case: Case) -> bool:
    timezone = draft.findings.company.timezone
    return local(case.first_at, timezone).date() == local(draft.findings.since, timezone).date()


def _open_tasks(draft: Draft, case: Case) -> Iterator[Task]:
    for task in draft.situation.client.tasks:
        if task.status is TaskStatus.OPEN and (task.id == case.task_id or task.case_id == case.id):
            yield task


def _tasks_of(draft: Draft, case: Case) -> list[str]:
    known = [task.id for task in _open_tasks(draft, case)]
    if case.task_id is not None and all(task.id != case.task_id for task in draft.situation.client.tasks):
        known.append(case.task_id)
    return known


def _resolution(draft: Draft) -> tuple[str | None, str, str]:
    """Who kept the promise, how in a few words, and the same as a sentence."""
    findings = draft.findings
    call = findings.call
    if call is None:
        operator = findings.operator
        name = operator.name if operator is not None else "somebody"
        return (
            (operator.id if operator is not None else None),
            "wrote and was answered",
            f"Answered by {name} in a chat",
        )
    if call.direction is Direction.OUTBOUND:
        caller = findings.caller.employee if findings.caller is not None else None
        told = f"Called back by {talker_name(findings.caller)} and reached, talked {draft.story['talk']}"
        return (caller.id if caller is not None else None), "called back and reached", told
    told = f"He got through himself, answered by {talker_name(findings.answerer)}, talked {draft.story['talk']}"
    return "client", "got through himself", told
