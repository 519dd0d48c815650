from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from bridge.model.call_records import Disposition, RecordKind
from bridge.wire.records import (
    CDR_CSV,
    CEL_CSV,
    Unreadable,
    columns_missing,
    number_dialled,
    read_row,
    read_time,
    spelled,
)

NOON = 1_795_348_800.0  # 2026-11-22 12:00 UTC
WARSAW = ZoneInfo("Europe/Warsaw")
FREEPBX = [
    "calldate", "clid", "src", "dst", "dcontext", "channel", "dstchannel", "lastapp", "lastdata", "duration",
    "billsec", "disposition", "amaflags", "accountcode", "uniqueid", "userfield", "did", "recordingfile", "cnum",
    "cnam", "outbound_cnum", "outbound_cnam", "dst_cnam", "linkedid", "peeraccount", "sequence",
]  # fmt: skip


def cdr(**told):
    ordinary = {
        "calldate": "2026-11-22 12:00:00",
        "clid": '"Anna ""A"" Nowak" <07700900101>',
        "src": "07700900101",
        "dst": "600",
        "channel": "PJSIP/trunk-00000001",
        "dstchannel": "PJSIP/101-00000002",
        "lastapp": "Dial",
        "lastdata": "PJSIP/101,20",
        "duration": 30,
        "billsec": Decimal(20),
        "disposition": "ANSWERED",
        "uniqueid": "1.1",
        "linkedid": "1.1",
        "did": "442079460101",
        "recordingfile": "in-600-1.1.wav",
        "sequence": 4,
    }
    return read_row(RecordKind.CDR, ordinary | told, UTC)


def cel(**told):
    ordinary = {
        "eventtype": "CHAN_START",
        "eventtime": "2026-11-22 12:00:00.25",
        "cid_num": "07700900101",
        "exten": "442079460101",
        "channame": "PJSIP/trunk-00000001",
        "appname": "",
        "uniqueid": "1.1",
        "linkedid": "1.1",
        "extra": "",
    }
    return read_row(RecordKind.CEL, ordinary | told, UTC)


def test_freepbx_has_no_answer_and_no_end_so_they_are_reckoned():
    row = cdr()
    assert (row.started_at, row.answered_at, row.ended_at) == (NOON, NOON + 10, NOON + 30)
    assert (row.did, row.name, row.sequence) == ("442079460101", 'Anna "A" Nowak', 4)


def test_freepbx_names_a_recording_without_the_folder_of_its_day():
    assert cdr().recording == "2026/11/22/in-600-1.1.wav"
    assert cdr(recordingfile="2026/11/20/x.wav").recording == "2026/11/20/x.wav"
    assert cdr(recordingfile=None).recording is None
    assert cdr(recordingfile="a remark").recording is None


def test_an_unanswered_attempt_has_no_answer_however_that_is_written():
    for empty in (None, "", "0000-00-00 00:00:00"):
        row = cdr(answer=empty, billsec=0, disposition="NO ANSWER")
        assert (row.answered_at, row.disposition) == (None, Disposition.NO_ANSWER)


def test_a_word_that_nobody_knows_is_no_answer_and_no_refusal():
    assert cdr(disposition="PERHAPS").disposition is Disposition.UNKNOWN


def test_odd_numbers_and_missing_ones_count_nothing():
    row = cdr(duration="much", billsec=None, sequence="", disposition="BUSY")
    assert (row.ended_at, row.answered_at, row.sequence) == (NOON, None, 0)


@pytest.mark.parametrize("clid", ["", "07700900101", '"" <07700900101>', "Anna <0770>"])
def test_no_name_is_none(clid):
    assert cdr(clid=clid).name is None


@pytest.mark.parametrize("lost", ["calldate", "channel", "uniqueid"])
def test_a_summary_without_time_channel_or_id_is_none(lost):
    with pytest.raises(Unreadable):
        cdr(**{lost: ""})


@pytest.mark.parametrize("lost", ["eventtime", "channame", "uniqueid"])
def test_an_event_without_time_channel_or_id_is_none(lost):
    with pytest.raises(Unreadable):
        cel(**{lost: None})


def test_an_event_may_be_written_as_a_number():
    assert cel(eventtype=4).kind == "ANSWER"
    assert cel(eventtype="hangup").kind == "HANGUP"


@pytest.mark.parametrize(("extra", "told"), [('{"a":1}', {"a": "1"}), ("[1]", {}), ("{broken", {}), ("", {})])
def test_what_an_event_tells_besides_is_a_table_or_nothing(extra, told):
    assert cel(extra=extra).extra == told


@pytest.mark.parametrize(
    ("value", "at"),
    [
        ("2026-11-22 13:00:00", NOON),
        ("2026-11-22T13:00:00.500", NOON + 0.5),
        ("2026-11-22 12:00:00+00:00", NOON),
        (datetime(2026, 11, 22, 13), NOON),  # noqa: DTZ001 - a database gives it so
        (datetime(2026, 11, 22, 17, tzinfo=timezone(timedelta(hours=5))), NOON),
        ("1795348800.125000", NOON + 0.125),
        ("soon", None),
    ],
)
def test_times_are_of_the_zone_unless_they_say_otherwise(value, at):
    assert read_time(value, WARSAW) == at


def test_a_pbx_writes_what_the_clock_on_its_wall_shows():
    assert str(spelled(NOON, WARSAW)) == "2026-11-22 13:00:00"


def test_the_usual_columns_have_what_it_takes():
    assert columns_missing(RecordKind.CDR, CDR_CSV) == []
    assert columns_missing(RecordKind.CDR, [name.upper() for name in FREEPBX]) == []
    assert columns_missing(RecordKind.CEL, CEL_CSV) == []


def test_missing_columns_are_named():
    without = [name for name in FREEPBX if name not in {"linkedid", "dstchannel"}]
    assert columns_missing(RecordKind.CDR, without) == ["dstchannel", "linkedid"]
    assert columns_missing(RecordKind.CDR, [*CDR_CSV[:12], *CDR_CSV[13:]]) == []  # no duration, but an end


def test_the_number_behind_a_trunk_is_that_of_the_destination_that_names_it():
    assert number_dialled("PJSIP/101&PJSIP/0770@trunk,20,tT", "trunk") == "0770"
    assert number_dialled("PJSIP/101,20", "trunk") is None
    assert cdr(dstchannel="PJSIP/trunk-00000003", lastdata="PJSIP/0770@trunk,20").reached == "0770"
    assert cdr(dstchannel="Local/1@x-00000003;1").reached is None
    assert cdr(dstchannel=None).other is None
