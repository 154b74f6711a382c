"""At start: do the broker's users and rules let the bridge do its work?

Place in the flow: `publisher` runs it on its first connection. Brokers acknowledge what they refuse (Mosquitto 2.0.11
also hangs up afterwards), so the bridge must read back what it says: its status, and a command to nobody, which is also
the way commands will come. Lines and images it may not read; an empty image and a comment line are harmless to who may.
"""

from __future__ import annotations

import secrets

from monty_mqtt.wire import schema, topics
from monty_mqtt.wire.vocabulary import ONLINE, SELF_TEST
from monty_mqtt_bridge.publish.mqtt_connection import Broker, Incoming
from monty_mqtt_core.payloads.to_mqtt import Outgoing

__all__ = ["COMMAND_FILTER", "SelfTest"]

COMMAND_FILTER = f"{topics.JSON_PREFIX}/+/+/command"

RETAINED_FILTERS = tuple(f"{topics.JSON_PREFIX}/+/+/{what}" for what in ("info", "status", "progress", "state"))


class SelfTest:
    """What was said, and what came back.

    Args:
        bridge_id: Name of the bridge.
        broker: Where, as whom.

    Attributes:
        status: What the bridge says of itself, retained.
    """

    def __init__(self, bridge_id: str, broker: Broker) -> None:
        self.status = Outgoing(topics.bridge_topic(bridge_id, "status"), ONLINE, 1, True)  # noqa: FBT003
        probe = schema.Command(id=f"{SELF_TEST}-{secrets.token_hex(8)}", command=SELF_TEST)
        where = topics.build(bridge_id, "bridge", "command")
        self.command = Outgoing(where, schema.encode(probe), 1, False)  # noqa: FBT003
        nobodys_model = topics.build(bridge_id, "bridge", "object_model", SELF_TEST, SELF_TEST)
        self._unheard = [
            Outgoing(topics.influx_topic(bridge_id), b"# self-test\n", 1, False),  # noqa: FBT003
            Outgoing(nobodys_model, b"", 1, False),  # noqa: FBT003
        ]
        self._url = f"mqtt://{broker.host}:{broker.port}"
        self._username = broker.username
        self._user = f"user {broker.username!r}" if broker.username else "the anonymous user"
        self._missing = {self.status.topic: self.status.payload, self.command.topic: self.command.payload}

    def said(self) -> list[Outgoing]:
        """Return what to publish: last what must come back, so that it tells that the rest was no reason to hang up."""
        return [*self._unheard, self.status, self.command]

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

    def not_given_back(self, secs: float) -> str:
        """Return the one line for a broker that swallowed something."""
        if self.status.topic in self._missing:
            what, rule = f"the bridge's status on {self.status.topic}", f"topic read {self.status.topic}"
        else:
            what, rule = f"a command on {self.command.topic}", f"topic read {COMMAND_FILTER}"
        return (
            f"the broker at {self._url} took {what} but did not give it back within {secs:g} s: "
            f"its ACL must give {self._user} `topic write monty/#` and `{rule}`"
        )

    def let_nobody_in(self) -> str:
        """Return the one line for a broker that refuses the login."""
        if self._username:
            return f"the broker at {self._url} refuses user {self._username!r}: wrong user name or password"
        return f"the broker at {self._url} refuses anonymous clients: set mqtt_username and mqtt_password_file"

    def hung_up(self) -> str:
        """Return the one line for a broker that closes the connection."""
        return (
            f"the broker at {self._url} closes the connection as soon as {self._user} publishes: "
            f"its ACL must give it `topic write monty/#`"
        )
