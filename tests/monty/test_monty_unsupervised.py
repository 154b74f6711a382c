"""Whether a belief is right, in runs whose graphs have names of their own: what is sent is what Monty itself says."""

from __future__ import annotations

import itertools
import json
from typing import Any, NamedTuple

import pytest
from compared import model_of, rows_of
from jobs import Process, job, messages_of, run_jobs
from kit.zmq_router import Router

from monty_mqtt.wire import schema

pytestmark = [pytest.mark.monty, pytest.mark.timeout(900)]

BASIC = "tbp.monty.frameworks.loggers.graph_matching_loggers.BasicGraphMatchingLogger"
CSV = "tbp.monty.frameworks.loggers.monty_handlers.BasicCSVStatsHandler"
JOBS = {
    "unsupervised": "test/no_reset_evidence_lm/unsupervised_mujoco",
    "from_scratch": "test/evidence_lm/evidence_mujoco",
}
TWO_OBJECTS = (
    "env_interface=test_train_2obj_predefined_eval_2obj_predefined",
    "experiment.config.n_train_epochs=2",
    "experiment.config.n_eval_epochs=1",
)
WRITES_CSV = (
    f"experiment.config.logging.monty_data_logger._target_={BASIC}",
    f"experiment.config.logging.monty_data_logger.handlers=[{{_target_: {CSV}}}]",
)
"""The first of upstream's experiments logs nothing; with these it writes what it makes of each episode."""

LOOKS_INTO_MEMORY = "experiment.config.step_hook._target_=users.MemoryHook"
UPDATER = "++experiment.config.monty_config.learning_modules.learning_module_0.hypotheses_updater"
BURST_SAMPLING = "tbp.monty.frameworks.models.evidence_matching.burst_sampling.BurstSamplingHypothesesUpdater"
SAMPLES = (
    f"{UPDATER}_class=${{monty.class:{BURST_SAMPLING}}}",
    f"{UPDATER}_args={{include_telemetry: true, sampling_multiplier: 2}}",
    "env_interface=test_train_2obj_predefined_eval_2obj_predefined",
    "experiment.config.n_train_epochs=2",
    "experiment.config.n_eval_epochs=1",
)
"""With these a module of the second experiment samples, and tells what, in graphs as small as these are."""

SEMISUPERVISED = "test/hierarchy/two_lms_semisupervised_mujoco"
SAID = {"correct": True, "correct_mlh": True, "confused": False, "confused_mlh": False}
MODULE = "learning_module_0"


class Runs(NamedTuple):
    process: Process
    router: Router

    def of(self, name: str, kind: type) -> list[Any]:
        return messages_of(self.router, name, kind)

    def remembered(self, name: str, kind: str) -> list[Any]:
        """What the user's own hook saw in a job: `nodes` of all graphs, or what was `sampled` in each step."""
        told = map(json.loads, (self.process.home / "steps" / f"{name}.json").read_text().splitlines())
        return [one[kind] for one in told if kind in one]

    def rows(self, name: str) -> list[dict[str, str]]:
        folder = self.process.results(name)
        return [row for mode in ("train", "eval") for row in rows_of(folder / f"{mode}_stats.csv")]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    with Router() as router:
        jobs = [
            job(name, experiment, *TWO_OBJECTS, *WRITES_CSV, LOOKS_INTO_MEMORY) for name, experiment in JOBS.items()
        ]
        jobs.append(job("sampling", JOBS["from_scratch"], *SAMPLES, LOOKS_INTO_MEMORY))
        jobs.append(job("semisupervised", SEMISUPERVISED, "experiment.config.n_train_epochs=2", LOOKS_INTO_MEMORY))
        yield Runs(run_jobs(tmp_path_factory.mktemp("unsupervised"), jobs, router.port), router)


@pytest.mark.parametrize("name", [*JOBS, "semisupervised"])
def test_a_belief_is_right_exactly_where_it_has_a_rotation_error(runs, name):
    assert runs.process.exits[name] == 0, runs.process.output[-3000:]
    beliefs = [part for step in runs.of(name, schema.Step) for part in step.learning_modules.values()]
    assert {part.is_correct for part in beliefs} == {True, False, None}
    for part in beliefs:
        assert (part.is_correct is True) == (part.rotation_error_degs is not None)
        assert part.is_new <= (part.is_correct is None)
        if part.is_correct is not None:
            assert part.is_correct == (part.most_likely.object in (part.target_graphs or []))


