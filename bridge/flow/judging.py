"""What a fact leads to: the call is brought up to date, the moment to decide is recognised, the verdict carried out."""

from dataclasses import replace
from typing import Any

from bridge.flow.batch import BLOCKED, Batch
from bridge.flow.credit import handed_to, keepers
from bridge.flow.folding import Told
from bridge.flow.identity import Identity, caller
from bridge.flow.merging import absorb, fact_of
from bridge.flow.timers import judge_at
from bridge.model.call import Call, Direction, MissedReason, Outcome
from bridge.model.crm import CaseStatus, Client, TaskStatus, record_id
from bridge.model.effects import (
    CloseCase,
    CompleteTask,
    CountOnly,
    Effect,
    NoteCallback,
    RepeatCase,
    RepeatTask,
    Verdict,
)
from bridge.model.events import ChatRequested, FormSubmitted
from bridge.model.situation import Occasion, Situation
from bridge.rules import ledger
from bridge.rules.decide import decide
from bridge.rules.findings import outcome_of
from bridge.rules.outgoing import Cause
from bridge.rules.staff import employee_of, settings_subject, unknown_party
from bridge.store.calls import CallRecord
from bridge.store.records import NewVerdict


def take(batch: Batch, told: Told) -> None:
    """Carry one fact into the batch."""
    if told.call is None:
        _take_inquiry(batch, told)
        return
    before = batch.records.get(told.key)
    if before is not None and before.lane == BLOCKED:
        batch.forgotten.append(told.entry.id)
        _forget_absorbed(batch, told.call)
    elif batch.is_blocked(told.who):
        batch.forgotten.append(told.entry.id)
        _forget(batch, told.call, before)
        _forget_absorbed(batch, told.call)
    else:
        after = absorb(batch, before, _brought_up(batch, before, told, told.call))
        if after is not before:
            batch.put(after)
            _react(batch, before, after)


def settle(batch: Batch, record: CallRecord) -> None:
    """Judge a call that has ended: everything but what was done at its pick-up.

    A call is judged again when it turns out otherwise than it was judged. The fact is the same, and so are the ids of
    all that it makes: what is missing is added, what is there stays. What only counts up does not count again unless
    the outcome is another one; a missed call that had been answered after all closes the case that it had opened.
    """
    if batch.is_blocked(caller(record.body, batch.company.country)):  # blocked since it ended
        _forget(batch, record.body, record)
        return
    again = record.judged_at is not None
    if again and not record.listed:
        batch.put(replace(record, judge_at=None))
        return
    outcome = outcome_of(record.body)
    verdict = _decide(batch, record, Occasion.ENDED)
    if again:
        verdict = _corrected(batch, record, verdict, outcome)
    judged = _carry_out(
        batch,
        record,
        Occasion.ENDED,
        verdict,
        outcome=outcome,
        missed_reason=verdict.missed_reason or record.body.missed_reason,
        scenario=verdict.scenario,
        judge_at=None,
        judged_at=batch.now,
    )
    if judged.missed_reason is MissedReason.SHORT_ABANDON:
        batch.gave_up.setdefault(judged.lane, {})[judged.key] = judged.body.started_at
    if again and judged.body.links:
        _attach(batch, judged)


def _brought_up(batch: Batch, before: CallRecord | None, told: Told, call: Call) -> CallRecord:
    """The call as it is stored, after this fact; the very same if the fact says nothing new."""
    if before is not None and told.call is before.body:
        return before
    who, company = told.who, batch.company
    first, last = employee_of(company, call.first_talker), employee_of(company, call.last_talker)
    line = company.lines.get(told.line) if told.line is not None else None
    heard = min(told.entry.received_at, batch.now)
    known: dict[str, Any] = {
        "lane": who.lane,
        "body": call,
        "steps": told.steps,
        "client_number": who.number,
        "line_number": told.line,
        "listed": call.direction is not Direction.INTERNAL and not _is_ours(batch, who, call),
        "answered_by": first.id if first is not None else None,
        "last_talker": last.id if last is not None else None,
        "unknown_party": unknown_party(company, call) or None,
        "branch": (line.branch if line is not None else None) or (last.branch if last is not None else None),
        "judge_at": judge_at(before, call, heard, company.policy.settle),
    }
    if before is None or before.lane != who.lane:  # the call has begun, or its number became known
        known["client_before"] = _as_it_was(batch.clients[who.lane])
    if before is None:
        return CallRecord(id=record_id("call", told.key), matrix=batch.matrix.version, **known)
    return replace(before, **known)


