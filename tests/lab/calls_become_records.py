"""Real calls through a real Asterisk, and what the daemon made of them, asked through its API.

Started by `tests/lab/run`. Every expectation is written by hand from the matrix (the row is named in the test), never
taken from what the daemon said. Each story has a client of its own.
"""

import asyncio
import os
import socket
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

KIT = Path(__file__).resolve().parent / "asterisk"
sys.path.insert(0, str(KIT))

from lablib import Lab  # noqa: E402  # the kit stands alone and is no package
from miniua import answer_after, no_answer, reject_with  # noqa: E402

from tests.lab.daemon import Daemon  # noqa: E402

VERSION = os.environ.get("LAB_VERSION", "22")  # noqa: TID251  # said by tests/lab/run
DID = "442079460"
MOBILE_OF_DAN = "07700900555"
PHONES = ("101", "102", "103", "104", "105", "106", "111")
LINE = "+" + DID


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    daemon = Daemon(tmp_path_factory.mktemp("bridge"), ami=Lab(VERSION).ami_port, web=port)
    daemon.start()
    yield daemon
    daemon.stop()
    problems = [line for line in daemon.log().splitlines() if '"exception"' in line or "event_failed" in line]
    assert problems == []


@pytest.fixture
async def lab():
    lab = Lab(VERSION)
    await lab.begin(PHONES)
    yield lab
    await lab.finish()
    assert lab.problems == []


def in_thread(function):
    """The daemon is asked with blocking calls, while phones and carriers go on in this loop."""
    return asyncio.to_thread(function)


class Client:
    """One client's records in the daemon."""

    def __init__(self, daemon: Daemon, number: str) -> None:
        self.daemon = daemon
        self.number = number

    def calls(self) -> list[dict]:
        """Oldest first."""
        return self.daemon.items("/v1/calls", client=self.number)[::-1]

    def leads(self) -> list[dict]:
        return self.daemon.items("/v1/leads", phone=self.number)

    def contacts(self) -> list[dict]:
        return self.daemon.items("/v1/contacts", phone=self.number)

    def tasks(self) -> list[dict]:
        """Of every lead and call of his, oldest first."""
        leads, calls = {lead["id"] for lead in self.leads()}, {call["id"] for call in self.calls()}
        return [
            task
            for task in self.daemon.items("/v1/tasks")[::-1]
            if task["lead_id"] in leads or task["call_id"] in calls
        ]

    def cases(self) -> list[dict]:
        return [case for case in self.daemon.items("/v1/cases") if case["client_number"] == self.number]

    async def judged(self, count: int = 1) -> list[dict]:
        """His calls, once there are so many and the last one has been judged."""

        def known():
            calls = self.calls()
            return calls if len(calls) >= count and decided(self.daemon, calls[-1]) else None

        calls = await in_thread(lambda: self.daemon.until(f"{count} judged calls of {self.number}", known))
        assert len(calls) == count
        return calls

    def nothing(self) -> None:
        assert (self.calls(), self.leads(), self.contacts(), self.tasks(), self.cases()) == ([], [], [], [], [])


def decided(daemon, call):
    story = daemon.get(f"/v1/calls/{call['id']}/explanation")
    return any(decision["occasion"] == "ended" for decision in story["decisions"])


def brief(task):
    return (task["kind"], task["status"], task["assignee_id"])


def moment(text):
    return datetime.fromisoformat(text)


def check_new_lead(client, owner):
    """S3, S4, S5: contact, organisation and lead, linked, all three of one owner."""
    [lead], [contact] = client.leads(), client.contacts()
    organisation = client.daemon.get(f"/v1/organisations/{lead['organisation_id']}")
    assert (lead["status"], lead["deal_id"]) == ("open", None)
    assert lead["contact_id"] == contact["id"]
    assert contact["phones"] == [client.number]
    assert {lead["responsible_id"], contact["responsible_id"], organisation["responsible_id"]} == {owner}
    assert lead["id"] in lead["title"]
    return lead


def check_callback(client, call, assignee="dan"):
    """S4, S9: one open callback task, linked, due four hours after the call's end, and one case that names it."""
    [lead], [task], [case] = client.leads(), client.tasks(), client.cases()
    assert brief(task) == ("callback", "open", assignee)
    assert (task["lead_id"], task["contact_id"]) == (lead["id"], lead["contact_id"])
    assert task["organisation_id"] == lead["organisation_id"]
    assert moment(task["due_at"]) - moment(call["ended_at"]) == timedelta(hours=4)
    assert (case["status"], case["attempts"], case["task_id"]) == ("open", 1, task["id"])
    return task


