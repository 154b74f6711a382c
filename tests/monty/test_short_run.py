"""A short run of a real Monty is on every screen what Monty's own files say; InfluxDB is left to make test-all."""

from __future__ import annotations

import pytest
from kit.monty.compare_with_monty import EXPERIMENTS, Stage

pytestmark = [pytest.mark.monty, pytest.mark.timeout(600)]

EXPERIMENT = "test/evidence_lm/evidence_mujoco"


def test_it_is_on_every_screen_what_monty_says(tmp_path):
    with Stage(tmp_path, history=False) as stage:
        compared = stage.compare(EXPERIMENT, EXPERIMENTS[EXPERIMENT])
    assert not compared.different
    kinds = {cell.kind for cell in compared.cells}
    assert kinds == {"CSV", "wire", "page", "page, run", "page, worker", "page, results", "summary"}
