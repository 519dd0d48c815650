"""S3, S5-S8, S10-S12, D15, D18: what becomes of calls that somebody answered."""

from dataclasses import replace

import pytest

from bridge.model.call import Direction, Outcome, Talk, Utm
from bridge.model.crm import LeadStatus, TaskKind, TaskStatus
from bridge.model.people import Employee
from bridge.store.edits import complete_task, edit_lead, set_lead_status
from tests.flow.builders import (
    ANNA,
    BELLA,
    acme,
    answered,
    missed,
    pbx_call,
    recorded,
    ringing,
    seen,
    talked,
    transferred,
)
from tests.flow.hand_clock import NOON

HOUR = 3600.0


async def owned_by_jan(office) -> str:
    """Anna has an open lead, which is Jan's."""
    await office.settle(talked("first", NOON - HOUR))
    (lead,) = await office.leads()
    assert lead.owner_id == "jan"
    return lead.id


async def test_a_new_clients_lead_is_opened_when_the_handset_is_lifted_and_is_the_answerers(office):
    utm = Utm(source="google", campaign="autumn")
    await office.hear(ringing(utm=utm), answered())
    (lead,), (contact,), (organisation,) = await office.leads(), await office.contacts(), await office.organisations()
    assert {lead.owner_id, contact.owner_id, organisation.owner_id} == {"jan"}
    assert lead.utm == utm
    await office.settle(talked())
    assert await office.leads() == (lead,) or [known.id for known in await office.leads()] == [lead.id]
    assert await office.tasks() == ()
    assert (await office.call("shop/c1")).scenario == "S3"


async def test_a_call_that_is_only_told_when_it_is_over_makes_the_same(office):
    await office.settle(talked())
    (lead,) = await office.leads()
    assert (lead.owner_id, (await office.call("shop/c1")).lead_id) == ("jan", lead.id)


async def test_the_responsible_answers_and_gets_a_done_task_on_his_lead(office):
    lead_id = await owned_by_jan(office)
    await office.settle(talked("c2", recording_url="https://pbx.example/rec/2.mp3"))
    (task,) = await office.tasks()
    assert (task.status, task.assignee_id, task.lead_id) == (TaskStatus.DONE, "jan", lead_id)
    assert task.recording_url == "https://pbx.example/rec/2.mp3"


async def test_a_colleague_answers_and_there_are_exactly_two_tasks(office):
    await owned_by_jan(office)
    await office.settle(ringing("c2"), answered("c2", employee="102"), talked("c2", employee="102"))
    tasks = {(task.status, task.assignee_id, task.kind) for task in await office.tasks()}
    assert len(await office.tasks()) == 2
    assert {(status, who) for status, who, _ in tasks} == {(TaskStatus.DONE, "eve"), (TaskStatus.OPEN, "jan")}


async def test_a_call_that_was_handed_to_the_responsible_makes_no_review(office):
    await owned_by_jan(office)
    await office.settle(
        ringing("c2"),
        answered("c2", employee="102"),
        transferred("c2", employee="102", to="101"),
        answered("c2", NOON + 31, employee="101"),
        talked("c2", employee="101"),
    )
    assert [task.status for task in await office.tasks()] == [TaskStatus.DONE]


async def test_a_converted_lead_is_left_alone_and_a_new_one_is_opened_for_the_known_contact(office):
    lead_id = await owned_by_jan(office)
    async with office.store.writing() as conn:
        await set_lead_status(conn, lead_id, LeadStatus.CONVERTED, NOON - 60)
    await office.settle(talked("c2", employee="102"))
    old, new = sorted(await office.leads(), key=lambda lead: lead.created_at)
    assert (old.status, new.status) == (LeadStatus.CONVERTED, LeadStatus.OPEN)
    assert new.contact_id == old.contact_id
    assert len(await office.contacts()) == 1


