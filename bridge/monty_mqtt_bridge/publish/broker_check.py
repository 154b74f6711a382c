"""This module tests at the start whether the broker's users and rules let the bridge work.

Called by `publisher` on its first connection. Brokers acknowledge what they refuse (Mosquitto 2.0.11 also closes the
connection afterwards), so the bridge must read back what it publishes: its status, and a command to no worker, which
comes the same way as later commands. It may not read lines and images; an empty image and a comment line are harmless
to those who may.
"""

from __future__ import annotations

import secrets

from monty_mqtt.wire import schema, topics
from monty_mqtt.wire.vocabulary import ONLINE, SELF_TEST
from monty_mqtt_core.payloads.to_mqtt import Outgoing
from monty_mqtt_core.reading.mqtt_client import BrokerAddress, MqttMessage

__all__ = ["COMMAND_FILTER", "START_FILTERS", "STATUS_FILTER", "BrokerCheck"]

COMMAND_FILTER = f"{topics.JSON_PREFIX}/+/+/command"

STATUS_FILTER = f"{topics.JSON_PREFIX}/+/+/status"
START_FILTERS = tuple(f"{topics.JSON_PREFIX}/+/+/{kind}" for kind in ("info", "progress", "state"))
"""What is retained on these topics is read at the start only; statuses, which other bridges change, all the time."""


class BrokerCheck:
    """BrokerCheck holds the messages of the test, and those that have not come back.

    Args:
        bridge_id: Name of the bridge.
        broker: Address and user.

    Attributes:
        status: The bridge's own status, retained.
    """

    def __init__(self, bridge_id: str, broker: BrokerAddress) -> None:
        self.status = Outgoing(topics.bridge_topic(bridge_id, "status"), ONLINE, 1, True)  # noqa: FBT003
        probe = schema.Command(id=f"{SELF_TEST}-{secrets.token_hex(8)}", command=SELF_TEST)
        where = topics.build(bridge_id, "bridge", "command")
        self.command = Outgoing(where, schema.encode(probe), 1, False)  # noqa: FBT003
        nobodys_model = topics.build(bridge_id, "bridge", "object_model", SELF_TEST, SELF_TEST)
        self._unheard = [
            Outgoing(topics.influx_topic(bridge_id), b"# self-test\n", 1, False),  # noqa: FBT003
            Outgoing(nobodys_model, b"", 1, False),  # noqa: FBT003
        ]
        self._url = str(broker)
        self._username = broker.username
        self._user = f"user {broker.username!r}" if broker.username else "the anonymous user"
        self._missing = {self.status.topic: self.status.payload, self.command.topic: self.command.payload}

    def messages(self) -> list[Outgoing]:
        """Return the messages to publish; those that must come back are last, which shows that the others passed."""
        return [*self._unheard, self.status, self.command]

    def hear(self, incoming: MqttMessage) -> bool:
        """Return whether this is one of the test's own messages."""
        if incoming.retain or self._missing.get(incoming.topic) != incoming.payload:
            return False
        del self._missing[incoming.topic]
        return True

    @property
    def passed(self) -> bool:
        """Whether all test messages came back."""
        return not self._missing

    def not_given_back(self, secs: float) -> str:
        """Return the line for a broker that does not give a message back."""
        if self.status.topic in self._missing:
            unheard, rule = f"the bridge's status on {self.status.topic}", f"topic read {self.status.topic}"
        else:
            unheard, rule = f"a command on {self.command.topic}", f"topic read {COMMAND_FILTER}"
        return (
            f"the broker at {self._url} took {unheard} but did not give it back within {secs:g} s: "
            f"its ACL must give {self._user} `topic write monty/#` and `{rule}`"
        )

    def let_nobody_in(self) -> str:
        """Return the line for a broker that refuses the login."""
        if self._username:
            return f"the broker at {self._url} refuses user {self._username!r}: wrong user name or password"
        return f"the broker at {self._url} refuses anonymous clients: set mqtt_username and mqtt_password_file"

    def hung_up(self) -> str:
        """Return the line for a broker that closes the connection."""
        return (
            f"the broker at {self._url} closes the connection as soon as {self._user} publishes: "
            f"its ACL must give it `topic write monty/#`"
        )
