"""Two calls that turned out to be one: the surviving call takes over what the absorbed one has made."""

from dataclasses import replace

from bridge.flow.batch import BLOCKED, Batch
from bridge.model.crm import Client
from bridge.store.calls import CallRecord


def fact_of(record: CallRecord, client: Client) -> str:
    """The key that the call's effects derive from: its own, unless a call that it absorbed has made records before.

    So the ids of what it makes are those that are there already, and nothing is made twice.
    """
    if not record.body.merged:
        return record.key
    made = {contact.origin for contact in client.contacts} | {lead.origin for lead in client.leads}
    made |= {case.origin for case in client.cases} | {task.origin for task in client.tasks}
    return next((key for key in (record.key, *record.body.merged) if key in made), record.key)


def absorb(batch: Batch, before: CallRecord | None, after: CallRecord) -> CallRecord:
    """The call with everything that belonged to those it has absorbed; later facts about those lead to it."""
    if not after.body.merged or after is before:
        return after
    known = before.body.merged if before is not None else ()
    for key in after.body.merged:
        if key not in known:
            batch.aliases[key] = after.id
            other = batch.records.get(key)
            if other is not None and other.lane != BLOCKED:
                after = _take_over(batch, after, other, new=before is None)
    return after


def _take_over(batch: Batch, call: CallRecord, other: CallRecord, *, new: bool) -> CallRecord:
    """`new`: the surviving call is first heard of now, so it began when the other did."""
    for lane in {call.lane, other.lane}:
        batch.move_tasks(lane, other.id, call.id)
    ended_at = other.body.ended_at if other.body.ended_at is not None else batch.now
    batch.put(
        replace(other, listed=False, judge_at=None, unknown_party=None, body=replace(other.body, ended_at=ended_at))
    )
    # Two verdicts were reached where there is one call; the surviving one is judged again to take back what is void.
    both_judged = call.judged_at is not None and other.judged_at is not None and call.body.ended
    began_with_other = new and other.lane == call.lane
    return replace(
        call,
        lead_id=call.lead_id or other.lead_id,
        contact_id=call.contact_id or other.contact_id,
        deal_id=call.deal_id or other.deal_id,
        matrix=other.matrix if new else call.matrix,
        client_before=other.client_before if began_with_other else call.client_before,
        pickup_judged=call.pickup_judged or other.pickup_judged,
        judged_at=call.judged_at if call.judged_at is not None else other.judged_at,
        outcome=call.outcome if call.judged_at is not None else other.outcome,
        judge_at=batch.now if both_judged else call.judge_at,
    )
