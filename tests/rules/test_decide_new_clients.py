"""S3, S4, S5: the client has no contact, no open lead and no open deal."""

from dataclasses import replace

from bridge.model.call import Transfer, TransferKind
from bridge.model.crm import TaskKind, TaskStatus
from bridge.model.effects import AttachRecording, HandOver, LogCall, OpenCase, OpenContact, OpenLead, OpenOrganisation
from bridge.model.situation import Occasion
from bridge.rules.ledger import apply_all, changes
from tests.builders import (
    CLIENT,
    HOUR,
    LINE,
    MORNING,
    NEW,
    RECORDING,
    UTM,
    answered,
    changed,
    client,
    company,
    contact,
    effects,
    live,
    missed,
    only_task,
    situation,
    tasks,
    told,
    transferred,
    verdict,
)


def opened(found):
    [made], [organisation], [lead] = (effects(found, kind) for kind in (OpenContact, OpenOrganisation, OpenLead))
    return made.contact, organisation.organisation, lead.lead


def after(call, **fields):
    """The client after this call's verdict."""
    return apply_all(NEW, verdict(call, **fields).effects)


def test_s3_04_a_new_callers_records_are_made_when_somebody_picks_up():
    found = verdict(live("101", utm=UTM, client_name="Anna Nowak"))
    person, organisation, lead = opened(found)
    assert found.scenario == "S3"
    assert (person.phones, person.name) == ((CLIENT,), "Anna Nowak")
    assert person.organisation_id == lead.organisation_id == organisation.id
    assert lead.contact_id == person.id
    assert (lead.utm, lead.source) == (UTM, "pbx")
    assert not tasks(found)


def test_s3_05_the_answerer_owns_contact_organisation_and_lead():
    assert {record.owner_id for record in opened(verdict(live("101")))} == {"jan"}


def test_s3_20_the_title_of_a_lead_carries_its_id():
    _, _, lead = opened(verdict(live("101")))
    assert lead.id in lead.title


def test_s3_makes_nothing_while_the_phone_only_rings():
    ringing = replace(live(), talked=(), answered_at=None)
    assert not verdict(ringing).effects


def test_s3_doubles_nothing_when_the_call_that_was_picked_up_ends():
    picked_up = after(live("101"))
    found = verdict(answered("101"), picked_up, client_before=NEW)
    assert found.scenario == "S3"
    assert not [effect for kind in (OpenContact, OpenOrganisation, OpenLead) for effect in effects(found, kind)]
    [lead] = picked_up.leads
    assert effects(found, LogCall)[0].lead_id == lead.id
    assert effects(found, AttachRecording) == [AttachRecording(call_id="call-1", urls=(RECORDING,), fact="pbx/c-1")]
    assert not changes(picked_up, apply_all(picked_up, found.effects)).contacts


def test_s3_judges_the_client_as_he_was_when_the_call_began_so_it_does_not_become_s6():
    assert verdict(answered("101"), after(live("101")), client_before=NEW).scenario == "S3"


def test_s3_makes_everything_at_the_end_when_only_the_end_was_told():
    found = verdict(answered("101"))
    assert {record.owner_id for record in opened(found)} == {"jan"}
    assert not tasks(found)


def test_s3_makes_a_done_task_at_the_end_where_the_policy_wants_one():
    with_task = company(new_answered_done_task=True)
    assert not tasks(verdict(live("101"), company=with_task))
    task = only_task(verdict(answered("101"), company=with_task))
    assert (task.status, task.kind, task.assignee_id) == (TaskStatus.DONE, TaskKind.CALL, "jan")
    assert task.recording_url == RECORDING


def test_s3_leaves_the_records_with_who_picked_up_when_the_call_was_handed_on():
    found = verdict(answered("101", "102"))
    assert {record.owner_id for record in opened(found)} == {"jan"}
    assert not effects(found, HandOver)


def test_s3_owner_follows_the_transfer_where_the_policy_says_so():
    picked_up = after(live("101"), company=company(owner_follows_transfer=True))
    call = transferred(
        answered("101", "102"), Transfer(kind=TransferKind.BLIND, by="101", to="102", at=MORNING + 60, answered=True)
    )
    found = verdict(call, picked_up, client_before=NEW, company=company(owner_follows_transfer=True))
    ended = apply_all(picked_up, found.effects)
    assert {record.owner_id for record in (*ended.contacts, *ended.organisations, *ended.leads)} == {"eva"}
    assert "D15" in found.tags


def test_s3_a_record_that_a_person_edited_is_not_handed_over():
    picked_up = after(live("101"), company=company(owner_follows_transfer=True))
    edited = replace(picked_up, leads=(replace(picked_up.leads[0], owner_id="olga", touched=True),))
    found = verdict(answered("101", "102"), edited, client_before=NEW, company=company(owner_follows_transfer=True))
    ended = apply_all(edited, found.effects)
    assert ended.leads[0].owner_id == "olga"
    assert ended.contacts[0].owner_id == "eva"


