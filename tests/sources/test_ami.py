import asyncio
import ssl
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bridge.flow.intake import Overloaded
from bridge.model.call import Call, Direction, Outcome, Talk
from bridge.sources.ami_session import filters
from bridge.store.errors import StoreUnavailable
from bridge.wire.asterisk import EVENTS
from tests.flow.hand_clock import NOON
from tests.sources.fake_asterisk import FakeAsterisk
from tests.sources.spoken import answered, new_channel, over, ringing, unanswered, variable

ROOT = Path(__file__).parents[2]
CERTIFICATES = ROOT / "tests/sources/certificates"
LISTED = {
    "Channel": "PJSIP/trunk-00000001",
    "ChannelState": "6",
    "CallerIDNum": "+447700900101",
    "Exten": "442079460101",
    "Uniqueid": "1.1",
    "Linkedid": "1.1",
    "BridgeId": "b1",
    "Duration": "00:00:09",
}
LISTED_PHONE = LISTED | {
    "Channel": "PJSIP/101-00000002",
    "CallerIDNum": "101",
    "Exten": "s",
    "Uniqueid": "1.2",
    "BridgeId": "b1",
    "Duration": "00:00:08",
}


async def until(condition):
    """The world has come to this; everything in between happens in this process."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  # nothing here tells anybody that its state has changed
            await asyncio.sleep(0)


async def settled(pbx, times=1):
    """The line is logged in and has asked what is going on."""
    await pbx.asked("Status", times)


def later(clock, seconds):
    """Let time pass, and be true."""
    clock.advance(seconds)
    return True


def names(logs):
    return [entry["event"] for entry in logs]


# ---- logging in


async def test_the_secret_does_not_travel(pbx, hold):
    async with hold() as line:
        await settled(pbx)
        await until(lambda: line.status.connected_since == NOON)
    assert "secret" not in await pbx.asked("Login")
    assert all("s3cret" not in str(heard) for heard in pbx.heard)


async def test_a_plain_login_sends_the_secret_itself(pbx, hold):
    async with hold(login="plain"):
        await settled(pbx)
    assert (await pbx.asked("Login"))["secret"] == "s3cret"


async def test_a_refused_secret_is_told_with_everything_that_it_may_mean_and_tried_again_slowly(pbx, hold, clock):
    pbx.secret = "changed on the PBX"
    with capture_logs() as logs:
        async with hold(chance=lambda: 0.999) as line:
            await pbx.asked("Login")
            await until(lambda: line.status.problem)
            clock.advance(29)
            await asyncio.sleep(0)
            assert pbx.connections == 1
            clock.advance(31)
            await pbx.asked("Login", 2)
            await until(lambda: line.status.failures == 2)
            pbx.secret = "s3cret"
            clock.advance(60)
            await settled(pbx)
            assert line.status.problem is None
    refusals = [entry for entry in logs if entry["event"] == "ami.refused"]
    assert len(refusals) == 1
    for word in ("secret", "user name", "address"):
        assert word in refusals[0]["problem"]
    assert names(logs).count("ami.back") == 1


async def test_an_account_that_may_not_ask_still_hears_calls_and_the_missing_right_is_named_once(
    journal, pbx, hold, clock
):
    pbx.rights = set()
    with capture_logs() as logs:
        async with hold() as line:
            await settled(pbx)
            assert "write = reporting" in line.status.problem
            pbx.say(*ringing())
            await journal.call("1.1")
            await pbx.hang_up()
            await until(lambda: line.status.connected_since is None)
            clock.advance(1)
            await settled(pbx, 2)
    missing = [entry["action"] for entry in logs if entry["event"] == "ami.right_missing"]
    assert missing == ["CoreShowChannels", "Status"]
    assert names(logs).count("ami.unfiltered") == 1


async def test_without_the_right_to_ask_a_call_that_was_cut_off_is_ended_and_not_kept_for_ever(
    journal, pbx, hold, clock
):
    pbx.rights = set()
    async with hold() as line:
        await settled(pbx)
        pbx.say(*ringing(), *answered())
        await journal.call("1.1", lambda call: call.answered)
        await pbx.hang_up()
        await until(lambda: line.status.connected_since is None)
        clock.advance(1)
        call = await journal.call("1.1", lambda call: call.ended)
    assert call.incomplete


async def test_only_the_events_of_interest_are_asked_for(pbx, hold):
    async with hold():
        await settled(pbx)
    patterns = [heard["filter"] for heard in pbx.heard if heard["action"] == "Filter"]
    assert any("|Newchannel|" in pattern for pattern in patterns)
    assert any("MIXMONITOR_FILENAME" in pattern for pattern in patterns)
    assert all(len(pattern) < 1000 for pattern in patterns)


async def test_filters_can_be_left_to_the_pbx(pbx, hold):
    async with hold(filter=False):
        await settled(pbx)
    assert not [heard for heard in pbx.heard if heard["action"] == "Filter"]


# ---- calls


async def test_a_call_is_told_when_it_rings_when_it_is_answered_and_when_it_is_over(journal, pbx, hold):
    async with hold():
        await settled(pbx)
        pbx.say(*ringing())
        await journal.call("1.1", lambda call: call.rang)
        pbx.say(*answered())
        await journal.call("1.1", lambda call: call.answered)
        pbx.say(*over())
        call = await journal.call("1.1", lambda call: call.ended)
    assert (call.raw_number, call.raw_line, call.first_talker) == ("+447700900101", "442079460101", "101")
    assert (call.outcome, call.started_at) == (Outcome.ANSWERED, NOON)


async def test_a_recording_becomes_a_link_with_the_plus_of_the_number_quoted(journal, pbx, hold, clock):
    async with hold(recordings="https://pbx.example/monitor/{file}"):
        await settled(pbx)
        name = "/var/spool/asterisk/monitor/2026/11/23/in-101-+447700900101.wav"
        pbx.say(*ringing(), variable("1.1", "MIXMONITOR_FILENAME", name), *answered())
        await journal.call("1.1", lambda call: call.answered)
        clock.advance(5)
        pbx.say(*over())
        call = await journal.call("1.1", lambda call: call.ended and call.recordings)
    assert call.recordings == ("https://pbx.example/monitor/2026/11/23/in-101-%2B447700900101.wav",)


async def test_without_a_template_a_call_carries_no_link_that_nobody_could_follow(journal, pbx, hold):
    async with hold():
        await settled(pbx)
        pbx.say(*ringing(), variable("1.1", "MIXMONITOR_FILENAME", "in-101.wav"), *answered(), *over())
        call = await journal.call("1.1", lambda call: call.ended)
    assert call.recordings == ()


async def test_a_second_ringing_phone_is_told_within_a_second_or_so(journal, pbx, hold, clock):
    async with hold():
        await settled(pbx)
        pbx.say(*ringing(), new_channel("1.3", "PJSIP/102-00000003", state=0, exten="s", linked="1.1"))
        pbx.say("Event: DialBegin\nUniqueid: 1.1\nDestChannel: PJSIP/102-00000003\nDestUniqueid: 1.3\nDialString: 102")
        pbx.say("Event: Newstate\nChannelState: 5\nUniqueid: 1.3")
        await journal.call("1.1")

        def both_rang():
            clock.advance(1)
            return len(journal.newest()["1.1"].rang) == 2

        await until(both_rang)


# ---- losing the line and getting it back


async def test_a_lost_line_is_told_once_and_its_return_once(pbx, hold, clock):
    with capture_logs() as logs:
        async with hold() as line:
            await settled(pbx)
            await pbx.down()
            await until(lambda: line.status.problem)
            for _ in range(5):
                failures = line.status.failures
                clock.advance(30)
                await until(lambda before=failures: line.status.failures > before)
            await pbx.up()
            clock.advance(30)
            await settled(pbx, 2)
    told = [name for name in names(logs) if name.startswith("ami.")]
    assert told == ["ami.connected", "ami.lost", "ami.back"]


def iter_chance():
    """Numbers that look random enough."""
    for number in range(1, 1000):
        yield number * 0.618034 % 1.0


async def test_the_pauses_between_attempts_double_up_to_the_longest_and_are_jittered(pbx, hold, clock):
    pauses = []

    async def noted(seconds):
        pauses.append(seconds)
        await type(clock).sleep(clock, seconds)

    await pbx.down()
    clock.sleep = noted
    async with hold(chance=iter_chance().__next__) as line:
        for failure in range(1, 13):
            await until(lambda failures=failure: line.status.failures >= failures)
            clock.advance(30)
    between = [pause for pause in pauses if pause != 1.0]  # 1.0: the switchboard's tick
    bounds = [1, 2, 4, 8, 16] + [30] * 20
    assert all(0 <= pause <= bound for pause, bound in zip(between, bounds, strict=False))
    assert max(between) > 15
    assert len(set(between)) == len(between)


async def test_a_pbx_that_does_not_answer_a_ping_is_taken_for_gone(pbx, hold, clock):
    pbx.mute = {"ping"}
    async with hold(reply_seconds=0.2) as line:
        await settled(pbx)
        await until(lambda: later(clock, 15) and line.status.problem)
        assert "no answer to Ping" in line.status.problem
        pbx.mute = set()
        clock.advance(30)
        await settled(pbx, 2)


async def test_a_pbx_that_answers_its_pings_is_left_alone(pbx, hold, clock):
    async with hold() as line:
        await settled(pbx)
        await until(lambda: later(clock, 15) and len([1 for heard in pbx.heard if heard["action"] == "Ping"]) > 5)
        assert line.status.connections == 1


async def test_a_call_that_lives_on_while_the_line_is_cut_in_the_middle_of_a_message_is_not_lost(
    journal, pbx, hold, clock
):
    async with hold() as line:
        await settled(pbx)
        pbx.say(*ringing(), *answered())
        await journal.call("1.1", lambda call: call.answered)
        pbx.say_bytes(b"Event: Hangup\r\nUniqueid: 1.1\r\nCau")
        await pbx.hang_up()
        await until(lambda: line.status.connected_since is None)
        pbx.listed = {"coreshowchannels": [LISTED, LISTED_PHONE], "status": [LISTED, LISTED_PHONE]}
        clock.advance(1)
        await settled(pbx, 2)
        assert not journal.newest()["1.1"].ended
        pbx.say(*over())
        call = await journal.call("1.1", lambda call: call.ended)
    assert call.first_talker == "101"
    assert len({event.call.key for event in journal.events}) == 1


async def test_a_call_that_ended_while_nobody_listened_is_closed_and_marked(journal, pbx, hold, clock):
    async with hold() as line:
        await settled(pbx)
        pbx.say(*ringing(), *answered())
        await journal.call("1.1", lambda call: call.answered)
        await pbx.hang_up()
        await until(lambda: line.status.connected_since is None)
        clock.advance(1)
        call = await journal.call("1.1", lambda call: call.ended)
    assert call.incomplete


async def test_a_call_that_was_going_on_before_we_came_is_taken_up(journal, pbx, hold):
    pbx.listed = {"coreshowchannels": [LISTED, LISTED_PHONE], "status": [LISTED, LISTED_PHONE]}
    async with hold():
        call = await journal.call("1.1")
        assert call.raw_number == "+447700900101"
        pbx.say(*over())
        call = await journal.call("1.1", lambda call: call.ended)
    assert call.incomplete


def stored(**more):
    call = Call(
        key="pbx/1.1",
        source="pbx",
        platform_call_id="1.1",
        direction=Direction.INBOUND,
        started_at=NOON - 60,
        raw_number="+447700900101",
        revision=4,
        answered_at=NOON - 50,
        talked=(Talk(party="101", since=NOON - 50),),
        recordings=("https://pbx.example/monitor/in-101.wav",),
    )
    return replace(call, **more)


async def test_a_call_that_ended_while_the_bridge_was_down_is_closed_after_its_start(journal, pbx, hold):
    async with hold(resume=[stored()], recordings="https://elsewhere.example/{file}"):
        call = await journal.call("1.1", lambda call: call.ended)
    assert call.incomplete
    assert call.revision > 4 + 100  # the journal may hold accounts that the store did not know yet
    assert call.recordings == ("https://pbx.example/monitor/in-101.wav",)


async def test_what_lives_is_compared_now_and_then_so_that_a_lost_hangup_is_found(journal, pbx, hold, clock):
    async with hold(sweep_seconds=30):
        await settled(pbx)
        pbx.say(*ringing(), *answered())
        await journal.call("1.1", lambda call: call.answered)

        def minutes_pass():
            clock.advance(5)
            return journal.newest()["1.1"].ended

        await until(minutes_pass)


# ---- what must not hurt


@pytest.mark.parametrize(
    ("banner", "reason"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "not an Asterisk manager port"),
        (b"\x16\x03\x01" * 100, "not an Asterisk manager port"),
        (b"", "no greeting"),
    ],
)
async def test_another_service_on_that_port_is_named_and_tried_again(pbx, hold, clock, banner, reason):
    pbx.banner = banner
    async with hold(reply_seconds=0.05) as line:
        await until(lambda: line.status.problem)
        assert reason in line.status.problem
        pbx.banner = b"Asterisk Call Manager/5.0.4\r\n"
        clock.advance(30)
        await settled(pbx)


@pytest.mark.parametrize("garbage", [b"x" * 200_000, b"\0" * 200_000, b"Event: " + b"A: b\r\n" * 50_000])
async def test_garbage_without_an_end_costs_the_connection_and_nothing_else(journal, pbx, hold, clock, garbage):
    async with hold() as line:
        await settled(pbx)
        pbx.say_bytes(garbage)
        await until(lambda: line.status.problem)
        clock.advance(30)
        await settled(pbx, 2)
        pbx.say(*ringing(), *unanswered())
        assert (await journal.call("1.1", lambda call: call.ended)).outcome is Outcome.MISSED


async def test_a_flood_of_noise_delays_a_call_but_loses_nothing(journal, pbx, hold):
    async with hold() as line:
        await settled(pbx)
        noise = b"Event: RTCPSent\r\nPrivilege: reporting,all\r\nChannel: PJSIP/101-1\r\n\r\n" * 20_000
        pbx.say(*ringing())
        pbx.say_bytes(noise)
        pbx.say(*answered())
        pbx.say_bytes(noise)
        pbx.say(*over())
        call = await journal.call("1.1", lambda call: call.ended)
        assert line.status.connections == 1
    assert call.first_talker == "101"


async def test_a_pbx_that_has_gone_mad_is_cut_off_and_its_calls_are_let_go(journal, pbx, hold, clock):
    async with hold(most_channels=100) as line:
        await settled(pbx)
        pbx.say(*[new_channel(f"{n}.1", f"PJSIP/trunk-{n:08x}") for n in range(300)])
        await until(lambda: line.status.problem)
        assert "more than 100 channels" in line.status.problem
        assert line._board.live_calls() == ()
        clock.advance(60)
        await until(lambda: line._board.channels == 0)
        await settled(pbx, 2)
        pbx.say(*ringing("900.1", "900.2"), *unanswered("900.1", "900.2"))
        assert (await journal.call("900.1", lambda call: call.ended)).outcome is Outcome.MISSED


async def test_events_cut_anywhere_mean_the_same(journal, pbx, hold):
    async with hold():
        await settled(pbx)
        text = b"".join(
            message.replace("\n", "\r\n").encode() + b"\r\n\r\n" for message in (*ringing(), *answered(), *over())
        )
        for at in range(0, len(text), 7):
            pbx.say_bytes(text[at : at + 7])
            await asyncio.sleep(0)
        call = await journal.call("1.1", lambda call: call.ended)
    assert call.outcome is Outcome.ANSWERED


# ---- the store is not there


@pytest.mark.parametrize("refusal", [StoreUnavailable("disk full"), Overloaded()])
async def test_calls_wait_for_a_store_that_is_not_there_and_only_their_newest_state_is_kept(
    journal, pbx, hold, clock, refusal
):
    journal.refuse_with = refusal
    async with hold() as line:
        await settled(pbx)
        pbx.say(*ringing(), *answered())
        await journal.until(lambda: journal.offers)
        pbx.say(*over())
        pbx.say(*ringing("2.1", "2.2"), *unanswered("2.1", "2.2"))
        await until(lambda: line.status.waiting == 2)
        journal.refuse_with = None
        clock.advance(1)
        await journal.call("2.1")
        await until(lambda: line.status.waiting == 0)
        assert line.status.dropped == 0
    assert [(event.call.platform_call_id, event.call.ended) for event in journal.events] == [
        ("1.1", True),
        ("2.1", True),
    ]


async def test_beyond_the_bound_calls_are_dropped_counted_and_logged(journal, pbx, hold, clock):
    journal.refuse_with = StoreUnavailable("disk full")
    with capture_logs() as logs:
        async with hold(most_waiting=2) as line:
            await settled(pbx)
            for number in range(1, 6):
                pbx.say(*ringing(f"{number}.1", f"{number}.2"), *unanswered(f"{number}.1", f"{number}.2"))
            await until(lambda: line.status.dropped)
            offers = journal.offers
            clock.advance(1)
            await journal.until(lambda: journal.offers > offers)
            await until(lambda: "source.calls_dropped" in names(logs))
            assert line.status.waiting == 2
            journal.refuse_with = None


async def test_what_waits_is_stored_before_we_go(journal, pbx, hold):
    journal.refuse_with = StoreUnavailable("busy")
    async with hold() as line:
        await settled(pbx)
        pbx.say(*ringing())
        await until(lambda: line.status.waiting)
        journal.refuse_with = None
    assert "1.1" in journal.newest()


# ---- TLS


def server_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / "pbx.pem", CERTIFICATES / "pbx.key")
    return context


@pytest.fixture
async def secured(hold, pbx):
    async with FakeAsterisk(tls=server_context()) as fake:
        yield fake


async def test_a_self_signed_pbx_is_trusted_by_its_own_certificate(secured, hold):
    async with hold(port=secured.port, tls=True, ca_file=str(CERTIFICATES / "pbx.pem"), tls_name="pbx.example"):
        await settled(secured)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"tls_name": "pbx.example"}, "certificate verify failed"),
        ({"ca_file": str(CERTIFICATES / "pbx.pem")}, "127.0.0.1"),
        ({"ca_file": str(CERTIFICATES / "nowhere.pem")}, "No such file"),
    ],
)
async def test_a_pbx_that_cannot_be_recognised_gets_no_login(secured, hold, more, reason):
    async with hold(port=secured.port, tls=True, **more) as line:
        await until(lambda: line.status.problem)
        assert reason in line.status.problem
    assert secured.heard == []


# ---- the guide


@pytest.mark.parametrize("place", ["docs/how-to/asterisk.md", "tests/lab/asterisk/etc/manager.conf.in"])
def test_guide_and_lab_have_the_filters_that_we_would_set(place):
    written = [line for line in (ROOT / place).read_text().splitlines() if line.startswith("eventfilter = ")]
    assert written == [f"eventfilter = {pattern}" for pattern in filters(EVENTS)]
