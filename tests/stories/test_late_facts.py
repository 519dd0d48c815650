"""What comes after the verdict: corrections, merges, and facts about calls that nobody knew."""

from dataclasses import replace

import pytest

from bridge.flow.folding import MOST_STEPS
from bridge.model.call import Direction, MissedReason, Outcome, Talk
from bridge.model.crm import CaseStatus, LeadStatus, TaskKind, TaskStatus, record_id
from bridge.store.edits import complete_task, set_lead_status
from bridge.store.records import Changes, save
from tests.flow.builders import ANNA, BELLA, acme, answered, missed, pbx_call, recorded, ringing, seen, talked
from tests.flow.hand_clock import NOON
from tests.stories.office import open_office
from tests.stories.test_any_order import gist

HOUR = 3600.0
JAN_TALKED = (Talk(party="101", since=NOON + 6, until=NOON + 60),)


async def give_second_number(office):
    (contact,) = await office.contacts()
    async with office.store.writing() as conn:
        await save(conn, Changes(contacts=[replace(contact, phones=(ANNA, BELLA))]))


async def test_a_call_first_judged_missed_that_was_answered_after_all_closes_its_case_and_completes_its_task(office):
    await office.settle(missed())
    (lead,) = await office.leads()
    assert lead.owner_id == "olga"
    await office.settle(talked(at=NOON + 61))
    (case,), (task,), (lead,) = await office.cases(), await office.tasks(), await office.leads()
    assert (case.status, task.status, task.kind) == (CaseStatus.CLOSED, TaskStatus.DONE, TaskKind.CALLBACK)
    assert "answered" in task.text
    assert lead.owner_id == "jan"
    assert (await office.call("shop/c1")).outcome is Outcome.ANSWERED


async def test_a_case_that_others_have_missed_calls_in_stays_open_when_the_first_call_turns_out_answered(office):
    await office.settle(missed("c1"), missed("c2", NOON + 600))
    await office.settle(talked("c1", at=NOON + 700))
    (case,) = await office.cases()
    assert (case.status, case.attempts) == (CaseStatus.OPEN, 2)


async def test_a_call_judged_again_counts_its_attempt_once(office):
    call = pbx_call(ended_at=NOON + 20, outcome=Outcome.MISSED)
    await office.settle(missed("c0", NOON - 600))
    await office.settle(seen(call))
    await office.settle(missed("c2", NOON + 600))
    await office.settle(seen(replace(call, caller="someone", revision=2), NOON + 700))
    (case,), (task,) = await office.cases(), await office.tasks()
    assert (case.attempts, task.count) == (3, 3)
    assert len(await office.verdicts("pbx/1.1")) == 2


async def test_a_task_that_a_person_has_done_stays_done_when_its_call_is_judged_again(office):
    call = pbx_call(ended_at=NOON + 20, outcome=Outcome.MISSED)
    await office.settle(seen(call))
    (task,) = await office.tasks()
    async with office.store.writing() as conn:
        await complete_task(conn, task.id, NOON + 100, by="olga")
    await office.settle(seen(replace(call, missed_reason=MissedReason.BUSY, revision=2), NOON + 200))
    (task,), (case,) = await office.tasks(), await office.cases()
    assert (task.status, case.status, case.attempts) == (TaskStatus.DONE, CaseStatus.CLOSED, 1)


async def test_a_recording_is_noted_once_on_the_lead_whether_it_comes_with_the_end_late_or_again(office):
    link = "https://pbx.example/rec/c1.mp3"
    await office.settle(talked("c1", recording_url=link))
    await office.hear(recorded("c1", NOON + 90), recorded("c1", NOON + 95))
    await office.settle(talked("c1", NOON + 61, employee="102", recording_url=link))  # corrected, judged again
    (lead,) = await office.leads()
    (note,) = await office.notes(lead_id=lead.id)
    assert link in note.text


async def test_the_recording_of_a_lead_that_was_lost_meanwhile_is_noted_on_that_lead(office):
    await office.settle(talked("c1"))
    (lead,) = await office.leads()
    async with office.store.writing() as conn:
        await set_lead_status(conn, lead.id, LeadStatus.LOST, NOON + 80)
    await office.hear(recorded("c1", NOON + 90))
    assert [note.lead_id for note in await office.notes(lead_id=lead.id)] == [lead.id]


async def test_a_recording_of_a_call_that_nobody_knew_waits_for_the_call(office):
    await office.settle(recorded("c1", NOON + 10))
    assert await office.leads() == ()
    await office.settle(talked("c1", NOON + 60))
    (call,) = await office.calls()
    assert call.body.recordings == ("https://pbx.example/rec/c1.mp3",)
    assert len(await office.leads()) == 1


