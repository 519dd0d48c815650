import pytest

from bridge.model.call import Utm
from bridge.model.crm import CaseStatus, LeadStatus, Note, TaskStatus
from bridge.store.calls import save_calls
from bridge.store.edits import complete_task, edit_lead, merge_leads, set_lead_status
from bridge.store.errors import VersionConflict
from bridge.store.queries import (
    case_by_id,
    deal_by_id,
    lead_by_id,
    page_of_calls,
    page_of_notes,
    page_of_tasks,
    task_by_id,
)
from bridge.store.records import Changes, save
from tests.store.builders import NOON, call_record, case, deal, lead, task


async def test_a_task_is_done_once_and_says_when(store):
    async with store.writing() as conn:
        await save(conn, Changes(tasks=[task(1)]))
        done = await complete_task(conn, "task1", NOON + 5, version=1)
        assert (done.status, done.done_at, done.version) == (TaskStatus.DONE, NOON + 5, 2)
        assert await complete_task(conn, "task1", NOON + 9, version=1) == done
        assert await task_by_id(conn, "task1") == done


async def test_the_case_behind_a_callback_task_closes_with_it(store):
    async with store.writing() as conn:
        await save(conn, Changes(tasks=[task(1, case_id="case1"), task(2, case_id="case2")], cases=[case(1)]))
        await complete_task(conn, "task1", NOON + 5, by="jan")
        closed = await case_by_id(conn, "case1")
        assert (closed.status, closed.resolved_by, closed.closed_at) == (CaseStatus.CLOSED, "jan", NOON + 5)
        assert closed.resolved_how == "task_done"
        assert (await complete_task(conn, "task2", NOON + 5)).status is TaskStatus.DONE


async def test_a_case_that_was_closed_before_keeps_who_closed_it(store):
    closed = case(1, status=CaseStatus.CLOSED, resolved_by="client", closed_at=NOON)
    async with store.writing() as conn:
        await save(conn, Changes(tasks=[task(1, case_id="case1")], cases=[closed]))
        await complete_task(conn, "task1", NOON + 5, by="jan")
        assert await case_by_id(conn, "case1") == closed


async def test_the_slower_of_two_people_is_told(store):
    async with store.writing() as conn:
        await save(conn, Changes(tasks=[task(1, version=3)], leads=[lead(1, version=3)]))
        with pytest.raises(VersionConflict, match="it has version 3, not 2"):
            await complete_task(conn, "task1", NOON, version=2)
        with pytest.raises(VersionConflict):
            await set_lead_status(conn, "lead1", LeadStatus.WON, NOON, version=2)
        with pytest.raises(VersionConflict):
            await edit_lead(conn, "lead1", NOON, title="mine", version=2)
        with pytest.raises(VersionConflict):
            await merge_leads(conn, "lead1", "lead1", NOON, version=2) or await _merge_two(conn)
        assert await lead_by_id(conn, "lead1") == lead(1, version=3)


async def _merge_two(conn):
    await save(conn, Changes(leads=[lead(2)]))
    return await merge_leads(conn, "lead1", "lead2", NOON, version=2)


async def test_what_is_not_there_is_not_changed(store):
    async with store.writing() as conn:
        assert await complete_task(conn, "task1", NOON) is None
        assert await set_lead_status(conn, "lead1", LeadStatus.WON, NOON) is None
        assert await edit_lead(conn, "lead1", NOON, title="x") is None
        assert await merge_leads(conn, "lead1", "lead2", NOON) is None


async def test_a_lead_that_a_person_settles_is_touched(store):
    async with store.writing() as conn:
        await save(conn, Changes(leads=[lead(1)]))
        won = await set_lead_status(conn, "lead1", LeadStatus.WON, NOON + 5)
        assert (won.status, won.touched, won.version, won.active_at) == (LeadStatus.WON, True, 2, NOON + 5)
        assert await lead_by_id(conn, "lead1") == won


async def test_a_converted_lead_leads_to_the_deal_that_it_became(store):
    async with store.writing() as conn:
        await save(conn, Changes(leads=[lead(1)]))
        converted = await set_lead_status(conn, "lead1", LeadStatus.CONVERTED, NOON, deal=deal(7))
        assert converted.deal_id == "deal7"
        assert await deal_by_id(conn, "deal7") == deal(7)


async def test_an_edit_changes_only_what_it_names(store):
    async with store.writing() as conn:
        await save(conn, Changes(leads=[lead(1, owner_id="jan", tags=("vip",))]))
        edited = await edit_lead(conn, "lead1", NOON, title="Better", version=1)
        assert (edited.title, edited.owner_id, edited.tags, edited.touched) == ("Better", "jan", ("vip",), True)
        edited = await edit_lead(conn, "lead1", NOON, owner_id="eve", tags=())
        assert (edited.title, edited.owner_id, edited.tags, edited.version) == ("Better", "eve", (), 3)


async def test_two_leads_of_one_matter_become_one_with_everything_on_it(store):
    other = lead(2, tags=("vip", "old"), utm=Utm(source="google"))
    async with store.writing() as conn:
        await save(
            conn,
            Changes(
                leads=[lead(1, tags=("vip",)), other],
                tasks=[task(1, lead_id="lead2")],
                notes=[Note(id="n", text="", at=NOON, lead_id="lead2")],
            ),
        )
        await save_calls(conn, [call_record(1, lead_id="lead2")])
        whole = await merge_leads(conn, "lead1", "lead2", NOON + 9, version=1)
        gone = await lead_by_id(conn, "lead2")
        assert (whole.tags, whole.utm, whole.version) == (("vip", "old"), Utm(source="google"), 2)
        assert (gone.status, gone.previous_lead_id) == (LeadStatus.LOST, "lead1")
        assert len((await page_of_tasks(conn, lead_id="lead1")).items) == 1
        assert len((await page_of_notes(conn, lead_id="lead1")).items) == 1
        assert len((await page_of_calls(conn, lead_id="lead1")).items) == 1
