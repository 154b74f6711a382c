"""What can go wrong, as one tree.

::

    MontyMqttError
    ├── ConfigError     a setting is unknown, of the wrong type, or out of its range; raised before the first step
    ├── DecodeError     bytes on the wire are no message of this schema
    ├── ServiceError    a program of the far side is missing, does not start, or does not answer
    └── AbortRequested  not an error: how an abort leaves the step loop
"""

from __future__ import annotations

import difflib
from typing import Any, Iterable

__all__ = ["AbortRequested", "ConfigError", "DecodeError", "MontyMqttError", "ServiceError"]


class MontyMqttError(Exception):
    """Base of everything this package raises on purpose."""


class ConfigError(MontyMqttError, ValueError):
    """A setting is wrong. The message is one line: the key, the value, and what is allowed."""

    def __init__(self, key: str, value: Any, allowed: str) -> None:
        super().__init__(f"{key}: {value!r} is not allowed; it must be {allowed}")
        self.key = key

    @classmethod
    def unknown(cls, key: str, known: Iterable[str]) -> ConfigError:
        """Return the error for a key that does not exist, naming the nearest one that does."""
        names = sorted(known)
        near = difflib.get_close_matches(key.rpartition(".")[2], names, n=1)
        error = cls(key, "", "")
        hint = f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(names)}"
        error.args = (f"{key}: no such setting; {hint}",)
        return error


class DecodeError(MontyMqttError, ValueError):
    """Bytes are no message of this schema."""


class ServiceError(MontyMqttError):
    """A program of the far side is missing, does not start, or does not answer."""


class AbortRequested(MontyMqttError):  # noqa: N818 - a request, obeyed by leaving the step loop
    """Raised by the step hook when a command asks for it, caught by the experiment's mixin."""