def _is_ours(batch: Batch, who: Identity, call: Call) -> bool:
    """The other side is one of our numbers, or the extension or account of one of our people (S2)."""
    if who.number is not None:
        return batch.is_own(who)
    return employee_of(batch.company, call.raw_number) is not None


def _as_it_was(client: Client) -> Client | None:
    """The client's records before the call, to be kept with it; None: there was nothing."""
    if not (client.contacts or client.leads or client.deals):
        return None
    return replace(client, cases=(), tasks=())


def _react(batch: Batch, before: CallRecord | None, after: CallRecord) -> None:
    batch.agenda.add(after)
    call = after.body
    if before is not None and (before.pickup_judged or before.judged_at is not None):
        after = _hand_to_answerer(batch, before, after)
    if not after.listed:
        return
    if after.judged_at is not None:
        known = before.body.links if before is not None else ()
        if not set(call.links) <= set(known):
            _attach(batch, after)
    elif call.answered and not call.ended and not after.pickup_judged:
        verdict = _decide(batch, after, Occasion.PICKED_UP)
        scenario = verdict.scenario or after.scenario
        _carry_out(batch, after, Occasion.PICKED_UP, verdict, pickup_judged=True, scenario=scenario)


def _hand_to_answerer(batch: Batch, before: CallRecord, after: CallRecord) -> CallRecord:
    """Only now it is known who picked up first: what lies with a stand-in, or with who was taken for him, is his."""
    if after.answered_by is None or after.answered_by == before.answered_by:
        return after
    facts = (after.key, *after.body.merged)
    holders = keepers(batch.company.policy) if before.answered_by is None else {before.answered_by}
    handed = handed_to(batch.clients[after.lane], facts, after.answered_by, holders)
    if handed is None:
        return after
    verdict = Verdict(
        scenario=after.scenario,
        effects=(handed,),
        reasons=(f"it became known that {after.answered_by} picked up: what the call opened is handed to him",),
        answerer_id=after.answered_by,
    )
    occasion = Occasion.PICKED_UP if after.judged_at is None else Occasion.ENDED
    return _carry_out(batch, after, occasion, verdict)


def _attach(batch: Batch, record: CallRecord) -> None:
    """A recording came after the verdict (D20)."""
    _carry_out(batch, record, Occasion.RECORDED, _decide(batch, record, Occasion.RECORDED))


def _decide(batch: Batch, record: CallRecord, occasion: Occasion) -> Verdict:
    client, call, company = batch.client_of(record), record.body, batch.company
    subject = settings_subject(company, call)
    settings = batch.settings_tasks.get(subject) if subject is not None else None
    situation = Situation(
        occasion=occasion,
        fact=fact_of(record, client),
        now=batch.now,
        company=company,
        client=client,
        client_before=record.client_before or Client(lane=record.lane),
        call=call,
        call_id=record.id,
        lead_id=record.lead_id,
        deal_id=record.deal_id,
        client_number=record.client_number,
        raw_number=call.raw_number,
        line_number=record.line_number,
        branch=record.branch,
        own_number=not record.listed,
        settings_task_id=settings.id if settings is not None else None,
        earlier_short_abandon=batch.gave_up_before(record),
    )
    return decide(situation, batch.matrix_of(record))


def _carry_out(batch: Batch, record: CallRecord, occasion: Occasion, verdict: Verdict, **decided: Any) -> CallRecord:
    """Do what the verdict says, and keep it beside the call, of which so much is `decided` now."""
    cause = Cause(
        fact=record.key,
        lane=record.lane,
        at=batch.now,
        call=record.key,
        scenario=verdict.scenario or record.scenario,
        client_number=record.client_number,
    )
    batch.enact(cause, verdict.effects)
    links = ledger.links_of(verdict.effects)
    if links is not None:
        decided["lead_id"] = links.lead_id or record.lead_id
        decided["contact_id"] = links.contact_id or record.contact_id
        decided["deal_id"] = links.deal_id or record.deal_id
    record = replace(record, **decided)
    batch.put(record)
    if verdict.scenario is not None or occasion is Occasion.ENDED:
        _keep(batch, record.key, record.id, occasion, verdict, matrix=batch.matrix_of(record).version)
    return record


