"""One way to name an object, on the terminal, in InfluxDB and on the page."""

from pathlib import Path

import pytest
from kit.machine.node import evaluated

from monty_mqtt.wire.message_pieces import Hypothesis, LearningModuleEpisode, LearningModuleStep
from monty_mqtt.wire.object_names import believed, graph_of, named, recognised

SCRIPT = Path(__file__).parents[3] / "liveview" / "monty_mqtt_liveview" / "browser" / "object_names.js"
CASES = [
    ("mug", [], False, "mug"),
    ("new_object0", ["capsule3DSolid"], False, "new_object0 = capsule3DSolid"),
    ("new_object1", ["cup", "mug"], False, "new_object1 = cup + mug"),
    ("new_object2", [], False, "new_object2"),
    ("new_object2", [], True, "a new object"),
]


@pytest.mark.parametrize(("graph", "targets", "is_new", "name"), CASES)
def test_a_graph_is_named_by_what_it_was_learned_from_too(graph, targets, is_new, name):
    assert named(graph, targets, is_new=is_new) == name


def test_a_graph_that_is_called_as_what_it_was_learned_from_has_one_name():
    assert named("mug", ["mug"]) == "mug"


def test_the_browser_names_as_the_server_does():
    calls = ", ".join(
        f"nameOf({graph!r}, {{{graph}: {targets}}}, {str(new).lower()})" for graph, targets, new, _ in CASES
    )
    assert evaluated(f"{SCRIPT.read_text()}\nconsole.log(JSON.stringify([{calls}]))") == [case[-1] for case in CASES]


def test_graphs_of_two_modules_mean_the_same_where_they_were_learned_from_the_same():
    calls = """[
        meaningOf("new_object0", { new_object0: ["mug"] }), meaningOf("mug", undefined), meaningOf("new_object0", {}),
        meaningOf("no_observations_yet", {}), meaningOf("new_object0", {}, true), meaningOf(null, {})]"""
    names = evaluated(f"{SCRIPT.read_text()}\nconsole.log(JSON.stringify({calls}))")
    assert names == ["mug", "mug", "new_object0", None, "a new object", None]


def test_what_a_module_believes_in():
    likely = Hypothesis(object="new_object0")
    assert believed(LearningModuleStep()) is None
    assert believed(LearningModuleStep(most_likely=likely, most_likely_targets=["mug"])) == "new_object0 = mug"
    assert believed(LearningModuleStep(most_likely=likely, is_new=True)) == "a new object"


def test_what_a_module_took_the_target_for_is_what_it_settled_on():
    settled = LearningModuleEpisode(detected_object="g", most_likely_object="h", most_likely_targets=["mug"])
    assert (graph_of(settled), recognised(settled)) == ("g", "g")
    undecided = LearningModuleEpisode(most_likely_object="h", most_likely_targets=["mug"])
    assert (graph_of(undecided), recognised(undecided)) == ("h", "h = mug")
    without_evidence = LearningModuleEpisode(detected_object="g", most_likely_targets=["mug"])
    assert recognised(without_evidence) == "g = mug"
    unknown = LearningModuleEpisode(detected_object="new_object1", most_likely_object="h", is_new=True)
    assert recognised(unknown) == "a new object"
    assert recognised(LearningModuleEpisode()) is None
