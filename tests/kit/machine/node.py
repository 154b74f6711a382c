"""Runs Node, and installs npm packages once into the user's cache, as a folder's package-lock.json lists them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from kit.machine.missing import is_missing

INSTALL_SECS = 300
SCRIPT_SECS = 20


def evaluated(script: str) -> Any:
    """Return what an ECMAScript module prints as JSON."""
    _require("node")
    command = ["node", "--input-type=module"]
    done = subprocess.run(command, input=script, capture_output=True, check=True, text=True, timeout=SCRIPT_SECS)
    return json.loads(done.stdout)


def node_modules(folder: Path) -> Path:
    """Return the folder of the packages that `folder` locks, installed at first use."""
    _require("node", "npm")
    lock = (folder / "package-lock.json").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "monty-mqtt"
    installed = cache / f"{folder.name}-{hashlib.sha256(lock).hexdigest()[:12]}"
    if not installed.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            staged = Path(scratch, "staged")
            staged.mkdir()
            for name in ("package.json", "package-lock.json"):
                shutil.copy(folder / name, staged)
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
            subprocess.run(command, cwd=staged, check=True, timeout=INSTALL_SECS)
            try:
                staged.rename(installed)
            except OSError:
                if not installed.is_dir():  # else another process has installed the same meanwhile
                    raise
    return installed


def _require(*programs: str) -> None:
    """Skip the test if a program is missing (under CI: fail)."""
    absent = [program for program in programs if not shutil.which(program)]
    if absent:
        is_missing(f"{' and '.join(absent)} not installed; on Debian and Ubuntu: apt install nodejs npm")
