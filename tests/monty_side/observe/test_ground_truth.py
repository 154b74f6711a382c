"""Which graphs stand for the target is Monty's own word, not a comparison of names."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import numpy as np
import pytest
from kit.monty.monty_models import displacement_lm, evidence_lm, model, percept, turn

from monty_mqtt.observe.episode_outcome import PERFORMANCE_ORDER, episode_stats
from monty_mqtt.observe.ground_truth import GroundTruth, graph_targets, is_correct
from monty_mqtt.observe.model_reader import ModelReader

TARGET = {
    "object": "bowl",
    "position": (0.0, 1.5, 0.0),
    "rotation": tuple(turn(40).as_quat()),
    "quat_rotation": turn(40).as_quat(),
    "euler_rotation": (0.0, 0.0, 40.0),
    "scale": (1.0, 1.0, 1.0),
}


def unsupervised_lm(**targets_of_graph):
    """Return a module that believes in the first of some graphs, each learned from these objects; a bowl is shown."""
    lm = evidence_lm({graph: [9.0 - place, 0.0] for place, graph in enumerate(targets_of_graph)})
    lm.graph_id_to_target = {graph: set(targets) for graph, targets in targets_of_graph.items()}
    lm.target_to_graph_id = {}
    for graph, targets in targets_of_graph.items():
        for target in targets:
            lm.target_to_graph_id.setdefault(target, set()).add(graph)
    return lm


def step_of(lm):
    return ModelReader(model(lm)).read().learning_modules["learning_module_0"]


def test_graph_with_a_name_of_its_own_is_right_where_it_was_learned_from_the_target():
    step = step_of(unsupervised_lm(new_object0=["bowl"], new_object1=["mug"]))
    assert (step.most_likely.object, step.is_correct, step.is_new) == ("new_object0", True, False)
    assert (step.most_likely_targets, step.target_graphs) == (["bowl"], ["new_object0"])
    assert step.rotation_error_degs is not None


def test_graph_called_as_the_target_is_wrong_where_it_was_learned_from_another_object():
    step = step_of(unsupervised_lm(bowl=["mug"]))
    assert (step.most_likely.object, step.is_correct, step.target_graphs) == ("bowl", False, None)
    assert (step.most_likely_targets, step.rotation_error_degs) == (["mug"], None)


def test_graph_of_several_objects_and_object_of_several_graphs():
    step = step_of(unsupervised_lm(new_object1=["mug", "bowl"], new_object0=["bowl"], new_object2=["mug"]))
    assert (step.is_correct, step.most_likely_targets) == (True, ["bowl", "mug"])
    assert step.target_graphs == ["new_object0", "new_object1"]


def test_supervised_graph_needs_no_second_name():
    step = step_of(evidence_lm({"bowl": [3.0], "mug": [1.0]}))
    assert (step.is_correct, step.most_likely_targets, step.target_graphs) == (True, [], ["bowl"])


@pytest.mark.parametrize("target", [None, "no_label"])
def test_without_a_target_nothing_is_right_or_wrong(target):
    lm = unsupervised_lm(new_object0=["bowl"])
    lm.primary_target = target
    step = step_of(lm)
    assert (step.is_correct, step.target_graphs, step.most_likely_targets) == (None, None, ["bowl"])


def test_graph_learned_without_a_target_is_neither_right_nor_new():
    lm = unsupervised_lm(new_object0=[None])
    lm.primary_target = None
    step = step_of(lm)
    assert (step.is_correct, step.is_new, step.most_likely_targets) == (None, False, [])
    assert graph_targets(model(lm)) == {"learning_module_0": {"new_object0": []}}


def test_montys_words_for_no_object_are_neither_right_nor_wrong():
    step = step_of(evidence_lm())
    assert (step.most_likely.object, step.is_correct, step.is_new) == ("no_observations_yet", None, False)
    lm = evidence_lm()
    lm.current_mlh = lm._calculate_most_likely_hypothesis()
    step = step_of(lm)
    assert (step.most_likely.object, step.is_correct, step.is_new) == ("new_object0", None, True)


def test_graph_in_memory_that_monty_gave_no_target_is_not_new():
    lm = evidence_lm({"new_object0": [1.0]})
    lm.graph_id_to_target = {}
    step = step_of(lm)
    assert (step.is_correct, step.is_new) == (None, False)


def test_what_was_learned_counts_from_the_next_episode_on():
    lm = unsupervised_lm(new_object0=["mug"])
    reader = ModelReader(model(lm))
    assert reader.read().learning_modules["learning_module_0"].is_correct is False
    lm.graph_id_to_target["new_object0"].add("bowl")  # as Monty's `_update_target_graph_mapping`, in place
    reader.begin_episode()
    step = reader.read().learning_modules["learning_module_0"]
    assert (step.is_correct, step.most_likely_targets) == (True, ["bowl", "mug"])


def test_another_target_counts_at_once():
    lm = unsupervised_lm(new_object0=["mug"])
    reader = ModelReader(model(lm))
    reader.read()
    lm.fixme_reset_ground_truth({"object": "mug", "quat_rotation": turn(0).as_quat()})
    assert reader.read().learning_modules["learning_module_0"].is_correct is True


def test_module_without_evidence_tells_the_graphs_of_its_target():
    lm = displacement_lm()
    lm.graph_id_to_target = {"new_object4": {"bowl"}, "new_object5": {"mug"}}
    step = step_of(lm)
    assert (step.is_correct, step.target_graphs) == (None, ["new_object4"])
    assert step_of(SimpleNamespace()).target_graphs is None


def test_only_graphs_with_a_name_of_their_own_are_told_at_the_begin_of_an_episode():
    lm = unsupervised_lm(bowl=["bowl"], new_object1=["mug", "bowl"], dice=["mug"])
    targets = {"new_object1": ["bowl", "mug"], "dice": ["mug"]}
    assert graph_targets(model(lm)) == {"learning_module_0": targets}
    assert graph_targets(model(evidence_lm({"bowl": [1.0]}), displacement_lm())) == {}
    assert graph_targets(SimpleNamespace()) == {}


def ended(lm, terminal_state, detected):
    lm.buffer.append([percept(hsv=np.zeros(3))])
    lm.buffer.update_stats({"lm_processed_steps": True, "mlh_prediction_error": 0.25}, append=True)
    lm.buffer.stats["detected_rotation_quat"] = turn(0).as_quat()
    lm.terminal_state, lm.detected_object = terminal_state, detected
    return episode_stats(model(copy.deepcopy(lm)), TARGET, 42)["learning_module_0"]


def test_end_of_an_episode_says_what_monty_says():
    lm = unsupervised_lm(new_object0=["bowl"], new_object1=["mug"])
    part = ended(lm, "match", "new_object0")
    assert (part.outcome, part.is_correct, part.is_new, part.most_likely_targets) == ("correct", True, False, ["bowl"])
    lm.primary_target = "mug"
    part = ended(lm, "time_out", None)
    assert (part.outcome, part.is_correct) == ("confused_mlh", False)


def test_unknown_object_is_new_and_neither_right_nor_wrong():
    lm = unsupervised_lm(new_object0=["mug"])
    lm.possible_matches = []
    part = ended(lm, "no_match", "new_object1")
    assert (part.outcome, part.is_correct, part.is_new) == ("no_match", None, True)
    assert (part.most_likely_object, part.most_likely_targets) == ("new_object0", ["mug"])


def test_words_that_say_right_or_wrong_are_those_that_monty_counts():
    verdicts = {word: is_correct(word) for word in PERFORMANCE_ORDER}
    assert {word for word, right in verdicts.items() if right} == {"correct", "correct_mlh"}
    assert {word for word, right in verdicts.items() if right is False} == {"confused", "confused_mlh"}
    assert is_correct(None) is None


def test_ids_and_names_are_text_whatever_monty_keys_them_by():
    lm = SimpleNamespace(primary_target="bowl", graph_id_to_target={"g": {"bowl", "a"}})
    assert GroundTruth(lm).of("g").targets == ["a", "bowl"]
