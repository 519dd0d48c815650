# ruff: noqa: TID251  # the kit stands alone: its own clock, tasks and dice, and it prints
"""More calls, among them the awkward ones: transfers of every kind, follow-me, races, crashes, listeners-in.

The words of truth.json are those of `scenarios.py`.
"""

import asyncio
import os
import signal
import time

from lablib import Ami
from miniua import answer_after, no_answer, reject_with
from scenarios import (
    C1,
    C2,
    C3,
    DID,
    MOBILE,
    NUM,
    NUM164,
    A,
    back_again,
    inbound,
    outbound,
    sc,
    start_call,
    talk_and_hang,
)

sleep = asyncio.sleep
FM_MOBILE = "07700900556"  # the mobile of 104 in followme.conf
OWN = "+442079460100"


def inside(lab, k, frm, to, label="call", *, answered=(), recorded=True, legs=None, **kw):
    """lab.truth for a call between two of our phones."""
    kw.setdefault("hangup_by", "caller")
    return lab.truth(
        label,
        k,
        direction="internal",
        status="internal",
        answered=bool(answered),
        entry="internal",
        number=frm,
        dialed=to,
        extension=frm,
        legs=legs if legs is not None else [(to, "agent", lab.leg(to))],
        answered_by=list(answered),
        final=answered[-1] if answered else None,
        recorded=recorded,
        **kw,
    )


def refer_to(lab, number):
    return f"sip:{number}@127.0.0.1:{lab.sip_port}"


# ---------------------------------------------------------------- inbound, one phone
@sc("in_direct_dnd", "101's phone is on do-not-disturb (480 at once).")
async def _(lab):
    lab.set(p101=reject_with(480, 0.1, ring=False))
    c = await lab.outside(C1, DID + "101")
    await c.wait("end", 10)
    inbound(
        lab,
        c,
        status="unavailable",
        did=DID + "101",
        extension="101",
        legs=A("101"),
        hangup_by="pbx",
        cause=19,
        expect={"101": "unavailable"},
    )


@sc("in_unknown_did", "The carrier delivers a call for a number that the PBX does not know.")
async def _(lab):
    c = await lab.outside(C1, DID + "999")
    await c.wait("end", 10)
    inbound(lab, c, status="failed", did=DID + "999", entry="unknown-did", hangup_by="pbx", cause=1)


@sc("in_second_carrier", "An answered call that comes over the second carrier.")
async def _(lab):
    lab.set(p101=answer_after(0.8))
    c = await lab.outside(C2, DID + "101", ua=lab.trunkb)
    await talk_and_hang(c, 1.5)
    inbound(
        lab,
        c,
        status="answered",
        did=DID + "101",
        extension="101",
        number=C2,
        legs=A("101"),
        answered_by=["101"],
        final="101",
        hangup_by="caller",
        recorded=True,
        expect={"101": "answered"},
    )


@sc("in_gone_when_answered", "The caller hangs up at the very moment the call is answered.")
async def _(lab):
    lab.set(p101=answer_after(1))
    c = await lab.outside(C1, DID + "101")
    await c.wait("answer")
    await c.bye()
    inbound(
        lab,
        c,
        status="answered",
        did=DID + "101",
        extension="101",
        legs=A("101"),
        answered_by=["101"],
        final="101",
        hangup_by="caller",
        recorded=False,
        expect={"101": "answered"},
    )


@sc("in_long_hold", "101 puts the caller on hold for 6 s, comes back, talks on.")
async def _(lab):
    c, a = await start_call(lab)
    await a.hold()
    await sleep(6)
    await a.unhold()
    await sleep(1.2)
    await c.bye()
    inbound(
        lab,
        c,
        status="answered",
        did=DID + "101",
        extension="101",
        legs=A("101"),
        answered_by=["101"],
        final="101",
        hangup_by="caller",
        recorded=True,
        held_seconds=6,
        expect={"101": "answered"},
    )


@sc("in_hangs_up_on_hold", "101 puts the caller on hold; the caller hangs up while held.")
async def _(lab):
    c, a = await start_call(lab)
    await a.hold()
    await sleep(2)
    await c.bye()
    inbound(
        lab,
        c,
        status="answered",
        did=DID + "101",
        extension="101",
        legs=A("101"),
        answered_by=["101"],
        final="101",
        hangup_by="caller",
        recorded=True,
        expect={"101": "answered"},
    )


@sc("in_spied", "A supervisor (104) listens in on the call with ChanSpy; the supervisor is no party to it.")
async def _(lab):
    c, _a = await start_call(lab)
    k = await lab.dial("104", "*55101")
    await k.wait("answer")
    await sleep(1.5)
    await c.bye()
    await sleep(0.5)
    await k.bye()
    inbound(
        lab,
        c,
        status="answered",
        did=DID + "101",
        extension="101",
        legs=A("101"),
        answered_by=["101"],
        final="101",
        hangup_by="caller",
        recorded=True,
        expect={"101": "answered"},
    )
    inside(lab, k, "104", "*55101", "spy", legs=[], recorded=False)


# ---------------------------------------------------------------- busy agents, calls at the same time
@sc("cw_second_call_missed", "101 talks to one caller; a second one rings 101's second line and is not answered.")
async def _(lab):
    c, _a = await start_call(lab)
    lab.set(p101=no_answer())
    d = await lab.outside(C2, DID + "101")
    await d.wait("end", 10)
    await c.bye()
    inbound(
        lab,
        c,
        "first",
        status="answered",
        did=DID + "101",
        extension="101",
        legs=[("101", "agent", lab.leg("101", 0))],
        answered_by=["101"],
        final="101",
        hangup_by="caller",
        recorded=True,
    )
    inbound(
        lab,
        d,
        "second",
        status="missed",
        did=DID + "101",
        extension="101",
        number=C2,
        legs=[("101", "agent", lab.leg("101", 1))],
        hangup_by="pbx",
        cause=19,
    )


@sc(
    "cw_second_call_answered",
    "101 puts the first caller on hold and answers a second one; then goes back to the first.",
)
async def _(lab):
    c, a = await start_call(lab)
    d = await lab.outside(C2, DID + "101")
    b = await lab.leg_when("101", 1)
    await a.hold()
    await b.wait("answer")
    await sleep(1.5)
    await d.bye()
    await a.unhold()
    await sleep(1)
    await c.bye()
    inbound(
        lab,
        c,
        "first",
        status="answered",
        did=DID + "101",
        extension="101",
        legs=[("101", "agent", a)],
        answered_by=["101"],
        final="101",
        hangup_by="caller",
        recorded=True,
    )
    inbound(
        lab,
        d,
        "second",
        status="answered",
        did=DID + "101",
        extension="101",
        number=C2,
        legs=[("101", "agent", b)],
        answered_by=["101"],
        final="101",
        hangup_by="caller",
        recorded=True,
    )


@sc("cw_second_call_busy", "101 talks to one caller; for the second one the phone says busy.")
async def _(lab):
    c, _a = await start_call(lab)
    lab.set(p101=reject_with(486, 0.1, ring=False))
    d = await lab.outside(C2, DID + "101")
    await d.wait("end", 10)
    await sleep(0.5)
    await c.bye()
    inbound(
        lab,
        c,
        "first",
        status="answered",
        did=DID + "101",
        extension="101",
        legs=[("101", "agent", lab.leg("101", 0))],
        answered_by=["101"],
        final="101",
        hangup_by="caller",
        recorded=True,
    )
    inbound(
        lab,
        d,
        "second",
        status="busy",
        did=DID + "101",
        extension="101",
        number=C2,
        legs=[("101", "agent", lab.leg("101", 1))],
        hangup_by="pbx",
        cause=17,
    )


