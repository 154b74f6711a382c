"""This module turns the user's calls into kinds and fields of messages, and defines what these calls return. Pure.

Called by `broadcaster.publish_metric` and its sisters, so that whatever a user passes becomes a valid message. Each
function returns the kind, its fields, and how many numbers became null.

`b.publish_metric("loss", 0.5)` and `await b.publish_metric("loss", 0.5)` do the same: the message was taken (queued,
not delivered) before the call returned.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Dict, Generator, Iterable, Iterator, Tuple, Type

from monty_mqtt.wire import schema
from monty_mqtt.wire.json_values import plain

__all__ = ["QUEUED", "AwaitableResult", "Call", "data", "log", "metric", "state", "text"]

Call = Tuple[Type[schema.Message], Dict[str, Any], int]


class AwaitableResult(Coroutine):  # type: ignore[type-arg]  # Python 3.8 cannot subscript it
    """AwaitableResult is a coroutine that has finished before it begins.

    It is a Coroutine and not only an awaitable, because `asyncio.run` and `create_task` accept nothing less.
    It holds no state, so one object serves all calls and may be awaited any number of times.
    """

    __slots__ = ()

    def __await__(self) -> Generator[Any, Any, None]:
        return self  # type: ignore[return-value]  # a Coroutine has the methods that `await` calls

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        raise StopIteration

    def send(self, _value: Any) -> Any:
        """Finish at once."""
        raise StopIteration

    def throw(self, typ: Any, val: Any = None, tb: Any = None) -> Any:
        """Raise the exception that a cancelled task throws in, as a coroutine that has not started does."""
        error = typ if val is None else val
        raise error if tb is None else error.with_traceback(tb)

    def close(self) -> None:
        """Do nothing, because there is nothing left to stop."""

    def __reduce__(self) -> str:
        return "QUEUED"


QUEUED = AwaitableResult()
"""The object that all calls return."""


def metric(name: Any, value: Any, metadata: Dict[str, Any]) -> Call:
    """Return a `metric`; an array of one number counts as that number, and NaN or infinity is named in `not_finite`.

    Raises:
        TypeError: `value` is not a number.
    """
    number, non_finite = plain(value)
    while isinstance(number, list) and len(number) == 1:
        number = number[0]
    if isinstance(number, (int, float)):
        number = float(number)
    elif number is not None:
        raise TypeError(f"publish_metric({name!r:.100}): {number!r:.100} is no number")
    kept, more = plain(metadata) if metadata else ({}, 0)
    fields = {"name": text(name), "value": number, "metadata": kept}
    if non_finite:
        fields["not_finite"] = _not_finite(value)
    return schema.Metric, fields, non_finite + more


def data(stream: Any, value: Any) -> Call:
    """Return a `data` message."""
    kept, non_finite = plain(value)
    return schema.Data, {"stream": text(stream), "data": kept}, non_finite


def log(level: Any, message: Any, metadata: Dict[str, Any]) -> Call:
    """Return a `log` message."""
    kept, non_finite = plain(metadata) if metadata else ({}, 0)
    return schema.Log, {"level": text(level).lower(), "message": text(message), "metadata": kept}, non_finite


def state(whole: Dict[str, Any], changes: Dict[str, Any]) -> Call:
    """Update `whole` and return it as a `state` message."""
    kept, non_finite = plain(changes)
    whole.update(kept)
    return schema.State, {"state": whole}, non_finite


def _not_finite(value: Any) -> str:
    """Return `nan`, `inf` or `-inf`."""
    number = value.tolist() if hasattr(value, "tolist") else value
    while isinstance(number, Iterable):  # an array of one number
        number = next(iter(number))
    return str(float(number))


def text(value: Any) -> str:
    """Return a name or a text as a message holds it: any value will do."""
    kept = plain(value)[0]
    return kept if isinstance(kept, str) else str(kept)
