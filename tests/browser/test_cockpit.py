"""The cockpit: all of a step on one screen, and each reader's own arrangement of it."""

from __future__ import annotations

import pytest
from demo_on_screen import MODULES, at
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.timeout(120)

FAILED_EPISODE, FAILED_STEP = 5, 9
LEAST_CHART_PIXELS = 50
SEEN_TOGETHER = [
    "timeline-view",
    "agreement",
    *(f"evidence-{module}" for module in MODULES),
    *(f"hypothesis-{module}" for module in MODULES),
    "sensor-patch_0",
    "sensor-view_finder",
    "space",
    "closer-look",
]
CLIPPED = """(ids) => ids.flatMap((id) => {
  const place = document.querySelector(`[data-testid="${id}"]`);
  const texts = [...place.querySelectorAll("strong, dt, dd, .chip")].filter((one) => one.getClientRects().length);
  return texts.filter((one) => one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).overflow === "hidden")
    .map((one) => `${id}: ${one.textContent}`);
})"""


def size(page: Page, width: int, height: int) -> None:
    page.set_viewport_size({"width": width, "height": height})


def box(page: Page, name: str) -> dict:
    return page.get_by_test_id(name).first.bounding_box()


def test_ids(page: Page, area: str) -> list[str]:
    return page.locator(f"{area} > [data-testid]").evaluate_all("(all) => all.map((one) => one.dataset.testid)")


test_ids.__test__ = False


@pytest.mark.parametrize("window", [(1440, 900), (1280, 800)], ids=lambda window: "x".join(map(str, window)))
def test_all_of_a_step_is_seen_at_once(shown, demo, window):
    size(shown.page, *window)
    page = at(shown, demo.recognising, FAILED_EPISODE, FAILED_STEP)
    for name in SEEN_TOGETHER:
        expect(page.get_by_test_id(name).first).to_be_in_viewport(ratio=0.9)
    ceiling = box(page, "scrub")["y"]
    for name in SEEN_TOGETHER:
        place = box(page, name)
        assert place["y"] + place["height"] <= ceiling, f"{name} goes on below the time line"
        assert place["x"] + place["width"] <= window[0]
    assert min(box(page, f"evidence-{module}")["height"] for module in MODULES) >= LEAST_CHART_PIXELS
    assert page.evaluate(CLIPPED, [f"hypothesis-{module}" for module in MODULES]) == []
    assert page.evaluate("document.scrollingElement.scrollTop") == 0
    assert page.evaluate("document.scrollingElement.scrollWidth") <= window[0]


def test_the_line_in_the_agreement_strip_stands_above_those_in_the_charts(shown, demo):
    size(shown.page, 1440, 900)
    page = at(shown, demo.recognising, FAILED_EPISODE, FAILED_STEP)
    cursors = page.get_by_test_id("cursor")
    expect(cursors).to_have_count(1 + len(MODULES))
    assert len({round(cursor.bounding_box()["x"]) for cursor in cursors.all()}) == 1


def test_why_the_episode_failed_is_found_without_scrolling(shown, demo):
    size(shown.page, 1440, 900)
    page = at(shown, demo.recognising, FAILED_EPISODE, 0)
    page.get_by_role("button", name="First wrong decision").click()
    for module in MODULES:
        verdict = page.get_by_test_id(f"wrong-{module}")
        expect(verdict).to_contain_text("its target never led")
        expect(verdict).to_be_in_viewport(ratio=1)
    assert page.evaluate("document.scrollingElement.scrollTop") == 0


def test_a_learning_module_is_looked_at_more_closely_everywhere_and_in_the_address(shown, demo):
    size(shown.page, 1440, 900)
    page = at(shown, demo.recognising, FAILED_EPISODE, FAILED_STEP)
    expect(page.get_by_test_id("closer-learning_module_0")).to_be_visible()
    page.get_by_role("button", name="learning_module_3").click()
    closer = page.get_by_test_id("closer-learning_module_3")
    small = page.get_by_test_id("hypothesis-learning_module_3")
    for fact in ("evidence", "margin", "most-likely"):
        expect(closer.get_by_test_id(fact)).to_have_text(small.get_by_test_id(fact).inner_text())
    expect(closer.get_by_test_id("possible")).to_be_visible()
    expect(small.get_by_test_id("possible")).to_be_hidden()
    expect(page.get_by_test_id("space-module")).to_have_value("learning_module_3")
    expect(page.get_by_test_id("frames").locator("h3").first).to_contain_text("patch_3")
    page.wait_for_url("**module=learning_module_3**")
    page.reload()
    expect(page.get_by_test_id("closer-learning_module_3")).to_be_visible()


