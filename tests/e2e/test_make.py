"""The other make targets that the README names."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import BENCHMARKS, BY_NAME_ONLY

ROOT = Path(__file__).resolve().parent.parent.parent


def make(*arguments, cwd=ROOT, timeout_secs=300):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    return subprocess.run(
        ["make", *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout_secs,
        check=False,
    )


def test_make_complexity():
    done = make("complexity")
    assert done.returncode == 0, done.stderr
    report = json.loads((ROOT / "complexity_report.json").read_text())
    assert len(report["worst_functions"]) == 10
    for one in report["worst_functions"]:
        assert one["cyclomatic_complexity"] <= 10, f"{one['file']}:{one['line']} {one['name']} is too complex"
        assert {"nesting", "length_lines", "parameters"} <= set(one)
    assert all("maintainability_index" in module for module in report["modules"])
    assert "lowest maintainability index" in done.stdout


def test_make_alone_lists_the_targets():
    done = make()
    assert done.returncode == 0
    for target in (
        "run",
        "test",
        "test-quick",
        "test-all",
        "test-long",
        "check",
        "web",
        "web-dev",
        "bench",
        "complexity",
        "docs",
        "clean",
    ):
        assert f"make {target} " in done.stdout


def test_make_test_quick_runs_only_what_starts_no_process():
    done = make("test-quick", "PYTEST=tests/shipping tests/chain")
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
    assert "failed" not in done.stdout


def test_a_quick_test_that_starts_a_process_fails():
    code = "import subprocess; from kit.rings import forbid_processes; forbid_processes(); subprocess.run(['true'])"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "a quick test starts ('true',): name its module in tests/kit/rings.py" in done.stderr


def test_make_clean_removes_what_was_built(tmp_path):
    (tmp_path / "Makefile").write_bytes((ROOT / "Makefile").read_bytes())
    for name in (".venv", "build", ".mypy_cache"):
        (tmp_path / name).mkdir()
    (tmp_path / "keep").touch()
    assert make("clean", cwd=tmp_path).returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Makefile", "keep"]


@pytest.mark.long
@pytest.mark.timeout(5400)
def test_make_bench():
    done = make("bench", timeout_secs=5300)
    assert done.returncode == 0, done.stderr
    written = json.loads((ROOT / "benchmarks" / "results" / "latest.json").read_text())["rows"]
    assert {row["benchmark"] for row in written} - set(BY_NAME_ONLY) == set(BENCHMARKS)
    assert "met" in done.stdout
