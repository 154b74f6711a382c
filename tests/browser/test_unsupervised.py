"""A run whose graphs have names of their own: every part of the page says what Monty says, and none compares names."""

from __future__ import annotations

import pytest
from demo_on_screen import PLACED, drawn
from playwright.sync_api import Page, expect
from test_results_on_screen import cell

from monty_mqtt.wire import schema
from monty_mqtt.wire.message_pieces import Hypothesis, LearningModuleEpisode, LearningModuleStep, Target

pytestmark = pytest.mark.timeout(120)

GRAPH_TARGETS = {
    "LM_0": {"new_object0": ["capsule"], "new_object1": ["cube"], "new_object2": ["capsule"], "cube": ["cone"]},
    "LM_1": {"new_object0": ["cube"], "new_object1": ["capsule"], "new_object2": ["cone"], "cube": ["cone"]},
}
"""The two learning modules count for themselves, and one graph has the name of another object."""

LEADS = {
    "LM_0": ["new_object0", "new_object1", "new_object1", "new_object2"],
    "LM_1": ["new_object1", "new_object1", "new_object0", "new_object0"],
}
"""Of each step of the episode, in which a capsule is shown."""


def believe(module: str, leader: str, target: str, step: int) -> LearningModuleStep:
    targets = GRAPH_TARGETS[module]
    is_correct = target in targets[leader]
    return LearningModuleStep(
        evidence={graph: 10.0 + step if graph == leader else 1.0 + at for at, graph in enumerate(targets)},
        most_likely=Hypothesis(object=leader, evidence=10.0 + step),
        most_likely_targets=targets[leader],
        is_correct=is_correct,
        target_graphs=[graph for graph, names in targets.items() if target in names],
        rotation_error_degs=12.5 if is_correct else None,
        evidence_threshold=5.0,
        possible_matches=[leader],
        target_object=target,
    )


def took_for(graph: str, target: str, module: str) -> LearningModuleEpisode:
    is_correct = target in GRAPH_TARGETS[module][graph]
    return LearningModuleEpisode(
        outcome="correct" if is_correct else "confused",
        most_likely_object=graph,
        most_likely_targets=GRAPH_TARGETS[module][graph],
        is_correct=is_correct,
    )


@pytest.fixture
def page(watched, teller) -> Page:
    voice = teller.voice("unsupervised", secs_ago=120)
    new = LearningModuleStep(most_likely=Hypothesis(object="new_object0"), is_new=True, target_object="cube")
    voice.say(schema.EpisodeStarted, episode=0, target=Target(object="cube"))
    voice.say(schema.Step, episode=0, step=0, target_object="cube", learning_modules={"LM_0": new, "LM_1": new})
    unknown = LearningModuleEpisode(outcome="no_match", detected_object="new_object0", is_new=True)
    voice.say(
        schema.EpisodeEnded,
        episode=0,
        steps=1,
        target=Target(object="cube"),
        outcome="no_match",
        correct=0,
        learning_modules={"LM_0": unknown, "LM_1": unknown},
    )
    target = Target(object="capsule")
    voice.say(schema.EpisodeStarted, episode=1, target=target, graph_targets=GRAPH_TARGETS)
    for step in range(4):
        modules = {module: believe(module, leads[step], "capsule", step) for module, leads in LEADS.items()}
        voice.say(schema.Step, episode=1, step=step, target_object="capsule", learning_modules=modules)
    voice.say(
        schema.EpisodeEnded,
        episode=1,
        steps=4,
        target=target,
        outcome="correct",
        correct=1,
        learning_modules={module: took_for(leads[-1], "capsule", module) for module, leads in LEADS.items()},
        graph_targets=GRAPH_TARGETS,
    )
    voice.say(schema.Status, status="completed")
    teller.done()
    return at(watched, 1, 3)


def at(watched, episode: int, step: int) -> Page:
    page = watched.open(f"/run/unsupervised?mode=eval&episode={episode}&step={step}")
    page.locator(f'[data-testid="scrub"][data-episode="{episode}"][data-step="{step}"]{PLACED}').wait_for()
    return page


