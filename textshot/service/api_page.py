"""The page at /docs: what /openapi.json says, for people; made here, without assets of others."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from textshot.reports.page import render

TEMPLATE = "page/docs.html.j2"

_NO_KEY = ("/livez", "/readyz")
_REFERENCE = "#/components/schemas/"
_Json = Mapping[str, Any]


@dataclass(frozen=True)
class Field:
    """A parameter of a route, or a field of an object; `place`: query, path, or of a body."""

    name: str
    place: str
    kind: str
    is_required: bool
    about: str


@dataclass(frozen=True)
class Operation:
    """A route with its method: what it takes, what it answers, and how to call it."""

    method: str
    path: str
    title: str
    about: str
    key: str
    parameters: list[Field]
    body: str
    answers: list[tuple[str, str, str]]
    curl: str


def api_page(openapi: _Json) -> str:
    """Return the page; the routes of a named index, which are the same, are left out."""
    operations = [
        _operation(method, path, operation, openapi)
        for path, operations in openapi["paths"].items()
        if not path.startswith("/v1/indexes/")
        for method, operation in operations.items()
    ]
    schemas = {
        name: (schema.get("description", ""), list(_fields(schema)), schema.get("enum", ()))
        for name, schema in openapi["components"]["schemas"].items()
    }
    version = openapi["info"]["version"]
    return render(__package__, TEMPLATE, operations=operations, schemas=schemas, version=version)


def _operation(method: str, path: str, operation: _Json, openapi: _Json) -> Operation:
    parameters = [
        Field(p["name"], p["in"], kind_of(p["schema"]), p["required"], p.get("description", ""))
        for p in operation.get("parameters", ())
    ]
    bodies = operation.get("requestBody", {}).get("content", {})
    schema: _Json = next((content.get("schema", {}) for content in bodies.values()), {})
    answers = [
        (status, answer["description"], _answer_kind(answer))
        for status, answer in sorted(operation["responses"].items())
    ]
    return Operation(
        method=method.upper(),
        path=path,
        title=operation["summary"],
        about=operation.get("description", ""),
        key=_key(method, path),
        parameters=parameters,
        body="" if not bodies else kind_of(schema) if "$ref" in schema else "the file itself",
        answers=answers,
        curl=_curl(method, path, schema, openapi, has_body=bool(bodies)),
    )


def _key(method: str, path: str) -> str:
    """Return the role that a key needs, where the service has keys."""
    if path in _NO_KEY:
        return "none"
    changes = method != "get" and not path.endswith(("/classify", "/files"))
    return "write" if changes else "read"


def _answer_kind(answer: _Json) -> str:
    schemas = [content.get("schema", {}) for content in answer.get("content", {}).values()]
    return next((kind_of(schema) for schema in schemas if schema), "")


def _curl(method: str, path: str, schema: _Json, openapi: _Json, *, has_body: bool) -> str:
    words = ["curl"] + ([] if method in ("get", "post") else [f"-X {method.upper()}"])
    words += [] if path in _NO_KEY else ['-H "X-API-Key: $KEY"']
    if "$ref" in schema:
        named = openapi["components"]["schemas"][schema["$ref"].removeprefix(_REFERENCE)]
        example = json.dumps(next(iter(named.get("examples", ())), {}), ensure_ascii=False)
        words += ["-H 'Content-Type: application/json'", f"-d '{example}'"]
    elif has_body:
        words += ["--data-binary @inbox.csv"]
    query = "?name=inbox.csv" if has_body and "$ref" not in schema else ""
    address = path.replace("{name}", quote("late parcel")).replace("{request_id}", "ID")
    return f"{' '.join(words)} $URL{address}{query}"


def _fields(schema: _Json) -> Iterator[Field]:
    for name, value in schema.get("properties", {}).items():
        is_required = name in schema.get("required", ())
        yield Field(name, "", kind_of(value), is_required, value.get("description", ""))


def kind_of(schema: _Json) -> str:
    """Return in words what values a JSON schema allows."""
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(_REFERENCE)
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(map(kind_of, schema["anyOf"])))
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " or ".join(map(json.dumps, schema["enum"]))
    if schema.get("type") == "array":
        return f"list of {kind_of(schema.get('items', {}))}"
    return str(schema.get("type", "any value"))
