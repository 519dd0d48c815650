import json

import pytest

from tests.flow.builders import ANNA, BELLA, SALES, acme
from tests.web.house import open_house

LISTS = ("leads", "contacts", "organisations", "deals", "tasks", "calls", "cases", "events", "quarantine")


async def one(house, path):
    answer = await house.get(path)
    assert answer.status == 200, answer.text
    (item,) = answer.json["items"]
    return item


@pytest.fixture
async def busy(house):
    """Anna was missed; Bella talked with Jan."""
    await house.happen(house.call(), house.answered(client_number=BELLA, client_name="Bella Cruz"))
    return house


# ---- reading ----


async def test_a_missed_call_is_in_every_list_that_it_belongs_to(house):
    await house.happen(house.call(utm={"source": "google", "campaign": "autumn"}))
    call = await one(house, "/v1/calls")
    lead, contact = await one(house, "/v1/leads"), await one(house, "/v1/contacts")
    task, case = await one(house, "/v1/tasks"), await one(house, "/v1/cases")
    assert (call["client_number"], call["outcome"], call["scenario"]) == (ANNA, "missed", "S4")
    assert (call["lead_id"], call["started_at"]) == (lead["id"], "2026-11-23T11:59:40.000Z")
    assert (lead["status"], lead["responsible_id"], lead["utm"]["campaign"]) == ("open", "olga", "autumn")
    assert contact["phones"] == [ANNA]
    assert contact["identities"] == [{"kind": "phone", "value": ANNA}]
    assert (task["kind"], task["status"], task["assignee_id"]) == ("callback", "open", "olga")
    assert task["due_at"] == "2026-11-23T16:00:00.000Z"
    assert (case["attempts"], case["status"], case["task_id"]) == (1, "open", task["id"])
    event = await one(house, "/v1/events")
    assert (event["type"], event["state"]) == ("call.ended", "done")


async def test_a_recording_can_be_read_on_the_lead_that_it_belongs_to(house):
    await house.happen(house.answered(recording_url="https://pbx.example/rec/c-2.mp3"))
    lead = await one(house, "/v1/leads")
    note = await one(house, f"/v1/notes?lead_id={lead['id']}")
    assert "https://pbx.example/rec/c-2.mp3" in note["text"]
    assert (await house.get("/v1/notes", params={"lead_id": "0000000000000"})).json["items"] == []


async def test_single_records_are_found_by_their_id_and_their_version_is_the_etag(busy):
    for path in ("leads", "contacts", "organisations", "tasks", "calls", "cases"):
        for item in (await busy.get(f"/v1/{path}")).json["items"]:
            answer = await busy.get(f"/v1/{path}/{item['id']}")
            assert answer.json == item
            assert answer.headers["ETag"] == f'"{item["version"]}"'


async def test_what_is_no_id_or_nobodys_is_404_with_details(house):
    for path in ("leads", "contacts", "organisations", "deals", "tasks", "calls", "cases"):
        for record in ("0000000000000", "x", "UPPER", "a b", "%00", "..%2f..", "é", "x" * 500):
            answer = await house.get(f"/v1/{path}/{record}")
            assert answer.status == 404
            assert answer.headers["Content-Type"].startswith("application/problem+json")
            assert answer.json["title"] == "Not Found"


async def test_a_client_is_found_under_every_spelling_of_his_number(busy):
    for spelling in ["%2B447700900111", "+447700900111", "07700 900111", "0044 7700 900111"]:
        for path, key in (("leads", "phone"), ("contacts", "phone"), ("calls", "client")):
            assert len((await busy.get(f"/v1/{path}?{key}={spelling}")).json["items"]) == 1


async def test_filters_are_and_ed(busy):
    async def found(query):
        return len((await busy.get(f"/v1/{query}")).json["items"])

    assert await found("calls?outcome=missed") == 1
    assert await found("calls?outcome=answered&employee=jan") == 1
    assert await found("calls?outcome=missed&employee=jan") == 0
    assert await found("leads?status=open&responsible=jan") == 1
    assert await found("leads?status=won") == 0
    assert await found("tasks?assignee=olga&status=open") == 1
    assert await found("cases?status=closed") == 0
    assert await found("events?source=shop&state=done") == 2
    assert await found("events?state=failed") == 0


async def test_the_events_of_one_call_are_found_by_the_calls_id(busy):
    call = (await busy.get("/v1/calls?outcome=missed")).json["items"][0]
    assert [event["event_id"] for event in (await busy.get(f"/v1/events?call_id={call['id']}")).json["items"]] == [
        "c-1-call.ended"
    ]
    assert (await busy.get("/v1/events?call_id=nobody")).json["items"] == []


