import asyncio
import base64
import gzip
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bridge.flow import intake as intake_module
from bridge.flow.pace import TokenBucket
from bridge.sources import http as http_module
from bridge.sources.http import WebhookSettings
from bridge.wire.standard_webhooks import signed_headers
from tests.flow.hand_clock import NOON
from tests.web.house import HOOK_TOKEN, open_house

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
BEARER = {"Authorization": f"Bearer {HOOK_TOKEN}"}


def shop(**changes):
    return WebhookSettings(**{"id": "shop", "token": HOOK_TOKEN} | changes)


@pytest.fixture
async def house(tmp_path):
    hooks = [
        shop(),
        shop(id="signed", token=None, signing_secret=SECRET),
        shop(id="both", signing_secret=SECRET),
        shop(id="slow", per_second=0.5, burst=2),
        shop(id="small", max_body=2048, body_seconds=0.2),
    ]
    async with open_house(tmp_path, hooks=hooks, seconds_without_a_request=0.3) as opened:
        yield opened


async def quarantined(house):
    return (await house.get("/v1/quarantine")).json["items"]


async def stored(house):
    return (await house.get("/v1/events")).json["items"]


# ---- what is accepted ----


async def test_an_event_is_answered_with_202_when_it_is_in_the_journal(house):
    answer = await house.push(house.call())
    assert (answer.status, answer.json) == (202, {"accepted": 1, "duplicates": 0})
    assert [event["event_id"] for event in await stored(house)] == ["c-1-call.ended"]


async def test_a_repeat_is_a_duplicate_in_one_request_and_across_requests(house):
    answer = await house.push(house.call(), house.call(), house.call("c-2"))
    assert answer.json == {"accepted": 2, "duplicates": 1}
    assert (await house.push(house.call())).json == {"accepted": 0, "duplicates": 1}


async def test_one_object_needs_no_array_and_an_empty_array_is_no_mistake(house):
    one = await house.ask("POST", "/hooks/shop", headers=BEARER, json=house.call())
    none = await house.ask("POST", "/hooks/shop", headers=BEARER, json=[])
    assert (one.json["accepted"], none.json["accepted"]) == (1, 0)


@pytest.mark.parametrize("spoken", [None, "text/plain", "application/x-www-form-urlencoded", "application/JSON; x=y"])
async def test_json_is_read_whatever_it_is_called(house, spoken):
    headers = BEARER | ({"Content-Type": spoken} if spoken else {})
    answer = await house.ask("POST", "/hooks/shop", headers=headers, data=json.dumps(house.call()).encode())
    assert answer.status == 202


# ---- who may ----


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer "},
        {"Authorization": HOOK_TOKEN},
        {"Authorization": "Basic c2hvcDpzaG9wLXRva2Vu"},
        {"Authorization": "Bearer \udcff\udcfe"},
    ],
)
@pytest.mark.parametrize("source", ["shop", "signed", "both"])
async def test_no_proof_or_a_wrong_one_is_401_and_leaves_nothing(house, headers, source):
    answer = await house.ask("POST", f"/hooks/{source}", headers=headers, json=house.call())
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert await stored(house) == await quarantined(house) == []


@pytest.mark.parametrize("source", ["signed", "both"])
async def test_a_signature_proves_the_body(house, source):
    body = json.dumps(house.call()).encode()
    headers = signed_headers(b"s" * 32, message_id="m1", now=NOON, body=body)
    assert (await house.ask("POST", f"/hooks/{source}", headers=headers, data=body)).status == 202
    assert (await house.ask("POST", f"/hooks/{source}", headers=headers, data=body + b" ")).status == 401
    house.clock.advance(301)
    assert (await house.ask("POST", f"/hooks/{source}", headers=headers, data=body)).status == 401


async def test_a_wrong_token_is_not_helped_by_a_signature_nor_a_wrong_signature_by_a_token(house):
    body = json.dumps(house.call()).encode()
    good = signed_headers(b"s" * 32, message_id="m1", now=NOON, body=body)
    wrong = signed_headers(b"w" * 32, message_id="m1", now=NOON, body=body)
    with_token = {"Authorization": "Bearer wrong"} | good
    assert (await house.ask("POST", "/hooks/both", headers=with_token, data=body)).status == 401
    assert (await house.ask("POST", "/hooks/both", headers=BEARER | wrong, data=body)).status == 401


