import asyncio

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from bridge.web import app, tokens
from bridge.web.settings import WebSettings


async def test_what_nobody_foresaw_is_our_fault_logged_and_not_told(house, monkeypatch):
    session = await house.sign_in()

    def broken():
        raise RuntimeError("secret detail")

    monkeypatch.setattr(house.clock, "now", broken)
    with capture_logs() as logs:
        answer, page = await house.get("/v1/leads"), await house.see("/calls", session)
    assert (answer.status, page.status) == (500, 500)
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert "secret detail" not in answer.text + page.text
    assert [entry["event"] for entry in logs] == ["request.broken"] * 2


async def test_an_answer_that_takes_too_long_is_given_up(house, monkeypatch):
    monkeypatch.setattr(app, "SECONDS_FOR_AN_ANSWER", 0.05)
    session = await house.sign_in()
    never = asyncio.Event()

    class Slow:
        def __init__(self, *_):
            pass

        async def __aenter__(self):
            await never.wait()

        async def __aexit__(self, *_):
            pass

    monkeypatch.setattr(type(house.store), "reading", Slow)
    with capture_logs() as logs:
        answer = await house.see("/calls", session)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert [entry["event"] for entry in logs] == ["request.timed_out"]


async def test_somebody_who_tries_many_tokens_at_once_is_told_to_wait(house, monkeypatch):
    monkeypatch.setattr(tokens, "MOST_VERIFICATIONS", 0)
    wrong = house.tokens["all"] + "x"
    assert (await house.get("/v1/leads", token=wrong)).status == 429
    answer = await house.ask("POST", "/sign-in", data={"token": wrong})
    assert (answer.status, answer.headers["Retry-After"]) == (429, "2")


async def test_a_token_that_may_only_write_sees_no_pages(house):
    await house.token("writer", "write")
    answer = await house.see("/calls", await house.sign_in("writer"))
    assert answer.status == 403
    assert "may not read" in answer.text


async def test_a_token_name_is_taken_for_ever(house):
    again = await tokens.issue_token(house.store, "all", ["read"], entropy=b"x" * 32, now=house.clock.now())
    assert again is None


async def test_when_a_token_was_used_is_noted(house):
    await house.get("/v1/leads")
    async with house.store.reading() as conn:
        token = await tokens.find_token(conn, house.tokens["all"].split("_")[1])
    assert token is not None
    assert token.used_at == house.clock.now()


@pytest.mark.parametrize("listen", ["8080", "127.0.0.1", ":8080", "127.0.0.1:x", "127.0.0.1:70000"])
def test_an_address_that_nobody_can_listen_on_is_refused(listen):
    with pytest.raises(ValidationError, match=r"127\.0\.0\.1:8080"):
        WebSettings(listen=listen)


def test_an_address_is_taken_apart():
    assert (WebSettings(listen="[::1]:0").host, WebSettings(listen="[::1]:0").port) == ("::1", 0)
    assert WebSettings().anonymous == "none"
