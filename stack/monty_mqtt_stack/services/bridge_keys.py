"""Makes the CURVE keys of the bridge and of its clients, and forgets those of clients that are no longer invited.

Called by `table`, when the bridge shall be reached from other machines, and by the commands `invite` and `revoke`.

::

    <state dir>/keys/           0700
    ├── server.key_secret       0600: the bridge's pair of keys
    ├── client.key_secret       0600: the pair of this machine's own programs
    ├── clients/<name>.key      public key of each invited client; the bridge looks at this directory twice a second
    └── invitations/<name>.key_secret   0600: the pair of an invited client, to be moved to its machine
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import List

import zmq
from zmq.auth import create_certificates, load_certificate
from zmq.utils import z85

from monty_mqtt.errors import ConfigError
from monty_mqtt_core.settings.state_dir import StateDir

__all__ = ["BridgeKeys", "zmq_encrypts"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_OWN = "this-machine"


def zmq_encrypts() -> bool:
    """Return whether this machine's ZMQ was built with CURVE, which an encrypted bridge needs at both ends."""
    return bool(zmq.has("curve"))


class BridgeKeys:
    """BridgeKeys holds the keys in a state directory; it makes those of the bridge and of this machine if need be."""

    def __init__(self, state: StateDir) -> None:
        self.directory = state.keys
        self._clients = state.keys / "clients"
        self._invitations = state.keys / "invitations"
        for directory in (state.keys, self._clients, self._invitations):
            directory.mkdir(mode=0o700, exist_ok=True)
            directory.chmod(0o700)
        if not self._server.exists():
            self._make(state, state.keys, "server").unlink()
        if not state.client_key_file.exists() or not (self._clients / f"{_OWN}.key").exists():
            self._make(state, state.keys, "client").replace(self._clients / f"{_OWN}.key")
        self._state = state

    @property
    def server_key(self) -> str:
        """The bridge's public key, 64 hex digits."""
        return z85.decode(load_certificate(self._server)[0]).hex()

    def invite(self, name: str) -> Path:
        """Make keys for a client; return the file to move to its machine.

        Raises:
            ConfigError: The name is not allowed, or a client of this name is invited already.
        """
        self._check(name)
        if name in self.clients():
            raise ConfigError("NAME", name, f"a new name; `monty-mqtt revoke {name}` first, to make new keys for it")
        self._make(self._state, self._invitations, name).replace(self._clients / f"{name}.key")
        return self._invitations / f"{name}.key_secret"

    def revoke(self, name: str) -> None:
        """Let a client in no more; the bridge closes its connections within a second.

        Raises:
            ConfigError: No client of this name is invited.
        """
        self._check(name)
        if name not in self.clients():
            known = ", ".join(self.clients()) or "nobody"
            raise ConfigError("NAME", name, f"an invited client; invited: {known}")
        (self._clients / f"{name}.key").unlink()
        (self._invitations / f"{name}.key_secret").unlink(missing_ok=True)

    def clients(self) -> List[str]:
        """Return the names of the invited clients, without this machine's own programs."""
        return sorted(file.stem for file in self._clients.glob("*.key") if file.stem != _OWN)

    @property
    def _server(self) -> Path:
        return self.directory / "server.key_secret"

    @staticmethod
    def _check(name: str) -> None:
        if not _NAME.fullmatch(name) or name == _OWN:
            raise ConfigError("NAME", name, f"up to 64 letters, digits, dots, hyphens and underscores; not {_OWN}")

    @staticmethod
    def _make(state: StateDir, directory: Path, name: str) -> Path:
        """Write the pair `<name>.key_secret`, 0600, and the public key alone; return the file of the latter."""
        public, secret = map(Path, create_certificates(directory, name))
        for file in (public, secret):
            state.write_private(file, file.read_bytes())
        return public
