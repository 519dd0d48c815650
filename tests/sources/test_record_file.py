"""The CSV files that Asterisk writes, as they are found: huge, rotated, half written."""

import csv
import io
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.model.call_records import RecordKind
from bridge.sources.record_file import RecordFile
from bridge.store.call_records import RecordsUnavailable, RecordsUnusable
from bridge.wire.records import CDR_CSV
from tests.transcripts.trace import HERE

NOON = 1_795_348_800.0


def line(at, uid, *, columns=CDR_CSV, name="Anna"):
    wall = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")
    told = {
        "src": "0770", "dst": "442079460101", "clid": f'"{name}" <0770>', "channel": "PJSIP/trunk-1", "start": wall,
        "dstchannel": "PJSIP/101-2", "lastapp": "Dial", "lastdata": "PJSIP/101,20", "end": wall, "duration": "0",
        "billsec": "0", "disposition": "NO ANSWER", "uniqueid": uid, "linkedid": uid, "sequence": "1",
    }  # fmt: skip
    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n").writerow([told.get(c, "") for c in columns])
    return written.getvalue()


@pytest.fixture
def master(tmp_path):
    return tmp_path / "Master.csv"


def file(path: Path, **more):
    told = {"file": path, "columns": None, "kind": RecordKind.CDR, "zone": UTC}
    return RecordFile(**(told | more))


async def ids(found, since=NOON, until=NOON + 3600):
    return [row.unique for row in (await found.read(since, until)).rows]


async def test_a_file_of_cdr_csv_needs_no_header(master):
    master.write_text("".join(line(NOON + second, str(second)) for second in (-5000, 0, 10, 3600)))
    assert await ids(file(master)) == ["0", "10"]


async def test_the_column_for_remarks_may_be_left_out(master):
    short = [name for name in CDR_CSV if name != "userfield"]
    master.write_text(line(NOON, "1", columns=short))
    assert await ids(file(master)) == ["1"]


async def test_a_header_line_or_the_setting_names_the_columns(master):
    odd = ["linkedid", "uniqueid", "channel", "dstchannel", "src", "dst", "lastapp", "disposition", "start", "duration"]
    master.write_text(",".join(odd) + "\n" + line(NOON, "1", columns=odd))
    assert await ids(file(master)) == ["1"]
    master.write_text(line(NOON, "1", columns=odd))
    assert await ids(file(master, columns=tuple(odd))) == ["1"]


async def test_a_file_without_linkedid_is_told_with_the_remedy(master):
    master.write_text(line(NOON, "1", columns=CDR_CSV[:18]))
    with pytest.raises(RecordsUnusable, match="newcdrcolumns = yes"):
        await file(master).read(NOON, NOON + 1)
    with pytest.raises(RecordsUnusable, match="newcdrcolumns = yes"):
        await file(master).look()


async def test_a_line_that_is_being_written_is_left_for_the_next_look(master):
    whole = line(NOON, "1")
    master.write_text(whole + line(NOON + 1, "2")[:-20])
    assert await ids(file(master)) == ["1"]
    master.write_text(whole + line(NOON + 1, "2"))
    assert await ids(file(master)) == ["1", "2"]


async def test_what_was_rotated_away_is_read_too_and_each_file_once(master):
    rotated = master.with_name("Master.csv.1")
    rotated.write_text(line(NOON, "1"))
    master.write_text(line(NOON + 1, "2"))
    assert await ids(file(master)) == ["1", "2"]
    master.unlink()
    master.hardlink_to(rotated)  # in the middle of a rotation
    assert await ids(file(master)) == ["1"]


@pytest.mark.parametrize("block", [1, 7, 300, 100_000])
async def test_a_file_is_read_from_behind_wherever_its_blocks_end(master, block):
    master.write_text("".join(line(NOON + n, str(n)) for n in range(20)))
    assert await ids(file(master, block=block)) == [str(n) for n in range(20)]


async def test_of_a_huge_file_only_the_end_is_read(master):
    master.write_text("\n".join(["this is no record"] * 20_000) + "\n")
    with master.open("a") as opened:
        opened.writelines(line(NOON - 80_000 + 100 * n, str(n)) for n in range(1000))
    stretch = await file(master, columns=CDR_CSV, block=4096).read(NOON, NOON + 3600)
    assert [row.unique for row in stretch.rows] == [str(n) for n in range(800, 836)]
    assert stretch.unreadable == 0


async def test_going_back_has_a_bound_and_says_so(master):
    master.write_text("".join(line(NOON + n, str(n)) for n in range(100)))
    stretch = await file(master, block=1024, most=4096).read(NOON, NOON + 3600)
    assert not stretch.whole
    assert stretch.rows[-1].unique == "99"


async def test_odd_bytes_and_odd_lines_harm_nobody_else(master):
    master.write_bytes(
        line(NOON, "1").encode() + line(NOON + 1, "2", name="Zażółć").encode("iso8859-2") + b"\n\n\x00\n"
    )
    master.write_bytes(master.read_bytes() + line(NOON + 2, "3").encode())
    assert await ids(file(master, columns=CDR_CSV)) == ["1", "2", "3"]


async def test_a_file_that_is_not_there_or_empty(master):
    with pytest.raises(RecordsUnavailable, match="No such file"):
        await file(master).read(NOON, NOON + 1)
    with pytest.raises(RecordsUnavailable, match="No such file"):
        await file(master).look()
    master.touch()
    assert await ids(file(master)) == []
    assert "is empty" in await file(master).look()


@pytest.mark.parametrize("kind", list(RecordKind))
async def test_the_files_of_a_real_asterisk_are_read(kind):
    path = HERE / "22" / "in_direct_answered" / f"{kind}.csv"
    found = file(path, kind=kind)
    stretch = await found.read(1795315274 - 60, 1795315274 + 60)
    assert len(stretch.rows) == (1 if kind is RecordKind.CDR else 15)
    assert "has what it takes" in await found.look()
