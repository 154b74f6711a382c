"""Sends a notification through Apprise, the only module that imports it.

Called by `addresses`, which makes receivers, and by `notifications`, which sends to them.
"""

from __future__ import annotations

import logging
import threading
import warnings
from typing import TYPE_CHECKING, List, NamedTuple, Optional

from monty_mqtt.errors import ServiceError

if TYPE_CHECKING:
    from apprise import Apprise

__all__ = ["Notice", "Receiver", "receiver_at"]

_SEND_SECS = 15.0


class Notice(NamedTuple):
    """Is the text of one notification.

    Attributes:
        kind: Apprise's word for its colour or icon: `info`, `success`, `warning` or `failure`.
        title: Its title, one line.
        body: Its lines.
    """

    kind: str
    title: str
    body: str


class Receiver:
    """Is one address that notifications go to.

    Args:
        name: Name of the service, without anything of the address: `ntfy`, `JSON`, …
        apprise: Apprise with this address alone.
    """

    def __init__(self, name: str, apprise: Apprise) -> None:
        self.name, self._apprise = name, apprise
        self._attempt: Optional[threading.Thread] = None

    def __repr__(self) -> str:
        return f"Receiver({self.name!r})"

    def send(self, notice: Notice) -> bool:
        """Send a notification; return within 15 s whether the service took it.

        It is sent in a thread that does not keep this program from ending: a service that answers a byte at a time
        outlasts every time-out of a socket. While it does so, nothing else is sent there.
        """
        if self._attempt is not None and self._attempt.is_alive():
            return False
        taken: List[bool] = []
        self._attempt = threading.Thread(target=lambda: taken.append(self._notify(notice)), daemon=True)
        self._attempt.start()
        self._attempt.join(_SEND_SECS)
        return taken == [True]

    def _notify(self, notice: Notice) -> bool:
        return bool(self._apprise.notify(notice.body, notice.title, notify_type=notice.kind, body_format="text"))


def receiver_at(url: str) -> Optional[Receiver]:
    """Return the receiver at an address; None if Apprise does not know such an address.

    Raises:
        ServiceError: Apprise is not installed.
    """
    try:
        import apprise  # noqa: PLC0415 - only who wants notifications waits for it
    except ImportError:
        raise ServiceError("notifications need Apprise: pip install 'monty-mqtt[server]'") from None
    _silence()
    # Without a time-out of its own, whose threads would be waited for at the end of this program.
    asset = apprise.AppriseAsset(app_id="monty-mqtt", async_mode=False, service_timeout=0)
    service = apprise.Apprise.instantiate(url, asset=asset)
    if service is None:
        return None
    alone = apprise.Apprise(asset=asset)
    alone.add(service)
    return Receiver(str(service.service_name), alone)


def _silence() -> None:
    """Let neither Apprise nor urllib3 write parts of an address anywhere."""
    logging.getLogger("apprise").disabled = True
    warnings.filterwarnings("ignore", message="Unverified HTTPS request")
