"""S13-S15, D19: site forms and chats, beside the same client's calls."""

import pytest

from bridge.model.events import ChatRequested, FormSubmitted
from tests.flow.builders import ANNA, acme, missed, talked
from tests.flow.hand_clock import NOON
from tests.stories.office import open_office


def form(event_id: str = "f1", at: float = NOON, **told) -> FormSubmitted:
    ordinary = {"phone": "07700 900111", "name": "Anna Nowak", "fields": {"car": "blue"}}
    return FormSubmitted(event_id=event_id, source="site", occurred_at=at, received_at=at, **(ordinary | told))


def chat(event_id: str = "m1", at: float = NOON, **told) -> ChatRequested:
    ordinary = {"chat_id": "m1", "phone": ANNA, "name": "Anna", "sent_to_crm": True, "employee": "101"}
    return ChatRequested(event_id=event_id, source="jivo", occurred_at=at, received_at=at, **(ordinary | told))


@pytest.fixture
async def office_with_forms(tmp_path):
    async with open_office(tmp_path, acme(forms=True)) as office:
        yield office


async def test_forms_do_nothing_until_they_are_enabled(office):
    await office.hear(form())
    assert (await office.leads(), await office.contacts()) == ((), ())
    assert office.tally.handled == 1


async def test_a_form_of_a_new_client_makes_contact_organisation_and_lead(office_with_forms):
    await office_with_forms.hear(form(), form())
    (lead,), (contact,) = await office_with_forms.leads(), await office_with_forms.contacts()
    assert (contact.name, contact.phones, lead.contact_id) == ("Anna Nowak", (ANNA,), contact.id)


async def test_two_sources_may_number_their_forms_alike(office_with_forms):
    other = FormSubmitted(event_id="f1", source="blog", occurred_at=NOON, received_at=NOON, phone="+447700900222")
    await office_with_forms.hear(form("f1"), other)
    assert len(await office_with_forms.leads()) == 2


async def test_a_form_of_a_client_with_an_open_lead_adds_its_data_there_and_nothing_else(office_with_forms):
    await office_with_forms.settle(talked())
    (lead,) = await office_with_forms.leads()
    await office_with_forms.hear(form(at=NOON + 600))
    assert [known.id for known in await office_with_forms.leads()] == [lead.id]
    (note,) = await office_with_forms.notes(lead_id=lead.id)
    assert "blue" in note.text


async def test_a_form_a_chat_and_a_call_of_one_client_are_one_lead(office_with_forms):
    await office_with_forms.store_facts(form(), chat(at=NOON + 1), missed(at=NOON + 20))
    await office_with_forms.pass_by(60)
    assert len(await office_with_forms.leads()) == 1
    assert len(await office_with_forms.contacts()) == 1


async def test_a_chat_that_nobody_sent_to_the_crm_makes_nothing(office):
    await office.hear(chat(sent_to_crm=False))
    assert await office.leads() == ()
    await office.hear(chat("m2"))
    (lead,) = await office.leads()
    assert lead.id in lead.title


async def test_a_chat_that_was_answered_keeps_the_promise_to_call_back(office):
    await office.settle(missed())
    await office.hear(chat(at=NOON + 600, answered=True))
    (case,) = await office.cases()
    assert case.status == "closed"


async def test_a_form_without_a_number_stands_alone(office_with_forms):
    await office_with_forms.hear(form("f1", phone=None, email="a@b.example"), form("f2", phone="none"))
    assert {contact.phones for contact in await office_with_forms.contacts()} <= {()}