@sc("same_caller_twice_at_once", "One number rings two extensions at the same time; both are answered.")
async def _(lab):
    lab.set(p101=answer_after(1), p102=answer_after(1.2))
    c = await lab.outside(C1, DID + "101")
    d = await lab.outside(C1, DID + "102")
    await asyncio.gather(talk_and_hang(c, 1.5), talk_and_hang(d, 2.5))
    inbound(
        lab,
        c,
        "first",
        status="answered",
        did=DID + "101",
        extension="101",
        legs=A("101"),
        answered_by=["101"],
        final="101",
        hangup_by="caller",
        recorded=True,
    )
    inbound(
        lab,
        d,
        "second",
        status="answered",
        did=DID + "102",
        extension="102",
        legs=A("102"),
        answered_by=["102"],
        final="102",
        hangup_by="caller",
        recorded=True,
    )


@sc("same_caller_missed_and_answered_at_once", "One number rings two extensions at once; one is answered, one is not.")
async def _(lab):
    lab.set(p102=answer_after(1))
    c = await lab.outside(C1, DID + "101")
    d = await lab.outside(C1, DID + "102")
    await asyncio.gather(c.wait("end", 10), talk_and_hang(d, 2))
    inbound(
        lab, c, "first", status="missed", did=DID + "101", extension="101", legs=A("101"), hangup_by="pbx", cause=19
    )
    inbound(
        lab,
        d,
        "second",
        status="answered",
        did=DID + "102",
        extension="102",
        legs=A("102"),
        answered_by=["102"],
        final="102",
        hangup_by="caller",
        recorded=True,
    )


# ---------------------------------------------------------------- how the number is written
@sc("num_withheld_pai", "Withheld number, but the carrier asserts it (P-Asserted-Identity): AMI shows the number.")
async def _(lab):
    lab.set(p101=answer_after(0.6))
    c = await lab.outside(
        "anonymous",
        DID + "101",
        name="Anonymous",
        host="anonymous.invalid",
        extra=[("Privacy", "id"), ("P-Asserted-Identity", f"<sip:{C3}@127.0.0.2>")],
    )
    await talk_and_hang(c, 1.5)
    inbound(
        lab,
        c,
        status="answered",
        did=DID + "101",
        extension="101",
        number=C3,
        legs=A("101"),
        answered_by=["101"],
        final="101",
        hangup_by="caller",
        recorded=True,
        withheld=True,
        expect={"101": "answered"},
    )


@sc("num_alphanumeric", "The caller id is a name (ACMEBANK), not a number; nobody answers.")
async def _(lab):
    c = await lab.outside("ACMEBANK", DID + "101")
    await c.wait("end", 10)
    inbound(
        lab,
        c,
        status="missed",
        did=DID + "101",
        extension="101",
        number="ACMEBANK",
        e164=None,
        legs=A("101"),
        hangup_by="pbx",
        cause=19,
        expect={"101": "cancelled"},
    )


@sc("num_anonymous_missed", "Withheld number, nobody answers.")
async def _(lab):
    c = await lab.outside(
        "anonymous", DID + "101", name="Anonymous", host="anonymous.invalid", extra=[("Privacy", "id")]
    )
    await c.wait("end", 10)
    inbound(
        lab,
        c,
        status="missed",
        did=DID + "101",
        extension="101",
        number=None,
        e164=None,
        legs=A("101"),
        hangup_by="pbx",
        cause=19,
        withheld=True,
        expect={"101": "cancelled"},
    )


# ---------------------------------------------------------------- voicemail, announcements, menu, conference
@sc("vm_greeting_hangup", "101 does not answer; the caller hangs up inside the mailbox's greeting: no message.")
async def _(lab):
    c = await lab.outside(C1, DID + "902")
    await c.wait("answer", 10)
    await sleep(0.8)
    await c.bye()
    inbound(
        lab,
        c,
        status="missed",
        did=DID + "902",
        extension="101",
        legs=A("101"),
        hangup_by="caller",
        remark="reached the mailbox, left nothing",
        expect={"101": "cancelled"},
    )


@sc("vm_behind_member", "Ring group with one Local member that ends in its own mailbox: a machine answers the Dial.")
async def _(lab):
    c = await lab.outside(C1, DID + "303")
    await c.wait("answer", 10)
    await sleep(3.5)
    await c.bye()
    inbound(
        lab,
        c,
        status="voicemail",
        did=DID + "303",
        entry="ringgroup",
        extension="104",
        legs=A("104"),
        hangup_by="caller",
        voicemail={"left": True, "mailbox": "104"},
        recorded=True,
        expect={"104": "cancelled"},
    )


@sc("announcement_early_media", "An announcement as early media (the call is never answered), then cause 31.")
async def _(lab):
    c = await lab.outside(C1, DID + "501")
    await c.wait("end", 12)
    inbound(lab, c, status="announcement", did=DID + "501", entry="announcement", hangup_by="pbx", cause=31)


@sc("announcement_caller_hangs_up", "Out of hours: the caller hangs up inside the announcement.")
async def _(lab):
    c = await lab.outside(C1, DID + "500")
    await c.wait("answer")
    await sleep(0.5)
    await c.bye()
    inbound(lab, c, status="announcement", did=DID + "500", entry="announcement", hangup_by="caller")


@sc("ivr_timeout_queue", "Menu without a key pressed: goes on to a queue; 103 answers.")
async def _(lab):
    lab.set(p103=answer_after(0.8))
    c = await lab.outside(C1, DID + "400")
    b = await lab.leg_when("103", timeout=15)
    await b.wait("answer")
    await sleep(1.5)
    await c.bye()
    inbound(
        lab,
        c,
        status="answered",
        did=DID + "400",
        entry="ivr",
        queue="desk",
        legs=A("101", "102", "103"),
        answered_by=["103"],
        final="103",
        hangup_by="caller",
        recorded=True,
        expect={"101": "cancelled", "102": "cancelled", "103": "answered"},
    )


@sc("ivr_then_missed", "Menu: the caller presses 1, 102 rings and nobody answers.")
async def _(lab):
    c = await lab.outside(C1, DID + "400")
    await c.wait("answer")
    await sleep(0.8)
    c.dtmf("1")
    await lab.leg_when("102")
    await c.wait("end", 12)
    inbound(
        lab,
        c,
        status="missed",
        did=DID + "400",
        entry="ivr",
        extension="102",
        legs=A("102"),
        hangup_by="pbx",
        ivr_choice="1",
        expect={"102": "cancelled"},
    )


@sc("conf_joined_by_agent", "The caller waits in a conference room; 101 dials in; they talk; the caller leaves first.")
async def _(lab):
    c = await lab.outside(C1, DID + "700")
    await c.wait("answer")
    await sleep(1)
    k = await lab.dial("101", "800")
    await k.wait("answer")
    await sleep(2)
    await c.bye()
    await sleep(0.5)
    await k.bye()
    inbound(
        lab,
        c,
        status="answered",
        did=DID + "700",
        entry="conference",
        legs=[("101", "agent", k)],
        answered_by=["101"],
        final="101",
        hangup_by="caller",
    )


