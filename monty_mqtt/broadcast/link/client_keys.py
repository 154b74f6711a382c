"""This module reads the keys with which an experiment's connection to a bridge on another machine is encrypted.

Called by `settings`, which checks them at the start, and by `dealer`, in the process that connects. The file is a
certificate of `zmq.auth`, as `monty-mqtt invite` makes it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Tuple

import zmq
from zmq.auth import load_certificate
from zmq.utils import z85

from monty_mqtt.errors import ConfigError
from monty_mqtt.wire.bridge_address import BridgeAddress

__all__ = ["ENVIRONMENT", "encrypt", "read"]

ENVIRONMENT = "MONTY_MQTT_KEY_FILE"


def read(path: str) -> Tuple[bytes, bytes]:
    """Return the public and the secret key in a file, in Z85 (40 bytes each).

    Raises:
        ConfigError: The file cannot be read, is no certificate with both keys, or other users may read it.
    """
    allowed = "a key file that `monty-mqtt invite` made on the bridge's machine"
    try:
        mode = Path(path).stat().st_mode
        public, secret = load_certificate(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigError(ENVIRONMENT, path, f"{allowed} ({reason})") from None
    if not secret:
        raise ConfigError(ENVIRONMENT, path, f"{allowed} (this one has no secret key)")
    if os.name == "posix" and mode & 0o077:
        raise ConfigError(ENVIRONMENT, path, f"readable for its owner only: chmod 600 {path}")
    return public, secret


def encrypt(dealer: zmq.Socket[bytes], bridge: BridgeAddress) -> None:
    """Let a socket that is not connected yet speak CURVE with the bridge.

    Raises:
        ConfigError: As `read`.
    """
    dealer.curve_publickey, dealer.curve_secretkey = read(bridge.client_key_file)
    dealer.curve_serverkey = z85.encode(bytes.fromhex(bridge.server_key))
