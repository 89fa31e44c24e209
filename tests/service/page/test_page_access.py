"""Accessibility: keyboard, phone, dark mode, print, screen readers."""

from __future__ import annotations

import pytest
from browser import serving, toy_index

LATE = "my parcel has not come yet"
NOISE = "qwx zvb jkl"
PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def writable(tmp_path_factory):
    """A service that all tests of this file teach, each something else."""
    folder = toy_index(tmp_path_factory.mktemp("access") / "shop")
    with serving(folder, "--writable", "--poll", "0.1") as server:
        yield server


def tab_to(view, selector):
    """Press Tab until something has the focus; all that had it on the way was to be seen."""
    wanted = view.page.locator(selector).first
    wanted.wait_for()
    for _ in range(80):
        view.page.keyboard.press("Tab")
        style = view.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert style != "none"
        if wanted.evaluate("node => node === document.activeElement"):
            return
    pytest.fail(f"{selector} is not reached by Tab")


def violations(view):
    """Return what axe finds on the page as it is now."""
    from axe_playwright_python.sync_playwright import Axe

    result = Axe().run(view.page).response["violations"]
    return [(one["id"], one["impact"], [node["html"] for node in one["nodes"]]) for one in result]


def test_everything_is_done_by_keyboard_alone(writable, look, tmp_path):
    (tmp_path / "inbox.csv").write_text(f"text\n{LATE}\n")
    view = look(writable)
    view.page.on("filechooser", lambda chooser: None)  # from now on; to begin with it takes a while
    keys = view.page.keyboard

    tab_to(view, "#texts")
    keys.type(f"{NOISE}\n{LATE}")
    tab_to(view, "#classify button.main")
    keys.press("Enter")
    view.wait_for_status("2 texts")

    tab_to(view, "form.correct select")
    keys.type("refund")
    tab_to(view, "form.correct button")
    keys.press("Enter")
    view.wait_for_status("Correction saved: refund request.")
    assert view.labels() == ["refund request", "late parcel"]
    focused = view.page.evaluate("document.activeElement.innerText")
    assert focused == "Correct"  # the focus stays where somebody works

    tab_to(view, "#add-name")
    keys.type("noise")
    tab_to(view, "#add-example")
    keys.type(NOISE)
    tab_to(view, "#add button.main")
    keys.press("Enter")
    view.wait_for_status("Added noise.")

    view.page.locator("#texts").focus()
    tab_to(view, "#choose-file")
    with view.page.expect_file_chooser() as waiting:
        keys.press("Enter")
    waiting.value.set_files(tmp_path / "inbox.csv")
    tab_to(view, "#upload a[download]")
    with view.page.expect_download():
        keys.press("Enter")


def test_the_order_of_focus_is_that_of_the_page_and_ends(writable, look):
    view = look(writable)
    view.classify(LATE)
    view.page.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
    view.page.locator("h1").click()
    order = []
    for _ in range(40):
        view.page.keyboard.press("Tab")
        order.append(
            view.page.evaluate("document.activeElement.id || document.activeElement.tagName")
        )
        if order[-1] == "BODY":
            break
    assert order[:4] == ["texts", "one-text", "choose-file", "BUTTON"]
    assert order.index("SELECT") < order.index("add-name") < order.index("add-description")
    assert order[-1] == "BODY"  # and on to the browser: no trap


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violations(writable, look, scheme, tmp_path):
    view = look(writable, color_scheme=scheme)
    assert violations(view) == []
    view.classify(LATE, NOISE, "   .   ")
    view.page.click("form.correct >> text=Correct")
    assert violations(view) == []
    view.page.fill("#add-name", f"{scheme} words")
    view.page.fill("#add-example", ".")
    view.page.click("#add button.main")
    view.wait_for_status(f"Added {scheme} words.")
    (tmp_path / "inbox.csv").write_text(f"id,text\n1,{LATE}\n2,\n")
    view.page.set_input_files("#file", tmp_path / "inbox.csv")
    view.page.wait_for_selector("#upload a[download]")
    assert view.page.locator(".changed, #upload table, .problem:visible").count() >= 3
    assert violations(view) == []


def test_axe_finds_no_violations_in_the_file_options(toy, look, tmp_path):
    view = look(toy, refused=["status of 422"])
    (tmp_path / "inbox.csv").write_text("id,words\n1,2\n")
    view.page.set_input_files("#file", tmp_path / "inbox.csv")
    view.page.wait_for_selector("#upload select")
    assert violations(view) == []


def test_dark_and_light_have_different_colours(toy, look):
    colours = [
        look(toy, color_scheme=scheme).page.evaluate(
            """() => ["body", ".card", "h1"].map((one) => {
                const style = getComputedStyle(document.querySelector(one));
                return [style.backgroundColor, style.color];
            })"""
        )
        for scheme in ("light", "dark")
    ]
    assert all(
        a != b
        for light, dark in zip(*colours, strict=True)
        for a, b in zip(light, dark, strict=True)
        if a != "rgba(0, 0, 0, 0)"
    )


def test_a_phone_scrolls_vertically_only(writable, look, tmp_path):
    view = look(writable, viewport=PHONE)
    view.page.fill("#add-name", "W" * 200)
    view.page.fill("#add-example", "x" * 300)
    view.page.click("#add button.main")
    view.wait_for_status("Added")
    view.classify("x" * 300, LATE, NOISE)
    (tmp_path / f"{'long' * 40}.csv").write_text(f"id,text\n1,{LATE}\n2,\n")
    view.page.set_input_files("#file", tmp_path / f"{'long' * 40}.csv")
    view.page.wait_for_selector("#upload a[download]")
    assert view.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert violations(view) == []


def test_status_and_errors_are_announced_by_screen_readers(toy, look):
    view = look(toy)
    assert view.page.get_attribute("#status", "role") == "status"
    assert view.page.get_attribute("#problem", "role") == "alert"
    view.classify(LATE)
    bars = view.page.locator("ul.bars")
    assert "late parcel" in bars.aria_snapshot()
    assert view.page.locator(".track").first.get_attribute("aria-hidden") == "true"


def test_nothing_moves_with_reduced_motion(toy, look):
    view = look(toy, reduced_motion="reduce")
    view.classify(LATE)
    moving = """all => all.map((node) => getComputedStyle(node)).filter(
        (style) => style.transitionDuration !== "0s" || style.animationName !== "none").length"""
    assert view.page.locator("*").evaluate_all(moving) == 0


def test_only_the_answers_are_printed(writable, look):
    view = look(writable, color_scheme="dark")
    view.classify(LATE)
    view.page.emulate_media(media="print")
    ink = view.page.locator("h1").evaluate("node => getComputedStyle(node).color")
    assert max(map(int, ink[4:-1].split(","))) < 100  # dark on white, whatever the screen is like
    for part in ("#classify", "#add", "form.correct"):
        assert view.page.locator(part).is_hidden()
    assert view.page.locator("#answers .bar").first.is_visible()
