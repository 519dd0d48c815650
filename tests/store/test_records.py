import pytest
from hypothesis import HealthCheck, given, settings

from bridge.model.crm import Case, Contact, Deal, Lead, LeadStatus, Note, Organisation, Task
from bridge.model.effects import CountOnly, OpenLead, Refusal, Verdict
from bridge.model.situation import Occasion
from bridge.store.queries import contact_by_id, counters, lead_by_id, page_of_contacts, record_by_id, verdicts_of_call
from bridge.store.records import Changes, NewVerdict, count, save
from bridge.store.rows import CASES, CONTACTS, DEALS, LEADS, NOTES, ORGANISATIONS, TASKS
from tests.store.builders import ANNA, BELLA, NOON, case, contact, deal, lead, organisation, task
from tests.store.test_documents import anything_of

TABLES = [
    (Contact, CONTACTS),
    (Organisation, ORGANISATIONS),
    (Lead, LEADS),
    (Deal, DEALS),
    (Task, TASKS),
    (Case, CASES),
    (Note, NOTES),
]


@pytest.mark.parametrize(("kind", "table"), TABLES)
def test_the_row_of_any_record_makes_the_same_record(kind, table):
    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    @given(record=anything_of(kind))
    def holds(record):
        assert table.record(table.row(record)) == record

    holds()


@pytest.mark.parametrize(("kind", "table"), TABLES)
def test_a_table_has_a_column_for_every_field_of_its_record(kind, table):
    assert set(table.names) == set(table.table.c.keys())


async def test_records_of_every_kind_come_back_as_they_were_saved(store):
    note = Note(id="note1", text="He likes tea", at=NOON, lead_id="lead1")
    changes = Changes(
        contacts=[contact(1, ANNA, BELLA, emails=("Anna@shop.example",), touched=True)],
        organisations=[organisation(1)],
        leads=[lead(1, tags=("vip", "ü"), status=LeadStatus.WON)],
        deals=[deal(1)],
        tasks=[task(1, due_at=NOON, count=3)],
        cases=[case(1)],
        notes=[note],
    )
    saved = (*changes.contacts, *changes.organisations, *changes.leads, *changes.deals, *changes.tasks, *changes.cases)
    tables = (CONTACTS, ORGANISATIONS, LEADS, DEALS, TASKS, CASES, NOTES)
    async with store.writing() as conn:
        await save(conn, changes)
        for table, record in zip(tables, (*saved, note), strict=True):
            assert await record_by_id(conn, table, record.id) == record
            assert await record_by_id(conn, table, "nobody") is None


async def test_a_record_saved_again_is_changed_and_not_doubled(store):
    async with store.writing() as conn:
        await save(conn, Changes(leads=[lead(1)], contacts=[contact(1)]))
        changed = lead(1, status=LeadStatus.LOST, version=2)
        await save(conn, Changes(leads=[changed], contacts=[contact(1, name="Anna")]))
        assert await lead_by_id(conn, "lead1") == changed
        assert (await contact_by_id(conn, "contact1")).name == "Anna"
        assert len((await page_of_contacts(conn)).items) == 1


async def test_a_contact_who_gets_another_phone_is_found_by_both(store):
    async with store.writing() as conn:
        await save(conn, Changes(contacts=[contact(1, ANNA)]))
        await save(conn, Changes(contacts=[contact(1, ANNA, BELLA)]))
        for number in (ANNA, BELLA):
            assert [found.id for found in (await page_of_contacts(conn, phone_keys=[number])).items] == ["contact1"]


async def test_a_verdict_is_kept_with_everything_that_explains_it(store):
    decided = Verdict(
        scenario="S4",
        effects=(OpenLead(lead=lead(1)), CountOnly(counter="missed")),
        reasons=("nobody answered",),
        refusals=(Refusal(scenario="S3", condition="outcome", found="missed"),),
        responsible_id="jan",
    )
    facts = {"fact": "pbx/1", "call_id": "call1", "matrix": "m1"}
    first = NewVerdict(**facts, occasion=Occasion.PICKED_UP, decided_at=NOON, verdict=Verdict(scenario=None))
    second = NewVerdict(**facts, occasion=Occasion.ENDED, decided_at=NOON + 9, verdict=decided)
    async with store.writing() as conn:
        await save(conn, Changes(verdicts=[first, second]))
        kept = await verdicts_of_call(conn, "call1")
        assert await verdicts_of_call(conn, "call2") == []
    assert [found.verdict for found in kept] == [Verdict(scenario=None), decided]
    assert (kept[1].fact, kept[1].occasion, kept[1].decided_at, kept[1].matrix) == ("pbx/1", "ended", NOON + 9, "m1")


async def test_counters_only_grow(store):
    async with store.writing() as conn:
        await save(conn, Changes(counters={("blocked", "2026-11-22"): 2, ("internal", "2026-11-22"): 1}))
        await count(conn, {("blocked", "2026-11-22"): 3, ("blocked", "2026-11-23"): 1})
        await count(conn, {})
        assert await counters(conn, since_day="2026-11-23") == {("blocked", "2026-11-23"): 1}
        assert (await counters(conn))["blocked", "2026-11-22"] == 5


async def test_nothing_changed_is_nothing_written(store):
    async with store.writing() as conn:
        await save(conn, Changes())
        assert (await page_of_contacts(conn)).items == ()
