"""S4, S9, D5-D7, D10-D12: what becomes of calls that nobody answered."""

from bridge.model.call import Direction, Outcome
from bridge.model.crm import CaseStatus, TaskKind, TaskStatus
from tests.flow.builders import ANNA, SALES, SUPPORT, acme, answered, missed, recorded, ringing, talked
from tests.flow.hand_clock import NOON
from tests.stories.office import open_office

HOUR = 3600.0


def called_back(call: str, at: float, **told):
    return talked(call, at, direction=Direction.OUTBOUND, employee="101", **told)


async def test_a_missed_call_of_a_new_client_makes_one_lead_one_case_and_one_task(office):
    await office.settle(ringing(), missed())
    (lead,), (case,), (task,) = await office.leads(), await office.cases(), await office.tasks()
    (contact,), (organisation,) = await office.contacts(), await office.organisations()
    assert {lead.owner_id, contact.owner_id, organisation.owner_id, task.assignee_id} == {"olga"}
    assert contact.phones == (ANNA,)
    assert (lead.contact_id, lead.organisation_id) == (contact.id, organisation.id)
    assert (task.kind, task.status) == (TaskKind.CALLBACK, TaskStatus.OPEN)
    assert (task.lead_id, task.contact_id, task.case_id) == (lead.id, contact.id, case.id)
    assert task.due_at == NOON + 20 + 4 * HOUR
    assert (case.attempts, case.status, case.task_id) == (1, CaseStatus.OPEN, task.id)
    assert lead.id in lead.title


async def test_nothing_is_made_before_the_call_has_settled(office):
    await office.hear(ringing(), missed())
    await office.pass_by(2.9)
    assert await office.leads() == ()
    await office.pass_by(0.1)
    assert len(await office.leads()) == 1


async def test_five_attempts_of_one_client_are_one_case_with_five_attempts_and_one_task(office):
    for attempt in range(5):
        await office.settle(missed(f"c{attempt}", NOON + attempt * 600))
    (case,), (task,) = await office.cases(), await office.tasks()
    assert len(await office.leads()) == 1
    assert (case.attempts, task.count) == (5, 5)
    assert task.due_at == NOON + 4 * HOUR
    assert task.priority == 4


async def test_a_backlog_of_five_attempts_makes_the_same_as_five_that_were_handled_at_once(office):
    attempts = [missed(f"c{attempt}", NOON + attempt * 600) for attempt in range(5)]
    await office.store_facts(*attempts)
    await office.pass_by(HOUR)
    (case,), (task,) = await office.cases(), await office.tasks()
    assert (case.attempts, task.count, len(await office.leads())) == (5, 5, 1)


async def test_attempts_that_are_told_of_together_newest_first_are_due_from_the_oldest(office):
    await office.store_facts(missed("a", NOON - 60), missed("z", NOON - 600))
    await office.pass_by(3)
    (case,), (task,) = await office.cases(), await office.tasks()
    assert (case.attempts, case.first_at, case.due_at, task.due_at) == (
        2, NOON - 600, NOON - 600 + 4 * HOUR, NOON - 600 + 4 * HOUR,
    )  # fmt: skip
    assert (await office.call("shop/z")).scenario == "S4"


async def test_an_attempt_that_is_told_of_late_makes_the_promise_due_earlier(office):
    await office.settle(missed("c2"))
    await office.settle(missed("c1", NOON - 600, received_at=NOON + 60))
    (case,), (task,) = await office.cases(), await office.tasks()
    assert (case.attempts, case.due_at, task.due_at) == (2, NOON - 600 + 4 * HOUR, NOON - 600 + 4 * HOUR)


async def test_a_colleague_whom_nobody_answered_is_no_client_without_a_number(office):
    for place, (number, direction) in enumerate((("102", Direction.INBOUND), ("sip:102@pbx.example", None))):
        await office.settle(missed(f"c{place}", client_number=number, direction=direction))
    assert (await office.cases(), await office.calls()) == ((), ())


async def test_missed_on_two_lines_is_two_promises_and_one_lead(office):
    await office.settle(missed("c1"), missed("c2", NOON + 60, line_number=SUPPORT))
    assert {case.line_number for case in await office.cases()} == {SALES, SUPPORT}
    assert len(await office.leads()) == 1


async def test_two_calls_of_a_new_client_at_the_same_time_make_one_lead(office):
    await office.settle(
        ringing("c1"), ringing("c2", line_number=SUPPORT), missed("c1"), missed("c2", line_number=SUPPORT)
    )
    assert len(await office.leads()) == 1
    assert len(await office.contacts()) == 1


async def test_called_back_and_reached_closes_the_case_and_completes_its_task_by_id(office):
    await office.settle(missed())
    await office.settle(called_back("c2", NOON + HOUR))
    (case,), done = await office.cases(), await office.tasks(TaskStatus.DONE)
    (callback,) = [task for task in done if task.kind is TaskKind.CALLBACK]
    assert (case.status, case.resolved_by) == (CaseStatus.CLOSED, "jan")
    assert callback.id == case.task_id
    assert "Jan Kowalski" in callback.text
    assert await office.tasks(TaskStatus.OPEN) == ()