async def test_twenty_five_spellings_of_one_number_are_one_contact(office):
    bare = ANNA.removeprefix("+44")
    spellings = [
        ANNA, f"0{bare}", f"0044{bare}", f"44{bare}", f"+44 (0){bare}", f"(0{bare[:4]}) {bare[4:]}",
        f"0{bare[:4]}-{bare[4:7]}-{bare[7:]}", f"0{bare[:4]} {bare[4:]}", f"0{bare[:4]}.{bare[4:]}",
        f"+44-{bare[:4]}-{bare[4:]}", f"+44 {bare[:2]} {bare[2:4]} {bare[4:6]} {bare[6:8]} {bare[8:]}",
        f"sip:{ANNA}@pbx.example", f"sip:0{bare}@pbx.example;user=phone", f"tel:{ANNA}", f"tel:+44-{bare}",
        f'"Anna" <sip:{ANNA}@10.0.0.1>', f"Anna <{ANNA}>", f"\t{ANNA}\n", f" {ANNA} ", f"+44\u00a0{bare}",
        f"＋４４{bare}", f"\u202a{ANNA}\u202c", f"sips:{ANNA}@pbx.example", f"0{bare}#", f"{ANNA};phone-context=pbx",
    ]  # fmt: skip
    assert len(set(spellings)) == 25
    for place, raw in enumerate(spellings):
        await office.hear(talked(f"c{place}", client_number=raw))
    await office.pass_by(3)
    (contact,) = await office.contacts()
    assert contact.phones == (ANNA,)
    assert len(await office.leads()) == 1


async def test_an_unknown_extension_makes_one_settings_task_that_counts_up_over_all_clients(office):
    for place, client in enumerate((ANNA, BELLA, ANNA)):
        await office.settle(talked(f"c{place}", NOON + 60 * place, employee="199", client_number=client))
    (task,) = [task for task in await office.tasks() if task.kind is TaskKind.SETTINGS]
    assert (task.assignee_id, task.count, task.status) == ("tom", 3, TaskStatus.OPEN)
    assert "199" in task.text
    assert {lead.owner_id for lead in await office.leads()} == {"tom"}


async def test_an_unknown_extension_in_a_backlog_makes_the_same_one_task(office):
    calls = [talked(f"c{n}", employee="199", client_number=client) for n, client in enumerate((ANNA, BELLA, ANNA))]
    await office.store_facts(*calls)
    await office.pass_by(HOUR)
    (task,) = [task for task in await office.tasks() if task.kind is TaskKind.SETTINGS]
    assert task.count == 3


async def test_a_settings_task_that_a_person_has_done_stays_done_and_the_next_call_makes_another_one(office):
    await office.settle(talked("c1", employee="199"))
    (first,) = await office.tasks()
    async with office.store.writing() as conn:
        await complete_task(conn, first.id, NOON + 100, by="tom")
    await office.settle(talked("c2", NOON + 600, employee="199"))
    done, again = sorted(await office.tasks(), key=lambda task: task.created_at)
    assert (done.id, done.status, again.status, again.count) == (first.id, TaskStatus.DONE, TaskStatus.OPEN, 1)


async def test_when_the_extension_is_mapped_its_task_closes_and_its_calls_are_credited(office):
    await office.settle(talked("c1", employee="199"), talked("c2", employee="199", client_number=BELLA))
    _, bellas = sorted(await office.leads(), key=lambda lead: lead.title)
    async with office.store.writing() as conn:
        await edit_lead(conn, bellas.id, NOON, title="Bella, do not touch")
    nina = Employee(id="nina", name="Nina New", extensions=("199",))
    await office.change_company(acme(nina))
    owners = {lead.title: lead.owner_id for lead in await office.leads()}
    assert sorted(owners.values()) == ["nina", "tom"]
    assert owners["Bella, do not touch"] == "tom"
    (task,) = [task for task in await office.tasks() if task.kind is TaskKind.SETTINGS]
    assert task.status is TaskStatus.DONE
    assert "Nina New" in task.text
    assert {call.answered_by for call in await office.calls()} == {"nina"}
    await office.settle(talked("c3", NOON + HOUR, employee="199"))
    assert len([task for task in await office.tasks() if task.kind is TaskKind.SETTINGS]) == 1


