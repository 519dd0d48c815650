"""S1, S2, S3-02, S13-S15: whom nothing is made for; forms and chats."""

from dataclasses import replace

import pytest

from bridge.model.call import Direction, Outcome, Utm
from bridge.model.effects import AddNote, CountOnly, LogCall, OpenContact, OpenLead, OpenOrganisation
from bridge.model.events import ChatRequested, FormSubmitted
from bridge.model.situation import Occasion
from bridge.rules.matrix import read_matrix
from tests.builders import (
    CLIENT,
    CONVERTED,
    DEAL,
    KNOWN,
    LOST,
    MORNING,
    NEW,
    OPEN_LEAD,
    UTM,
    answered,
    called,
    called_in_vain,
    company,
    effects,
    live,
    missed,
    tasks,
    told,
    verdict,
)

FORM = FormSubmitted(
    event_id="form-1", source="site", occurred_at=MORNING, received_at=MORNING, phone="07700 900123", name="Anna Nowak",
    email="nowak@example.org", fields={"model": "Passat"}, utm=UTM,
)  # fmt: skip
CHAT = ChatRequested(
    event_id="chat-1", source="chat", occurred_at=MORNING, received_at=MORNING, chat_id="77", phone=CLIENT,
    name="Anna Nowak", sent_to_crm=True, employee="101",
)  # fmt: skip
WITH_FORMS = company(forms=True)


def form(known=NEW, **fields):
    return verdict(None, known, **{"occasion": Occasion.FORM, "form": FORM, "company": WITH_FORMS, **fields})


def chat(known=NEW, told_chat=CHAT, **fields):
    return verdict(None, known, **{"occasion": Occasion.CHAT, "chat": told_chat, "fact": "chat/chat-1", **fields})


EVERY_CALL = [answered("101"), answered("555"), missed("101"), live("101"), called("101"), called_in_vain("101")]


@pytest.mark.parametrize("call", EVERY_CALL)
def test_s3_22_s1_a_blocked_number_makes_and_updates_nothing_in_either_direction(call):
    for known in (NEW, OPEN_LEAD, KNOWN, CONVERTED):
        found = verdict(call, known, blocked=True)
        assert found.scenario == "S1"
        assert found.effects == (CountOnly(counter="blocked"),)


def test_s1_a_blocked_number_makes_nothing_by_form_or_chat_or_late_recording_either():
    assert form(blocked=True).effects == (CountOnly(counter="blocked"),)
    assert chat(blocked=True).effects == (CountOnly(counter="blocked"),)
    recorded = verdict(answered("101"), OPEN_LEAD, blocked=True, occasion=Occasion.RECORDED)
    assert recorded.effects == (CountOnly(counter="blocked"),)


@pytest.mark.parametrize("call", EVERY_CALL)
def test_s2_one_of_our_own_numbers_on_the_other_side_is_never_a_client(call):
    found = verdict(call, own_number=True)
    assert found.scenario == "S2"
    assert found.effects == (CountOnly(counter="internal"),)


def test_s2_an_internal_call_makes_no_records_even_of_an_unknown_extension():
    call = replace(answered("555"), direction=Direction.INTERNAL)
    assert verdict(call).effects == (CountOnly(counter="internal"),)


def test_s3_02_without_a_matching_row_nothing_is_made_and_every_refusal_is_explained():
    empty = read_matrix(
        '[[scenario]]\nname = "never"\ntitle = "another line"\nwhen.line = "+442079460099"\nthen = []\n'
    )
    found = verdict(missed(), matrix=empty)
    assert found.scenario is None
    assert not found.effects
    [refusal] = found.refusals
    assert (refusal.scenario, refusal.condition, refusal.found) == ("never", "line = +442079460099", "+442079460001")


def test_the_explanation_says_why_each_earlier_row_did_not_match():
    refusals = {refusal.scenario: (refusal.condition, refusal.found) for refusal in verdict(missed()).refusals}
    assert refusals["S1"] == ("number = blocked", "usable")
    assert refusals["S3"] == ("picked_up_by = known", "nobody")
    assert "S9" not in refusals