@sc("conf_nobody_joins", "The caller waits alone in a conference room and leaves.")
async def _(lab):
    c = await lab.outside(C1, DID + "700")
    await c.wait("answer")
    await sleep(2)
    await c.bye()
    inbound(lab, c, status="abandoned", did=DID + "700", entry="conference", hangup_by="caller")


# ---------------------------------------------------------------- queues
@sc("q_gives_up_before_ring", "Queue whose members are all on pause: the caller gives up before any phone rings.")
async def _(lab):
    for m in ("101", "102", "103"):
        await lab.ctl.action("QueuePause", Queue="desk", Interface=f"PJSIP/{m}", Paused="true")
    c = await lab.outside(C1, DID + "202")
    await c.wait("answer")
    await sleep(2)
    await c.bye()
    for m in ("101", "102", "103"):
        await lab.ctl.action("QueuePause", Queue="desk", Interface=f"PJSIP/{m}", Paused="false")
    inbound(lab, c, status="abandoned", did=DID + "202", entry="queue", queue="desk", hangup_by="caller")


@sc("q_members_in_calls", "Two queue members are in calls (not rung); the third rings; the caller gives up.")
async def _(lab):
    lab.set(p101=answer_after(0.5), p102=answer_after(0.5))
    x = await lab.outside(C2, DID + "101")
    y = await lab.outside(C3, DID + "102")
    await asyncio.gather(x.wait("answer"), y.wait("answer"))
    await sleep(0.5)
    c = await lab.outside(C1, DID + "202")
    b = await lab.leg_when("103")
    await b.wait("ring")
    await sleep(1.5)
    await c.bye()
    await x.bye()
    await y.bye()
    inbound(
        lab,
        x,
        "one",
        status="answered",
        did=DID + "101",
        extension="101",
        number=C2,
        legs=A("101"),
        answered_by=["101"],
        final="101",
        hangup_by="caller",
        recorded=True,
    )
    inbound(
        lab,
        y,
        "two",
        status="answered",
        did=DID + "102",
        extension="102",
        number=C3,
        legs=A("102"),
        answered_by=["102"],
        final="102",
        hangup_by="caller",
        recorded=True,
    )
    inbound(
        lab,
        c,
        "queued",
        status="abandoned",
        did=DID + "202",
        entry="queue",
        queue="desk",
        legs=[("103", "agent", b)],
        hangup_by="caller",
    )


@sc("q_members_busy", "Queue: 101 and 102 answer 486, 103 picks up.")
async def _(lab):
    lab.set(p101=reject_with(486, 0.1, ring=False), p102=reject_with(486, 0.1, ring=False), p103=answer_after(0.8))
    c = await lab.outside(C1, DID + "200")
    b = await lab.leg_when("103", timeout=15)
    await b.wait("answer")
    await sleep(1.5)
    await c.bye()
    legs = [(p, "agent", x) for p in ("101", "102", "103") for x in lab.phones[p].history if x.incoming]
    inbound(
        lab,
        c,
        status="answered",
        did=DID + "200",
        entry="queue",
        queue="sales",
        legs=legs,
        answered_by=["103"],
        final="103",
        hangup_by="caller",
        recorded=True,
    )


@sc("q_declined_then_answered", "Queue: 101 presses Decline, then 102 answers.")
async def _(lab):
    lab.set(p101=reject_with(603, 0.8), p102=answer_after(0.8))
    c = await lab.outside(C1, DID + "200")
    b = await lab.leg_when("102", timeout=12)
    await b.wait("answer")
    await sleep(1.5)
    await c.bye()
    inbound(
        lab,
        c,
        status="answered",
        did=DID + "200",
        entry="queue",
        queue="sales",
        legs=A("101", "102"),
        answered_by=["102"],
        final="102",
        hangup_by="caller",
        recorded=True,
        expect={"101": "rejected", "102": "answered"},
    )


@sc("q_ringall_abandoned", "Queue that rings everybody: the caller gives up while three phones ring.")
async def _(lab):
    c = await lab.outside(C1, DID + "202")
    await lab.leg_when("103")
    await sleep(1.5)
    await c.bye()
    inbound(
        lab,
        c,
        status="abandoned",
        did=DID + "202",
        entry="queue",
        queue="desk",
        legs=A("101", "102", "103"),
        hangup_by="caller",
        expect={"101": "cancelled", "102": "cancelled", "103": "cancelled"},
    )


@sc("q_local_abandoned", "Queue with Local members: the caller gives up while 101 rings.")
async def _(lab):
    c = await lab.outside(C1, DID + "203")
    await lab.leg_when("101")
    await sleep(1.2)
    await c.bye()
    inbound(
        lab,
        c,
        status="abandoned",
        did=DID + "203",
        entry="queue",
        queue="support",
        legs=A("101"),
        hangup_by="caller",
        expect={"101": "cancelled"},
    )


@sc("q_same_member_twice", "Queue: 101 rings twice (nobody else is there) and answers the second time.")
async def _(lab):
    for m in ("102", "103"):
        await lab.ctl.action("QueuePause", Queue="sales", Interface=f"PJSIP/{m}", Paused="true")
    c = await lab.outside(C1, DID + "200")
    a = await lab.leg_when("101")
    lab.set(p101=answer_after(0.8))
    b = await lab.leg_when("101", 1, timeout=12)
    await b.wait("answer")
    await sleep(1.5)
    await c.bye()
    for m in ("102", "103"):
        await lab.ctl.action("QueuePause", Queue="sales", Interface=f"PJSIP/{m}", Paused="false")
    inbound(
        lab,
        c,
        status="answered",
        did=DID + "200",
        entry="queue",
        queue="sales",
        legs=[("101", "agent", a), ("101", "agent", b)],
        answered_by=["101"],
        final="101",
        hangup_by="caller",
        recorded=True,
    )


@sc("q_then_blind", "Queue: 101 answers and blind transfers to 104, who answers.")
async def _(lab):
    lab.set(p101=answer_after(0.8), p104=answer_after(1))
    c = await lab.outside(C1, DID + "200")
    a = await lab.leg_when("101")
    await a.wait("answer")
    await sleep(1)
    code = await a.refer(refer_to(lab, "104"))
    b = await lab.leg_when("104")
    await b.wait("answer")
    await a.bye()
    await sleep(1.5)
    await c.bye()
    inbound(
        lab,
        c,
        status="answered",
        did=DID + "200",
        entry="queue",
        queue="sales",
        legs=A("101", "104"),
        answered_by=["101", "104"],
        final="104",
        hangup_by="caller",
        recorded=True,
        transfers=[{"type": "blind", "by": "101", "to": "104", "result": "answered", "refer": code}],
    )


@sc("int_into_queue", "A phone (104) calls a queue; 102 answers. An internal call.")
async def _(lab):
    lab.set(p102=answer_after(0.8))
    k = await lab.dial("104", "601")
    b = await lab.leg_when("102")
    await b.wait("answer")
    await sleep(1.5)
    await k.bye()
    inside(lab, k, "104", "601", legs=A2(lab, "102", "103"), answered=["102"], recorded=False, queue="backup")


