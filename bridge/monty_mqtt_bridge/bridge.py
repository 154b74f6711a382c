"""This module is the bridge as a whole: the loop that connects its stages, from start to end.

Called by `__main__` in the main thread, by tests in a thread of its own. One thread does everything except connecting
to the broker and encoding images.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from contextlib import ExitStack
from types import TracebackType
from typing import NamedTuple, Self

import zmq

from monty_mqtt.wire.bridge_address import BridgeAddress
from monty_mqtt_bridge.counters import BridgeCounters
from monty_mqtt_bridge.health_report import HealthReport
from monty_mqtt_bridge.journal.feeder import Feeder
from monty_mqtt_bridge.journal.journal import Journal
from monty_mqtt_bridge.pipeline import Pipeline
from monty_mqtt_bridge.publish.outlet import Outlet
from monty_mqtt_bridge.publish.publisher import Publisher
from monty_mqtt_bridge.receive.router import Router
from monty_mqtt_bridge.settings import BridgeConfig
from monty_mqtt_bridge.spools.uptake_program import UptakeProgram

__all__ = ["Bridge"]

logger = logging.getLogger(__name__)

_ACK_SECS = 0.025
_MESSAGES_A_TURN = 50
_LONGEST_POLL_SECS = 0.25


class _Stages(NamedTuple):
    """_Stages are the parts of a running bridge, in the order in which they are made: each knows only earlier ones."""

    journal: Journal
    publisher: Publisher
    outlet: Outlet
    pipeline: Pipeline
    feeder: Feeder
    health: HealthReport
    router: Router


class Bridge:
    """Bridge receives over ZMQ and publishes over MQTT, inside its `with` block or in `run`.

    Args:
        config: Settings of the bridge.

    Attributes:
        counts: Counts of what happened since the start.
        zmq_port: TCP port that experiments connect to; known once the block is entered.
    """

    def __init__(self, config: BridgeConfig) -> None:
        self.counts = BridgeCounters()
        self.zmq_port = config.zmq_port
        self._config = config
        self._stop = threading.Event()
        self._started = threading.Event()
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None
        self._wake_up = _WakeUp()
        self._ack_at = 0.0

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run_in_thread, name="bridge")
        self._thread.start()
        self._started.wait()
        if self._error is not None:
            self._end()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        self.stop()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
            if self._error is not None:
                raise self._error

    def stop(self) -> None:
        """Drain and end; may be called from any thread or a signal handler, at any time."""
        self._stop.set()
        self._wake_up.set()

    def run(self) -> None:
        """Run the bridge until `stop` is called.

        Raises:
            ConfigError: The ZMQ port cannot be bound, or the password file cannot be read.
            ServiceError: The broker refuses user, password or topics.
        """
        with ExitStack() as stack:
            stack.enter_context(self._wake_up)
            stages = self._make(stack)
            self.zmq_port = stages.router.address.port
            stack.enter_context(stages.outlet.encoder)
            stack.enter_context(UptakeProgram(self._config.spool, stages.router.address))
            self._serve(stages)

    def _make(self, stack: ExitStack) -> _Stages:
        """Return the stages; `stack` closes them, the last one first."""
        config, counts, wake = self._config, self.counts, self._wake_up.set
        journal = Journal(config.journal, int(config.journal_mib * 2**20))
        stack.callback(journal.close)
        publisher = Publisher(config, counts, wake)
        stack.callback(publisher.close)
        outlet = Outlet(config, publisher, counts, journal, wake)
        pipeline = Pipeline(config, publisher, outlet, counts, journal)
        stack.callback(pipeline.close)
        feeder = Feeder(journal, pipeline, publisher, outlet.encoder, counts)
        health = HealthReport(config.bridge_id, publisher, outlet, pipeline, feeder, counts)
        router = Router(config, feeder, journal.senders, counts)
        stack.callback(router.close)
        return _Stages(journal, publisher, outlet, pipeline, feeder, health, router)

    def _run_in_thread(self) -> None:
        try:
            self.run()
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that started this one
            self._error = error
        finally:
            self._started.set()

    def _serve(self, stages: _Stages) -> None:
        publisher = stages.publisher
        while not self._stop.is_set():
            self._turn(stages, take=True)
            if publisher.ready and not self._started.is_set():
                self._announce()
        deadline = time.monotonic() + self._config.drain_secs
        stages.outlet.flush()
        while publisher.online and time.monotonic() < deadline:
            if not publisher.queue.waiting and not publisher.queue.in_flight and not stages.feeder.waiting:
                break
            self._turn(stages, take=False)
        self._commit(stages, last=True)

    def _announce(self) -> None:
        bound = BridgeAddress(self._config.zmq_host, self.zmq_port)
        print(f"bridge ready: zmq {bound}, mqtt {self._config.broker}", flush=True)  # noqa: T201
        self._started.set()

    def _turn(self, stages: _Stages, *, take: bool) -> None:
        publisher, router, feeder = stages.publisher, stages.router, stages.feeder
        most = feeder.allowance(_MESSAGES_A_TURN) if take else 0
        events = self._poll(stages, take=most > 0)
        if publisher.descriptor() in events:
            self._hear(stages)
        if self._wake_up.fileno() in events:
            self._wake_up.clear()
        if router.monitor.socket in events:
            router.watch()
        router.cut_off_the_revoked()
        if router.socket in events or (take and router.leaving):
            router.receive(most)
        now = time.monotonic()
        stages.pipeline.tick(now)
        stages.health.tick(now)
        self._tend(stages, now)
        feeder.feed()
        publisher.pump()
        if now >= self._ack_at:
            self._ack_at = now + _ACK_SECS
            feeder.tend(now)
            self._commit(stages)

    @staticmethod
    def _hear(stages: _Stages) -> None:
        """Read what the broker sent, and pass commands on."""
        for message in stages.publisher.read():
            for sender, command in stages.pipeline.heard(message):
                stages.router.say(sender, command)

    @staticmethod
    def _tend(stages: _Stages, now: float) -> None:
        """Keep the connection to the broker; publish again what the broker may have forgotten."""
        publisher, feeder = stages.publisher, stages.feeder
        if publisher.tend(now):
            stages.pipeline.connected()
            feeder.rewind()
        if publisher.forgotten:
            publisher.forgotten = False
            feeder.rewind_again(now)

    @staticmethod
    def _commit(stages: _Stages, *, last: bool = False) -> None:
        """Write what was accepted to the journal, and acknowledge it; at the last time the least change, too."""
        journal, acceptance = stages.journal, stages.router.acceptance
        journal.commit()
        acceptance.acknowledgements.published(stages.feeder.safe_row())
        if acceptance.full and not journal.lacking:
            acceptance.resume()
        acceptance.full = bool(journal.lacking)
        acceptance.acknowledgements.send(last=last)

    def _poll(self, stages: _Stages, *, take: bool) -> dict[object, int]:
        publisher, router = stages.publisher, stages.router
        poller = zmq.Poller()
        poller.register(self._wake_up.fileno(), zmq.POLLIN)
        poller.register(router.monitor.socket, zmq.POLLIN)
        if take:
            poller.register(router.socket, zmq.POLLIN)
        descriptor = publisher.descriptor()
        if descriptor >= 0:
            poller.register(descriptor, zmq.POLLIN | (zmq.POLLOUT if publisher.wants_write() else 0))
        due_at = min(stages.pipeline.next_due(), stages.health.next_due(), time.monotonic() + _LONGEST_POLL_SECS)
        if router.acceptance.acknowledgements.due or stages.journal.changed:
            due_at = min(due_at, self._ack_at)
        return dict(poller.poll(max(0, int((due_at - time.monotonic()) * 1000) + 1)))


class _WakeUp:
    """_WakeUp interrupts the loop's poll: any thread, and a signal handler, can make it readable.

    Set by the encoder, the thread that connects, and `stop`; also before and after its `with` block.
    """

    def __init__(self) -> None:
        self._reader: socket.socket | None = None
        self._writer: socket.socket | None = None

    def __enter__(self) -> Self:
        self._reader, self._writer = socket.socketpair()
        self._reader.settimeout(0)
        self._writer.settimeout(0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for end in (self._reader, self._writer):
            if end is not None:
                end.close()

    def fileno(self) -> int:
        """Return the descriptor to poll, -1 while there is none."""
        return self._reader.fileno() if self._reader is not None else -1

    def set(self) -> None:
        """Make it readable; may be called from any thread."""
        try:
            if self._writer is not None:
                self._writer.send(b"\0")
        except OSError:  # full: the loop is awake anyway; closed: it has ended
            return

    def clear(self) -> None:
        """Make it unreadable; called by the loop."""
        if self._reader is not None:
            self._reader.recv(4096)
