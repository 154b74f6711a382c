"""Passwords of the MQTT users and others: made on first start, kept in files of mode 0600, and nowhere else.

Place in the flow: `mosquitto` calls `ensure` before it starts Mosquitto, `influxdb_setup` and `grafana` call
`ensure_file`; clients read their own file.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from pathlib import Path

from monty_mqtt_core.settings.state_dir import StateDir

__all__ = ["USERS", "client_id", "ensure", "ensure_file", "hashed", "read"]

USERS = ("bridge", "telegraf", "liveview", "control", "health")
"""The MQTT users; what each may do is in conf/mosquitto/acl."""

_ITERATIONS = 101
"""Mosquitto 2.0's own number. The passwords have 256 random bits: more rounds protect nothing and slow each login."""


def ensure(state: StateDir) -> Path:
    """Make the passwords that are missing, and Mosquitto's password file; return that file.

    The file is written here and not by `mosquitto_passwd`, which wants the password on its command line.
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
    """Return what is in a file of the secrets, made up if there is none."""
    path = state.secrets / name
    if not path.exists():
        state.write_private(path, secrets.token_urlsafe(32).encode())
    return path.read_text().strip()


def client_id(state: StateDir, service: str) -> str:
    """Return the MQTT client id of a service with a persistent session; its file is made at the first start.

    A broker gives the session to whoever comes with its id, puts out who had it, and takes an anonymous client's word
    for it. So the id is as good as a password, and has a part that nobody can guess.
    """
    path = state.secrets / f"{service}_client_id"
    if not path.exists():
        state.write_private(path, f"monty-mqtt-{service}-{secrets.token_hex(12)}".encode())
    return path.read_text().strip()


def read(state: StateDir, user: str) -> str:
    """Return the password of a user."""
    return state.password_file(user).read_text().strip()


def hashed(password: str, salt: bytes) -> str:
    """Return the password as Mosquitto stores it: `$7$rounds$salt$hash`, PBKDF2 with SHA-512 (src/password_mosq.c).

    Args:
        password: The password.
        salt: 12 bytes; 2.0 takes no other length.
    """
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
    return f"$7${_ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"
