"""The first wrong decision: per learning module, the step where its target lost its lead for good, if it ever led."""

from __future__ import annotations

import pytest
from demo_on_screen import PLACED
from playwright.sync_api import expect

from monty_mqtt.wire import schema
from monty_mqtt.wire.message_pieces import Hypothesis, LearningModuleStep

pytestmark = pytest.mark.timeout(120)

LEADS = {
    # The leader after each of eight steps; the target is the mug.
    "LM_0": ["mug", "mug", "bowl", "mug", "bowl", "bowl", "bowl", "bowl"],
    "LM_1": ["bowl", "bowl", "bowl", "bowl", "bowl", "bowl", "bowl", "bowl"],
    "LM_2": ["bowl", "mug", "mug", "mug", "mug", "mug", "mug", "mug"],
    "LM_3": ["mug", "can", "can", "can", "can", "can", "can", "can"],
    "LM_4": ["mug", "bowl", "mug", "can", "mug", "mug", "mug", "can"],
}
LOST = {"LM_0": (4, "bowl"), "LM_3": (1, "can"), "LM_4": (7, "can")}


def belief(leader: str, step: int) -> LearningModuleStep:
    evidence = {name: 10.0 + step if name == leader else 5.0 for name in ("mug", "bowl", "can")}
    likely = Hypothesis(object=leader, evidence=evidence[leader])
    is_correct = leader == "mug"
    return LearningModuleStep(evidence=evidence, most_likely=likely, target_object="mug", is_correct=is_correct)


@pytest.fixture
def page(watched, teller):
    """A finished run whose second episode has five learning modules with different winners."""
    voice = teller.voice("winners", secs_ago=60)
    for episode in (0, 1):
        for step in range(8):
            beliefs = {name: belief("mug" if episode == 0 else leads[step], step) for name, leads in LEADS.items()}
            voice.say(schema.Step, episode=episode, step=step, target_object="mug", learning_modules=beliefs)
        voice.say(schema.EpisodeEnded, episode=episode, steps=8, outcome="correct", correct=1)
    voice.say(schema.Status, status="completed")
    teller.done()
    page = watched.open("/run/winners?mode=eval&episode=1&step=0")
    page.locator(f'[data-testid="scrub"][data-episode="1"]{PLACED}').wait_for()
    return page


def test_each_learning_module_has_its_own(page):
    scrub = page.get_by_test_id("scrub")
    for name, (step, winner) in LOST.items():
        page.get_by_test_id("wrong-toggle").click()
        line = page.get_by_test_id(f"wrong-{name}")
        expect(line).to_have_attribute("data-verdict", "lost")
        expect(line).to_contain_text(winner)
        line.get_by_role("button", name=f"lost at step {step}").click()
        expect(scrub).to_have_attribute("data-episode", "1")
        expect(scrub).to_have_attribute("data-step", str(step))
        card = page.get_by_test_id(f"hypothesis-{name}")
        expect(card.get_by_test_id("most-likely")).to_have_text(winner)
        expect(card.get_by_test_id("not-target")).to_contain_text("mug")


def test_a_target_that_never_led_is_said_to_never_have_led(page):
    page.get_by_test_id("wrong-toggle").click()
    expect(page.get_by_test_id("wrong-LM_1")).to_contain_text("its target never led")
    expect(page.get_by_test_id("wrong-LM_2")).to_contain_text("its target led to the end")


def test_the_button_jumps_to_the_first_of_all(page):
    page.keyboard.press("ArrowRight")
    page.get_by_test_id("first-wrong").click()
    scrub = page.get_by_test_id("scrub")
    expect(scrub).to_have_attribute("data-step", "1")  # that of LM_3


def test_whoever_jumps_from_below_sees_the_evidence(page):
    page.get_by_role("tab", name="Logs").scroll_into_view_if_needed()
    evidence = page.get_by_role("heading", name="Evidence and hypotheses")
    expect(evidence).not_to_be_in_viewport()
    page.get_by_test_id("first-wrong").click()
    expect(evidence).to_be_in_viewport()


def test_the_list_closes_on_a_choice_on_escape_and_on_a_click_elsewhere(page):
    toggle, verdicts = page.get_by_test_id("wrong-toggle"), page.get_by_test_id("wrong-list")
    for close in (
        lambda: verdicts.get_by_role("button", name="lost at step 4").press("Enter"),
        lambda: page.keyboard.press("Escape"),
        lambda: verdicts.get_by_role("button", name="lost at step 4").press("Escape"),
    ):
        toggle.click()
        expect(verdicts).to_be_visible()
        close()
        expect(verdicts).to_have_count(0)
        expect(toggle).to_be_focused()
    toggle.click()
    page.get_by_test_id("first-wrong").click()
    expect(verdicts).to_have_count(0)
    toggle.click()
    page.get_by_role("heading", name="winners").click()
    expect(verdicts).to_have_count(0)


def test_without_a_wrong_decision_the_button_says_so(page):
    page.keyboard.press("Shift+ArrowLeft")
    expect(page.get_by_test_id("scrub")).to_have_attribute("data-episode", "0")
    page.get_by_test_id("first-wrong").click()
    for name in LEADS:
        expect(page.get_by_test_id(f"wrong-{name}")).to_contain_text("its target led to the end")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("wrong-list")).to_have_count(0)