def A2(lab, *parties):  # noqa: N802 - the brother of A
    """Legs of phones that a call from inside reached."""
    return [(p, "agent", lab.leg(p)) for p in parties]


# ---------------------------------------------------------------- ring groups, hunting
@sc("hunt_second_answers", "One after the other: 101 does not answer, 102 does.")
async def _(lab):
    lab.set(p102=answer_after(0.8))
    c = await lab.outside(C1, DID + "302")
    await talk_and_hang(c, 1.5)
    inbound(
        lab,
        c,
        status="answered",
        did=DID + "302",
        entry="hunt",
        legs=A("101", "102"),
        answered_by=["102"],
        final="102",
        hangup_by="caller",
        recorded=True,
        expect={"101": "cancelled", "102": "answered"},
    )


@sc("rg_two_answer", "Ring group: 102 and 103 lift the handset at the same moment; one of them gets the call.")
async def _(lab):
    lab.set(p102=answer_after(1), p103=answer_after(1))
    c = await lab.outside(C1, DID + "300")
    await talk_and_hang(c, 2)
    both = lab.leg("102"), lab.leg("103")
    await lab.until(lambda: all(x.e_end.is_set() for x in both))
    got = sorted(both, key=lambda x: x.times["end"] - x.times.get("answer", x.times["end"]))
    winner = got[-1].ua.user
    inbound(
        lab,
        c,
        status="answered",
        did=DID + "300",
        entry="ringgroup",
        legs=A("101", "102", "103"),
        answered_by=[winner],
        final=winner,
        hangup_by="caller",
        recorded=True,
        remark="both phones answered on the wire; the other one was released at once",
    )


@sc("rg_caller_cancels", "Ring group: the caller gives up while all three ring.")
async def _(lab):
    c = await lab.outside(C1, DID + "300")
    await c.wait("ring")
    await sleep(1.5)
    await c.cancel()
    inbound(
        lab,
        c,
        status="abandoned",
        did=DID + "300",
        entry="ringgroup",
        legs=A("101", "102", "103"),
        hangup_by="caller",
        expect={"101": "cancelled", "102": "cancelled", "103": "cancelled"},
    )


@sc("rg_mixed_refusals", "Ring group: 101 busy, 102 declines, 103 rings out.")
async def _(lab):
    lab.set(p101=reject_with(486, 0.1, ring=False), p102=reject_with(603, 0.8))
    c = await lab.outside(C1, DID + "300")
    await c.wait("end", 12)
    inbound(
        lab,
        c,
        status="missed",
        did=DID + "300",
        entry="ringgroup",
        legs=A("101", "102", "103"),
        hangup_by="pbx",
        cause=19,
        expect={"101": "busy", "102": "rejected", "103": "cancelled"},
    )


@sc("rg_local_unanswered", "Ring group over Local channels: nobody answers.")
async def _(lab):
    c = await lab.outside(C1, DID + "301")
    await c.wait("end", 12)
    inbound(
        lab,
        c,
        status="missed",
        did=DID + "301",
        entry="ringgroup",
        legs=A("101", "102", "103"),
        hangup_by="pbx",
        cause=19,
        expect={"101": "cancelled", "102": "cancelled", "103": "cancelled"},
    )


# ---------------------------------------------------------------- pickup, parking
@sc("pickup_group", "101 rings; 102 takes the call with the group pickup code *8.")
async def _(lab):
    c = await lab.outside(C1, DID + "101")
    a = await lab.leg_when("101")
    await a.wait("ring")
    await sleep(1)
    k = await lab.dial("102", "*8")
    await c.wait("answer")
    await sleep(1.5)
    await c.bye()
    inbound(
        lab,
        c,
        status="answered",
        did=DID + "101",
        extension="101",
        legs=[*A("101"), ("102", "agent", k)],
        answered_by=["102"],
        final="102",
        hangup_by="caller",
        recorded=True,
        pickup={"by": "102", "of": "101"},
        expect={"101": "cancelled", "102": "answered"},
    )


@sc("pickup_from_ring_group", "A ring group rings; 104, no member of it, takes the call with **102.")
async def _(lab):
    c = await lab.outside(C1, DID + "300")
    a = await lab.leg_when("102")
    await a.wait("ring")
    await sleep(1)
    k = await lab.dial("104", "**102")
    await c.wait("answer")
    await sleep(1.5)
    await c.bye()
    inbound(
        lab,
        c,
        status="answered",
        did=DID + "300",
        entry="ringgroup",
        legs=[*A("101", "102", "103"), ("104", "agent", k)],
        answered_by=["104"],
        final="104",
        hangup_by="caller",
        recorded=True,
        pickup={"by": "104", "of": "102"},
        expect={"101": "cancelled", "102": "cancelled", "103": "cancelled", "104": "answered"},
    )


@sc("pickup_from_queue", "A queue rings 101; 104 takes the call with **101.")
async def _(lab):
    c = await lab.outside(C1, DID + "200")
    a = await lab.leg_when("101")
    await a.wait("ring")
    await sleep(0.6)
    k = await lab.dial("104", "**101")
    await k.wait("answer")
    await sleep(2)
    await c.bye()
    inbound(
        lab,
        c,
        status="answered",
        did=DID + "200",
        entry="queue",
        queue="sales",
        legs=[*A("101"), ("104", "agent", k)],
        answered_by=["104"],
        final="104",
        hangup_by="caller",
        recorded=True,
        pickup={"by": "104", "of": "101"},
        expect={"101": "cancelled", "104": "answered"},
    )


async def park_short(lab, back):
    c, a = await start_call(lab)
    lab.set(p101=back)
    code = await a.refer(refer_to(lab, "750"))
    await sleep(0.5)
    await a.bye()
    b = await lab.leg_when("101", 1, timeout=10)
    return c, a, b, code


@sc("park_timeout_answered", "101 parks the caller; nobody fetches him; after 3 s 101 rings again and answers.")
async def _(lab):
    c, a, b, code = await park_short(lab, answer_after(1))
    await b.wait("answer")
    await sleep(1.5)
    await c.bye()
    inbound(
        lab,
        c,
        status="answered",
        did=DID + "101",
        extension="101",
        legs=[("101", "agent", a), ("101", "agent", b)],
        answered_by=["101"],
        final="101",
        hangup_by="caller",
        recorded=True,
        parked={"by": "101", "space": "751", "retrieved_by": "101", "refer": code, "timeout": True},
    )


@sc("park_timeout_lost", "101 parks the caller; nobody fetches him; 101 rings again and does not answer.")
async def _(lab):
    c, a, b, code = await park_short(lab, no_answer())
    await c.wait("end", 15)
    inbound(
        lab,
        c,
        status="answered",
        did=DID + "101",
        extension="101",
        legs=[("101", "agent", a), ("101", "agent", b)],
        answered_by=["101"],
        final="101",
        hangup_by="pbx",
        cause=19,
        recorded=True,
        parked={"by": "101", "space": "751", "retrieved_by": None, "refer": code, "timeout": True},
        remark="answered once, lost after parking",
    )


