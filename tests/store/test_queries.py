import re
from base64 import b64encode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, text

from bridge.model.call import Outcome
from bridge.model.crm import CaseStatus, DealStatus, LeadStatus, Note, TaskStatus
from bridge.store.calls import save_calls
from bridge.store.errors import BadCursor
from bridge.store.gauges import gauges
from bridge.store.journal import append, entries, fail, pending, put_in_quarantine
from bridge.store.queries import (
    Responsible,
    Via,
    case_by_id,
    deal_by_id,
    organisation_by_id,
    page_of_calls,
    page_of_cases,
    page_of_contacts,
    page_of_deals,
    page_of_leads,
    page_of_notes,
    page_of_organisations,
    page_of_tasks,
    responsible_for,
    task_by_id,
)
from bridge.store.records import Changes, save
from tests.store.builders import (
    ANNA,
    BELLA,
    CARLA,
    NOON,
    call_record,
    case,
    contact,
    deal,
    entry,
    lead,
    on_sqlite,
    organisation,
    task,
)


def ids(page):
    return [item.id for item in page.items]


async def saved(conn, **changes):
    await save(conn, Changes(**changes))


async def test_lists_come_newest_first(store):
    async with store.writing() as conn:
        await saved(
            conn,
            contacts=[contact(1), contact(3), contact(2)],
            organisations=[organisation(1), organisation(2)],
            leads=[lead(2), lead(1)],
            deals=[deal(1), deal(2)],
            tasks=[task(1), task(2)],
            cases=[case(1), case(2)],
            notes=[Note(id="note1", text="", at=NOON), Note(id="note2", text="", at=NOON + 1)],
        )
        assert ids(await page_of_contacts(conn)) == ["contact3", "contact2", "contact1"]
        assert ids(await page_of_organisations(conn)) == ["organisation2", "organisation1"]
        assert ids(await page_of_leads(conn)) == ["lead2", "lead1"]
        assert ids(await page_of_deals(conn)) == ["deal2", "deal1"]
        assert ids(await page_of_tasks(conn)) == ["task2", "task1"]
        assert ids(await page_of_cases(conn)) == ["case2", "case1"]
        assert ids(await page_of_notes(conn)) == ["note2", "note1"]
        assert await task_by_id(conn, "task1") == task(1)
        assert await deal_by_id(conn, "deal1") == deal(1)
        assert await case_by_id(conn, "case1") == case(1)
        assert await organisation_by_id(conn, "organisation1") == organisation(1)


async def test_leads_are_found_by_phone_status_owner_and_contact(store):
    leads = [
        lead(1, owner_id="jan"),
        lead(2, owner_id="jan", status=LeadStatus.LOST),
        lead(3, owner_id="eve"),
        lead(4, of="contact2", owner_id="jan"),
    ]
    async with store.writing() as conn:
        await saved(conn, contacts=[contact(1, ANNA, CARLA), contact(2, BELLA)], leads=leads)
        assert ids(await page_of_leads(conn, phone_keys=[CARLA, "+4420"])) == ["lead3", "lead2", "lead1"]
        assert ids(await page_of_leads(conn, phone_keys=[ANNA], status=LeadStatus.OPEN)) == ["lead3", "lead1"]
        assert ids(await page_of_leads(conn, responsible="jan")) == ["lead4", "lead2", "lead1"]
        assert ids(await page_of_leads(conn, contact_id="contact2")) == ["lead4"]
        assert ids(await page_of_leads(conn, phone_keys=[])) == []


async def test_contacts_and_deals_are_found_by_phone_and_contacts_by_email_however_it_is_written(store):
    async with store.writing() as conn:
        await saved(
            conn,
            contacts=[contact(1, ANNA, emails=("Anna@Shop.example",)), contact(2, BELLA)],
            deals=[deal(1, status=DealStatus.WON), deal(2, of="contact2")],
        )
        assert ids(await page_of_contacts(conn, phone_keys=[ANNA])) == ["contact1"]
        assert ids(await page_of_contacts(conn, email="ANNA@shop.EXAMPLE")) == ["contact1"]
        assert ids(await page_of_deals(conn, phone_keys=[ANNA])) == ["deal1"]
        assert ids(await page_of_deals(conn, contact_id="contact2")) == ["deal2"]


