"""What was learned, and what burst sampling did: graphs growing in an unsupervised run, hypotheses over its steps."""

from __future__ import annotations

import pytest
from demo_on_screen import PLACED
from kit.machine.child_process import until
from kit.page.teller import HOSTILE
from playwright.sync_api import Page, expect

from monty_mqtt.wire import schema
from monty_mqtt.wire.message_pieces import Hypothesis, LearningModuleEpisode, LearningModuleStep, Target

pytestmark = pytest.mark.timeout(120)

SHOWN = ("capsule", "cube", "capsule", "cone", "cube", HOSTILE)
"""The objects that the training episodes show."""

LEARNED = ("new_object0", "new_object1", "new_object0", "new_object2", "new_object3", "new_object2")
"""The graph that each of them made or extended: cube is split, and one graph is merged of cone and another."""

SIZES = (310, 280, 395, 240, 150, 330)
STEPS = 8
MODULES = ("LM_0", "LM_1")

_LINES = """(name) => {
  const option = document.querySelector(`[data-testid="${name}"]`)?.chart?.getOption();
  return option ? Object.fromEntries(option.series.map((one) =>
    [one.name, one.data.map((point) => point.value ?? point)])) : null;
}"""


class Learner:
    """Tells an unsupervised run, episode by episode."""

    def __init__(self, teller, run: str, secs_ago: float = 600) -> None:
        self._teller = teller
        self._voice = teller.voice(run, secs_ago=secs_ago)
        self._nodes: dict[str, int] = {}
        self._targets: dict[str, set[str]] = {}
        self._voice.say(schema.Status, status="running")

    def learn(self, episode: int) -> None:
        shown, graph = Target(object=SHOWN[episode]), LEARNED[episode]
        head = {"mode": "train", "episode": episode, "target": shown}
        self._voice.say(schema.EpisodeStarted, after_secs=1, **head, graph_targets=self._told())
        for step in range(STEPS):
            modules = {module: self._believe(graph, step) for module in MODULES}
            self._voice.say(
                schema.Step, after_secs=1, mode="train", episode=episode, step=step, learning_modules=modules
            )
        is_new = graph not in self._nodes
        self._nodes[graph] = SIZES[episode]
        self._targets.setdefault(graph, set()).add(SHOWN[episode])
        changed = {module: [graph] for module in MODULES}
        part = LearningModuleEpisode(outcome="no_match" if is_new else "correct", detected_object=graph)
        self._voice.say(
            schema.EpisodeEnded,
            after_secs=1,
            **head,
            steps=STEPS,
            outcome=part.outcome,
            learning_modules=dict.fromkeys(MODULES, part),
            learned=[graph],
            graph_targets=self._told(),
            graph_nodes={module: dict(self._nodes) for module in MODULES},
            graphs_made=changed if is_new else {},
            graphs_extended={} if is_new else changed,
        )
        self._teller.done()

    def _told(self) -> dict[str, dict[str, list[str]]]:
        return {module: {graph: sorted(names) for graph, names in self._targets.items()} for module in MODULES}

    @staticmethod
    def _believe(graph: str, step: int) -> LearningModuleStep:
        return LearningModuleStep(
            evidence={graph: 2.0 + step},
            most_likely=Hypothesis(object=graph, evidence=2.0 + step),
            hypothesis_counts={graph: 620 - 40 * step},
            hypotheses_added=620 if step == 0 else 60 if step == 5 else 0,
            hypotheses_removed=40 + (60 if step == 5 else 0) if step else 0,
            hypothesis_age_median=1.0 + step,
            hypothesis_age_max=1 + step,
            evidence_slope_max=None if step == 0 else 1.5 - step / 4,
        )


def lines(page: Page, chart: str) -> dict[str, list]:
    """What a chart was given to draw, by the names of its lines; empty before it was."""
    return page.evaluate(_LINES, chart) or {}


def row(page: Page, graph: str):
    return page.get_by_test_id("graph-table").locator("tbody tr").filter(has=page.locator("th", has_text=graph))


@pytest.fixture
def learner(teller) -> Learner:
    return Learner(teller, "unsupervised")


def test_graphs_growing_in_an_unsupervised_run(watched, learner, tmp_path):
    for episode in range(3):
        learner.learn(episode)
    page = watched.open("/run/unsupervised?tab=graphs")
    expect(page.get_by_test_id("graphs-summary")).to_contain_text("2 graphs, 675 nodes")
    page.get_by_test_id("growth-canvas").scroll_into_view_if_needed()
    until(lambda: lines(page, "growth-canvas").get("new_object0") == [[0, 310], [2, 395], [2, 395]])
    first = row(page, "new_object0").locator("td")
    expect(first.nth(0)).to_have_text("capsule")
    expect(first.nth(1)).to_have_text("395")
    assert [first.nth(at).inner_text().strip() for at in (2, 3, 4)] == ["train 0", "train 2", "train 2"]
    for episode in range(3, len(SHOWN)):
        learner.learn(episode)
    expect(page.get_by_test_id("graphs-summary")).to_contain_text("4 graphs, 1,155 nodes")
    until(lambda: lines(page, "growth-canvas").get("new_object2") == [[3, 240], [5, 330], [5, 330]])
    expect(row(page, "new_object2")).to_contain_text(f"{HOSTILE} + cone")
    expect(row(page, "new_object2")).to_contain_text("merged")
    for graph in ("new_object1", "new_object3"):
        expect(row(page, graph)).to_contain_text("split")
    page.get_by_role("tabpanel").screenshot(path=tmp_path / "graphs.png")


