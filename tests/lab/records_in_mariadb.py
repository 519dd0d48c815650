"""A real MariaDB with the tables of FreePBX's asteriskcdrdb, read as a PBX's call records are.

Started by `tests/lab/run`, which sees to it that `mariadbd` is there. The rows are those that a real Asterisk wrote.
"""

import csv
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import pymysql
import pytest

from bridge.model.call import Outcome
from bridge.model.call_records import RecordKind
from bridge.rules.hindsight import calls_of_events, calls_of_summaries
from bridge.store.call_records import RecordsUnavailable, RecordsUnusable, RecordTable
from bridge.wire.cel import facts_of
from tests.postgres import free_port
from tests.transcripts.trace import HERE

PATIENCE = 60.0
CDR = """CREATE TABLE cdr (
    calldate DATETIME NOT NULL DEFAULT '0000-00-00 00:00:00', clid VARCHAR(80) NOT NULL DEFAULT '',
    src VARCHAR(80) NOT NULL DEFAULT '', dst VARCHAR(80) NOT NULL DEFAULT '', dcontext VARCHAR(80) NOT NULL DEFAULT '',
    channel VARCHAR(80) NOT NULL DEFAULT '', dstchannel VARCHAR(80) NOT NULL DEFAULT '',
    lastapp VARCHAR(80) NOT NULL DEFAULT '', lastdata VARCHAR(80) NOT NULL DEFAULT '',
    duration INT NOT NULL DEFAULT 0, billsec INT NOT NULL DEFAULT 0, disposition VARCHAR(45) NOT NULL DEFAULT '',
    amaflags INT NOT NULL DEFAULT 0, accountcode VARCHAR(20) NOT NULL DEFAULT '',
    uniqueid VARCHAR(32) NOT NULL DEFAULT '', userfield VARCHAR(255) NOT NULL DEFAULT '',
    did VARCHAR(50) NOT NULL DEFAULT '', recordingfile VARCHAR(255) NOT NULL DEFAULT '',
    cnum VARCHAR(80) NOT NULL DEFAULT '', cnam VARCHAR(80) NOT NULL DEFAULT '',
    outbound_cnum VARCHAR(80) NOT NULL DEFAULT '', outbound_cnam VARCHAR(80) NOT NULL DEFAULT '',
    dst_cnam VARCHAR(80) NOT NULL DEFAULT '', linkedid VARCHAR(32) NOT NULL DEFAULT '',
    peeraccount VARCHAR(80) NOT NULL DEFAULT '', sequence INT NOT NULL DEFAULT 0,
    KEY calldate (calldate), KEY uniqueid (uniqueid), KEY linkedid (linkedid)) DEFAULT CHARSET=utf8mb4"""
CEL = """CREATE TABLE cel (
    id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, eventtype VARCHAR(30) NOT NULL, eventtime DATETIME NOT NULL,
    cid_name VARCHAR(80) NOT NULL, cid_num VARCHAR(80) NOT NULL, cid_ani VARCHAR(80) NOT NULL,
    cid_rdnis VARCHAR(80) NOT NULL, cid_dnid VARCHAR(80) NOT NULL, exten VARCHAR(80) NOT NULL,
    context VARCHAR(80) NOT NULL, channame VARCHAR(80) NOT NULL, appname VARCHAR(80) NOT NULL,
    appdata VARCHAR(255) NOT NULL, amaflags INT NOT NULL, accountcode VARCHAR(20) NOT NULL,
    uniqueid VARCHAR(32) NOT NULL, linkedid VARCHAR(32) NOT NULL, peer VARCHAR(80) NOT NULL,
    userdeftype VARCHAR(255) NOT NULL, extra VARCHAR(512) NOT NULL,
    KEY uniqueid_index (uniqueid), KEY linkedid_index (linkedid)) DEFAULT CHARSET=utf8mb4"""
SAME_CDR = (
    "clid", "src", "dst", "dcontext", "channel", "dstchannel", "lastapp", "lastdata", "duration", "billsec",
    "disposition", "uniqueid", "linkedid", "sequence",
)  # fmt: skip
SAME_CEL = (
    "eventtype", "eventtime", "exten", "context", "channame", "appname", "appdata", "uniqueid", "linkedid",
)  # fmt: skip
STORIES = (
    "in_direct_answered",
    "in_direct_missed",
    "q_answered_second",
    "q_timeout_voicemail",
    "ivr_hangup",
    "vm_left",
)


