"""Runs the bridge's router in a thread of its own and keeps what it accepts, for tests that need no broker."""

from __future__ import annotations

import threading
import time
from typing import Any

import zmq

from monty_mqtt_bridge.counters import BridgeCounters
from monty_mqtt_bridge.receive.router import Router
from monty_mqtt_bridge.receive.senders import Senders
from monty_mqtt_bridge.settings import BridgeConfig


class Taken:
    """Runs a router in a thread, and keeps what it accepts. No message counts as safe while `hold` is set."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.raw: list[Any] = []
        self.joins: list[Any] = []
        self.begun = 0
        self.leaves: list[Any] = []
        self.tombstones: list[Any] = []
        self.hold = False
        self.counts = BridgeCounters()
        self.senders = Senders()
        self.router = Router(BridgeConfig(zmq_port=0), self, self.senders, self.counts)
        self.port = self.router.address.port
        self.changed = threading.Condition()
        self._jobs: list[Any] = []
        self._stop = False
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop = True
        self._thread.join()
        self.router.close()
        self.router.close()

    def accepted(self, sender, kind, message, payload, raw):  # noqa: ARG002
        with self.changed:
            self.messages.append(message)
            self.raw.append(raw)
            self.changed.notify_all()

    def dropped(self, sender, dropped):
        self.tombstones.append((sender.key, dropped.first, dropped.last))

    def began(self, sender):
        """Do nothing when a worker begins a new life."""

    def joined(self, sender, *, begins):
        self.joins.append(sender)
        self.begun += begins
        return ()

    def left(self, sender):
        with self.changed:
            self.leaves.append(sender)
            self.changed.notify_all()

    def do(self, job) -> None:
        """Run a job in the router's thread, and wait for it."""
        done = threading.Event()
        self._jobs.append(lambda: (job(), done.set()))
        assert done.wait(10)

    def seqs(self, worker: str = "main") -> list[int]:
        return [one.seq for one in self.messages if one.worker == worker and one.__struct_config__.tag == "step"]

    def wait_until(self, condition, secs: float = 10) -> None:
        deadline = time.monotonic() + secs
        with self.changed:
            while not condition():
                assert self.changed.wait(deadline - time.monotonic()) or condition(), "not in time"

    def _run(self) -> None:
        poller = zmq.Poller()
        poller.register(self.router.socket, zmq.POLLIN)
        poller.register(self.router.monitor.socket, zmq.POLLIN)
        while not self._stop:
            poller.poll(10)
            self.router.watch()
            self.router.receive(100)
            while self._jobs:
                self._jobs.pop(0)()
            if not self.hold:
                for sender in self.senders.changed:
                    sender.safe = sender.next
                self.senders.changed.clear()
            self.router.acceptance.acknowledgements.send()
            with self.changed:
                self.changed.notify_all()
