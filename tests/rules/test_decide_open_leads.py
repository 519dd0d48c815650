"""S6-S9, D4, D15-D17, D19: inbound calls of clients with an open lead."""

from dataclasses import replace

from bridge.model.call import Rang, RangResult, Transfer, TransferKind
from bridge.model.crm import TaskKind, TaskStatus
from bridge.model.effects import LogCall, OpenContact, OpenLead, RepeatTask
from tests.builders import (
    HOUR,
    MORNING,
    OFFICE,
    OPEN_LEAD,
    RECORDING,
    answered,
    changed,
    client,
    company,
    contact,
    done,
    effects,
    lead,
    missed,
    only_task,
    tasks,
    told,
    transferred,
    verdict,
)

EVENING = MORNING + 10 * HOUR


def test_s3_08_a_call_of_a_client_with_an_open_lead_is_recorded_there_and_opens_no_new_lead():
    found = verdict(answered("102"), OPEN_LEAD)
    assert effects(found, LogCall)[0].lead_id == "lead-1"
    assert not effects(found, OpenLead)
    assert not effects(found, OpenContact)


def test_s3_11_s6_answered_by_the_responsible_makes_one_done_task_with_the_recording():
    call = answered("102")
    found = verdict(call, OPEN_LEAD)
    task = only_task(found)
    assert found.scenario == "S6"
    assert (task.status, task.kind, task.assignee_id, task.lead_id) == (
        TaskStatus.DONE, TaskKind.CALL, "eva", "lead-1",
    )  # fmt: skip
    assert task.recording_url == RECORDING
    assert task.done_at == call.ended_at
    assert task.due_at is None


def test_s3_12_s7_answered_by_another_manager_makes_exactly_two_tasks():
    call = answered("101")
    found = verdict(call, OPEN_LEAD)
    mine, review = tasks(found)
    assert found.scenario == "S7"
    assert (mine.status, mine.assignee_id) == (TaskStatus.DONE, "jan")
    assert (review.status, review.kind, review.assignee_id) == (TaskStatus.OPEN, TaskKind.REVIEW, "eva")
    assert {task.recording_url for task in (mine, review)} == {RECORDING}
    assert {task.lead_id for task in (mine, review)} == {"lead-1"}
    assert review.due_at == call.ended_at + 4 * HOUR


def test_s7_nobody_is_responsible_so_the_senior_reviews():
    found = verdict(answered("101"), client(contact(owner_id=None), lead(owner_id=None)))
    assert found.scenario == "S7"
    assert [task.assignee_id for task in tasks(found)] == ["jan", "olga"]


def test_s7_the_responsible_is_off_duty_and_still_reviews_his_client():
    people = changed("eva", schedule="office")
    found = verdict(answered("101", at=EVENING), OPEN_LEAD, company=company(people=people, schedules=[OFFICE]))
    assert [task.assignee_id for task in tasks(found)] == ["jan", "eva"]


def test_s3_13_s8_answered_by_somebody_unknown_asks_the_top_manager_on_the_lead():
    found = verdict(answered("555"), OPEN_LEAD)
    task = only_task(found)
    assert found.scenario == "S8"
    assert (task.kind, task.status, task.assignee_id, task.lead_id) == (
        TaskKind.SETTINGS, TaskStatus.OPEN, "anna", "lead-1",
    )  # fmt: skip
    assert "555" in task.text


def test_s3_10_s9_missed_makes_a_callback_task_for_the_senior_on_the_lead():
    call = missed("101", "102")
    found = verdict(call, OPEN_LEAD)
    task = only_task(found)
    assert found.scenario == "S9"
    assert (task.kind, task.status, task.assignee_id, task.lead_id) == (
        TaskKind.CALLBACK, TaskStatus.OPEN, "olga", "lead-1",
    )  # fmt: skip
    assert task.due_at == call.ended_at + 4 * HOUR
    assert not effects(found, OpenLead)


CHAIN = ("responsible", "senior", "top")


def test_s9_the_fallback_chain_gives_the_task_to_the_responsible_on_shift():
    assert only_task(verdict(missed(), OPEN_LEAD, company=company(missed_chain=CHAIN))).assignee_id == "eva"


def test_s9_the_fallback_chain_passes_over_a_responsible_off_shift_d17():
    people = changed("eva", schedule="office")
    late = company(people=people, schedules=[OFFICE], missed_chain=CHAIN)
    found = verdict(missed(at=EVENING), OPEN_LEAD, company=late)
    assert only_task(found).assignee_id == "olga"
    assert "D17: Eva Jones is off duty; next in the chain: Olga Senior" in found.reasons


def test_s9_the_chain_may_name_employees_and_an_empty_one_means_the_senior():
    assert only_task(verdict(missed(), OPEN_LEAD, company=company(missed_chain=("jan",)))).assignee_id == "jan"
    assert only_task(verdict(missed(), OPEN_LEAD, company=company(missed_chain=()))).assignee_id == "olga"


