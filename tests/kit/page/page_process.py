"""Runs the page as a process of its own, with a real broker."""

from __future__ import annotations

import subprocess
import sys
import zlib
from pathlib import Path

import httpx
from kit.machine.child_process import Process, until

from monty_mqtt_core.settings.ports import any_free
from monty_mqtt_stack.demo.demo_recording import recording_path
from monty_mqtt_stack.services.mosquitto import Mosquitto


class PageProcess(Process):
    """Runs `python -m monty_mqtt_liveview` with a broker; `url` is its address."""

    def __init__(self, broker: Mosquitto, state_dir: Path, *arguments: str, port: int = 0) -> None:
        port = port or any_free("127.0.0.1")
        self.url = f"http://127.0.0.1:{port}"
        flags = {
            "--port": port,
            "--state-dir": state_dir,
            "--mqtt-port": broker.port,
            "--mqtt-client-id": f"page-{zlib.crc32(str(state_dir).encode()):08x}",
            "--mqtt-username": "liveview",
            "--mqtt-password-file": broker.password_file("liveview"),
            "--control-password-file": broker.password_file("control"),
        }
        self.login_file = state_dir / "secrets" / "liveview_login"
        words = (str(word) for flag in flags.items() for word in flag)
        super().__init__(argv=(sys.executable, "-m", "monty_mqtt_liveview", *words, *arguments))

    def ready(self) -> str:
        """Wait until the page answers and has its broker; return its address."""
        self.until(self._is_well)
        return self.url

    def get(self, path: str, **options) -> httpx.Response:
        return httpx.get(self.url + path, timeout=10, **options)

    def json(self, path: str):
        return self.get(path).raise_for_status().json()

    def until_json(self, path: str, condition, timeout_secs: float = 30):
        """Return the JSON at `path` as soon as `condition` is true of it."""
        answers = []

        def is_so() -> bool:
            answer = self.get(path)
            answers[:] = [answer.json()] if answer.is_success else []
            return bool(answers) and bool(condition(answers[0]))

        until(is_so, timeout_secs)
        return answers[0]

    def _is_well(self) -> bool:
        try:
            return self.get("/healthz").is_success
        except httpx.TransportError:
            return False


def replay(zmq_port: int, *, speed: float = 0) -> list[str]:
    """Replay the demo with new run ids; return the ids of its two runs."""
    program, flags = "monty_mqtt_stack.commands.replay", (f"--speed={speed}", f"--zmq-port={zmq_port}")
    words = ("-m", program, str(recording_path()), *flags)
    done = subprocess.run((sys.executable, *words), capture_output=True, text=True, check=True, timeout=100)
    return done.stdout.split()
