"""This module knows which clients are invited to a bridge that encrypts: their public keys are in a directory.

Called by `router`. libzmq asks for each new connection whether its key is invited (ZAP), and passes nothing of it on
before the answer; pyzmq's authenticator answers in a thread of its own.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import zmq
from zmq.auth import load_certificate
from zmq.auth.thread import ThreadAuthenticator
from zmq.utils import z85

from monty_mqtt.errors import ConfigError

__all__ = ["InvitedClients"]

logger = logging.getLogger(__name__)

_DOMAIN = "monty-mqtt"
_EVERY_SECS = 0.5


class InvitedClients:
    """InvitedClients encrypts a socket and lets invited clients in. It lives in one thread.

    Args:
        context: Context of the socket; it must have no other ZAP handler.
        directory: `server.key_secret` with the bridge's pair of keys, and `clients/<name>.key` for each invited client.
        clock: Monotonic seconds.

    Raises:
        ConfigError: The server's keys cannot be read.

    Attributes:
        server_key: The bridge's public key, 64 hex digits.
    """

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], directory: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._public, self._secret = _server_keys(Path(directory, "server.key_secret"))
        self.server_key = z85.decode(self._public).hex()
        self._clients = Path(directory, "clients")
        self._clock = clock
        self._invited: frozenset[str] = frozenset()
        self._connected: dict[int, str] = {}
        self._seen: frozenset[tuple[str, int]] = frozenset()
        self._look_at = 0.0
        self._look()
        self._authenticator = ThreadAuthenticator(context)
        self._authenticator.start()
        self._authenticator.configure_curve_callback(_DOMAIN, self)

    def encrypt(self, server: zmq.Socket[bytes]) -> None:
        """Let a socket that is not bound yet accept invited clients only."""
        server.curve_publickey, server.curve_secretkey = self._public, self._secret
        server.curve_server = True
        server.zap_domain = _DOMAIN.encode()
        # Without this a connection is let in when nobody answers for it.
        server.set(zmq.ZAP_ENFORCE_DOMAIN, 1)

    def callback(self, _domain: str, key: bytes) -> bool:
        """Return whether a public key (Z85) is invited by now; the authenticator calls this in its thread."""
        return key.decode() in self._read()

    def admit(self, descriptor: int, key: str) -> bool:
        """Note which key (Z85) a connection has; return whether it is still invited."""
        self._connected[descriptor] = key
        if key not in self._invited:  # it may have been invited since the last look
            self._look()
        return key in self._invited

    def gone(self, descriptor: int) -> None:
        """Note that a connection is closed."""
        self._connected.pop(descriptor, None)

    def revoked(self) -> list[int]:
        """Read the directory again if it is time; return the connections whose keys are not invited any more."""
        if self._clock() < self._look_at:
            return []
        self._look()
        return [descriptor for descriptor, key in self._connected.items() if key not in self._invited]

    def _look(self) -> None:
        """Read the directory again if it has changed."""
        self._look_at = self._clock() + _EVERY_SECS
        with suppress(FileNotFoundError):  # one is revoked just now: the next look has it
            seen = frozenset((file.name, file.stat().st_mtime_ns) for file in self._clients.glob("*.key"))
            if seen != self._seen:
                self._seen, self._invited = seen, self._read()

    def _read(self) -> frozenset[str]:
        return frozenset(filter(None, map(_public_key, self._clients.glob("*.key"))))

    def close(self) -> None:
        """End the authenticator's thread. May be called twice."""
        if self._authenticator.is_alive():
            self._authenticator.stop()


def _server_keys(file: Path) -> tuple[bytes, bytes]:
    try:
        public, secret = load_certificate(file)
    except (OSError, ValueError) as error:
        reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
        raise ConfigError("zmq_keys", str(file.parent), f"a directory with server.key_secret ({reason})") from None
    if secret is None:
        raise ConfigError("zmq_keys", str(file), "a file with both keys; it has no secret key")
    return public, secret


def _public_key(file: Path) -> str:
    try:
        return load_certificate(file)[0].decode()
    except (OSError, ValueError) as error:  # being removed, or no key: nobody is invited by it
        logger.warning("not a public key, so nobody is invited by it: %s (%s)", file, error)
        return ""
