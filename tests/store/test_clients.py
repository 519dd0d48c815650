import re

import pytest

from bridge.model.crm import CaseStatus, Client, DealStatus, LeadStatus, TaskKind, TaskStatus
from bridge.store.clients import cases_by_id, clients, settings_tasks, tasks_of_calls
from bridge.store.records import Changes, save
from tests.store.builders import ANNA, BELLA, CARLA, case, contact, deal, lead, on_sqlite, organisation, overheard, task


async def known(store, changes, wanted):
    async with store.writing() as conn:
        await save(conn, changes)
        return await clients(conn, wanted)


def alone(number):
    return {number: frozenset({number})}


async def test_a_stranger_has_nothing(store):
    found = await known(store, Changes(), alone(ANNA))
    assert found == {ANNA: Client(lane=ANNA)}


async def test_nobody_is_asked_for_nothing(store):
    assert await known(store, Changes(), {}) == {}


async def test_a_client_comes_with_all_his_records_in_the_promised_order(store):
    leads = [lead(1), lead(2, active_at=9e9, status=LeadStatus.LOST), lead(3, organisation_id="organisation2")]
    deals = [deal(1), deal(2, status=DealStatus.WON)]
    changes = Changes(
        contacts=[contact(1, ANNA, organisation_id="organisation1")],
        organisations=[organisation(1), organisation(2), organisation(3)],
        leads=leads,
        deals=deals,
        tasks=[task(2, contact_id="contact1"), task(1, contact_id="contact1")],
        cases=[case(2), case(1)],
    )
    found = (await known(store, changes, alone(ANNA)))[ANNA]
    assert found == Client(
        lane=ANNA,
        contacts=(contact(1, ANNA, organisation_id="organisation1"),),
        organisations=(organisation(1), organisation(2)),
        leads=(leads[1], leads[2], leads[0]),
        deals=(deals[1], deals[0]),
        cases=(case(1), case(2)),
        tasks=(task(1, contact_id="contact1"), task(2, contact_id="contact1")),
    )


async def test_what_is_done_or_closed_does_not_come_along(store):
    changes = Changes(
        contacts=[contact()],
        tasks=[task(1, contact_id="contact1", status=TaskStatus.DONE)],
        cases=[case(1, status=CaseStatus.CLOSED)],
    )
    found = (await known(store, changes, alone(ANNA)))[ANNA]
    assert (found.tasks, found.cases) == ((), ())


async def test_a_contact_is_found_by_each_of_his_phones_and_by_every_spelling_asked_for(store):
    found = await known(store, Changes(contacts=[contact(1, ANNA, BELLA)]), {"lane": frozenset({CARLA, BELLA})})
    assert [each.id for each in found["lane"].contacts] == ["contact1"]


async def test_a_phone_that_two_contacts_share_leads_to_both_the_older_first(store):
    changes = Changes(
        contacts=[contact(2, ANNA), contact(1, ANNA)],
        leads=[lead(1, of="contact1"), lead(2, of="contact2")],
        tasks=[task(1, contact_id="contact2")],
    )
    found = (await known(store, changes, alone(ANNA)))[ANNA]
    assert [each.id for each in found.contacts] == ["contact1", "contact2"]
    assert [each.id for each in found.leads] == ["lead2", "lead1"]
    assert [each.id for each in found.tasks] == ["task1"]


async def test_the_open_task_of_a_case_comes_along_even_when_the_client_is_nobody(store):
    hidden = "hidden:sales"
    changes = Changes(cases=[case(1, client=hidden, task_id="task1")], tasks=[task(1, case_id="case1")])
    found = (await known(store, changes, {hidden: frozenset()}))[hidden]
    assert ([each.id for each in found.cases], [each.id for each in found.tasks]) == (["case1"], ["task1"])


async def test_a_task_that_belongs_to_contact_and_case_comes_once(store):
    both = task(1, contact_id="contact1", case_id="case1")
    changes = Changes(contacts=[contact()], cases=[case(1, task_id="task1")], tasks=[both])
    assert (await known(store, changes, alone(ANNA)))[ANNA].tasks == (both,)


