"""Moving a store: every table, every odd value, stopped anywhere, and what is refused."""

import math
from itertools import count, cycle
from random import Random  # noqa: TID251 # the test brings its own chance

import pytest
from sqlalchemy import Boolean, Float, Integer, LargeBinary, insert, inspect, select, text

from bridge.model.phone import read_number
from bridge.store.blocked import block, blocked_numbers
from bridge.store.engine import Store, reading_engine, writing_engine
from bridge.store.errors import (
    MoveUnfinished,
    NotEmpty,
    SchemaOutdated,
    SchemaTooNew,
    StoreError,
    StoreInUse,
    StoreUnavailable,
)
from bridge.store.journal import append, append_new, pending
from bridge.store.migrate import migrate, schema_state
from bridge.store.moving import MOVED, NOT_MOVED, Stage, move, verify
from bridge.store.pieces import ROWS_WITH_BODIES
from bridge.store.place import place_of
from bridge.store.revision import HEAD, SchemaState
from bridge.store.schema import metadata
from bridge.store.tokens import add_token, api_tokens
from tests.store.builders import NOON, URL, entry, shape_of_postgres

WORDS = ("", "Zoë Żółć", "日本 😀", "\\N\t\n\r\\", "'; DROP TABLE call; --", "\x7f\u2028\ufffd", "a" * 5_000, "null")
FLOATS = (0.1, 1e308, 5e-324, -0.0, math.inf, 1_795_348_800.123456, 2.0**53, -1.5)
INTEGERS = (0, -1, 2**31 - 1, -(2**31))
SERIALS = (1, 2, 2**53 + 1, 2**62)
BODIES = (b"", b"\x00\xff", bytes(range(256)), b"{}" * 5_000)

ROWS_EACH = 10


def nobody_looks(_step):
    pass


def odd_rows(table, rows=ROWS_EACH):
    """Rows of this table with every odd value of each column's type; keys are new ones."""
    fresh = count(1)
    chance = Random(table.name)  # noqa: S311
    turns = {
        Boolean: cycle((True, False)),
        Float: cycle(FLOATS),
        LargeBinary: cycle(BODIES),
        Integer: cycle(INTEGERS),
    }
    unique = {column.name for constraint in table.constraints for column in getattr(constraint, "columns", ())}
    serials = cycle(SERIALS)

    def value(column, row):
        if column is table.autoincrement_column:
            return next(serials) if row < len(SERIALS) else row
        if column.nullable and chance.random() < 0.3:
            return None
        for kind, values in turns.items():
            if isinstance(column.type, kind):
                return next(values)
        word = chance.choice([word for word in WORDS if len(word) < 100] if column.name in unique else WORDS)
        return f"{word}{next(fresh)}" if column.name in unique else word

    return [{column.name: value(column, row) for column in table.c} for row in range(rows)]


async def fill(url, folder, rows_of=odd_rows):
    await migrate(url, folder)
    engine = writing_engine(place_of(url, folder))
    async with engine.begin() as conn:
        for table in metadata.sorted_tables:
            if table not in NOT_MOVED:
                await conn.execute(insert(table), rows_of(table))
    await engine.dispose()


async def everything(url, folder, without=frozenset()):
    """Every row of every table but these, as its driver gives it."""
    engine = reading_engine(place_of(url, folder))
    async with engine.connect() as conn:
        names = set(await conn.run_sync(lambda sync: inspect(sync).get_table_names()))
        found = {}
        for table in metadata.sorted_tables:
            if table in without or table.name not in names:
                continue
            found[table.name] = sorted(repr(tuple(row)) for row in await conn.execute(select(table)))
    await engine.dispose()
    return found


async def execute(url, folder, *statements):
    engine = writing_engine(place_of(url, folder))
    async with engine.begin() as conn:
        for statement in statements:
            await conn.execute(text(statement))
    await engine.dispose()


async def be_at(url, folder, revision):
    await execute(url, folder, f"UPDATE alembic_version SET version_num = '{revision}'")  # noqa: S608


@pytest.fixture
async def source(tmp_path):
    await fill(URL, tmp_path)
    return await everything(URL, tmp_path)


