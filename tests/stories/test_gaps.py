"""Nobody listened for a while: what the PBX wrote down meanwhile is told, and the rest is said to be unknown."""

import asyncio
from datetime import UTC

import pytest
from sqlalchemy import select

from bridge.model.call import MissedReason, Outcome
from bridge.model.crm import CaseStatus, TaskKind, TaskStatus
from bridge.sources.gap import GapRepair
from bridge.sources.record_settings import CallRecordSettings
from bridge.store.errors import Superseded
from bridge.store.holds import take_over
from bridge.store.schema import listening
from tests.flow.hand_clock import NOON
from tests.sources.fake_asterisk import FakeAsterisk
from tests.sources.spoken import answered, over, ringing, unanswered
from tests.stories.gap import CLIENT, Records, held

KEY = "pbx/1.1"
KINDS = ["cdr", "cel"]


@pytest.fixture
async def pbx():
    async with FakeAsterisk() as fake:
        yield fake


@pytest.fixture
def records(tmp_path):
    return Records(tmp_path)


async def heard(world, condition):
    """The line's words are in the store and handled."""

    async def there():
        await world.until(lambda: world.line.status.waiting == 0)
        await world.office.work()
        calls = await world.office.calls()
        return condition({record.key: record for record in calls})

    async with asyncio.timeout(50):
        while not await there():  # noqa: ASYNC110  # the store does not tell
            await asyncio.sleep(0)


async def talking(world, pbx):
    pbx.say(*ringing(), *answered())
    await heard(world, lambda calls: KEY in calls and calls[KEY].body.answered)


@pytest.mark.parametrize("kind", KINDS)
async def test_the_link_is_lost_in_a_talk_and_the_call_ends_meanwhile(office, pbx, records, kind):
    async with held(office, pbx, records.place(kind=kind)) as world:
        await talking(world, pbx)
        await world.cut_off()
        records.attempt(at=0, seconds=40, talked=38)
        records.rings(0)
        records.picks_up(2)
        records.ends(40)
        office.clock.advance(100)
        await world.is_back(1)
        await world.quiet()
        assert (await office.call(KEY)).body.incomplete  # for now, and nothing is invented
        assert await office.cases() == ()
        await world.look()
        (record,) = await office.calls()
        assert record.body.outcome is Outcome.ANSWERED
        assert record.body.ended_at == NOON + 40
        assert record.body.talked[-1].until == record.body.ended_at
        assert record.body.incomplete is (kind == "cdr")
        assert await office.cases() == ()
        (lead,) = await office.leads()
        assert lead.status == "open"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_rang_when_the_link_was_lost_and_was_missed_meanwhile(office, pbx, records, kind):
    async with held(office, pbx, records.place(kind=kind)) as world:
        pbx.say(*ringing())
        await heard(world, lambda calls: KEY in calls)
        await world.cut_off()
        records.attempt(at=0, seconds=20)
        records.rings(0)
        records.ends(20, cause=0, by="")
        office.clock.advance(100)
        await world.is_back(1)
        await world.quiet()
        before = await office.call(KEY)
        assert (before.body.outcome, before.body.incomplete) == (Outcome.FAILED, True)
        assert await office.cases() == ()
        await world.look()
        (record,), (case,) = await office.calls(), await office.cases()
        assert record.outcome is Outcome.MISSED
        assert (case.status, case.attempts) == (CaseStatus.OPEN, 1)
        assert [task.kind for task in await office.tasks(TaskStatus.OPEN)] == [TaskKind.CALLBACK]


@pytest.mark.parametrize("kind", KINDS)
async def test_it_rang_when_the_link_was_lost_and_was_answered_meanwhile(office, pbx, records, kind):
    async with held(office, pbx, records.place(kind=kind)) as world:
        pbx.say(*ringing())
        await heard(world, lambda calls: KEY in calls)
        await world.cut_off()
        records.attempt(at=0, seconds=60, talked=50)
        records.rings(0)
        records.picks_up(10)
        records.ends(60)
        office.clock.advance(100)
        await world.is_back(1)
        await world.look()
        (record,) = await office.calls()
        assert (record.outcome, record.body.last_talker) == (Outcome.ANSWERED, "101")
        assert await office.cases() == ()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_missed_wholly_in_the_gap_makes_one_case_and_one_task_however_often_it_is_read(
    office, pbx, records, kind
):
    async with held(office, pbx, records.place(kind=kind)) as world:
        await world.cut_off()
        records.attempt(at=10, seconds=20)
        records.rings(10)
        records.ends(30, cause=0, by="")
        office.clock.advance(100)
        await world.is_back(1)
        await world.look()
        for gaps in (2, 3):  # the same minutes are read again and again
            await world.cut_off()
            await world.is_back(gaps)
            await world.look()
            await world.look(60)
        await world.repaired()
        (record,), (case,), (task,) = await office.calls(), await office.cases(), await office.tasks(TaskStatus.OPEN)
        assert (record.client_number, record.outcome) == (CLIENT, Outcome.MISSED)
        assert record.missed_reason is MissedReason.NO_ANSWER
        assert (case.attempts, task.kind, task.call_id) == (1, TaskKind.CALLBACK, record.id)
        assert len(world.said("call.recovered")) == 1


async def test_a_call_that_the_line_saw_whole_is_not_changed_by_its_record(office, pbx, records):
    async with held(office, pbx, records.place()) as world:
        pbx.say(*ringing(), *unanswered())
        await heard(world, lambda calls: KEY in calls and calls[KEY].body.ended)
        await world.quiet()
        before = await office.everything()
        records.attempt(at=0, seconds=3, talked=2)  # whatever it says
        office.clock.advance(5)
        await world.cut_off()
        await world.is_back(1)
        await world.look()
        await world.repaired()
        assert await office.everything() == before


