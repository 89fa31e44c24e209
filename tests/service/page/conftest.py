"""The browser, and pages in it."""

from __future__ import annotations

import pytest
from browser import View, serving, toy_index
from chromium import FLAGS, chromium


@pytest.fixture(scope="module")
def browser():
    """A browser for a module: beyond that its event loop would be in the way of other tests."""
    executable = chromium()
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        pytest.fail('the page is tested by playwright: pip install -e ".[dev]"')
    with sync_playwright() as started:
        result = started.chromium.launch(executable_path=executable, args=FLAGS)
        yield result
        result.close()


@pytest.fixture
def look(browser):
    """Open the page of a service; at the end each page is checked for what it must never do."""
    opened: list[View] = []

    def looked(server, *, refused=(), **options) -> View:
        page = browser.new_context(**options).new_page()
        page.set_default_timeout(60_000)
        view = View(page, f"{server.url}/", refused=refused)
        opened.append(view)
        view.watch()
        return view.open()

    yield looked
    for view in opened:
        view.page.context.close()
    for view in opened:
        view.check()


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """A service that nobody may change."""
    with serving(toy_index(tmp_path_factory.mktemp("toy") / "shop")) as server:
        yield server


@pytest.fixture
def writable(tmp_path):
    """A service of its own for each test that teaches it."""
    with serving(toy_index(tmp_path / "shop"), "--writable", "--poll", "0.1") as server:
        yield server
