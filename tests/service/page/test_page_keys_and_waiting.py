"""The page asks for an API key if needed, and waits as long as the service says."""

from __future__ import annotations

import json

import pytest
from browser import serving, toy_index

READ, WRITE = "r" * 32, "w" * 32
LATE = "my parcel has not come yet"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    keys = f"read reader {READ}\nwrite writer {WRITE}"
    with serving(
        toy_index(tmp_path_factory.mktemp("keys") / "shop"), "--writable", keys=keys
    ) as server:
        yield server


def give(view, key):
    view.page.fill("#key-value", key)
    view.page.click("text=Use this key")


def refuse(page, path, status, seconds, code):
    """Refuse a request in the place of the service; return those after it, which are held."""
    error = {"code": code, "message": "12 tokens wait", "request_id": "r1"}
    seen = []

    def answer(route):
        seen.append(route)
        if len(seen) == 1:
            headers = {"Retry-After": str(seconds), "Content-Type": "application/json"}
            route.fulfill(status=status, headers=headers, body=json.dumps({"error": error}))

    page.route(path, answer)
    return seen


def wait_for_another(view, seen):
    while len(seen) < 2:
        view.page.wait_for_timeout(50)


def test_a_key_is_requested_until_it_is_valid_and_its_role_counts(guarded, look):
    view = look(guarded, refused=["status of 401"])
    assert "key" in view.page.inner_text("#key-problem")
    assert view.page.locator("#categories").is_hidden()
    give(view, "x" * 32)
    view.page.wait_for_selector("text=not valid for this service")
    give(view, READ)
    view.page.wait_for_selector("#categories:not([hidden])")
    assert view.page.locator("#key, #add").locator("visible=true").count() == 0
    view.classify(LATE)
    assert view.labels() == ["late parcel"]
    view.page.click("#forget")
    give(view, WRITE)
    view.page.wait_for_selector("#add:not([hidden])")


def test_a_key_is_kept_for_the_tab_and_never_in_an_address(guarded, look):
    view = look(guarded, refused=["status of 401"])
    give(view, READ)
    view.page.wait_for_selector("#categories:not([hidden])")
    view.page.reload()
    view.page.wait_for_selector("#categories:not([hidden])")
    assert view.page.evaluate("sessionStorage.getItem('textshot-key')") == READ
    assert view.page.evaluate("localStorage.length") == 0
    assert view.page.context.cookies() == []
    assert not [r.url for r in view.requests if READ in r.url]
    assert READ not in view.page.content()
    view.page.click("#forget")
    view.page.wait_for_selector("#key:not([hidden])")
    assert view.page.evaluate("sessionStorage.length") == 0


def test_a_key_that_no_header_can_hold_is_refused(guarded, look):
    view = look(guarded, refused=["status of 401"])
    give(view, "ключ 🔑")
    assert "without spaces" in view.page.inner_text("#key-problem")


@pytest.mark.parametrize(("status", "code"), [(429, "queue_full"), (503, "loading")])
def test_the_page_waits_for_a_busy_service_and_says_so(toy, look, status, code):
    view = look(toy, refused=[f"status of {status}"])
    seen = refuse(view.page, "**/classify", status, 1, code)
    view.page.fill("#texts", LATE)
    view.page.click("#classify button.main")
    view.wait_for_status("12 tokens wait. Trying again in 1 second…")
    wait_for_another(view, seen)
    seen[1].continue_()
    view.page.wait_for_selector("#answers li.card")
    assert view.status() == "1 text, in a category."


def test_an_upload_waits_too(toy, look, tmp_path):
    (tmp_path / "inbox.csv").write_text(f"text\n{LATE}\n")
    view = look(toy, refused=["status of 429", "status of 404"])
    seen = refuse(view.page, "**/files?*", 429, 1, "too_many_files")
    view.page.set_input_files("#file", tmp_path / "inbox.csv")
    view.wait_for_status("Trying again in 1 second…")
    wait_for_another(view, seen)
    seen[1].continue_()
    view.page.wait_for_selector("#upload a[download]")


def test_a_wait_that_is_too_long_is_an_error(toy, look):
    view = look(toy, refused=["status of 503"])
    refuse(view.page, "**/classify", 503, 3600, "draining")
    view.page.fill("#texts", LATE)
    view.page.click("#classify button.main")
    view.page.wait_for_selector("#problem >> text=12 tokens wait. (request r1)")


def test_a_service_that_does_not_answer_is_reported(toy, look):
    view = look(toy, refused=["ERR_FAILED"])
    view.page.route("**/classify", lambda route: route.abort())
    view.page.fill("#texts", LATE)
    view.page.click("#classify button.main")
    view.page.wait_for_selector("#problem >> text=The service does not answer. Is it running?")


def test_only_the_newest_request_is_answered(toy, look):
    view = look(toy)
    held = []
    view.page.route("**/classify", lambda route: held.append(route))
    view.page.fill("#texts", "qwx zvb jkl")
    view.page.click("#classify button.main")
    view.page.wait_for_function("() => document.querySelector('#classify').ariaBusy === 'true'")
    view.page.unroute("**/classify")
    view.classify(LATE)
    assert view.labels() == ["late parcel"]
    assert view.page.get_attribute("#classify", "aria-busy") == "false"