WRONG_FILTERS = [
    ("leads?fone=1", "did you mean phone?"),
    ("leads?status=opne", "did you mean open?"),
    ("leads?status=open&status=won", "is given twice"),
    ("leads?phone=hello", "no usable number"),
    ("leads?limit=0", "from 1 to 200"),
    ("leads?limit=201", "from 1 to 200"),
    ("leads?limit=1e2", "from 1 to 200"),
    ("leads?limit=99999999999999999999", "from 1 to 200"),
    ("leads?limit=00000000001", "from 1 to 200"),
    ("calls?outcome=ANSWERED", "is none of"),
    ("calls?client=101", "no usable number"),
    ("tasks?status=", "is none of open, done"),
    ("tasks?assignee=%00", "characters that nothing has"),
    ("employees?x=1", "is no filter"),
    ("responsible", "number: is missing"),
    ("leads/abc?x=1", "is no filter"),
]


async def test_a_wrong_filter_is_an_error_that_says_what_is_right(house):
    for query, message in WRONG_FILTERS:
        answer = await house.get(f"/v1/{query}")
        assert answer.status == 400
        assert answer.headers["Content-Type"].startswith("application/problem+json")
        assert message in answer.json["detail"]


async def test_a_cursor_that_nobody_gave_is_an_error(house):
    for path in LISTS:
        for cursor in ("x", "W10", "bm9uc2Vuc2U", "%F0%9F%98%80", "x" * 301, "eyJhIjoxfQ", "WzFd"):
            numbered = cursor == "WzFd" and path in {"events", "quarantine"}  # [1]: they are sorted by a number
            assert (await house.get(f"/v1/{path}?cursor={cursor}")).status == (200 if numbered else 400)


async def test_pages_show_everything_once_newest_first_even_while_more_comes(house):
    for number in range(7):
        await house.happen(house.call(f"c-{number}", client_number=f"+4477009001{number:02d}"))
    seen, cursor = [], ""
    while cursor is not None:
        page = (await house.get(f"/v1/calls?limit=3{cursor and f'&cursor={cursor}'}")).json
        seen += [item["platform_call_id"] for item in page["items"]]
        cursor = page["next"]
        await house.happen(house.call(f"later-{len(seen)}", client_number=BELLA))
    assert seen == [f"c-{number}" for number in reversed(range(7))]


async def test_an_empty_list_is_a_list(house):
    for path in LISTS:
        assert (await house.get(f"/v1/{path}")).json == {"items": [], "next": None}


async def test_a_hidden_number_is_null_and_its_call_is_listed(house):
    await house.happen(house.call(client_number=None, client_name=None))
    call = await one(house, "/v1/calls")
    assert (call["client_number"], call["outcome"]) == (None, "missed")


async def test_internal_calls_are_counted_and_never_listed(house):
    await house.happen(house.answered("c-9", direction="internal", client_number="102", client_name=None))
    assert (await house.get("/v1/calls")).json["items"] == []


async def test_a_call_that_goes_on_has_no_outcome_yet(house):
    await house.happen(house.call(type="call.ringing", outcome=None, ring_seconds=None))
    call = await one(house, "/v1/calls")
    assert (call["outcome"], call["ended_at"]) == (None, None)


# ---- explanations ----


async def test_an_explanation_tells_the_row_that_matched_and_why_the_others_did_not(busy):
    call = (await busy.get("/v1/calls?outcome=missed")).json["items"][0]
    story = (await busy.get(f"/v1/calls/{call['id']}/explanation")).json
    (decision,) = story["decisions"]
    assert (decision["scenario"], decision["occasion"]) == ("S4", "ended")
    assert decision["reasons"]
    refused = {refusal["scenario"]: refusal for refusal in decision["refusals"]}
    assert refused["S1"] | {"title": ""} == {
        "scenario": "S1",
        "title": "",
        "condition": "number = blocked",
        "found": "usable",
    }
    assert {"contact", "organisation", "lead", "task", "case"} <= {effect["kind"] for effect in decision["effects"]}
    assert [event["event_id"] for event in story["events"]] == ["c-1-call.ended"]
    assert story["call"] == call


async def test_an_explanation_names_the_candidates_that_were_there_before(house):
    await house.happen(house.call())
    await house.happen(house.answered("c-2"))
    call = (await house.get("/v1/calls?outcome=answered")).json["items"][0]
    story = (await house.get(f"/v1/calls/{call['id']}/explanation")).json
    lead = await one(house, "/v1/leads")
    assert {
        "kind": "lead",
        "id": lead["id"],
        "title": lead["title"],
        "status": "open",
        "responsible_id": "olga",
    } in story["candidates"]
    assert [leg["kind"] for leg in story["timeline"]] == ["talked"]
    assert story["timeline"][0]["employee_id"] == "jan"


