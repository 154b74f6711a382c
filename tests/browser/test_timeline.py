"""The timeline of episodes and their table: Monty's outcomes in its words and colours, and a way to each episode."""

from __future__ import annotations

import pytest
from demo_on_screen import MODULES
from kit.machine.child_process import until
from kit.page.front_end import colours
from playwright.sync_api import expect

from monty_mqtt.wire import schema
from monty_mqtt.wire.message_pieces import LearningModuleEpisode, LearningModuleStep

pytestmark = pytest.mark.timeout(120)

_PIXELS = """([places, whole, row_height]) => {
  const canvas = document.querySelector('[data-testid="timeline-view"] canvas');
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const { data } = pen.getImageData(0, 0, canvas.width, canvas.height);
  return places.map(([row, share]) => {
    const middle = whole + (row - 1) * (row_height + 2) + row_height / 2;
    const top = row === 0 ? whole / 2 : middle;
    const at = 4 * (Math.round(top * devicePixelRatio) * canvas.width + Math.round(share * canvas.width));
    return "#" + [...data.slice(at, at + 3)].map((part) => part.toString(16).padStart(2, "0")).join("").toUpperCase();
  });
}"""


@pytest.mark.parametrize(("width", "whole", "row_height"), [(1000, 22, 16), (1280, 14, 7)], ids=["page", "cockpit"])
def test_each_episode_has_its_outcomes_colour_in_every_row(demo, shown, width, whole, row_height):
    shown.page.set_viewport_size({"width": width, "height": 900})
    page = shown.open(f"/run/{demo.recognising}")
    ended = demo.ended()
    view = page.get_by_test_id("timeline-view")
    expect(view).to_have_attribute("data-count", str(len(ended)))
    expect(view).to_have_attribute("data-selected", str(len(ended) - 1))
    palette = colours()["outcomes"]
    size = min(90, view.bounding_box()["width"] / len(ended))
    places, expected = [], []
    for place, episode in enumerate(ended):
        outcomes = [episode.outcome, *(episode.learning_modules[module].outcome for module in MODULES)]
        for row, outcome in enumerate(outcomes):
            places.append([row, (place + 0.5) * size / view.bounding_box()["width"]])
            expected.append(palette[outcome].upper())
    until(lambda: page.evaluate(_PIXELS, [places, whole, row_height]) == expected)


def test_a_click_and_the_arrow_keys_go_to_an_episode(demo, shown):
    page = shown.open(f"/run/{demo.recognising}")
    view = page.get_by_test_id("timeline-view")
    expect(view).to_have_attribute("data-count", "12")
    size = min(90, view.bounding_box()["width"] / 12)
    view.click(position={"x": 4.5 * size, "y": 30})
    scrub = page.get_by_test_id("scrub")
    expect(scrub).to_have_attribute("data-episode", "4")
    expect(scrub).to_have_attribute("data-step", "0")
    view.focus()
    page.keyboard.press("ArrowRight")
    expect(scrub).to_have_attribute("data-episode", "5")
    page.keyboard.press("Home")
    expect(scrub).to_have_attribute("data-episode", "0")
    assert view.get_attribute("aria-valuetext").startswith("eval episode 0 · capsule3DSolid 0, 0, 0° · correct_mlh")


@pytest.mark.parametrize("height", [400, 844])
def test_a_click_brings_the_evidence_into_sight_and_keys_leave_the_page_where_it_is(demo, shown, height):
    shown.page.set_viewport_size({"width": 390, "height": height})
    page = shown.open(f"/run/{demo.recognising}")
    view, evidence = page.get_by_test_id("timeline-view"), page.get_by_role("heading", name="Evidence and hypotheses")
    expect(view).to_have_attribute("data-count", "12")
    evidence.wait_for()
    page.evaluate("scrollTo(0, document.querySelector('[data-testid=timeline]').offsetTop - innerHeight / 2)")
    before = page.evaluate("scrollY")
    view.evaluate("(view) => view.focus({ preventScroll: true })")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_test_id("scrub")).to_have_attribute("data-episode", "1")
    assert page.evaluate("scrollY") == before
    assert evidence.bounding_box()["y"] > height * 2 / 3
    view.click(position={"x": 5, "y": 10})
    expect(page.get_by_test_id("scrub")).to_have_attribute("data-episode", "0")
    until(lambda: 0 < evidence.bounding_box()["y"] < height / 2)
    expect(view).to_be_focused()
    if height > 400:
        expect(view).to_be_in_viewport()
        before = page.evaluate("scrollY")
        view.click(position={"x": 60, "y": 10})
        expect(page.get_by_test_id("scrub")).not_to_have_attribute("data-episode", "0")
        assert page.evaluate("scrollY") == before


def test_the_table_has_the_failed_ones_alone_and_leads_there(demo, shown):
    page = shown.open(f"/run/{demo.recognising}")
    table = page.get_by_test_id("episode-table")
    failed = [episode for episode in demo.ended() if not episode.correct]
    table.get_by_test_id("episode-filter").select_option("failed")
    expect(table.locator("tbody tr")).to_have_count(len(failed))
    expect(table.get_by_test_id("episode-span")).to_have_text(f"1 to {len(failed)} of {len(failed)}")
    row = table.locator("tbody tr").first
    for words in (failed[0].outcome, failed[0].target.object, str(failed[0].steps), str(failed[0].episode_seed)):
        expect(row).to_contain_text(words)
    table.get_by_test_id(f"episode-eval-{failed[0].episode}").click()
    expect(page.get_by_test_id("scrub")).to_have_attribute("data-episode", str(failed[0].episode))
    expect(page.get_by_role("heading", name="Evidence and hypotheses")).to_be_in_viewport()


def test_two_thousand_episodes_stay_fast(shown, teller):
    voice = teller.voice("many", secs_ago=6000)
    words = ["correct", "correct_mlh", "confused", "no_match"]
    for episode in range(2000):
        voice.say(schema.EpisodeStarted, episode=episode)
        voice.say(schema.Step, episode=episode, step=0, learning_modules={"LM_0": LearningModuleStep()})
        outcome = words[episode % 4]
        parts = {"LM_0": LearningModuleEpisode(outcome=outcome)}
        is_correct = int(outcome.startswith("correct"))
        voice.say(schema.EpisodeEnded, episode=episode, outcome=outcome, correct=is_correct, learning_modules=parts)
    voice.say(schema.Status, status="completed")
    teller.done()
    page = shown.open("/run/many")
    view = page.get_by_test_id("timeline-view")
    expect(view).to_have_attribute("data-count", "2000")
    millis = page.evaluate(
        """async () => {
          const view = document.querySelector('[data-testid="timeline-view"]');
          let longest = 0;
          let before = performance.now();
          for (let left = 0; left < view.scrollWidth; left += view.scrollWidth / 40) {
            view.scrollLeft = left;
            await new Promise(requestAnimationFrame);
            longest = Math.max(longest, performance.now() - before);
            before = performance.now();
          }
          return longest;
        }"""
    )
    assert millis < 5000, millis  # a picture in far less; this machine may be busy
    view.focus()
    page.keyboard.press("Home")
    expect(page.get_by_test_id("scrub")).to_have_attribute("data-episode", "0")
    expect(page.get_by_test_id("episode-span")).to_have_text("1 to 12 of 2,000")