# ---------------------------------------------------------------- follow-me, forwarding
async def follow_me(lab, key, *, answers=True):
    """A call to DID 601; the mobile answers after 0.8 s and presses a key 2.5 s later (None: never)."""
    lab.world[FM_MOBILE] = answer_after(0.8) if answers else no_answer(0.2)
    c = await lab.outside(C1, DID + "601")
    m = await lab.leg_when(FM_MOBILE, timeout=15)
    at = None
    if key:
        await m.wait("answer")
        await sleep(2.5)
        at = time.time()
        m.dtmf(key)
    return c, m, at


@sc("followme_app_accepted", "FollowMe(): 104 does not answer; the mobile answers and accepts with 1.")
async def _(lab):
    c, m, at = await follow_me(lab, "1")
    await sleep(3)
    await c.bye()
    await c.wait("end")
    inbound(
        lab,
        c,
        status="answered",
        did=DID + "601",
        entry="followme",
        extension="104",
        legs=[*A("104"), (FM_MOBILE, "mobile", m)],
        answered_by=[FM_MOBILE],
        final=FM_MOBILE,
        hangup_by="caller",
        recorded=True,
        accepted_at=lab.off(at),
        first_human_answer=lab.off(at),
        ring_seconds=round(at - c.times["start"], 2),
        talk_seconds=round(c.times["end"] - at, 2),
        expect={"104": "cancelled", FM_MOBILE: "answered"},
    )


@sc("followme_app_never_pressed", "FollowMe(): the mobile answers but presses no key: the caller reached nobody.")
async def _(lab):
    c, m, _at = await follow_me(lab, None)
    await c.wait("end", 40)
    inbound(
        lab,
        c,
        status="missed",
        did=DID + "601",
        entry="followme",
        extension="104",
        legs=[*A("104"), (FM_MOBILE, "mobile", m)],
        hangup_by="pbx",
        cause=19,
        remark="the mobile was up, but nobody accepted the call",
        expect={"104": "cancelled", FM_MOBILE: "answered"},
    )


@sc("followme_app_declined", "FollowMe(): the mobile answers and declines with 2.")
async def _(lab):
    c, m, at = await follow_me(lab, "2")
    await c.wait("end", 30)
    inbound(
        lab,
        c,
        status="missed",
        did=DID + "601",
        entry="followme",
        extension="104",
        legs=[*A("104"), (FM_MOBILE, "mobile", m)],
        hangup_by="pbx",
        cause=19,
        declined_at=lab.off(at),
    )


@sc("followme_nobody", "Follow-me over Local channels: neither the desk phone nor the mobile answers.")
async def _(lab):
    lab.world[MOBILE] = no_answer(0.3)
    c = await lab.outside(C1, DID + "600")
    await lab.leg_when("104")
    await c.wait("end", 15)
    inbound(
        lab,
        c,
        status="missed",
        did=DID + "600",
        entry="followme",
        extension="104",
        legs=[*A("104"), (MOBILE, "mobile")],
        hangup_by="pbx",
        cause=19,
        expect={"104": "cancelled", MOBILE: "cancelled"},
    )


@sc("fwd_302_mobile", "101's phone forwards by 302 to a mobile, which answers.")
async def _(lab):
    lab.world[MOBILE] = answer_after(1)
    lab.set(p101=reject_with(302, 0.1, ring=False, extra=[("Contact", f"<{refer_to(lab, MOBILE)}>")]))
    c = await lab.outside(C1, DID + "101")
    await talk_and_hang(c, 1.5)
    inbound(
        lab,
        c,
        status="answered",
        did=DID + "101",
        entry="forward",
        extension="101",
        legs=[*A("101"), (MOBILE, "mobile")],
        answered_by=[MOBILE],
        final=MOBILE,
        hangup_by="caller",
        recorded=True,
        forwarded={"by": "101", "to": MOBILE, "how": "302"},
        expect={"101": "redirected", MOBILE: "answered"},
    )


@sc("fwd_pbx_mobile_unanswered", "The PBX forwards to a mobile, which does not answer.")
async def _(lab):
    m = "07700900557"
    lab.world[m] = no_answer(0.3)
    c = await lab.outside(C1, DID + "602")
    await c.wait("end", 15)
    inbound(
        lab,
        c,
        status="missed",
        did=DID + "602",
        entry="forward",
        extension="105",
        legs=[(m, "mobile")],
        hangup_by="pbx",
        cause=19,
        forwarded={"by": "105", "to": m, "how": "dialplan"},
        expect={m: "cancelled"},
    )


# ---------------------------------------------------------------- transfers of inbound calls
def transferred(lab, c, *, to, kind, legs, by="101", result="answered", how=None, kindof="agent", **kw):
    """Truth of a call that 101 took and handed on."""
    t = {"type": kind, "by": by, "to": to, "result": result}
    if how:
        t["how"] = how
    ok = result == "answered"
    kw.setdefault("hangup_by", "caller")
    kw.setdefault("answered_by", ["101", to] if ok else ["101"])
    return inbound(
        lab,
        c,
        status="answered",
        did=DID + "101",
        extension="101",
        legs=legs or [*A("101"), (to, kindof)],
        final=kw["answered_by"][-1],
        recorded=True,
        transfers=kw.pop("transfers", [t]),
        **kw,
    )


@sc("xfer_redirect", "A panel moves the caller from 101 to 102 by AMI Redirect; no transfer event exists.")
async def _(lab):
    c, _a = await start_call(lab)
    lab.set(p102=answer_after(1))
    await lab.ctl.action(
        "Redirect", Channel=await lab.channel("PJSIP/trunk-"), Context="from-internal", Exten="102", Priority="1"
    )
    b = await lab.leg_when("102")
    await b.wait("answer")
    await sleep(1.5)
    await c.bye()
    transferred(lab, c, to="102", kind="blind", legs=None, how="redirect")


@sc("xfer_atxfer_ami", "Attended transfer started by AMI Atxfer; 101 talks to 102, then hangs up to complete it.")
async def _(lab):
    c, a = await start_call(lab)
    lab.set(p102=answer_after(0.8))
    await lab.ctl.action("Atxfer", Channel=await lab.channel("PJSIP/101-"), Context="from-internal", Exten="102")
    b = await lab.leg_when("102", timeout=12)
    await b.wait("answer")
    await sleep(1)
    await a.bye()
    await sleep(1.5)
    await c.bye()
    transferred(lab, c, to="102", kind="attended", legs=None, how="atxfer")


@sc("xfer_blind_feature", "Blind transfer by feature code #1; 102 answers.")
async def _(lab):
    c, a = await start_call(lab)
    lab.set(p102=answer_after(0.8))
    a.dtmf("#1")
    await sleep(1.4)
    a.dtmf("102")
    b = await lab.leg_when("102", timeout=12)
    await b.wait("answer")
    await sleep(1.5)
    await c.bye()
    transferred(lab, c, to="102", kind="blind", legs=None, how="feature code")


@sc("xfer_feature_blonde", "Attended transfer by *2, but 101 hangs up while 102 still rings; 102 answers then.")
async def _(lab):
    c, a = await start_call(lab)
    lab.set(p102=answer_after(2.5))
    a.dtmf("*2")
    await sleep(1.4)
    a.dtmf("102")
    b = await lab.leg_when("102", timeout=12)
    await b.wait("ring")
    await sleep(0.7)
    await a.bye()
    await b.wait("answer", 12)
    await sleep(1.5)
    await c.bye()
    transferred(lab, c, to="102", kind="attended", legs=None, how="feature code, blonde")


