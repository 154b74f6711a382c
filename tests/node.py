"""npm packages for the tests, installed once into the user's cache; a folder's package-lock.json says which."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

INSTALL_SECS = 300


def node_modules(folder: Path) -> Path:
    """Return where the packages that `folder` locks are; without node and npm skip (under CI: fail)."""
    absent = [program for program in ("node", "npm") if not shutil.which(program)]
    if absent:
        missing = f"{' and '.join(absent)} not installed; on Debian and Ubuntu: apt install nodejs npm"
        pytest.fail(missing) if os.environ.get("CI") == "true" else pytest.skip(missing)
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
            staged.rename(installed)
    return installed