def test_d17_a_senior_who_may_not_be_assigned_is_passed_over_for_the_top_manager():
    found = verdict(missed(), OPEN_LEAD, company=company(people=changed("olga", assignable=False)))
    assert only_task(found).assignee_id == "anna"
    assert "D17: Olga Senior is not to be assigned; next in the chain: Anna Top" in found.reasons


def test_d17_when_nobody_is_on_duty_the_first_of_the_chain_gets_it():
    everybody = [replace(one, schedule="office") for one in company().employees.values()]
    found = verdict(missed(at=EVENING), OPEN_LEAD, company=company(people=everybody, schedules=[OFFICE]))
    assert only_task(found).assignee_id == "olga"
    assert "D17: nobody in the chain is on duty" in told(found)


def test_d17_when_nobody_can_be_assigned_the_task_is_the_top_managers_all_the_same():
    nobody = [replace(one, active=False) for one in company().employees.values()]
    found = verdict(missed(), OPEN_LEAD, company=company(people=nobody))
    assert only_task(found).assignee_id == "anna"
    assert "D17: nobody in the chain can take it" in found.reasons


def test_d4_of_several_open_leads_the_most_recently_active_one_is_meant():
    older = lead(id="lead-2", active_at=MORNING - 50 * HOUR)
    newer = lead(id="lead-3", active_at=MORNING - 5 * HOUR)
    found = verdict(answered("102"), client(contact(), older, newer))
    assert only_task(found).lead_id == "lead-3"
    assert "D4: several open leads, lead-3 was chosen; the others are lead-2" in found.reasons


def test_d15_transferred_the_last_who_talked_is_the_answerer():
    handed = Transfer(kind=TransferKind.ATTENDED, by="101", to="102", at=MORNING + 60, answered=True)
    found = verdict(transferred(answered("101", "102", talk=100), handed), OPEN_LEAD)
    assert found.scenario == "S6"
    assert (found.answerer_id, found.responsible_id) == ("eva", "eva")
    assert any(reason.startswith("D15: transferred, the last who talked is Eva Jones") for reason in found.reasons)


def test_d15_everybody_who_talked_is_credited_with_his_seconds():
    found = verdict(answered("101", "102", talk=100), OPEN_LEAD)
    assert "Jan Smith 50 s, Eva Jones 50 s" in only_task(found).text


def test_d15_no_review_when_the_responsible_talked_at_all():
    found = verdict(answered("102", "101"), OPEN_LEAD)
    task = only_task(found)
    assert found.scenario == "S7"
    assert done(task)
    assert task.assignee_id == "jan"


def test_d15_an_unanswered_transfer_after_a_talk_is_no_missed_call():
    tried = Transfer(kind=TransferKind.BLIND, by="102", to="101", at=MORNING + 60, answered=False)
    call = transferred(answered("102"), tried)
    found = verdict(replace(call, outcome=None), OPEN_LEAD)
    assert found.scenario == "S6"
    assert "D15: a transfer that nobody took after the talk is no missed call" in found.reasons


def test_d16_phones_that_rang_in_vain_are_noted_and_miss_nothing():
    rang = tuple(
        Rang(party=party, since=MORNING, until=MORNING + 6, result=result)
        for party, result in (
            ("101", RangResult.ELSEWHERE),
            ("102", RangResult.ANSWERED),
            ("100", RangResult.ELSEWHERE),
        )
    )
    found = verdict(answered("102", rang=rang), OPEN_LEAD)
    assert found.scenario == "S6"
    assert len(tasks(found)) == 1
    assert "D16: one call, one verdict; rang in vain and is no missed call of theirs: 101, 100" in found.reasons


def test_d16_a_ring_group_that_nobody_answers_is_one_missed_call_with_one_task():
    found = verdict(missed("100", "101", "102", "109"), OPEN_LEAD)
    assert len(tasks(found)) == 1


def test_d19_a_call_soon_after_a_form_is_one_more_touch_of_the_forms_lead():
    fresh = client(contact(), lead(created_at=MORNING - 300, origin="site/form-1"))
    found = verdict(answered("102"), fresh)
    assert not effects(found, OpenLead)
    assert "D19: the lead was opened 5 min ago by another touch of the same client: one lead, several touches" in (
        found.reasons
    )


def test_d19_a_lead_of_yesterday_is_no_such_touch():
    assert "D19" not in verdict(answered("102"), client(contact(), lead(created_at=MORNING - 24 * HOUR))).tags


def test_s8_d18_the_open_settings_task_of_the_same_extension_counts_up_instead_of_a_second_one():
    found = verdict(answered("555"), OPEN_LEAD, settings_task_id="settings-1")
    assert not tasks(found)
    [again] = effects(found, RepeatTask)
    assert again.task_id == "settings-1"
    assert again.fact == "pbx/c-1"


def test_a_number_shared_by_several_contacts_goes_to_the_one_whose_lead_it_is():
    shared = client(contact(id="contact-0", name="Somebody"), contact(), lead())
    found = verdict(answered("102"), shared)
    assert only_task(found).contact_id == "contact-1"
    assert "several contacts share this number, contact-1 was chosen; the others are contact-0" in found.reasons
