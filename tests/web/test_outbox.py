import json

import pytest
from sqlalchemy import text

from bridge.store.journal import EntryState
from bridge.store.outbox import Dead, claim, settle
from bridge.web.services import Status, SystemStatus
from tests.flow.parcels import SYSTEM, parcels_of, put
from tests.web.test_openapi import complaints, described


async def dead_letter(house) -> int:
    now = house.clock.now()
    await put(house.store, [*parcels_of(1), *parcels_of(2, 1)], now)
    async with house.store.writing() as conn:
        first, _ = await claim(conn, SYSTEM, holder="a", now=now, until=now + 30, limit=2)
        dead = Dead(item=first, hold_until=now + 60, attempts=3, unknown=True, problem="it answered 422")
        await settle(conn, SYSTEM, [dead], now)
    return first.id


async def test_the_outbox_is_listed_by_state_with_what_is_to_be_told(house):
    await dead_letter(house)
    assert [item["state"] for item in (await house.get("/v1/outbox")).json["items"]] == [
        "waiting", "held", "held", "dead",
    ]  # fmt: skip
    (dead,) = (await house.get("/v1/outbox?state=dead")).json["items"]
    assert (dead["effect"], dead["attempts"], dead["problem"]) == ("open_lead", 3, "it answered 422")
    assert dead["body"]["lead"]["title"] == "Lead 1"
    assert len((await house.get("/v1/outbox?state=held&limit=1")).json["items"]) == 1
    assert (await house.get("/v1/outbox?system=odoo")).json["items"] == []
    assert (await house.get("/v1/outbox?state=gone")).status == 400
    document = await described(house)
    answer = (await house.get("/v1/outbox")).json
    schema = document["paths"]["/v1/outbox"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert complaints(answer, schema, document) == []


async def test_a_dead_letter_is_replayed_once(house):
    letter = await dead_letter(house)
    answer = await house.post(f"/v1/outbox/{letter}/replay")
    assert (answer.status, answer.json) == (200, {"id": letter, "replayed": True})
    assert (await house.get("/v1/outbox?state=dead")).json["items"] == []
    assert (await house.post(f"/v1/outbox/{letter}/replay")).status == 409
    assert (await house.post("/v1/outbox/abc/replay")).status == 404
    assert (await house.post(f"/v1/outbox/{2**70}/replay")).status == 404


@pytest.mark.parametrize("path", ["outbox", "quarantine", "events"])
async def test_replaying_takes_the_right_to_write(house, path):
    await house.token("looks", "read")
    assert (await house.post(f"/v1/{path}/1/replay", token="looks")).status == 403
    assert (await house.ask("POST", f"/v1/{path}/1/replay")).status == 401
    assert (await house.post(f"/v1/{path}/1/replay", json={"now": True})).status == 422


async def test_a_body_that_can_be_read_by_now_becomes_a_call_once(house):
    await house.push({"nonsense": 1})
    (waiting,) = (await house.get("/v1/quarantine")).json["items"]
    refused = await house.post(f"/v1/quarantine/{waiting['id']}/replay")
    assert (refused.status, "cannot be read" in refused.json["detail"]) == (422, True)
    async with house.store.writing() as conn:  # a newer version could read it
        readable = json.dumps(house.call()).encode()
        await conn.execute(text("UPDATE quarantine SET body = :body"), {"body": readable})
    assert (await house.post(f"/v1/quarantine/{waiting['id']}/replay")).json["replayed"] is True
    assert (await house.post(f"/v1/quarantine/{waiting['id']}/replay")).status == 409
    await house.catch_up()
    assert len((await house.get("/v1/calls")).json["items"]) == 1
    assert (await house.get("/v1/quarantine?state=replayed")).json["items"][0]["id"] == waiting["id"]


async def test_an_event_that_had_failed_is_handled_again(house):
    await house.push(house.call())
    async with house.store.writing() as conn:
        await conn.execute(text("UPDATE event SET state = 'failed', handled_at = 0, problem = 'KeyError'"))
    (failed,) = (await house.get("/v1/events?state=failed")).json["items"]
    assert (await house.post(f"/v1/events/{failed['id']}/replay")).status == 200
    await house.catch_up()
    assert (await house.get("/v1/events")).json["items"][0]["state"] == str(EntryState.DONE)
    assert (await house.post(f"/v1/events/{failed['id']}/replay")).status == 409


async def test_health_tells_of_the_system_and_raises_alarms_without_becoming_unready(house):
    await dead_letter(house)
    ill = SystemStatus(id=SYSTEM, breaker="open", since=house.clock.now(), problem="500", alarm_size=2, alarm_age=60.0)
    house.status[0] = Status(systems=(ill,))
    house.clock.advance(100)
    answer = await house.ask("GET", "/readyz")
    assert (answer.status, answer.json["ready"]) == (200, True)
    (system,) = answer.json["systems"]
    assert system["outbox"] == {"waiting": 1, "held": 2, "dead": 1, "oldest_seconds": 100.0}
    assert [alarm.split()[:3] for alarm in system["alarms"]] == [
        ["the", "system", "is"], ["something", "has", "waited"], ["more", "than", "2"], ["there", "are", "dead"],
    ]  # fmt: skip
    metrics = (await house.ask("GET", "/metrics")).text
    for line in (
        'callbridge_outbox_waiting{system="http"} 1.0',
        'callbridge_outbox_held{system="http"} 2.0',
        'callbridge_outbox_dead{system="http"} 1.0',
        'callbridge_outbox_oldest_seconds{system="http"} 100.0',
        'callbridge_delivery_breaker{state="open",system="http"} 1.0',
        'callbridge_delivery_breaker{state="closed",system="http"} 0.0',
    ):
        assert line in metrics


async def test_a_system_that_is_well_raises_no_alarm(house):
    house.status[0] = Status(systems=(SystemStatus(id=SYSTEM),))
    (system,) = (await house.ask("GET", "/readyz")).json["systems"]
    assert (system["state"], system["alarms"]) == ("closed", [])
    assert 'callbridge_outbox_dead{system="http"} 0.0' in (await house.ask("GET", "/metrics")).text