def test_an_episode_is_opened_from_the_table_and_from_the_chart(watched, learner):
    for episode in range(len(SHOWN)):
        learner.learn(episode)
    page = watched.open("/run/unsupervised?tab=graphs&mode=train&episode=0&step=0")
    page.locator(f'[data-testid="scrub"][data-episode="0"]{PLACED}').wait_for()
    row(page, "new_object2").get_by_role("button", name="train 3").first.click()
    page.locator('[data-testid="scrub"][data-episode="3"][data-step="0"]').wait_for()
    page.get_by_role("group", name="Learning module", exact=True).get_by_role("button", name="LM_1").click()
    expect(page.get_by_test_id("graphs-summary")).to_contain_text("4 graphs")
    chart = page.get_by_test_id("growth-canvas")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    chart.click(position={"x": box["width"] - 14, "y": 100})
    page.locator('[data-testid="scrub"][data-episode="5"][data-step="0"]').wait_for()


def test_hypotheses_over_the_steps_of_the_selected_episode(watched, learner, tmp_path):
    for episode in range(2):
        learner.learn(episode)
    page = watched.open("/run/unsupervised?tab=hypotheses&mode=train&episode=1&step=5")
    page.locator(f'[data-testid="scrub"][data-episode="1"][data-step="5"]{PLACED}').wait_for()
    page.get_by_test_id("hypotheses-over-steps").get_by_role("button", name="Episode").click()
    said = page.get_by_test_id("hypotheses-at")
    expect(said).to_contain_text(
        "420 hypotheses · 60 added, 100 removed · median age 6, oldest 6 · steepest slope 0.25"
    )
    rows = range(STEPS, 2 * STEPS)
    page.get_by_test_id("hypotheses-slope").scroll_into_view_if_needed()
    until(lambda: lines(page, "hypotheses-slope").get("steepest", [[None]])[-1] == [rows[-1], -0.25])
    assert lines(page, "hypotheses-count")["hypotheses"] == [[at, 620 - 40 * step] for step, at in enumerate(rows)]
    changes = lines(page, "hypotheses-changes")
    assert [point for point in changes["added"] if point[1]] == [[rows[0], 620], [rows[5], 60]]
    assert [value for _, value in changes["removed"] if value] == [-40, -40, -40, -40, -100, -40, -40]
    assert [value for _, value in lines(page, "hypotheses-ages")["oldest"]] == [1, 2, 3, 4, 5, 6, 7, 8]
    page.get_by_role("tabpanel").screenshot(path=tmp_path / "hypotheses.png")
    plot = page.get_by_test_id("hypotheses-ages")
    box = plot.bounding_box()
    plot.click(position={"x": box["width"] - 13, "y": 40})
    page.locator('[data-testid="scrub"][data-episode="1"][data-step="7"]').wait_for()
    expect(said).to_contain_text("step 7: 340 hypotheses")


def test_of_five_hundred_graphs_a_part_is_shown_at_a_time(watched, teller):
    voice = teller.voice("large", secs_ago=60)
    names = [f"new_object{number}" for number in range(600)]
    voice.say(schema.Step, mode="train", episode=0, step=0, learning_modules={"LM_0": LearningModuleStep()})
    for episode in range(3):
        voice.say(
            schema.EpisodeEnded,
            mode="train",
            episode=episode,
            graph_nodes={"LM_0": dict.fromkeys(names, 10 + episode)},
            graphs_made={"LM_0": names} if episode == 0 else {},
            graphs_extended={} if episode == 0 else {"LM_0": names},
        )
    voice.say(schema.Status, status="completed")
    teller.done()
    page = watched.open("/run/large?tab=graphs")
    expect(page.get_by_test_id("graphs-summary")).to_contain_text("600 graphs")
    expect(page.get_by_test_id("graphs-summary")).to_contain_text("88 beyond 512 are not listed")
    expect(page.get_by_test_id("growth-left-out")).to_have_text("the 24 largest of 512 graphs")
    table = page.get_by_test_id("graph-table").locator("tbody tr")
    expect(table).to_have_count(20)
    page.get_by_role("button", name="later graphs").click()
    expect(table.first).to_contain_text("new_object20")


def test_a_recording_of_before_says_that_it_tells_no_graphs(watched, teller):
    voice = teller.voice("older", secs_ago=60)
    voice.say(schema.Step, episode=0, step=0, learning_modules={"LM_0": LearningModuleStep()})
    voice.say(schema.EpisodeEnded, episode=0, steps=1)
    teller.done()
    page = watched.open("/run/older?tab=graphs")
    expect(page.get_by_test_id("no-graphs")).to_contain_text("No graphs yet")
    page.locator("#tab-hypotheses").click()
    expect(page.get_by_role("tabpanel")).to_contain_text("keeps no hypotheses that can be counted")
