"""The real far side, for the tests that look at the whole: broker, bridge, and a run that is live."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Iterator, NamedTuple

import pytest
from chaos import memory
from hypothesis import HealthCheck, settings
from kit.rings import RINGS, forbid_processes, has_services, is_in
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from monty_mqtt.broadcast.broadcaster import ZmqBroadcaster
from monty_mqtt.errors import AbortRequested
from monty_mqtt.monitor.commands import CommandObeyer
from monty_mqtt.wire import schema
from monty_mqtt_core.settings.state_dir import Endpoint, StateDir

os.environ.setdefault("WANDB_MODE", "disabled")

os.environ["MONTY_MQTT_STATE_DIR"] = tempfile.mkdtemp(prefix="monty-mqtt-tests-")
"""What a test does not say otherwise, spool files above all, stays out of the home of whoever runs it."""


signal.signal(signal.SIGHUP, signal.SIG_DFL)
"""Under `nohup` the processes that tests start would ignore a closed terminal, too: some tests show what it does."""


settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")
"""How long an example takes is not what a test shows: a machine that does something else, too, is slow."""


class FarSide(NamedTuple):
    """A running `monty-mqtt up`, and the environment in which every command finds it."""

    state: StateDir
    broker: Endpoint
    bridge: Endpoint
    environment: dict[str, str]


@pytest.fixture(scope="session")
def far_side(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarSide]:
    state = StateDir(tmp_path_factory.mktemp("state"))
    command = [sys.executable, "-m", "monty_mqtt.cli", "up", "--without", "history", "--state-dir", str(state.path)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, **pipes) as process, ended_with(process):
        yield serving(process, state)


@contextmanager
def ended_with(process: subprocess.Popen) -> Iterator[None]:
    """End a process with the block, also where a test fails in it: Popen waits for its end without a bound."""
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def serving(process: subprocess.Popen, state: StateDir) -> FarSide:
    """Return what `monty-mqtt up` runs, as soon as all of it does."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "mosquitto_sub" in line:
            break
    running = state.read_far_side()
    assert running, "".join(lines)
    assert running.services.keys() >= {"broker", "bridge", "liveview"}, "".join(lines)
    drain = threading.Thread(target=process.stdout.read, daemon=True)
    drain.start()
    broker, bridge = running.services["broker"], running.services["bridge"]
    environment = {
        "MONTY_MQTT_STATE_DIR": str(state.path),
        "MONTY_MQTT_ZMQ_PORT": str(bridge.port),
        "MQTT_PORT": str(broker.port),
        "LIVEVIEW_PORT": str(running.services["liveview"].port),
    }
    return FarSide(state, broker, bridge, environment)


@pytest.fixture
def live_run(far_side: FarSide) -> Iterator[ZmqBroadcaster]:
    """A run that publishes steps and obeys commands, until it is aborted or the test is over."""
    done = threading.Event()
    # A name of its own: an abort also holds for whoever comes later under the same one.
    run = f"documented-run-{secrets.token_hex(4)}"
    broadcaster = ZmqBroadcaster(run_id=run, zmq_port=far_side.bridge.port, strict=True)
    commands = CommandObeyer(broadcaster)

    def publish() -> None:
        with broadcaster, suppress(AbortRequested):
            step = 0
            while not done.wait(0.05):
                broadcaster.publish(schema.Step, mode="eval", epoch=0, episode=0, step=step)
                commands.obey(step, 0)
                step += 1

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        yield broadcaster
    finally:
        done.set()
        commands.abort_reason = "the test is over"  # ends a pause that was left
        thread.join(10)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that make's targets give."""
    parser.addoption("--ring", choices=RINGS, help="only the modules of a ring (tests/kit/rings.py)")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out, without importing it, a module that is not of the ring which is asked for."""
    ring = config.getoption("ring")
    if not ring or collection_path.suffix != ".py":
        return None
    return None if is_in(collection_path.relative_to(Path(__file__).parent), ring) else True


def pytest_collection_finish(session: pytest.Session) -> None:
    """Hold quick tests to what they are, once all is imported."""
    if session.config.getoption("ring") == "quick" and session.items:
        forbid_processes()


def pytest_unconfigure() -> None:
    shutil.rmtree(os.environ["MONTY_MQTT_STATE_DIR"], ignore_errors=True)


def pytest_report_header() -> str:
    where = Path(sys.prefix)
    return f"monty_mqtt: tests run in {where.name}, real parts only"


SERVICES_SECS = 3600.0
LONG_FIRST = ("tests/monty/", "e2e/", "test_compose_running", "test_history_up", "test_docs", "browser/", "")
"""What takes minutes begins first: where several processes test at once, none waits alone for it at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, but last with what needs Telegraf or InfluxDB: they may be being built yet."""
    items.sort(key=lambda item: (runs_services(item), [first in item.nodeid for first in LONG_FIRST].index(True)))


def runs_services(item: pytest.Item) -> bool:
    return has_services(item.path.relative_to(Path(__file__).parent))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Build Telegraf and InfluxDB, or wait for who builds them, before the time limit of the first test begins."""
    if item.config.getoption("ring") == "rest" and runs_services(item):
        build_services()
    return (yield)


@cache
def build_services() -> None:
    program = Path(__file__).parent.parent / "tools" / "services.py"
    with suppress(subprocess.TimeoutExpired):  # the tests then say what they miss
        subprocess.run([sys.executable, program, "--if-possible"], check=False, timeout=SERVICES_SECS)


class ByModule(LoadScopeScheduling):
    """Keeps together, in one process, what shares fixtures: the tests of a module, and all that look at real runs."""

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        return "tests/monty" if "tests/monty/" in module else module


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Return who gives tests to processes. (xdist's own groups have no effect in pytest 9.2: its issue 1386.)"""
    return ByModule(config, log)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand what the tests that kill and freeze measured to the process that prints it."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["memory"] = [tuple(row) for row in memory.TABLE]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: WorkerController) -> None:
    """Take over what the tests of one process measured."""
    rows = getattr(node, "workeroutput", {}).get("memory", [])
    memory.TABLE.extend(memory.Row(*row) for row in rows)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how much memory each process had in the tests that kill and freeze."""
    if memory.TABLE:
        terminalreporter.section("resident memory, MiB")
        terminalreporter.write_line(memory.HEADING)
        for row in memory.TABLE:
            terminalreporter.write_line(str(row))