async def test_an_unknown_source_is_404_and_another_method_405(house):
    assert (await house.ask("POST", "/hooks/nobody", headers=BEARER, json={})).status == 404
    answer = await house.ask("GET", "/hooks/shop", headers=BEARER)
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


# ---- what cannot be read ----


async def test_a_body_that_is_no_event_is_explained_and_only_the_quarantine_keeps_it(house):
    answer = await house.push(house.call(), house.call("c-2", outcome="gone"))
    assert answer.status == 422
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert [problem["path"] for problem in answer.json["errors"]] == ["$[1].outcome"]
    assert await stored(house) == []
    (kept,) = await quarantined(house)
    assert (kept["source"], kept["state"]) == ("shop", "waiting")
    assert "$[1].outcome" in kept["problem"]
    assert json.loads(kept["body"])[1]["outcome"] == "gone"


async def test_a_form_post_is_told_to_be_json(house):
    answer = await house.ask("POST", "/hooks/shop", headers=BEARER, data={"type": "call.ended"})
    assert answer.status == 422
    assert "application/x-www-form-urlencoded" in answer.json["detail"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(st.characters(codec=None)),
    lambda some: st.lists(some, max_size=3) | st.dictionaries(st.text(), some, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(["type", "call_id", "event_id", "occurred_at", "outcome", "client_number", "utm", "employee"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.dictionaries(KEYS, VALUES) | VALUES | st.binary(max_size=50))
async def test_no_body_ever_gives_a_5xx(house, body):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = await house.ask("POST", "/hooks/shop", headers=BEARER, data=raw)
    assert answer.status in {202, 422}


# ---- what is too much ----


async def test_a_body_over_the_measure_is_413_told_or_found_out(house):
    big = b"[" + b" " * 4096 + b"]"

    async def in_pieces():
        for start in range(0, len(big), 100):
            yield big[start : start + 100]

    assert (await house.ask("POST", "/hooks/small", headers=BEARER, data=big)).status == 413
    assert (await house.ask("POST", "/hooks/small", headers=BEARER, data=in_pieces())).status == 413
    assert await quarantined(house) == []


async def test_a_compressed_body_is_refused_and_never_opened(house):
    bomb = gzip.compress(b" " * 50_000_000)
    for encoding in ("gzip", "deflate", "br"):
        headers = BEARER | {"Content-Encoding": encoding}
        answer = await house.ask("POST", "/hooks/shop", headers=headers, data=bomb)
        assert (answer.status, answer.headers["Accept-Encoding"]) == (415, "identity")


async def test_too_fast_is_429_with_the_time_to_wait_and_leaves_other_sources_alone(house):
    async def push():
        return await house.ask("POST", "/hooks/slow", headers=BEARER, json=[])

    assert [(await push()).status for _ in range(3)] == [202, 202, 429]
    assert (await push()).headers["Retry-After"] == "3"
    assert (await house.push()).status == 202
    house.clock.advance(2)
    assert [(await push()).status for _ in range(2)] == [202, 429]


async def test_strangers_cannot_use_up_what_a_source_may_send(house):
    for _ in range(5):
        assert (await house.ask("POST", "/hooks/slow", json=[])).status == 401
    assert (await house.ask("POST", "/hooks/slow", headers=BEARER, json=[])).status == 202


def test_a_bucket_never_holds_more_than_its_burst_nor_minds_a_clock_that_goes_back():
    bucket = TokenBucket(per_second=1, burst=2, now=100.0)
    assert [bucket.take(1000.0) for _ in range(3)] == [0.0, 0.0, 1.0]
    assert bucket.take(900.0) == 1.0


# ---- while nothing can be stored ----


async def test_overload_is_503_with_retry_after(house, monkeypatch):
    monkeypatch.setattr(intake_module, "MOST_WAITING", 0)
    answer = await house.push(house.call())
    assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
    monkeypatch.undo()
    assert (await house.push(house.call())).status == 202


async def test_a_bridge_that_stops_sends_the_platform_away_to_come_again(house):
    house.intake.close()
    answer = await house.push(house.call())
    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) >= 1
    assert (await house.push({"nonsense": 1})).status == 503


# ---- who is slow ----


async def raw(house, *pieces: bytes) -> bytes:
    """Everything that comes back until the bridge closes the connection."""
    host, port = house.address.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        async with asyncio.timeout(5):
            return await reader.read()
    finally:
        writer.close()


async def test_a_body_that_never_ends_is_given_up(house):
    head = (
        f"POST /hooks/small HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {HOOK_TOKEN}\r\nContent-Length: 900\r\n\r\n["
    )
    assert (await raw(house, head.encode())).startswith(b"HTTP/1.1 408 ")


async def test_bodies_without_a_proof_fill_no_more_than_the_room_there_is_for_them(tmp_path, monkeypatch):
    monkeypatch.setattr(http_module, "MOST_UNPROVED", 100_000)
    async with open_house(tmp_path, hooks=[shop(), shop(id="signed", token=None, signing_secret=SECRET)]) as house:
        body = json.dumps([house.call()]).encode()
        signed = signed_headers(b"s" * 32, message_id="m1", now=NOON, body=body)
        pretended = "".join(f"{name}: {value}\r\n" for name, value in signed.items())
        head = f"POST /hooks/signed HTTP/1.1\r\nHost: x\r\n{pretended}Content-Length: 900000\r\n\r\n".encode()
        answer = await raw(house, head + b"x" * 300_000)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After: " in answer
        assert (await house.ask("POST", "/hooks/signed", data=body, headers=signed)).status == 202
        assert (await house.push(house.call("c-2"))).status == 202


@pytest.mark.parametrize("begun", [b"", b"POST /hooks/shop HTTP/1.1\r\nHost: x\r\nX-Sl"])
async def test_a_connection_that_says_nothing_or_dribbles_its_head_is_closed(house, begun):
    assert await raw(house, begun) == b""


async def test_too_many_or_too_long_headers_are_refused(house):
    many = b"".join(b"X-%d: 1\r\n" % number for number in range(5000))
    assert b" 400 " in (await raw(house, b"POST /hooks/shop HTTP/1.1\r\nHost: x\r\n" + many + b"\r\n"))[:40]
    long = b"X-Long: " + b"x" * 100_000 + b"\r\n"
    assert b" 400 " in (await raw(house, b"POST /hooks/shop HTTP/1.1\r\nHost: x\r\n" + long + b"\r\n"))[:40]


async def test_a_length_that_is_not_kept_is_no_disaster(house):
    proof = f"Authorization: Bearer {HOOK_TOKEN}\r\n"
    head = f"POST /hooks/shop HTTP/1.1\r\nHost: x\r\n{proof}Transfer-Encoding: chunked\r\n\r\n"
    assert b" 400 " in (await raw(house, head.encode(), b"zz\r\nnonsense\r\n"))[:40]
    assert (await house.push(house.call())).status == 202


# ---- settings ----


@pytest.mark.parametrize(
    "wrong",
    [
        {"token": None},
        {"token": ""},
        {"signing_secret": "whsec_short"},
        {"per_second": 0},
        {"burst": 0},
        {"max_body": 0},
        {"tokens": "x"},
    ],
)
def test_settings_that_cannot_work_are_refused_when_they_are_read(wrong):
    with pytest.raises(ValidationError):
        shop(**wrong)


async def test_a_reload_changes_who_may_push_and_keeps_the_pace_of_the_others(house):
    slow = shop(id="slow", per_second=0.5, burst=2)
    for _ in range(2):
        await house.ask("POST", "/hooks/slow", headers=BEARER, json=[])
    house.receiver.configure([slow, shop(token="new-token")])
    assert (await house.ask("POST", "/hooks/slow", headers=BEARER, json=[])).status == 429
    assert (await house.push(house.call())).status == 401
    headers = {"Authorization": "Bearer new-token"}
    assert (await house.ask("POST", "/hooks/shop", headers=headers, json=[])).status == 202
    assert (await house.ask("POST", "/hooks/signed", headers=BEARER, json=[])).status == 404
