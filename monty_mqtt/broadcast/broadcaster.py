"""This module publishes messages: it numbers each one, and keeps it until the bridge has it.

Called by the hooks, the experiment and the user's code, from any thread, task or process; hands to `outbox`. It has
no thread, does not sleep, never blocks in a send, and uses one lock. After the constructor nothing raises (unless
`strict`): a telemetry error is counted, and logged once per kind.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Sequence, Set, Tuple, Type, Union

from monty_mqtt import process_info
from monty_mqtt.broadcast import forks_and_exit, user_calls
from monty_mqtt.broadcast.broadcast_counts import BroadcastCounts
from monty_mqtt.broadcast.call_lock import CallLock
from monty_mqtt.broadcast.media_publisher import MediaPublisher
from monty_mqtt.broadcast.outbox import Buffer, Outbox
from monty_mqtt.broadcast.settings import SPOOL_MIB, WINDOW_BYTES, Settings
from monty_mqtt.broadcast.user_calls import QUEUED, AwaitableResult
from monty_mqtt.wire import schema
from monty_mqtt.wire.bridge_address import BridgeAddress

if TYPE_CHECKING:
    from monty_mqtt.broadcast.link.bridge_link import BridgeLink

__all__ = ["ZmqBroadcaster"]

_SOON_SECS = 0.004
"""A bridge on this machine answers a new connection in 1 to 4 ms."""

_WAIT_SECS = 0.01


class ZmqBroadcaster(MediaPublisher):
    """ZmqBroadcaster publishes one worker's messages to the bridge.

    `with ZmqBroadcaster(run="x") as b:` publishes a description of the process and the status `running` at the start,
    and at the end `completed`, `aborted` or `error` with the traceback.

    Args:
        run: A name. Each start is a run of its own, with the id `<name>-<UTC time>-<4 hex>`.
        run_id: The exact id instead, for processes that share a run on purpose.
        worker: Name of this publisher within the run, each its own; a second worker of that name is published as
        `<worker>-2`. A forked or spawned child becomes `<worker>-<pid>` by itself.
        bridge: Address of a bridge, `tcp://HOST:PORT`, or `tcp://HOST:PORT?key=HEX` if it encrypts; of several, with
        commas, the next is used if one is silent. Default MONTY_MQTT_BRIDGE without the next two.
        zmq_host: Host of a bridge that does not encrypt; default MONTY_MQTT_ZMQ_HOST, else 127.0.0.1.
        zmq_port: Its port, 1 to 65535; default MONTY_MQTT_ZMQ_PORT, else 5555.
        enabled: If False, every call does nothing.
        strict: Raise telemetry errors instead of counting them; for tests.
        window_bytes: Memory for messages that the bridge has not taken over yet, bytes.
        spool_dir: Directory for them while no bridge answers, or beyond 8 MiB of them; default: the state directory's.
        spool_mib: Largest size of this worker's file there, MiB; 0 writes no file. Beyond it and `window_bytes` the
        oldest messages are dropped and counted.

    Raises:
        ConfigError: A setting is of the wrong type or out of its range, or a key file cannot be used.
    """

    def __init__(  # noqa: PLR0913 - each is given by name
        self,
        *,
        run: Optional[str] = None,
        run_id: Optional[str] = None,
        worker: str = "main",
        bridge: Union[BridgeAddress, str, None] = None,
        zmq_host: Optional[str] = None,
        zmq_port: Optional[int] = None,
        enabled: bool = True,
        strict: bool = False,
        window_bytes: int = WINDOW_BYTES,
        spool_dir: Optional[str] = None,
        spool_mib: int = SPOOL_MIB,
    ) -> None:
        self._settings = Settings.checked(
            run=run,
            run_id=run_id,
            worker=worker,
            bridge=bridge,
            zmq_host=zmq_host,
            zmq_port=zmq_port,
            enabled=enabled,
            strict=strict,
            window_bytes=window_bytes,
            spool_dir=spool_dir,
            spool_mib=spool_mib,
        )
        self.enabled = enabled
        self.token = os.urandom(8).hex()
        self._closed = False
        self._set_up(worker)
        if enabled:
            forks_and_exit.know(self)

    @classmethod
    def of_child(cls, settings: Settings, token: str) -> ZmqBroadcaster:
        """Return the broadcaster that a pickled one becomes in this process; only `pickle` calls this."""
        self = cls.__new__(cls)
        self._settings = settings
        self.enabled = settings.enabled
        self.token = token
        self._closed = False
        self._set_up(f"{settings.worker}-{os.getpid()}")
        return self

    @property
    def run(self) -> str:
        """Id of the run."""
        return self._settings.run

    @property
    def worker(self) -> str:
        """Name of the worker in this process."""
        return self._outbox.worker

    @property
    def counts(self) -> BroadcastCounts:
        """Counts of what became of the messages so far."""
        return self._outbox.counts(self._call_lock.errors)

    def publish(self, kind: Type[schema.Message], buffers: Sequence[Buffer] = (), **fields: Any) -> AwaitableResult:
        """Publish a message of `kind`; run, worker, seq and time are filled in here.

        Args:
            kind: A class of `schema.KINDS`.
            buffers: Raw pixels or points, as the kind's docstring lists them; copied before the call returns.
            **fields: The message's own fields: plain values, or pieces from `message_pieces`.
        """
        if self.enabled:
            self._call_lock.run(self._outbox.take, kind, buffers, fields)
        return QUEUED

    def publish_metric(self, /, name: str, value: Any, **metadata: Any) -> AwaitableResult:
        """Publish a number: a Python, numpy or torch scalar. NaN and infinity become null and are counted."""
        if self.enabled:
            self._call_lock.run(self._call, user_calls.metric, name, value, metadata)
        return QUEUED

    def publish_data(self, /, stream: str, data: Any) -> AwaitableResult:
        """Publish any value under a stream's name; `json_values.plain` converts the types that JSON does not know."""
        if self.enabled:
            self._call_lock.run(self._call, user_calls.data, stream, data)
        return QUEUED

    def publish_log(self, /, level: str, message: str, **metadata: Any) -> AwaitableResult:
        """Publish a line of text. `level` is debug, info, warning, error or critical."""
        if self.enabled:
            self._call_lock.run(self._call, user_calls.log, level, message, metadata)
        return QUEUED

    def publish_state(self, /, **state: Any) -> AwaitableResult:
        """Set keys of the worker's state. The whole state is published each time, and kept for later viewers."""
        if self.enabled:
            self._call_lock.run(self._call, user_calls.state, self._state, state)
        return QUEUED

    def pump(self) -> None:
        """Read the bridge's answers and send what is due. Every publish does so, too."""
        if self.enabled:
            self._call_lock.run(self._outbox.pump)

    def take_commands(self) -> List[schema.Command]:
        """Return the commands that arrived since the last call, oldest first, each id once."""
        self.pump()
        link = self._outbox.link
        commands: List[schema.Command] = []
        with self._call_lock.lock:
            while link is not None and link.commands:
                command = link.commands.popleft()
                if command.id not in self._obeyed:
                    self._obeyed.add(command.id)
                    commands.append(command)
        return commands

    def listen(self, secs: float) -> float:
        """Wait at most `secs` for a message of the bridge; return when the last one came, monotonic seconds."""
        link = self._outbox.link
        if link is None or link.closed:  # no answer can come any more
            time.sleep(secs)
            return 0.0
        link.wait(secs)
        self._call_lock.run(self._outbox.ask)
        return link.heard_at

    def flush(self, timeout_secs: float) -> bool:
        """Wait until the bridge has taken over everything, at most `timeout_secs`; return whether it has."""
        deadline = time.monotonic() + timeout_secs
        while self.enabled and not self._call_lock.is_entered():
            self._call_lock.run(self._outbox.look)
            link, left_secs = self._outbox.link, deadline - time.monotonic()
            if link is None or not self._outbox.window:
                break
            if left_secs <= 0 or link.closed or link.refused is not None:
                return False
            if not link.can_send_more:
                link.wait(min(left_secs, _WAIT_SECS))
        return not self._outbox.window

    def close(self, status: str = "completed", flush_secs: float = 5.0) -> None:
        """Publish the End message, hand over what is left, and close. May be called twice.

        If a signal handler calls it in the middle of a publish, it runs right after that publish.

        Args:
            status: The final status word.
            flush_secs: Seconds that a bridge which listens may take for the rest. Without one, this does not wait.
        """
        if not self.enabled:
            return
        if self._call_lock.is_entered():
            self._call_lock.afterwards(self.close, status, flush_secs)
            return
        with self._call_lock.lock:
            if self._closed:
                return
            self._closed = True
        try:
            self._call_lock.run(self._outbox.end, status, self._call_lock.errors)
            deadline = time.monotonic() + flush_secs
            if self._bridge_answers(flush_secs):
                self.flush(deadline - time.monotonic())
        finally:
            self._call_lock.run(self._outbox.shut)
            forks_and_exit.forget(self)

    def close_at_exit(self) -> None:
        """Close at the end of the process; after an uncaught exception the status is `error`."""
        self.close("error" if getattr(sys, "last_type", None) else "completed")

    def become_child(self) -> List[object]:
        """Start anew in a forked child, as another worker without messages; return the parent's objects."""
        abandoned = [self._call_lock, *self._outbox.abandoned()]
        self._set_up(f"{self._settings.worker}-{os.getpid()}")
        self._outbox.ended = self._closed
        return abandoned

    def __enter__(self) -> ZmqBroadcaster:  # noqa: PYI034 - Self needs Python 3.11; nobody derives from this
        if self.enabled:
            name = self._settings.run_name
            self.publish(schema.Info, run_name=name, **process_info.this_process(name))
            self.publish(schema.Status, status="running")
        return self

    def __exit__(self, _type: object, error: Optional[BaseException], _traceback: object) -> None:
        if self.enabled:
            fields = process_info.outcome(error)
            self.publish(schema.Status, **fields)
            self.close(fields["status"])

    def __reduce__(self) -> Tuple[Any, ...]:
        return _revive, (self.token, self._settings)

    def _set_up(self, worker: str) -> None:
        self._call_lock = CallLock(self.run, strict=self._settings.strict, mend=self._mend)
        self._outbox = Outbox(self._settings, worker, self._hold, self._call_lock.afterwards)
        self._state: Dict[str, Any] = {}
        self._obeyed: Set[str] = set()

    def _call(self, make: Callable[..., user_calls.Call], *args: Any) -> None:
        kind, fields, non_finite = make(*args)
        self._outbox.non_finite += non_finite
        self._outbox.take(kind, (), fields)

    def _hold(self) -> None:
        forks_and_exit.hold(self)

    def _mend(self) -> None:
        self._outbox.mend()

    def _bridge_answers(self, most_secs: float) -> bool:
        """Return whether there is a bridge to flush to.

        A short process may end before the first WELCOME comes. Always waiting for it would delay every process without
        a bridge. So the kernel is asked first: if nothing listens on the port, it refuses the connection at once, and
        there is no wait. A bridge that listens may be slow, where dozens of processes end at once on few cores.
        """
        link = self._outbox.link
        if link is None:
            return False
        self._wait_for_an_answer(link, _SOON_SECS)
        if not link.seen and link.somebody_listens():
            self._wait_for_an_answer(link, most_secs)
        return link.seen and link.refused is None

    def _wait_for_an_answer(self, link: BridgeLink, secs: float) -> None:
        deadline = time.monotonic() + secs
        self._call_lock.run(self._outbox.look)
        while not link.seen and time.monotonic() < deadline:
            link.wait(min(secs, _WAIT_SECS))
            self._call_lock.run(self._outbox.look)


def _revive(token: str, settings: Settings) -> ZmqBroadcaster:
    if not settings.enabled:
        return ZmqBroadcaster.of_child(settings, token)
    return forks_and_exit.revive(token, lambda: ZmqBroadcaster.of_child(settings, token))
