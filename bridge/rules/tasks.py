"""What makes tasks: those of answered calls, and those about settings (D18)."""

from bridge.model.crm import Task, TaskKind, TaskStatus, record_id
from bridge.model.effects import AddTask, RepeatTask
from bridge.rules import rows
from bridge.rules.deadlines import deadline
from bridge.rules.drafting import Draft


def add_task(draft: Draft, action: rows.AddTask) -> None:
    """One task for one person; without anybody of the description there is none, and the reason is kept."""
    done = action.status is TaskStatus.DONE
    assignee = draft.choose(action.assignee, record=done).employee_id
    if assignee is None:
        draft.reasons.append(f"no {action.kind} task: there is no {' or '.join(action.assignee)}")
        return
    task = task_for(
        draft,
        task_id=draft.task_id(action.kind, action.status),
        kind=action.kind,
        assignee=assignee,
        text=action.text,
        due_at=None if done else due(draft, assignee, action.due_in),
        done_at=draft.findings.since if done else None,
    )
    draft.add(AddTask(task=task))


def check_settings(draft: Draft, action: rows.CheckSettings) -> None:
    """A settings task about the unknown party, one open task for each party; a row and a modifier share it."""
    situation, subject = draft.situation, draft.findings.settings_subject
    if subject is None or draft.settings_checked:
        return
    draft.settings_checked = True
    party = draft.story["party"]
    if situation.settings_task_id is not None:
        again = RepeatTask(task_id=situation.settings_task_id, at=draft.findings.since, fact=situation.fact)
        draft.add(again, f"D18: {party} is no employee; the settings task about it is open already and counts up")
        return
    assignee = draft.choose((*action.assignee, "top")).employee_id or draft.findings.company.policy.top
    task = task_for(
        draft,
        task_id=record_id("task", "settings", subject, situation.fact),
        kind=TaskKind.SETTINGS,
        assignee=assignee,
        text=action.text,
        due_at=due(draft, assignee, action.due_in),
        subject=subject,
    )
    draft.add(AddTask(task=task), f"D18: {party} is no employee: the settings have to be checked")


def due(draft: Draft, assignee: str, seconds: float | None) -> float:
    """When it is due; a reason is kept where the clock alone does not explain it."""
    company = draft.findings.company
    employee = company.employees.get(assignee)
    found = deadline(company, draft.findings.since, seconds=seconds, assignee=employee, line=draft.findings.line)
    if found.reason is not None and found.reason not in draft.reasons:
        draft.reasons.append(found.reason)
    return found.at


def task_for(
    draft: Draft,
    *,
    task_id: str,
    kind: TaskKind,
    assignee: str,
    text: str,
    due_at: float | None,
    done_at: float | None = None,
    subject: str | None = None,
    case_id: str | None = None,
) -> Task:
    """The whole task, linked to where the row's work belongs. It is done if it has been done at some instant."""
    situation, where = draft.situation, draft.place
    return Task(
        id=task_id,
        kind=kind,
        status=TaskStatus.OPEN if done_at is None else TaskStatus.DONE,
        assignee_id=assignee,
        title=draft.title(text),
        text=draft.text(text),
        due_at=due_at,
        done_at=done_at,
        lead_id=where.lead_id,
        contact_id=where.contact_id,
        organisation_id=where.organisation_id,
        deal_id=where.deal_id,
        call_id=draft.call_id,
        case_id=case_id,
        recording_url=recording_of(draft),
        scenario=draft.scenario,
        subject=subject,
        branch=situation.branch,
        origin=situation.fact,
        last_fact=situation.fact,
        created_at=situation.now,
    )


def recording_of(draft: Draft) -> str | None:
    """The link that a task about this call carries: its voicemail, else its first recording."""
    call = draft.situation.call
    return next(iter(call.links), None) if call is not None else None