def test_the_panel_says_right_where_monty_does(page):
    right, wrong = (page.get_by_test_id(f"hypothesis-{module}") for module in LEADS)
    expect(right.get_by_test_id("most-likely")).to_have_text("new_object2 = capsule")
    expect(right.get_by_test_id("is-target")).to_be_visible()
    expect(right.get_by_test_id("rotation-error")).to_have_text("12.5°")
    expect(right.get_by_test_id("possible")).to_contain_text("new_object2 = capsule")
    expect(wrong.get_by_test_id("most-likely")).to_have_text("new_object0 = cube")
    expect(wrong.get_by_test_id("not-target")).to_contain_text("target is capsule")


def test_only_what_is_not_learned_is_a_new_object_and_it_is_not_judged(page, watched):
    page = at(watched, 0, 0)
    card = page.get_by_test_id("hypothesis-LM_0")
    expect(card.get_by_test_id("most-likely")).to_have_text("a new object")
    expect(card.get_by_test_id("not-judged")).to_have_text("target is cube")
    expect(page.get_by_test_id("agreement-words")).to_contain_text("2 of 2 believe in a new object")


def test_the_bold_line_is_the_best_graph_of_the_target(page):
    page.get_by_test_id("show-episode").click()
    chart = drawn(page, "LM_0", lambda seen: len(seen.x) == 4)
    best = [max(ones) for ones in zip(chart.lines["new_object0"], chart.lines["new_object2"], strict=True)]
    assert chart.target == best == [10.0, 3.0, 3.0, 13.0]
    chart = drawn(page, "LM_1", lambda seen: len(seen.x) == 4)
    assert chart.target == chart.lines["new_object1"] == [10.0, 11.0, 2.0, 2.0]
    legend = page.get_by_label("Objects", exact=True)
    expect(legend).to_contain_text("new_object2 = capsule / new_object2 = cone")


def test_learning_modules_agree_where_their_graphs_stand_for_the_same(page, watched):
    words = page.get_by_test_id("agreement-words")
    expect(words).to_contain_text("no majority")
    page = at(watched, 1, 0)
    expect(page.get_by_test_id("agreement-words")).to_contain_text("2 of 2 believe in new_object0 = capsule")
    expect(page.get_by_test_id("agreement-words")).to_contain_text("they agree")


def test_the_verdict_is_that_of_the_panel(page):
    page.get_by_test_id("wrong-toggle").click()
    expect(page.get_by_test_id("wrong-LM_0")).to_have_attribute("data-verdict", "kept")
    lost = page.get_by_test_id("wrong-LM_1")
    expect(lost).to_contain_text("lost at step 2")
    expect(lost).to_contain_text("to new_object0 = cube")


def test_the_matrix_and_the_list_of_episodes_name_both(page):
    right, wrong = cell(page, "capsule", "new_object2 = capsule"), cell(page, "capsule", "new_object0 = cube")
    expect(right).to_have_text("1")
    expect(right).to_have_attribute("data-verdict", "right")
    page.get_by_role("tabpanel").get_by_label("Learning module").select_option("LM_1")
    expect(wrong).to_have_attribute("data-verdict", "wrong")
    unknown = cell(page, "cube", "a new object")
    expect(unknown).to_have_text("1")
    expect(unknown).to_have_attribute("data-verdict", "")
    expect(page.get_by_test_id("episode-table")).to_contain_text("new_object2 = capsule")


def test_a_recording_of_before_says_nothing_of_right_and_wrong(watched, teller):
    voice = teller.voice("older", secs_ago=60)
    module_step = LearningModuleStep(evidence={"mug": 2.0}, most_likely=Hypothesis(object="mug"), target_object="mug")
    voice.say(schema.Step, episode=0, step=0, target_object="mug", learning_modules={"LM_0": module_step})
    target = Target(object="mug")
    modules = {"LM_0": LearningModuleEpisode(outcome="correct", most_likely_object="mug")}
    voice.say(
        schema.EpisodeEnded, episode=0, steps=1, target=target, outcome="correct", correct=1, learning_modules=modules
    )
    teller.done()
    page = watched.open("/run/older?mode=eval&episode=0&step=0")
    card = page.get_by_test_id("hypothesis-LM_0")
    expect(card.get_by_test_id("not-judged")).to_have_text("target is mug")
    expect(card.get_by_test_id("is-target")).to_have_count(0)
    page.get_by_test_id("wrong-toggle").click()
    expect(page.get_by_test_id("wrong-LM_0")).to_contain_text("this recording does not say what is right")
    expect(cell(page, "mug", "mug")).to_have_attribute("data-verdict", "")
