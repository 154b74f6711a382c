"""The grid of a parallel run's workers: what needs attention on top, every worker below."""

from __future__ import annotations

import itertools
import re
from urllib.parse import quote

import pytest
from kit.messages.told_modes import evaluated
from playwright.sync_api import expect

from monty_mqtt.wire import schema, topics
from monty_mqtt.wire.message_pieces import SensorModuleInfo, Target

pytestmark = pytest.mark.timeout(120)

WORKERS = 231
BROKEN, LOST, CONFUSED, LATE = 3, 5, 8, 230


def name(number: int) -> str:
    return f"parallel_eval_episode_{number}"


_runs = itertools.count()


def tell_worker(teller, run: str, number: int) -> None:
    """Most are done after 20 s; some are broken, lost, wrong, or not done after 90 s."""
    voice = teller.voice(run, name(number), secs_ago=100)
    sensors = [SensorModuleInfo(sensor_module="patch", class_name="HabitatSM")]
    voice.say(schema.Info, experiment="grid", sensor_modules=sensors, episodes_expected={"eval": 1})
    voice.say(schema.Status, status="running")
    voice.say(schema.EpisodeStarted, episode=number, target=Target(object=f"object_{number % 10}"))
    if number == LATE:
        progress = {"episodes_done": 0, "step": 400, "modes": {"eval": schema.ModeProgress(steps=401)}}
        voice.say(schema.Progress, after_secs=90, elapsed_secs=90.0, episode=number, **progress)
        return
    outcome, correct = ("confused", 0) if number == CONFUSED else ("correct", 1)
    voice.say(
        schema.EpisodeEnded,
        after_secs=20,
        episode=number,
        steps=37,
        elapsed_secs=20.0,
        outcome=outcome,
        correct=correct,
    )
    done = {"episodes_done": 1, "modes": evaluated(**{outcome: 1}), "elapsed_secs": 20.0}
    voice.say(schema.Progress, episode=number, step=36, **done)
    if number == BROKEN:
        voice.say(schema.Status, status="error", error_type="ValueError", error_message="no such object")
    else:
        voice.say(schema.Status, status="disconnected" if number == LOST else "completed")


@pytest.fixture
def run():
    return f"grid {next(_runs)}"


@pytest.fixture
def grid(watched, teller, run):
    main = teller.voice(run, secs_ago=100)
    main.say(
        schema.Info, experiment="grid", experiment_class="tbp.monty.Experiment", episodes_expected={"eval": WORKERS}
    )
    main.say(schema.Status, status="running")
    for number in range(WORKERS):
        tell_worker(teller, run, number)
    main.say(
        schema.Progress,
        after_secs=99,
        episodes_done=WORKERS - 1,
        episodes_expected=WORKERS,
        modes=evaluated(correct=WORKERS - 2, confused=1),
        estimated_end_unix_nanos=4_000_000_000_000_000_000,
    )
    teller.done()
    page = watched.open(f"/run/{quote(topics.escape(run))}/workers")
    expect(page.locator(".tile")).to_have_count(WORKERS)
    return page


def tile(page, number: int):
    return page.locator(".tile").filter(has=page.locator(f"a[title={name(number)}]"))


def test_every_worker_says_object_step_status(grid):
    for words in ("object_7", "37 steps", "completed", "correct", "20 s"):
        expect(tile(grid, 17)).to_contain_text(words)
    expect(tile(grid, LATE)).to_contain_text("running")
    expect(tile(grid, LATE)).to_contain_text("401 steps")


def test_failures_stragglers_and_the_end_are_on_top(grid):
    failures = grid.locator("section", has=grid.get_by_role("heading", name="Failures 3"))
    for number, why in ((BROKEN, "ValueError"), (LOST, "disconnected"), (CONFUSED, "confused")):
        expect(failures.get_by_role("listitem").filter(has_text=name(number))).to_contain_text(why)
    stragglers = grid.locator("section", has=grid.get_by_role("heading", name="Stragglers 1"))
    expect(stragglers.get_by_role("listitem")).to_contain_text(name(LATE))
    expect(stragglers).to_contain_text("median of 20 s")
    expect(grid.get_by_text(re.compile("230 of 231 episodes"))).to_be_visible()
    expect(grid.get_by_text(re.compile("about .* left")).first).to_be_visible()


def test_workers_are_searched_filtered_and_ordered(grid):
    grid.get_by_role("button", name="error 1").click()
    expect(grid.locator(".tile")).to_have_count(1)
    grid.get_by_role("button", name="error 1").click()
    grid.get_by_label("Search").fill("object_4")
    expect(grid.locator(".tile")).to_have_count(23)
    grid.get_by_label("Search").fill("")
    grid.get_by_label("Order").select_option("elapsed")
    expect(grid.locator(".tile").first).to_contain_text("straggler")


def test_a_tile_changes_with_its_worker_and_leads_to_it(grid, teller, run):
    voice = teller.voice(run, "parallel_eval_episode_231")
    voice.say(schema.Status, status="running")
    teller.done()
    expect(tile(grid, 231)).to_contain_text("running")
    voice.say(schema.Status, status="completed")
    teller.done()
    expect(tile(grid, 231)).to_contain_text("completed")
    tile(grid, 231).get_by_role("link").click()
    grid.wait_for_url(f"**/run/*?worker={name(231)}")


def test_the_run_counts_them_without_their_parent(grid):
    grid.get_by_role("heading", level=1).get_by_role("link").click()
    expect(grid.get_by_role("link", name="231 workers")).to_be_visible()
    grid.get_by_role("combobox", name="Worker", exact=True).select_option("")
    number = grid.locator(".numbers > div").filter(has_text="Workers")
    expect(number).to_contain_text("231")
    expect(number).to_contain_text("228 completed")


def test_it_fits_a_telephone(grid):
    grid.set_viewport_size({"width": 390, "height": 844})
    assert grid.evaluate("document.documentElement.scrollWidth") <= 390
