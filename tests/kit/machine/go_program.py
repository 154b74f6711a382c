"""Builds a Go program that tests use, at its first use, from what a folder's go.mod and go.sum pin."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from kit.machine.cache_lock import locked
from kit.machine.missing import is_missing

from monty_mqtt_stack.processes import programs


def go_program(name: str, source: Path, package: str, build_secs: float) -> Path:
    """Return the program, kept in the user's cache; without Go skip the test (under CI: fail).

    Args:
        name: Name of the program.
        source: Folder of go.mod and go.sum.
        package: Go package to build.
        build_secs: Longest time that the build may take.
    """
    key = hashlib.sha256((source / "go.sum").read_bytes()).hexdigest()[:12]
    built = programs.cached("telegraf").parent.parent / f"{name}-{key}"
    with locked(built):
        if not built.exists():
            if not shutil.which("go"):
                is_missing(f"not run: Go, which builds {name}, is not installed here")
            staged = built.with_name(f".{built.name}.{os.getpid()}")
            command = ["go", "build", "-trimpath", "-ldflags", "-s -w", "-o", str(staged), package]
            subprocess.run(command, cwd=source, env={**os.environ, "CGO_ENABLED": "0"}, check=True, timeout=build_secs)
            staged.replace(built)
    return built
