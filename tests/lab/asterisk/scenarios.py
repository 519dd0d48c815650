# ruff: noqa: TID251, ASYNC109, C901, N802, PLC0415, PLR0915, PLR0917  # the kit stands alone: its own clock, tasks and dice, and it prints
"""The calls.  Each scenario drives phones and carriers, then states what happened.

Numbers: +44 7700 900xxx are people, +44 20 7946 0xxx is the company; both ranges are for fiction.
The word list used in truth.json:
  status     answered | missed | abandoned (caller gave up before a person answered) | busy | rejected |
             unavailable | voicemail | announcement | failed | noanswer | cancelled (outbound, agent gave up) |
             internal | parked-lost
  entry      direct | queue | ringgroup | hunt | ivr | followme | forward | conference | announcement |
             blocked | route | click-to-call | internal | unknown-did
  kind       agent (a phone of ours) | mobile (an outside number standing for an agent) | outside | system
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from lablib import KIT, Ami, Lab, Skip
from miniua import answer_after, no_answer, reject_with

sleep = asyncio.sleep
REG: dict[str, dict] = {}
DID = "442079460"  # + three digits
C1, C2, C3, C4 = "+447700900101", "+447700900102", "+447700900103", "+447700900104"
MOBILE = "07700900555"


def sc(name: str, text: str, **opt):
    def deco(f):
        REG[name] = {"f": f, "text": text, **opt}
        return f

    return deco


def A(*parties):  # legs helper
    return [(p, "agent") for p in parties]


def inbound(lab: Lab, c, label="call", *, status, legs=(), number=C1, e164="same", did, entry="direct", **kw):
    """lab.truth for a call from outside; legs are (party, kind[, Call])."""
    full = []
    for x in legs:
        p, k = x[0], x[1]
        full.append((p, k, x[2] if len(x) > 2 else lab.leg(p, number=number) or lab.leg(p)))
    return lab.truth(
        label,
        c,
        direction="inbound",
        status=status,
        answered=kw.pop("answered", status == "answered"),
        entry=entry,
        number=number,
        e164=number if e164 == "same" else e164,
        did=did,
        legs=full,
        **kw,
    )


def outbound(lab: Lab, c, agent, number, label="call", *, status, e164, far="same", carriers=None, entry="route", **kw):
    """lab.truth for a call from one of our phones to the outside."""
    far_leg = lab.leg(number) if far == "same" else far
    legs = kw.pop("legs", None) or [(number, "outside", far_leg)]
    return lab.truth(
        label,
        c,
        direction="outbound",
        status=status,
        answered=status == "answered",
        entry=entry,
        number=number,
        e164=e164,
        dialed=number,
        extension=agent,
        legs=legs,
        answered_by=[number] if status == "answered" else [],
        **kw,
    )


async def talk_and_hang(c, seconds, who="caller", leg=None):
    if not await c.wait("answer", 12):
        return
    await sleep(seconds)
    await (c if who == "caller" else leg).bye()
    await c.wait("end", 6)


# ---------------------------------------------------------------- inbound, one phone
@sc("in_direct_answered", "Caller in E.164 rings 101, 101 answers after 1.5 s, 3 s of talk, caller hangs up.", ari=True)
async def _(lab):
    lab.set(p101=answer_after(1.5))
    c = await lab.outside(C1, DID + "101")
    await talk_and_hang(c, 3)
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


@sc("in_direct_agent_hangs_up", "As before, but the agent hangs up.")
async def _(lab):
    lab.set(p101=answer_after(1, talk=2.5))
    c = await lab.outside(C1, DID + "101")
    await c.wait("end", 10)
    inbound(
        lab,
        c,
        status="answered",
        did=DID + "101",
        extension="101",
        legs=A("101"),
        answered_by=["101"],
        final="101",
        hangup_by="agent",
        recorded=True,
        expect={"101": "answered"},
    )


@sc("in_direct_missed", "101 rings 4 s, nobody answers, the PBX ends the call.")
async def _(lab):
    c = await lab.outside(C1, DID + "101")
    await c.wait("end", 10)
    inbound(
        lab,
        c,
        status="missed",
        did=DID + "101",
        extension="101",
        legs=A("101"),
        hangup_by="pbx",
        cause=19,
        expect={"101": "cancelled"},
    )


@sc("in_direct_caller_cancels", "The caller hangs up while 101 rings.")
async def _(lab):
    c = await lab.outside(C1, DID + "101")
    await c.wait("ring", 5)
    await sleep(2)
    await c.cancel()
    inbound(
        lab,
        c,
        status="abandoned",
        did=DID + "101",
        extension="101",
        legs=A("101"),
        hangup_by="caller",
        cause=16,
        expect={"101": "cancelled"},
    )


@sc("in_direct_busy", "101 is busy (486).")
async def _(lab):
    lab.set(p101=reject_with(486, 0.2, ring=False))
    c = await lab.outside(C1, DID + "101")
    await c.wait("end", 10)
    inbound(
        lab,
        c,
        status="busy",
        did=DID + "101",
        extension="101",
        legs=A("101"),
        hangup_by="pbx",
        cause=17,
        expect={"101": "busy"},
    )


@sc("in_direct_rejected", "101 rings, then presses Decline (603).")
async def _(lab):
    lab.set(p101=reject_with(603, 1.2))
    c = await lab.outside(C1, DID + "101")
    await c.wait("end", 10)
    inbound(
        lab,
        c,
        status="rejected",
        did=DID + "101",
        extension="101",
        legs=A("101"),
        hangup_by="pbx",
        cause=21,
        expect={"101": "rejected"},
    )


@sc("in_direct_unregistered", "101's phone is not registered.")
async def _(lab):
    await lab.phones["101"].register(0)
    await sleep(0.3)
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
        cause=20,
        expect={"101": "not-called"},
    )


@sc("in_blocked_by_pbx", "The PBX turns this called number away at once (cause 21).")
async def _(lab):
    c = await lab.outside(C1, DID + "800")
    await c.wait("end", 10)
    inbound(lab, c, status="rejected", did=DID + "800", entry="blocked", hangup_by="pbx", cause=21)


@sc("in_user_events", "Answered call of a dialplan that also sends a UserEvent.")
async def _(lab):
    lab.set(p101=answer_after(0.8))
    c = await lab.outside(C1, DID + "850")
    await talk_and_hang(c, 2)
    inbound(
        lab,
        c,
        status="answered",
        did=DID + "850",
        extension="101",
        legs=A("101"),
        answered_by=["101"],
        final="101",
        hangup_by="caller",
        recorded=True,
        expect={"101": "answered"},
    )


# ---------------------------------------------------------------- how the number is written
def number_case(case, text, shown, e164, **kw):
    @sc(case, text)
    async def _(lab):
        lab.set(p101=answer_after(0.6))
        c = await lab.outside(shown, DID + "101", **kw)
        await talk_and_hang(c, 1.5)
        inbound(
            lab,
            c,
            status="answered",
            did=DID + "101",
            extension="101",
            number=shown,
            e164=e164,
            legs=A("101"),
            answered_by=["101"],
            final="101",
            hangup_by="caller",
            recorded=True,
            expect={"101": "answered"},
        )


number_case("num_national", "Caller id in national form, 07700 900101.", "07700900101", C1)
number_case("num_e164_no_plus", "Caller id as 447700900101 without plus.", "447700900101", C1)
number_case("num_00_prefix", "Caller id as 00447700900101.", "00447700900101", C1)
number_case("num_short_code", "Caller id is a five-digit short code.", "60777", None)
number_case(
    "num_with_name", "Caller id with a display name (non-ASCII, quotes, comma).", C2, C2, name="Zażółć, J. O'Brien"
)


@sc("num_anonymous", "Withheld number: From anonymous@anonymous.invalid with Privacy: id.")
async def _(lab):
    lab.set(p101=answer_after(0.6))
    c = await lab.outside(
        "anonymous", DID + "101", name="Anonymous", host="anonymous.invalid", extra=[("Privacy", "id")]
    )
    await talk_and_hang(c, 1.5)
    inbound(
        lab,
        c,
        status="answered",
        did=DID + "101",
        extension="101",
        number=None,
        legs=A("101"),
        answered_by=["101"],
        final="101",
        hangup_by="caller",
        recorded=True,
        withheld=True,
        expect={"101": "answered"},
    )


# ---------------------------------------------------------------- repeated and simultaneous


@sc("in_missed_then_again", "A missed call; 3 s later the same caller rings again and is answered.")
async def _(lab):
    a = await lab.outside(C1, DID + "101")
    await a.wait("end", 10)
    inbound(
        lab,
        a,
        "first",
        status="missed",
        did=DID + "101",
        extension="101",
        legs=A("101"),
        hangup_by="pbx",
        cause=19,
        expect={"101": "cancelled"},
    )
    lab.set(p101=answer_after(0.8))
    await sleep(3)
    b = await lab.outside(C1, DID + "101")
    await talk_and_hang(b, 1.5)
    inbound(
        lab,
        b,
        "second",
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


@sc("missed_then_callback", "A missed call; 101 rings the caller back in national form; answered.")
async def _(lab):
    a = await lab.outside(C1, DID + "101")
    await a.wait("end", 10)
    inbound(
        lab,
        a,
        "missed",
        status="missed",
        did=DID + "101",
        extension="101",
        legs=A("101"),
        hangup_by="pbx",
        cause=19,
        expect={"101": "cancelled"},
    )
    n = "07700900101"
    lab.world[n] = answer_after(0.8)
    await sleep(1)
    k = await lab.dial("101", n)
    await talk_and_hang(k, 1.5)
    outbound(lab, k, "101", n, "callback", status="answered", e164=C1, final="101", hangup_by="agent", recorded=True)


# ---------------------------------------------------------------- voicemail, announcements, menu
@sc("vm_left", "101 does not answer for 3 s, the caller leaves a message of 3 s.")
async def _(lab):
    c = await lab.outside(C1, DID + "901")
    await c.wait("answer", 10)
    await sleep(3.5)
    await c.bye()
    inbound(
        lab,
        c,
        status="voicemail",
        did=DID + "901",
        extension="101",
        legs=A("101"),
        hangup_by="caller",
        voicemail={"left": True, "mailbox": "101"},
        expect={"101": "cancelled"},
    )


@sc("afterhours_announcement", "Out of hours: the PBX answers, plays an announcement, hangs up. Nobody is rung.")
async def _(lab):
    c = await lab.outside(C1, DID + "500")
    await c.wait("end", 12)
    inbound(lab, c, status="announcement", did=DID + "500", entry="announcement", hangup_by="pbx")


@sc("ivr_then_answered", "Menu: the caller presses 1, 102 answers.")
async def _(lab):
    lab.set(p102=answer_after(1))
    c = await lab.outside(C1, DID + "400")
    await c.wait("answer")
    await sleep(0.8)
    c.dtmf("1")
    b = await lab.leg_when("102")
    await b.wait("answer", 8)
    await sleep(2)
    await c.bye()
    inbound(
        lab,
        c,
        status="answered",
        did=DID + "400",
        entry="ivr",
        extension="102",
        legs=A("102"),
        answered_by=["102"],
        final="102",
        hangup_by="caller",
        recorded=True,
        ivr_choice="1",
        expect={"102": "answered"},
    )


@sc("ivr_hangup", "The caller hangs up inside the menu.")
async def _(lab):
    c = await lab.outside(C1, DID + "400")
    await c.wait("answer")
    await sleep(1.2)
    await c.bye()
    inbound(lab, c, status="abandoned", did=DID + "400", entry="ivr", hangup_by="caller")


# ---------------------------------------------------------------- queues
@sc("q_answered_first", "Queue: the first member answers.")
async def _(lab):
    lab.set(p101=answer_after(1))
    c = await lab.outside(C1, DID + "200")
    a = await lab.leg_when("101")
    await a.wait("answer")
    await sleep(2)
    await c.bye()
    inbound(
        lab,
        c,
        status="answered",
        did=DID + "200",
        entry="queue",
        queue="sales",
        legs=A("101"),
        answered_by=["101"],
        final="101",
        hangup_by="caller",
        recorded=True,
        expect={"101": "answered"},
    )


@sc("q_answered_second", "Queue: 101 rings 2 s without answer, then 102 answers; 102 hangs up.", ari=True)
async def _(lab):
    lab.set(p102=answer_after(1, talk=2))
    c = await lab.outside(C1, DID + "200")
    await c.wait("end", 15)
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
        hangup_by="agent",
        recorded=True,
        expect={"101": "cancelled", "102": "answered"},
    )


@sc("q_abandoned", "Queue: the caller gives up while 101 rings.")
async def _(lab):
    c = await lab.outside(C1, DID + "200")
    await lab.leg_when("101")
    await sleep(1.2)
    await c.bye()
    inbound(
        lab,
        c,
        status="abandoned",
        did=DID + "200",
        entry="queue",
        queue="sales",
        legs=A("101"),
        hangup_by="caller",
        expect={"101": "cancelled"},
    )


@sc("q_timeout_voicemail", "Queue times out after 4 s (101 and 102 rang), the caller leaves a message.")
async def _(lab):
    c = await lab.outside(C1, DID + "201")
    await lab.until(lambda: lab.leg("102") is not None and lab.leg("102").e_end.is_set(), 12)
    await sleep(4)
    await c.bye()
    inbound(
        lab,
        c,
        status="voicemail",
        did=DID + "201",
        entry="queue",
        queue="sales",
        legs=A("101", "102"),
        hangup_by="caller",
        voicemail={"left": True, "mailbox": "200"},
        expect={"101": "cancelled", "102": "cancelled"},
    )


@sc("q_timeout_hangup", "An unanswered queue (ringing tone, no answer to the caller) times out; released.")
async def _(lab):
    c = await lab.outside(C1, DID + "206")
    await c.wait("end", 15)
    inbound(
        lab,
        c,
        status="missed",
        did=DID + "206",
        entry="queue",
        queue="sales",
        legs=A("101", "102"),
        hangup_by="pbx",
        cause=19,
        expect={"101": "cancelled", "102": "cancelled"},
    )


@sc("q_nobody_logged_in", "Queue without an available member: straight to voicemail, no message left.")
async def _(lab):
    c = await lab.outside(C1, DID + "204")
    await c.wait("answer")
    await sleep(0.7)
    await c.bye()
    inbound(lab, c, status="missed", did=DID + "204", entry="queue", queue="empty", hangup_by="caller")


@sc("q_ringall", "Queue that rings everybody: 102 is first.")
async def _(lab):
    lab.set(p102=answer_after(1.2))
    c = await lab.outside(C1, DID + "202")
    b = await lab.leg_when("102")
    await b.wait("answer")
    await sleep(1.5)
    await c.bye()
    inbound(
        lab,
        c,
        status="answered",
        did=DID + "202",
        entry="queue",
        queue="desk",
        legs=A("101", "102", "103"),
        answered_by=["102"],
        final="102",
        hangup_by="caller",
        recorded=True,
        expect={"101": "cancelled", "102": "answered", "103": "cancelled"},
    )


@sc("q_local_members", "Queue whose members are Local channels: 101 does not answer, 102 does.")
async def _(lab):
    lab.set(p102=answer_after(0.8))
    c = await lab.outside(C1, DID + "203")
    b = await lab.leg_when("102")
    await b.wait("answer")
    await sleep(2)
    await c.bye()
    inbound(
        lab,
        c,
        status="answered",
        did=DID + "203",
        entry="queue",
        queue="support",
        legs=A("101", "102"),
        answered_by=["102"],
        final="102",
        hangup_by="caller",
        recorded=True,
        expect={"101": "cancelled", "102": "answered"},
    )


# ---------------------------------------------------------------- ring groups, hunting
@sc("rg_answered", "Ring group of three: 102 answers.")
async def _(lab):
    lab.set(p102=answer_after(1.5))
    c = await lab.outside(C1, DID + "300")
    await talk_and_hang(c, 2)
    inbound(
        lab,
        c,
        status="answered",
        did=DID + "300",
        entry="ringgroup",
        legs=A("101", "102", "103"),
        answered_by=["102"],
        final="102",
        hangup_by="caller",
        recorded=True,
        expect={"101": "cancelled", "102": "answered", "103": "cancelled"},
    )


@sc("rg_unanswered", "Ring group of three: nobody answers for 5 s.")
async def _(lab):
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
        expect={"101": "cancelled", "102": "cancelled", "103": "cancelled"},
    )


@sc("rg_local_answered", "Ring group over Local channels (optimised away after answer): 103 answers.")
async def _(lab):
    lab.set(p103=answer_after(1))
    c = await lab.outside(C1, DID + "301")
    await talk_and_hang(c, 2)
    inbound(
        lab,
        c,
        status="answered",
        did=DID + "301",
        entry="ringgroup",
        legs=A("101", "102", "103"),
        answered_by=["103"],
        final="103",
        hangup_by="caller",
        recorded=True,
        expect={"101": "cancelled", "102": "cancelled", "103": "answered"},
    )


@sc("hunt_nobody", "One after the other, nobody answers; the caller gives up at the third.")
async def _(lab):
    c = await lab.outside(C1, DID + "302")
    await lab.leg_when("103")
    await sleep(1)
    await c.cancel()
    inbound(
        lab,
        c,
        status="abandoned",
        did=DID + "302",
        entry="hunt",
        legs=A("101", "102", "103"),
        hangup_by="caller",
        expect={"101": "cancelled", "102": "cancelled", "103": "cancelled"},
    )


# ---------------------------------------------------------------- transfers
async def start_call(lab, talk=0.8):
    lab.set(p101=answer_after(0.6))
    c = await lab.outside(C1, DID + "101")
    await c.wait("answer")
    await sleep(talk)
    return c, lab.leg("101")


@sc("xfer_blind_answered", "101 blind transfers (REFER) to 102, who answers.", ari=True)
async def _(lab):
    c, a = await start_call(lab)
    lab.set(p102=answer_after(1))
    code = await a.refer(f"sip:102@127.0.0.1:{lab.sip_port}")
    b = await lab.leg_when("102")
    await b.wait("answer")
    await a.bye()
    await sleep(2)
    await c.bye()
    inbound(
        lab,
        c,
        status="answered",
        did=DID + "101",
        extension="101",
        legs=A("101", "102"),
        answered_by=["101", "102"],
        final="102",
        hangup_by="caller",
        recorded=True,
        transfers=[{"type": "blind", "by": "101", "to": "102", "result": "answered", "refer": code}],
        expect={"101": "answered", "102": "answered"},
    )


@sc("xfer_blind_unanswered", "101 blind transfers (REFER) to 102, who does not answer: the call is lost.")
async def _(lab):
    c, a = await start_call(lab)
    code = await a.refer(f"sip:102@127.0.0.1:{lab.sip_port}")
    await a.bye()
    await c.wait("end", 10)
    inbound(
        lab,
        c,
        status="answered",
        did=DID + "101",
        extension="101",
        legs=A("101", "102"),
        answered_by=["101"],
        final="101",
        hangup_by="pbx",
        cause=19,
        recorded=True,
        transfers=[{"type": "blind", "by": "101", "to": "102", "result": "noanswer", "refer": code}],
        remark="answered once by 101, lost after the transfer",
        expect={"101": "answered", "102": "cancelled"},
    )


@sc("xfer_att_completed", "Attended transfer (REFER with Replaces): 101 asks 102, then joins them.")
async def _(lab):
    c, a = await start_call(lab)
    lab.set(p102=answer_after(0.7))
    await a.hold()
    k = await lab.dial("101", "102")
    await k.wait("answer")
    await sleep(1)
    code = await a.refer_replaces(k)
    await a.bye()
    await k.bye()
    await sleep(2)
    await c.bye()
    inbound(
        lab,
        c,
        status="answered",
        did=DID + "101",
        extension="101",
        legs=A("101", "102"),
        answered_by=["101", "102"],
        final="102",
        hangup_by="caller",
        recorded=True,
        transfers=[{"type": "attended", "by": "101", "to": "102", "result": "answered", "refer": code}],
        consult_call_id=k.call_id,
        expect={"101": "answered", "102": "answered"},
    )


@sc("xfer_att_cancelled", "Attended transfer begun, 102 consulted, then taken back; 101 goes on talking.")
async def _(lab):
    c, a = await start_call(lab)
    lab.set(p102=answer_after(0.7))
    await a.hold()
    k = await lab.dial("101", "102")
    await k.wait("answer")
    await sleep(0.8)
    await k.bye()
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
        transfers=[{"type": "attended", "by": "101", "to": "102", "result": "cancelled"}],
        expect={"101": "answered"},
    )
    lab.truth(
        "consultation",
        k,
        direction="internal",
        status="internal",
        answered=True,
        entry="internal",
        number="101",
        dialed="102",
        extension="101",
        legs=[("102", "agent", lab.leg("102"))],
        answered_by=["102"],
        final="102",
        hangup_by="caller",
        recorded=True,
    )


@sc("xfer_att_feature", "Attended transfer by feature code (*2, 102); completed by 101 hanging up.")
async def _(lab):
    c, a = await start_call(lab)
    lab.set(p102=answer_after(0.6))
    a.dtmf("*2")
    await sleep(1.4)
    a.dtmf("102")
    b = await lab.leg_when("102", timeout=10)
    await b.wait("answer")
    await sleep(1)
    await a.bye()
    await sleep(1.5)
    await c.bye()
    inbound(
        lab,
        c,
        status="answered",
        did=DID + "101",
        extension="101",
        legs=A("101", "102"),
        answered_by=["101", "102"],
        final="102",
        hangup_by="caller",
        recorded=True,
        transfers=[{"type": "attended", "by": "101", "to": "102", "result": "answered", "how": "feature code"}],
        expect={"101": "answered", "102": "answered"},
    )


# ---------------------------------------------------------------- pickup, parking


@sc("pickup_directed", "101 rings; 103 takes the call with **101.")
async def _(lab):
    c = await lab.outside(C1, DID + "101")
    a = await lab.leg_when("101")
    await a.wait("ring")
    await sleep(1)
    k = await lab.dial("103", "**101")
    await c.wait("answer")
    await sleep(1.5)
    await c.bye()
    inbound(
        lab,
        c,
        status="answered",
        did=DID + "101",
        extension="101",
        legs=[*A("101"), ("103", "agent", k)],
        answered_by=["103"],
        final="103",
        hangup_by="caller",
        recorded=True,
        pickup={"by": "103", "of": "101"},
        expect={"101": "cancelled", "103": "answered"},
    )


@sc("park_retrieved", "101 parks the caller (blind transfer to 700); 102 dials 701 and talks.")
async def _(lab):
    c, a = await start_call(lab)
    code = await a.refer(f"sip:700@127.0.0.1:{lab.sip_port}")
    await sleep(0.8)
    await a.bye()
    await sleep(0.8)
    k = await lab.dial("102", "701")
    await k.wait("answer")
    await sleep(2)
    await c.bye()
    inbound(
        lab,
        c,
        status="answered",
        did=DID + "101",
        extension="101",
        legs=[*A("101"), ("102", "agent", k)],
        answered_by=["101", "102"],
        final="102",
        hangup_by="caller",
        recorded=True,
        parked={"by": "101", "space": "701", "retrieved_by": "102", "refer": code},
        expect={"101": "answered", "102": "answered"},
    )


@sc("park_caller_hangs_up", "101 parks the caller; the caller hangs up in the parking lot.")
async def _(lab):
    c, a = await start_call(lab)
    await a.refer(f"sip:700@127.0.0.1:{lab.sip_port}")
    await a.bye()
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
        parked={"by": "101", "space": "701", "retrieved_by": None},
        remark="answered once, lost while parked",
        expect={"101": "answered"},
    )


# ---------------------------------------------------------------- follow-me, forwarding
@sc("followme_mobile", "Follow-me over Local channels: 104's phone and a mobile ring, the mobile answers.")
async def _(lab):
    lab.world[MOBILE] = answer_after(1.2)
    c = await lab.outside(C1, DID + "600")
    await talk_and_hang(c, 2)
    inbound(
        lab,
        c,
        status="answered",
        did=DID + "600",
        entry="followme",
        extension="104",
        legs=[*A("104"), (MOBILE, "mobile")],
        answered_by=[MOBILE],
        final=MOBILE,
        hangup_by="caller",
        recorded=True,
        expect={"104": "cancelled", MOBILE: "answered"},
    )


@sc("followme_desk", "The same, but the desk phone answers.")
async def _(lab):
    lab.world[MOBILE] = no_answer(0.3)
    lab.set(p104=answer_after(1.2))
    c = await lab.outside(C1, DID + "600")
    await talk_and_hang(c, 1.5)
    inbound(
        lab,
        c,
        status="answered",
        did=DID + "600",
        entry="followme",
        extension="104",
        legs=[*A("104"), (MOBILE, "mobile")],
        answered_by=["104"],
        final="104",
        hangup_by="caller",
        recorded=True,
        expect={"104": "answered", MOBILE: "cancelled"},
    )


@sc("fwd_302_ext", "101's phone forwards by 302 to 102, who answers.")
async def _(lab):
    lab.set(
        p101=reject_with(302, 0.1, ring=False, extra=[("Contact", f"<sip:102@127.0.0.1:{lab.sip_port}>")]),
        p102=answer_after(1),
    )
    c = await lab.outside(C1, DID + "101")
    await talk_and_hang(c, 1.5)
    inbound(
        lab,
        c,
        status="answered",
        did=DID + "101",
        entry="forward",
        extension="101",
        legs=A("101", "102"),
        answered_by=["102"],
        final="102",
        hangup_by="caller",
        recorded=True,
        forwarded={"by": "101", "to": "102", "how": "302"},
        expect={"101": "redirected", "102": "answered"},
    )


@sc("fwd_pbx_mobile", "The PBX forwards all calls of 105 to a mobile through the outbound route (Local channel).")
async def _(lab):
    m = "07700900557"
    lab.world[m] = answer_after(1)
    c = await lab.outside(C1, DID + "602")
    await talk_and_hang(c, 2)
    inbound(
        lab,
        c,
        status="answered",
        did=DID + "602",
        entry="forward",
        extension="105",
        legs=[(m, "mobile")],
        answered_by=[m],
        final=m,
        hangup_by="caller",
        recorded=True,
        forwarded={"by": "105", "to": m, "how": "dialplan"},
        expect={m: "answered"},
    )


# ---------------------------------------------------------------- outbound
NUM, NUM164 = "07700900200", "+447700900200"


@sc("out_answered", "101 dials an outside number, answered after 1.5 s, the agent hangs up.")
async def _(lab):
    lab.world[NUM] = answer_after(1.5)
    k = await lab.dial("101", NUM)
    await talk_and_hang(k, 2.5)
    outbound(lab, k, "101", NUM, status="answered", e164=NUM164, final="101", hangup_by="agent", recorded=True)


@sc("out_customer_hangs_up", "101 dials out in international form (+), the customer hangs up.")
async def _(lab):
    n = "+447700900210"
    lab.world[n] = answer_after(1, talk=2)
    k = await lab.dial("101", n)
    await k.wait("end", 12)
    outbound(lab, k, "101", n, status="answered", e164=n, final="101", hangup_by="customer", recorded=True)


@sc("out_00_prefix", "103 dials out in 00 form; answered.")
async def _(lab):
    n = "00447700900211"
    lab.world[n] = answer_after(0.8)
    k = await lab.dial("103", n)
    await talk_and_hang(k, 1.5)
    outbound(lab, k, "103", n, status="answered", e164="+447700900211", final="103", hangup_by="agent", recorded=True)


@sc("out_agent_gives_up", "101 dials out, nobody answers, the agent hangs up after 3 s.")
async def _(lab):
    lab.world[NUM] = no_answer(0.3)
    k = await lab.dial("101", NUM)
    await k.wait("ring")
    await sleep(3)
    await k.cancel()
    outbound(lab, k, "101", NUM, status="cancelled", e164=NUM164, hangup_by="agent")


@sc("out_noanswer_network", "101 dials out, the network gives up with 480 after 2 s of ringing.")
async def _(lab):
    lab.world[NUM] = reject_with(480, 2)
    k = await lab.dial("101", NUM)
    await k.wait("end", 10)
    outbound(lab, k, "101", NUM, status="noanswer", e164=NUM164, hangup_by="network", cause=19)


@sc("out_busy", "101 dials out, the customer is busy.")
async def _(lab):
    lab.world[NUM] = reject_with(486, 0.5, ring=False)
    k = await lab.dial("101", NUM)
    await k.wait("end", 10)
    outbound(lab, k, "101", NUM, status="busy", e164=NUM164, hangup_by="network", cause=17)


@sc("out_congestion", "101 dials out, both carriers answer 503.")
async def _(lab):
    lab.world[("carrier", NUM)] = reject_with(503, 0.2, ring=False)
    lab.world[("carrierb", NUM)] = reject_with(503, 0.2, ring=False)
    k = await lab.dial("101", NUM)
    await k.wait("end", 10)
    outbound(
        lab,
        k,
        "101",
        NUM,
        status="failed",
        e164=NUM164,
        hangup_by="network",
        cause=34,
        legs=[(NUM, "outside", lab.leg(NUM, 0)), (NUM, "outside", lab.leg(NUM, 1))],
    )


@sc("out_invalid", "101 dials a number that does not exist (404).")
async def _(lab):
    n = "07700900999"
    k = await lab.dial("101", n)
    await k.wait("end", 10)
    outbound(lab, k, "101", n, status="failed", e164="+447700900999", hangup_by="network", cause=1)


@sc("out_not_permitted", "101 dials digits that match no route: the PBX refuses (404), no carrier is reached.")
async def _(lab):
    k = await lab.dial("101", "99887766")
    await k.wait("end", 10)
    lab.truth(
        "call",
        k,
        direction="internal",
        status="failed",
        answered=False,
        entry="internal",
        number="101",
        dialed="99887766",
        extension="101",
        hangup_by="pbx",
        cause=1,
        crm=False,
        ami_visible=False,
        remark="refused before a channel exists: AMI shows nothing",
    )


# ---------------------------------------------------------------- click to call
async def originate(lab, agent="101", number=NUM, channel=None, timeout=20000, cid=None, **kw):
    return await lab.ctl.action(
        "Originate",
        Channel=channel or f"PJSIP/{agent}",
        Context="from-internal",
        Exten=number,
        Priority="1",
        CallerID=cid or f"Click to call <{number}>",
        Timeout=str(timeout),
        Async="true",
        **kw,
    )


@sc("c2c_both_answer", "AMI Originate rings 101, 101 answers, the customer is dialled and answers.")
async def _(lab):
    lab.set(p101=answer_after(1))
    lab.world[NUM] = answer_after(1.2)
    await originate(lab)
    a = await lab.leg_when("101")
    await a.wait("answer")
    x = await lab.leg_when(NUM)
    await x.wait("answer")
    await sleep(2)
    await a.bye()
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


@sc("c2c_agent_noanswer", "AMI Originate rings 101 for 3 s; the agent does not answer; the customer is never dialled.")
async def _(lab):
    await originate(lab, timeout=3000)
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
        hangup_by="pbx",
        cause=19,
        legs=[("101", "agent", a), (NUM, "outside", None)],
        crm=False,
        remark="the customer was never called",
    )


@sc("c2c_customer_noanswer", "AMI Originate: 101 answers, the customer does not; the agent gives up.")
async def _(lab):
    lab.set(p101=answer_after(0.8))
    lab.world[NUM] = no_answer(0.3)
    await originate(lab)
    a = await lab.leg_when("101")
    await lab.leg_when(NUM)
    await sleep(2.5)
    await a.bye()
    await sleep(0.3)
    outbound(
        lab,
        a,
        "101",
        NUM,
        status="cancelled",
        e164=NUM164,
        entry="click-to-call",
        hangup_by="agent",
        legs=[("101", "agent", a), (NUM, "outside", lab.leg(NUM))],
    )


@sc("c2c_own_ids", "AMI Originate which sets ChannelId: the uniqueid is then the panel's own text, not epoch.number.")
async def _(lab):
    lab.set(p101=answer_after(0.8))
    lab.world[NUM] = answer_after(1)
    await originate(lab, ChannelId=f"crm-{int(time.time())}-a")
    a = await lab.leg_when("101")
    await a.wait("answer")
    x = await lab.leg_when(NUM)
    await x.wait("answer")
    await sleep(1.5)
    await x.bye()
    outbound(
        lab,
        a,
        "101",
        NUM,
        status="answered",
        e164=NUM164,
        entry="click-to-call",
        final="101",
        hangup_by="customer",
        recorded=True,
        legs=[("101", "agent", a), (NUM, "outside", x)],
    )


# ---------------------------------------------------------------- internal
@sc("int_answered", "101 rings 102 inside; answered. Not a CRM event.")
async def _(lab):
    lab.set(p102=answer_after(1))
    k = await lab.dial("101", "102")
    await talk_and_hang(k, 2)
    lab.truth(
        "call",
        k,
        direction="internal",
        status="internal",
        answered=True,
        entry="internal",
        number="101",
        dialed="102",
        extension="101",
        legs=[("102", "agent", lab.leg("102"))],
        answered_by=["102"],
        final="102",
        hangup_by="caller",
        recorded=True,
        expect={"102": "answered"},
    )


# ---------------------------------------------------------------- the link to the PBX itself
@sc(
    "ami_reconnect_midcall",
    "The bridge's AMI link drops while a call is up and returns after 1.5 s; the first part is ami.txt, "
    "the second ami.2.txt, which begins with CoreShowChannels, BridgeList and QueueStatus answers.",
)
async def _(lab):
    lab.set(p101=answer_after(0.8), p102=answer_after(1.2))
    c = await lab.outside(C1, DID + "101")
    await c.wait("answer")
    await sleep(1)
    await lab.cap.close()
    q = await lab.outside(C2, DID + "102")  # arrives while nobody listens
    await q.wait("ring")
    await sleep(0.5)
    lab.cap = await Ami(record=True).connect(lab.ami_port, "bridge", "bridge-secret")
    lab.caps.append(lab.cap)
    await lab.cap.list("CoreShowChannels", "CoreShowChannelsComplete")
    await lab.cap.list("BridgeList", "BridgeListComplete")
    await lab.cap.list("Status", "StatusComplete")
    await lab.cap.list("QueueStatus", "QueueStatusComplete")
    await asyncio.gather(talk_and_hang(c, 2), talk_and_hang(q, 2))
    inbound(
        lab,
        c,
        "up when the link dropped",
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
    inbound(
        lab,
        q,
        "began while the link was down",
        status="answered",
        did=DID + "102",
        extension="102",
        number=C2,
        legs=A("102"),
        answered_by=["102"],
        final="102",
        hangup_by="caller",
        recorded=True,
        expect={"102": "answered"},
    )


async def back_again(lab, t, how):
    """After the PBX went away: close what hangs, link up again, one more call."""
    await asyncio.wait_for(lab.cap.closed.wait(), 10)
    down = time.time()
    await lab.ctl.close()
    await sleep(0.2)
    for u in (*lab.phones.values(), lab.trunk):
        for x in list(u.calls.values()):
            x._ended("us")  # the party hears silence and hangs up
    if how == "crash":
        await (
            await asyncio.create_subprocess_exec(str(KIT / "lab.sh"), "start", lab.version, stdout=subprocess.DEVNULL)
        ).wait()
    for _ in range(100):
        try:
            lab.ctl = await Ami().connect(lab.ami_port, "lab", "lab-secret", "off")
            break
        except (TimeoutError, OSError, RuntimeError):
            await sleep(0.1)
    lab.cap = await Ami(record=True).connect(lab.ami_port, "bridge", "bridge-secret")
    lab.caps.append(lab.cap)
    await lab.until(lambda: any(e[1].get("Event") == "FullyBooted" for e in lab.cap.events), 20)
    up = time.time()
    await lab.cap.list("CoreShowChannels", "CoreShowChannelsComplete")
    await asyncio.gather(*(u.register() for u in lab.phones.values()))
    q = await lab.outside(C2, DID + "101")
    await talk_and_hang(q, 1.5)
    lab.notes.append(
        f"{how} at {t - lab.t0:.2f}, link closed at {down - lab.t0:.2f}, FullyBooted again at {up - lab.t0:.2f}"
    )
    inbound(
        lab,
        q,
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
    "pbx_restart_midcall",
    "Asterisk is restarted (core restart now) during a call: hangups and a Shutdown event, then the link "
    "closes; ami.2.txt is the link afterwards, with a new call.",
)
async def _(lab):
    lab.set(p101=answer_after(0.8))
    c = await lab.outside(C1, DID + "101")
    await c.wait("answer")
    await sleep(1)
    t = time.time()
    p = await asyncio.create_subprocess_exec(
        str(KIT / "lab.sh"),
        "cli",
        lab.version,
        "core",
        "restart",
        "now",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    inbound(
        lab,
        c,
        "cut by the restart",
        status="answered",
        did=DID + "101",
        extension="101",
        legs=[("101", "agent", lab.leg("101", 0))],
        answered_by=["101"],
        final="101",
        hangup_by="pbx",
        cause=16,
        recorded=True,
    )
    await back_again(lab, t, "restart")
    await p.wait()


# ---------------------------------------------------------------- sipp as an independent caller
@sc("sipp_answered", "As in_direct_answered, but the caller is sipp (an independent SIP stack).")
async def _(lab):
    if not shutil.which("sipp"):
        raise Skip("sipp is not installed (package sip-tester)")
    lab.set(p101=answer_after(1))
    t = time.time()
    p = await asyncio.create_subprocess_exec(
        "sipp",
        "-sf",
        str(Path(__file__).parent / "sipp_uac.xml"),
        "-i",
        "127.0.0.2",
        "-p",
        str(lab.trunk_port + 9),
        "-mi",
        "127.0.0.2",
        "-s",
        DID + "101",
        "-m",
        "1",
        "-l",
        "1",
        "-key",
        "caller",
        C4,
        "-nostdin",
        f"127.0.0.1:{lab.sip_port}",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=tempfile.gettempdir(),
    )
    rc = await asyncio.wait_for(p.wait(), 20)
    a = lab.leg("101")
    await a.wait("end", 5)
    if rc:
        lab.problems.append(f"sipp ended with {rc}")
    from miniua import Call

    m = Call(lab.trunk, False, "sipp")  # sipp keeps no log for us; its leg mirrors the phone's
    m.times, m.code, m.result = {"start": t, "end": a.times["end"], "answer": a.times["answer"]}, 200, "answered"
    ids = [ln.split("|")[1] for ln in lab._tail(lab.f_map, lab.off_map).splitlines()]
    m.call_id = ids[0] if ids else ""
    inbound(
        lab,
        m,
        status="answered",
        did=DID + "101",
        extension="101",
        number=C4,
        legs=A("101"),
        answered_by=["101"],
        final="101",
        hangup_by="caller",
        recorded=True,
        expect={"101": "answered"},
        remark="sipp sends no voice; the recording holds the agent's side only",
    )


# ---------------------------------------------------------------- many at once
@sc(
    "mix_20_concurrent",
    "Twenty calls of many kinds, interleaved.",
    phones=[str(x) for x in (*range(101, 107), *range(111, 127))],
)
async def _(lab):
    out = []

    async def direct(ext, number, after, talk):
        c = await lab.outside(number, DID + ext)
        await talk_and_hang(c, talk)
        out.append(
            lambda: inbound(
                lab,
                c,
                f"direct {ext}",
                status="answered",
                number=number,
                did=DID + ext,
                extension=ext,
                legs=A(ext),
                answered_by=[ext],
                final=ext,
                hangup_by="caller",
                recorded=True,
            )
        )

    async def missed(ext, number):
        c = await lab.outside(number, DID + ext)
        await c.wait("end", 12)
        out.append(
            lambda: inbound(
                lab,
                c,
                f"missed {ext}",
                status="missed",
                number=number,
                did=DID + ext,
                extension=ext,
                legs=A(ext),
                hangup_by="pbx",
                cause=19,
            )
        )

    async def cancelled(ext, number):
        c = await lab.outside(number, DID + ext)
        await c.wait("ring")
        await sleep(1.5)
        await c.cancel()
        out.append(
            lambda: inbound(
                lab,
                c,
                f"abandoned {ext}",
                status="abandoned",
                number=number,
                did=DID + ext,
                extension=ext,
                legs=A(ext),
                hangup_by="caller",
            )
        )

    async def dialout(ext, number, talk):
        k = await lab.dial(ext, number)
        await talk_and_hang(k, talk)
        out.append(
            lambda: outbound(
                lab,
                k,
                ext,
                number,
                f"out {ext}",
                status="answered",
                e164="+44" + number[1:],
                final=ext,
                hangup_by="agent",
                recorded=True,
            )
        )

    async def dialbusy(ext, number):
        k = await lab.dial(ext, number)
        await k.wait("end", 10)
        out.append(
            lambda: outbound(
                lab,
                k,
                ext,
                number,
                f"out busy {ext}",
                status="busy",
                e164="+44" + number[1:],
                hangup_by="network",
                cause=17,
            )
        )

    async def inside(a, b):
        k = await lab.dial(a, b)
        await talk_and_hang(k, 2)
        out.append(
            lambda: lab.truth(
                f"inside {a}",
                k,
                direction="internal",
                status="internal",
                answered=True,
                entry="internal",
                number=a,
                dialed=b,
                extension=a,
                legs=[(b, "agent", lab.leg(b))],
                answered_by=[b],
                final=b,
                hangup_by="caller",
                recorded=True,
            )
        )

    async def group(number):
        c = await lab.outside(number, DID + "310")
        await talk_and_hang(c, 3)
        out.append(
            lambda: inbound(
                lab,
                c,
                "ring group",
                status="answered",
                number=number,
                did=DID + "310",
                entry="ringgroup",
                legs=[(p, "agent", lab.leg(p, number=number)) for p in ("113", "114", "115")],
                answered_by=["114"],
                final="114",
                hangup_by="caller",
                recorded=True,
            )
        )

    async def queue(number, member, n):
        c = await lab.outside(number, DID + "205")
        await lab.until(lambda: lab.leg(member, number=number) is not None, 20)
        b = lab.leg(member, number=number)
        await b.wait("answer", 8)
        await sleep(2)
        await c.bye()
        out.append(
            lambda: inbound(
                lab,
                c,
                f"queue {n}",
                status="answered",
                number=number,
                did=DID + "205",
                entry="queue",
                queue="load",
                legs=[(member, "agent", b)],
                answered_by=[member],
                final=member,
                hangup_by="caller",
                recorded=True,
            )
        )

    async def blind(number):
        c = await lab.outside(number, DID + "116")
        await c.wait("answer")
        await sleep(1)
        a = lab.leg("116")
        code = await a.refer(f"sip:117@127.0.0.1:{lab.sip_port}")
        b = await lab.leg_when("117")
        await b.wait("answer")
        await a.bye()
        await sleep(2)
        await c.bye()
        out.append(
            lambda: inbound(
                lab,
                c,
                "blind transfer",
                status="answered",
                number=number,
                did=DID + "116",
                extension="116",
                legs=[("116", "agent", a), ("117", "agent", b)],
                answered_by=["116", "117"],
                final="117",
                hangup_by="caller",
                recorded=True,
                transfers=[{"type": "blind", "by": "116", "to": "117", "result": "answered", "refer": code}],
            )
        )

    async def attended(number):
        c = await lab.outside(number, DID + "118")
        await c.wait("answer")
        await sleep(0.6)
        a = lab.leg("118")
        await a.hold()
        k = await lab.dial("118", "119")
        await k.wait("answer")
        await sleep(0.8)
        code = await a.refer_replaces(k)
        await a.bye()
        await k.bye()
        await sleep(1.5)
        await c.bye()
        b = lab.leg("119")
        out.append(
            lambda: inbound(
                lab,
                c,
                "attended transfer",
                status="answered",
                number=number,
                did=DID + "118",
                extension="118",
                legs=[("118", "agent", a), ("119", "agent", b)],
                answered_by=["118", "119"],
                final="119",
                hangup_by="caller",
                recorded=True,
                consult_call_id=k.call_id,
                transfers=[{"type": "attended", "by": "118", "to": "119", "result": "answered", "refer": code}],
            )
        )

    async def menu(number):
        c = await lab.outside(number, DID + "400")
        await c.wait("answer")
        await sleep(0.8)
        c.dtmf("1")
        b = await lab.leg_when("102", number=number)
        await b.wait("answer", 8)
        await sleep(2)
        await c.bye()
        out.append(
            lambda: inbound(
                lab,
                c,
                "menu",
                status="answered",
                number=number,
                did=DID + "400",
                entry="ivr",
                extension="102",
                legs=[("102", "agent", b)],
                answered_by=["102"],
                final="102",
                hangup_by="caller",
                recorded=True,
                ivr_choice="1",
            )
        )

    async def vm(number):
        c = await lab.outside(number, DID + "901")
        await c.wait("answer", 10)
        await sleep(3)
        await c.bye()
        out.append(
            lambda: inbound(
                lab,
                c,
                "voicemail",
                status="voicemail",
                number=number,
                did=DID + "901",
                extension="101",
                legs=[("101", "agent", lab.leg("101", number=number))],
                hangup_by="caller",
                voicemail={"left": True, "mailbox": "101"},
            )
        )

    async def announcement(number):
        c = await lab.outside(number, DID + "500")
        await c.wait("end", 12)
        out.append(
            lambda: inbound(
                lab,
                c,
                "announcement",
                status="announcement",
                number=number,
                did=DID + "500",
                entry="announcement",
                hangup_by="pbx",
            )
        )

    lab.set(
        p103=answer_after(1),
        p104=answer_after(1.4),
        p105=answer_after(0.8),
        p106=answer_after(1.1),
        p111=answer_after(1),
        p112=answer_after(1.2),
        p114=answer_after(1.5),
        p116=answer_after(0.7),
        p117=answer_after(1),
        p118=answer_after(0.7),
        p119=answer_after(0.8),
        p102=answer_after(1),
        p125=answer_after(0.9),
    )
    for n in ("07700900221", "07700900222"):
        lab.world[n] = answer_after(1.2)
    lab.world["07700900223"] = reject_with(486, 0.6, ring=False)
    base = "+4477009003"
    jobs = [
        direct("103", base + "01", 1, 4),
        direct("104", base + "02", 1, 3),
        direct("105", base + "03", 1, 5),
        direct("106", base + "04", 1, 2),
        missed("120", base + "05"),
        missed("121", base + "06"),
        cancelled("122", base + "07"),
        dialout("123", "07700900221", 3),
        dialout("124", "07700900222", 2),
        dialbusy("126", "07700900223"),
        inside("115", "125"),
        group(base + "08"),
        queue(base + "09", "111", 1),
        queue(base + "10", "112", 2),
        blind(base + "11"),
        attended(base + "12"),
        menu(base + "13"),
        vm(base + "14"),
        announcement(base + "15"),
        direct("103", base + "16", 1, 3),
    ]
    tasks = []
    for _i, j in enumerate(jobs):
        tasks.append(asyncio.create_task(j))
        await sleep(0.12)
    for r, j in zip(await asyncio.gather(*tasks, return_exceptions=True), jobs, strict=False):
        if isinstance(r, BaseException):
            lab.problems.append(f"{j.__name__}: {r!r}")
    for f in out:
        f()
