"""This module is the paho client of all programs: it encrypts where the address says so, and tries each of its hosts.

Used by `mqtt_client`, by the bridge and by the page.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import ssl
from typing import Any, List

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from monty_mqtt.errors import ServiceError
from monty_mqtt_core.settings.broker_address import BrokerAddress, tls_context

__all__ = ["BrokerClient", "why_not"]

_OTHER_NAME = frozenset({62, 64})
"""OpenSSL's codes for a certificate of another host name or IP address (x509_vfy.h)."""


class BrokerClient(mqtt.Client):
    """BrokerClient is paho's client, whose each attempt to connect goes to the next host of its broker.

    Args:
        broker: The address; its user is set by the caller.
        client_id: MQTT client id; empty: the broker makes one up.
        more: Further arguments of paho's client.

    Attributes:
        tried: The host that is connected, or was tried last.
        failed: Why the last attempt to connect failed; empty if it did not.
    """

    def __init__(self, broker: BrokerAddress, client_id: str = "", **more: Any) -> None:
        super().__init__(CallbackAPIVersion.VERSION2, client_id, protocol=mqtt.MQTTv311, **more)
        self._broker = broker
        self._turns = itertools.cycle(broker.each)
        self.tried, self.failed = broker.each[0], ""
        self._lacks_tls = broker.is_tls

    def reconnect(self) -> MQTTErrorCode:
        """Try the next host.

        Raises:
            OSError, ValueError: There is no connection; `why_not` says why in words.
        """
        self.tried = next(self._turns)
        self.connect_async(self.tried.host, self.tried.port, self.keepalive)
        try:
            if self._lacks_tls:
                context = tls_context(self._broker)
                context.sslsocket_class = _ClosedOnFailure
                self.tls_set_context(context)
                self._lacks_tls = False
            code = super().reconnect()
        except (OSError, ValueError) as error:
            self.failed = why_not(error, self.tried)
            if isinstance(error, OSError):
                raise
            raise OSError(self.failed) from error  # paho's thread tries again after no other error
        self.failed = ""
        return code

    def connect_to_any(self) -> None:
        """Connect to the first host that answers; each is tried once.

        Raises:
            ServiceError: None answers.
        """
        reasons: List[str] = []
        for _ in self._broker.each:
            with contextlib.suppress(OSError):
                self.reconnect()
                return
            reasons.append(f"{self.tried.host}: {self.failed}" if self._broker.others else self.failed)
        raise ServiceError(f"no broker at {self._broker}: {'; '.join(reasons)}")


class _ClosedOnFailure(ssl.SSLSocket):
    """_ClosedOnFailure is closed when its handshake fails; paho leaves that to the garbage collector."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - as its base
        try:
            super().do_handshake(block)
        except (OSError, ValueError):
            self.close()
            raise


def why_not(error: Exception, broker: BrokerAddress) -> str:
    """Return in words why there is no connection to a broker."""
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
    if isinstance(error, ssl.SSLCertVerificationError):
        return _why_not_trusted(error, broker)
    if isinstance(error, ssl.SSLError) or (broker.is_tls and isinstance(error, ConnectionResetError)):
        return f"no TLS there ({reason})"
    if isinstance(error, socket.gaierror):
        return f"no such host {broker.host!r} ({reason})"
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {reason}"
    return f"nobody answers ({reason})"


def _why_not_trusted(error: ssl.SSLCertVerificationError, broker: BrokerAddress) -> str:
    if error.verify_code in _OTHER_NAME:
        return f"its certificate is not for {broker.host!r}"
    signers = broker.ca_file or "an authority that this system trusts"
    return f"its certificate does not fit: {error.verify_message}; it must be signed by {signers}"
