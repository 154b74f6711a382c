"""What a broadcaster is told, checked once.

Place in the flow: the edge of `broadcaster`; below it nothing reads the environment. An experiment's own keys are in
`config`.
"""

from __future__ import annotations

import os
from typing import Any, Optional

import msgspec

from monty_mqtt.errors import ConfigError

__all__ = ["WINDOW_BYTES", "Settings"]

WINDOW_BYTES = 64 << 20
_EVERY_WORKER = "all"
"""`topics.ALL_WORKERS`, which the experiment's process does not import for this one word."""

_SMALLEST_WINDOW_BYTES = 64 << 10
_DEFAULT_HOST = "127.0.0.1"
_DEFAULT_PORT = 5555
_LARGEST_PORT = 65535
_NO_HOST = frozenset(" \t\r\n/[]*;,")
"""What ZMQ would read as something other than a host."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """A broadcaster's settings; `ZmqBroadcaster` describes them."""

    run: str
    worker: str
    zmq_host: str = _DEFAULT_HOST
    zmq_port: int = _DEFAULT_PORT
    enabled: bool = True
    strict: bool = False
    window_bytes: int = WINDOW_BYTES

    @classmethod
    def checked(cls, *, zmq_host: Optional[str], zmq_port: Optional[int], **others: Any) -> Settings:
        """Return the settings; a host or port of None comes from MONTY_MQTT_ZMQ_HOST and MONTY_MQTT_ZMQ_PORT.

        Raises:
            ConfigError: A setting is of the wrong type or out of its range.
        """
        enabled = others["enabled"]
        host = _host_from_environment(enabled) if zmq_host is None else zmq_host
        port = _port_from_environment(enabled) if zmq_port is None else zmq_port
        settings = cls(zmq_host=host, zmq_port=port, **others)
        settings.check()
        return settings

    def check(self) -> None:
        """Raise ConfigError for the first setting that is wrong."""
        _check_name("run", self.run)
        _check_name("worker", self.worker)
        if self.worker == _EVERY_WORKER:
            raise ConfigError("worker", self.worker, f"another name: {_EVERY_WORKER!r} addresses every worker")
        if not isinstance(self.zmq_host, str) or not self.zmq_host or _NO_HOST & set(self.zmq_host):
            raise ConfigError("zmq_host", self.zmq_host, "a host name or an IP address")
        _check_whole("zmq_port", self.zmq_port, 1, _LARGEST_PORT)
        for key in ("enabled", "strict"):
            if not isinstance(getattr(self, key), bool):
                raise ConfigError(key, getattr(self, key), "true or false")
        _check_whole("window_bytes", self.window_bytes, _SMALLEST_WINDOW_BYTES, 1 << 40)


def _check_name(key: str, name: Any) -> None:
    if not isinstance(name, str) or not name:
        raise ConfigError(key, name, "a text that is not empty")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ConfigError(key, name, "text that UTF-8 can hold (no lone surrogates)") from None


def _check_whole(key: str, number: Any, least: int, most: int) -> None:
    if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= most:
        raise ConfigError(key, number, f"a whole number from {least} to {most}")


def _host_from_environment(enabled: bool) -> str:  # noqa: FBT001 - private
    return os.environ.get("MONTY_MQTT_ZMQ_HOST") or _DEFAULT_HOST if enabled else _DEFAULT_HOST


def _port_from_environment(enabled: bool) -> int:  # noqa: FBT001 - private
    text = os.environ.get("MONTY_MQTT_ZMQ_PORT") if enabled else None
    if not text:
        return _DEFAULT_PORT
    if not (text.isascii() and text.isdigit()):
        raise ConfigError("MONTY_MQTT_ZMQ_PORT", text, f"a whole number from 1 to {_LARGEST_PORT}")
    return int(text)
