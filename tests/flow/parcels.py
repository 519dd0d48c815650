"""Effects on their way, and a hand that drives their delivery through simulated time."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable

from bridge.flow.delivery import Attempt, Delivery
from bridge.model.crm import Lead, Task, TaskKind, TaskStatus
from bridge.model.effects import AddTask, OpenLead
from bridge.model.outgoing import Outgoing
from bridge.rules.outgoing import Cause, outgoing
from bridge.store.engine import Store
from bridge.store.outbox import OutboxItem, OutboxState, enqueue, outbox_items
from tests.flow.hand_clock import HandClock

SYSTEM = "http"


def parcels_of(client: int, count: int = 3, *, first: int = 0) -> list[Outgoing]:
    """A lead and then tasks for it, all of one client."""
    lane = f"+4477009{client:05d}"
    cause = Cause(fact=f"shop/{client}", lane=lane, at=0.0, call=f"shop/{client}", scenario="S3", client_number=lane)
    lead = Lead(id=f"lead{client}", title=f"Lead {client}")
    effects = [
        OpenLead(lead=lead) if number == 0 else AddTask(task=task(client, number)) for number in range(first, count)
    ]
    return outgoing(SYSTEM, cause, effects, {})


def task(client: int, number: int) -> Task:
    return Task(
        id=f"task{client}x{number}",
        kind=TaskKind.CALLBACK,
        status=TaskStatus.OPEN,
        assignee_id="jan",
        title=f"Call back {number}",
        lead_id=f"lead{client}",
    )


async def put(store: Store, items: Iterable[Outgoing], now: float) -> int:
    async with store.writing() as conn:
        return await enqueue(conn, SYSTEM, list(items), now)


def intended(items: Iterable[Outgoing]) -> dict[str, list[str]]:
    """The keys of each client, in their order."""
    found: dict[str, list[str]] = defaultdict(list)
    for item in items:
        found[item.lane].append(item.key)
    return dict(found)


async def listed(store: Store, state: OutboxState | None = None) -> list[OutboxItem]:
    async with store.reading() as conn:
        return list((await outbox_items(conn, state=state, limit=1000)).items)[::-1]


async def one_turn(delivery: Delivery) -> list[Attempt]:
    """Everything that may begin now begins, ends and is noted."""
    begun = await delivery.turn()
    async with asyncio.TaskGroup() as tasks:
        for attempt in begun:
            tasks.create_task(_carried(delivery, attempt))
    return begun


async def _carried(delivery: Delivery, attempt: Attempt) -> None:
    delivery.note(await delivery.attempt(attempt))


async def drive(delivery: Delivery, clock: HandClock, seconds: float, *, step: float = 5.0) -> None:
    """Let so many seconds pass, in which everything happens that can."""
    until = clock.now() + seconds
    while True:
        while await one_turn(delivery):
            pass
        if clock.now() >= until:
            return
        clock.advance(min(step, until - clock.now()))
