"""This module says which host of the broker is tried next, and when; of each that fails it logs one line an outage.

Used by `publisher`. The other hosts are tried at once; a pause follows when each was tried, and grows.
"""

from __future__ import annotations

import logging

from monty_mqtt_core.settings.broker_address import BrokerAddress

__all__ = ["BACK_OFF_SECS", "ConnectAttempts"]

logger = logging.getLogger(__name__)

BACK_OFF_SECS = (1.0, 10.0)
"""The first and the longest pause."""


class ConnectAttempts:
    """ConnectAttempts counts the attempts to connect of one outage, which ends with `succeeded`.

    Args:
        broker: The broker with all its hosts.

    Attributes:
        address: The host that is tried now, or is connected.
        not_before: When to try it, monotonic seconds.
    """

    def __init__(self, broker: BrokerAddress) -> None:
        self._each = broker.each
        self.address = self._each[0]
        self.not_before = 0.0
        self._failures = 0
        self._back_off = BACK_OFF_SECS[0]
        self._complained: set[BrokerAddress] = set()

    @property
    def all_tried(self) -> bool:
        """Whether no host is left that was not tried in this outage."""
        return self._failures >= len(self._each)

    def failed(self, why: str | None, now: float) -> None:
        """Note that there is no connection, or no longer; `address` is the next one."""
        if self.address not in self._complained:
            self._complained.add(self.address)
            text = "no MQTT broker at %s: %s; trying again every %g to %g s"
            logger.warning(text, self.address, why, *BACK_OFF_SECS)
        self.address = self._each[(self._each.index(self.address) + 1) % len(self._each)]
        self._failures += 1
        if self._failures % len(self._each) == 0:
            self.not_before = now + self._back_off
            self._back_off = min(2 * self._back_off, BACK_OFF_SECS[1])

    def succeeded(self) -> None:
        """Note that the broker took the connection."""
        self._failures, self._back_off = 0, BACK_OFF_SECS[0]
        self._complained.clear()
