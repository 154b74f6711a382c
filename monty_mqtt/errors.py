"""This module defines every error that the packages raise on purpose, as one tree.

::

    MontyMqttError
    ├── ConfigError     a setting is unknown, of the wrong type, or out of its range; raised before the first step
    ├── DecodeError     bytes on the wire are not a valid message of this schema
    ├── ServiceError    a program of the far side is missing, does not start, or does not answer
    └── AbortRequested  not an error: an abort leaves the step loop with it
"""

from __future__ import annotations

import difflib
from typing import Any, Iterable

__all__ = ["AbortRequested", "ConfigError", "DecodeError", "MontyMqttError", "ServiceError"]


class MontyMqttError(Exception):
    """MontyMqttError is the base class of all errors that these packages raise on purpose."""


class ConfigError(MontyMqttError, ValueError):
    """ConfigError reports a wrong setting in one line: the key, the value, and what is allowed."""

    def __init__(self, key: str, value: Any, allowed: str) -> None:
        super().__init__(f"{key}: {value!r} is not allowed; it must be {allowed}")
        self.key = key

    @classmethod
    def unknown(cls, key: str, known: Iterable[str]) -> ConfigError:
        """Return the error for a key that does not exist; its text names the nearest key that does."""
        names = sorted(known)
        near = difflib.get_close_matches(key.rpartition(".")[2], names, n=1)
        error = cls(key, "", "")
        hint = f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(names)}"
        error.args = (f"{key}: no such setting; {hint}",)
        return error


class DecodeError(MontyMqttError, ValueError):
    """DecodeError reports bytes that are not a valid message of this schema."""


class ServiceError(MontyMqttError):
    """ServiceError reports a service program that is missing, does not start, or does not answer."""


class AbortRequested(MontyMqttError):  # noqa: N818 - a request, obeyed by leaving the step loop
    """AbortRequested is raised by the step hook when a command asks for an abort, and caught by `LiveViewMixin`."""
