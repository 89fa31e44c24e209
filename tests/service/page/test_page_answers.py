"""The page shows the category of each text, why, and how certain it is."""

from __future__ import annotations

import json
import re

import pytest
from browser import serving, toy_index

LATE = "my parcel has not come yet"
NOISE = "qwx zvb jkl"


def card(view, number=0):
    return view.page.locator("#answers > ol > li").nth(number)


def test_an_answer_has_its_category_score_margin_and_what_decided(toy, look):
    view = look(toy)
    view.classify(LATE)
    [result] = toy.ask("/v1/classify", {"texts": [LATE], "k": 5})["predictions"]
    words = card(view).inner_text()
    assert view.labels() == [result["label"]] == ["late parcel"]
    assert f"score {result['score']:.2f} · {result['margin']:.2f} ahead of the next" in words
    assert f"Decided by the example “{LATE}”" in words
    assert "probab" not in words
    assert view.status() == "1 text, in a category."


def test_bars_are_the_scores_and_the_tick_is_the_threshold(toy, look):
    view = look(toy)
    view.classify("my parcel and my password")
    [result] = toy.ask("/v1/classify", {"texts": ["my parcel and my password"], "k": 5})[
        "predictions"
    ]
    matches = result["matches"]
    assert card(view).locator(".bars bdi").all_inner_texts() == [m["label"] for m in matches]
    widths = card(view).locator(".bar").evaluate_all("all => all.map(b => b.style.width)")
    shares = [float(width.rstrip("%")) / 100 for width in widths]
    assert shares == pytest.approx([max(0, m["score"]) for m in matches], abs=1e-4)
    ticks = card(view).locator(".tick").evaluate_all("all => all.map(t => t.style.left)")
    assert ticks == ["30%"] * len(matches)
    assert card(view).locator(".axis").inner_text() == "threshold 0.30"


def test_an_unknown_text_says_why_with_the_numbers(toy, look):
    view = look(toy)
    view.classify(NOISE)
    [result] = toy.ask("/v1/classify", {"texts": [NOISE]})["predictions"]
    assert view.labels() == ["unknown"]
    why = f"The best score, {result['score']:.2f}, is below the threshold of 0.30."
    assert why.replace("-", "\N{MINUS SIGN}") in card(view).inner_text()
    assert view.status() == "1 text, unknown."


def test_a_blank_text_is_shown_as_empty(toy, look):
    view = look(toy)
    view.classify("   ")
    assert "The text is empty." in card(view).inner_text()
    assert card(view).locator(".bar").count() == 0


def test_each_line_is_a_text_and_empty_lines_are_none(toy, look):
    view = look(toy)
    view.page.fill("#texts", f"{LATE}\n\n  \nwhen is the shop open on Saturday\n{NOISE}\n")
    view.page.press("#texts", "Control+Enter")
    view.page.wait_for_selector("#answers li.card >> nth=2")
    assert view.labels() == ["late parcel", "opening hours", "unknown"]
    assert view.status() == "3 texts: 2 in a category, 1 unknown."


def test_all_lines_can_be_one_text(toy, look):
    view = look(toy)
    view.page.check("#one-text")
    view.page.fill("#texts", "Hello,\nmy parcel has\nnot come yet")
    view.page.click("#classify button.main")
    view.page.wait_for_selector("#answers li.card")
    assert view.labels() == ["late parcel"]
    assert card(view).locator(".text").inner_text() == "Hello,\nmy parcel has\nnot come yet"


def test_more_texts_than_a_request_takes_are_several_requests(tmp_path, look):
    with serving(toy_index(tmp_path / "shop"), "--max-texts", "2") as server:
        view = look(server)
        view.classify(LATE, NOISE, LATE, NOISE, LATE)
        assert view.labels() == ["late parcel", "unknown"] * 2 + ["late parcel"]
        assert sum(r.url.endswith("/classify") for r in view.requests) == 3


def test_the_text_that_decided_can_be_private(tmp_path, look):
    with serving(toy_index(tmp_path / "shop", private=True)) as server:
        view = look(server)
        view.classify(LATE)
        assert "Decided by an example (text kept private)" in card(view).inner_text()


def test_one_of_several_indexes_can_be_selected(tmp_path, toy, look):
    one, other = toy_index(tmp_path / "one"), toy_index(tmp_path / "other", private=True)
    assert look(toy).page.locator("#index").is_hidden()
    with serving(f"one={one}", f"other={other}") as server:
        view = look(server)
        view.classify(LATE)
        assert f"“{LATE}”" in card(view).inner_text()
        view.page.select_option("#index", "other")
        view.page.wait_for_selector("text=text kept private")
        assert view.requests[-1].url.endswith("/v1/indexes/other/classify")


@pytest.mark.parametrize(
    ("share", "words"), [(0.934, "93 %"), (0.997, "more than 99 %"), (0.004, "less than 1 %")]
)
def test_a_calibrated_answer_shows_its_probability(toy, look, share, words):
    view = look(toy)

    def calibrated(route):
        answer = route.fetch()
        result = answer.json()
        result["predictions"][0]["probability"] = share
        route.fulfill(response=answer, body=json.dumps(result))

    view.page.route("**/classify", calibrated)
    view.classify(LATE)
    assert f"{words} likely to be right" in card(view).inner_text()


def test_close_scores_are_shown_with_enough_digits(toy, look):
    view = look(toy)

    def close(route):
        answer = route.fetch()
        result = answer.json()
        result["predictions"][0] |= {"score": 0.3797, "threshold": 0.38}
        route.fulfill(response=answer, body=json.dumps(result))

    view.page.route("**/classify", close)
    view.classify(NOISE)
    assert "The best score, 0.3797, is below the threshold of 0.3800." in card(view).inner_text()


def test_generation_encoder_and_categories_are_shown(toy, look):
    view = look(toy)
    [index] = toy.ask("/v1/info")["indexes"]
    footer = view.page.inner_text("footer")
    assert "generation 1" in footer
    assert f"encoder {index['encoder']['name']} ({index['encoder']['fingerprint']})" in footer
    assert view.page.inner_text("#categories summary") == "5 categories"
    assert "late parcel" in view.page.inner_text("#categories ul")


def test_a_long_text_is_shortened_until_expanded(toy, look):
    view = look(toy)
    view.classify(" ".join([LATE] * 100))
    text = card(view).locator(".text")
    assert re.search(r"… and 2,[0-9]{3} more characters", text.inner_text())
    text.locator("button").click()
    assert text.inner_text() == " ".join([LATE] * 100)
