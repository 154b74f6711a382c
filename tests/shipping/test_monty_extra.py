"""Monty beside this package: the extra `monty`, and the conda environment for upstream's own experiments."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from importlib.metadata import requires
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from monty_mqtt.wire.vocabulary import SUPPORTED

ROOT = Path(__file__).resolve().parent.parent.parent
CONDA = ROOT / "conf" / "conda" / "environment.yml"
ON_PYPI = {
    "pytorch": "torch",
    "pyg": "torch-geometric",
    "pytorch-scatter": "torch-scatter",
    "pytorch-sparse": "torch-sparse",
}
"""What conda calls otherwise."""
ON_38 = {"python_version": "3.8", "python_full_version": "3.8.18"}


@cache
def resolved(python: str) -> dict[str, str]:
    """Return what `.[monty]` is in an empty environment of a Python: version by name."""
    uv = [Path(sys.executable).with_name("uv"), "pip", "compile", "--quiet", "--no-annotate", "--no-header"]
    words = ["--python-version", python, "--constraint", "constraints.txt", "--extra", "monty", "pyproject.toml"]
    done = subprocess.run([*uv, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(line.split("==") for line in done.stdout.splitlines())


@pytest.mark.parametrize("python", ["3.11", "3.13"])
def test_the_extra_is_a_tested_monty_with_mujoco_and_nothing_to_compile(python):
    versions = resolved(python)
    assert versions["tbp-monty"].rpartition(".")[0] in SUPPORTED
    assert {"torch", "mujoco", "msgspec", "pyzmq"} <= set(versions)
    assert {"torch-scatter", "torch-sparse"} & set(versions) == set()


def test_on_python_38_it_adds_nothing():
    assert set(resolved("3.8")) == {"msgspec", "pyzmq"}


@pytest.fixture(scope="module")
def conda():
    return yaml.safe_load(CONDA.read_text())["dependencies"]


def test_the_conda_environment_has_the_versions_that_monty_asks_for(conda):
    pinned = [word.rpartition("::")[2].split("=") for word in conda if isinstance(word, str) and "=" in word]
    versions = {ON_PYPI.get(name, name): version for name, version in pinned}
    assert versions.pop("python") == "3.8"
    assert versions.pop("habitat-sim") == "0.2.2"
    asked = [Requirement(line) for line in requires("tbp-monty")]
    on_38 = {canonicalize_name(one.name): one.specifier for one in asked if one.marker and one.marker.evaluate(ON_38)}
    assert versions == {name: str(on_38[name]).strip("=").removesuffix(".post1") for name in versions}


def test_its_paths_lead_into_the_checkout(conda):
    (words,) = [entry["pip"] for entry in conda if isinstance(entry, dict)]
    paths = [word.split()[1] for word in words if word.startswith("--")]
    assert [(CONDA.parent / path).resolve() for path in paths] == [ROOT / "constraints.txt", ROOT]
    assert f"tbp-monty=={resolved('3.11')['tbp-monty']}" in words
