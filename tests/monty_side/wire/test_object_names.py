"""One way to name an object, on the terminal, in InfluxDB and on the page."""

import json
from pathlib import Path

import pytest

from monty_mqtt.wire.message_pieces import Hypothesis, LearningModuleEpisode, LearningModuleStep
from monty_mqtt.wire.object_names import believed, graph_of, named, recognised

CASES = json.loads((Path(__file__).parents[3] / "liveview" / "web" / "tests" / "object_names.json").read_text())
"""What the front end's own test of its names reads too: the browser names as the server does."""


@pytest.mark.parametrize(("graph", "targets", "is_new", "name"), [tuple(case.values()) for case in CASES])
def test_a_graph_is_named_by_what_it_was_learned_from_too(graph, targets, is_new, name):
    assert named(graph, targets, is_new=is_new) == name


def test_a_graph_that_is_called_as_what_it_was_learned_from_has_one_name():
    assert named("mug", ["mug"]) == "mug"


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
