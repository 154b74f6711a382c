"""A release: one version, which the changelog has, and the steps of its workflow that can be made here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from kit.machine.python38 import python38_interpreter

from monty_mqtt import __version__

ROOT = Path(__file__).resolve().parent.parent.parent
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
RELEASES = re.findall(r"^## \[(.+?)\](?: - (\d{4}-\d\d-\d\d))?$", CHANGELOG, flags=re.MULTILINE)
PARTS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def step(name: str, tag: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a step of the workflow's first job, for a tag."""
    steps = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())["jobs"]["version"]["steps"]
    (command,) = [one["run"] for one in steps if one.get("name") == name]
    environment = {**os.environ, "GITHUB_REF_NAME": tag, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_changelog_begins_with_what_is_not_released_and_then_this_version():
    (unreleased, no_date), (newest, date), *_ = RELEASES
    assert (unreleased, no_date) == ("Unreleased", "")
    assert newest == __version__
    assert date
    assert set(re.findall(r"^### (.+)$", CHANGELOG, flags=re.MULTILINE)) <= PARTS


def test_the_version_is_written_once():
    project = (ROOT / "pyproject.toml").read_text()
    assert 'dynamic = ["version"]' in project
    assert 'path = "monty_mqtt/__init__.py"' in project
    assert "version:" not in (ROOT / "CITATION.cff").read_text().replace("cff-version:", "")


def test_a_tag_must_be_the_version(tmp_path):
    assert step("Compare", f"v{__version__}", tmp_path).returncode == 0
    assert step("Compare", "v9.9.9", tmp_path).returncode != 0


def test_the_notes_of_a_release_are_its_part_of_the_changelog(tmp_path):
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG + "\n## [0.0.1] - 2026-01-01\n\n### Added\n\n- The first.\n")
    assert step("Take the notes from the changelog", f"v{__version__}", tmp_path).returncode == 0
    notes = (tmp_path / "notes.md").read_text()
    assert notes.strip().startswith("### ")
    assert "## [" not in notes
    assert "The first." not in notes
    assert step("Take the notes from the changelog", "v9.9.9", tmp_path).returncode != 0


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    uv = Path(sys.executable).with_name("uv")
    command = [uv, "build", "--quiet", "--build-constraint", "constraints.txt", "--out-dir", folder]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


def smoke(python: str, wheel: Path, secs: float) -> None:
    done = subprocess.run(
        [python, ROOT / "tools" / "smoke.py", wheel], capture_output=True, text=True, check=False, timeout=secs
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(420)
def test_the_wheel_works_on_python_38(wheel):
    smoke(python38_interpreter(), wheel, 360)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_wheel_works_here_with_the_far_side(wheel):
    smoke(sys.executable, wheel, 580)