async def test_tasks_are_found_by_assignee_status_lead_and_call(store):
    tasks = [
        task(1, assignee_id="jan", lead_id="lead1"),
        task(2, assignee_id="jan", status=TaskStatus.DONE, call_id="call1"),
        task(3, assignee_id="eve"),
    ]
    async with store.writing() as conn:
        await saved(conn, tasks=tasks)
        assert ids(await page_of_tasks(conn, assignee="jan")) == ["task2", "task1"]
        assert ids(await page_of_tasks(conn, assignee="jan", status=TaskStatus.OPEN)) == ["task1"]
        assert ids(await page_of_tasks(conn, status=TaskStatus.OPEN)) == ["task3", "task1"]
        assert ids(await page_of_tasks(conn, lead_id="lead1")) == ["task1"]
        assert ids(await page_of_tasks(conn, call_id="call1")) == ["task2"]


async def test_cases_are_found_by_status_and_notes_by_their_record(store):
    notes = [Note(id="n1", text="", at=NOON, lead_id="lead1"), Note(id="n2", text="", at=NOON, contact_id="contact1")]
    async with store.writing() as conn:
        await saved(conn, cases=[case(1), case(2, status=CaseStatus.CLOSED)], notes=notes)
        assert ids(await page_of_cases(conn, status=CaseStatus.OPEN)) == ["case1"]
        assert ids(await page_of_notes(conn, lead_id="lead1")) == ["n1"]
        assert ids(await page_of_notes(conn, contact_id="contact1")) == ["n2"]


async def test_calls_are_found_by_client_outcome_employee_and_lead_but_unlisted_ones_never(store):
    calls = [
        call_record(1, outcome=Outcome.ANSWERED, answered_by="jan", last_talker="eve"),
        call_record(2, lane=BELLA, outcome=Outcome.MISSED, lead_id="lead1"),
        call_record(3, outcome=Outcome.MISSED),
        call_record(4, outcome=Outcome.MISSED, listed=False, answered_by="jan", lead_id="lead1"),
    ]
    async with store.writing() as conn:
        await save_calls(conn, calls)

        async def keys(**wanted):
            return [found.key for found in (await page_of_calls(conn, **wanted)).items]

        assert await keys() == ["pbx/3", "pbx/2", "pbx/1"]
        assert await keys(client_keys=[ANNA, CARLA]) == ["pbx/3", "pbx/1"]
        assert await keys(outcome=Outcome.MISSED) == ["pbx/3", "pbx/2"]
        assert await keys(employee="jan") == ["pbx/1"]
        assert await keys(employee="eve") == ["pbx/1"]
        assert await keys(lead_id="lead1") == ["pbx/2"]


async def test_each_call_on_a_page_comes_whole(store):
    async with store.writing() as conn:
        await save_calls(conn, [call_record(1)])
        assert (await page_of_calls(conn)).items == (call_record(1),)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moments=st.lists(st.integers(0, 5), max_size=25), limit=st.integers(1, 7), newcomers=st.integers(0, 3))
async def test_paging_shows_every_record_once_and_in_order_even_while_new_ones_come(store, moments, limit, newcomers):
    tasks = [task(n, created_at=NOON + moment) for n, moment in enumerate(moments)]
    async with store.writing() as conn:
        await conn.execute(text("DELETE FROM task"))
        await saved(conn, tasks=tasks)
        seen, cursor = [], None
        for page_number in range(len(tasks) + 1):
            page = await page_of_tasks(conn, limit=limit, cursor=cursor)
            seen += page.items
            assert len(page.items) == limit or page.next is None
            cursor = page.next
            if cursor is None:
                break
            later = [task(100 + page_number * 10 + n, created_at=NOON + 100) for n in range(newcomers)]
            await saved(conn, tasks=later)
    assert seen == sorted(tasks, key=lambda each: (each.created_at, each.id), reverse=True)