async def test_every_table_moves_with_every_value_bit_by_bit_and_the_source_is_as_it_was(
    source, tmp_path, empty_postgres_url
):
    outcome = await move(URL, empty_postgres_url, tmp_path, nobody_looks)
    moved = await everything(empty_postgres_url, tmp_path, NOT_MOVED)
    assert outcome.differences == ()
    assert {name: found.rows for name, found in outcome.sums.items()} == dict.fromkeys(moved, ROWS_EACH)
    assert moved == {name: rows for name, rows in source.items() if name in moved}
    assert await everything(URL, tmp_path) == source
    assert not (await verify(URL, empty_postgres_url, tmp_path, nobody_looks)).differences


def test_every_table_moves_but_those_that_belong_to_the_nodes_of_one_database():
    assert {table.name for table in NOT_MOVED} == {"lane_slot", "hold"}
    assert {table.name for table in MOVED} | {"lane_slot", "hold"} == set(metadata.tables)


async def test_what_is_not_moved_is_as_in_a_new_store(source, tmp_path, empty_postgres_url, postgres_url):
    await move(URL, empty_postgres_url, tmp_path, nobody_looks)
    moved = await everything(empty_postgres_url, tmp_path)
    fresh = await everything(postgres_url, tmp_path)
    assert [moved[table.name] for table in NOT_MOVED] == [fresh[table.name] for table in NOT_MOVED]
    assert await schema_state(empty_postgres_url, tmp_path) is SchemaState.CURRENT


async def test_the_target_has_the_same_columns_and_indexes_as_a_new_store(
    source, tmp_path, empty_postgres_url, postgres_url
):
    await move(URL, empty_postgres_url, tmp_path, nobody_looks)
    assert await shape_of_postgres(empty_postgres_url) == await shape_of_postgres(postgres_url)


async def test_a_store_may_also_move_from_one_postgresql_to_another_and_back_into_a_file(
    source, tmp_path, empty_postgres_url, postgres_url
):
    await move(URL, empty_postgres_url, tmp_path, nobody_looks)
    await move(empty_postgres_url, postgres_url, tmp_path, nobody_looks)  # this one has our tables already, empty
    await move(postgres_url, "sqlite:///back.db", tmp_path, nobody_looks)
    assert await everything("sqlite:///back.db", tmp_path) == source
    assert not (await verify(URL, "sqlite:///back.db", tmp_path, nobody_looks)).differences


async def test_a_bridge_goes_on_exactly_where_the_former_one_stopped(tmp_path, empty_postgres_url):
    await migrate(URL, tmp_path)
    number = read_number("+447700900666", "GB")

    async def known(store):
        async with store.reading() as conn:
            return await pending(conn, 100), await blocked_numbers(conn), await api_tokens(conn)

    before = await Store.open(URL, data_dir=tmp_path)
    async with before.writing() as conn:
        await append(conn, [entry(n) for n in range(30)])
        await block(conn, number, now=NOON, reason="robot", added_by="jan")
        await add_token(conn, token_id="t1", name="laptop", hash_text="hash", scopes=("read",), now=NOON)
    expected = await known(before)
    await before.close()
    await move(URL, empty_postgres_url, tmp_path, nobody_looks)
    after = await Store.open(empty_postgres_url, data_dir=tmp_path)
    assert await known(after) == expected
    async with after.writing() as conn:
        new = await append_new(conn, [entry(29), entry(30)])
    await after.close()
    assert list(new) == [("shop", "e30")]
    assert min(new.values()) > max(waiting.id for waiting in expected[0])


class Stopped(Exception):  # noqa: N818
    pass


def stopping_at(number):
    steps = count()

    def told(_step):
        if next(steps) == number:
            raise Stopped

    return told


def done_until(steps, stop):
    """What is committed when the telling of this step stops everything."""
    return max((step.done for step in steps[: stop + 1] if step.stage is Stage.COPY), default=0)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.35, 0.7])
