import asyncio
import json

import pytest

from bridge.flow.bulletin import Change, Topic
from bridge.store.tokens import revoke_token
from bridge.web import stream


class Listening:
    """Somebody who reads the stream."""

    def __init__(self, response):
        self._response = response

    async def next(self):
        """The next event as (name, data); comments are skipped."""
        event = {}
        async with asyncio.timeout(5):
            while True:
                line = (await self._response.content.readline()).decode()
                if not line:
                    return None
                name, _, value = line.rstrip("\n").partition(": ")
                if name in {"event", "data"}:
                    event[name] = value
                if line == "\n" and event:
                    return event["event"], json.loads(event["data"])


@pytest.fixture
async def listening(house):
    headers = {"Authorization": f"Bearer {house.tokens['all']}"}
    async with house.session.get(f"{house.address}/v1/stream", headers=headers) as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/event-stream"
        assert response.headers["Cache-Control"] == "no-store"
        assert await response.content.readline() == b": you are listening\n"
        yield Listening(response)


async def test_what_is_committed_is_told_as_the_api_would_tell_it(house, listening):
    await house.happen(house.call())
    told = {}
    while "case" not in told or "call" not in told:
        name, record = await listening.next()
        told[name] = record
    assert told["lead"] == (await house.get("/v1/leads")).json["items"][0]
    assert told["task"]["assignee_id"] == "olga"
    assert told["call"]["id"] == (await house.get("/v1/calls")).json["items"][0]["id"]


async def test_what_people_do_is_told_too(house, listening):
    await house.happen(house.call())
    task = (await house.get("/v1/tasks")).json["items"][0]["id"]
    await house.post(f"/v1/tasks/{task}/done")
    while True:
        name, record = await listening.next()
        if name == "case" and record["status"] == "closed":
            return


async def test_calls_that_nobody_may_see_are_not_told(house, listening):
    await house.happen(house.answered("c-9", direction="internal", client_number="102"))
    house.bulletin.publish([Change(topic=Topic.RESYNC)])
    assert (await listening.next())[0] == "resync"


async def test_a_record_that_is_gone_is_told_by_its_id(house, listening):
    house.bulletin.publish([Change(topic=Topic.CALL, id="abc")])
    assert await listening.next() == ("call", {"id": "abc", "gone": True})


async def test_a_listener_who_is_far_behind_is_told_to_read_again(house, listening):
    house.bulletin.publish([Change(topic=Topic.CALL, id=str(number)) for number in range(1000)])
    assert (await listening.next())[0] == "resync"
    assert (await listening.next())[1]["id"] == "744"


async def test_only_so_many_may_listen(house, listening, monkeypatch):
    monkeypatch.setattr(stream, "MOST_LISTENERS", 1)
    refused = await house.get("/v1/stream")
    assert (refused.status, refused.headers["Retry-After"]) == (503, "60")


async def test_a_stream_ends_after_a_while_so_that_a_revoked_token_hears_no_more(house, monkeypatch):
    monkeypatch.setattr(stream, "SECONDS_OF_A_STREAM", 0.1)
    answer = await house.get("/v1/stream")
    assert answer.status == 200
    async with house.store.writing() as conn:
        await revoke_token(conn, "all", house.clock.now())
    house.clock.advance(6)
    assert (await house.get("/v1/stream")).status == 401


async def test_a_quiet_stream_gives_signs_of_life(house, monkeypatch):
    monkeypatch.setattr(stream, "SECONDS_OF_A_STREAM", 0.2)
    monkeypatch.setattr(stream, "SECONDS_BETWEEN_SIGNS_OF_LIFE", 0.05)
    assert ": still here" in (await house.get("/v1/stream")).text


async def test_stopping_ends_every_stream(house, listening):
    await house.runner.cleanup()
    while (told := await listening.next()) is not None:
        assert told[0] == "resync"


async def test_a_listener_who_has_gone_leaves_nothing_behind(house):
    headers = {"Authorization": f"Bearer {house.tokens['all']}"}
    async with house.session.get(f"{house.address}/v1/stream", headers=headers) as response:
        await response.content.readline()
        assert house.bulletin.heard
    async with asyncio.timeout(5):
        while house.bulletin.heard:
            house.bulletin.publish([Change(topic=Topic.CALL, id="x")])
            await asyncio.sleep(0)