async def talk(call, seconds=1.5, who=None):
    """Wait for the answer, talk, hang up."""
    assert await call.wait("answer", 12)
    await asyncio.sleep(seconds)
    await (who or call).bye()
    await call.wait("end", 6)


def refer_to(lab, number):
    return f"sip:{number}@127.0.0.1:{lab.sip_port}"


# ---------------------------------------------------------------- inbound


async def test_the_life_of_a_client_from_the_first_call_on(lab, daemon):
    client = Client(daemon, "+447700900401")

    # S3: new, answered by Ann: contact, organisation and lead are hers, at pick-up and not later; no task
    lab.set(p101=answer_after(1))
    first = await lab.outside(client.number, DID + "101")
    assert await first.wait("answer", 10)
    await in_thread(lambda: daemon.until("the lead while they talk", client.leads, 3))
    assert client.calls()[0]["ended_at"] is None
    await talk(first)
    [call] = await client.judged()
    lead = check_new_lead(client, "ann")
    assert (call["direction"], call["outcome"], call["missed_reason"]) == ("inbound", "answered", None)
    assert (call["answered_by"], call["last_talker"], call["line_number"]) == ("ann", "ann", LINE + "101")
    assert call["lead_id"] == lead["id"]
    assert call["recording_url"].startswith("https://pbx.example/monitor/")
    assert "%2B447700900401" in call["recording_url"]
    assert 0.7 < call["ring_seconds"] < 2.5
    assert 1.2 < call["talk_seconds"] < 5
    assert (client.tasks(), client.cases()) == ([], [])

    # S6: the responsible answers: one done task with the recording
    second = await lab.outside("07700900401", DID + "101")  # the carrier may write it as it likes
    await talk(second)
    call = (await client.judged(2))[1]
    [task] = client.tasks()
    assert brief(task) == ("call", "done", "ann")
    assert (task["recording_url"], task["lead_id"], task["call_id"]) == (call["recording_url"], lead["id"], call["id"])
    assert task["recording_url"]

    # S7: another employee answers: done for him, review for the responsible, both with the recording
    lab.set(p102=answer_after(0.5))
    third = await lab.outside("00447700900401", DID + "102")
    await talk(third)
    call = (await client.judged(3))[2]
    assert sorted(map(brief, client.tasks()[1:])) == [("call", "done", "boris"), ("review", "open", "ann")]
    assert {task["recording_url"] for task in client.tasks()[1:]} == {call["recording_url"]}
    assert {task["lead_id"] for task in client.tasks()} == {lead["id"]}

    # S11: the responsible calls out: one done task
    lab.world["07700900401"] = answer_after(0.5)
    await talk(await lab.dial("101", "07700900401"))
    call = (await client.judged(4))[3]
    assert (call["direction"], call["outcome"], call["answered_by"]) == ("outbound", "answered", "ann")
    assert brief(client.tasks()[3]) == ("call", "done", "ann")
    assert client.tasks()[3]["recording_url"] == call["recording_url"]

    # S12: a colleague calls out: one done task, the responsible's, for information
    await talk(await lab.dial("102", "07700900401"))
    await client.judged(5)
    assert brief(client.tasks()[4]) == ("call", "done", "ann")

    # S9: missed: callback for the senior, on the same lead
    lab.set(p101=reject_with(486, 0.1, ring=False))
    sixth = await lab.outside(client.number, DID + "101")
    await sixth.wait("end", 10)
    call = (await client.judged(6))[5]
    assert (call["outcome"], call["missed_reason"]) == ("missed", "busy")
    assert brief(client.tasks()[5]) == ("callback", "open", "dan")
    assert [case["status"] for case in client.cases()] == ["open"]

    assert [found["id"] for found in client.leads()] == [lead["id"]]
    assert len(client.tasks()) == 6


