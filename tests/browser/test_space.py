"""The 3D view: learned model, hypotheses by evidence, the sensor's path and the most likely place, as published."""

from __future__ import annotations

import io
import re

import pytest
from demo_on_screen import at
from kit.machine.child_process import until
from kit.page.front_end import script_of
from PIL import Image
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.timeout(120)

MODULE = "learning_module_2"


def space(page: Page):
    page.get_by_test_id("space").scroll_into_view_if_needed()
    return page.get_by_test_id("space")


def count(page: Page, name: str, expected: int) -> None:
    expect(page.get_by_test_id(f"space-{name}")).to_have_attribute("data-count", str(expected))


def test_hypotheses_path_and_most_likely_place_are_those_of_the_step(demo, shown):
    page = at(shown, demo.recognising, 4, 8)
    space(page).get_by_test_id("space-module").select_option(MODULE)
    published = next(
        step_published for step_published in demo.steps() if (step_published.episode, step_published.step) == (4, 8)
    )
    likely = published.learning_modules[MODULE].most_likely
    base = f"/api/run/{demo.recognising}/worker/main"
    row = page.get_by_test_id("scrub").get_attribute("data-row")
    cloud = demo.page.json(f"{base}/cloud?learning_module={MODULE}&row={row}")
    place = cloud["objects"].index(likely.object)
    count(page, "hypotheses", sum(object_index == place for object_index in cloud["object_indices"]))
    count(page, "path", 9)
    numbers = page.get_by_test_id("space-most-likely").get_attribute("data-place")
    assert [float(number) for number in numbers.split()] == pytest.approx(likely.location, abs=1e-4)
    evidence = [
        value
        for value, object_index in zip(cloud["evidence"], cloud["object_indices"], strict=True)
        if object_index == place
    ]
    scale = page.get_by_test_id("space-scale").locator("span")
    assert float(scale.first.inner_text().split()[-1]) == pytest.approx(min(evidence), rel=1e-2)
    assert float(scale.last.inner_text()) == pytest.approx(max(evidence), rel=1e-2)
    other = next(name for name in published.learning_modules[MODULE].evidence if name != likely.object)
    page.get_by_test_id("space-object").select_option(other)
    count(page, "hypotheses", sum(cloud["objects"][object_index] == other for object_index in cloud["object_indices"]))
    page.keyboard.press("Escape")
    page.get_by_test_id("space-frame").select_option("body")
    expect(page.get_by_test_id("space-path")).to_contain_text("as sensed (body frame)")


def test_the_learned_model_has_the_published_points(demo, shown):
    page = at(shown, demo.learning, 7, 79, "train")
    space(page)
    target = demo.steps("learn")[-1].target_object
    base = f"/api/run/{demo.learning}/worker/main"
    points = demo.page.get(f"{base}/model?learning_module=learning_module_0&object={target}").content
    assert len(points) > 100 * 12
    count(page, "model", len(points) // 12)
    expect(page.get_by_test_id("space-model")).to_contain_text(target)
    count(page, "path", 80)


def test_a_run_that_only_recognises_shows_the_model_that_another_learned(demo, shown):
    page = at(shown, demo.recognising, 11, 9)
    base = f"/api/run/{demo.learning}/worker/main"
    points = demo.page.get(f"{base}/model?learning_module={MODULE}&object=coneSolid").content
    space(page).get_by_test_id("space-module").select_option(MODULE)
    count(page, "model", len(points) // 12)
    words = page.get_by_test_id("space-model")
    expect(words).to_contain_text("this run may use another")
    expect(words.get_by_role("link", name=demo.learning)).to_be_visible()


def test_it_turns_with_mouse_and_keys_and_rests_otherwise(demo, shown):
    page = at(shown, demo.recognising, 4, 8)
    space(page)
    canvas = page.get_by_test_id("space-canvas")
    expect(page.get_by_test_id("space-axes")).to_contain_text("m along x, y (up) and z")
    page.wait_for_load_state("networkidle")
    before = canvas.screenshot()
    pictures = canvas.get_attribute("data-pictures")
    assert page.evaluate("new Promise((done) => setTimeout(done, 300))") is None
    assert canvas.get_attribute("data-pictures") == pictures  # nothing changed, nothing was drawn
    box = canvas.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 120, y + 20, steps=5)
    page.mouse.up()
    until(lambda: canvas.screenshot() != before)
    turned = canvas.screenshot()
    page.locator(".space-view").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_test_id("scrub")).to_have_attribute("data-step", "8")  # the key turned the view, not the time
    until(lambda: canvas.screenshot() != turned)


CONTRASTS = """() => {
  const isDark = document.documentElement.dataset.theme === "dark";
  const probe = document.querySelector(".space-view");
  const behind = getComputedStyle(probe).backgroundColor.match(/[\\d.]+/g).slice(0, 3).map((one) => one / 255);
  const light = (colour) => {
    const [red, green, blue] = colour.map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05;
  };
  return [0, 0.5, 1].map((share) => {
    const ratio = light(shadeOf(share, isDark)) / light(behind);
    return Math.max(ratio, 1 / ratio);
  });
}"""
"""WCAG's contrast of the weakest, a middling and the strongest evidence with what is behind it."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_evidence_stands_out_and_most_where_it_is_most(demo, shown, scheme):
    shown.page.emulate_media(color_scheme=scheme)
    page = at(shown, demo.recognising, 4, 8)
    space(page)
    scale = script_of("senses/colour_scale.ts")
    weakest, middle, strongest = page.evaluate(f"() => {{ {scale}\nreturn ({CONTRASTS})(); }}")
    assert 3 < weakest < middle < strongest
    assert strongest > 7


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_hypotheses_have_the_colours_of_their_legend(demo, shown, scheme):
    shown.page.emulate_media(color_scheme=scheme)
    page = at(shown, demo.recognising, 4, 12)
    canvas = space(page).get_by_test_id("space-canvas")
    bar = page.get_by_test_id("space-scale").locator(".scale-bar")
    colours = re.findall(r"rgb\(([^)]*)\)", bar.evaluate("(bar) => getComputedStyle(bar).backgroundImage"))
    weakest, strongest = ([int(part) for part in colours[place].split(",")] for place in (0, -1))
    until(lambda: {"weakest", "strongest"} <= drawn_of(canvas, weakest=weakest, strongest=strongest))


def drawn_of(canvas: Locator, **colours: list[int]) -> set[str]:
    """Which of some colours are drawn, as good as exactly."""
    counted = Image.open(io.BytesIO(canvas.screenshot())).convert("RGB").getcolors(1 << 24)
    drawn = [colour for count, colour in counted if count > 3]
    return {
        name
        for name, wished in colours.items()
        if any(max(abs(shade - other) for shade, other in zip(colour, wished, strict=True)) <= 3 for colour in drawn)
    }


def test_without_webgl_it_says_so_and_the_rest_works(demo, shown):
    shown.page.add_init_script(
        "const real = HTMLCanvasElement.prototype.getContext;"
        "HTMLCanvasElement.prototype.getContext = function (kind, ...more) {"
        "  return kind.startsWith('webgl') ? null : real.call(this, kind, ...more); };"
    )
    page = at(shown, demo.recognising, 4, 8)
    space(page)
    expect(page.get_by_test_id("space-why")).to_contain_text("no WebGL 2")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_test_id("scrub")).to_have_attribute("data-step", "9")
    count(page, "path", 10)
