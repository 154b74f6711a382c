"""Broker, bridge, a persistent subscriber and any number of experiments: each a real process of its own."""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from kit.machine.child_process import until

from chaos.listener import CLIENT_ID, USER
from chaos.memory import MIB, TABLE, Sampler
from chaos.program import WAIT_SECS, Program
from monty_mqtt_core.reading.mqtt_client import BrokerAddress, retained
from monty_mqtt_core.settings.state_dir import Endpoint
from monty_mqtt_stack.processes.launch import Launch, RunningService
from monty_mqtt_stack.services.mosquitto import Mosquitto
from monty_mqtt_stack.services.table import TABLE as SERVICES
from monty_mqtt_stack.services.table import Plan

BRIDGE_MOST_MIB = 250
EXPERIMENT_MOST_MIB = 64 + 8 + 24
"""Above what it began with: the window, what ZMQ has of it once more, and Python's own."""


class BridgeProcess:
    """The bridge as `monty-mqtt up` starts it, with its journal where that puts it."""

    def __init__(self, broker: Mosquitto, settings: dict[str, object]) -> None:
        started = {"broker": Endpoint(host=broker.host, port=broker.port)}
        launch = SERVICES["bridge"](Plan(state=broker.state, zmq_port=0, started=started))
        assert isinstance(launch, Launch), launch
        more = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
        self.port = launch.port
        self._launch = replace(launch, argv=(*launch.argv, *more))
        self.start()

    @property
    def pid(self) -> int:
        return self._running.child.pid

    @property
    def log(self) -> str:
        return self._launch.log_file.read_text()

    def start(self) -> None:
        """Start it, and return when it is ready."""
        self.spawn()
        self._running.wait_until_ready()

    def spawn(self) -> None:
        """Start it; it is not ready while there is no broker."""
        self._running = RunningService(self._launch)

    def signal(self, number: int) -> None:
        self._running.child.send_signal(number)

    def kill(self) -> None:
        self._running.child.kill()


class Stage:
    """Everything runs on entering, and is gone on leaving.

    Args:
        where: An empty directory.
        name: The test's, for the table of memory.
        bridge: Settings of the bridge besides those it is started with.
    """

    def __init__(self, where: Path, name: str, **bridge: object) -> None:
        self.seed = int(os.environ.get("CHAOS_SEED") or random.randrange(1_000_000))
        self.random = random.Random(self.seed)
        self.broker = Mosquitto(where / "state")
        self.began_unix_nanos = time.time_ns()
        self.loads: dict[str, Program] = {}
        self._name = name
        self._settings = bridge
        self._stack = ExitStack()
        self.say(f"CHAOS_SEED={self.seed} repeats this one")

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self.broker)
            self.bridge = BridgeProcess(self.broker, self._settings)
            stack.callback(self.bridge.kill)
            password = self.broker.password_file(USER)
            self.listener = stack.enter_context(Program("listener", [self.broker.port, password]))
            self.wait_until_subscribed(1)
            self.memory = stack.enter_context(Sampler(self._pids))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._stack.close()
        TABLE.extend(self.memory.rows(self._name))
        if kind is None:
            self._check_memory()
        else:
            self.say("\n".join(map(str, (*self.loads.values(), self.listener, self.bridge.log[-6000:]))))

    def load(self, worker: str = "main", run: str = "chaos", *, pad: int = 20) -> Program:
        """Start an experiment; it rests until it is told to publish."""
        program = self._experiment("load", run, worker, f"--pad={pad}")
        program.wait_for(lambda report: report["published"] == 2)
        self.loads[f"{run}/{worker}"] = program  # its memory counts from here
        self.wait_until_seen(program, 2)
        return program

    def say(self, line: str) -> None:
        """Note what happens now; pytest shows it where a test fails."""
        print(f"{datetime.now():%H:%M:%S.%f} {line}")  # noqa: DTZ005, T201 - local time, as in the logs

    def wait_until_subscribed(self, times: int) -> None:
        """Wait until the subscriber has subscribed so often, and the broker has its session on disk.

        What is not on disk yet, a killed broker does not know any more: its autosave is once a second.
        """
        self.listener.wait_for(lambda report: report["subscribed"] >= times)
        until(lambda: CLIENT_ID in self._saved())

    def short_workers(self, run: str, count: int) -> Program:
        """Start workers that begin and end one after another."""
        return self._experiment("short_workers", run, count)

    def named(self, name: str, count: int, flush_secs: float = 20.0) -> Program:
        """Start a program under a name; it has said that it runs, and publishes so much when it is told a line."""
        program = self._experiment("named", name, count, flush_secs)
        program.wait_for(lambda report: "run" in report)
        return program

    def seen(self, load: Program) -> dict[str, Any]:
        """Return what the subscriber last said of an experiment."""
        seen: dict[str, Any] = self.listener.report["workers"].get(self._key(load))
        return seen or {"next": 0, "ahead": 0, "words": []}

    def wait_until_seen(self, load: Program, count: int, secs: float = WAIT_SECS) -> None:
        """Wait until the subscriber has so many of an experiment's messages."""
        self.listener.wait_for(lambda _: self.seen(load)["next"] + self.seen(load)["ahead"] >= count, secs)

    def wait_for_word(self, load: Program, word: str, secs: float) -> None:
        """Wait until an experiment's last status is this word."""
        self.listener.wait_for(lambda _: self.seen(load)["words"][-1:] == [word], secs)

    def wait_for_all(self, load: Program, secs: float = WAIT_SECS) -> dict[str, Any]:
        """Wait until the subscriber has everything, points too, and return what it saw of this experiment."""
        published = load.report["published"]
        self.listener.wait_for(
            lambda report: self.seen(load)["next"] == published and not report["without_point"], secs
        )
        return self.seen(load)

    def retained(self, topic_filter: str) -> dict[str, bytes]:
        """Return what somebody who comes now is told, by topic."""
        return {
            one.topic: one.payload
            for one in retained(BrokerAddress(self.broker.host, self.broker.port), [topic_filter])
        }

    def journal_mib(self) -> float:
        """Return how large the bridge's journal is on disk, with its write-ahead log."""
        return sum(file.stat().st_size for file in (self.broker.state.path / "journal").iterdir()) / MIB

    def spools(self) -> list[Path]:
        """Return what experiments have left for want of a bridge."""
        return sorted((self.broker.state.path / "spool").rglob("*.spool"))

    def _experiment(self, module: str, *arguments: object) -> Program:
        environment = {"MONTY_MQTT_STATE_DIR": str(self.broker.state.path)}
        return self._stack.enter_context(Program(module, [self.bridge.port, *arguments], **environment))

    def _check_memory(self) -> None:
        for row in self.memory.rows(self._name):
            if row.process == "bridge":
                assert row.most_mib < BRIDGE_MOST_MIB, row
            elif row.process in self.loads:
                assert row.most_mib - row.first_mib < EXPERIMENT_MOST_MIB, row

    def _saved(self) -> str:
        file = self.broker.state.mosquitto / "mosquitto.db"
        return file.read_bytes().decode("latin-1") if file.exists() else ""

    def _key(self, load: Program) -> str:
        return next(key for key, one in self.loads.items() if one is load)

    def _pids(self) -> dict[str, int]:
        loads = {key: load.pid for key, load in self.loads.items()}
        return {"bridge": self.bridge.pid, "broker": self.broker.pid, **loads}


def freeze(process: Program | BridgeProcess) -> None:
    process.signal(signal.SIGSTOP)


def thaw(process: Program | BridgeProcess) -> None:
    process.signal(signal.SIGCONT)
