"""The evidence on a telephone: one finger scrolls the page and selects, two zoom."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from demo_on_screen import MODULES, drawn
from kit.machine.child_process import until
from playwright.sync_api import CDPSession, Page
from watching import Watched

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def page(chromium, demo) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    watched = Watched(context.new_page(), demo.page.url)
    page = watched.open(f"/run/{demo.recognising}")
    drawn(page, MODULES[1], lambda seen: seen.axis[2] == len(demo.steps()) - 1)
    yield page
    context.close()
    assert not watched.complaints, watched.complaints


@pytest.fixture
def touch(page) -> CDPSession:
    return page.context.new_cdp_session(page)


def put(touch: CDPSession, kind: str, *places: tuple[float, float]) -> None:
    """Fingers begin, move, or are taken away where there are no places."""
    points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
    touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def middle_of(page: Page) -> tuple[float, float]:
    box = page.get_by_test_id(f"evidence-{MODULES[1]}").locator(".plot-area").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def window(page: Page) -> tuple[int, int]:
    shown = page.get_by_test_id("window")
    return int(shown.get_attribute("data-first")), int(shown.get_attribute("data-last"))


def test_one_finger_scrolls_the_page_and_changes_nothing(page, touch):
    before, shown, selected = (
        page.evaluate("scrollY"),
        window(page),
        page.get_by_test_id("scrub").get_attribute("data-row"),
    )
    x, y = middle_of(page)
    put(touch, "touchStart", (x, y))
    for pixels in range(10, 130, 20):
        put(touch, "touchMove", (x, y - pixels))
    put(touch, "touchEnd")
    until(lambda: page.evaluate("scrollY") > before + 80)
    assert window(page) == shown
    assert page.get_by_test_id("scrub").get_attribute("data-row") == selected


def test_a_tap_selects_also_after_two_fingers_zoomed(page, touch):
    shown = window(page)
    x, y = middle_of(page)
    put(touch, "touchStart", (x - 30, y), (x + 30, y))
    for pixels in (50, 70, 90):
        put(touch, "touchMove", (x - pixels, y), (x + pixels, y))
    put(touch, "touchEnd")
    until(lambda: window(page)[1] - window(page)[0] < (shown[1] - shown[0]) / 2)
    zoomed = window(page)
    put(touch, "touchStart", (x, y))
    put(touch, "touchEnd")
    until(lambda: zoomed[0] < int(page.get_by_test_id("scrub").get_attribute("data-row")) < zoomed[1])
    assert window(page) == zoomed


def test_a_finger_whose_end_nobody_told_is_forgotten(page, touch):
    shown = window(page)
    page.evaluate("addEventListener('pointerup', (event) => event.stopPropagation(), { capture: true, once: true })")
    x, y = middle_of(page)
    for left in (100, 0):
        put(touch, "touchStart", (x - left, y))
        put(touch, "touchEnd")
    until(lambda: int(page.get_by_test_id("scrub").get_attribute("data-row")) < shown[1])
    assert window(page) == shown
