"""observe reads what Monty holds, and only reads."""

from __future__ import annotations

import copy
import math
from types import SimpleNamespace

import numpy as np
import pytest
from kit.monty.monty_models import displacement_lm, evidence_lm, model, percept, space, turn

from monty_mqtt.observe.model_reader import ModelReader, greatest, mode_of, unmasked

EVIDENCE = {"mug": [0.5, 3.0, 1.0], "bowl": [4.0, -2.0], "dice": [1.0]}


def read(*lms, **rest):
    return ModelReader(model(*lms, **rest)).read()


def test_evidence_is_montys_own():
    lm = evidence_lm(EVIDENCE)
    step = read(lm).learning_modules["learning_module_0"]
    ids, values = lm.evidence_for_each_graph()
    assert step.evidence == dict(zip(ids, values.tolist())) == {"mug": 3.0, "bowl": 4.0, "dice": 1.0}
    assert step.hypothesis_counts == {"mug": 3, "bowl": 2, "dice": 1}


def test_evidence_of_masked_arrays_as_voting_makes_them():
    masked = np.ma.array([1.0, 9.0, 5.0], mask=[False, True, False])
    lm = evidence_lm({"mug": masked, "bowl": np.ma.array([2.0, 3.0])})
    step = read(lm).learning_modules["learning_module_0"]
    assert step.evidence == dict(zip(*map(list, lm.evidence_for_each_graph()))) == {"mug": 5.0, "bowl": 3.0}


@pytest.mark.parametrize(
    "values", [np.array([3.0, 1.0]), np.ma.array([3.0, 9.0], mask=[False, True]), np.ma.array([3.0])]
)
def test_greatest_is_numpys_maximum(values):
    assert greatest(values) == np.max(values) == unmasked(values).max()


def test_object_without_hypotheses_has_a_count_and_no_evidence():
    lm = evidence_lm(EVIDENCE)
    lm._hypotheses["dice"] = space(np.empty(0))
    step = read(lm).learning_modules["learning_module_0"]
    assert "dice" not in step.evidence
    assert step.hypothesis_counts["dice"] == 0


def test_most_likely_hypothesis_is_montys_with_its_location_refreshed():
    lm = evidence_lm(EVIDENCE)
    lm._hypotheses["bowl"].locations[0] = [7.0, 8.0, 9.0]
    best = read(lm).learning_modules["learning_module_0"].most_likely
    mlh = copy.deepcopy(lm)._get_current_mlh()
    assert (best.object, best.evidence, best.scale) == ("bowl", 4.0, 1.0)
    assert best.location == list(mlh["location"]) == [7.0, 8.0, 9.0]
    assert best.rotation == [0.0, 0.0, 0.0, 1.0]


def test_second_object_margin_and_threshold():
    step = read(evidence_lm(EVIDENCE)).learning_modules["learning_module_0"]
    assert (step.second_object, step.margin) == ("mug", 1.0)
    assert step.evidence_threshold == pytest.approx(3.6)
    assert step.possible_matches == ["bowl"]


def test_threshold_is_never_below_zero():
    step = read(evidence_lm({"mug": [-3.0], "bowl": [-5.0]})).learning_modules["learning_module_0"]
    assert step.evidence_threshold == 0
    assert step.possible_matches == []


def test_before_the_first_observation_there_is_a_sentinel_and_no_evidence():
    step = read(evidence_lm()).learning_modules["learning_module_0"]
    assert step.most_likely.object == "no_observations_yet"
    assert (step.evidence, step.hypothesis_counts) == ({}, {})
    assert (step.margin, step.evidence_threshold, step.rotation_error_degs) == (None, None, None)


def test_rotation_error_when_the_object_is_right():
    lm = evidence_lm({"bowl": np.arange(31.0), "mug": [0.0]})
    step = read(lm).learning_modules["learning_module_0"]
    # The 30th hypothesis turns displacements by 30 degrees into the model's frame: the object by -30. It is at 40.
    assert step.rotation_error_degs == pytest.approx(70)
    lm.fixme_reset_ground_truth({"object": "mug", "quat_rotation": turn(40).as_quat()})
    assert read(lm).learning_modules["learning_module_0"].rotation_error_degs is None


