"""The decision: what the company wants done about one situation, and why. The same situation, the same verdict."""

from functools import lru_cache
from typing import assert_never

from bridge.model.effects import CountOnly, Refusal, Verdict
from bridge.model.situation import Situation
from bridge.rules import cases, records, rows, tasks
from bridge.rules.drafting import Draft, place
from bridge.rules.facts import Facts, found, talked_long_enough
from bridge.rules.findings import Findings, Talker, find
from bridge.rules.remarks import remarks
from bridge.rules.rows import Condition, Matrix, OneOf, Row
from bridge.rules.story import Story


def decide(situation: Situation, matrix: Matrix) -> Verdict:
    """The verdict of the first row that matches, with everything that its modifiers add.

    Without a matching row the verdict has no scenario and no effects, and says why each row refused (S3-02).
    """
    findings = find(situation, matrix)
    facts = Facts(findings)
    row, refusals = _first(matrix, facts)
    if row is None:
        return _verdict(findings, None, refusals=refusals, reasons=("no row of the matrix matches: nothing is done",))
    if row.touches_nothing:
        counted = tuple(CountOnly(counter=act.counter) for act in row.then if isinstance(act, rows.Count))
        return Verdict(scenario=row.name, effects=counted, reasons=(_title(row),), refusals=refusals)
    draft = _written(matrix, row, facts)
    return _verdict(findings, row.name, refusals=refusals, reasons=tuple(draft.reasons), draft=draft)


def _first(matrix: Matrix, facts: Facts) -> tuple[Row | None, tuple[Refusal, ...]]:
    refusals: list[Refusal] = []
    for row in matrix.rows:
        failed = _failed(row.when, facts)
        if failed is None:
            return row, tuple(refusals)
        refusals.append(_refusal(row.name, failed.text, found(failed, facts)))
    return None, tuple(refusals)


def _failed(conditions: tuple[Condition, ...], facts: Facts) -> Condition | None:
    for condition in conditions:
        if isinstance(condition, OneOf):
            if facts[condition.key] not in condition.accepted:
                return condition
        elif not talked_long_enough(condition, facts):
            return condition
    return None


@lru_cache(maxsize=4096)
def _refusal(scenario: str, condition: str, what: str) -> Refusal:
    """The same few refusals come with every call."""
    return Refusal(scenario=scenario, condition=condition, found=what)


def _written(matrix: Matrix, row: Row, facts: Facts) -> Draft:
    findings = facts.findings
    actions = _enabled(row, facts)
    where = place(findings, actions)
    draft = Draft(
        findings=findings,
        texts=matrix.texts,
        place=where,
        story=Story(findings, where.lead_id),
        scenario=row.name,
        reasons=[_title(row), *remarks(findings)],
    )
    for action in actions:
        _write(draft, action)
    for modifier in matrix.modifiers:
        if _failed(modifier.when, facts) is None:
            draft.scenario = modifier.name
            for action in _enabled(modifier, facts):
                _write(draft, action)
    return draft


def _enabled(row: Row, facts: Facts) -> list[rows.AnyAction]:
    return [action for action in row.then if _failed(action.given, facts) is None]


def _write(draft: Draft, action: rows.AnyAction) -> None:  # noqa: C901, PLR0912 - one line for each kind of action
    match action:
        case rows.Count():
            draft.add(CountOnly(counter=action.counter))
        case rows.OpenContact():
            records.open_contact(draft, action)
        case rows.OpenOrganisation():
            records.open_organisation(draft, action)
        case rows.OpenLead():
            records.open_lead(draft, action)
        case rows.OpenDeal():
            records.open_deal(draft, action)
        case rows.AddTask():
            tasks.add_task(draft, action)
        case rows.CheckSettings():
            tasks.check_settings(draft, action)
        case rows.CallBack():
            cases.call_back(draft, action)
        case rows.CloseCases():
            cases.close(draft)
        case rows.NoteAttempt():
            cases.note_attempt(draft)
        case rows.LogCall():
            records.log_call(draft)
        case rows.AttachRecording():
            records.attach_recording(draft)
        case rows.HandOver():
            records.hand_over(draft, action)
        case rows.WriteNote():
            records.write_note(draft, action)
        case _:
            assert_never(action)


def _title(row: Row) -> str:
    return f"{row.name}: {row.title}"


def _verdict(
    findings: Findings,
    scenario: str | None,
    *,
    refusals: tuple[Refusal, ...],
    reasons: tuple[str, ...],
    draft: Draft | None = None,
) -> Verdict:
    return Verdict(
        scenario=scenario,
        effects=tuple(draft.effects) if draft is not None else (),
        reasons=reasons,
        refusals=refusals,
        responsible_id=findings.match.responsible_id,
        answerer_id=_id(findings.answerer),
        missed_reason=findings.missed_reason,
        tags=_tags(reasons),
    )


def _tags(reasons: tuple[str, ...]) -> tuple[str, ...]:
    """The names that the reasons begin with."""
    named = [reason.partition(":")[0] for reason in reasons if reason[:1] in {"S", "D"}]
    return tuple(dict.fromkeys(name for name in named if name[1:2].isdigit() and " " not in name))


def _id(talker: Talker | None) -> str | None:
    return talker.employee.id if talker is not None and talker.employee is not None else None
