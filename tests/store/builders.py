"""Ordinary facts and records; a story says only what is special."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model.call import Call, Direction, HungUpBy, Outcome, Rang, RangResult, Talk, Transfer, TransferKind, Utm
from bridge.model.crm import Case, Contact, Deal, Lead, Organisation, Task, TaskKind, TaskStatus, record_id
from bridge.model.events import CallEnded, CallSeen
from bridge.store.calls import CallRecord
from bridge.store.engine import writing_engine
from bridge.store.journal import NewEntry
from bridge.store.place import place_of

URL = "sqlite:///bridge.db"
on_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)
"""A story of the embedded store only; every other one is told on both engines."""
NOON = 1_795_348_800.0
ANNA = "+447700900111"
BELLA = "+447700900222"
CARLA = "+447700900333"
SALES = "+442079460100"


def ended(n: int = 1, **told: Any) -> CallEnded:
    ordinary = {
        "event_id": f"e{n}",
        "source": "shop",
        "occurred_at": NOON + n,
        "received_at": NOON + n,
        "platform_call_id": f"c{n}",
        "client_number": ANNA,
        "outcome": Outcome.MISSED,
    }
    return CallEnded(**(ordinary | told))


def entry(n: int = 1, lane: str = ANNA, **told: Any) -> NewEntry:
    return NewEntry(event=ended(n, **told), lane=lane)


def call(n: int = 1, **told: Any) -> Call:
    ordinary = {
        "key": f"pbx/{n}",
        "source": "pbx",
        "platform_call_id": str(n),
        "direction": Direction.INBOUND,
        "started_at": NOON + n,
        "raw_number": "07700 900111",
        "revision": 1,
    }
    return Call(**(ordinary | told))


def eventful_call(n: int = 1) -> Call:
    """A call to which everything happened."""
    return call(
        n,
        raw_line=SALES,
        client_name="Anna Nowak",
        queue="sales",
        menu=True,
        rang=(
            Rang(party="101", since=NOON + 1, until=NOON + 7, result=RangResult.ANSWERED),
            Rang(party="102", since=NOON + 1.5, until=NOON + 7, result=RangResult.ELSEWHERE),
        ),
        talked=(Talk(party="101", since=NOON + 7, until=NOON + 60), Talk(party="103", since=NOON + 60)),
        transfers=(Transfer(kind=TransferKind.ATTENDED, by="101", to="103", at=NOON + 60, answered=True),),
        recordings=("https://pbx.example/monitor/1.wav", "https://pbx.example/monitor/1b.wav"),
        answered_at=NOON + 7,
        ended_at=NOON + 99.25,
        outcome=Outcome.ANSWERED,
        hung_up_by=HungUpBy.CLIENT,
        utm=Utm(source="google", campaign="autumn"),
        merged=("pbx/8", "pbx/9"),
        revision=7,
    )


def seen(body: Call) -> CallSeen:
    at = body.ended_at or body.started_at
    return CallSeen(
        event_id=f"{body.key}#{body.revision}", source=body.source, occurred_at=at, received_at=at, call=body
    )


def call_record(n: int = 1, lane: str = ANNA, body: Call | None = None, **told: Any) -> CallRecord:
    folded = body or call(n)
    return CallRecord(id=record_id("call", folded.key), lane=lane, body=folded, **told)


def contact(n: int = 1, *phones: str, **told: Any) -> Contact:
    ordinary = {"id": f"contact{n}", "name": f"Contact {n}", "phones": phones or (ANNA,), "created_at": NOON + n}
    return Contact(**(ordinary | told))


def lead(n: int = 1, of: str | None = "contact1", **told: Any) -> Lead:
    ordinary = {"id": f"lead{n}", "title": f"Lead {n}", "contact_id": of, "created_at": NOON + n, "active_at": NOON + n}
    return Lead(**(ordinary | told))


def deal(n: int = 1, of: str | None = "contact1", **told: Any) -> Deal:
    ordinary = {"id": f"deal{n}", "title": f"Deal {n}", "contact_id": of, "created_at": NOON + n, "active_at": NOON + n}
    return Deal(**(ordinary | told))


def organisation(n: int = 1, **told: Any) -> Organisation:
    return Organisation(id=f"organisation{n}", name=f"Organisation {n}", created_at=NOON + n, **told)


def task(n: int = 1, **told: Any) -> Task:
    ordinary = {
        "id": f"task{n}",
        "kind": TaskKind.CALLBACK,
        "status": TaskStatus.OPEN,
        "assignee_id": "olga",
        "title": f"Task {n}",
        "created_at": NOON + n,
    }
    return Task(**(ordinary | told))


def case(n: int = 1, client: str = ANNA, **told: Any) -> Case:
    ordinary = {
        "id": f"case{n}",
        "client": client,
        "client_number": client,
        "line_number": SALES,
        "attempts": 1,
        "first_at": NOON + n,
        "last_at": NOON + n,
        "due_at": NOON + 4 * 3600,
        "task_id": None,
    }
    return Case(**(ordinary | told))


async def overheard(conn: AsyncConnection) -> list[str]:
    """Every statement over this connection from now on, with its values in it."""
    asked: list[str] = []
    pooled = await conn.get_raw_connection()
    await pooled.driver_connection.set_trace_callback(asked.append)
    return asked


async def shape_of_postgres(url: str) -> list[list[str]]:
    """Every index and column that PostgreSQL has, and its tables."""
    engine = writing_engine(place_of(url, Path()))
    asked = (
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'",
        "SELECT concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default) "  # noqa: ISC004
        "FROM information_schema.columns WHERE table_schema = 'public'",
    )
    async with engine.connect() as conn:
        found = [sorted([row[0] for row in await conn.execute(text(question))]) for question in asked]
    await engine.dispose()
    return found
