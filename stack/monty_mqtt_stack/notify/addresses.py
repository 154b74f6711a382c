"""Reads the addresses that notifications go to, and checks them. They are secrets: no text of ours contains one.

Called by `up` before it starts anything.
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import List, MutableMapping, NamedTuple, Optional, Sequence

from monty_mqtt.errors import ConfigError
from monty_mqtt.wire.vocabulary import MASK
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.notify.receiver import Receiver, receiver_at

__all__ = ["VARIABLE", "receivers"]

VARIABLE = "MONTY_MQTT_NOTIFY"
"""The environment variable with the addresses, with spaces between them."""

_FLAG = "--notify"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_ALLOWED = "an address that Apprise knows, such as ntfy://TOPIC, mailto://… or json://HOST:PORT/PATH"


class _Given(NamedTuple):
    """Holds addresses and where they come from."""

    key: str
    urls: Sequence[str]


def receivers(flags: Optional[Sequence[str]], environ: MutableMapping[str, str], state: StateDir) -> List[Receiver]:
    """Return who is notified: as the flag says, else the environment, else the file `secrets/notify_urls`.

    Args:
        flags: Addresses of `--notify`; None without it.
        environ: The environment; the variable is removed from it, so that no child process inherits it.
        state: State directory with the file.

    Raises:
        ConfigError: Apprise does not know an address, or the file cannot be read, or others can read it.
        ServiceError: There are addresses, and Apprise is not installed.
    """
    variable = environ.pop(VARIABLE, "").split()
    given = _Given(_FLAG, flags) if flags else _Given(VARIABLE, variable) if variable else _of_file(state)
    found = [receiver_at(url) for url in given.urls]
    for at, receiver in enumerate(found, 1):
        if receiver is None:
            raise ConfigError(given.key, f"{MASK} (number {at} of {len(found)})", _ALLOWED)
    return [receiver for receiver in found if receiver is not None]


def _of_file(state: StateDir) -> _Given:
    path = state.secrets / "notify_urls"
    try:
        lines = [line.strip() for line in _text(path).splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise ConfigError("notifications", str(path), f"a file that can be read ({reason})") from None
    return _Given(str(path), [line for line in lines if line and not line.startswith("#")])


def _text(path: Path) -> str:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return ""
    if mode & _OTHERS:
        raise ConfigError("notifications", str(path), f"a file that only its owner can read: chmod 600 {path}")
    return path.read_text(encoding="utf-8")
