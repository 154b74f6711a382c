"""Remembers who is logged in, on disk, so that sessions and logouts outlast a restart of the page.

Called by `login`, which opens, checks and closes sessions. A cookie is a random token; only its hash is stored, so that
a reader of the file cannot log in. A session ends with a logout, with a new password, after a week, or when a thousand
others were opened after it.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import threading
import time
from pathlib import Path

import msgspec

from monty_mqtt.errors import ServiceError
from monty_mqtt_core.settings.state_dir import StateDir

__all__ = ["SESSION_SECS", "LoginSessions"]

logger = logging.getLogger(__name__)

SESSION_SECS = 7 * 86_400
_MOST_SESSIONS = 1000
_TOKEN_BYTES = 32


class _LoginSession(msgspec.Struct, frozen=True):
    """Holds the mark of the password that opened a session, and when the session ends by itself."""

    mark: str
    ends_unix_secs: float


class LoginSessions:
    """Holds the sessions of one page.

    Args:
        state: Writes the file.
        file: File of the sessions; an unreadable file opens no session.
    """

    def __init__(self, state: StateDir, file: Path) -> None:
        self._state, self._file = state, file
        self._changing = threading.Lock()
        self._by_hash = self._read()

    def open(self, password: str) -> str:
        """Return the token of a new session."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        with self._changing:
            now = time.time()
            self._by_hash = {name: session for name, session in self._by_hash.items() if session.ends_unix_secs > now}
            self._by_hash[_hash(token)] = _LoginSession(_mark(password), now + SESSION_SECS)
            while len(self._by_hash) > _MOST_SESSIONS:
                del self._by_hash[next(iter(self._by_hash))]
            try:
                self._write()
            except ServiceError as error:
                logger.warning("who logged in must do so again when the page is started again: %s", error)
        return token

    def is_open(self, token: str, password: str) -> bool:
        """Return whether a token belongs to a session that this password opened, and that has not ended."""
        session = self._by_hash.get(_hash(token))
        return bool(password) and session is not None and session.mark == _mark(password) and _goes_on(session)

    def close(self, token: str) -> None:
        """End a session, if there is one with this token.

        Raises:
            ServiceError: The file cannot be written: the session would be open again after a restart.
        """
        with self._changing:
            if self._by_hash.pop(_hash(token), None) is not None:
                self._write()

    def _read(self) -> dict[str, _LoginSession]:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=dict[str, _LoginSession])
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.MsgspecError) as error:
            logger.warning("%s cannot be read, everybody has to log in again: %s", self._file, error)
            return {}

    def _write(self) -> None:
        self._state.write_private(self._file, msgspec.json.encode(self._by_hash))


def _goes_on(session: _LoginSession) -> bool:
    return session.ends_unix_secs > time.time()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _mark(password: str) -> str:
    """Return the hash of the password that a session stores, so that a new password ends all sessions."""
    return hashlib.sha256(b"monty_mqtt_liveview.session" + password.encode()).hexdigest()[:32]
