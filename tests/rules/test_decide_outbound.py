"""S11, S12, D8, D9, D18: calls that we make."""

from dataclasses import replace

from bridge.model.call import Outcome, Talk
from bridge.model.crm import TaskKind, TaskStatus
from bridge.model.effects import LogCall, OpenContact, OpenLead, OpenOrganisation, RepeatTask
from tests.builders import (
    CONVERTED,
    KNOWN,
    LOST,
    MORNING,
    NEW,
    OPEN_LEAD,
    RECORDING,
    called,
    called_in_vain,
    changed,
    client,
    company,
    contact,
    done,
    effects,
    lead,
    only_task,
    tasks,
    told,
    verdict,
)


def test_s3_15_s11_the_responsible_called_so_one_done_task_with_the_recording_is_on_the_lead():
    found = verdict(called("102"), OPEN_LEAD)
    task = only_task(found)
    assert found.scenario == "S11"
    assert (task.status, task.kind, task.assignee_id, task.lead_id) == (
        TaskStatus.DONE, TaskKind.CALL, "eva", "lead-1",
    )  # fmt: skip
    assert task.recording_url == RECORDING


def test_s3_16_s12_a_colleague_called_so_one_done_task_with_the_recording_informs_the_responsible():
    found = verdict(called("101"), OPEN_LEAD)
    task = only_task(found)
    assert found.scenario == "S12"
    assert (task.status, task.assignee_id, task.recording_url) == (TaskStatus.DONE, "eva", RECORDING)
    assert "Jan Smith" in task.title


def test_s12_review_open_adds_an_open_review_task_for_the_responsible():
    found = verdict(called("101"), OPEN_LEAD, company=company(review_open=True))
    inform, review = tasks(found)
    assert (done(inform), inform.assignee_id) == (True, "eva")
    assert (review.status, review.kind, review.assignee_id) == (TaskStatus.OPEN, TaskKind.REVIEW, "eva")


def test_s12_nobody_is_responsible_so_the_caller_has_the_task():
    found = verdict(called("101"), client(contact(owner_id=None), lead(owner_id=None)))
    assert only_task(found).assignee_id == "jan"


def test_s12_a_responsible_who_has_left_is_followed_by_somebody_who_is_there_d17():
    found = verdict(called("101"), OPEN_LEAD, company=company(people=changed("eva", active=False)))
    assert only_task(found).assignee_id == "jan"
    assert "D17" in found.tags


def test_d8_a_new_client_whom_we_reached_gets_records_of_the_caller():
    found = verdict(called("101"))
    assert found.scenario == "D8"
    [person], [organisation], [opening] = (effects(found, kind) for kind in (OpenContact, OpenOrganisation, OpenLead))
    assert {person.contact.owner_id, organisation.organisation.owner_id, opening.lead.owner_id} == {"jan"}
    assert not tasks(found)


def test_d8_a_talk_of_a_moment_makes_no_records():
    found = verdict(called("101", talk=9))
    assert found.scenario == "D8-short"
    assert not found.effects


def test_d8_the_least_talk_is_a_setting():
    assert verdict(called("101", talk=9), company=company(outbound_min_talk=5)).scenario == "D8"


def test_d1_a_known_contact_whom_a_colleague_reached_has_a_lead_of_the_caller_and_his_owner_looks_at_it():
    found = verdict(called("101"), KNOWN)
    assert (found.scenario, effects(found, OpenLead)[0].lead.owner_id) == ("D1-outbound", "jan")
    review = only_task(found)
    assert (review.kind, review.status, review.assignee_id) == (TaskKind.REVIEW, TaskStatus.OPEN, "eva")
    assert not tasks(verdict(called("102"), KNOWN))


def test_d3_a_client_of_old_whom_a_colleague_reached_has_a_lead_of_the_old_owner():
    found = verdict(called("101"), LOST)
    assert found.scenario == "D3-outbound"
    [opened] = effects(found, OpenLead)
    assert (opened.lead.owner_id, opened.lead.previous_lead_id) == ("eva", "lead-1")
    assert only_task(found).assignee_id == "eva"


def test_s10_any_call_that_reached_a_client_whose_lead_was_converted_opens_a_lead_of_the_caller_however_short():
    found = verdict(called("101", talk=2), CONVERTED)
    assert found.scenario == "S10-outbound"
    [opened] = effects(found, OpenLead)
    assert (opened.lead.owner_id, opened.lead.contact_id) == ("jan", "contact-1")
    assert effects(found, LogCall)[0].deal_id is None
    assert not tasks(found)


def test_d9_an_unanswered_call_to_a_new_number_makes_nothing():
    for outcome in (Outcome.MISSED, Outcome.BUSY, Outcome.FAILED, Outcome.CANCELLED, Outcome.VOICEMAIL):
        found = verdict(called_in_vain("101", outcome))
        assert found.scenario == "D9"
        assert not found.effects


def test_d9_an_unanswered_call_is_logged_on_the_existing_lead_without_a_task():
    found = verdict(called_in_vain("101"), OPEN_LEAD)
    assert found.scenario == "D9"
    assert [type(effect) for effect in found.effects] == [LogCall]
    assert found.effects[0].lead_id == "lead-1"


def test_d18_an_unknown_extension_that_calls_out_asks_for_the_settings():
    found = verdict(called("555"), OPEN_LEAD)
    task = only_task(found)
    assert found.scenario == "S12-unknown"
    assert (task.kind, task.assignee_id, task.scenario) == (TaskKind.SETTINGS, "anna", "D18")
    assert "D18: 555 is no employee: the settings have to be checked" in found.reasons


def test_d18_an_unknown_extension_that_reaches_nobody_asks_for_the_settings_too():
    assert only_task(verdict(called_in_vain("555"))).kind is TaskKind.SETTINGS


def test_d18_a_new_client_whom_an_unknown_extension_reached_belongs_to_the_top_manager():
    found = verdict(called("555"))
    assert found.scenario == "D8"
    assert effects(found, OpenLead)[0].lead.owner_id == "anna"
    assert only_task(found).kind is TaskKind.SETTINGS


def test_d18_the_same_extension_again_counts_the_open_task_up():
    found = verdict(called("555"), settings_task_id="settings-1")
    assert not tasks(found)
    assert effects(found, RepeatTask)[0].task_id == "settings-1"


def test_d18_a_call_that_is_decided_again_makes_the_same_task_and_the_next_call_another_one():
    first, again, other = (verdict(called("555", id=name)) for name in ("c-1", "c-1", "c-2"))
    assert only_task(first).id == only_task(again).id != only_task(other).id


def test_d18_an_extension_that_only_helped_in_the_middle_asks_for_the_settings_and_changes_nothing_else():
    call = called("102")
    helped = replace(call, talked=(*call.talked, Talk(party="555", since=MORNING + 70, until=MORNING + 80)))
    found = verdict(helped, OPEN_LEAD)
    assert found.scenario == "S11"
    assert {task.kind for task in tasks(found)} == {TaskKind.CALL, TaskKind.SETTINGS}


def test_a_caller_is_known_by_his_own_phone_in_any_spelling():
    assert verdict(called("07700 900802"), OPEN_LEAD).scenario == "S11"


def test_an_outbound_call_whose_caller_nobody_told_is_made_by_somebody_unknown():
    call = replace(called("101"), caller=None, talked=())
    assert verdict(call, NEW).scenario == "D8"
    assert "D18" in told(verdict(call, NEW))
