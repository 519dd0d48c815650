import asyncio
from dataclasses import replace

from bridge.model.call import Call, Direction
from bridge.model.events import CallSeen
from bridge.sources.handover import Handover


def seen(name, revision=1, *, ended=False, merged=()):
    call = Call(
        key=f"pbx/{name}",
        source="pbx",
        platform_call_id=name,
        direction=Direction.INBOUND,
        started_at=0.0,
        ended_at=1.0 if ended else None,
        merged=tuple(f"pbx/{other}" for other in merged),
        revision=revision,
    )
    return CallSeen(event_id=f"{call.key}#{revision}", source="pbx", occurred_at=0.0, received_at=0.0, call=call)


async def ids(handover, most=100):
    return [event.event_id for event in await handover.some(most)]


async def test_of_each_call_only_the_newest_snapshot_waits_in_the_place_of_the_first():
    handover = Handover(most=10)
    for event in (seen("a"), seen("b"), seen("a", 2)):
        handover.put(event)
    assert await ids(handover) == ["pbx/a#2", "pbx/b#1"]
    assert handover.dropped == 0


async def test_what_was_superseded_while_it_was_being_stored_waits_on():
    handover = Handover(most=10)
    handover.put(seen("a"))
    on_their_way = await handover.some(10)
    handover.put(seen("a", 2))
    handover.taken(on_their_way)
    assert await ids(handover) == ["pbx/a#2"]


async def test_what_could_not_be_stored_is_still_there():
    handover = Handover(most=10)
    handover.put(seen("a"))
    await handover.some(10)
    assert await ids(handover) == ["pbx/a#1"]


async def test_a_call_that_was_merged_into_another_does_not_come_after_it():
    handover = Handover(most=10)
    for event in (seen("a"), seen("b"), seen("a", 2, merged=["b"])):
        handover.put(event)
    assert await ids(handover) == ["pbx/a#2"]


async def test_beyond_the_bound_the_news_of_a_call_that_goes_on_is_dropped_and_counted():
    handover = Handover(most=2)
    for event in (seen("a"), seen("b"), seen("c")):
        handover.put(event)
    assert await ids(handover) == ["pbx/a#1", "pbx/b#1"]
    assert handover.dropped == 1


async def test_beyond_the_bound_an_ended_call_takes_the_place_of_one_that_goes_on_else_of_the_oldest():
    handover = Handover(most=2)
    for event in (seen("a", ended=True), seen("b"), seen("c", ended=True)):
        handover.put(event)
    assert await ids(handover) == ["pbx/a#1", "pbx/c#1"]
    handover.put(seen("d", ended=True))
    assert await ids(handover) == ["pbx/c#1", "pbx/d#1"]
    assert handover.dropped == 2


async def test_the_end_of_a_call_that_the_journal_has_begun_with_is_dropped_last():
    handover = Handover(most=2)
    for event in (seen("a"), seen("b")):
        handover.put(event)
    handover.taken(await handover.some(10))
    for event in (seen("a", 2, ended=True), seen("x", ended=True), seen("y", ended=True), seen("c", 3, merged=["b"])):
        handover.put(event)
    assert await ids(handover) == ["pbx/a#2", "pbx/y#1"]
    handover.put(seen("c", 4, ended=True, merged=["b"]))
    assert await ids(handover) == ["pbx/a#2", "pbx/c#4"]
    handover.put(seen("d", ended=True))
    assert await ids(handover) == ["pbx/a#2", "pbx/c#4"], "of the newcomer the journal knows nothing"
    handover.begun(["pbx/e"])
    handover.put(seen("e", 2, ended=True))
    assert await ids(handover) == ["pbx/c#4", "pbx/e#2"], "there is nothing else that could go"


async def test_after_its_end_a_call_is_as_good_as_any_other():
    handover = Handover(most=1)
    for event in (seen("a"), seen("a", 2, ended=True)):
        handover.put(event)
        handover.taken(await handover.some(10))
    handover.put(seen("a", 3, ended=True))  # a correction
    handover.put(seen("b", ended=True))
    assert await ids(handover) == ["pbx/b#1"]


async def test_a_call_has_begun_as_soon_as_it_is_on_its_way_whatever_is_heard_of_that():
    handover = Handover(most=2)
    for event in (seen("a"), seen("x", ended=True)):
        handover.put(event)
    on_their_way = await handover.some(10)
    for event in (seen("a", 2, ended=True), seen("y", ended=True)):
        handover.put(event)
    handover.taken(on_their_way)
    assert await ids(handover) == ["pbx/a#2", "pbx/y#1"]


async def test_a_call_whose_news_was_dropped_has_begun_all_the_same():
    handover = Handover(most=2)
    handover.begun(["pbx/a"])
    for event in (seen("a", 2), seen("x", ended=True), seen("y", ended=True), seen("a", 3, ended=True)):
        handover.put(event)
    assert await ids(handover) == ["pbx/y#1", "pbx/a#3"]


async def test_a_full_handover_still_takes_news_of_the_calls_in_it():
    handover = Handover(most=1)
    handover.put(seen("a"))
    handover.put(seen("a", 2, ended=True))
    assert await ids(handover) == ["pbx/a#2"]
    assert handover.dropped == 0


async def test_whoever_asks_early_waits_for_the_first():
    handover = Handover(most=10)
    async with asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(handover.some(10))
        await asyncio.sleep(0)
        assert not asked.done()
        handover.put(replace(seen("a"), occurred_at=5.0))
    assert [event.occurred_at for event in asked.result()] == [5.0]


async def test_nothing_waits_after_everything_was_taken():
    handover = Handover(most=10)
    handover.put(seen("a"))
    handover.taken(await handover.some(10))
    assert len(handover) == 0
