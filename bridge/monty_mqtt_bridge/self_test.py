"""At start: do the broker's users and rules let the bridge do its work?

Place in the flow: `publisher` runs it on its first connection. Brokers acknowledge what they refuse, so the bridge must
read back what it says: its status, and a command to nobody, which is also the way commands will come.
"""

from __future__ import annotations

import secrets

from monty_mqtt import schema, topics
from monty_mqtt.errors import ServiceError
from monty_mqtt_bridge.fanout import Outgoing
from monty_mqtt_bridge.session import Broker, Incoming

__all__ = ["COMMAND_FILTER", "ONLINE", "SELF_TEST", "SelfTest"]

ONLINE = b"online"
OFFLINE = b"offline"
COMMAND_FILTER = f"{topics.JSON_PREFIX}/+/+/command"
SELF_TEST = "self-test"
"""The command of the test; no bridge passes it on, or answers it."""

RETAINED_FILTERS = tuple(f"{topics.JSON_PREFIX}/+/+/{what}" for what in ("info", "status", "progress", "state"))


class SelfTest:
    """What was said, and what came back.

    Args:
        bridge_id: Name of the bridge.
        broker: Where, as whom.
    """

    def __init__(self, bridge_id: str, broker: Broker) -> None:
        self.status = Outgoing(topics.bridge_topic(bridge_id, "status"), ONLINE, 1, True)  # noqa: FBT003
        probe = schema.Command(id=f"{SELF_TEST}-{secrets.token_hex(8)}", command=SELF_TEST)
        where = topics.build(bridge_id, "bridge", "command")
        self.command = Outgoing(where, schema.encode(probe), 1, False)  # noqa: FBT003
        self._broker = broker
        self._missing = {self.status.topic: self.status.payload, self.command.topic: self.command.payload}

    def hear(self, incoming: Incoming) -> bool:
        """Return whether this is one of the test's own messages come back."""
        if incoming.retain or self._missing.get(incoming.topic) != incoming.payload:
            return False
        del self._missing[incoming.topic]
        return True

    @property
    def passed(self) -> bool:
        """Whether everything came back."""
        return not self._missing

    def error(self, secs: float) -> ServiceError:
        """Return the one line that says what is wrong with users and rules."""
        user = f"user {self._broker.username!r}" if self._broker.username else "the anonymous user"
        where = f"mqtt://{self._broker.host}:{self._broker.port}"
        if self.status.topic in self._missing:
            rule = f"`topic write monty/#` and `topic read {self.status.topic}`"
            what = f"its own status on {self.status.topic}"
        else:
            rule = f"`topic write monty/#` and `topic read {COMMAND_FILTER}`"
            what = f"a command on {self.command.topic}"
        return ServiceError(
            f"the broker at {where} took {what} but did not give it back within {secs:g} s: "
            f"its ACL must let {user} do {rule}"
        )
