import sqlite3
import traceback

import pytest
from sqlalchemy import bindparam, select, text, update

from bridge.store.calls import save_calls
from bridge.store.driver import OneTripConnection
from bridge.store.engine import Store
from bridge.store.postgres import StatementFailed
from bridge.store.ready import execute_for_each, rows_of
from bridge.store.schema import call, event
from bridge.store.statements import BulkInsert, rows_for
from tests.store.builders import ANNA, call_record, on_sqlite

LISTED = select(call.c.id, call.c.listed).where(call.c.id.in_(bindparam("keys", expanding=True))).order_by(call.c.id)
RENAMED = update(call).where(call.c.branch == bindparam("was")).values(branch=bindparam("is"), scenario="S0")


class Counted(OneTripConnection):
    """A connection that counts its trips."""

    trips = 0

    async def visit(self, work):
        self.trips += 1
        return await super().visit(work)


async def test_a_statement_with_its_rows_takes_one_trip():
    async with Counted(lambda: sqlite3.connect(":memory:"), iter_chunk_size=64) as connection:
        cursor = await connection.cursor().__aenter__()
        await cursor.execute("VALUES (1), (2)")
        assert cursor.description is not None
        assert await cursor.fetchall() == [(1,), (2,)]
        await cursor.close()
        assert connection.trips == 1


async def test_what_the_database_has_no_type_for_comes_back_as_it_was_written(store):
    async with store.writing() as conn:
        await save_calls(conn, [call_record(1), call_record(2, listed=False)])
        rows = await rows_for(conn, LISTED, [call_record(n).id for n in (1, 2)])
        assert {listed for _, listed in rows} == {True, False}
        assert all(isinstance(listed, bool) for _, listed in rows)


@pytest.mark.parametrize("many", [1, 2, 3, 1024, 1025])
async def test_a_list_of_any_length_finds_each_once(store, many):
    async with store.writing() as conn:
        await save_calls(conn, [call_record(n) for n in range(many)])
        found = await rows_for(conn, LISTED, [call_record(n).id for n in range(many)])
    assert len({id_ for id_, _ in found}) == len(found) == many


async def test_a_value_that_the_statement_brings_stays_the_statement_s(store):
    async with store.writing() as conn:
        await save_calls(conn, [call_record(n, branch="north") for n in (1, 2)])
        for now in ("south", "west"):
            assert await rows_of(conn, RENAMED, **{"was": "south" if now == "west" else "north", "is": now}) == []
        assert set(await rows_of(conn, select(call.c.branch, call.c.scenario))) == {("west", "S0")}


@on_sqlite
async def test_two_reads_of_one_reader_see_the_same_though_somebody_writes_between_them(store):
    everything = select(call.c.id)
    async with store.reading() as reader:
        before = await rows_of(reader, everything)
        async with store.writing() as writer:
            await save_calls(writer, [call_record(1)])
        assert await rows_of(reader, everything) == before == []
    async with store.reading() as reader:
        assert len(await rows_of(reader, everything)) == 1


async def test_what_breaks_leaves_nothing_of_its_transaction(store):
    async def half_a_batch():
        async with store.writing() as conn:
            await save_calls(conn, [call_record(1)])
            placeholder = "?" if store.place.embedded else "$1"
            await execute_for_each(conn, f"INSERT INTO call (id) VALUES ({placeholder})", [("no lane",)])  # noqa: S608

    with pytest.raises((sqlite3.Error, StatementFailed)):
        await half_a_batch()
    async with store.reading() as conn:
        assert await rows_of(conn, select(call.c.id)) == []


@pytest.mark.parametrize("many", [1, 5, 128, 129, 300])
async def test_of_many_rows_in_one_statement_the_new_ones_are_told_and_the_known_ones_stay(store, many):
    columns = ("source", "event_id", "type", "lane", "occurred_at", "received_at", "body", "state")
    insert = BulkInsert(event, columns, returning=("event_id",))
    rows = [("shop", f"e{n}", "call.ended", "lane", 0.0, 0.0, "{}", "pending") for n in range(many)]
    async with store.writing() as conn:
        assert len(await insert.run(conn, rows)) == many
        assert await insert.run(conn, [*rows, ("shop", "new", *rows[0][2:])]) == [("new",)]


async def test_what_postgresql_refuses_is_told_without_names_and_numbers(postgres_url, tmp_path):
    store = await Store.open(postgres_url, data_dir=tmp_path)

    async def write(*row: object) -> None:
        async with store.writing() as conn:
            assert await rows_of(conn, select(call.c.id)) == []
            await execute_for_each(conn, "INSERT INTO call (id, raw_number, revision) VALUES ($1, $2, $3)", [row])

    async def refused(*row: object) -> str:
        with pytest.raises(StatementFailed) as problem:
            await write(*row)
        assert ANNA not in "".join(traceback.format_exception(problem.value))
        return str(problem.value)

    assert "not-null" in await refused("c1", ANNA, 1)
    assert await refused("c1", f"{ANNA}\x00", 1) == "CharacterNotInRepertoireError (22021)"
    assert await refused("c1", ANNA, ANNA) == "DataError (22000)"
    await store.close()


async def test_a_connection_that_died_unused_is_replaced_before_it_is_used(postgres, postgres_url, tmp_path):
    store = await Store.open(postgres_url, data_dir=tmp_path)
    async with store.writing() as conn:
        (own,) = (await conn.execute(text("SELECT pg_backend_pid()"))).scalars()
    postgres.ask(f"SELECT pg_terminate_backend({own}, 5000)")  # waits until it has ended
    async with store.reading() as conn:  # meanwhile the loop hears of it
        await rows_of(conn, select(call.c.id))
    async with store.writing() as conn:
        (other,) = (await conn.execute(text("SELECT pg_backend_pid()"))).scalars()
    assert other != own
    await store.close()
