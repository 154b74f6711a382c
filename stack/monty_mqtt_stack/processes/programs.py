"""Finds the programs Telegraf, influxd and Grafana, and checks whether their versions fit.

Called by `table`, `doctor` and the tests; tools/services.py builds into the same cache. Uses the standard library only,
because tools/services.py runs before anything is installed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Dict, NamedTuple, Optional, Tuple

__all__ = ["PROGRAMS", "FoundProgram", "Program", "cached", "find"]

_VERSION_SECS = 20.0
_OFF_PATH = ("/usr/sbin", "/usr/local/sbin", "/usr/share/grafana/bin", "/opt/homebrew/bin")
_VERSION = re.compile(r"(\d+)\.(\d+)\.\d+")


class Program(NamedTuple):
    """Describes one program that is not Python.

    Attributes:
        tested: The version that is tested, and built by `make services`.
        version_arguments: Arguments that make it print its version.
        oldest: The oldest suitable version (major, minor).
        below: The first later version that is not suitable.
        why: What the suitable versions offer.
        how_to_install: Advice for people.
    """

    tested: str
    version_arguments: Tuple[str, ...]
    oldest: Tuple[int, int]
    below: Tuple[int, int]
    why: str
    how_to_install: str


class FoundProgram(NamedTuple):
    """Holds where a program is; if it was not found, `path` is None and `why` gives the reason."""

    path: Optional[str]
    version: str = ""
    why: str = ""


PROGRAMS: Dict[str, Program] = {
    "influxd": Program(
        "2.9.1", ("version",), (2, 7), (3, 0), "InfluxDB 2",
        "`make services` (needs Go and Rust), or `docker compose up`",
    ),
    "telegraf": Program(
        "1.39.3", ("--version",), (1, 38), (2, 0), "reconnecting by itself",
        "`make services` (needs Go), or https://github.com/influxdata/telegraf/releases",
    ),
    "grafana": Program(
        "13.2.1", ("--version",), (11, 0), (100, 0), "what the dashboards need",
        "https://grafana.com/grafana/download, or `docker compose up`",
    ),
}  # fmt: skip


def cached(name: str) -> Path:
    """Return where `make services` puts a program: outside of the checkout, in a directory with its version."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    cache = os.environ.get("MONTY_MQTT_CACHE_DIR") or f"{home}/monty-mqtt"
    return Path(cache).expanduser() / f"{name}-{PROGRAMS[name].tested}" / name


def find(name: str) -> FoundProgram:
    """Find a program: the tested version in the cache, else a program on PATH whose version is suitable."""
    program = PROGRAMS[name]
    path = cached(name)
    if path.exists():
        return FoundProgram(str(path), program.tested)
    on_path = shutil.which(name) or shutil.which(name, path=os.pathsep.join(_OFF_PATH))
    if on_path is None:
        return FoundProgram(None, why=f"not installed: {program.how_to_install}")
    version = version_of(on_path, program)
    if not program.oldest <= _number(version) < program.below:
        wanted = f"at least {'.'.join(map(str, program.oldest))} ({program.why})"
        return FoundProgram(
            None, version, f"{on_path} is {version or 'no such program'}, needed is {wanted}: {program.how_to_install}"
        )
    return FoundProgram(on_path, version)


def version_of(path: str, program: Program) -> str:
    """Return the version that a program prints; an empty text if it prints none."""
    try:
        shown = subprocess.run(  # noqa: S603 - the path was found by `find`
            [path, *program.version_arguments], capture_output=True, text=True, check=False, timeout=_VERSION_SECS
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    match = _VERSION.search(shown.stdout)
    return match.group() if match else ""


def _number(version: str) -> Tuple[int, int]:
    major, _, rest = version.partition(".")
    return (int(major), int(rest.partition(".")[0])) if rest else (0, 0)
