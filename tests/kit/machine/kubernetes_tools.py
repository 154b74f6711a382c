"""Builds deploy/kubernetes with kustomize, and validates it with kubeconform by the published schemas of Kubernetes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import yaml
from kit.machine.cache_lock import locked
from kit.machine.go_program import go_program

from monty_mqtt_stack.processes import programs

KUBERNETES = "1.37.0"
"""Its schemas are in the Python package kubernetes-validate of the same version."""
SOURCES = {
    "kustomize": "sigs.k8s.io/kustomize/kustomize/v5",
    "kubeconform": "github.com/yannh/kubeconform/cmd/kubeconform",
}
BUILD_SECS = 600
CACHE = programs.cached("telegraf").parent.parent


def build(folder: Path) -> str:
    """Return what `kubectl apply -k` would apply."""
    return run([str(program("kustomize")), "build", str(folder)])


def resources(text: str) -> list[dict[str, Any]]:
    """Return the resources of a text of YAML."""
    return [one for one in yaml.safe_load_all(text) if one]


def invalid(text: str) -> list[str]:
    """Return what kubeconform says of resources that are not as their schema wants them, or have none."""
    template = f"{schemas()}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    command = [str(program("kubeconform")), "-strict", "-output", "json", "-schema-location", template]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=120)
    return [f"{one['kind']} {one['name']}: {one['msg']}" for one in json.loads(done.stdout)["resources"]]


def program(name: str) -> Path:
    """Return a program, built on first use of what kubernetes_tools/ pins and kept in the user's cache."""
    return go_program(name, Path(__file__).with_name("kubernetes_tools"), SOURCES[name], BUILD_SECS)


def schemas() -> Path:
    """Return a folder of schemas, one file for each kind with all that it refers to."""
    folder = CACHE / f"kubernetes-schemas-{KUBERNETES}"
    with locked(folder):
        return folder if folder.exists() else _download(folder)


def _download(folder: Path) -> Path:
    staged = folder.with_name(f".{folder.name}.{os.getpid()}")
    staged.mkdir(parents=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--dest", str(staged), f"kubernetes-validate=={KUBERNETES}"], check=True, timeout=300)
    (wheel,) = staged.glob("*.whl")
    with zipfile.ZipFile(wheel) as published:
        within = f"kubernetes_validate/kubernetes-json-schema/v{KUBERNETES}-local-strict"
        texts = {name: published.read(name).decode() for name in published.namelist() if name.startswith(within)}
    wheel.unlink()
    alone = {
        Path(name).name: json.loads(text.replace("/api/_definitions.json#/", "#/")) for name, text in texts.items()
    }
    shared = alone.pop("_definitions.json")["$defs"]
    for kind in (
        "deployment-apps-v1",
        "statefulset-apps-v1",
        "service-v1",
        "configmap-v1",
        "networkpolicy-networking-v1",
        "poddisruptionbudget-policy-v1",
    ):
        (staged / f"{kind}.json").write_text(json.dumps({**alone[f"{kind}.json"], "$defs": shared}))
    staged.rename(folder)
    return folder


def run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout
