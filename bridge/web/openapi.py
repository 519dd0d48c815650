"""The description of the API (OpenAPI 3.1), made from the same list that is routed."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

from bridge.web.endpoints import Endpoint
from bridge.web.shapes import Schema, Shape, array
from bridge.wire.problems import CONTENT_TYPE


def openapi(endpoints: Iterable[Endpoint], shapes: Iterable[Shape], version: str) -> Mapping[str, Any]:
    """The description of these endpoints (OpenAPI 3.1)."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.plain_path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "callbridge",
            "version": version,
            "description": "Lists are newest first and come in pages: `?limit=&cursor=`, `{items, next}`. Numbers are "
            "E.164, times ISO 8601 in UTC. Errors are problem details (RFC 9457). Changes take `If-Match` with the "
            "record's version.",
        },
        "paths": paths,
        "components": {
            "schemas": {shape.name: shape.schema() for shape in shapes} | {"Problem": _PROBLEM},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "`bridge token add NAME` gives one"}
            },
        },
    }


_PROBLEM: Final[Schema] = {
    "type": "object",
    "description": "What went wrong and what to do about it (RFC 9457).",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": array(
            {
                "type": "object",
                "properties": {"path": {"type": "string"}, "message": {"type": "string"}},
                "required": ["path", "message"],
            }
        ),
    },
    "required": ["type", "title", "status", "detail"],
}


def _operation(endpoint: Endpoint) -> Mapping[str, Any]:
    operation: dict[str, Any] = {
        "summary": endpoint.summary,
        "parameters": _parameters(endpoint),
        "responses": {
            str(endpoint.status.value): _answer(endpoint),
            "default": {
                "description": "what went wrong",
                "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            },
        },
        "security": [] if endpoint.scope is None else [{"token": [endpoint.scope]}],
    }
    if endpoint.body is not None:
        schema = {
            "type": "object",
            "properties": endpoint.body,
            "required": list(endpoint.required),
            "additionalProperties": False,
        }
        operation["requestBody"] = {
            "required": bool(endpoint.required),
            "content": {"application/json": {"schema": schema}},
        }
    return operation


def _answer(endpoint: Endpoint) -> Mapping[str, Any]:
    if endpoint.status is HTTPStatus.NO_CONTENT:
        return {"description": "done"}
    schema = endpoint.answer if endpoint.answer is not None else {}
    return {"description": "the answer", "content": {endpoint.media_type: {"schema": schema}}}


def _parameters(endpoint: Endpoint) -> list[Mapping[str, Any]]:
    parameters: list[Mapping[str, Any]] = [
        {
            "name": parameter.name,
            "in": "query",
            "description": parameter.description,
            "required": parameter.required,
            "schema": parameter.schema,
        }
        for parameter in endpoint.query
    ]
    if "{id}" in endpoint.plain_path:
        parameters.append(_in_path("id", "the record's id"))
    if "{source}" in endpoint.plain_path:
        parameters.append(_in_path("source", "the source's id in bridge.toml"))
    if endpoint.versioned:
        parameters.append(
            {
                "name": "If-Match",
                "in": "header",
                "required": False,
                "description": "the version that is to be changed; 412 if somebody was faster",
                "schema": {"type": "string"},
            }
        )
    return parameters


def _in_path(name: str, description: str) -> Mapping[str, Any]:
    return {"name": name, "in": "path", "required": True, "description": description, "schema": {"type": "string"}}