async def test_a_missed_call_is_called_back_and_its_case_closes(lab, daemon):
    client = Client(daemon, "+447700900402")
    first = await lab.outside(client.number, DID + "101")
    await first.wait("end", 10)
    [call] = await client.judged()
    assert (call["outcome"], call["missed_reason"]) == ("missed", "no_answer")
    assert (call["answered_by"], call["answered_at"], call["talk_seconds"]) == (None, None, 0)
    check_new_lead(client, "dan")  # S4
    task = check_callback(client, call)

    # D5: missed again: the same case, no second task
    again = await lab.outside(client.number, DID + "101")
    await again.wait("ring", 5)
    await asyncio.sleep(1)
    await again.cancel()
    call = (await client.judged(2))[1]
    assert call["missed_reason"] == "abandoned_ringing"
    [case] = client.cases()
    assert (case["attempts"], case["task_id"], case["status"]) == (2, task["id"], "open")
    assert [found["id"] for found in client.tasks()] == [task["id"]]

    # D7: called back, not reached: the case stays open
    lab.world["07700900402"] = reject_with(486, 0.3, ring=False)
    out = await lab.dial("104", "07700900402")
    await out.wait("end", 10)
    call = (await client.judged(3))[2]
    assert (call["direction"], call["outcome"]) == ("outbound", "busy")
    assert [case["status"] for case in client.cases()] == ["open"]

    # D6 and S11: called back and reached: the case closes and its task is done
    lab.world["07700900402"] = answer_after(0.6)
    await talk(await lab.dial("104", "07700900402"))
    await client.judged(4)
    [case] = client.cases()
    assert (case["status"], case["resolved_by"], case["callbacks"]) == ("closed", "dan", 1)  # one attempt in vain
    callback = next(found for found in client.tasks() if found["id"] == task["id"])
    assert (callback["status"], callback["done_at"] is not None) == ("done", True)
    assert len(client.leads()) == 1


async def test_an_unknown_phone_that_answers_is_a_question_to_the_top_manager(lab, daemon):
    client = Client(daemon, "+447700900403")
    lab.set(p111=answer_after(0.6))
    await talk(await lab.outside(client.number, DID + "111"))
    [call] = await client.judged()
    check_new_lead(client, "eva")  # S5
    assert (call["outcome"], call["answered_by"]) == ("answered", None)
    [task] = client.tasks()
    assert brief(task) == ("settings", "open", "eva")
    assert "111" in task["title"] + task["text"]
    assert client.cases() == []


async def test_the_second_member_of_a_queue_answers_and_the_first_missed_nothing(lab, daemon):
    client = Client(daemon, "+447700900404")
    lab.set(p102=answer_after(0.8))
    caller = await lab.outside(client.number, DID + "200")
    boris = await lab.leg_when("102", timeout=12)
    await boris.wait("answer", 8)
    await asyncio.sleep(1.5)
    await caller.bye()
    [call] = await client.judged()
    assert (call["outcome"], call["answered_by"], call["queue"]) == ("answered", "boris", "sales")
    assert [(rang["employee_id"], rang["result"]) for rang in call["rang"]] == [
        ("ann", "no_answer"),
        ("boris", "answered"),
    ]
    assert call["ring_seconds"] > 2  # the queue answered at once; a person did later
    check_new_lead(client, "boris")
    assert (client.tasks(), client.cases()) == ([], [])


async def test_a_caller_who_gives_up_in_a_queue_is_one_missed_call(lab, daemon):
    client = Client(daemon, "+447700900405")
    caller = await lab.outside(client.number, DID + "200")
    await lab.leg_when("101")
    await asyncio.sleep(1)
    await caller.bye()
    [call] = await client.judged()
    assert (call["outcome"], call["missed_reason"], call["queue"]) == ("missed", "abandoned_in_queue", "sales")
    check_new_lead(client, "dan")
    check_callback(client, call)


async def test_a_ring_group_that_nobody_answers_is_one_missed_call(lab, daemon):
    client = Client(daemon, "+447700900406")
    caller = await lab.outside(client.number, DID + "300")
    await caller.wait("end", 12)
    [call] = await client.judged()
    assert (call["outcome"], call["missed_reason"]) == ("missed", "no_answer")
    assert sorted(rang["employee_id"] for rang in call["rang"]) == ["ann", "boris", "celia"]
    check_new_lead(client, "dan")
    check_callback(client, call)


