"""A real Chromium before a real page, broker and bridge."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from demo_on_screen import demo, shown
from kit.bridge import bridge, broker
from kit.machine.missing import is_missing
from kit.page.page_process import PageProcess
from kit.page.teller import Teller
from playwright.sync_api import Browser, expect, sync_playwright
from scene_on_screen import scene
from watching import CHROMIUM, QUIET, Watched

__all__ = ["bridge", "broker", "chromium", "demo", "page_server", "scene", "shown", "teller", "watched"]

expect.set_options(timeout=20_000)  # for a machine that does something else, too


@pytest.fixture(scope="module")  # Playwright keeps an event loop in this thread, where other modules' tests have theirs
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        is_missing("not run: Chromium is not installed (apt-get install chromium)")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield running
        running.close()


@pytest.fixture
def page_server(broker, tmp_path) -> Iterator[PageProcess]:
    with PageProcess(broker, tmp_path / "state") as process:
        process.ready()
        yield process


@pytest.fixture
def watched(chromium, page_server) -> Iterator[Watched]:
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    watched_page = Watched(context.new_page(), page_server.url)
    yield watched_page
    context.close()
    assert not watched_page.complaints


@pytest.fixture
def teller(broker) -> Iterator[Teller]:
    with Teller(broker) as running:
        yield running
