"""Rotations agree with Monty's own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.monty.monty_models import Rotation

from monty_mqtt.observe.pose import angle_degs, from_matrix, from_scalar_first, product

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


def test_matrix_that_is_not_orthonormal_is_left_to_who_can_mend_it():
    assert from_matrix([1.0, 1e-5, 0, 0, 1.0, 0, 0, 0, 1.0]) is None
    assert from_matrix([1.001, 0, 0, 0, 1.0, 0, 0, 0, 1.0]) is None


def test_small_angles_keep_their_digits():
    tiny = from_scalar_first(Rotation.from_euler("xyz", [1e-9, 0, 0], degrees=True).as_quat())
    assert angle_degs(tiny) == pytest.approx(1e-9, rel=1e-6)