@pytest.mark.parametrize("cursor", ["x", "", "bm90IGpzb24", "WzFd", "WyJhIiwgImIiXQ", "WzEsIDJd", "eyJhIjoxfQ", "ż"])
async def test_a_cursor_that_we_never_gave_is_refused(store, cursor):
    async with store.reading() as conn:
        with pytest.raises(BadCursor, match="not one that this list gave"):
            await page_of_tasks(conn, cursor=cursor)


@pytest.mark.parametrize(
    "places",
    ['[NaN, "a"]', '[1e999, "a"]', '[99999999999999999999, "a"]', '[1, "\\u0000"]', '[1, "\\ud800"]', '[true, "a"]'],
)
async def test_a_cursor_with_what_no_column_holds_is_refused_on_either_engine(store, places):
    cursor = b64encode(places.encode(), b"-_").decode()
    async with store.reading() as conn:
        with pytest.raises(BadCursor):
            await page_of_tasks(conn, cursor=cursor)


@pytest.mark.parametrize("places", ["[1.5]", "[NaN]", "[true]", "[9223372036854775808]", "[-1e300]"])
async def test_a_cursor_of_the_journal_is_an_id(store, places):
    async with store.reading() as conn:
        with pytest.raises(BadCursor):
            await entries(conn, cursor=b64encode(places.encode(), b"-_").decode())


async def test_a_cursor_may_be_any_moment_and_any_id(store):
    async with store.reading() as conn:
        assert (await page_of_tasks(conn, cursor=b64encode(b'[5000000000,"a"]').decode())).items == ()
        assert (await entries(conn, cursor=b64encode(b"[9223372036854775807]").decode())).items == ()


@pytest.mark.parametrize(
    ("records", "answer"),
    [
        ({}, None),
        ({"contacts": [contact(owner_id="jan")]}, Responsible(employee_id="jan", via=Via.CONTACT)),
        ({"contacts": [contact()]}, None),
        (
            {"contacts": [contact(owner_id="jan")], "deals": [deal(owner_id="eve")]},
            Responsible(employee_id="eve", via=Via.DEAL),
        ),
        (
            {"contacts": [contact(owner_id="jan")], "deals": [deal(owner_id="eve", status=DealStatus.LOST)]},
            Responsible(employee_id="jan", via=Via.CONTACT),
        ),
        (
            {"contacts": [contact()], "deals": [deal(owner_id="eve")], "leads": [lead(owner_id="olga")]},
            Responsible(employee_id="olga", via=Via.LEAD),
        ),
        (
            {"contacts": [contact(owner_id="jan")], "leads": [lead(owner_id="olga", status=LeadStatus.CONVERTED)]},
            Responsible(employee_id="jan", via=Via.CONTACT),
        ),
        (
            {"contacts": [contact()], "leads": [lead(1, owner_id="old", active_at=NOON), lead(2, owner_id="new")]},
            Responsible(employee_id="new", via=Via.LEAD),
        ),
    ],
)
async def test_the_owner_of_the_open_lead_else_open_deal_else_contact_is_responsible(store, records, answer):
    async with store.writing() as conn:
        await saved(conn, **records)
        assert await responsible_for(conn, {ANNA, CARLA}) == answer
        assert await responsible_for(conn, [BELLA]) is None


@on_sqlite
async def test_who_is_responsible_is_found_through_indexes_alone(store):
    asked = []
    async with store.reading() as conn:
        event.listen(conn.sync_connection, "before_cursor_execute", lambda *told: asked.append(told[2:4]))
        await responsible_for(conn, [ANNA])
        ((sql, told),) = [each for each in asked if each[0].startswith("SELECT")]
        plan = (await conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", told)).all()
    assert not [row[3] for row in plan if re.match("SCAN", row[3])]


async def test_the_gauges_count_what_waits(store):
    async with store.writing() as conn:
        await append(conn, [entry(n) for n in range(1, 4)])
        await fail(conn, (await pending(conn, 1))[0].id, "broken", NOON)
        await put_in_quarantine(conn, "shop", received_at=NOON, content_type=None, body=b"", problem="empty")
    found = await gauges(store)
    assert (found.pending_events, found.failed_events, found.quarantined) == (2, 1, 1)
    assert found.outbox == ()
    assert found.oldest_pending_at == NOON + 2
    assert found.bytes_used > 0
    assert (found.bytes_journal > 0) is store.place.embedded