async def test_a_ring_group_that_one_answers_was_missed_by_nobody(lab, daemon):
    client = Client(daemon, "+447700900407")
    lab.set(p103=answer_after(1))
    await talk(await lab.outside(client.number, DID + "300"))
    [call] = await client.judged()
    assert (call["outcome"], call["answered_by"]) == ("answered", "celia")
    assert {rang["employee_id"]: rang["result"] for rang in call["rang"]} == {
        "ann": "answered_elsewhere",
        "boris": "answered_elsewhere",
        "celia": "answered",
    }
    check_new_lead(client, "celia")
    assert (client.tasks(), client.cases()) == ([], [])


async def test_a_colleague_who_picks_up_a_ringing_phone_has_answered(lab, daemon):
    client = Client(daemon, "+447700900408")
    caller = await lab.outside(client.number, DID + "101")
    ringing = await lab.leg_when("101")
    await ringing.wait("ring", 5)
    await lab.dial("103", "**101")
    await talk(caller)
    [call] = await client.judged()
    assert (call["outcome"], call["answered_by"]) == ("answered", "celia")
    check_new_lead(client, "celia")
    assert (client.tasks(), client.cases()) == ([], [])


async def test_a_mobile_that_answers_a_follow_me_is_its_owner_and_no_client(lab, daemon):
    client, mobile = Client(daemon, "+447700900409"), Client(daemon, "+447700900555")
    lab.world[MOBILE_OF_DAN] = answer_after(1)
    lab.set(p104=no_answer())
    await talk(await lab.outside(client.number, DID + "600"))
    [call] = await client.judged()
    assert (call["direction"], call["outcome"], call["answered_by"]) == ("inbound", "answered", "dan")
    check_new_lead(client, "dan")
    assert (client.tasks(), client.cases()) == ([], [])
    mobile.nothing()


# ---------------------------------------------------------------- handed on


async def test_a_blind_transfer_is_one_call_of_two_talkers(lab, daemon):
    client = Client(daemon, "+447700900410")
    lab.set(p101=answer_after(0.6), p102=answer_after(1))
    caller = await lab.outside(client.number, DID + "101")
    assert await caller.wait("answer", 10)
    await asyncio.sleep(1)
    ann = lab.leg("101")
    await ann.refer(refer_to(lab, "102"))
    boris = await lab.leg_when("102")
    await boris.wait("answer", 8)
    await ann.bye()
    await asyncio.sleep(1.5)
    await caller.bye()
    [call] = await client.judged()
    assert (call["answered_by"], call["last_talker"]) == ("ann", "boris")
    assert [spell["employee_id"] for spell in call["talked"]] == ["ann", "boris"]
    assert [(t["kind"], t["answered"]) for t in call["transfers"]] == [("blind", True)]
    check_new_lead(client, "ann")  # S3: whoever picked up, unless owner_follows_transfer
    assert (client.tasks(), client.cases()) == ([], [])


async def test_a_blind_transfer_that_nobody_takes_is_still_no_missed_call(lab, daemon):
    client = Client(daemon, "+447700900411")
    lab.set(p101=answer_after(0.6))
    caller = await lab.outside(client.number, DID + "101")
    assert await caller.wait("answer", 10)
    await asyncio.sleep(1)
    ann = lab.leg("101")
    await ann.refer(refer_to(lab, "102"))
    await ann.bye()
    await caller.wait("end", 10)
    [call] = await client.judged()
    assert (call["outcome"], call["answered_by"], call["last_talker"]) == ("answered", "ann", "ann")
    assert [(t["kind"], t["answered"]) for t in call["transfers"]] == [("blind", False)]
    check_new_lead(client, "ann")
    assert (client.tasks(), client.cases()) == ([], [])


async def test_an_attended_transfer_and_its_consultation_are_one_call(lab, daemon):
    client = Client(daemon, "+447700900412")
    lab.set(p101=answer_after(0.6), p102=answer_after(0.6))
    caller = await lab.outside(client.number, DID + "101")
    assert await caller.wait("answer", 10)
    await asyncio.sleep(0.8)
    ann = lab.leg("101")
    await ann.hold()
    consultation = await lab.dial("101", "102")
    assert await consultation.wait("answer", 8)
    await asyncio.sleep(0.8)
    await ann.refer_replaces(consultation)
    await ann.bye()
    await consultation.bye()
    await asyncio.sleep(1.5)
    await caller.bye()
    [call] = await client.judged()
    assert (call["answered_by"], call["last_talker"]) == ("ann", "boris")
    assert [t["kind"] for t in call["transfers"]] == ["attended"]
    check_new_lead(client, "ann")
    assert (client.tasks(), client.cases()) == ([], [])