def _keep(batch: Batch, fact: str, call_id: str | None, occasion: Occasion, verdict: Verdict, *, matrix: str) -> None:
    batch.verdicts.append(
        NewVerdict(fact=fact, call_id=call_id, occasion=occasion, decided_at=batch.now, matrix=matrix, verdict=verdict)
    )


def _corrected(batch: Batch, record: CallRecord, verdict: Verdict, outcome: Outcome | None) -> Verdict:
    """The verdict on a call that was judged before, less what must not happen twice, and what is void taken back."""
    effects: list[Effect] = []
    for effect in verdict.effects:
        counts_up = isinstance(effect, RepeatTask | RepeatCase | NoteCallback) and outcome is record.outcome
        if not counts_up and not isinstance(effect, CountOnly):
            effects.append(effect)
    reasons = [*verdict.reasons, f"judged again: it had been judged {record.outcome}, now it is {outcome}"]
    if outcome is Outcome.ANSWERED:
        effects += _taken_back(batch, record)
    return replace(verdict, effects=tuple(effects), reasons=tuple(reasons))


def _taken_back(batch: Batch, record: CallRecord) -> list[Effect]:
    """The call was answered after all: the case that it, or a call it absorbed, had opened alone closes (no-one else
    missed anything), and its task is completed.
    """  # noqa: D205
    client, facts = batch.clients[record.lane], {record.key, *record.body.merged}
    effects: list[Effect] = []
    for case in client.cases:
        if case.status is not CaseStatus.OPEN or case.origin not in facts or case.attempts > 1:
            continue
        who = record.last_talker or "somebody"
        note = f"The call had been answered by {who}; it was first reported as missed."
        effects += [
            CompleteTask(task_id=task.id, at=batch.now, note=note)
            for task in client.tasks
            if task.status is TaskStatus.OPEN and (task.id == case.task_id or task.case_id == case.id)
        ]
        effects.append(
            CloseCase(
                case_id=case.id,
                at=batch.now,
                resolved_by=record.last_talker,
                resolved_how="had been answered after all",
            )
        )
    return effects


def _take_inquiry(batch: Batch, told: Told) -> None:
    """A site form or a chat."""
    inquiry, who = told.inquiry, told.who
    if inquiry is None:
        return
    if batch.is_blocked(who):
        batch.forgotten.append(told.entry.id)
        batch.count("blocked")
        return
    client = batch.clients[who.lane]
    form = inquiry if isinstance(inquiry, FormSubmitted) else None
    situation = Situation(
        occasion=Occasion.FORM if form is not None else Occasion.CHAT,
        fact=told.key,
        now=batch.now,
        company=batch.company,
        client=client,
        client_before=client,
        form=form,
        chat=inquiry if isinstance(inquiry, ChatRequested) else None,
        client_number=who.number,
        raw_number=inquiry.phone,
        own_number=batch.is_own(who),
    )
    verdict = decide(situation, batch.matrix)
    cause = Cause(fact=told.key, lane=who.lane, at=batch.now, scenario=verdict.scenario, client_number=who.number)
    batch.enact(cause, verdict.effects)
    _keep(batch, told.key, None, situation.occasion, verdict, matrix=batch.matrix.version)


def _forget(batch: Batch, call: Call, before: CallRecord | None) -> None:
    """A call with a blocked number is counted, and that there was one is all that is kept of it.

    The bare row is what tells a later step of the same call, which may carry no number, from a new call.
    """
    batch.count("blocked")
    if before is not None:
        batch.forgotten_calls.add(call.key)
    _leave_bare(batch, call)


def _forget_absorbed(batch: Batch, call: Call) -> None:
    """What turned out to be a blocked caller's call under another key is his; later facts about it lead to his."""
    for key in call.merged:
        batch.aliases[key] = record_id("call", call.key)
        other = batch.records.get(key)
        if other is not None and other.lane != BLOCKED:
            batch.forgotten_calls.add(key)
            _leave_bare(batch, other.body)


def _leave_bare(batch: Batch, call: Call) -> None:
    bare = Call(
        key=call.key,
        source=call.source,
        platform_call_id=call.platform_call_id,
        direction=call.direction,
        started_at=call.started_at,
        ended_at=call.started_at,
        revision=call.revision,
    )
    batch.put(
        CallRecord(
            id=record_id("call", call.key),
            lane=BLOCKED,
            body=bare,
            listed=False,
            scenario="S1",
            matrix=batch.matrix.version,
            judged_at=batch.now,
        )
    )