async def test_a_busy_extension_is_credited_some_calls_at_a_time_and_its_task_closes_with_the_last(office, monkeypatch):
    monkeypatch.setattr("bridge.flow.staff_changes.AT_ONCE", 2)
    calls = [talked(f"c{n}", NOON + n, employee="199", client_number=f"+44770090{n:04d}") for n in range(5)]
    await office.settle(*calls)
    await office.change_company(acme(Employee(id="nina", name="Nina New", extensions=("199",))))
    assert [call.answered_by for call in await office.calls()] == ["nina"] * 5
    assert [lead.owner_id for lead in await office.leads()] == ["nina"] * 5
    (task,) = await office.tasks()
    assert task.status is TaskStatus.DONE


async def test_an_internal_call_and_one_with_an_own_number_are_counted_and_nothing_else(office):
    own = [
        talked("c1", direction=Direction.INTERNAL, client_number="102"),
        talked("c2", client_number="+447700900901"),
        missed("c3", client_number="020 7946 0101"),
    ]
    await office.settle(*own, *own)
    assert await office.everything() == dict.fromkeys(await office.everything(), ())
    assert await office.counters() == {"internal": 3}
    assert office.tally.internal == 3


async def test_a_platform_that_names_the_answerer_only_at_the_end_gets_the_lead_to_him(office):
    await office.hear(ringing(), answered(employee=None))
    await office.settle(talked(employee="101"))
    (lead,) = await office.leads()
    assert lead.owner_id == "jan"
    assert await office.tasks(TaskStatus.OPEN) == ()


async def test_when_an_earlier_pick_up_is_told_late_the_lead_goes_to_who_picked_up_first(office):
    await office.hear(ringing(), answered(at=NOON + 20, employee="102"))
    (lead,) = await office.leads()
    assert lead.owner_id == "eve"
    await office.hear(answered(at=NOON + 6, employee="101", received_at=NOON + 21))
    (lead,), (contact,) = await office.leads(), await office.contacts()
    assert (lead.owner_id, contact.owner_id) == ("jan", "jan")


async def test_a_lead_that_a_person_has_edited_stays_whose_it_is_when_the_pick_up_is_corrected(office):
    await office.hear(ringing(), answered(at=NOON + 20, employee="199"))
    (lead,) = await office.leads()
    async with office.store.writing() as conn:
        await edit_lead(conn, lead.id, NOON, title="Mine")
    await office.hear(answered(at=NOON + 6, employee="101", received_at=NOON + 21))
    (lead,), (contact,) = await office.leads(), await office.contacts()
    assert (lead.owner_id, contact.owner_id) == ("tom", "jan")


@pytest.mark.parametrize("live", [True, False])
async def test_a_call_that_a_switchboard_has_seen_makes_one_lead_however_it_was_told(office, live):
    begun = pbx_call()
    up = replace(begun, answered_at=NOON + 6, talked=(Talk(party="101", since=NOON + 6),), revision=2)
    over = replace(
        up,
        ended_at=NOON + 60,
        outcome=Outcome.ANSWERED,
        talked=(Talk(party="101", since=NOON + 6, until=NOON + 60),),
        revision=3,
    )
    await office.settle(*([seen(begun), seen(up)] if live else []), seen(over))
    (lead,) = await office.leads()
    assert lead.owner_id == "jan"
    assert len(await office.calls()) == 1
    # An earlier snapshot that comes late says nothing new.
    await office.settle(seen(up, NOON + 90))
    assert (await office.call("pbx/1.1")).body.ended_at == NOON + 60


async def test_a_recording_that_comes_after_the_verdict_is_on_the_call_its_task_and_nowhere_twice(office):
    await owned_by_jan(office)
    await office.settle(talked("c2"))
    link = "https://pbx.example/rec/c2.mp3"
    await office.settle(recorded("c2"), recorded("c2"), recorded("c2", NOON + 95))
    (task,) = await office.tasks()
    assert task.recording_url == link
    assert (await office.call("shop/c2")).body.recordings == (link,)
    assert len(await office.leads()) == 1
    occasions = [made.occasion for made in await office.verdicts("shop/c2")]
    assert occasions.count("recorded") == 1
