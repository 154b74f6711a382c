"""The most likely hypothesis of each learning module against the target, at any step, as it was published."""

from __future__ import annotations

import pytest
from demo_on_screen import MODULES, at
from playwright.sync_api import Locator, expect

from monty_mqtt.wire import schema
from monty_mqtt.wire.message_pieces import Hypothesis, LearningModuleInfo, LearningModuleStep

pytestmark = pytest.mark.timeout(120)


NOTHING = "\N{EN DASH}"


def shows(card: Locator, name: str, number: float) -> None:
    """See that a number is the published one, of which the page is told five decimals and shows four digits."""
    expect(card.get_by_test_id(name)).not_to_have_text(NOTHING)
    assert float(card.get_by_test_id(name).inner_text()) == pytest.approx(round(number, 5), rel=1e-3)


@pytest.mark.parametrize(("episode", "step"), [(0, 0), (0, 29), (4, 12), (5, 5), (11, 9)])
def test_every_number_is_what_was_published(demo, shown, episode, step):
    published = next(
        step_published
        for step_published in demo.steps()
        if (step_published.episode, step_published.step) == (episode, step)
    )
    page = at(shown, demo.recognising, episode, step)
    for module in MODULES:
        module_step = published.learning_modules[module]
        card = page.get_by_test_id(f"hypothesis-{module}")
        expect(card.get_by_test_id("most-likely")).to_have_text(module_step.most_likely.object)
        shows(card, "evidence", module_step.most_likely.evidence)
        shows(card, "margin", module_step.margin)
        expect(card.get_by_test_id("terminal")).to_have_text(module_step.terminal_state or "going on")
        expect(card.get_by_test_id("possible")).to_have_attribute("data-count", str(len(module_step.possible_matches)))
        for name in module_step.possible_matches:
            expect(card.get_by_test_id("possible")).to_contain_text(name)
        error = module_step.rotation_error_degs
        expect(card.get_by_test_id("rotation-error")).to_have_text(NOTHING if error is None else f"{error:.1f}°")
        is_right = module_step.most_likely.object == module_step.target_object
        expect(card.get_by_test_id("not-target")).to_have_count(0 if is_right else 1)


def test_the_gauge_names_montys_threshold_and_the_steps_left(demo, shown):
    published = next(
        step_published for step_published in demo.steps() if (step_published.episode, step_published.step) == (4, 12)
    )
    page = at(shown, demo.recognising, 4, 12)
    card = page.get_by_test_id(f"hypothesis-{MODULES[0]}")
    module_step = published.learning_modules[MODULES[0]]
    expect(card.get_by_test_id("gauge-words")).to_contain_text(
        f"threshold {float(f'{module_step.evidence_threshold:.3g}'):g}"
    )
    expect(card.get_by_test_id("gauge-words")).to_contain_text(
        f"{len(module_step.possible_matches)} of 4 objects possible"
    )
    expect(page.get_by_test_id("steps-left")).to_contain_text("of 30 steps left")
    matched = sum(module.terminal_state == "match" for module in published.learning_modules.values())
    expect(page.get_by_test_id("decided")).to_contain_text(f"{matched} of 5 have a match, 3 needed")


def test_one_of_a_kind_is_no_plural(shown, teller):
    voice = teller.voice("single", secs_ago=60)
    thresholds = {"required_symmetry_evidence": 1}
    module = LearningModuleInfo(learning_module="LM_0", class_name="EvidenceGraphLM", thresholds=thresholds)
    voice.say(schema.Info, learning_modules=[module])
    believed = LearningModuleStep(
        evidence={"mug": 1.5},
        most_likely=Hypothesis(object="mug", evidence=1.5),
        evidence_threshold=1.0,
        possible_matches=["mug"],
        symmetry_evidence=1,
    )
    voice.say(schema.Step, episode=0, step=0, target_object="mug", learning_modules={"LM_0": believed})
    teller.done()
    card = shown.open("/run/single").get_by_test_id("hypothesis-LM_0")
    expect(card.get_by_test_id("gauge-words")).to_contain_text("1 of 1 object possible")
    expect(card.get_by_test_id("symmetry")).to_have_text("1 of 1 step")


def test_what_a_module_lacks_is_left_out_and_hostile_names_are_text(shown, teller):
    name = '<img src=x onerror="window.hacked=1">'
    voice = teller.voice("odd", secs_ago=60)
    voice.say(
        schema.Step,
        episode=0,
        step=0,
        target_object=name,
        learning_modules={
            "odd/LM <b>": LearningModuleStep(
                evidence={name: 1.5, "__proto__": 1.0}, most_likely=Hypothesis(object=name, evidence=1.5)
            ),
            "silent": LearningModuleStep(),
        },
    )
    teller.done()
    page = shown.open("/run/odd")
    card = page.get_by_test_id("hypothesis-odd/LM <b>")
    expect(card.get_by_test_id("most-likely")).to_have_text(name)
    expect(card.get_by_test_id("evidence")).to_have_text("1.5")
    expect(card.get_by_test_id("margin")).to_have_text(NOTHING)
    expect(page.get_by_test_id("hypothesis-silent").get_by_test_id("no-evidence")).to_be_visible()
    expect(page.get_by_test_id("space-path")).to_have_text("no sensor location in this episode")
    expect(page.get_by_test_id("space-most-likely")).to_have_count(0)
    assert page.evaluate("window.hacked") is None