async def test_the_bridge_is_restarted_and_finds_the_gap_in_the_store(office, pbx, records):
    async with held(office, pbx, records.place()) as world:
        await talking(world, pbx)
    office.clock.advance(3600)
    records.attempt(at=0, seconds=40, talked=38)
    records.attempt("2.1", at=1800, seconds=20, number="+447700900102")
    async with held(office, pbx, records.place()) as world:
        await world.is_back(1)
        await world.look()
        await world.repaired()
    first, second = await office.calls()
    assert (first.outcome, first.body.ended_at) == (Outcome.ANSWERED, second.body.started_at - 1760)
    assert (second.outcome, second.client_number) == (Outcome.MISSED, "+447700900102")
    assert len(await office.cases()) == 1


async def test_a_restart_before_the_repair_was_done_finds_the_whole_gap_again(office, pbx, records):
    async with held(office, pbx, records.place()):
        pass
    office.clock.advance(3600)
    async with held(office, pbx, records.place()) as world:
        await world.is_back(1)
    office.clock.advance(60)
    records.attempt("2.1", at=1800, seconds=20)
    async with held(office, pbx, records.place()) as world:
        await world.is_back(1)
        await world.look()
    (record,) = await office.calls()
    assert record.outcome is Outcome.MISSED


async def test_a_first_start_has_no_gap_and_a_repaired_one_is_over(office, pbx, records):
    records.attempt(at=-600, seconds=20)
    async with held(office, pbx, records.place()) as world:
        office.clock.advance(400)
        await world.quiet()
        assert world.said("gap.found") == []
        await world.cut_off()
        await world.is_back(1)
        await world.repaired()
        [row] = await world.rows()
        assert row.gap_since is None
    assert await office.calls() == ()


async def test_a_place_that_cannot_be_reached_is_told_once_and_the_line_goes_on(office, pbx, records, tmp_path):
    nowhere = {"url": f"sqlite:///{tmp_path}/not/there.db"}
    async with held(office, pbx, nowhere) as world:
        await talking(world, pbx)
        await world.cut_off()
        office.clock.advance(100)
        await world.is_back(1)
        for _ in range(3):
            office.clock.advance(400)
            await world.until(lambda: world.said("records.unavailable"))
        pbx.say(*ringing("5.1", "5.2", number="+447700900105"), *answered("5.1", "5.2"), *over("5.1", "5.2"))
        await heard(world, lambda calls: "pbx/5.1" in calls and calls["pbx/5.1"].body.ended)
        assert len(world.said("records.unavailable")) == 1
        record = await office.call(KEY)
        assert (record.body.outcome, record.body.incomplete) == (Outcome.ANSWERED, True)
        assert await office.cases() == ()


async def test_records_that_come_late_are_found_by_a_later_look(office, pbx, records):
    async with held(office, pbx, records.place(late_seconds=300)) as world:
        await world.cut_off()
        office.clock.advance(100)
        await world.is_back(1)
        await world.look()
        assert await office.calls() == ()
        records.attempt(at=10, seconds=20)
        await world.look(60)
        assert await office.cases() == ()  # its answer may be in the next batch
        await world.repaired()
        (record,) = await office.calls()
        assert record.outcome is Outcome.MISSED
        assert len(await office.cases()) == 1


async def test_a_pbx_that_does_not_say_what_lives_has_no_call_called_missed_by_a_summary(office, pbx, records):
    """An attempt that nobody took may be the first of a call that goes on."""
    pbx.rights = set()
    async with held(office, pbx, records.place()) as world:
        await world.cut_off()
        records.attempt(at=10, seconds=20)
        office.clock.advance(100)
        await world.is_back(1)
        await world.look()
        (record,) = await office.calls()
        assert (record.body.outcome, record.body.incomplete) == (Outcome.FAILED, True)
        assert await office.cases() == ()


async def test_without_a_place_nothing_is_read_and_nothing_invented(office, pbx):
    async with held(office, pbx, None) as world:
        pbx.say(*ringing())
        await heard(world, lambda calls: KEY in calls)
        await world.cut_off()
        office.clock.advance(100)
        await heard(world, lambda calls: calls[KEY].body.ended)
        assert world.said("gap.found") == []
        assert await office.cases() == ()


async def test_who_does_not_hold_the_line_any_more_does_not_note_how_far_he_listened(office, records):
    async with office.store.writing() as conn:
        former = await take_over(conn, "source pbx", "one", NOON)
        now = await take_over(conn, "source pbx", "two", NOON + 1)
    theirs, ours = repairing(office, records, former), repairing(office, records, now)
    with pytest.raises(Superseded):
        await theirs.listening_again()
    await ours.listening_again()
    with pytest.raises(Superseded):
        await theirs.still_listening(NOON + 50)
    async with office.store.reading() as conn:
        assert (await conn.execute(select(listening.c.until))).scalars().all() == [office.clock.now()]


def repairing(office, records, hold):
    place = CallRecordSettings.model_validate(records.place())
    told = {"source": "pbx", "trunks": (), "zone": UTC, "hold": hold, "store": office.store, "clock": office.clock}
    return GapRepair(
        place, **told, accept=office.intake.accept, waiting=frozenset, living=frozenset, linked=lambda call: call
    )
