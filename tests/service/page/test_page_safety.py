"""Texts of users stay text, and the page keeps to a strict content policy."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.request import urlopen

import pytest
from browser import serving

import textshot.service
from textshot import Category, Engine
from textshot.testing import HashingEncoder

PAGE = Path(textshot.service.__file__).with_name("page")
CANARY = "<img src=x onerror=window.hacked=1>\"'><script>window.hacked=1</script>{{7*7}}${hacked}"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A service whose categories are called and described by somebody who means ill."""
    categories = [
        Category(
            f"{CANARY} name", description=f"{CANARY} description", examples=[f"{CANARY} example"]
        ),
        Category("\u202eevil \u2066name", examples=["right to left"]),
    ]
    engine = Engine.build(categories, encoder=HashingEncoder(), threshold=0.3)
    folder = tmp_path_factory.mktemp("hostile") / "index"
    engine.save(folder)
    with serving(folder, "--writable") as server:
        yield server


def assert_is_harmless(view):
    assert view.page.evaluate("window.hacked") is None
    assert view.page.locator("img").count() == 1  # ours
    assert view.page.locator("body script").count() == 0


def test_names_examples_and_texts_are_shown_as_they_are(hostile, look):
    view = look(hostile)
    view.classify(f"{CANARY} example", CANARY.upper(), "right to left")
    words = view.page.inner_text("#answers")
    assert f"{CANARY} name" in view.labels()
    assert f"“{CANARY} example”" in words
    assert CANARY.upper() in words
    assert f"{CANARY} name" in view.page.inner_text("#categories ul")
    assert f"{CANARY} name" in view.page.locator("form.correct option").all_inner_texts()
    assert_is_harmless(view)


def test_an_added_category_is_shown_as_it_is(hostile, look):
    view = look(hostile)
    view.classify("something else")
    view.page.fill("#add-name", CANARY)
    view.page.fill("#add-example", "something else")
    view.page.click("#add button.main")
    view.wait_for_status(f"Added {CANARY}.")
    assert view.labels() == [CANARY]
    assert_is_harmless(view)


def test_file_names_columns_and_reasons_are_shown_as_they_are(hostile, look):
    view = look(hostile, refused=["status of 422"])
    table = f'"{CANARY.replace(chr(34), chr(39))}",other\nright to left,and left to right\n'
    file = {
        "name": f"{CANARY.replace('/', '')}.csv",
        "mimeType": "text/html",
        "buffer": table.encode(),
    }
    view.page.set_input_files("#file", file)
    view.page.wait_for_selector("#upload select")
    assert file["name"] in view.page.inner_text("#upload")
    view.page.select_option("#upload select >> nth=0", index=1)
    view.page.click("text=Send again")
    view.page.wait_for_selector("#upload a[download]")
    assert_is_harmless(view)


def test_an_error_is_shown_as_it_is(hostile, look):
    view = look(hostile, refused=["status of 422"])
    view.page.route(
        "**/classify",
        lambda route: route.fulfill(status=422, json={"error": {"code": "x", "message": CANARY}}),
    )
    view.page.fill("#texts", "anything")
    view.page.click("#classify button.main")
    view.page.wait_for_selector("#problem p")
    assert CANARY in view.page.inner_text("#problem")
    assert_is_harmless(view)


def test_the_policy_is_strict_and_the_page_needs_nothing_beyond_it(toy):
    with urlopen(toy.url) as answer:
        policy = answer.headers["Content-Security-Policy"]
        html = answer.read().decode()
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=\"/page/)|https?:", html)


@pytest.mark.parametrize("path", sorted(PAGE.iterdir()), ids=lambda path: path.name)
def test_no_source_makes_markup_of_text_or_reaches_outside(path):
    source = path.read_text(encoding="utf-8")
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\(|Function\(", source
    )
    addresses = set(re.findall(r"https?://[^\s\"']+", source))
    assert addresses <= {"http://www.w3.org/2000/svg"}
    assert len(source.splitlines()) <= 170


def test_the_page_of_the_api_needs_nothing_from_elsewhere(toy, look):
    view = look(toy)
    view.page.click("footer a")
    view.page.wait_for_selector("[id='POST-/v1/classify']")
    assert view.page.url == f"{toy.url}/docs"
    assert view.page.locator("section").count() > 30
    view.page.click("nav a >> nth=0")
    assert view.console == []
    assert {request.url.removeprefix(toy.url).split("#")[0] for request in view.requests} >= {
        "/docs",
        "/page/docs.css",
    }
    assert all(request.url.startswith((toy.url, "data:")) for request in view.requests)
    assert (
        view.page.evaluate("getComputedStyle(document.querySelector('.docs')).maxWidth") != "none"
    )