def test_rotation_error_follows_the_target_of_the_next_episode():
    lm = evidence_lm({"bowl": np.arange(31.0)})
    reader = ModelReader(model(lm))
    reader.read()
    lm.fixme_reset_ground_truth({"object": "bowl", "quat_rotation": turn(-30).as_quat()})
    assert reader.read().learning_modules["learning_module_0"].rotation_error_degs == pytest.approx(0, abs=1e-9)


def test_what_a_displacement_module_lacks_is_absent():
    lm = displacement_lm()
    lm.init_from_ltm()
    step = read(lm).learning_modules["learning_module_0"]
    assert (step.evidence, step.most_likely, step.hypothesis_counts) == (None, None, None)
    assert (step.possible_matches, step.target_object) == ([], "bowl")


def test_module_of_an_unknown_kind_is_read_as_far_as_it_goes():
    step = read(SimpleNamespace()).learning_modules["learning_module_0"]
    assert (step.evidence, step.possible_matches, step.terminal_state) == (None, [], None)


def test_module_that_computes_evidence_its_own_way_is_asked():
    class Halved(type(evidence_lm())):
        def evidence_for_each_graph(self):
            ids, values = super().evidence_for_each_graph()
            return ids, values / 2

    lm = evidence_lm(EVIDENCE)
    lm.__class__ = Halved
    assert read(lm).learning_modules["learning_module_0"].evidence == {"mug": 1.5, "bowl": 2.0, "dice": 0.5}


def test_reading_changes_nothing():
    lm = evidence_lm(EVIDENCE)
    lm._hypotheses["bowl"].locations[0] = [7.0, 8.0, 9.0]
    before = copy.deepcopy((lm.current_mlh, lm.buffer.stats, lm._hypotheses))
    read(lm, outputs=(percept(hsv=np.zeros(3)),), sensors=(SimpleNamespace(sensor_module_id="patch"),))
    after = (lm.current_mlh, lm.buffer.stats, lm._hypotheses)
    assert repr(before) == repr(after)


def test_sensor_tells_place_and_features():
    sensor = SimpleNamespace(
        sensor_module_id="patch", state=SimpleNamespace(rotation=SimpleNamespace(w=1.0, x=0.0, y=0.0, z=0.0))
    )
    sent = percept(hsv=np.array([0.5, 1.0, 0.0]), curvature=np.float64(2), rgba=np.array([1, 2, 3, 4], np.uint8))
    step = read(outputs=(sent, None), sensors=(sensor, SimpleNamespace(sensor_module_id="view_finder")))
    patch = step.sensor_modules["patch"]
    assert patch.location == [1.0, 2.0, 3.0]
    assert patch.rotation == [0.0, 0.0, 0.0, 1.0]
    assert patch.on_object is True
    assert patch.features == {
        "hsv": [0.5, 1.0, 0.0],
        "curvature": 2.0,
        "rgba": [1, 2, 3, 4],
        "pose_fully_defined": True,
    }
    assert patch.pose_vectors == np.eye(3).tolist()
    assert "view_finder" not in step.sensor_modules


@pytest.mark.parametrize("vectors", [None, "north", np.eye(2), [[1.0]]])
def test_pose_vectors_of_another_shape_are_left_out(vectors):
    sent = percept()
    sent.morphological_features["pose_vectors"] = vectors
    step = read(outputs=(sent,), sensors=(SimpleNamespace(sensor_module_id="patch"),))
    assert step.sensor_modules["patch"].pose_vectors is None


def test_numbers_that_are_none_are_counted():
    lm = evidence_lm(EVIDENCE)
    lm._hypotheses["mug"].evidence[0] = math.inf
    sent = percept(hsv=np.array([math.nan, 1.0, -math.inf]), nested=np.array([[math.nan]]))
    # the three of the sensor, the evidence, and the margin that follows from it
    assert read(lm, outputs=(sent,), sensors=(SimpleNamespace(sensor_module_id="patch"),)).non_finite == 5
    assert read(evidence_lm(EVIDENCE)).non_finite == 0


def test_reader_knows_its_model():
    known, other = model(), model()
    assert ModelReader(known).of(known)
    assert not ModelReader(known).of(other)


def test_mode_in_montys_words():
    assert mode_of(model()) == "eval"
    assert mode_of(SimpleNamespace()) == ""