async def test_clients_of_one_batch_do_not_get_each_others_records(store):
    changes = Changes(
        contacts=[contact(1, ANNA), contact(2, BELLA)],
        leads=[lead(1, of="contact1"), lead(2, of="contact2")],
        cases=[case(1, client=BELLA)],
    )
    found = await known(store, changes, alone(ANNA) | alone(BELLA) | alone(CARLA))
    assert [each.id for each in found[ANNA].leads] == ["lead1"]
    assert [each.id for each in found[BELLA].leads] == ["lead2"]
    assert (found[ANNA].cases, found[BELLA].cases) == ((), (case(1, client=BELLA),))
    assert found[CARLA] == Client(lane=CARLA)


async def test_an_email_address_that_looks_like_a_phone_is_not_one(store):
    found = await known(store, Changes(contacts=[contact(1, ANNA, emails=(BELLA,))]), alone(BELLA))
    assert found[BELLA].contacts == ()


@on_sqlite
@pytest.mark.parametrize("size", [1, 40, 900])
async def test_the_number_of_queries_does_not_grow_with_the_batch(store, size):
    people = range(size)
    numbers = {n: f"+1202555{n:04d}" for n in people}
    changes = Changes(
        contacts=[contact(n, numbers[n], organisation_id=f"organisation{n}") for n in people],
        organisations=[organisation(n) for n in people],
        leads=[lead(n, of=f"contact{n}") for n in people],
        deals=[deal(n, of=f"contact{n}") for n in people],
        tasks=[task(n, case_id=f"case{n}") for n in people],
        cases=[case(n, client=numbers[n], task_id=f"task{n}") for n in people],
    )
    async with store.writing() as conn:
        await save(conn, changes)
        asked = await overheard(conn)
        found = await clients(conn, {number: frozenset({number}) for number in numbers.values()})
        assert len(asked) == 8
    assert all(len(client.leads) == len(client.tasks) == len(client.organisations) == 1 for client in found.values())


@on_sqlite
async def test_every_query_about_clients_uses_an_index(store):
    async with store.writing() as conn:
        await save(
            conn,
            Changes(
                contacts=[contact(organisation_id="organisation1")],
                organisations=[organisation()],
                tasks=[task()],
                cases=[case(task_id="task1")],
            ),
        )
        asked = await overheard(conn)
        await clients(conn, alone(ANNA))
        await settings_tasks(conn, ["109"])
        await tasks_of_calls(conn, ["call1"])
        await cases_by_id(conn, ["case1"])
        queries = list(asked)
        plans = [(await conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}")).all() for sql in queries]
    assert len(plans) == 11
    steps = [row[3] for plan in plans for row in plan]
    assert all(re.match(r"SEARCH .* USING", step) for step in steps), steps


async def test_only_open_settings_tasks_are_found_by_what_they_are_about(store):
    about = {"kind": TaskKind.SETTINGS, "subject": "109"}
    changes = Changes(
        tasks=[
            task(1, **about),
            task(2, kind=TaskKind.SETTINGS, subject="110", status=TaskStatus.DONE),
            task(3, subject="111"),
        ]
    )
    async with store.writing() as conn:
        await save(conn, changes)
        assert await settings_tasks(conn, ["109", "110", "111", "112"]) == {"109": task(1, **about)}
        assert await settings_tasks(conn, []) == {}


async def test_the_tasks_that_a_call_made_are_found_open_or_done(store):
    changes = Changes(
        tasks=[task(2, call_id="call1"), task(1, call_id="call1", status=TaskStatus.DONE), task(3, call_id="call2")]
    )
    async with store.writing() as conn:
        await save(conn, changes)
        found = await tasks_of_calls(conn, ["call1", "call3"])
    assert {call_id: [each.id for each in tasks] for call_id, tasks in found.items()} == {"call1": ["task1", "task2"]}


async def test_a_case_is_found_by_its_id_even_when_it_is_closed(store):
    closed = case(1, status=CaseStatus.CLOSED)
    async with store.writing() as conn:
        await save(conn, Changes(cases=[closed, case(2)]))
        assert await cases_by_id(conn, ["case1", "case9"]) == {"case1": closed}
