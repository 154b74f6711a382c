"""Going back: slider, keys, links and the way back to the newest step; everything on the page is at that step."""

from __future__ import annotations

import pytest
from demo_on_screen import MODULES, at
from kit.machine.child_process import until
from playwright.sync_api import Page, expect

from monty_mqtt.wire import schema

pytestmark = pytest.mark.timeout(120)


def is_at(page: Page, episode: int, step: int) -> None:
    scrub = page.get_by_test_id("scrub")
    expect(scrub).to_have_attribute("data-episode", str(episode))
    expect(scrub).to_have_attribute("data-step", str(step))


def shows(page: Page, published: schema.Step) -> None:
    """See that words, cursor and beliefs are those of a step."""
    is_at(page, published.episode, published.step)
    for module in MODULES:
        module_step = published.learning_modules[module]
        card = page.get_by_test_id(f"hypothesis-{module}")
        expect(card.get_by_test_id("most-likely")).to_have_text(module_step.most_likely.object)
        expect(card.get_by_test_id("evidence")).to_have_text(f"{float(f'{module_step.most_likely.evidence:.4g}'):g}")


def test_arrow_keys_step_and_shift_changes_the_episode(demo, shown):
    steps = {(step_published.episode, step_published.step): step_published for step_published in demo.steps()}
    page = at(shown, demo.recognising, 3, 4)
    shows(page, steps[3, 4])
    page.keyboard.press("ArrowRight")
    shows(page, steps[3, 5])
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    shows(page, steps[3, 3])
    page.keyboard.press("Shift+ArrowRight")
    shows(page, steps[4, 0])
    page.keyboard.press("ArrowLeft")
    shows(page, steps[3, 6])  # the step before is the last one of the episode before
    page.keyboard.press("Shift+ArrowLeft")
    shows(page, steps[2, 0])


def test_the_slider_goes_through_the_episode(demo, shown):
    steps = {(step_published.episode, step_published.step): step_published for step_published in demo.steps()}
    last = max(step for episode, step in steps if episode == 3)
    page = at(shown, demo.recognising, 3, 2)
    slider = page.get_by_test_id("scrub-slider")
    slider.focus()
    page.keyboard.press("End")
    shows(page, steps[3, last])
    page.keyboard.press("Home")
    shows(page, steps[3, 0])
    page.keyboard.press("ArrowRight")
    shows(page, steps[3, 1])
    page.keyboard.press("Shift+ArrowRight")
    shows(page, steps[4, 0])
    assert slider.get_attribute("aria-valuetext").startswith("eval episode 4, step 0 of")


def test_fast_scrubbing_ends_at_the_newest_wish(demo, shown):
    page = at(shown, demo.recognising, 0, 0)
    for _ in range(40):
        page.keyboard.press("ArrowRight")
    shows(page, demo.steps()[40])
    page.wait_for_url("**step=10*")
    page.reload()
    shows(page, demo.steps()[40])  # the address says where


def test_back_to_the_newest(demo, shown):
    page = at(shown, demo.recognising, 1, 1)
    page.get_by_test_id("live").click()
    shows(page, demo.steps()[-1])
    expect(page.get_by_test_id("live")).to_have_attribute("aria-pressed", "true")
    until(lambda: "episode" not in page.evaluate("location.search"))


def test_a_step_that_is_looked_at_stays_while_the_run_goes_on(shown, teller):
    voice = teller.voice("going", secs_ago=600)
    voice.say(schema.Status, status="running")

    def publish(rows: range) -> None:
        for row in rows:
            voice.say(schema.Step, after_secs=0.1, episode=row // 10, step=row % 10, total_step=row)
        teller.done()

    publish(range(25))
    page = shown.open("/run/going")
    is_at(page, 2, 4)
    page.keyboard.press("Shift+ArrowLeft")
    is_at(page, 1, 0)
    publish(range(25, 40))
    expect(page.get_by_test_id("timeline-view")).to_have_attribute("data-count", "4")
    is_at(page, 1, 0)
    page.get_by_test_id("live").click()
    is_at(page, 3, 9)
    publish(range(40, 42))
    is_at(page, 4, 1)


def test_redo_gives_the_servers_command_for_one_and_for_all_failed(demo, shown):
    page = at(shown, demo.recognising, 5, 0)
    base = f"/api/run/{demo.recognising}/redo?worker=main"
    page.get_by_test_id("redo").click()
    redo = demo.page.json(f"{base}&mode=eval&episode=5")
    expect(page.get_by_test_id("redo-command")).to_have_text(redo["command"])
    expect(page.get_by_test_id("redo-note")).to_have_text(redo["note"])
    page.get_by_test_id("redo-failed").click()
    expect(page.get_by_test_id("redo-command")).to_have_text(demo.page.json(base)["command"])
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_test_id("redo-copy").click()
    expect(page.get_by_test_id("redo-copy")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == demo.page.json(base)["command"]
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("redo-dialog")).to_be_hidden()