async def test_a_move_that_was_stopped_anywhere_goes_on_there(tmp_path, postgres, empty_postgres_url, share):
    def rows_of(table):
        rows = 3 * ROWS_WITH_BODIES if table.name == "quarantine" else 5
        return [
            row | ({"id": n + 1} if "id" in row and isinstance(row["id"], int) else {})
            for n, row in enumerate(odd_rows(table, rows))
        ]

    await fill(URL, tmp_path, rows_of)
    expected = await everything(URL, tmp_path, NOT_MOVED)
    steps = []
    await move(URL, "sqlite:///elsewhere.db", tmp_path, steps.append)
    stop = int(share * len(steps))
    with pytest.raises(Stopped):
        await move(URL, empty_postgres_url, tmp_path, stopping_at(stop))
    with pytest.raises(MoveUnfinished, match="run the same"):
        await Store.open(empty_postgres_url, data_dir=tmp_path)
    with pytest.raises(MoveUnfinished):
        await migrate(empty_postgres_url, tmp_path)
    again = []
    outcome = await move(URL, empty_postgres_url, tmp_path, again.append)
    assert outcome.resumed
    assert (outcome.differences, outcome.again) == ((), ())
    assert again[0].done == done_until(steps, stop)
    assert await everything(empty_postgres_url, tmp_path, NOT_MOVED) == expected


async def test_a_source_that_changed_between_two_parts_of_a_move_is_noticed_and_copied_anew(
    source, tmp_path, empty_postgres_url
):
    with pytest.raises(Stopped):
        await move(URL, empty_postgres_url, tmp_path, stopping_at(60))
    await execute(URL, tmp_path, "UPDATE lead SET title = 'edited meanwhile'", "DELETE FROM note")
    outcome = await move(URL, empty_postgres_url, tmp_path, nobody_looks)
    assert outcome.differences == ()
    assert set(outcome.again) <= {"lead", "note"}
    expected = await everything(URL, tmp_path, NOT_MOVED)
    assert await everything(empty_postgres_url, tmp_path, NOT_MOVED) == expected


HARMS = {
    "task": "UPDATE task SET due_at = due_at + 0.000001 WHERE due_at BETWEEN -10 AND 10",
    "call": "UPDATE call SET incomplete = NOT incomplete",
    "note": "DELETE FROM note WHERE id = (SELECT max(id) FROM note)",
    "quarantine": "UPDATE quarantine SET body = 'other' WHERE id = 6",
    "outbox": "UPDATE outbox SET problem = NULL",
    "deal": "UPDATE deal SET title = title || ' '",
}


async def test_whatever_differs_is_found_and_its_table_named(source, tmp_path, empty_postgres_url):
    await move(URL, empty_postgres_url, tmp_path, nobody_looks)
    await execute(empty_postgres_url, tmp_path, *HARMS.values())
    outcome = await verify(URL, empty_postgres_url, tmp_path, nobody_looks)
    assert {different.table for different in outcome.differences} == set(HARMS)
    assert all(str(different).startswith(different.table) for different in outcome.differences)


async def test_a_nul_that_postgresql_cannot_keep_is_replaced_and_told(tmp_path, empty_postgres_url):
    await migrate(URL, tmp_path)
    rows = [row | {"name": f"Anna\0{n}"} for n, row in enumerate(odd_rows(metadata.tables["contact"]))]
    engine = writing_engine(place_of(URL, tmp_path))
    async with engine.begin() as conn:
        await conn.execute(insert(metadata.tables["contact"]), rows)
    await engine.dispose()
    outcome = await move(URL, empty_postgres_url, tmp_path, nobody_looks)
    assert outcome.differences == ()
    assert dict(outcome.without_nul) == {"contact.name": len(rows)}
    found = await everything(empty_postgres_url, tmp_path)
    assert all("Anna\ufffd" in row for row in found["contact"])


async def test_two_keys_that_differ_only_in_a_nul_are_refused(tmp_path, empty_postgres_url):
    await migrate(URL, tmp_path)
    engine = writing_engine(place_of(URL, tmp_path))
    async with engine.begin() as conn:
        row = odd_rows(metadata.tables["matrix"], 1)[0]
        await conn.execute(insert(metadata.tables["matrix"]), [row | {"version": v} for v in ("a\0", "a\ufffd")])
    await engine.dispose()
    with pytest.raises(StoreError, match="matrix differ only in a NUL"):
        await move(URL, empty_postgres_url, tmp_path, nobody_looks)


async def test_a_number_that_no_column_of_postgresql_holds_is_refused_with_its_table(tmp_path, empty_postgres_url):
    await migrate(URL, tmp_path)
    await execute(URL, tmp_path, "INSERT INTO counter VALUES ('blocked', '2026-11-22', 1099511627776)")
    with pytest.raises(StoreError, match="counter holds a value"):
        await move(URL, empty_postgres_url, tmp_path, nobody_looks)


