"""What GitHub reads of the repository: workflows, Dependabot, issue forms, citation; by what others judge it by."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from kit.machine.go_program import go_program

ROOT = Path(__file__).resolve().parent.parent.parent
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FORMS = [GITHUB / "ISSUE_TEMPLATE" / name for name in ("bug.yml", "idea.yml")]
SCHEMAS = {
    "vendor.citation-file-format": [ROOT / "CITATION.cff"],
    "vendor.dependabot": [GITHUB / "dependabot.yml"],
    "vendor.github-issue-config": [GITHUB / "ISSUE_TEMPLATE" / "config.yml"],
    "vendor.github-issue-forms": FORMS,
    "vendor.github-workflows": WORKFLOWS,
}
MANIFESTS = {
    "docker": "Dockerfile",
    "github-actions": ".github/workflows/ci.yml",
    "gomod": "go.mod",
    "npm": "package-lock.json",
    "pip": "pyproject.toml",
}
BUILD_SECS = 240
PINNED = re.compile(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


def run(*command: str | Path) -> str:
    """Run a program in the checkout, and return what it printed."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def actionlint() -> Path:
    """Return the program, built on first use of what actionlint/ pins and kept in the user's cache."""
    source = Path(__file__).with_name("actionlint")
    return go_program("actionlint", source, "github.com/rhysd/actionlint/cmd/actionlint", BUILD_SECS)


def jobs() -> dict[str, dict]:
    return {
        f"{path.stem}/{name}": job
        for path in WORKFLOWS
        for name, job in yaml.safe_load(path.read_text())["jobs"].items()
    }


@pytest.mark.timeout(300)
def test_actionlint_finds_nothing():
    run(actionlint(), "-no-color", *map(str, WORKFLOWS))


def test_zizmor_finds_no_way_in():
    program = Path(sys.executable).with_name("zizmor")
    run(
        program,
        "--offline",
        "--no-progress",
        "--min-severity",
        "medium",
        *map(str, [*WORKFLOWS, GITHUB / "dependabot.yml"]),
    )


@pytest.mark.parametrize("schema", SCHEMAS)
def test_it_is_as_its_schema_says(schema):
    run(Path(sys.executable).with_name("check-jsonschema"), "--builtin-schema", schema, *map(str, SCHEMAS[schema]))


def test_actions_are_pinned_by_commit_each_to_one():
    used = re.findall(r"uses: (?!\./)(.+)", "\n".join(path.read_text() for path in WORKFLOWS))
    assert [one for one in used if not PINNED.fullmatch(one)] == []
    assert len({one.partition("@")[0] for one in used}) == len(set(used)), "one action in two versions"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_do_nothing_but_what_each_job_asks_for(path):
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {}
    assert workflow["concurrency"]["group"]
    for job in workflow["jobs"].values():
        assert job["permissions"]
        assert "timeout-minutes" in job or "uses" in job


def test_only_the_last_jobs_of_a_release_may_write():
    writing = {
        name: right for name, job in jobs().items() for right, degree in job["permissions"].items() if degree == "write"
    }
    assert writing == {"release/pypi": "id-token", "release/images": "packages", "release/page": "contents"}
    assert jobs()["release/pypi"]["environment"] == "pypi"
    for name in writing:
        assert set(jobs()[name]["needs"] if name == "release/page" else [jobs()[name]["needs"]]) <= {
            "ci",
            "pypi",
            "images",
        }


def test_the_workflows_run_what_is_there():
    commands = [step["run"] for job in jobs().values() for step in job.get("steps", ()) if "run" in step]
    targets = re.findall(r"\bmake (\S+)", "\n".join(commands))
    assert {"check", "test", "docs"} <= set(targets)
    assert set(targets) <= set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    images = jobs()["release/images"]["strategy"]["matrix"]["image"]
    targets = re.findall(r"^FROM \S+ AS (\w+)\nRUN install -d", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    assert images == targets


def test_dependabot_looks_where_there_is_something():
    for update in yaml.safe_load((GITHUB / "dependabot.yml").read_text())["updates"]:
        for folder in update.get("directories") or [update["directory"]]:
            assert (ROOT / folder.strip("/") / MANIFESTS[update["package-ecosystem"]]).exists(), folder


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.name)
def test_the_commands_that_a_form_asks_for_exist(form):
    known = run(Path(sys.executable).with_name("monty-mqtt"), "--help")
    for command in re.findall(r"`monty-mqtt (\w+)", form.read_text()):
        assert re.search(rf"^ +{command} ", known, flags=re.MULTILINE), command
