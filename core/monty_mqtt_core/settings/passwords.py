"""This module makes the passwords of the MQTT users and other services, and keeps them in files of mode 0600.

Called by `mosquitto` before it starts Mosquitto, and by `influxdb_setup` and `grafana`; clients read their own file.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Sequence
from pathlib import Path

from monty_mqtt_core.settings.state_dir import StateDir

__all__ = ["USERS", "client_id", "ensure", "ensure_file", "hashed", "nats_file", "read"]

USERS = ("bridge", "telegraf", "liveview", "control")
"""The MQTT users; conf/mosquitto/acl says what each may do."""

_ITERATIONS = 101
"""Mosquitto 2.0's own number. The passwords have 256 random bits: more rounds protect nothing and slow each login."""


def ensure(state: StateDir) -> Path:
    """Make the passwords that are missing, and Mosquitto's password file; return that file.

    The file is written here and not by `mosquitto_passwd`, which expects the password on its command line.
    """
    for user in USERS:
        path = state.password_file(user)
        if path.exists():
            path.chmod(0o600)
        else:
            state.write_private(path, secrets.token_urlsafe(32).encode() + b"\n")
    lines = [f"{user}:{hashed(read(state, user), secrets.token_bytes(12))}\n" for user in USERS]
    return state.write_private(state.mosquitto / "passwd", "".join(lines).encode())


def ensure_file(state: StateDir, name: str) -> str:
    """Return the content of a secrets file; if there is none, make it with a random secret."""
    path = state.secrets / name
    if not path.exists():
        state.write_private(path, secrets.token_urlsafe(32).encode())
    return path.read_text().strip()


def client_id(state: StateDir, service: str) -> str:
    """Return the MQTT client id of a service with a persistent session; its file is made at the first start.

    A broker gives the session to any client that connects with its id, and disconnects the one that had it, even if the
    new client is anonymous. So the id is as good as a password, and has a part that nobody can guess.
    """
    path = state.secrets / f"{service}_client_id"
    if not path.exists():
        state.write_private(path, f"monty-mqtt-{service}-{secrets.token_hex(12)}".encode())
    return path.read_text().strip()


def nats_file(state: StateDir, nodes: Sequence[str]) -> bytes:
    """Return the file of passwords that conf/nats/nats.conf includes, the same for all nodes; make what is missing.

    Args:
        state: Where the passwords are kept.
        nodes: `HOST:PORT` of each node, at which the others reach it.
    """
    ensure(state)
    known = {user: read(state, user) for user in USERS}
    known.update({user: ensure_file(state, f"nats_{user}") for user in ("anonymous", "route")})
    routes = ", ".join(f'"nats://route:{known["route"]}@{node}"' for node in nodes)
    lines = [f'NATS_{user.upper()}_PASSWORD: "{password}"' for user, password in known.items()]
    return "".join(f"{line}\n" for line in (*lines, f"NATS_ROUTES: [{routes}]")).encode()


def read(state: StateDir, user: str) -> str:
    """Return the password of a user."""
    return state.password_file(user).read_text().strip()


def hashed(password: str, salt: bytes) -> str:
    """Return the password as Mosquitto stores it: `$7$rounds$salt$hash`, PBKDF2 with SHA-512 (src/password_mosq.c).

    Args:
        password: The password.
        salt: 12 bytes; Mosquitto 2.0 accepts no other length.
    """
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
    return f"$7${_ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"