@sc("xfer_blind_busy", "101 blind transfers to 102, who is busy: the call is lost.")
async def _(lab):
    c, a = await start_call(lab)
    lab.set(p102=reject_with(486, 0.2, ring=False))
    await a.refer(refer_to(lab, "102"))
    await a.bye()
    await c.wait("end", 10)
    transferred(lab, c, to="102", kind="blind", legs=None, result="busy", hangup_by="pbx", cause=17)


@sc("xfer_blind_caller_gives_up", "101 blind transfers to 102; the caller hangs up while 102 rings.")
async def _(lab):
    c, a = await start_call(lab)
    lab.set(p102=no_answer())
    await a.refer(refer_to(lab, "102"))
    await a.bye()
    b = await lab.leg_when("102")
    await b.wait("ring")
    await sleep(1)
    await c.bye()
    transferred(lab, c, to="102", kind="blind", legs=None, result="noanswer")


@sc("xfer_blind_external", "101 blind transfers to an outside number (a colleague's mobile), which answers.")
async def _(lab):
    c, a = await start_call(lab)
    lab.world[MOBILE] = answer_after(1)
    await a.refer(refer_to(lab, MOBILE))
    m = await lab.leg_when(MOBILE)
    await m.wait("answer")
    await a.bye()
    await sleep(1.5)
    await c.bye()
    transferred(lab, c, to=MOBILE, kind="blind", legs=None, kindof="mobile")


@sc("xfer_blind_external_unanswered", "101 blind transfers to an outside number, the caller gives up while it rings.")
async def _(lab):
    c, a = await start_call(lab)
    lab.world[MOBILE] = no_answer(0.2)
    await a.refer(refer_to(lab, MOBILE))
    await a.bye()
    m = await lab.leg_when(MOBILE)
    await m.wait("ring")
    await sleep(1.5)
    await c.bye()
    transferred(lab, c, to=MOBILE, kind="blind", legs=None, result="noanswer", kindof="mobile")


@sc("xfer_att_external", "Attended transfer (REFER with Replaces) to an outside mobile.")
async def _(lab):
    c, a = await start_call(lab)
    lab.world[MOBILE] = answer_after(0.8)
    await a.hold()
    k = await lab.dial("101", MOBILE)
    await k.wait("answer")
    await sleep(1)
    await a.refer_replaces(k)
    await a.bye()
    await k.bye()
    await sleep(1.5)
    await c.bye()
    transferred(lab, c, to=MOBILE, kind="attended", legs=None, kindof="mobile", consult_call_id=k.call_id)


@sc("xfer_att_external_cancelled", "101 consults an outside mobile, comes back and goes on talking.")
async def _(lab):
    c, a = await start_call(lab)
    lab.world[MOBILE] = answer_after(0.8)
    await a.hold()
    k = await lab.dial("101", MOBILE)
    await k.wait("answer")
    await sleep(1)
    await k.bye()
    await a.unhold()
    await sleep(1)
    await c.bye()
    inbound(
        lab,
        c,
        "inbound",
        status="answered",
        did=DID + "101",
        extension="101",
        legs=A("101"),
        answered_by=["101"],
        final="101",
        hangup_by="caller",
        recorded=True,
    )
    outbound(
        lab,
        k,
        "101",
        MOBILE,
        "consultation",
        status="answered",
        e164="+447700900555",
        final="101",
        hangup_by="agent",
        recorded=True,
        remark="a call of its own: the mobile was consulted, not joined",
    )


@sc("xfer_att_caller_gone", "The caller hangs up while 101 consults 102; 101 and 102 go on talking.")
async def _(lab):
    c, a = await start_call(lab)
    lab.set(p102=answer_after(0.7))
    await a.hold()
    k = await lab.dial("101", "102")
    await k.wait("answer")
    await sleep(0.6)
    await c.bye()
    await a.wait("end", 4)
    await sleep(1)
    await k.bye()
    inbound(
        lab,
        c,
        "inbound",
        status="answered",
        did=DID + "101",
        extension="101",
        legs=[("101", "agent", a)],
        answered_by=["101"],
        final="101",
        hangup_by="caller",
        recorded=True,
    )
    inside(lab, k, "101", "102", "consultation", answered=["102"])


@sc("xfer_att_busy_back", "101 consults 102, who is busy; 101 goes back to the caller.")
async def _(lab):
    c, a = await start_call(lab)
    lab.set(p102=reject_with(486, 0.2, ring=False))
    await a.hold()
    k = await lab.dial("101", "102")
    await k.wait("end", 6)
    await a.unhold()
    await sleep(1)
    await c.bye()
    inbound(
        lab,
        c,
        "inbound",
        status="answered",
        did=DID + "101",
        extension="101",
        legs=[("101", "agent", a)],
        answered_by=["101"],
        final="101",
        hangup_by="caller",
        recorded=True,
    )
    inside(lab, k, "101", "102", "consultation", recorded=False, hangup_by="pbx", cause=17)


@sc("xfer_blind_to_queue", "101 blind transfers the caller to a queue (102 and 103 ring); 103 answers.")
async def _(lab):
    c, a = await start_call(lab)
    lab.set(p103=answer_after(1))
    await a.refer(refer_to(lab, "601"))
    await a.bye()
    b = await lab.leg_when("103")
    await b.wait("answer")
    await sleep(1.5)
    await c.bye()
    transferred(
        lab,
        c,
        to="103",
        kind="blind",
        legs=A("101", "102", "103"),
        queue="backup",
        transfers=[{"type": "blind", "by": "101", "to": "601", "result": "answered"}],
    )


@sc("xfer_blind_to_queue_abandoned", "101 blind transfers the caller to a queue; the caller gives up there.")
async def _(lab):
    c, a = await start_call(lab)
    await a.refer(refer_to(lab, "601"))
    await a.bye()
    b = await lab.leg_when("103")
    await b.wait("ring")
    await sleep(1.2)
    await c.bye()
    transferred(lab, c, to="601", kind="blind", legs=A("101", "102", "103"), queue="backup", result="noanswer")


@sc("xfer_blind_to_ring_group", "101 blind transfers to a ring group (102 and 103 ring); 102 answers.")
async def _(lab):
    c, a = await start_call(lab)
    lab.set(p102=answer_after(1))
    await a.refer(refer_to(lab, "602"))
    await a.bye()
    b = await lab.leg_when("102")
    await b.wait("answer")
    await sleep(1.5)
    await c.bye()
    transferred(
        lab,
        c,
        to="102",
        kind="blind",
        legs=A("101", "102", "103"),
        transfers=[{"type": "blind", "by": "101", "to": "602", "result": "answered"}],
    )


@sc("xfer_blind_chain", "101 transfers to 102, 102 to 103; both blind, both answered.")
async def _(lab):
    c, a = await start_call(lab)
    lab.set(p102=answer_after(0.8), p103=answer_after(0.8))
    await a.refer(refer_to(lab, "102"))
    b = await lab.leg_when("102")
    await b.wait("answer")
    await a.bye()
    await sleep(1)
    await b.refer(refer_to(lab, "103"))
    d = await lab.leg_when("103")
    await d.wait("answer")
    await b.bye()
    await sleep(1.2)
    await c.bye()
    transferred(
        lab,
        c,
        to="103",
        kind="blind",
        legs=A("101", "102", "103"),
        answered_by=["101", "102", "103"],
        transfers=[
            {"type": "blind", "by": "101", "to": "102", "result": "answered"},
            {"type": "blind", "by": "102", "to": "103", "result": "answered"},
        ],
    )


