"""Nothing happens twice, and it makes no difference how facts are cut, repeated or shuffled."""

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.model.call import Direction
from bridge.model.crm import TaskKind
from tests.flow.builders import ANNA, BELLA, CARLA, acme, answered, missed, recorded, ringing, talked, transferred
from tests.flow.hand_clock import NOON
from tests.stories.a_day import BLOCKED, a_day
from tests.stories.office import Office, open_office

LATER = 7200.0


async def course_of(folder, *, size: int) -> dict:
    """The day, all of it in the journal before anything is handled, in batches of this size."""
    async with open_office(folder, acme(blocked=[BLOCKED])) as office:
        office.clock.advance(LATER)
        await office.store_facts(*a_day())
        office.lanes._size = size
        await office.work()
        return await office.everything() | {"counters": await office.counters()}


async def test_it_makes_no_difference_how_many_facts_share_a_batch(tmp_path):
    at_once = await course_of(tmp_path / "all", size=400)
    assert len(at_once["leads"]) == 3
    assert at_once["counters"] == {"blocked": 1, "internal": 1}
    for size in (1, 2, 3, 7):
        assert await course_of(tmp_path / str(size), size=size) == at_once


def gist(made: dict) -> dict:
    """What was made, without the moments at which it was made."""
    return {
        "leads": {(lead.id, lead.owner_id, lead.status) for lead in made["leads"]},
        "contacts": {(contact.id, contact.phones) for contact in made["contacts"]},
        "tasks": {(task.id, task.status, task.assignee_id, task.count, task.recording_url) for task in made["tasks"]},
        "cases": {(case.id, case.status, case.attempts, case.resolved_by) for case in made["cases"]},
        "calls": {(call.id, call.outcome, call.answered_by, call.last_talker) for call in made["calls"]},
    }


async def test_a_day_handled_as_it_happens_makes_the_same_as_one_from_the_journal(tmp_path):
    backlog = await course_of(tmp_path / "journal", size=400)
    async with open_office(tmp_path / "live", acme(blocked=[BLOCKED])) as office:
        await office.hear(*a_day())
        await office.pass_by(LATER)
        live = await office.everything()
    assert gist(live) == gist(backlog)


@pytest.mark.parametrize("size", [1, 2, 400])
async def test_a_fact_that_is_heard_at_the_moment_when_a_call_is_due_comes_after_it_also_if_it_is_there_before(
    tmp_path, size
):
    first = missed("c1", NOON + 20)
    due = first.received_at + acme().policy.settle
    second = talked("c1", NOON + 21, employee="101", received_at=due)
    async with open_office(tmp_path / "live") as office:
        await office.settle(first)
        await office.hear(second)
        await office.pass_by(LATER)
        live = await office.everything()
    async with open_office(tmp_path / "journal") as office:
        office.clock.advance(LATER)
        await office.store_facts(first, second, missed("c2", NOON + 22, client_number=BELLA, received_at=due))
        office.lanes._size = size
        await office.work()
        backlog = await office.everything()
    assert gist(live)["cases"] <= gist(backlog)["cases"]
    assert [case.resolved_how for case in live["cases"]] == ["had been answered after all"]


@pytest.mark.parametrize("size", [1, 2, 3, 400])
async def test_nodes_whose_clocks_differ_make_the_same_wherever_a_batch_is_cut(tmp_path, size):
    async with open_office(tmp_path) as office:
        await office.hear(missed("c1", NOON + 20))
        await office.store_facts(
            talked("c1", NOON + 21, employee="101", received_at=NOON + 24),
            missed("c2", NOON + 22, client_number=BELLA, received_at=NOON + 22),
            missed("c3", NOON + 23, client_number=CARLA, received_at=NOON + 25),
        )
        office.clock.advance(LATER)
        office.lanes._size = size
        await office.work()
        (case,) = [case for case in await office.cases() if case.client_number == ANNA]
        assert case.resolved_how == "had been answered after all"


async def test_a_day_that_is_told_twice_makes_the_same(tmp_path):
    once = await course_of(tmp_path / "once", size=400)
    async with open_office(tmp_path / "twice", acme(blocked=[BLOCKED])) as office:
        office.clock.advance(LATER)
        for _ in range(2):
            await office.store_facts(*a_day(), *a_day())
            await office.work()
        assert await office.everything() | {"counters": await office.counters()} == once
        assert office.tally.duplicates == 3 * len(a_day())


TOGETHER = {"received_at": NOON + 300}
STEPS = [
    ringing("c1", **TOGETHER),
    missed("c1", **TOGETHER),
    ringing("c2", NOON + 100, client_number=BELLA, **TOGETHER),
    answered("c2", NOON + 106, client_number=BELLA, employee="101", **TOGETHER),
    transferred("c2", NOON + 120, client_number=BELLA, **TOGETHER),
    answered("c2", NOON + 125, client_number=BELLA, employee="102", **TOGETHER),
    talked("c2", NOON + 160, client_number=BELLA, employee="102", **TOGETHER),
    recorded("c2", NOON + 161, **TOGETHER),
    talked("c3", NOON + 200, direction=Direction.OUTBOUND, employee="101", **TOGETHER),
]


async def told_in(order: list) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        async with open_office(Path(folder)) as office:
            office.clock.advance(300)
            await _in_pieces(office, order)
            await office.pass_by(3)
            return await office.everything()


async def _in_pieces(office: Office, order: list) -> None:
    """Handled after every third fact, so that some are late for the batch of the others."""
    for start in range(0, len(order), 3):
        await office.store_facts(*order[start : start + 3])
        await office.work()


@pytest.fixture(scope="module")
def in_order():
    return asyncio.run(told_in(STEPS))


@settings(max_examples=25, deadline=None)
@given(order=st.permutations([*STEPS, *STEPS]))
def test_every_step_twice_and_in_any_order_makes_the_same(in_order, order):
    made = asyncio.run(told_in(order))
    assert gist(made) == gist(in_order)
    assert len(made["leads"]) == 2
    assert {case.client_number for case in made["cases"]} == {ANNA}
    assert [task.kind for task in made["tasks"]].count(TaskKind.CALLBACK) == 1