async def test_a_store_at_work_is_not_moved(source, tmp_path, empty_postgres_url):
    store = await Store.open(URL, data_dir=tmp_path)
    with pytest.raises(StoreInUse, match="stop it first"):
        await move(URL, empty_postgres_url, tmp_path, nobody_looks)
    await store.close()
    assert await schema_state(empty_postgres_url, tmp_path) is SchemaState.EMPTY


async def test_a_postgresql_that_nodes_are_connected_to_is_neither_moved_nor_moved_to(
    source, tmp_path, empty_postgres_url, postgres_url
):
    from bridge.store.guard import Guard  # noqa: PLC0415 # as the program does

    node = await Store.open(postgres_url, data_dir=tmp_path)
    guard = await Guard.open(node, "node1", lambda _news: None)
    with pytest.raises(StoreInUse, match="1 node"):
        await move(postgres_url, empty_postgres_url, tmp_path, nobody_looks)
    with pytest.raises(StoreInUse, match="1 node"):
        await move(URL, postgres_url, tmp_path, nobody_looks)
    await guard.close()
    await node.close()


async def test_a_target_that_holds_something_is_left_alone(source, tmp_path, postgres_url):
    await execute(postgres_url, tmp_path, "INSERT INTO employee VALUES ('jan', 'Jan', 'top', NULL, NULL, true, '{}')")
    with pytest.raises(NotEmpty, match="employee; make a new database"):
        await move(URL, postgres_url, tmp_path, nobody_looks)
    assert await schema_state(postgres_url, tmp_path) is SchemaState.CURRENT


async def test_an_unfinished_target_takes_no_other_store(source, tmp_path, empty_postgres_url):
    with pytest.raises(Stopped):
        await move(URL, empty_postgres_url, tmp_path, stopping_at(5))
    await fill("sqlite:///other.db", tmp_path)
    with pytest.raises(MoveUnfinished, match=r"it came from .*bridge\.db"):
        await move("sqlite:///other.db", empty_postgres_url, tmp_path, nobody_looks)
    await be_at(empty_postgres_url, tmp_path, "moving 0001")
    with pytest.raises(MoveUnfinished, match="another version"):
        await move(URL, empty_postgres_url, tmp_path, nobody_looks)
    with pytest.raises(MoveUnfinished):
        await verify(URL, empty_postgres_url, tmp_path, nobody_looks)


async def test_a_store_does_not_move_to_itself(source, tmp_path):
    with pytest.raises(StoreError, match="name another one"):
        await move(URL, URL, tmp_path, nobody_looks)


async def test_a_source_that_is_missing_old_or_too_new_is_refused(tmp_path, empty_postgres_url):
    with pytest.raises(StoreError, match="there is no store"):
        await move(URL, empty_postgres_url, tmp_path, nobody_looks)
    assert not (tmp_path / "bridge.db").exists()
    await migrate(URL, tmp_path)
    for revision, refusal in (("0001", SchemaOutdated), ("9999", SchemaTooNew)):
        await be_at(URL, tmp_path, revision)
        with pytest.raises(refusal, match=f"{revision}.*{HEAD}"):
            await move(URL, empty_postgres_url, tmp_path, nobody_looks)
    assert await schema_state(empty_postgres_url, tmp_path) is SchemaState.EMPTY


@pytest.mark.parametrize(("revision", "refusal"), [("0001", SchemaOutdated), ("9999", SchemaTooNew)])
async def test_a_target_of_another_version_is_refused(source, tmp_path, postgres_url, revision, refusal):
    await be_at(postgres_url, tmp_path, revision)
    with pytest.raises(refusal, match=revision):
        await move(URL, postgres_url, tmp_path, nobody_looks)


async def test_a_server_that_goes_away_amidst_is_told_and_the_move_goes_on_when_it_is_back(source, tmp_path, postgres):
    target = postgres.make("goes_away")
    steps = count()

    def told(step):
        if step.stage is Stage.COPY and next(steps) == 20:
            postgres.ask(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'callbridge move'"
            )

    try:
        await move(URL, target, tmp_path, told)
    except StoreUnavailable:
        await move(URL, target, tmp_path, nobody_looks)
    assert not (await verify(URL, target, tmp_path, nobody_looks)).differences
