"""Who may speak for which worker: a hello is believed only as far as it proves whose it is.

Place in the flow: `receiver` asks here before it takes a hello. Every process of the machine can reach the bridge's
port, so a name that a living worker has stays with who knows its token; a recording has none, and goes beside.
"""

from __future__ import annotations

from collections.abc import Callable, Container

from monty_mqtt import protocol, schema
from monty_mqtt.errors import DecodeError
from monty_mqtt_bridge import liveness
from monty_mqtt_bridge.intake import GREATEST_SEQ
from monty_mqtt_bridge.workers import Key, Worker, Workers, label

__all__ = ["HelloError", "Names", "check"]


class HelloError(DecodeError):
    """A hello that is not taken, and is told so.

    Args:
        key: Run and worker that it names.
        reason: Why, for who said it and for the log.
        again: Whether it may be taken later.
    """

    def __init__(self, key: Key, reason: str, *, again: bool = False) -> None:
        super().__init__(f"hello of {label(*key)}: {reason}")
        self.answer = protocol.Reject(reason=reason, again=again)


def check(hello: protocol.Hello) -> None:
    """Do nothing where a sender may say this.

    Raises:
        HelloError: It is of another schema, or names no start.
        DecodeError: No sender has such numbers.
    """
    key = (hello.run, hello.worker)
    if hello.schema_version != schema.SCHEMA_VERSION:
        speaks = f"this bridge speaks schema {schema.SCHEMA_VERSION}, you {hello.schema_version}"
        raise HelloError(key, f"{speaks}: update the older")
    if not 0 <= min(hello.base, hello.bulk_base) <= max(hello.base, hello.bulk_base) <= GREATEST_SEQ:
        raise DecodeError(f"hello: base is not between 0 and {GREATEST_SEQ}")
    if abs(hello.started_unix_nanos) > GREATEST_SEQ:
        raise DecodeError(f"hello: started_unix_nanos is greater than {GREATEST_SEQ}")
    if not (hello.started_unix_nanos or hello.replayed):
        raise HelloError(key, "started_unix_nanos is 0, which only the replay of a recording may say")


class Names:
    """The names that are taken.

    Args:
        workers: Who said hello so far.
        clock: Monotonic seconds.
    """

    def __init__(self, workers: Workers, clock: Callable[[], float]) -> None:
        self._workers, self._clock = workers, clock

    def admit(self, hello: protocol.Hello, leaving: Container[bytes]) -> Worker | None:
        """Return who has the name of the one that says hello, if anybody has.

        Args:
            hello: What it says.
            leaving: Connections that are gone, although something of them may be waiting.

        Raises:
            HelloError: The name is taken.
        """
        key = (hello.run, hello.worker)
        holder = self._workers.newest.get(key)
        if holder is None:
            return None
        if hello.replayed:
            self._check_replay(hello, holder, leaving)
        elif not holder.is_again(hello) and self._lives(holder) and not self._workers.is_known(hello):
            raise _taken(key)
        return holder

    def admit_first_message(self, worker: Worker) -> None:
        """Do nothing where a worker that only said hello so far may begin.

        Raises:
            HelloError: Another one began before it under its name.
        """
        holder = self._workers.newest.get(worker.key)
        if worker.begins and holder is not None and holder is not worker and self._lives(holder):
            raise _taken(worker.key)

    def _check_replay(self, hello: protocol.Hello, holder: Worker, leaving: Container[bytes]) -> None:
        """Turn away who would restore what a connected experiment sends itself."""
        if holder.route is None or holder.restoring or holder.route in leaving:
            return
        if hello.started_unix_nanos in (0, holder.started_unix_nanos):
            reason = "it is connected, and sends what it has itself; restore it when it has ended"
            raise HelloError(holder.key, reason)

    def _lives(self, worker: Worker) -> bool:
        return worker.lives(self._clock(), liveness.GRACE_SECS)


def _taken(key: Key) -> HelloError:
    reason = f"another process publishes as {label(*key)}; this one has to wait until that one is over"
    return HelloError(key, reason, again=True)