@sc("xfer_back_and_forth", "101 transfers to 102, 102 sends the caller back to 101.")
async def _(lab):
    c, a = await start_call(lab)
    lab.set(p102=answer_after(0.8))
    await a.refer(refer_to(lab, "102"))
    b = await lab.leg_when("102")
    await b.wait("answer")
    await a.bye()
    await sleep(1)
    await b.refer(refer_to(lab, "101"))
    a2 = await lab.leg_when("101", 1)
    await a2.wait("answer")
    await b.bye()
    await sleep(1.2)
    await c.bye()
    transferred(
        lab,
        c,
        to="101",
        kind="blind",
        answered_by=["101", "102", "101"],
        legs=[("101", "agent", a), ("102", "agent", b), ("101", "agent", a2)],
        transfers=[
            {"type": "blind", "by": "101", "to": "102", "result": "answered"},
            {"type": "blind", "by": "102", "to": "101", "result": "answered"},
        ],
    )


@sc("xfer_att_then_blind", "101 hands over to 102 after asking; 102 transfers blind to 103.")
async def _(lab):
    c, a = await start_call(lab)
    lab.set(p102=answer_after(0.7), p103=answer_after(0.8))
    await a.hold()
    k = await lab.dial("101", "102")
    await k.wait("answer")
    await sleep(0.8)
    await a.refer_replaces(k)
    await a.bye()
    await k.bye()
    b = lab.leg("102")
    await sleep(1)
    await b.refer(refer_to(lab, "103"))
    d = await lab.leg_when("103")
    await d.wait("answer")
    await b.bye()
    await sleep(1.2)
    await c.bye()
    transferred(
        lab,
        c,
        to="103",
        kind="blind",
        legs=A("101", "102", "103"),
        answered_by=["101", "102", "103"],
        consult_call_id=k.call_id,
        transfers=[
            {"type": "attended", "by": "101", "to": "102", "result": "answered"},
            {"type": "blind", "by": "102", "to": "103", "result": "answered"},
        ],
    )


# ---------------------------------------------------------------- outbound
@sc("out_failover_answered", "The first carrier answers 503; the second one carries the call, which is answered.")
async def _(lab):
    lab.world["carrier", NUM] = reject_with(503, 0.2, ring=False)
    lab.world["carrierb", NUM] = answer_after(1)
    k = await lab.dial("101", NUM)
    await talk_and_hang(k, 1.5)
    outbound(
        lab,
        k,
        "101",
        NUM,
        status="answered",
        e164=NUM164,
        final="101",
        hangup_by="agent",
        recorded=True,
        legs=[(NUM, "outside", lab.leg(NUM, 0)), (NUM, "outside", lab.trunkb.history[-1])],
    )


@sc("out_early_media", "The network plays early media (183) for 2 s before the customer answers.")
async def _(lab):
    lab.world[NUM] = answer_after(2, early_media=True)
    k = await lab.dial("101", NUM)
    await talk_and_hang(k, 1.5)
    outbound(lab, k, "101", NUM, status="answered", e164=NUM164, final="101", hangup_by="agent", recorded=True)


@sc("out_rejected", "The customer declines (603).")
async def _(lab):
    lab.world[NUM] = reject_with(603, 1)
    k = await lab.dial("101", NUM)
    await k.wait("end", 10)
    outbound(lab, k, "101", NUM, status="rejected", e164=NUM164, hangup_by="network", cause=21)


async def start_out(lab):
    lab.world[NUM] = answer_after(0.8)
    k = await lab.dial("101", NUM)
    await k.wait("answer")
    await sleep(1)
    return k, lab.leg(NUM)


@sc("out_xfer_blind", "101 calls a customer and blind transfers him to 102, who answers.")
async def _(lab):
    k, x = await start_out(lab)
    lab.set(p102=answer_after(0.8))
    await k.refer(refer_to(lab, "102"))
    b = await lab.leg_when("102")
    await b.wait("answer")
    await k.bye()
    await sleep(1.5)
    end = x
    await end.bye()
    outbound(
        lab,
        x,
        "101",
        NUM,
        status="answered",
        e164=NUM164,
        final="102",
        hangup_by="customer",
        recorded=True,
        legs=[(NUM, "outside", x), ("102", "agent", b)],
        start_from=k,
        transfers=[{"type": "blind", "by": "101", "to": "102", "result": "answered"}],
    )


@sc("out_xfer_attended", "101 calls a customer, asks 102, then joins them (REFER with Replaces).")
async def _(lab):
    k, x = await start_out(lab)
    lab.set(p102=answer_after(0.8))
    await k.hold()
    q = await lab.dial("101", "102")
    await q.wait("answer")
    await sleep(0.8)
    await k.refer_replaces(q)
    await k.bye()
    await q.bye()
    await sleep(1.5)
    await x.bye()
    outbound(
        lab,
        x,
        "101",
        NUM,
        status="answered",
        e164=NUM164,
        final="102",
        hangup_by="customer",
        recorded=True,
        legs=[(NUM, "outside", x), ("102", "agent", lab.leg("102"))],
        start_from=k,
        consult_call_id=q.call_id,
        transfers=[{"type": "attended", "by": "101", "to": "102", "result": "answered"}],
    )


@sc("own_number_loop", "101 dials the company's own number; the carrier sends the call back in; 102 answers.")
async def _(lab):
    dialled, back = "02079460102", []

    async def loop(call):
        call.ring()
        x = await lab.outside(OWN, DID + "102")
        back.append(x)
        if await x.wait("answer", 6):
            call.answer()
        await call.wait("end", 20)
        await x.bye()

    lab.world[dialled] = loop
    lab.set(p102=answer_after(0.8))
    k = await lab.dial("101", dialled)
    await talk_and_hang(k, 1.5)
    await back[0].wait("end", 5)
    outbound(
        lab,
        k,
        "101",
        dialled,
        "out",
        status="answered",
        e164="+442079460102",
        final="101",
        hangup_by="agent",
        recorded=True,
        crm=False,
        remark="the company rang itself",
    )
    inbound(
        lab,
        back[0],
        "in",
        status="answered",
        number=OWN,
        did=DID + "102",
        extension="102",
        legs=A("102"),
        answered_by=["102"],
        final="102",
        hangup_by="caller",
        recorded=True,
        crm=False,
    )


# ---------------------------------------------------------------- click to call
async def originate(lab, channel="PJSIP/101", number=NUM, **kw):
    return await lab.ctl.action(
        "Originate",
        Channel=channel,
        Context="from-internal",
        Exten=number,
        Priority="1",
        CallerID=f"Click to call <{number}>",
        Timeout="20000",
        Async="true",
        **kw,
    )