async def test_two_calls_that_turn_out_to_be_one_are_one_call_and_the_judges_do_not_meet_twice(office):
    absorbed = pbx_call("1.2", ended_at=NOON + 20, outcome=Outcome.MISSED)
    whole = pbx_call("1.1", answered_at=NOON + 6, talked=JAN_TALKED[:1], merged=("pbx/1.2",))
    await office.hear(seen(absorbed), seen(replace(whole, talked=(Talk(party="101", since=NOON + 6),)), NOON + 21))
    over = replace(whole, ended_at=NOON + 60, outcome=Outcome.ANSWERED, revision=2)
    await office.settle(seen(over))
    (lead,), (call,) = await office.leads(), await office.calls()
    assert (lead.owner_id, call.key, call.lead_id) == ("jan", "pbx/1.1", lead.id)
    assert (await office.cases(), await office.tasks()) == ((), ())
    # Whatever is still told of the absorbed call is told of this one.
    await office.settle(seen(replace(absorbed, revision=9), NOON + 70))
    assert (await office.call("pbx/1.2")).id == call.id
    assert len(await office.calls()) == 1


async def test_a_call_absorbed_after_it_was_judged_missed_leaves_what_it_made_to_the_whole_call(office):
    await office.settle(seen(pbx_call("1.2", ended_at=NOON + 20, outcome=Outcome.MISSED)))
    (made,), (task,) = await office.leads(), await office.tasks()
    whole = pbx_call(
        "1.1",
        answered_at=NOON + 6,
        talked=JAN_TALKED,
        ended_at=NOON + 60,
        outcome=Outcome.ANSWERED,
        merged=("pbx/1.2",),
    )
    await office.settle(seen(whole))
    (lead,), (case,), (done,) = await office.leads(), await office.cases(), await office.tasks()
    assert lead.id == made.id
    assert (case.status, done.status, done.id) == (CaseStatus.CLOSED, TaskStatus.DONE, task.id)
    (call,) = await office.calls()
    assert (call.key, call.lead_id, done.call_id) == ("pbx/1.1", lead.id, call.id)


async def test_two_verdicts_of_what_turns_out_to_be_one_call_become_one(office):
    over = {"ended_at": NOON + 60, "outcome": Outcome.ANSWERED, "answered_at": NOON + 6, "talked": JAN_TALKED}
    await office.settle(
        seen(pbx_call("1.1", **over)), seen(pbx_call("1.2", ended_at=NOON + 61, outcome=Outcome.MISSED))
    )
    assert [case.status for case in await office.cases()] == [CaseStatus.OPEN]
    await office.settle(seen(pbx_call("1.1", **over, merged=("pbx/1.2",), revision=2), NOON + 70))
    assert [case.status for case in await office.cases()] == [CaseStatus.CLOSED]
    assert await office.tasks(TaskStatus.OPEN) == ()
    assert len(await office.leads()) == 1


async def test_a_number_that_becomes_known_later_finds_its_client(office):
    await office.settle(missed("c0", NOON - HOUR))
    await office.hear(ringing("c1", client_number=None), answered("c1", client_number=ANNA))
    await office.settle(talked("c1"))
    assert len(await office.leads()) == 1
    assert len(await office.contacts()) == 1
    assert (await office.call("shop/c1")).client_number == ANNA


async def test_a_second_contact_number_in_one_batch_takes_its_turn_and_loses_nothing(office):
    """A client with two numbers: both call at once, and there is one lead."""
    await office.settle(missed("c0", NOON - HOUR))
    await give_second_number(office)
    await office.store_facts(*[missed(f"c{n}", NOON + n, client_number=(ANNA, BELLA)[n % 2]) for n in range(1, 7)])
    await office.pass_by(HOUR)
    assert len(await office.leads()) == 1
    assert sum(case.attempts for case in await office.cases()) == 7


async def test_two_numbers_of_one_client_take_turns_also_if_everything_was_told_at_once(tmp_path):
    """What one of his numbers leads to is what the other one meets, as it would have been then."""
    facts = [
        ringing("c1", NOON),
        answered("c2", NOON + 60, client_number=BELLA, employee="102"),
        answered("c1", NOON + 70, employee="101"),
        missed("c3", NOON + 80, client_number=BELLA),
        talked("c4", NOON + 240, direction=Direction.OUTBOUND),
    ]

    async def made(folder, size: int | None):
        async with open_office(folder) as office:
            await office.settle(talked("c0", NOON - HOUR))
            await give_second_number(office)
            (lead,) = await office.leads()
            async with office.store.writing() as conn:
                await set_lead_status(conn, lead.id, LeadStatus.LOST, office.clock.now())
            for fact in facts:
                await (office.settle(fact) if size is None else office.store_facts(fact))
            office.lanes._size = size or 400
            await office.pass_by(3 * HOUR)
            return gist(await office.everything())

    live = await made(tmp_path / "live", None)
    assert [id_ for id_, _, status in live["leads"] if status is LeadStatus.OPEN] == [record_id("lead", "shop/c2")]
    for size in (1, 2, 400):
        assert await made(tmp_path / str(size), size) == live


