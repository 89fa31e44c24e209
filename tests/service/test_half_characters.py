"""An index of the library may hold half characters; the answers of the service hold none."""

from __future__ import annotations

from pathlib import Path

from inside import ask

from textshot import Category, Engine
from textshot.encoders import HashingEncoder
from textshot.types import Example


def test_an_index_that_holds_half_characters_is_served(tmp_path: Path):
    food = Category(
        "food",
        "eat \ud83d",
        [Example("bread \ud83d", "book \ud83d")],
        parent="all \ud83d",
        metadata={"key \ud83d": "value \ude00"},
    )
    Engine.build([food], encoder=HashingEncoder()).save(tmp_path / "index")

    async def body(client, service):
        classified = await client.post("/v1/classify", json={"texts": ["bread \ufffd"]})
        listed = await client.get("/v1/categories")
        one = await client.get("/v1/categories/food")
        return [answer.json() for answer in (classified, listed, one)]

    classified, listed, one = ask({"index": tmp_path / "index"}, body)
    key = classified["predictions"][0]["matches"][0]["key"]
    assert (key["text"], key["source"]) == ("bread \ufffd", "book \ufffd")
    assert listed["categories"] == [one["category"]]
    assert one["category"] == {
        "name": "food",
        "description": "eat \ufffd",
        "parent": "all \ufffd",
        "threshold": None,
        "metadata": {"key \ufffd": "value \ufffd"},
        "examples": [{"text": "bread \ufffd", "source": "book \ufffd", "written": 0}],
    }
