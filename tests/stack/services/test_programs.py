"""Where Telegraf, influxd and Grafana are found, and what is said where they are not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from monty_mqtt_stack.processes import programs

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def path(tmp_path, monkeypatch):
    """A PATH with nothing on it, and no cache."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("MONTY_MQTT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(programs, "_OFF_PATH", ())
    return folder


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{text}'\n")
    path.chmod(0o700)
    return path


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("influxd", "InfluxDB v2.7.11 (git: fbf5d4ab5e) build_date: 2024-12-02T17:48:15Z"),
        ("telegraf", "Telegraf 1.38.0 (git: HEAD@1234567)"),
        ("grafana", "grafana version 12.4.1"),
    ],
)
def test_one_on_path_will_do_if_it_is_new_enough(path, name, version):
    there = program(path / name, version)
    assert programs.find(name).path == str(there)


@pytest.mark.parametrize(
    ("name", "version", "reason"),
    [
        ("influxd", "InfluxDB v1.6.7~rc0 (git: unknown unknown)", "is 1.6.7, needed is at least 2.7 (InfluxDB 2)"),
        ("influxd", "influxdb3 3.0.1", "is 3.0.1, needed is at least 2.7"),
        ("telegraf", "Telegraf 1.37.9", "is 1.37.9, needed is at least 1.38"),
        ("telegraf", "no version", "needed is at least 1.38"),
    ],
)
def test_one_that_is_too_old_or_another_is_named(path, name, version, reason):
    program(path / name, version)
    program_found = programs.find(name)
    assert program_found.path is None
    assert reason in program_found.why


def test_the_tested_version_in_the_cache_comes_first(path):
    program(path / "telegraf", "Telegraf 1.38.0")
    cached = program(programs.cached("telegraf"), "Telegraf 1.39.3")
    assert programs.find("telegraf") == (str(cached), "1.39.3", "")
    assert cached.parent.name == "telegraf-1.39.3"


@pytest.mark.parametrize(
    ("arguments", "ci", "code"), [((), "", 1), (("--if-possible",), "", 0), (("--if-possible",), "true", 1)]
)
def test_without_go_and_rust_the_tool_says_what_it_lacks(path, arguments, ci, code):
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "services.py"), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env={**os.environ, "PATH": str(path), "CI": ci},
    )
    assert (done.returncode, done.stderr) == (code, "")
    assert done.stdout.splitlines() == [
        "make: telegraf is not installed, and cannot be built without go",
        "make: influxd is not installed, and cannot be built without go, cargo, cc",
    ]
