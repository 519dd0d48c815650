"""A PBX's records in databases of somebody else: SQLite and PostgreSQL here, MariaDB in tests/faults."""

import socket
import sqlite3
from zoneinfo import ZoneInfo

import pytest

from bridge.model.call_records import RecordKind
from bridge.store.call_records import RecordsUnavailable, RecordsUnusable, RecordTable, parsed
from tests.postgres import running

NOON = 1_795_348_800.0  # 2026-11-22 12:00 UTC, 13:00 in Warsaw
WARSAW = ZoneInfo("Europe/Warsaw")
COLUMNS = "{at}, src VARCHAR(80), dst VARCHAR(80), channel VARCHAR(80), dstchannel VARCHAR(80), lastapp VARCHAR(80), \
lastdata VARCHAR(80), duration INT, disposition VARCHAR(45), uniqueid VARCHAR(32), linkedid VARCHAR(32)"
ROW = "'{at}', '0770', '4420', 'PJSIP/trunk-1', 'PJSIP/101-2', 'Dial', 'PJSIP/101', 20, 'NO ANSWER', '{id}', '{id}'"


@pytest.fixture(scope="module")
def server():
    with running() as server:
        yield server


class Place:
    """Somebody's database, and the table in it as the bridge is told of it."""

    def __init__(self, url, run):
        self.url = url
        self.run = run

    def make(self, at="calldate TIMESTAMP", table="cdr"):
        self.run(f"CREATE TABLE {table} ({COLUMNS.format(at=at)})")

    def add(self, at, uid, table="cdr"):
        self.run(f"INSERT INTO {table} VALUES ({ROW.format(at=at, id=uid)})")  # noqa: S608 - ours

    def table(self, **more):
        told = {
            "url": self.url, "password": None, "table": "cdr", "kind": RecordKind.CDR, "zone": WARSAW, "seconds": 20.0,
        }  # fmt: skip
        return RecordTable(**(told | more))


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, tmp_path):
    if request.param == "sqlite":
        file = tmp_path / "pbx.db"

        def run(sql):
            with sqlite3.connect(file) as conn:
                conn.execute(sql)
            conn.close()

        run("CREATE TABLE other (x INT)")
        return Place(f"sqlite:///{file}", run)
    server = request.getfixturevalue("server")
    database = f"pbx{abs(hash(request.node.name))}"
    url = server.make(database)
    return Place(url, lambda sql: server.ask(sql, database))


async def ids(table, since, until):
    return [row.unique for row in (await table.read(since, until)).rows]


async def test_only_the_stretch_is_read_in_the_time_of_the_pbx(place):
    place.make()
    for at, uid in (("12:59:59", "early"), ("13:00:00", "first"), ("15:30:00", "later"), ("16:00:00", "late")):
        place.add(f"2026-11-22 {at}", uid)
    assert await ids(place.table(), NOON, NOON + 3 * 3600) == ["first", "later"]
    (row, *_) = (await place.table().read(NOON, NOON + 10)).rows
    assert (row.started_at, row.ended_at) == (NOON, NOON + 20)


async def test_times_may_be_text_or_seconds_or_have_a_zone(place):
    place.make(at="start VARCHAR(30)", table="words")
    place.add("2026-11-22 13:00:01", "1", table="words")
    assert await ids(place.table(table="words"), NOON, NOON + 60) == ["1"]
    place.make(at="start DOUBLE PRECISION", table="seconds")
    place.add(str(NOON + 1), "2", table="seconds")
    assert await ids(place.table(table="seconds"), NOON, NOON + 60) == ["2"]
    if "postgresql" in place.url:
        place.make(at="start TIMESTAMPTZ", table="zoned")
        place.add("2026-11-22 12:00:01+00", "3", table="zoned")
        assert await ids(place.table(table="zoned"), NOON, NOON + 60) == ["3"]


async def test_when_the_clock_was_set_back_no_record_is_left_out(place):
    place.make()
    for at in ("01:30", "02:10", "02:50", "03:10"):
        place.add(f"2026-10-25 {at}:00", at)
    first = 1_792_886_400.0  # 00:00 UTC, 02:00 the first time
    assert await ids(place.table(), first, first + 3600) == ["01:30", "02:10", "02:50"]
    assert await ids(place.table(), first - 1800, first) == ["01:30"]


