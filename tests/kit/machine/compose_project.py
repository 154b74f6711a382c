"""Resolves compose.yaml as Docker Compose does, with the library that Docker Compose is built on."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

from kit.machine.missing import is_missing

from monty_mqtt_stack.processes import programs

ROOT = Path(__file__).resolve().parents[3]
COMPOSE = ROOT / "compose.yaml"
PROFILES = ("tls", "other-broker", "tools")
BUILD_SECS = 300


def resolve(*profiles: str, file: Path = COMPOSE, **environ: str) -> dict[str, Any]:
    """Return the project with these profiles, in an environment that contains nothing but `environ`."""
    done = subprocess.run(
        [str(resolver()), str(file), *profiles],
        env={"HOME": "/nonexistent", **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr  # it warns about unset variables
    return json.loads(done.stdout)


def resolver() -> Path:
    """Return the path of compose_spec, built at first use and cached; without Go skip the test (under CI: fail)."""
    source = Path(__file__).parents[2] / "shipping" / "compose_spec"
    key = hashlib.sha256(b"".join(file.read_bytes() for file in sorted(source.iterdir()))).hexdigest()[:12]
    built = programs.cached("telegraf").parent.parent / f"compose_spec-{key}"
    if not built.exists():
        if not shutil.which("go"):
            is_missing("not run: Go, which builds Docker Compose's own library, is not installed here")
        built.parent.mkdir(parents=True, exist_ok=True)
        staged = built.with_name(f".{built.name}.{os.getpid()}")
        command = ["go", "build", "-trimpath", "-o", str(staged), "."]
        subprocess.run(command, cwd=source, env={**os.environ, "CGO_ENABLED": "0"}, check=True, timeout=BUILD_SECS)
        staged.replace(built)
    return built


class Stage(NamedTuple):
    """A stage of the Dockerfile: what it begins from, and its instructions as (word, rest)."""

    base: str
    instructions: list[tuple[str, str]]

    def others(self) -> list[str]:
        """Return the stages that this one copies from or mounts, its base first."""
        named = [found for _, rest in self.instructions for found in re.findall(r"\bfrom=([\w-]+)", rest)]
        return [self.base, *named]


def stages() -> dict[str, Stage]:
    """Return the stages of the Dockerfile by name, with continued lines joined."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    found: dict[str, Stage] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            base, _, name = rest.split()
            found[name] = stage = Stage(base, [])
        elif found and not line.startswith("#"):
            stage.instructions.append((word, rest.strip()))
    return found