def test_s3_18_forms_are_off_until_enabled_nothing_is_in_the_crm_and_the_refusal_says_so():
    found = form(company=company())
    assert found.scenario is None
    assert not found.effects
    assert ("S13", "forms = true", "no") in {(one.scenario, one.condition, one.found) for one in found.refusals}


def test_s3_17_s13_a_form_of_a_client_with_an_open_lead_adds_its_data_there_and_nothing_else():
    found = form(OPEN_LEAD)
    [note] = found.effects
    assert found.scenario == "S13"
    assert isinstance(note, AddNote)
    assert note.lead_id == "lead-1"
    for word in ("model: Passat", "email: nowak@example.org", "utm_campaign: autumn"):
        assert word in note.text


def test_s3_17_s14_a_form_without_an_open_lead_makes_contact_organisation_and_lead():
    found = form()
    [person], [_], [opening] = (effects(found, kind) for kind in (OpenContact, OpenOrganisation, OpenLead))
    assert found.scenario == "S14"
    assert (person.contact.phones, person.contact.emails) == ((CLIENT,), ("nowak@example.org",))
    assert (opening.lead.utm, opening.lead.source, opening.lead.owner_id) == (UTM, "site", "olga")
    assert opening.lead.id in opening.lead.title
    assert not tasks(found)


def test_s14_a_form_of_a_known_contact_keeps_him_and_his_owner():
    found = form(KNOWN)
    assert not effects(found, OpenContact)
    assert effects(found, OpenLead)[0].lead.owner_id == "eva"


def test_s14_a_form_never_goes_into_a_deal():
    for known in (CONVERTED, DEAL, LOST):
        assert effects(form(known), OpenLead)


def test_s3_19_s15_an_operator_sends_an_unknown_number_to_the_crm():
    found = chat()
    [person], [_], [opening] = (effects(found, kind) for kind in (OpenContact, OpenOrganisation, OpenLead))
    assert found.scenario == "S15"
    assert person.contact.phones == (CLIENT,)
    assert opening.lead.id in opening.lead.title
    assert opening.lead.owner_id == "jan"


def test_s3_19_s15_not_sent_to_the_crm_makes_nothing():
    found = chat(told_chat=replace(CHAT, sent_to_crm=False))
    assert found.scenario == "S15-held"
    assert not found.effects


def test_s15_a_source_that_sends_by_itself_needs_no_operator():
    found = chat(told_chat=replace(CHAT, sent_to_crm=False, employee=None), company=company(chat_intake="auto"))
    assert found.scenario == "S15"
    assert effects(found, OpenLead)[0].lead.owner_id == "olga"


def test_d19_a_chat_of_a_client_with_an_open_lead_is_one_more_touch_of_it():
    found = chat(OPEN_LEAD)
    [note] = found.effects
    assert (found.scenario, note.lead_id) == ("S15-touch", "lead-1")


def test_d19_form_chat_and_call_within_minutes_give_one_lead():
    first = form()
    lead_id = effects(first, OpenLead)[0].lead.id
    after = replace(NEW, contacts=(first.effects[0].contact,), leads=(effects(first, OpenLead)[0].lead,))
    assert chat(after).effects[0].lead_id == lead_id
    found = verdict(answered("101", at=MORNING + 120), after)
    assert effects(found, LogCall)[0].lead_id == lead_id
    assert not effects(found, OpenLead)
    assert "D19" in found.tags
    assert "2 min ago" in told(found)


def test_a_form_without_advertising_tags_says_none():
    assert "utm" not in effects(form(OPEN_LEAD, form=replace(FORM, utm=Utm())), AddNote)[0].text


def test_a_call_whose_end_nobody_saw_is_not_invented_as_missed():
    lost = replace(missed(), outcome=Outcome.FAILED, missed_reason=None, incomplete=True)
    found = verdict(lost)
    assert (found.scenario, found.effects, found.missed_reason) == (None, (), None)


def test_a_call_that_was_missed_before_our_eyes_is_missed_though_its_beginning_was_not_seen():
    assert verdict(replace(missed(), incomplete=True)).scenario == "S4"