# ---------------------------------------------------------------- outbound


async def test_an_outbound_call_to_a_new_client_makes_a_lead_of_the_callers(lab, daemon):
    client = Client(daemon, "+447700900413")
    lab.world["07700900413"] = answer_after(0.8)
    await talk(await lab.dial("102", "07700900413"), 2)
    [call] = await client.judged()
    assert (call["direction"], call["outcome"]) == ("outbound", "answered")
    check_new_lead(client, "boris")  # D8
    assert (client.tasks(), client.cases()) == ([], [])


async def test_an_outbound_call_that_nobody_answers_makes_nothing(lab, daemon):
    client = Client(daemon, "+447700900414")
    lab.world["07700900414"] = no_answer(0.2)
    call = await lab.dial("102", "07700900414")
    await call.wait("ring", 5)
    await asyncio.sleep(1)
    await call.cancel()
    [call] = await client.judged()
    assert (call["direction"], call["outcome"]) == ("outbound", "cancelled")
    assert (client.leads(), client.contacts(), client.tasks(), client.cases()) == ([], [], [], [])  # D9


async def test_a_call_that_fails_over_to_the_second_carrier_is_one_call(lab, daemon):
    client = Client(daemon, "+447700900415")
    lab.world["carrier", "07700900415"] = reject_with(503, 0.2, ring=False)
    lab.world["carrierb", "07700900415"] = answer_after(0.8)
    await talk(await lab.dial("101", "07700900415"), 2)
    [call] = await client.judged()
    assert (call["direction"], call["outcome"]) == ("outbound", "answered")
    check_new_lead(client, "ann")


# ---------------------------------------------------------------- machines, hidden, blocked, inside


async def test_a_voicemail_is_a_missed_call_with_the_message_on_the_task(lab, daemon):
    client = Client(daemon, "+447700900416")
    caller = await lab.outside(client.number, DID + "901")
    assert await caller.wait("answer", 10)
    await asyncio.sleep(3)
    await caller.bye()
    [call] = await client.judged()
    assert call["missed_reason"] == "voicemail"  # D11
    assert (call["answered_by"], call["answered_at"]) == (None, None)
    assert call["voicemail_url"] == "https://pbx.example/voicemail/default/101/INBOX/msg0000.wav"
    check_new_lead(client, "dan")
    assert check_callback(client, call)["recording_url"] == call["voicemail_url"]


async def test_a_menu_that_the_caller_leaves_is_a_missed_call(lab, daemon):
    client = Client(daemon, "+447700900417")
    caller = await lab.outside(client.number, DID + "400")
    assert await caller.wait("answer", 5)
    await asyncio.sleep(1.2)
    await caller.bye()
    [call] = await client.judged()
    assert (call["outcome"], call["missed_reason"]) == ("missed", "abandoned_in_menu")
    check_new_lead(client, "dan")
    check_callback(client, call)


async def test_a_hidden_number_is_one_case_and_never_a_lead(lab, daemon):
    before = len(daemon.items("/v1/leads")), len(daemon.items("/v1/contacts"))
    for _ in range(2):
        caller = await lab.outside(
            "anonymous", DID + "103", name="Anonymous", host="anonymous.invalid", extra=[("Privacy", "id")]
        )
        await caller.wait("end", 10)

    def known():
        calls = [call for call in daemon.items("/v1/calls") if call["client_number"] is None]
        return calls if len(calls) == 2 and all(decided(daemon, call) for call in calls) else None

    calls = await in_thread(lambda: daemon.until("two hidden calls", known))
    assert {call["outcome"] for call in calls} == {"missed"}
    [case] = [case for case in daemon.items("/v1/cases") if case["client_number"] is None]  # D10
    assert (case["attempts"], case["line_number"]) == (2, LINE + "103")
    tasks = [task for task in daemon.items("/v1/tasks") if task["case_id"] == case["id"]]
    assert list(map(brief, tasks)) == [("callback", "open", "dan")]
    assert (len(daemon.items("/v1/leads")), len(daemon.items("/v1/contacts"))) == before


