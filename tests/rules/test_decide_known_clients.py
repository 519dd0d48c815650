"""D1, D3, S10 and S3-25: the client is known, but has no open lead."""

from bridge.model.crm import LeadStatus, TaskKind, TaskStatus
from bridge.model.effects import LogCall, OpenCase, OpenContact, OpenLead, OpenOrganisation
from tests.builders import (
    CONVERTED,
    DEAL,
    KNOWN,
    LOST,
    OPEN_LEAD,
    answered,
    called,
    changed,
    client,
    company,
    contact,
    deal,
    effects,
    lead,
    live,
    missed,
    only_task,
    tasks,
    told,
    verdict,
)


def new_lead(found):
    [opening] = effects(found, OpenLead)
    return opening.lead


def test_s3_25_an_open_lead_alone_makes_the_client_an_existing_one():
    assert verdict(answered("102"), client(lead())).scenario == "S6"


def test_s3_25_a_contact_alone_makes_the_client_an_existing_one():
    assert verdict(answered("102"), client(contact())).scenario == "D1"


def test_s3_25_a_deal_alone_makes_the_client_an_existing_one():
    assert verdict(answered("102"), client(deal())).scenario == "S6"


def test_d1_a_known_contact_gets_a_new_lead_of_whoever_picks_up():
    found = verdict(live("101"), KNOWN)
    assert found.scenario == "D1"
    assert new_lead(found).owner_id == "jan"
    assert new_lead(found).contact_id == "contact-1"
    assert not effects(found, OpenContact)
    assert not tasks(found)


def test_d1_the_contacts_owner_reviews_when_somebody_else_answered():
    task = only_task(verdict(answered("101"), KNOWN))
    assert (task.kind, task.status, task.assignee_id) == (TaskKind.REVIEW, TaskStatus.OPEN, "eva")


def test_d1_nobody_reviews_when_the_contacts_owner_answered_himself():
    found = verdict(answered("102"), KNOWN)
    assert new_lead(found).owner_id == "eva"
    assert not tasks(found)


def test_d1_nobody_reviews_when_the_contacts_owner_talked_at_all_d15():
    assert not tasks(verdict(answered("102", "101"), KNOWN))


def test_d1_missed_the_contacts_owner_owns_the_new_lead_and_the_senior_calls_back():
    found = verdict(missed("101"), KNOWN)
    assert new_lead(found).owner_id == "eva"
    task = only_task(found)
    assert (task.kind, task.assignee_id, task.lead_id) == (TaskKind.CALLBACK, "olga", new_lead(found).id)
    assert effects(found, OpenCase)


def test_d1_somebody_unknown_answered_the_contacts_owner_gets_the_lead_the_top_manager_the_settings():
    found = verdict(answered("555"), KNOWN)
    assert new_lead(found).owner_id == "eva"
    assert {(task.kind, task.assignee_id) for task in tasks(found)} == {
        (TaskKind.REVIEW, "eva"), (TaskKind.SETTINGS, "anna"),
    }  # fmt: skip


def test_d1_a_contact_without_an_owner_crashes_nothing():
    nobodys = client(contact(owner_id=None))
    assert not tasks(verdict(answered("101"), nobodys))
    assert new_lead(verdict(missed(), nobodys)).owner_id == "olga"


def test_d1_a_contact_whose_owner_has_left_is_reviewed_by_the_senior_d17():
    found = verdict(answered("101"), KNOWN, company=company(people=changed("eva", active=False)))
    assert only_task(found).assignee_id == "olga"
    assert "D17: Eva Jones is disabled; next in the chain: Olga Senior" in told(found)


def test_d3_a_lost_lead_gets_a_successor_owned_by_the_old_owner():
    found = verdict(live("101"), LOST)
    assert found.scenario == "D3"
    assert (new_lead(found).owner_id, new_lead(found).previous_lead_id) == ("eva", "lead-1")
    assert not effects(found, OpenContact)


def test_d3_a_won_lead_gets_a_successor_too():
    assert verdict(live("101"), client(contact(), lead(status=LeadStatus.WON))).scenario == "D3"


def test_d3_an_old_owner_who_has_left_is_followed_by_whoever_picked_up():
    found = verdict(live("101"), LOST, company=company(people=changed("eva", active=False)))
    assert new_lead(found).owner_id == "jan"
    assert "D17" in found.tags


def test_d3_the_old_owner_reviews_a_call_that_somebody_else_answered():
    assert only_task(verdict(answered("101"), LOST)).assignee_id == "eva"


def test_d3_missed_gives_the_callback_task_to_the_senior():
    found = verdict(missed(), LOST)
    assert new_lead(found).owner_id == "eva"
    assert only_task(found).assignee_id == "olga"


def test_s3_09_s10_a_call_of_a_converted_lead_opens_a_new_lead_and_never_touches_the_deal():
    found = verdict(answered("102"), CONVERTED)
    assert found.scenario == "S10"
    assert new_lead(found).owner_id == "eva"
    assert new_lead(found).contact_id == "contact-1"
    assert all(link.deal_id is None for link in effects(found, LogCall))
    assert all(task.deal_id is None for task in tasks(found))


def test_s10_links_the_known_contact_and_organisation():
    known = client(
        contact(organisation_id="org-1"), lead(status=LeadStatus.CONVERTED, deal_id="deal-1"), deal(lead_id="lead-1")
    )
    found = verdict(live("101"), known)
    assert (new_lead(found).contact_id, new_lead(found).organisation_id) == ("contact-1", "org-1")
    assert not effects(found, OpenOrganisation)


def test_s10_then_as_s3_no_task_when_a_known_employee_answered():
    assert not tasks(verdict(answered("101"), CONVERTED))


def test_s10_then_as_s4_missed_gives_lead_and_callback_task_to_the_senior():
    found = verdict(missed(), CONVERTED)
    assert found.scenario == "S10"
    assert new_lead(found).owner_id == "olga"
    assert (only_task(found).kind, only_task(found).assignee_id) == (TaskKind.CALLBACK, "olga")


def test_s10_then_as_s5_somebody_unknown_gives_lead_and_settings_task_to_the_top_manager():
    found = verdict(answered("555"), CONVERTED)
    assert new_lead(found).owner_id == "anna"
    assert (only_task(found).kind, only_task(found).assignee_id) == (TaskKind.SETTINGS, "anna")


def test_s10_an_outbound_call_opens_a_new_lead_too():
    found = verdict(called("101"), CONVERTED)
    assert new_lead(found).owner_id == "jan"
    assert all(link.deal_id is None for link in effects(found, LogCall))


def test_s10_a_deal_whose_converted_lead_is_not_visible_is_no_place_to_write_either():
    assert verdict(answered("101"), client(contact(), deal(lead_id="gone"))).scenario == "S10"


def test_s10_an_open_lead_beside_the_converted_one_is_the_place():
    known = client(*CONVERTED.contacts, *CONVERTED.leads, *CONVERTED.deals, lead(id="lead-2"))
    found = verdict(answered("102"), known)
    assert found.scenario == "S6"
    assert only_task(found).lead_id == "lead-2"


def test_d2_an_open_deal_that_never_was_a_lead_is_where_call_and_tasks_go():
    found = verdict(answered("101"), DEAL)
    assert found.scenario == "S7"
    assert "D2" in found.tags
    assert effects(found, LogCall)[0].deal_id == "deal-1"
    assert {(task.assignee_id, task.deal_id, task.lead_id) for task in tasks(found)} == {
        ("jan", "deal-1", None), ("eva", "deal-1", None),
    }  # fmt: skip


def test_d2_the_deals_owner_is_the_responsible():
    known = client(contact(owner_id="jan"), deal(owner_id="eva"))
    assert verdict(answered("102"), known).scenario == "S6"


def test_d2_an_open_lead_comes_before_an_open_deal():
    found = verdict(answered("102"), client(contact(), lead(), deal()))
    assert effects(found, LogCall)[0].lead_id == "lead-1"
    assert effects(found, LogCall)[0].deal_id is None


def test_the_call_is_shown_in_an_open_lead_from_the_pick_up_on():
    found = verdict(live("101"), OPEN_LEAD)
    assert effects(found, LogCall)[0].lead_id == "lead-1"
    assert len(found.effects) == 1