def test_s3_a_disabled_answerer_owns_nothing_the_senior_stands_in_d17():
    found = verdict(live("101"), company=company(people=changed("jan", active=False)))
    assert {record.owner_id for record in opened(found)} == {"olga"}
    assert "D17: Jan Smith is disabled" in told(found)


def test_s3_06_s4_a_missed_new_caller_gets_records_and_a_callback_task_for_the_senior():
    call = missed("101", "102")
    found = verdict(call)
    person, organisation, lead = opened(found)
    task = only_task(found)
    assert found.scenario == "S4"
    assert {record.owner_id for record in (person, organisation, lead)} == {"olga"}
    assert (task.kind, task.status, task.assignee_id) == (TaskKind.CALLBACK, TaskStatus.OPEN, "olga")
    assert (task.contact_id, task.organisation_id, task.lead_id) == (person.id, organisation.id, lead.id)
    assert task.due_at == call.ended_at + 4 * HOUR
    assert task.scenario == "S4"
    assert task.call_id == "call-1"


def test_s4_opens_a_case_together_with_the_task():
    found = verdict(missed())
    [opening] = effects(found, OpenCase)
    task = only_task(found)
    assert opening.case.task_id == task.id
    assert task.case_id == opening.case.id
    assert (opening.case.client, opening.case.client_number, opening.case.line_number) == (CLIENT, CLIENT, LINE)
    assert opening.case.attempts == 1
    assert opening.case.due_at == task.due_at


def test_s4_the_tasks_text_says_who_when_how_long_and_which_line():
    task = only_task(verdict(missed("101", client_name="Anna Nowak")))
    assert "Anna Nowak" in task.title
    for word in ("Anna Nowak", CLIENT, "Sales", "2026-03-12 10:00", "30 s", "101"):
        assert word in task.text


def test_s4_the_deadline_is_a_setting():
    call = missed()
    assert only_task(verdict(call, company=company(task_deadline=HOUR))).due_at == call.ended_at + HOUR


def test_s4_is_not_decided_at_ring_time_but_when_the_call_has_ended():
    ringing = replace(missed(), ended_at=None, outcome=None, missed_reason=None)
    assert verdict(ringing, occasion=Occasion.PICKED_UP).scenario != "S4"


def test_s3_07_s5_somebody_unknown_picks_up_the_top_manager_owns_the_records():
    found = verdict(live("555"))
    assert found.scenario == "S5"
    assert {record.owner_id for record in opened(found)} == {"anna"}
    assert not tasks(found)


def test_s5_the_top_manager_is_asked_to_check_the_settings_when_the_call_has_ended():
    picked_up = after(live("555"))
    call = answered("555")
    found = verdict(call, picked_up, client_before=NEW)
    task = only_task(found)
    assert (task.kind, task.status, task.assignee_id) == (TaskKind.SETTINGS, TaskStatus.OPEN, "anna")
    assert (task.lead_id, task.contact_id) == (picked_up.leads[0].id, picked_up.contacts[0].id)
    assert task.due_at == call.ended_at + 4 * HOUR
    assert "555" in task.title
    assert "555" in task.text
    assert task.scenario == "S5"


def test_s5_an_answered_call_of_an_unnamed_employee_asks_the_top_manager_too():
    found = verdict(replace(answered(), talked=(), answered_at=MORNING + 6))
    assert found.scenario == "S5"
    assert only_task(found).subject == "source:pbx"


def test_s5_a_call_that_somebody_unknown_handed_to_a_known_employee_still_asks_for_the_settings():
    found = verdict(answered("555", "101"))
    assert found.scenario == "S5"
    assert "555" in only_task(found).text


def test_two_calls_of_one_new_client_at_the_same_time_give_one_lead():
    first = apply_all(NEW, verdict(live("101", id="c-1")).effects)
    second = verdict(missed("102", id="c-2"), first, client_before=NEW)
    assert second.scenario == "S9"
    assert not effects(second, OpenLead)
    assert only_task(second).lead_id == first.leads[0].id


def test_a_record_that_was_erased_during_the_call_does_not_count_any_more():
    found = verdict(answered("101"), NEW, client_before=client(contact()))
    assert found.scenario == "S3"


def test_a_decision_about_the_same_situation_is_always_the_same():
    same = situation(missed("101"))
    assert verdict(missed("101")) == verdict(same.call)


def test_s3_waits_for_the_end_while_the_platform_does_not_say_who_picked_up():
    unnamed = replace(live(), talked=())
    found = verdict(unnamed)
    assert found.scenario == "picked-up"
    assert not found.effects
    assert {record.owner_id for record in opened(verdict(answered("101")))} == {"jan"}


def test_s3_21_the_number_is_on_the_contact_that_lead_and_task_are_linked_to():
    found = verdict(missed())
    person, _, lead = opened(found)
    assert person.phones == (CLIENT,)
    assert lead.contact_id == only_task(found).contact_id == person.id
