"""Without a bridge, a short run says so and waits for none. `make bench hook` shows what it costs by the clock."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

import pytest
from jobs import HERE, environment, free_port

pytestmark = [pytest.mark.monty, pytest.mark.timeout(300)]


def test_twenty_short_runs_without_a_bridge_say_so_and_wait_for_none(tmp_path):
    results = tmp_path / "results.json"
    command = [sys.executable, "-m", "benchmarks.short_runs", "20", str(free_port()), str(results)]
    done = subprocess.run(
        command, cwd=HERE.parent.parent, env=environment(tmp_path, 1), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(results.read_text())
    assert len(found["watched"]) == 20
    assert statistics.median(found["watched"]) < 2 * statistics.median(found["plain"]), found
    assert done.stderr.count("no bridge at") == 21, "every run says so"
