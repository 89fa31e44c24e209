"""What Prometheus sees: counts that can be checked by hand, and a bounded number of series."""

from __future__ import annotations

from pathlib import Path

import pytest
from inside import ask
from prometheus_client.parser import text_string_to_metric_families

from textshot import Category, Engine
from textshot.encoders import HashingEncoder
from textshot.service import metrics as module


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    categories = [Category(f"kind {i}", examples=[f"word{i} word{i}"]) for i in range(6)]
    Engine.build(categories, encoder=HashingEncoder()).save(tmp_path / "news")
    return tmp_path / "news"


def scraped(text: str) -> dict[tuple, float]:
    """Return each sample by its name and labels."""
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_requests_errors_and_answers_are_counted(folder: Path):
    async def body(client, service):
        for texts in (["word1 word1", "zzz"], ["word2 word2"]):
            await client.post("/v1/classify", json={"texts": texts})
        await client.post("/v1/classify", json={})
        await client.get("/v1/categories/nothing")
        return (await client.get("/metrics")).text

    result = scraped(ask({"news": folder}, body))
    assert result["textshot_requests_total", "/v1/classify", "200", "POST"] == 2
    assert result["textshot_requests_total", "/v1/classify", "422", "POST"] == 1
    assert result["textshot_errors_total", "invalid_request"] == 1
    assert result["textshot_errors_total", "unknown_category"] == 1
    assert result["textshot_texts_total", "news"] == 3
    assert result["textshot_unknown_total", "news"] == 1
    assert result["textshot_score_count", "kind 1", "news"] == 1
    assert result["textshot_score_count", "news", "unknown"] == 1
    assert result["textshot_batch_tokens_count",] == 2
    assert result["textshot_queue_tokens",] == 0
    assert result["textshot_generation", "news"] == 1
    assert result["textshot_categories", "news"] == 6
    assert result["textshot_reload_failing", "news"] == 0


def test_many_categories_make_no_more_series(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MAX_CATEGORIES", 2)

    async def body(client, service):
        texts = [f"word{i} word{i}" for i in range(6)]
        await client.post("/v1/classify", json={"texts": texts})
        return (await client.get("/metrics")).text

    result = scraped(ask({"news": folder}, body))
    counts = {key[1:]: value for key, value in result.items() if key[0] == "textshot_score_count"}
    assert counts == {("kind 0", "news"): 1, ("kind 1", "news"): 1, ("(others)", "news"): 4}


def test_a_path_or_a_method_of_a_caller_makes_no_series(folder: Path):
    async def body(client, service):
        for i in range(5):
            await client.get(f"/nowhere/{i}")
            await client.get(f"/v1/categories/{i}")
            await client.request(f"M{i}", "/v1/classify")
        return (await client.get("/metrics")).text

    result = scraped(ask({"news": folder}, body))
    requests = [key for key in result if key[0] == "textshot_requests_total"]
    assert len(requests) == 3


def test_a_generation_that_is_refused_shows(folder: Path):
    async def body(client, service):
        (folder / "index.json").write_text("{}")
        with pytest.raises(Exception, match=r"index\.json"):
            await service.run_in_thread(service.default.refresh)
        return (await client.get("/metrics")).text

    result = scraped(ask({"news": folder}, body))
    assert result["textshot_reload_failing", "news"] == 1
    assert result["textshot_reload_failures", "news"] == 1
    assert result["textshot_generation", "news"] == 1
