"""The most likely hypothesis: Monty's own, computed anew only when it is another one."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.monty.monty_models import Rotation, evidence_lm, turn

from monty_mqtt.observe.ground_truth import GroundTruth
from monty_mqtt.observe.pose import (
    PoseReader,
    angle_degs,
    from_matrix,
    from_scalar_first,
    product,
    quaternion_of_target,
)


def written(lm):
    """Return what Monty itself says, of a copy: its function writes into the model."""
    return copy.deepcopy(lm)._get_current_mlh()


def test_every_move_of_the_most_likely_hypothesis_is_followed():
    lm = evidence_lm({"bowl": np.arange(5.0), "mug": np.zeros(5)})
    reader = PoseReader(lm, GroundTruth(lm))
    rng = np.random.RandomState(0)
    for _ in range(50):
        for space in lm._hypotheses.values():
            space.evidence += rng.randint(-2, 3, len(space.evidence))
            space.locations = space.locations + rng.rand(3)
        if rng.rand() < 0.5:
            lm.current_mlh = lm._calculate_most_likely_hypothesis()
        if rng.rand() < 0.2:
            lm.fixme_reset_ground_truth({"object": "mug", "quat_rotation": turn(rng.rand() * 90).as_quat()})
        best, error = reader.read()
        mlh = written(lm)
        assert (best.object, best.evidence) == (mlh["graph_id"], mlh["evidence"])
        assert best.location == list(mlh["location"])
        w, x, y, z = mlh["rotation"].as_quat()
        assert best.rotation == pytest.approx([x, y, z, w], abs=1e-7)
        expected = None
        if lm.primary_target == best.object:
            target = type(mlh["rotation"]).from_quat(lm.primary_target_rotation_quat)
            expected = math.degrees((mlh["rotation"].inv() * target.inv()).magnitude())
        assert error == (None if expected is None else pytest.approx(expected, abs=1e-6))


def test_matrix_that_is_not_orthonormal_becomes_the_rotation_monty_makes_of_it():
    lm = evidence_lm({"bowl": [1.0]})
    lm._hypotheses["bowl"].poses[0] += 1e-3
    lm.current_mlh = lm._calculate_most_likely_hypothesis()
    w, x, y, z = lm.current_mlh["rotation"].as_quat()
    assert PoseReader(lm, GroundTruth(lm)).read()[0].rotation == [x, y, z, w]


def test_sentinel_before_the_first_observation():
    lm = evidence_lm()
    best, error = PoseReader(lm, GroundTruth(lm)).read()
    assert (best.object, best.evidence, best.location) == ("no_observations_yet", 0.0, [0.0, 0.0, 0.0])
    assert best.rotation == [0.0, 0.0, 0.0, 1.0]
    assert error is None


def test_target_comes_in_montys_order_of_parts():
    assert quaternion_of_target(turn(90).as_quat()) == pytest.approx((0, 0, math.sqrt(0.5), math.sqrt(0.5)))
    assert quaternion_of_target(None) is None


ANGLES = st.tuples(*[st.floats(-360, 360)] * 3)


@given(ANGLES, ANGLES)
def test_product_and_angle_are_scipys(a, b):
    first, second = (Rotation.from_euler("xyz", angles, degrees=True) for angles in (a, b))
    both = product(from_scalar_first(first.as_quat()), from_scalar_first(second.as_quat()))
    assert angle_degs(both) == pytest.approx((first * second).magnitude() * 57.29577951308232, abs=1e-5)


@given(ANGLES)
def test_matrix_gives_scipys_quaternion_with_its_sign(angles):
    turned = Rotation.from_euler("xyz", angles, degrees=True)
    expected = Rotation.from_matrix(turned.as_matrix()).as_quat()
    assert from_matrix(turned.as_matrix().ravel().tolist()) == pytest.approx(from_scalar_first(expected), abs=1e-9)


def test_matrix_that_is_not_orthonormal_gives_no_quaternion():
    assert from_matrix([1.0, 1e-5, 0, 0, 1.0, 0, 0, 0, 1.0]) is None
    assert from_matrix([1.001, 0, 0, 0, 1.0, 0, 0, 0, 1.0]) is None


def test_small_angles_keep_their_digits():
    tiny = from_scalar_first(Rotation.from_euler("xyz", [1e-9, 0, 0], degrees=True).as_quat())
    assert angle_degs(tiny) == pytest.approx(1e-9, rel=1e-6)
