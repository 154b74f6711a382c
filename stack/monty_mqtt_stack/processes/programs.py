"""Telegraf, influxd, Grafana: where their programs are, and whether they are new enough.

Place in the flow: `table`, `doctor` and the tests ask here; tools/services.py builds into the same cache. Standard
library only, because that runs before anything is installed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Dict, NamedTuple, Optional, Tuple

__all__ = ["PROGRAMS", "Found", "Program", "cached", "find"]

_VERSION_SECS = 20.0
_OFF_PATH = ("/usr/sbin", "/usr/local/sbin", "/usr/share/grafana/bin", "/opt/homebrew/bin")
_VERSION = re.compile(r"(\d+)\.(\d+)\.\d+")


class Program(NamedTuple):
    """One program of the far side that is not Python.

    Attributes:
        tested: The version that is tested, and built by `make services`.
        version_arguments: What makes it print its version.
        oldest: The oldest version that does what we need.
        below: The first version that does it no more.
        why: What the versions between have.
        how_to_install: For a person.
    """

    tested: str
    version_arguments: Tuple[str, ...]
    oldest: Tuple[int, int]
    below: Tuple[int, int]
    why: str
    how_to_install: str


class Found(NamedTuple):
    """Where a program is; `path` is None where it is not, and `why` says so."""

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
    """Return where `make services` puts a program: outside the tree, by version."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    cache = os.environ.get("MONTY_MQTT_CACHE_DIR") or f"{home}/monty-mqtt"
    return Path(cache).expanduser() / f"{name}-{PROGRAMS[name].tested}" / name


def find(name: str) -> Found:
    """Return where a program is: the tested version in the cache, else one on PATH that is not too old or new."""
    program = PROGRAMS[name]
    path = cached(name)
    if path.exists():
        return Found(str(path), program.tested)
    on_path = shutil.which(name) or shutil.which(name, path=os.pathsep.join(_OFF_PATH))
    if on_path is None:
        return Found(None, why=f"not installed: {program.how_to_install}")
    version = version_of(on_path, program)
    if not program.oldest <= _number(version) < program.below:
        wanted = f"at least {'.'.join(map(str, program.oldest))} ({program.why})"
        return Found(
            None, version, f"{on_path} is {version or 'no such program'}, needed is {wanted}: {program.how_to_install}"
        )
    return Found(on_path, version)


def version_of(path: str, program: Program) -> str:
    """Return the version that a program prints, empty if it prints none."""
    try:
        shown = subprocess.run(  # noqa: S603 - a program that we were told to run
            [path, *program.version_arguments], capture_output=True, text=True, check=False, timeout=_VERSION_SECS
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = _VERSION.search(shown.stdout)
    return found.group() if found else ""


def _number(version: str) -> Tuple[int, int]:
    major, _, rest = version.partition(".")
    return (int(major), int(rest.partition(".")[0])) if rest else (0, 0)
