"""The benchmark `slowdown` compares real runs of the demo with and without the monitor; its figures are no test."""

from __future__ import annotations

import math

import pytest

from benchmarks.slowdown import pairs
from benchmarks.slowdown.intervals import median_of

pytestmark = [pytest.mark.monty, pytest.mark.timeout(400)]


def test_a_pair_takes_the_same_steps_and_every_part_of_its_cost_is_measured(tmp_path):
    pairs.learn(tmp_path, quick=True)
    rows = list(pairs.compared(pairs.CASES[0], tmp_path, quick=True))
    assert all(math.isfinite(row["measured"]) and row["interval"] == [row["measured"]] * 2 for row in rows)
    assert [row["target"] for row in rows if row["target"]] == ["<= 1.5 %", "<= 0.3 s"]
    values = {row["name"].strip(): row["measured"] for row in rows}
    assert 0 < values["of which by the monitor's own clock"] < 50
    assert {name.partition(",")[0] for name in values if "a step" in name} == {"broker", "bridge", "liveview"}


def test_runs_of_different_steps_are_not_compared():
    with pytest.raises(RuntimeError, match="3 steps with the monitor, 2 without"):
        pairs.median_ratio([1.0, 1.0, 1.0], [1.0, 1.0])


def test_the_interval_of_nine_values_leaves_out_one_at_each_end_and_that_of_five_none():
    assert median_of([9, 1, 5, 2, 8, 3, 7, 4, 6]) == (5, 2, 8)
    assert median_of([5, 1, 4, 2, 3]) == (3, 1, 5)
    assert median_of([7]) == (7, 7, 7)
