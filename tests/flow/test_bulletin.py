import asyncio

from bridge.flow.bulletin import Bulletin, Change, Topic, change_of
from bridge.model.crm import Task, TaskKind, TaskStatus


def news(*ids: str) -> list[Change]:
    return [Change(topic=Topic.TASK, id=id_) for id_ in ids]


async def test_every_listener_hears_every_change_in_order():
    bulletin = Bulletin()
    with bulletin.listening() as one, bulletin.listening() as other:
        bulletin.publish(news("a", "b"))
        for listener in (one, other):
            assert [(await listener.next()).id, (await listener.next()).id] == ["a", "b"]


async def test_a_listener_waits_for_the_next_change():
    bulletin = Bulletin()
    with bulletin.listening() as listener:
        async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
            heard = tasks.create_task(listener.next())
            await asyncio.sleep(0)
            bulletin.publish(news("a"))
        assert heard.result().id == "a"


async def test_a_slow_listener_loses_the_oldest_and_is_told_to_read_everything_again():
    bulletin = Bulletin()
    with bulletin.listening(kept=2) as listener:
        bulletin.publish(news("a", "b", "c"))
        told = [await listener.next() for _ in range(3)]
        assert [(change.topic, change.id) for change in told] == [
            (Topic.RESYNC, ""),
            (Topic.TASK, "b"),
            (Topic.TASK, "c"),
        ]


async def test_who_has_left_hears_nothing_and_nobody_keeps_it_for_him():
    bulletin = Bulletin()
    with bulletin.listening():
        assert bulletin.heard
    assert not bulletin.heard
    bulletin.publish(news("a"))


def test_a_change_names_the_record_and_carries_it():
    task = Task(id="t1", kind=TaskKind.CALL, status=TaskStatus.OPEN, assignee_id="jan", title="Call")
    assert change_of(task) == Change(topic=Topic.TASK, id="t1", record=task)