@sc("c2c_local_channel", "AMI Originate over Local/101@from-internal: 101 answers, then the customer.")
async def _(lab):
    lab.set(p101=answer_after(1))
    lab.world[NUM] = answer_after(1)
    await originate(lab, "Local/101@from-internal")
    a = await lab.leg_when("101")
    await a.wait("answer")
    x = await lab.leg_when(NUM)
    await x.wait("answer")
    await sleep(2)
    await a.bye()
    await x.wait("end", 5)
    outbound(
        lab,
        a,
        "101",
        NUM,
        status="answered",
        e164=NUM164,
        entry="click-to-call",
        final="101",
        hangup_by="agent",
        recorded=True,
        legs=[("101", "agent", a), (NUM, "outside", x)],
    )


@sc("c2c_customer_busy", "AMI Originate: 101 answers, the customer is busy.")
async def _(lab):
    lab.set(p101=answer_after(0.8))
    lab.world[NUM] = reject_with(486, 0.5, ring=False)
    await originate(lab)
    a = await lab.leg_when("101")
    await a.wait("end", 12)
    outbound(
        lab,
        a,
        "101",
        NUM,
        status="busy",
        e164=NUM164,
        entry="click-to-call",
        hangup_by="network",
        cause=17,
        legs=[("101", "agent", a), (NUM, "outside", lab.leg(NUM))],
    )


@sc("c2c_agent_rejects", "AMI Originate: 101 declines; the customer is never dialled.")
async def _(lab):
    lab.set(p101=reject_with(603, 0.8))
    await originate(lab)
    a = await lab.leg_when("101")
    await a.wait("end", 8)
    await sleep(0.5)
    outbound(
        lab,
        a,
        "101",
        NUM,
        status="cancelled",
        e164=NUM164,
        entry="click-to-call",
        hangup_by="agent",
        cause=21,
        legs=[("101", "agent", a), (NUM, "outside", None)],
        crm=False,
        remark="the customer was never called",
    )


# ---------------------------------------------------------------- internal
@sc("int_missed", "101 rings 102 inside; nobody answers.")
async def _(lab):
    k = await lab.dial("101", "102")
    await k.wait("end", 10)
    inside(lab, k, "101", "102", recorded=False, hangup_by="pbx", cause=19, expect={"102": "cancelled"})


@sc("int_transferred", "101 rings 102 inside; 102 blind transfers 101 to 103. Internal throughout.")
async def _(lab):
    lab.set(p102=answer_after(0.7), p103=answer_after(0.8))
    k = await lab.dial("101", "102")
    await k.wait("answer")
    await sleep(1)
    b = lab.leg("102")
    await b.refer(refer_to(lab, "103"))
    d = await lab.leg_when("103")
    await d.wait("answer")
    await b.bye()
    await sleep(1.2)
    await k.bye()
    inside(
        lab,
        k,
        "101",
        "102",
        answered=["102", "103"],
        legs=A2(lab, "102", "103"),
        transfers=[{"type": "blind", "by": "102", "to": "103", "result": "answered"}],
    )


@sc("int_to_external_transfer", "101 rings 102 inside; 102 transfers 101 to a customer outside, who answers.")
async def _(lab):
    lab.set(p102=answer_after(0.7))
    lab.world[NUM] = answer_after(0.8)
    k = await lab.dial("101", "102")
    await k.wait("answer")
    await sleep(1)
    b = lab.leg("102")
    await b.refer(refer_to(lab, NUM))
    x = await lab.leg_when(NUM)
    await x.wait("answer")
    await b.bye()
    await sleep(1.2)
    await k.bye()
    outbound(
        lab,
        k,
        "101",
        NUM,
        status="answered",
        e164=NUM164,
        final="101",
        hangup_by="agent",
        recorded=True,
        legs=[("102", "agent", b), (NUM, "outside", x)],
        transfers=[{"type": "blind", "by": "102", "to": NUM, "result": "answered"}],
        remark="began inside; a customer was reached by 101",
    )


# ---------------------------------------------------------------- the link to the PBX itself
@sc(
    "ami_lost_call_ends",
    "The AMI link drops while a call is up; the call ends before the link is back; then one more call.",
)
async def _(lab):
    c, _a = await start_call(lab)
    await lab.cap.close()
    await sleep(0.5)
    await c.bye()
    await c.wait("end")
    await sleep(0.8)
    lab.cap = await Ami(record=True).connect(lab.ami_port, "bridge", "bridge-secret")
    lab.caps.append(lab.cap)
    await lab.cap.list("CoreShowChannels", "CoreShowChannelsComplete")
    await lab.cap.list("BridgeList", "BridgeListComplete")
    await lab.cap.list("Status", "StatusComplete")
    d = await lab.outside(C2, DID + "101")
    await talk_and_hang(d, 1.5)
    inbound(
        lab,
        c,
        "ended unseen",
        status="answered",
        did=DID + "101",
        extension="101",
        legs=[("101", "agent", lab.leg("101", 0))],
        answered_by=["101"],
        final="101",
        hangup_by="caller",
        recorded=True,
    )
    inbound(
        lab,
        d,
        "afterwards",
        status="answered",
        did=DID + "101",
        extension="101",
        number=C2,
        legs=[("101", "agent", lab.leg("101", 1))],
        answered_by=["101"],
        final="101",
        hangup_by="caller",
        recorded=True,
    )


@sc(
    "ami_lost_ringing",
    "The AMI link drops while a phone rings; the phone answers meanwhile; the link comes back mid-call.",
)
async def _(lab):
    lab.set(p101=answer_after(1.5))
    c = await lab.outside(C1, DID + "101")
    await c.wait("ring")
    await sleep(0.3)
    await lab.cap.close()
    await c.wait("answer")
    await sleep(0.5)
    lab.cap = await Ami(record=True).connect(lab.ami_port, "bridge", "bridge-secret")
    lab.caps.append(lab.cap)
    await lab.cap.list("CoreShowChannels", "CoreShowChannelsComplete")
    await lab.cap.list("BridgeList", "BridgeListComplete")
    await lab.cap.list("Status", "StatusComplete")
    await sleep(1.5)
    await c.bye()
    inbound(
        lab,
        c,
        status="answered",
        did=DID + "101",
        extension="101",
        legs=A("101"),
        answered_by=["101"],
        final="101",
        hangup_by="caller",
        recorded=True,
    )


@sc(
    "pbx_crash_midcall",
    "Asterisk is killed (SIGKILL) during a call and started again; ami.2.txt is the link afterwards.",
)
async def _(lab):
    c, _a = await start_call(lab)
    t = time.time()
    os.kill(int((lab.root.parents[1] / "run" / f"{lab.version}.pid").read_text()), signal.SIGKILL)
    inbound(
        lab,
        c,
        "cut by the crash",
        status="answered",
        did=DID + "101",
        extension="101",
        legs=[("101", "agent", lab.leg("101", 0))],
        answered_by=["101"],
        final="101",
        hangup_by="pbx",
        cause=16,
        recorded=False,
        remark="the recording has its header only",
    )
    await back_again(lab, t, "crash")


@sc("pbx_reload_midcall", "The configuration is reloaded (core reload) during a call: nothing happens to it.")
async def _(lab):
    c, _a = await start_call(lab)
    await lab.ctl.action("Command", Command="core reload", timeout=20)
    await sleep(1.5)
    await c.bye()
    inbound(
        lab,
        c,
        status="answered",
        did=DID + "101",
        extension="101",
        legs=A("101"),
        answered_by=["101"],
        final="101",
        hangup_by="caller",
        recorded=True,
    )