async def test_a_blocked_number_and_an_internal_call_touch_nothing(lab, daemon):
    def everything():
        paths = ("calls", "leads", "contacts", "organisations", "tasks", "cases")
        return {path: [(found["id"], found["version"]) for found in daemon.items(f"/v1/{path}")] for path in paths}

    before = everything()
    lab.set(p101=answer_after(0.5), p102=answer_after(0.5))
    await talk(await lab.outside("07700900666", DID + "101"))  # S1
    missed = await lab.outside("+447700900666", DID + "103")
    await missed.wait("end", 10)
    lab.world["00447700900666"] = answer_after(0.5)
    await talk(await lab.dial("102", "00447700900666"))
    await talk(await lab.dial("101", "102"))  # S2

    client = Client(daemon, "+447700900418")  # a call after them: when it is judged, so are they
    later = await lab.outside(client.number, DID + "103")
    await later.wait("end", 10)
    [call] = await client.judged()
    after = everything()
    mine = {
        call["id"],
        *(found["id"] for found in (*client.leads(), *client.contacts(), *client.tasks(), *client.cases())),
    }
    mine.add(client.leads()[0]["organisation_id"])
    assert {path: [row for row in rows if row[0] not in mine] for path, rows in after.items()} == before
    assert not any("900666" in line for line in daemon.log().splitlines())


# ---------------------------------------------------------------- when something breaks


async def test_a_daemon_killed_in_the_middle_of_a_call_makes_one_lead_and_ends_the_call(lab, daemon):
    client = Client(daemon, "+447700900419")
    lab.set(p101=answer_after(0.6))
    caller = await lab.outside(client.number, DID + "101")
    assert await caller.wait("answer", 10)
    await in_thread(lambda: daemon.until("the lead", client.leads))
    daemon.kill()
    await asyncio.sleep(1)
    await in_thread(daemon.start)
    await caller.bye()
    [call] = await client.judged()
    assert (call["outcome"], call["answered_by"]) == ("answered", "ann")
    check_new_lead(client, "ann")
    assert (client.tasks(), client.cases()) == ([], [])


async def test_a_call_that_ends_while_the_daemon_is_dead_is_closed_and_says_so(lab, daemon):
    client = Client(daemon, "+447700900420")
    lab.set(p101=answer_after(0.6))
    caller = await lab.outside(client.number, DID + "101")
    assert await caller.wait("answer", 10)
    await in_thread(lambda: daemon.until("the lead", client.leads))
    daemon.kill()
    await caller.bye()
    await caller.wait("end", 5)
    await in_thread(daemon.start)
    [call] = await client.judged()
    assert (call["outcome"], call["incomplete"]) == ("answered", True)
    check_new_lead(client, "ann")


async def test_a_pbx_that_is_restarted_during_a_call_is_found_again(lab, daemon):
    client, other = Client(daemon, "+447700900421"), Client(daemon, "+447700900422")
    lab.set(p101=answer_after(0.6))
    caller = await lab.outside(client.number, DID + "101")
    assert await caller.wait("answer", 10)
    await asyncio.sleep(1)
    await in_thread(
        lambda: subprocess.run(
            [KIT / "lab.sh", "cli", VERSION, "core", "restart", "now"], check=False, capture_output=True, timeout=30
        )
    )
    await lab.cap.closed.wait()
    for phone in (*lab.phones.values(), lab.trunk):
        for call in list(phone.calls.values()):
            call._ended("us")  # silence; both hang up
    await in_thread(lambda: daemon.until("the line is held again", lambda: daemon.log().count("ami.back"), 40))
    for link in (lab.ctl, lab.cap):
        await link.close()
    lab.ctl = await reconnected(lab)
    lab.cap = await reconnected(lab)
    for phone in lab.phones.values():
        await phone.register()
    [call] = await client.judged()
    assert (call["outcome"], call["answered_by"]) == ("answered", "ann")
    await talk(await lab.outside(other.number, DID + "101"))
    await other.judged()
    check_new_lead(other, "ann")


async def reconnected(lab):
    for _ in range(100):
        try:
            return await type(lab.ctl)().connect(lab.ami_port, "lab", "lab-secret", "off")
        except (OSError, RuntimeError, TimeoutError):
            await asyncio.sleep(0.1)
    raise AssertionError("the PBX does not come back")
