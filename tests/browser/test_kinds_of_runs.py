"""A program without Monty, one learning module alone, one that has learned nothing yet: each is shown as what it is."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from monty_mqtt.wire import schema
from monty_mqtt.wire.message_pieces import Hypothesis, LearningModuleInfo, LearningModuleStep, SensorModuleInfo

pytestmark = pytest.mark.timeout(120)

MODULE = "learning_module_0"
EVIDENCE = {"object_evidence_threshold": 1.0, "x_percent_threshold": 20.0}
LINES = """() => {
  const ends = ".gauge-ends > :first-child, .gauge-ends > :last-child, .gauge-ends .nowrap";
  return [...document.querySelectorAll(ends)].map((one) => one.getClientRects().length);
}"""
PANELS = ("timeline", "beliefs", "frames", "space", "episode-table", "scrub", "no-steps")


def tell(teller, run: str, steps: list[LearningModuleStep], *, kind: str = "x.Experiment", **module) -> None:
    """A run of one learning module."""
    voice = teller.voice(run, secs_ago=60)
    learns = LearningModuleInfo(learning_module=MODULE, class_name="x.LM", **module)
    senses = SensorModuleInfo(sensor_module="patch", class_name="x.SM")
    voice.say(schema.Info, experiment_class=kind, learning_modules=[learns], sensor_modules=[senses])
    voice.say(schema.Status, status="running")
    for number, module_step in enumerate(steps):
        voice.say(schema.Step, after_secs=1, episode=0, step=number, learning_modules={MODULE: module_step})
    teller.done()


def believing(evidence: dict[str, float], **more) -> LearningModuleStep:
    best = max(evidence, key=evidence.get)
    return LearningModuleStep(evidence=evidence, most_likely=Hypothesis(object=best, evidence=evidence[best]), **more)


def test_a_program_without_monty_shows_what_it_publishes_and_no_empty_panels(watched, teller):
    voice = teller.voice("plain", secs_ago=60)
    voice.say(schema.Info)
    voice.say(schema.Status, status="running")
    for number in range(5):
        voice.say(schema.Metric, after_secs=1, name="loss", value=float(number))
    teller.done()
    page = watched.open("/run/plain")
    expect(page.get_by_role("article")).to_contain_text("5 values")
    expect(page.get_by_role("tab", selected=True)).to_contain_text("Metrics")
    for panel in PANELS:
        expect(page.get_by_test_id(panel)).to_have_count(0)
    assert "null" not in page.inner_text("main")
    assert "episode judged" not in page.inner_text("main")
    page.get_by_role("tab", selected=True).press("ArrowRight")
    expect(page.get_by_role("tab", selected=True)).to_contain_text("Data and state")
    voice.say(schema.Step, after_secs=1, episode=0, step=0)
    teller.done()
    for panel in ("timeline", "frames", "scrub"):
        expect(page.get_by_test_id(panel)).to_be_visible()


def test_what_a_program_only_logs_comes_first(watched, teller):
    voice = teller.voice("talking", secs_ago=60)
    voice.say(schema.Info)
    voice.say(schema.Log, level="info", message="hello there")
    teller.done()
    page = watched.open("/run/talking")
    expect(page.get_by_role("tabpanel")).to_contain_text("hello there")


def test_a_run_of_monty_that_has_not_begun_says_nothing_of_null(watched, teller):
    tell(teller, "young", [], thresholds=EVIDENCE)
    page = watched.open("/run/young")
    expect(page.get_by_test_id("space-hypotheses")).to_have_text("no learning module has spoken yet")
    expect(page.get_by_test_id("no-steps")).to_be_visible()


@pytest.mark.parametrize(
    ("kind", "module", "words"),
    [
        ("x.MontyExperiment", {"thresholds": EVIDENCE}, "They knew no object when the run began"),
        ("x.MontyExperiment", {"thresholds": {"max_match_distance": 0.01}}, "Learning modules of this kind give none."),
        ("x.MontySupervisedObjectPretrainingExperiment", {"thresholds": EVIDENCE}, "In supervised pretraining"),
        ("x.MontyExperiment", {"thresholds": EVIDENCE, "objects": ["mug"]}, "Sensors, models and paths"),
    ],
    ids=["new", "other-kind", "pretraining", "knows"],
)
def test_why_there_is_no_evidence_is_so(watched, teller, kind, module, words):
    tell(teller, "without", [LearningModuleStep(target_object="mug")] * 3, kind=kind, **module)
    words_shown = watched.open("/run/without").get_by_test_id("no-evidence-at-all")
    expect(words_shown).to_contain_text(words)
    for other in ("They knew no", "Learning modules of this kind", "In supervised"):
        if not words.startswith(other):
            expect(words_shown).not_to_contain_text(other)


def test_one_learning_module_agrees_with_nobody(watched, teller):
    tell(teller, "alone", [believing({"mug": 2.0, "bowl": 1.0})] * 3, thresholds=EVIDENCE)
    words = watched.open("/run/alone").get_by_test_id("agreement-words")
    expect(words).to_have_text(f"{MODULE} believes in mug")


def test_no_number_of_a_gauge_is_broken_in_two(watched, teller):
    evidence = {"mug": 1234.5, "bowl": -0.00012345, "spoon": 12.25}
    steps = [believing(evidence, evidence_threshold=987.6, possible_matches=["mug"])] * 3
    tell(teller, "narrow", steps, thresholds=EVIDENCE)
    page = watched.open("/run/narrow")
    page.set_viewport_size({"width": 320, "height": 800})
    page.get_by_test_id("beliefs").scroll_into_view_if_needed()
    words = page.get_by_test_id("gauge-words")
    expect(words).to_have_text("threshold 988 (best \N{MINUS SIGN} 20 %), 1 of 3 objects possible")
    page.get_by_test_id(f"hypothesis-{MODULE}").scroll_into_view_if_needed()
    lines = page.evaluate(LINES)
    assert (len(lines), set(lines)) == (5, {1}), "the ends, and each part of the words, stand on one line"


def test_a_tile_counts_steps(watched, teller):
    tell(teller, "counted", [believing({"mug": 1.0})] * 6, thresholds=EVIDENCE)
    page = watched.open("/run/counted/workers")
    expect(page.locator(".tile")).to_contain_text("6 steps")
