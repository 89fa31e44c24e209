"""The page with the encoder that people use, and the index of the examples."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from browser import serving

EXAMPLES = Path(__file__).parents[3] / "examples" / "support"
INDEX = Path(__file__).parents[3] / "indexes" / "support"


@pytest.fixture(scope="module")
def support(tmp_path_factory):
    with serving(INDEX, "--deadline", "300") as server:  # 150 texts at once, on any machine
        yield server


def test_the_support_desk(support, look, tmp_path):
    view = look(support)
    view.classify(
        "my package should have been here on Monday",
        "the lid of the glass jar is cracked",
        "Would you like to advertise in our magazine?",
    )
    assert view.labels() == ["late parcel", "damaged on arrival", "unknown"]
    words = view.page.inner_text("#answers")
    assert "Decided by the example “When I opened the box the glass lid was" in words
    assert "is below the threshold of 0.38" in words

    view.page.set_input_files("#file", EXAMPLES / "inbox.csv")
    view.page.wait_for_selector("#upload a[download]", timeout=120_000)
    assert "150 rows · 49 unknown (33 %)" in view.page.inner_text("#upload")
    with view.page.expect_download() as waiting:
        view.page.click("#upload a[download]")
    with waiting.value.path().open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    texts = [row["text"] for row in rows]
    answers = support.ask("/v1/classify", {"texts": texts})["predictions"]
    assert [row["label"] for row in rows] == [a["label"] or "unknown" for a in answers]