async def test_a_table_elsewhere_or_without_the_columns_is_told_with_the_remedy(place):
    with pytest.raises(RecordsUnusable, match="there is no table cdr"):
        await place.table().look()
    place.run("CREATE TABLE cdr (calldate TIMESTAMP, src TEXT, uniqueid TEXT, channel TEXT, duration INT)")
    with pytest.raises(RecordsUnusable, match="no column dstchannel, lastapp, disposition, dst, linkedid; add it"):
        await place.table().look()


async def test_a_look_tells_how_new_its_newest_is(place):
    place.make()
    assert "empty" in await place.table().look()
    place.add("2026-11-22 13:00:00", "1")
    assert "2026-11-22 13:00:00" in await place.table().look()


async def test_events_of_kinds_that_were_written_once_are_known_though_not_in_the_stretch(place):
    place.run(
        "CREATE TABLE cel (id INT, eventtype TEXT, eventtime TIMESTAMP, cid_num TEXT, exten TEXT, channame TEXT, "
        "appname TEXT, appdata TEXT, uniqueid TEXT, linkedid TEXT, extra TEXT)"
    )
    for number, (kind, at) in enumerate((("ANSWER", "2026-01-01 00:00:00"), ("CHAN_START", "2026-11-22 13:00:00"))):
        place.run(f"INSERT INTO cel VALUES ({number}, '{kind}', '{at}', '', '', 'PJSIP/1-1', '', '', '1.1', '1.1', '')")  # noqa: S608
    stretch = await place.table(table="cel", kind=RecordKind.CEL).read(NOON, NOON + 60)
    assert [row.kind for row in stretch.rows] == ["CHAN_START"]
    assert stretch.kinds == {"CHAN_START", "ANSWER"}


async def test_more_rows_than_one_look_may_take_are_said(place):
    place.make()
    for number in range(8):
        place.add(f"2026-11-22 13:00:0{number}", str(number))
    stretch = await place.table(most=5).read(NOON, NOON + 60)
    assert ([row.unique for row in stretch.rows], stretch.whole) == (["0", "1", "2", "3", "4"], False)
    assert (await place.table(most=8).read(NOON, NOON + 60)).whole


async def test_the_place_is_only_read(place):
    """Even if somebody gave us the right to write."""
    place.make()
    with pytest.raises(RecordsUnavailable, match=r"read.?only"):
        await place.table()._connected(lambda conn: conn.exec_driver_sql("DELETE FROM cdr"))


async def test_rows_that_are_no_records_are_counted_and_passed_over(place):
    place.make()
    place.add("2026-11-22 13:00:00", "")
    place.add("2026-11-22 13:00:00", "1")
    stretch = await place.table().read(NOON, NOON + 60)
    assert (len(stretch.rows), stretch.unreadable) == (1, 1)


async def test_nobody_there_is_told_without_the_password():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        for engine in ("postgresql", "mysql"):
            url = f"{engine}://bridge@127.0.0.1:{port}/pbx"
            table = RecordTable(
                url=url, password="s3cret", table="cdr", kind=RecordKind.CDR, zone=WARSAW, seconds=5.0
            )  # fmt: skip
            with pytest.raises(RecordsUnavailable) as told:
                await table.look()
            assert "s3cret" not in str(told.value)


async def test_a_server_that_takes_and_never_answers_does_not_hang_a_look():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for engine in ("postgresql", "mysql"):
            url = f"{engine}://bridge@127.0.0.1:{silent.getsockname()[1]}/pbx"
            table = RecordTable(url=url, password=None, table="cdr", kind=RecordKind.CDR, zone=WARSAW, seconds=1.0)
            with pytest.raises(RecordsUnavailable):
                await table.look()


async def test_a_driver_that_is_not_installed_is_named():
    table = RecordTable(
        url="oracle+cx_oracle://x@y/z", password=None, table="cdr", kind=RecordKind.CDR, zone=WARSAW, seconds=1.0
    )  # fmt: skip
    with pytest.raises(RecordsUnusable, match="the driver cx_Oracle is not installed"):
        await table.look()


@pytest.mark.parametrize("written", ["", "pbx", "nosql://pbx/cdr"])
def test_an_address_of_no_database_is_refused(written):
    with pytest.raises(ValueError, match=r"SQLAlchemy|write"):
        parsed(written)