async def test_called_back_and_not_reached_leaves_the_case_open_and_notes_the_attempt(office):
    await office.settle(missed())
    tried = called_back("c2", NOON + HOUR, outcome=Outcome.BUSY, talk_seconds=None)
    await office.settle(tried)
    (case,) = await office.cases()
    assert (case.status, case.callbacks, case.attempts) == (CaseStatus.OPEN, 1, 1)
    assert len(await office.leads()) == 1


async def test_a_client_who_gets_through_himself_has_kept_our_promise(office):
    await office.settle(missed())
    await office.settle(talked("c2", NOON + HOUR))
    (case,) = await office.cases()
    assert (case.status, case.resolved_by) == (CaseStatus.CLOSED, "client")


async def test_hidden_callers_of_one_line_and_day_share_a_case_and_are_never_contacts(office):
    for attempt in range(3):
        await office.settle(missed(f"c{attempt}", NOON + attempt * 60, client_number="anonymous"))
    (case,), (task,) = await office.cases(), await office.tasks()
    assert (case.attempts, case.client_number, task.kind) == (3, None, TaskKind.CALLBACK)
    assert (await office.leads(), await office.contacts()) == ((), ())
    assert len(await office.calls()) == 3


async def test_a_hidden_caller_of_the_next_day_is_another_case(office):
    await office.settle(missed("c1", client_number=""), missed("c2", NOON + 24 * HOUR, client_number=""))
    assert len(await office.cases()) == 2


async def test_a_hidden_caller_who_is_answered_closes_nobodys_case(office):
    await office.settle(missed("c1", client_number=""), talked("c2", NOON + 600, client_number=""))
    (case,) = await office.cases()
    assert case.status is CaseStatus.OPEN


async def test_somebody_who_gave_up_at_once_gets_a_case_only_when_he_does_it_again(tmp_path):
    async with open_office(tmp_path, acme(short_abandon=5.0)) as office:
        await office.settle(missed("c1", ring_seconds=3, outcome=Outcome.CANCELLED))
        assert await office.cases() == ()
        assert (await office.call("shop/c1")).missed_reason == "short_abandon"
        await office.settle(missed("c2", NOON + 600, ring_seconds=3, outcome=Outcome.CANCELLED))
        assert len(await office.cases()) == 1


def gave_up(call, at=NOON, **told):
    return missed(call, at, ring_seconds=3, outcome=Outcome.CANCELLED, **told)


async def test_a_call_that_was_given_up_at_once_stays_so_when_it_is_judged_again(tmp_path):
    async with open_office(tmp_path, acme(short_abandon=5.0)) as office:
        await office.settle(gave_up("c1"))
        await office.settle(missed("c1", NOON + 1, ring_seconds=3))
        assert (await office.call("shop/c1")).missed_reason == "short_abandon"
        assert (await office.cases(), await office.leads()) == ((), ())


async def test_the_hour_of_two_calls_given_up_at_once_is_reckoned_by_the_calls_and_not_by_when_we_hear_of_them(
    tmp_path,
):
    async with open_office(tmp_path, acme(short_abandon=5.0)) as office:
        await office.store_facts(gave_up("c1"), gave_up("c2", NOON + 3 * HOUR))
        await office.pass_by(5 * HOUR)
        assert await office.cases() == ()
        await office.settle(gave_up("c3", NOON + 3.5 * HOUR))  # told at five, half an hour after the one before
        assert len(await office.cases()) == 1


async def test_the_voicemail_of_a_further_attempt_is_on_the_task_that_is_open_already(office):
    await office.settle(missed("c1"))
    await office.settle(missed("c2", NOON + 600, outcome=Outcome.VOICEMAIL, recording_url="https://pbx.example/vm/2"))
    (task,) = await office.tasks()
    assert task.recording_url == "https://pbx.example/vm/2"
    assert "(attempt 2). Recording: https://pbx.example/vm/2" in task.text


async def test_the_voicemail_of_a_further_attempt_that_comes_late_is_on_that_task_too(office):
    await office.settle(missed("c1"))
    await office.settle(missed("c2", NOON + 600, outcome=Outcome.VOICEMAIL))
    await office.hear(recorded("c2", NOON + 700))
    (task,) = await office.tasks()
    assert task.recording_url == "https://pbx.example/rec/c2.mp3"


async def test_a_ring_that_is_never_answered_or_ended_makes_nothing(office):
    await office.settle(ringing())
    await office.pass_by(HOUR)
    assert (await office.leads(), await office.tasks()) == ((), ())
    (call,) = await office.calls()
    assert call.outcome is None


async def test_an_answer_that_was_seen_live_is_not_missed_even_if_the_platform_says_so_at_the_end(office):
    await office.settle(ringing(), answered(), missed(at=NOON + 60))
    assert await office.cases() == ()