def test_parts_are_hidden_and_moved_and_stay_so_until_they_are_reset(shown, demo, chromium):
    size(shown.page, 1440, 900)
    page = at(shown, demo.recognising, FAILED_EPISODE, FAILED_STEP)
    page.get_by_role("button", name="Hide: Episodes in a strip").click()
    menu = page.get_by_test_id("panels-menu")
    menu.get_by_text("Panels", exact=True).click()
    menu.get_by_role("button", name="Up: Hypothesis space").click()
    menu.get_by_label("Results, logs, metrics, data", exact=True).uncheck()
    expect(page.get_by_role("tablist")).to_have_count(0)
    changed = page.url
    page.goto(f"{demo.page.url}/run/{demo.recognising}")
    other = chromium.new_context(viewport={"width": 1440, "height": 900}).new_page()
    other.goto(changed)
    for arranged in (page, other):
        expect(arranged.get_by_test_id("closer-look")).to_be_visible()
        assert test_ids(arranged, ".senses") == ["space", "frames", "closer-look"]
        expect(arranged.get_by_test_id("timeline")).to_have_count(0)
        expect(arranged.get_by_role("tablist")).to_have_count(0)
    other.context.close()
    menu.get_by_text("Panels", exact=True).click()
    menu.get_by_role("button", name="All of them, as they were").click()
    expect(page.get_by_test_id("timeline")).to_be_visible()
    expect(page.get_by_role("tablist")).to_be_attached()
    assert test_ids(page, ".senses") == ["frames", "space", "closer-look"]
    assert "layout=" not in page.url


def test_a_part_fills_the_window_until_escape(shown, demo):
    size(shown.page, 1440, 900)
    page = at(shown, demo.recognising, FAILED_EPISODE, FAILED_STEP)
    before = box(page, "space")
    page.get_by_role("button", name="Enlarge: Hypothesis space").click()
    page.wait_for_function("document.querySelector('[data-testid=space]').clientWidth > 1300")
    expect(page.get_by_test_id("scrub")).to_be_in_viewport(ratio=1)
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_test_id("scrub")).to_have_attribute("data-step", str(FAILED_STEP - 1))
    page.keyboard.press("Escape")
    page.wait_for_function("document.querySelector('[data-testid=space]').clientWidth < 900")
    assert box(page, "space") == pytest.approx(before, abs=1)


@pytest.mark.parametrize("layout", ["<script>.nothing", "~beliefs.~frames.~space.~closer", "constructor"])
def test_any_layout_in_the_address_leaves_a_page_that_can_be_reset(shown, demo, layout):
    size(shown.page, 1440, 900)
    page = shown.open(f"/run/{demo.recognising}?layout={layout}")
    menu = page.get_by_test_id("panels-menu")
    menu.get_by_text("Panels", exact=True).click()
    reset = menu.get_by_role("button", name="All of them, as they were")
    if reset.is_enabled():
        reset.click()
    expect(page.get_by_test_id("beliefs")).to_be_visible()
    expect(page.get_by_test_id("space")).to_be_visible()


def test_a_finished_run_spends_no_room_on_commands(shown, demo):
    page = at(shown, demo.recognising, FAILED_EPISODE, FAILED_STEP)
    expect(page.get_by_test_id("accuracy")).to_have_text("eval 91.7 % (64.6\N{EN DASH}98.5)")
    expect(page.get_by_text("Commands")).to_have_count(0)


def test_a_pose_that_failed_opens_its_episode(shown, demo):
    size(shown.page, 1440, 900)
    page = shown.open(f"/run/{demo.recognising}")
    page.get_by_test_id("rotations").get_by_role("button", name="cubeSolid at 0, 45, 0°: accuracy 0.0 %").click()
    expect(page.get_by_test_id("scrub")).to_have_attribute("data-episode", str(FAILED_EPISODE))
    expect(page.get_by_test_id("evidence-learning_module_0")).to_be_in_viewport()
    expect(page.get_by_test_id("closer-look").get_by_test_id("target-rotation")).to_have_text("0, 45, 0°")


def test_the_rotation_beside_a_hypothesis_is_what_monty_wrote(shown, demo):
    size(shown.page, 1440, 900)
    last = demo.ended()[2]
    page = at(shown, demo.recognising, last.episode, last.steps - 1)
    written = last.learning_modules["learning_module_0"].most_likely_rotation_euler_degs
    expected = ", ".join(str(round(angle) + 0) for angle in written) + "°"
    expect(page.get_by_test_id("closer-look").get_by_test_id("likely-rotation")).to_have_text(expected)


def test_the_question_mark_shows_the_keys(shown, demo):
    page = at(shown, demo.recognising, FAILED_EPISODE, FAILED_STEP)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("the episode before, the next one")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