@pytest.mark.parametrize("name", JOBS)
def test_an_episode_is_right_where_monty_wrote_so(runs, name):
    ended, rows = runs.of(name, schema.EpisodeEnded), runs.rows(name)
    assert len(ended) == len(rows) == 6
    said = [(one.learning_modules[MODULE].is_correct, row["primary_performance"]) for one, row in zip(ended, rows)]
    assert [is_correct for is_correct, _ in said] == [SAID.get(word) for _, word in said]
    assert {is_correct for is_correct, _ in said} == ({True, False, None} if name == "from_scratch" else {None})
    for one, row in zip(ended, rows):
        part = one.learning_modules[MODULE]
        if part.is_correct:
            assert one.target.object in part.most_likely_targets
            assert part.most_likely_object.startswith("new_object"), "else names would have done"
        assert part.is_new == (row["primary_performance"] == "no_match")


@pytest.mark.parametrize("name", JOBS)
def test_the_last_step_of_an_episode_says_what_the_episode_says(runs, name):
    steps = runs.of(name, schema.Step)
    for one in runs.of(name, schema.EpisodeEnded):
        part = one.learning_modules[MODULE]
        matching = [s for s in steps if (s.mode, s.episode) == (one.mode, one.episode)]
        last = matching[-1].learning_modules[MODULE]
        if part.is_correct is not None and last.most_likely.object == part.most_likely_object:
            assert last.is_correct == part.is_correct
            assert last.most_likely_targets == part.most_likely_targets


@pytest.mark.parametrize("name", JOBS)
def test_what_a_graph_was_learned_from_is_what_monty_saved(runs, name):
    began, ended = runs.of(name, schema.EpisodeStarted), runs.of(name, schema.EpisodeEnded)
    assert began[0].graph_targets == {}
    for before, after in zip(ended, began[1:]):
        assert before.graph_targets == after.graph_targets
    newest = max(runs.process.results(name).glob("*/model.pt"), key=lambda path: int(path.parent.name))
    saved = model_of(newest)["lm_dict"][0]["graph_id_to_target"]
    assert ended[-1].graph_targets == {MODULE: {graph: sorted(targets) for graph, targets in saved.items()}}


def test_a_supervised_module_beside_it_needs_no_second_names(runs):
    for one in runs.of("semisupervised", schema.EpisodeEnded):
        assert "learning_module_1" not in one.graph_targets
    right = [s.learning_modules["learning_module_1"] for s in runs.of("semisupervised", schema.Step)]
    assert any(part.is_correct for part in right)
    assert all(part.most_likely_targets == [] for part in right)


@pytest.mark.parametrize("name", [*JOBS, "semisupervised"])
def test_the_graphs_of_each_episode_are_those_in_montys_memory(runs, name):
    ended, memories = runs.of(name, schema.EpisodeEnded), runs.remembered(name, "nodes")
    assert [one.graph_nodes for one in ended] == memories[1:]
    for one, before, after in zip(ended, memories, memories[1:]):
        made = {module: sorted(graphs.keys() - before.get(module, {}).keys()) for module, graphs in after.items()}
        assert {module: sorted(graphs) for module, graphs in one.graphs_made.items()} == {
            module: graphs for module, graphs in made.items() if graphs
        }
        for module, graphs in after.items():
            changed = {graph for graph, count in graphs.items() if before.get(module, {}).get(graph, count) != count}
            assert changed <= set(one.graphs_extended.get(module, ())) <= before.get(module, {}).keys()
        assert sorted({*flat(one.graphs_made), *flat(one.graphs_extended)}) == one.learned
    assert any(one.graphs_made for one in ended)
    if name == "semisupervised":
        assert any(one.graphs_extended for one in ended)


def flat(graphs: dict[str, list[str]]) -> list[str]:
    return list(itertools.chain.from_iterable(graphs.values()))


def test_what_burst_sampling_did_is_what_its_telemetry_says(runs):
    steps, truth = runs.of("sampling", schema.Step), runs.remembered("sampling", "sampled")
    assert len(steps) == len(truth)
    before: Any = None
    for step, montys in zip(steps, (one[MODULE] for one in truth)):
        part = step.learning_modules[MODULE]
        if part.hypotheses_added is None:
            assert montys == before, "Monty told something, and we did not"
        else:
            assert {name: getattr(part, name) for name in montys} == montys
        before = montys
    told = [step.learning_modules[MODULE] for step in steps]
    assert sum(part.hypotheses_added or 0 for part in told) > 0
    assert sum(part.hypotheses_removed or 0 for part in told) > 0
    others = {
        part.hypotheses_added
        for step in runs.of("from_scratch", schema.Step)
        for part in step.learning_modules.values()
    }
    assert others == {None}
