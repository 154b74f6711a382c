"""Who imports which library: each stands behind a few modules of ours, and what is pure imports no clock and no I/O.

Which of our own modules may import which others is checked by `lint-imports`, with the contracts in pyproject.toml.
"""

from __future__ import annotations

import ast
import importlib
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("", "core", "bridge", "liveview", "stack", "grafana")
PACKAGES = [path for folder in FOLDERS for path in (ROOT / folder).glob("mont*") if (path / "__init__.py").exists()]
MODULES = {
    ".".join(file.relative_to(package.parent).with_suffix("").parts): file
    for package in PACKAGES
    for file in package.rglob("*.py")
}
WEB = {"monty_mqtt_liveview.web"}
USERS = {
    "zmq": {
        "monty_mqtt.broadcast.link.bridge_link",
        "monty_mqtt.broadcast.link.client_keys",
        "monty_mqtt.broadcast.link.dealer",
        "monty_mqtt_bridge.bridge",
        "monty_mqtt_bridge.receive.connections",
        "monty_mqtt_bridge.receive.invited_clients",
        "monty_mqtt_bridge.receive.listening_socket",
        "monty_mqtt_bridge.receive.router",
        "monty_mqtt_stack.services.bridge_keys",
    },
    "paho": {
        "monty_mqtt_bridge.publish.lean_client",
        "monty_mqtt_bridge.publish.mqtt_connection",
        "monty_mqtt_core.reading.broker_client",
        "monty_mqtt_core.reading.mqtt_client",
        "monty_mqtt_liveview.intake.subscription",
        "monty_mqtt_stack.broker_trial.trial_client",
    },
    "apprise": {"monty_mqtt_stack.notify.receiver"},
    "mcap": {"monty_mqtt_core.recordings.mcap_file"},
    "sqlite3": {"monty_mqtt_bridge.journal"},
    "PIL": {"monty_mqtt_core.payloads", "monty_mqtt_liveview.web.depth_colours"},
    "psutil": {
        "monty_mqtt_core.settings.ports",
        "monty_mqtt_stack.commands.spool_uptake",
        "monty_mqtt_stack.replay.restore_spool",
    },
    "rich": {"monty_mqtt_stack.watch.progress_display"},
    "influxdb_client": {"monty_mqtt_stack.services.influxdb_setup"},
    "fastapi": WEB,
    "starlette": WEB,
    "uvicorn": WEB,
}
"""A library, and the modules, or folders of them, that may import it."""

PURE = (
    "monty_mqtt.masking",
    "monty_mqtt.observe",
    "monty_mqtt.wire",
    "monty_mqtt_bridge.rules",
    "monty_mqtt_core.influx",
    "monty_mqtt_core.payloads",
    "monty_mqtt_liveview.answers",
    "monty_mqtt_liveview.state",
    "monty_mqtt_liveview.views",
)
IMPURE = {"time", "socket", "threading", "sqlite3", "paho", "zmq"}
EXCEPT = {("monty_mqtt.wire.run_id", "time"), ("monty_mqtt.wire.local_users", "socket")}
"""A new run's id has the time of day in it; who is at the other end of a connection is asked at both ends."""

IN_A_PROGRAM = re.compile(r"(?:^|;)\s*(?:from (monty_mqtt[\w.]*) import (\w+)|import (monty_mqtt[\w.]*))", re.MULTILINE)


@cache
def imported(file: Path) -> set[str]:
    """The libraries that a file imports anywhere, in functions too."""
    nodes = list(ast.walk(ast.parse(file.read_text())))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    return {name.partition(".")[0] for name in names}


def is_in(module: str, folders: set[str]) -> bool:
    return any(f"{module}.".startswith(f"{folder}.") for folder in folders)


def test_all_packages_are_looked_at():
    assert {path.name for path in PACKAGES} == {
        "monty_dashboards",
        "monty_mqtt",
        "monty_mqtt_bridge",
        "monty_mqtt_core",
        "monty_mqtt_liveview",
        "monty_mqtt_stack",
    }


@pytest.mark.parametrize("library", USERS)
def test_a_library_is_imported_where_it_belongs(library):
    users = {module for module, file in MODULES.items() if library in imported(file)}
    assert not {module for module in users if not is_in(module, USERS[library])}
    assert not {named for named in USERS[library] if not any(is_in(module, {named}) for module in users)}


@pytest.mark.parametrize("folder", PURE)
def test_what_is_pure_imports_neither_clock_nor_io(folder):
    modules = [module for module in MODULES if is_in(module, {folder})]
    assert modules
    assert not {(module, name) for module in modules for name in IMPURE & imported(MODULES[module])} - EXCEPT


def imports_in_texts(file: Path) -> list[tuple[str, str]]:
    """The modules, and names in them, that a file imports in the texts that it runs as programs of their own."""
    texts = [node.value for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Constant)]
    found = [match for text in texts if isinstance(text, str) for match in IN_A_PROGRAM.finditer(text)]
    return [(match[1] or match[3], match[2] or "") for match in found]


def test_programs_in_texts_import_what_exists():
    files = [file for folder in ("tests", "benchmarks", "tools") for file in (ROOT / folder).rglob("*.py")]
    named = {pair for file in files for pair in imports_in_texts(file)}
    assert ("monty_mqtt", "ZmqBroadcaster") in named
    for module, name in named:
        found = importlib.import_module(module)
        assert not name or hasattr(found, name) or f"{module}.{name}" in MODULES, (module, name)