async def test_there_is_no_explanation_of_what_nobody_may_see(house):
    await house.happen(house.answered("c-9", direction="internal", client_number="102"))
    events = (await house.get("/v1/events")).json["items"]
    assert len(events) == 1
    assert (await house.get("/v1/calls/0000000000000/explanation")).status == 404


# ---- who is responsible ----


async def test_the_responsible_is_told_with_the_extension_to_ring(busy):
    assert (await busy.get(f"/v1/responsible?number={BELLA}")).json == {
        "employee_id": "jan",
        "extension": "101",
        "via": "lead",
    }


async def test_a_caller_whom_nobody_owns_is_no_error(house):
    for number in ("+447700900999", "anonymous", "", "101", "nonsense"):
        answer = await house.get(f"/v1/responsible?number={number}")
        assert answer.json == {"employee_id": None, "extension": None, "via": "none"}


async def test_the_people_and_the_matrix_can_be_read(house):
    people = (await house.get("/v1/employees")).json["items"]
    assert {person["id"] for person in people} == {"jan", "eve", "olga", "tom"}
    matrix = (await house.get("/v1/scenarios")).json
    assert "S4" in [row["name"] for row in matrix["rows"]]
    assert "[[scenario]]" in matrix["text"]


# ---- tasks ----


async def test_a_task_done_closes_its_case_and_stays_done(house):
    await house.happen(house.call())
    task = await one(house, "/v1/tasks")
    answer = await house.post(f"/v1/tasks/{task['id']}/done", json={"by": "eve"})
    assert (answer.json["status"], answer.json["done_at"]) == ("done", "2026-11-23T12:00:10.000Z")
    case = await one(house, "/v1/cases")
    assert (case["status"], case["resolved_by"]) == ("closed", "eve")
    again = await house.post(f"/v1/tasks/{task['id']}/done")
    assert again.json == answer.json


async def test_a_change_of_an_older_version_is_412_and_changes_nothing(house):
    await house.happen(house.call())
    task = await one(house, "/v1/tasks")
    path = f"/v1/tasks/{task['id']}/done"
    for given in (f'"{task["version"] + 1}"', '"x"', "W/", str(2**64)):
        assert (await house.post(path, headers={"If-Match": given})).status == 412
    assert (await one(house, "/v1/tasks"))["status"] == "open"
    assert (await house.post(path, headers={"If-Match": f'"{task["version"]}"'})).status == 200


SENSELESS = [
    (b"{", 400),
    (b"\xff", 400),
    (b"[" * 100_000, 400),
    (b"[]", 422),
    (b'{"buy": 1}', 422),
    (b'{"by": 1}', 422),
    (b'{"by": "nobody"}', 422),
    (b'{"by": "\\u0000"}', 422),
    (b'{"by": "' + b"x" * 300 + b'"}', 422),
    (b'{"by": "' + b"x" * 300_000 + b'"}', 413),
]


async def test_a_body_that_makes_no_sense_is_explained(house):
    await house.happen(house.call())
    task = await one(house, "/v1/tasks")
    for body, status in SENSELESS:
        answer = await house.post(f"/v1/tasks/{task['id']}/done", data=body)
        assert answer.status == status
        assert answer.headers["Content-Type"].startswith("application/problem+json")


# ---- leads ----


@pytest.mark.parametrize(("fate", "status"), [("convert", "converted"), ("win", "won"), ("lose", "lost")])
async def test_a_lead_meets_one_fate_once(house, fate, status):
    await house.happen(house.call())
    lead = await one(house, "/v1/leads")
    answer = await house.post(f"/v1/leads/{lead['id']}/{fate}", headers={"If-Match": answer_version(lead)})
    assert (answer.status, answer.json["status"], answer.json["version"]) == (200, status, lead["version"] + 1)
    assert (await house.post(f"/v1/leads/{lead['id']}/{fate}")).json == answer.json
    other = "lose" if fate != "lose" else "win"
    refused = await house.post(f"/v1/leads/{lead['id']}/{other}")
    assert refused.status == 409
    assert status in refused.json["detail"]


def answer_version(record):
    return f'"{record["version"]}"'


async def test_a_converted_lead_becomes_one_deal(house):
    await house.happen(house.call())
    lead = await one(house, "/v1/leads")
    converted = (await house.post(f"/v1/leads/{lead['id']}/convert")).json
    deal = await one(house, "/v1/deals")
    assert (converted["deal_id"], deal["lead_id"]) == (deal["id"], lead["id"])
    assert (deal["responsible_id"], deal["contact_id"]) == (lead["responsible_id"], lead["contact_id"])