async def test_a_call_whose_number_becomes_the_other_one_of_the_same_client_goes_on(office):
    await office.settle(missed("c0", NOON - HOUR))
    await give_second_number(office)
    await office.hear(ringing("c1"))
    await office.settle(talked("c1", client_number=BELLA))
    call = await office.call("shop/c1")
    assert (call.lane, call.outcome) == (BELLA, Outcome.ANSWERED)
    assert len(await office.leads()) == 1


async def test_two_numbers_of_one_client_that_turn_out_to_be_in_one_call_make_its_tasks_once(office):
    await office.settle(missed("c0", NOON - HOUR))
    await give_second_number(office)
    one, other = pbx_call("1"), pbx_call("2", raw_number=BELLA)
    up = replace(one, revision=2, answered_at=NOON + 7, talked=(Talk(party="101", since=NOON + 7),))
    await office.settle(seen(replace(other, ended_at=NOON + 5, outcome=Outcome.MISSED)), seen(one), seen(up))
    over = replace(up, revision=3, ended_at=NOON + 90, outcome=Outcome.ANSWERED, merged=(other.key,))
    await office.settle(seen(over))
    assert len(await office.leads()) == 1
    assert {task.call_id for task in await office.tasks()} == {
        (await office.call("shop/c0")).id,
        record_id("call", one.key),
    }
    assert (await office.call(one.key)).outcome is Outcome.ANSWERED


@pytest.mark.parametrize("settle", [0.0, 3.0])
@pytest.mark.parametrize("late", [0.0, 5.0])
@pytest.mark.parametrize("size", [1, 2, 400])
async def test_a_hidden_call_that_turns_out_to_be_somebodys_and_answered_closes_its_case_whenever_it_is_judged(
    tmp_path, settle, late, size
):
    async with open_office(tmp_path, acme(settle=settle)) as office:
        await office.settle(missed("h1", client_number="anonymous"))
        await office.store_facts(talked("h1", NOON + 21, received_at=office.clock.now()))
        office.clock.advance(late)
        office.lanes._size = size
        await office.work()
        await office.pass_by(HOUR)
        (case,), (task,) = await office.cases(), await office.tasks(TaskStatus.DONE)
        assert (case.status, case.resolved_how, case.task_id) == (
            CaseStatus.CLOSED,
            "had been answered after all",
            task.id,
        )


@pytest.mark.parametrize("late", [0.0, 5.0])
async def test_an_answered_call_that_takes_over_a_hidden_one_closes_its_case_whenever_it_is_judged(office, late):
    lost = pbx_call("1", raw_number=None, ended_at=NOON + 2, outcome=Outcome.MISSED, revision=2)
    await office.settle(seen(lost))
    over = pbx_call("2", merged=(lost.key,), answered_at=NOON + 6, ended_at=NOON + 60, outcome=Outcome.ANSWERED)
    await office.store_facts(seen(replace(over, talked=JAN_TALKED)))
    await office.pass_by(60 + late)
    await office.pass_by(HOUR)
    assert [case.status for case in await office.cases()] == [CaseStatus.CLOSED]
    assert [task.status for task in await office.tasks() if task.kind is TaskKind.CALLBACK] == [TaskStatus.DONE]


@pytest.mark.parametrize("size", [1, 2, 400])
async def test_a_case_of_two_hidden_callers_of_which_one_turns_out_to_be_somebody_is_not_lost(office, size):
    await office.settle(missed("h1", client_number="anonymous"))
    at = office.clock.now()
    await office.store_facts(
        talked("h1", NOON + 21, received_at=at), missed("h2", NOON + 22, client_number="anonymous", received_at=at)
    )
    office.lanes._size = size
    await office.pass_by(HOUR)
    closed, waiting = await office.cases()
    assert (closed.status, waiting.status, waiting.attempts) == (CaseStatus.CLOSED, CaseStatus.OPEN, 1)
    assert [task.id for task in await office.tasks(TaskStatus.OPEN)] == [waiting.task_id]


@pytest.mark.parametrize("size", [1, 2, 400])
async def test_a_missed_call_that_becomes_somebodys_while_another_of_his_is_judged_makes_the_same_in_any_batch(
    office, size
):
    await office.store_facts(
        missed("h1", client_number=None),
        talked("c2", NOON + 25),
        missed("h1", NOON + 26),
    )
    office.clock.advance(HOUR)
    office.lanes._size = size
    await office.work()
    (case,) = await office.cases()
    assert (case.status, case.attempts) == (CaseStatus.OPEN, 1), "he had called once more than was answered"


async def test_a_platform_that_repeats_itself_under_ever_new_ids_neither_blocks_the_others_nor_hides_the_end(office):
    again = [replace(ringing(), event_id=f"again-{n}") for n in range(1000)]
    await office.store_facts(*again)
    await office.work()
    assert len((await office.call("shop/c1")).steps) == MOST_STEPS
    await office.settle(missed())
    assert (await office.call("shop/c1")).outcome is Outcome.MISSED
    assert len(await office.cases()) == 1
