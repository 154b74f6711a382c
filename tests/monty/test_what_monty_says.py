"""What every screen says of a run is what Monty's own files and overall statistics say of it."""

from __future__ import annotations

import pytest
from kit.machine.missing import is_missing
from kit.monty.compare_with_monty import EXPERIMENTS, Stage

from monty_mqtt_stack.processes import programs

pytestmark = [pytest.mark.monty, pytest.mark.timeout(1800)]

SHORT = "test/evidence_lm/evidence_mujoco"
"""Two first sights and two evaluations, one of which is correct: 50 % in evaluation, not 25 % of all four."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    for name in ("influxd", "telegraf"):
        if programs.find(name).path is None:
            is_missing(f"not run: {name} is not installed (make services builds it)")
    with Stage(tmp_path_factory.mktemp("compared"), history=True) as stage:
        yield stage


def test_training_and_evaluation_are_what_monty_says_each(stage):
    compared = stage.compare(SHORT, EXPERIMENTS[SHORT])
    assert not compared.different
    told = {cell.where: cell.ours for cell in compared.cells if cell.kind == "wire"}
    assert (told["eval accuracy"], told["train accuracy"]) == (0.5, 0.0)
    kinds = {cell.kind for cell in compared.cells}
    assert kinds == {"InfluxDB", "CSV", "wire", "page", "page, run", "page, worker", "page, results", "summary"}


@pytest.mark.long
@pytest.mark.parametrize("experiment", [name for name in EXPERIMENTS if name != SHORT])
def test_every_kind_of_experiment_is_what_monty_says(stage, experiment):
    compared = stage.compare(experiment, EXPERIMENTS[experiment])
    assert len(compared.cells) > 100
    assert not compared.different
