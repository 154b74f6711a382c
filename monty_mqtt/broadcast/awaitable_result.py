"""This module defines what every `publish_*` call returns: a result that may be awaited, but never needs to be.

Returned by `broadcaster`. `b.publish_metric("loss", 0.5)` and `await b.publish_metric("loss", 0.5)` do the same:
the message was taken (queued, not delivered) before the call returned.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Generator, Iterator

__all__ = ["QUEUED", "AwaitableResult"]


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