class Server:
    """A MariaDB with its files in a folder of its own, on loopback."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        common = ["--no-defaults", f"--datadir={folder}/data", "--user=root"]
        install = ["mariadb-install-db", *common, "--auth-root-authentication-method=normal", "--skip-test-db"]
        subprocess.run(install, check=True, capture_output=True)
        server = ["/usr/sbin/mariadbd", *common, f"--socket={folder}/sock", f"--port={self.port}"]
        self.log = (folder / "log").open("wb")
        self.process = subprocess.Popen(
            [*server, "--bind-address=127.0.0.1", "--sql-mode="], stdout=self.log, stderr=self.log
        )
        deadline = time.monotonic() + PATIENCE
        while not (folder / "sock").exists():
            assert self.process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.1)
        self.root = pymysql.connect(unix_socket=f"{folder}/sock", user="root", autocommit=True)

    def run(self, sql, values=()):
        with self.root.cursor() as cursor:
            cursor.execute(sql, values)

    def stop(self) -> None:
        self.root.close()
        self.process.terminate()
        self.process.wait(30)
        self.log.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("mariadb"))
    server.run("CREATE DATABASE asteriskcdrdb")
    server.run("USE asteriskcdrdb")
    server.run(CDR)
    server.run(CEL)
    server.run("CREATE TABLE old_cdr (calldate DATETIME, src VARCHAR(80), uniqueid VARCHAR(32))")
    server.run("CREATE USER bridge@'127.0.0.1' IDENTIFIED BY 's3cret'")
    server.run("GRANT ALL ON asteriskcdrdb.* TO bridge@'127.0.0.1'")
    for story in STORIES:
        fill(server, HERE / "22" / story)
    yield server
    server.stop()


def fill(server, folder):
    """As FreePBX's database would have it: no answer and no end, the DID in a column of its own, whole seconds."""
    with (folder / "cdr.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            values = [row["start"], "442079460101", *(row[name] for name in SAME_CDR)]
            names = f"calldate, did, {', '.join(SAME_CDR)}"
            server.run(f"INSERT INTO cdr ({names}) VALUES ({', '.join(['%s'] * len(values))})", values)  # noqa: S608
    with (folder / "cel.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            other = {"cid_name": "cidname", "cid_num": "cidnum", "extra": "eventextra"}
            names = ", ".join([*SAME_CEL, *other])
            values = [row[name] for name in (*SAME_CEL, *other.values())]
            server.run(f"INSERT INTO cel ({names}) VALUES ({', '.join(['%s'] * len(values))})", values)  # noqa: S608


def table(server, **more):
    told = {"url": f"mysql://bridge@127.0.0.1:{server.port}/asteriskcdrdb", "password": "s3cret", "table": "cdr"}
    return RecordTable(**(told | {"kind": RecordKind.CDR, "zone": UTC, "seconds": 10.0} | more))


BEGIN = datetime(2026, 11, 22, 2, tzinfo=UTC).timestamp()
END = BEGIN + 3600


async def test_the_cdr_of_a_freepbx_tells_who_answered_and_who_was_missed(server):
    stretch = await table(server).read(BEGIN, END)
    calls = calls_of_summaries(stretch.rows, source="pbx", trunks=["trunk"], written_by=END)
    told = sorted((call.outcome, call.last_talker or "", call.raw_line) for call in calls)
    missed = [(Outcome.MISSED, "", "442079460101")] * 4
    assert told == [*((Outcome.ANSWERED, who, "442079460101") for who in ("101", "102")), *missed]


async def test_its_cel_tells_the_same_though_its_times_have_whole_seconds(server):
    stretch = await table(server, table="cel", kind=RecordKind.CEL).read(BEGIN, END)
    calls = calls_of_events(facts_of(stretch.rows), source="pbx", trunks=["trunk"], kinds=stretch.kinds)
    told = sorted((call.outcome, call.last_talker or "") for call in calls)
    assert told == [(Outcome.ANSWERED, "101"), (Outcome.ANSWERED, "102"), *[(Outcome.MISSED, "")] * 4]


async def test_it_is_only_read_whatever_the_account_may_do(server):
    with pytest.raises(RecordsUnavailable, match="READ ONLY"):
        await table(server)._connected(lambda conn: conn.exec_driver_sql("DELETE FROM cdr"))


async def test_a_wrong_password_and_an_old_table_are_told_with_the_remedy(server):
    with pytest.raises(RecordsUnavailable, match="Access denied") as told:
        await table(server, password="wr0ng").look()
    assert "wr0ng" not in str(told.value)
    with pytest.raises(RecordsUnusable, match="linkedid; add it"):
        await table(server, table="old_cdr").look()
    assert "its newest is of" in await table(server).look()
