"""Makes an environment of a real Python 3.8, as Monty's conda environment has, with this project installed in it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Dict, NamedTuple, Optional, Set

from kit.machine.cache_lock import locked
from kit.machine.missing import is_missing

ROOT = Path(__file__).resolve().parents[3]


class Python38(NamedTuple):
    """Holds the environment's interpreter, and the distributions that `pip install .` added to it."""

    python: Path
    added: Set[str]

    def run(self, *arguments: str, timeout_secs: float = 120) -> str:
        """Run Python on the sources of the checkout, not the installed ones; return what it prints."""
        environment = {
            name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "MONTY_MQTT_STATE_DIR") if name in os.environ
        }
        environment["PYTHONPATH"] = str(ROOT)
        done = subprocess.run(
            [str(self.python), *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout_secs,
            check=False,
            cwd=ROOT,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        assert not done.stderr, done.stderr
        return done.stdout


def python38() -> Python38:
    """Return the environment, made at first use and cached; without a Python 3.8 skip the test (under CI: fail)."""
    interpreter = python38_interpreter()
    depends_on = b"".join((ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt"))
    key = hashlib.sha256(depends_on + str(interpreter).encode()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "monty-mqtt" / f"python3.8-{key}"
    python, ready = folder / "bin" / "python", folder / "added.json"
    with locked(folder):
        if not ready.exists():
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([interpreter, "-m", "venv", str(folder)], check=True)
            before = distributions(python)
            pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
            subprocess.run([*pip, "--constraint", str(ROOT / "constraints.txt"), str(ROOT)], check=True, cwd=folder)
            ready.write_text(json.dumps(sorted(set(distributions(python)) - set(before))))
    return Python38(python, set(json.loads(ready.read_text())))


def python38_interpreter() -> str:
    """Return the path of a Python 3.8; without one skip the test (under CI: fail)."""
    found = find_interpreter()
    if found is None:
        is_missing("not run: Python 3.8 is not installed here")
    return found


def find_interpreter() -> Optional[str]:
    """Look for a Python 3.8 on PATH, of uv, or of pyenv; return its path."""
    candidates = [shutil.which("python3.8")]
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv:
        found = subprocess.run(
            [uv, "python", "find", "--no-python-downloads", "3.8"], capture_output=True, text=True, check=False
        )
        candidates.append(found.stdout.strip())
    pyenv = os.environ.get("PYENV_ROOT") or str(Path.home() / ".pyenv")
    candidates += sorted(map(str, Path(pyenv).glob("versions/3.8.*/bin/python3.8")))
    return next((path for path in candidates if path and works(path)), None)


def works(path: str) -> bool:
    """Return whether it is a Python 3.8 that can make environments; pyenv has shims for versions that are missing."""
    code = "import sys, venv, ensurepip; print(sys.version_info[:2] == (3, 8))"
    try:
        found = subprocess.run([path, "-c", code], capture_output=True, text=True, check=False)
    except OSError:
        return False
    return found.stdout.strip() == "True"


def distributions(python: Path) -> Dict[str, str]:
    """Return the versions of the installed distributions, by name."""
    command = [str(python), "-m", "pip", "--disable-pip-version-check", "list", "--format", "json"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True)
    return {item["name"]: item["version"] for item in json.loads(listed.stdout)}
