"""The description is kept honest: every route is in it, and what the bridge answers is what it promises."""

import re
from typing import Any

from aiohttp import web

from bridge.web.app import ENDPOINTS, SHAPES, make_app
from tests.flow.builders import BELLA
from tests.web.house import House

PAGES = re.compile(r"/($|calls|tasks|leads|cases|blocked|sign-|docs|static|openapi)")
TYPES = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list, "object": dict}
DAY = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def complaints(value: Any, schema: Any, document: Any, path: str = "$") -> list[str]:
    """What in this value is not as the schema says; as much of JSON Schema as the document uses."""
    unknown = schema.keys() - {
        "$ref", "type", "enum", "format", "properties", "required", "additionalProperties", "items", "description",
        "minimum", "maximum",
    }  # fmt: skip
    assert not unknown, f"{path}: this test does not understand {unknown}"
    if "$ref" in schema:
        return complaints(value, document["components"]["schemas"][schema["$ref"].split("/")[-1]], document, path)
    if "enum" in schema:
        return [] if value in schema["enum"] else [f"{path}: {value!r} is none of {schema['enum']}"]
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if value is None:
        return [] if "null" in kinds or not kinds else [f"{path}: null"]
    fitting = [kind for kind in kinds if kind != "null" and isinstance(value, TYPES[kind])]
    if kinds and (not fitting or (isinstance(value, bool) and "boolean" not in kinds)):
        return [f"{path}: {value!r} is no {kinds}"]
    if schema.get("format") == "date-time" and not DAY.fullmatch(value):
        return [f"{path}: {value!r} is no moment"]
    found = [f"{path}.{name}: missing" for name in schema.get("required", []) if name not in value]
    if isinstance(value, dict) and "properties" in schema:
        if schema.get("additionalProperties") is False:
            found += [f"{path}.{name}: not described" for name in value.keys() - schema["properties"].keys()]
        for name, its in schema["properties"].items():
            if name in value:
                found += complaints(value[name], its, document, f"{path}.{name}")
    if isinstance(value, list) and "items" in schema:
        found += [
            complaint
            for place, item in enumerate(value)
            for complaint in complaints(item, schema["items"], document, f"{path}[{place}]")
        ]
    return found


async def described(house: House) -> Any:
    return (await house.ask("GET", "/openapi.json")).json


async def test_every_route_is_described_and_every_description_is_routed(house):
    document = await described(house)
    routed = {
        (route.method, re.sub(r":[^}]*}(?=$|/)", "}", route.resource.canonical))
        for route in make_app(house.services).router.routes()
        if route.method != "HEAD" and route.resource is not None and not PAGES.match(route.resource.canonical)
    }
    told = {(method.upper(), path) for path, operations in document["paths"].items() for method in operations}
    assert routed == told


def test_no_two_shapes_have_one_name():
    names = [shape.name for shape in SHAPES]
    assert len(names) == len(set(names))


async def test_every_reference_leads_somewhere(house):
    document = await described(house)
    names = set(re.findall(r'"#/components/schemas/(\w+)"', (await house.ask("GET", "/openapi.json")).text))
    assert names <= document["components"]["schemas"].keys()
    assert document["openapi"].startswith("3.1")


async def test_what_a_seeded_bridge_answers_is_what_the_description_promises(house):
    await house.happen(
        house.call(utm={"source": "google"}),
        house.answered("c-2", client_number=BELLA, client_name="Bella Cruz", recording_url="https://pbx.example/2.mp3"),
        house.call("c-3", type="call.ringing", outcome=None, ring_seconds=None, employee="102"),
        house.call("c-4", client_number=None, client_name=None, outcome="voicemail"),
    )
    await house.happen(house.answered("c-5", direction="outbound"))
    await house.happen(
        house.call("c-6", type="call.answered", outcome=None, employee="101"),
        house.call("c-6", type="call.transferred", outcome=None, employee="101", to="102"),
        house.call("c-6", event_id="c-6-end", outcome="answered", employee="102", talk_seconds=5),
    )
    assert (await house.push({"nonsense": 1})).status == 422
    leads = (await house.get("/v1/leads")).json["items"]
    await house.post(f"/v1/leads/{leads[0]['id']}/convert")
    await house.post("/v1/blocked-numbers", json={"number": "+447700900777", "reason": "insults"})
    document = await described(house)
    for path, operations in document["paths"].items():
        operation = operations.get("get")
        if operation is None or path == "/v1/stream":
            continue
        for address in await addresses(house, path):
            answer = await house.get(address)
            assert answer.status == 200, address
            ((kind, content),) = operation["responses"]["200"]["content"].items()
            assert answer.headers["Content-Type"].startswith(kind), address
            if kind == "application/json":
                assert complaints(answer.json, content["schema"], document) == [], address


async def addresses(house: House, path: str) -> list[str]:
    """The addresses that this path has, as the bridge is seeded."""
    if path == "/v1/responsible":
        return [f"{path}?number={BELLA}", f"{path}?number=anonymous"]
    if "{id}" not in path:
        return [path]
    listed = (await house.get(path.split("/{id}", maxsplit=1)[0])).json["items"]
    assert listed, path
    return [path.replace("{id}", item["id"]) for item in listed]


async def test_what_changes_answer_is_what_the_description_promises(house):
    await house.happen(house.call())
    document = await described(house)
    lead = (await house.get("/v1/leads")).json["items"][0]["id"]
    task = (await house.get("/v1/tasks")).json["items"][0]["id"]
    number = {"number": "+447700900777"}
    for method, path, body in (
        ("POST", f"/v1/tasks/{task}/done", {}),
        ("PATCH", f"/v1/leads/{lead}", {"title": "Kitchen"}),
        ("POST", f"/v1/leads/{lead}/convert", {}),
        ("POST", "/v1/blocked-numbers", number),
        ("POST", "/v1/blocked-numbers/test", number),
        ("DELETE", "/v1/blocked-numbers", number),
    ):
        answer = await house.ask(method, path, token="all", json=body)
        operation = document["paths"][path.replace(lead, "{id}").replace(task, "{id}")][method.lower()]
        promised = operation["responses"][str(answer.status)]
        if "content" in promised:
            assert complaints(answer.json, promised["content"]["application/json"]["schema"], document) == [], path


async def test_refusals_are_the_problem_that_is_described(house):
    document = await described(house)
    problem = document["components"]["schemas"]["Problem"]
    for answer in (
        await house.get("/v1/leads?x=1"),
        await house.get("/v1/leads", token="none"),
        await house.post("/v1/blocked-numbers", json={}),
        await house.push({"x": 1}),
        await house.get("/v1/nothing"),
    ):
        assert answer.status >= 400
        assert complaints(answer.json, problem, document) == []


def test_every_endpoint_that_changes_something_wants_the_scope_to_write():
    for endpoint in ENDPOINTS:
        changes = endpoint.method not in {"GET", "HEAD"} and not endpoint.path.endswith("/test")
        assert (endpoint.scope == "write") == changes, endpoint.path


async def test_the_readable_description_has_every_path(house):
    document, page = await described(house), await house.see("/docs")
    assert isinstance(document, dict)
    for path in document["paths"]:
        assert path in page.text
    assert isinstance(make_app(house.services), web.Application)
