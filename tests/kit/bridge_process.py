"""Runs the bridge as a process of its own, for tests that signal and kill it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from monty_mqtt_stack.services.mosquitto import Mosquitto

ROOT = Path(__file__).parents[2]


class BridgeProcess:
    """Runs `python -m monty_mqtt_bridge` with these settings, and reads its output; `first_path` leads PYTHONPATH."""

    def __init__(self, *arguments: str, first_path: Path | None = None, **settings: object) -> None:
        settings = {"zmq_port": 0, "journal": "", "spool": "", "bridge_id": "bridge", **settings}
        flags = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
        parts = [ROOT / part for part in (".", "bridge")]
        paths = os.pathsep.join(map(str, [first_path, *parts] if first_path else parts))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "monty_mqtt_bridge", *flags, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONPATH": paths},
        )
        self.lines: list[str] = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.communicate(timeout=10)

    def line_with(self, text: str) -> str:
        for line in self._process.stdout:
            self.lines.append(line.rstrip("\n"))
            if text in line:
                return self.lines[-1]
        raise AssertionError(f"ended without {text!r}: {self.lines}")

    def ready(self) -> int:
        """Return the ZMQ port."""
        return int(self.line_with("bridge ready: ").split("tcp://")[1].split(",")[0].rpartition(":")[2])

    def peak_mib(self) -> float:
        """Return the most memory that it ever had, in MiB."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024

    @property
    def pid(self) -> int:
        return self._process.pid

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def end(self, number: signal.Signals | None = None, secs: float = 20) -> tuple[int, list[str]]:
        """Wait for its end, after a signal if one is given; return the exit code and all lines."""
        if number is not None:
            self._process.send_signal(number)
        rest, _ = self._process.communicate(timeout=secs)
        return self._process.returncode, self.lines + rest.splitlines()


def at(broker: Mosquitto, user: str = "bridge", **settings: object) -> dict[str, object]:
    login = {"mqtt_username": user, "mqtt_password_file": broker.password_file(user)} if user else {}
    return {"mqtt_port": broker.port, **login, **settings}