async def test_a_lead_can_be_edited_with_its_version(house):
    await house.happen(house.call())
    lead = await one(house, "/v1/leads")
    changes = {"title": "Big kitchen", "responsible_id": "eve", "tags": ["vip", "vip", "autumn"]}
    path = f"/v1/leads/{lead['id']}"
    changed = (await house.ask("PATCH", path, token="all", json=changes, headers={"If-Match": '"1"'})).json
    assert (changed["title"], changed["responsible_id"], changed["tags"]) == ("Big kitchen", "eve", ["vip", "autumn"])
    assert (await house.ask("PATCH", path, token="all", json=changes, headers={"If-Match": '"1"'})).status == 412
    for wrong in ({"responsible_id": "nobody"}, {"tags": "vip"}, {"tags": [1]}, {"titel": "x"}, {"title": "a\nb"}):
        assert (await house.ask("PATCH", path, token="all", json=wrong)).status == 422


async def test_changing_what_is_not_there_is_404(house):
    for path in ("tasks/abc/done", "leads/abc/convert", "leads/abc/win", "leads/abc/lose"):
        assert (await house.post(f"/v1/{path}")).status == 404


# ---- blocked numbers ----


async def test_s3_23_a_number_is_blocked_under_every_spelling_until_the_block_is_lifted(house):
    added = await house.post("/v1/blocked-numbers", json={"number": "07700 900111", "reason": "insults"})
    assert (added.status, added.json["number"], added.json["added_by"]) == (201, ANNA, "all")
    assert (await house.post("/v1/blocked-numbers", json={"number": "+44 7700 900111"})).status == 200
    tested = await house.post("/v1/blocked-numbers/test", json={"number": "0044 (7700) 900-111"})
    assert tested.json == {"number": ANNA, "blocked": True, "by": "list"}
    await house.happen(house.call())
    for path in ("leads", "contacts", "tasks", "calls", "cases"):
        assert (await house.get(f"/v1/{path}")).json["items"] == []
    assert (await house.ask("DELETE", "/v1/blocked-numbers?number=07700900111", token="all")).status == 204
    assert (await house.get("/v1/blocked-numbers")).json["items"] == []
    assert (await house.ask("DELETE", "/v1/blocked-numbers?number=07700900111", token="all")).status == 404


async def test_a_block_can_be_lifted_by_a_body_too(house):
    await house.post("/v1/blocked-numbers", json={"number": ANNA})
    assert (await house.ask("DELETE", "/v1/blocked-numbers", token="all", json={"number": ANNA})).status == 204


async def test_what_the_configuration_blocks_is_listed_and_changed_there(tmp_path):
    async with open_house(tmp_path, company=acme(blocked=[ANNA])) as house:
        (entry,) = (await house.get("/v1/blocked-numbers")).json["items"]
        assert (entry["number"], entry["configured"]) == (ANNA, True)
        tested = await house.post("/v1/blocked-numbers/test", json={"number": ANNA})
        assert (tested.json["blocked"], tested.json["by"]) == (True, "configuration")
        answer = await house.ask("DELETE", f"/v1/blocked-numbers?number={ANNA[1:]}", token="all")
        assert answer.status == 409
        assert "bridge.toml" in answer.json["detail"]


async def test_the_companys_own_numbers_cannot_be_blocked(house):
    for own in (SALES, "+447700900901"):
        assert (await house.post("/v1/blocked-numbers", json={"number": own})).status == 409


@pytest.mark.parametrize(
    "body", [{}, {"number": ""}, {"number": None}, {"number": "x"}, {"number": 7}, {"nummer": "1"}]
)
async def test_what_is_no_number_cannot_be_blocked(house, body):
    assert (await house.post("/v1/blocked-numbers", json=body)).status == 422


async def test_testing_what_is_no_number_is_an_answer(house):
    answer = await house.post("/v1/blocked-numbers/test", json={"number": "anonymous"})
    assert answer.json == {"number": None, "blocked": False, "by": None}


# ---- the frame ----


async def test_errors_of_the_frame_are_problem_details_too(house):
    nothing = await house.get("/v1/nothing")
    method = await house.ask("DELETE", "/v1/leads", token="all")
    assert (nothing.status, nothing.json["status"]) == (404, 404)
    assert (method.status, method.headers["Allow"]) == (405, "GET,HEAD")
    assert json.loads(method.text)["title"] == "Method Not Allowed"
