"""The page of the API, the banner on a terminal, and the routes of what is refused."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from inside import ask

from textshot.service import APIKeys
from textshot.service.api_page import kind_of
from textshot.service.server import banner
from textshot.testing import toy_engine

KEY = "r" * 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("api") / "shop"
    toy_engine().save(path)
    return path


def test_the_page_names_every_route_parameter_and_field(folder: Path):
    async def body(client, service):
        return (await client.get("/docs")).text, (await client.get("/openapi.json")).json()

    keys = APIKeys([f"read one {KEY}"], "test")
    page, openapi = ask({"shop": folder}, body, keys=keys)  # without a key
    for path, operations in openapi["paths"].items():
        for method, operation in operations.items():
            if not path.startswith("/v1/indexes/"):
                assert f"{method.upper()} {path}" in page
                for parameter in operation.get("parameters", ()):
                    assert f"<code>{parameter['name']}</code>" in page
    for name, schema in openapi["components"]["schemas"].items():
        assert f'id="{name}"' in page
        for field in schema.get("properties", ()):
            assert f"<code>{field}</code>" in page
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(re.findall(r'id="([^"]+)"', page))
    assert not re.search(r"(src|href)=\"(https?:)?//", page)
    assert "<script" not in page
    assert "style=" not in page


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "string"}, "string"),
        ({"$ref": "#/components/schemas/Key"}, "Key"),
        (
            {"anyOf": [{"type": "number"}, {"const": "auto"}, {"type": "null"}]},
            'number or "auto" or null',
        ),
        ({"type": "array", "items": {"enum": ["a", "b"]}}, 'list of "a" or "b"'),
        ({}, "any value"),
    ],
)
def test_what_a_schema_allows_is_said_in_words(schema, words):
    assert kind_of(schema) == words


def test_refused_requests_are_counted_under_their_routes(folder: Path):
    asked = [
        ("POST", "/v1/classify", 401),
        ("GET", "/v1/categories/late%20parcel", 401),
        ("PUT", "/v1/indexes/shop/categories/x", 401),
        ("GET", "/metrics", 401),
        ("POST", "/v1/files", 401),
        ("DELETE", "/v1/classify", 401),
        ("GET", "/v1/nowhere", 401),
    ]

    async def body(client, service):
        for method, path, status in asked:
            assert (await client.request(method, path)).status_code == status
        headers = {"X-API-Key": KEY, "Content-Length": str(1 << 40)}
        assert (await client.post("/v1/corrections", headers=headers)).status_code == 413
        return (await client.get("/metrics", headers={"X-API-Key": KEY})).text

    text = ask({"shop": folder}, body, keys=APIKeys([f"read one {KEY}"], "test"))
    for method, route, status in [
        ("POST", "/v1/classify", 401),
        ("GET", "/v1/categories/{name}", 401),
        ("PUT", "/v1/indexes/{index}/categories/{name}", 401),
        ("GET", "/metrics", 401),
        ("POST", "/v1/files", 401),
        ("DELETE", "/v1/classify", 401),
        ("GET", "(none)", 401),
        ("POST", "/v1/corrections", 413),
    ]:
        labels = f'{{method="{method}",route="{route}",status="{status}"}}'
        assert f"textshot_requests_total{labels} 1.0" in text


def test_there_are_no_times_of_creation(folder: Path):
    async def body(client, service):
        await client.post("/v1/classify", json={"texts": ["where is my parcel"]})
        return (await client.get("/metrics")).text

    text = ask({"shop": folder}, body)
    assert "_created" not in text
    assert 'textshot_texts_total{index="shop"} 1.0' in text


def test_a_person_is_told_where_the_pages_are():
    with_keys = SimpleNamespace(indexes={"shop": 1, "news": 2}, has_keys=True)
    told = banner(with_keys, "http://127.0.0.1:8000")
    assert "shop, news (an API key is needed)" in told
    assert "page: http://127.0.0.1:8000/\n" in told
    assert "API:  http://127.0.0.1:8000/docs\n" in told
    without = SimpleNamespace(indexes={"shop": 1}, has_keys=False)
    assert "without API keys" in banner(without, "http://127.0.0.1:8000")
