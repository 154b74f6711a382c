"""This module is the only place where telemetry errors end.

Used by the hook, the handlers and the mixin around their work, so that nothing in the monitor can stop, change or
flood an experiment.
"""

from __future__ import annotations

import logging
from types import TracebackType
from typing import Optional, Set, Tuple, Type

from monty_mqtt.errors import AbortRequested

__all__ = ["ErrorGuard"]

_log = logging.getLogger(__name__)


class ErrorGuard:
    """ErrorGuard is a context manager that counts exceptions instead of passing them on.

    KeyboardInterrupt, SystemExit and AbortRequested pass, because other code must act on them.

    Args:
        strict: If True, every exception passes; for tests.

    Attributes:
        errors: Number of exceptions counted.
    """

    def __init__(self, *, strict: bool = False) -> None:
        self.errors = 0
        self._strict = strict
        self._logged: Set[Tuple[Type[BaseException], Optional[str]]] = set()

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> bool:
        if kind is None or not issubclass(kind, Exception) or issubclass(kind, AbortRequested):
            return False
        self.errors += 1
        where = _innermost(trace)
        if (kind, where) not in self._logged:
            self._logged.add((kind, where))
            _log.warning("telemetry error in %s, the experiment goes on: %s: %s", where, kind.__name__, error)
        return not self._strict


def _innermost(trace: Optional[TracebackType]) -> Optional[str]:
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return None if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
