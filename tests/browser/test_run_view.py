"""A run's page as a whole: whose steps are shown, what an address asks for, and what is said where there is nothing."""

from __future__ import annotations

import pytest
from demo_on_screen import drawn
from playwright.sync_api import expect

from monty_mqtt.wire import schema
from monty_mqtt.wire.message_pieces import Hypothesis, LearningModuleStep

pytestmark = pytest.mark.timeout(120)


def step_of(voice, step: int, evidence: float, **fields) -> None:
    likely = Hypothesis(object="mug", evidence=evidence)
    belief = LearningModuleStep(evidence={"mug": evidence}, most_likely=likely, target_object="mug")
    voice.say(schema.Step, episode=0, step=step, learning_modules={"LM_0": belief}, **fields)


def test_of_a_parallel_run_one_of_the_workers_that_step_is_shown_and_another_can_be_chosen(watched, teller):
    teller.voice("par", "main", secs_ago=60).say(schema.Status, status="running")
    for number, evidence in ((0, 3.5), (1, 8.25)):
        voice = teller.voice("par", f"parallel_eval_episode_{number}", secs_ago=50)
        voice.say(schema.Status, status="running")
        for step in range(5):
            step_of(voice, step, evidence + step)
    teller.done()
    page = watched.open("/run/par")
    card = page.get_by_test_id("hypothesis-LM_0").get_by_test_id("evidence")
    expect(card).to_have_text("7.5")
    page.locator("[data-testid=worker-choice]").select_option("parallel_eval_episode_1")
    expect(card).to_have_text("12.25")
    assert drawn(page, "LM_0", lambda seen: seen.x[-1] == 4).at(4) == {"mug": 12.25}
    page.locator("[data-testid=worker-choice]").select_option("")
    expect(page.get_by_test_id("no-worker")).to_contain_text("Choose a worker")


def test_an_address_with_a_step_that_is_not_there_shows_the_newest_and_says_so(watched, teller):
    voice = teller.voice("short", secs_ago=60)
    for step in range(3):
        step_of(voice, step, 1.0 + step)
    teller.done()
    page = watched.open("/run/short?worker=main&mode=eval&episode=7&step=1")
    expect(page.get_by_test_id("not-found")).to_contain_text("this is the newest")
    expect(page.get_by_test_id("scrub")).to_have_attribute("data-step", "2")
    watched.complaints.clear()  # the browser says that it was not found, too


def test_a_run_without_steps_says_so(watched, teller):
    teller.voice("empty", secs_ago=60).say(schema.Status, status="running")
    teller.done()
    page = watched.open("/run/empty")
    expect(page.get_by_test_id("no-steps")).to_contain_text("No step of this worker has come yet")
    expect(page.get_by_test_id("scrub-words")).to_contain_text("no step yet")
    expect(page.get_by_test_id("timeline")).to_contain_text("No episode has begun yet")
