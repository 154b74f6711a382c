"""This module describes where bridges are, and the keys with which the connection to them is encrypted.

Used by the experiment's settings, and by the stack, which prints the line that a user sets on another machine.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Tuple

from monty_mqtt.errors import ConfigError

__all__ = ["DEFAULT_HOST", "DEFAULT_PORT", "BridgeAddress"]

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 5555
_HIGHEST_PORT = 65535
_FORM = re.compile(
    r"tcp://(?P<host>\[[0-9A-Fa-f:.]+(?:%\w+)?\]|[^\s/\[\]*;,:?#]+):(?P<port>[1-9][0-9]{0,4})(?:\?key=(?P<key>[0-9a-f]{64}))?"
)


class BridgeAddress(NamedTuple):
    """BridgeAddress is a bridge's ZMQ address.

    Attributes:
        host: Host name or IP address.
        port: TCP port.
        server_key: The bridge's public CURVE key, 64 hex digits; empty for a connection that is not encrypted.
        client_key_file: Path of the certificate, of the form of `zmq.auth`, with this client's own pair of keys; used
            with a server key only.
    """

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    server_key: str = ""
    client_key_file: str = ""

    @classmethod
    def parse_all(cls, text: object, key: str, client_key_file: str = "") -> Tuple[BridgeAddress, ...]:
        """Return the addresses that a text names, separated by commas; arguments and errors as `parse`."""
        texts = text.split(",") if isinstance(text, str) else [text]
        return tuple(cls.parse(part, key, client_key_file) for part in texts)

    @classmethod
    def parse(cls, text: object, key: str, client_key_file: str = "") -> BridgeAddress:
        """Return the address that a text names: `tcp://HOST:PORT` or `tcp://HOST:PORT?key=HEX`.

        Args:
            text: The text.
            key: Name of the setting, for the error.
            client_key_file: As the attribute.

        Raises:
            ConfigError: The text has another form.
        """
        found = _FORM.fullmatch(text) if isinstance(text, str) else None
        if not found or int(found["port"]) > _HIGHEST_PORT:
            raise ConfigError(
                key,
                text,
                "tcp://HOST:PORT, and ?key= with 64 hex digits behind it if the bridge encrypts",
            )
        return cls(found["host"].strip("[]"), int(found["port"]), found["key"] or "", client_key_file)

    def __str__(self) -> str:
        return f"{self.endpoint}?key={self.server_key}" if self.server_key else self.endpoint

    @property
    def place(self) -> str:
        """The address as people write it: `HOST:PORT`."""
        return self.endpoint.partition("://")[2]

    @property
    def endpoint(self) -> str:
        """The address in ZMQ's form."""
        return f"tcp://[{self.host}]:{self.port}" if ":" in self.host else f"tcp://{self.host}:{self.port}"
