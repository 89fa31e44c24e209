"""The map: where things are, and what a browser makes of the page."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from chromium import FLAGS, chromium
from playwright.sync_api import sync_playwright

from textshot import Category, Engine
from textshot.errors import InvalidTextsError
from textshot.evaluation import evaluate_predictions, predict_in_batches
from textshot.reports import evaluation_page, index_map
from textshot.reports.map import HEIGHT, WIDTH, layout, name_anchors
from textshot.testing import toy_engine

TEXTS = ["my parcel has not come", "I want my money back", "the weather <is> nice"]


def unit(rng, n, dim=8):
    rows = rng.normal(size=(n, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 60])
def test_every_vector_has_a_place_in_the_picture(n):
    vectors = unit(np.random.default_rng(0), n)
    places = layout(vectors)
    assert places.shape == (n, 2)
    assert ((places >= 0) & (places <= [WIDTH, HEIGHT])).all()
    np.testing.assert_array_equal(places, layout(vectors))


def test_groups_stay_together():
    rng = np.random.default_rng(0)
    middles = unit(rng, 3, 20)
    rows = np.repeat(middles, 25, axis=0) + 0.1 * unit(rng, 75, 20)
    places = layout((rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32))
    away = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(away, np.inf)
    assert (away.argmin(axis=1) // 25 == np.arange(75) // 25).all()


def test_names_do_not_cover_each_other():
    rng = np.random.default_rng(0)
    places = rng.random((80, 2)) * [WIDTH, HEIGHT]
    names = [f"category number {i}" for i in range(80)]
    places[0] = 0
    anchors = name_anchors(names, places, range(80))
    assert 10 < len(anchors) < 80
    assert anchors[0] == "start"


def test_a_name_is_at_the_left_of_a_point_at_the_right_edge():
    plane = np.array([[WIDTH - 20, 100.0], [20.0, 100.0], [500.0, 300.0], [500.0, 300.0]])
    names = ["at the right", "at the left", "first", "second"]
    assert name_anchors(names, plane, range(4)) == {0: "end", 1: "start", 2: "start", 3: "end"}


def test_a_name_without_room_is_left_out():
    plane = np.full((3, 2), 300.0)
    assert name_anchors(["one", "two", "three"], plane, range(3)) == {0: "start", 1: "end"}


def test_each_text_is_there_with_its_answer():
    engine = toy_engine(threshold=0.25)
    shown = index_map(engine, [*TEXTS, TEXTS[0], " "], index="shop", source="inbox.csv")
    svg = ElementTree.fromstring(re.search(r"<svg class=\"map\".*?</svg>", shown, re.DOTALL)[0])
    marks = {kind: svg.findall(f"circle[@class='{kind}']") for kind in ("t", "t u", "e", "c")}
    assert [len(found) for found in marks.values()] == [2, 1, 5, 5]
    said = sorted(mark.find("title").text for mark in marks["t"])
    late = engine.classify(["my parcel has not come"])[0]
    assert f"late parcel  {late.score:.2f}\nmy parcel has not come" in said
    assert marks["t u"][0].find("title").text.startswith("unknown, nearest ")
    assert marks["t u"][0].find("title").text.endswith("the weather <is> nice")
    assert shown == index_map(engine, [TEXTS[2], *TEXTS], index="shop", source="inbox.csv")


def test_categories_alone_need_no_encoder(tmp_path):
    toy_engine().save(tmp_path / "shop")
    engine = Engine.load(tmp_path / "shop", encoder="nowhere", lazy=True)
    assert "<h1>5 categories</h1>" in index_map(engine, index="shop")


def test_an_index_without_categories_is_refused(compass):
    engine = Engine.build([Category("east")], encoder=compass)
    engine.remove("east")
    with pytest.raises(InvalidTextsError, match=r"no categories: there is nothing to show"):
        index_map(engine, index="empty")


def test_of_very_many_examples_some_are_drawn(compass, monkeypatch):
    monkeypatch.setattr("textshot.reports.map.MAX_TEXTS", 4)
    many = [
        Category("east", examples=[*map(str, range(1, 8))]),
        Category("west", examples=["179", "178"]),
    ]
    shown = index_map(Engine.build(many, encoder=compass), index="many")
    assert shown.count('class="e"') == 3
    assert "rings their examples (3 of 9)" in shown


def test_more_categories_than_can_be_laid_out_are_refused(compass, monkeypatch):
    monkeypatch.setattr("textshot.reports.map.MAX_CATEGORIES", 1)
    engine = Engine.build([Category("east"), Category("west")], encoder=compass)
    with pytest.raises(InvalidTextsError, match=r"has 2 categories; a map shows at most 1"):
        index_map(engine, index="many")


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as started:
        found = started.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield found
        found.close()


@pytest.fixture
def opened(browser, tmp_path):
    """Open a page from a file; whatever it complains about is an error, and so is any request."""
    contexts, wrong = [], []

    def opens(html, **options):
        (tmp_path / "page.html").write_text(html, encoding="utf-8")
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: wrong.append(request.url))
        page.goto((tmp_path / "page.html").as_uri())
        wrong.remove((tmp_path / "page.html").as_uri())
        return page

    yield opens
    for context in contexts:
        context.close()
    assert wrong == []


def test_pointing_at_a_text_shows_it(opened):
    page = opened(index_map(toy_engine(threshold=0.25), TEXTS, index="shop"))
    hint = page.locator(".hint")
    assert not hint.is_visible()
    page.locator("circle.t.u").hover(force=True)
    assert hint.is_visible()
    assert hint.locator("b").inner_text().startswith("unknown, nearest ")
    assert hint.locator("span").inner_text() == "the weather <is> nice"


def test_a_click_on_a_name_shows_its_texts_alone(opened):
    page = opened(index_map(toy_engine(threshold=0.25), TEXTS, index="shop"))
    name = page.get_by_role("button", name="late parcel")
    name.click()
    assert name.get_attribute("aria-pressed") == "true"
    assert page.locator("circle.t:not(.off)").count() == 1
    name.click()
    assert page.locator("circle.off").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("what", ["map", "report"])
def test_pages_fit_a_phone_in_light_and_dark(opened, scheme, what):
    engine = toy_engine(threshold=0.25)
    if what == "map":
        html = index_map(engine, TEXTS, index="shop")
    else:
        truths, found = ["late parcel", "late parcel", None], predict_in_batches(engine, TEXTS, 5)
        html = evaluation_page(
            evaluate_predictions(found, truths),
            TEXTS,
            truths,
            found,
            index="shop",
            labelled="labelled.csv",
        )
    page = opened(html, color_scheme=scheme, viewport={"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 24, 31)"}[scheme]
