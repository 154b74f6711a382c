"""Says where a trial takes place: the nodes of the broker, who logs in, and topics that nobody else uses.

Made by `trial`, used by `needs` and `rights`. Where several nodes are named, writer, reader and whoever comes back are
at different ones: what one node knows must be known to all.
"""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

from monty_mqtt.errors import ServiceError
from monty_mqtt_core.reading.mqtt_client import MqttMessage, retained
from monty_mqtt_core.settings import passwords
from monty_mqtt_core.settings.broker_address import BrokerAddress
from monty_mqtt_stack.broker_trial.trial_client import ANSWER_SECS, RefusedError, TrialClient

__all__ = ["PREFIX", "Stage", "passwords_in"]

PREFIX = "monty/doctor"
"""Above all topics of trials; no program of ours subscribes to it."""


class Stage:
    """Knows the nodes, the users and the topics of one trial.

    Args:
        nodes: The nodes of the broker.
        password_files: File with the password of each MQTT user that is known.

    Attributes:
        prefix: Above all topics of this trial, but for those of the users' rights.
        run: A run that does not exist, for topics of the users' rights.
    """

    def __init__(self, nodes: Sequence[BrokerAddress], password_files: Dict[str, Path]) -> None:
        name = secrets.token_hex(6)
        self.prefix = f"{PREFIX}/{name}"
        self.run = f"doctor-{name}"
        self.password_files = password_files
        self._nodes = list(nodes)

    def writer(self, **options: Any) -> TrialClient:
        """Return a client that may publish: the bridge's user, at the first node."""
        return TrialClient(self.broker_for("bridge", 0), **options)

    def reader(self, **options: Any) -> TrialClient:
        """Return a client that may read: the page's user, at the last node."""
        return TrialClient(self.broker_for("liveview", -1), **options)

    def reader_elsewhere(self, **options: Any) -> TrialClient:
        """Return a client that may read, at the second node, where there is one."""
        return TrialClient(self.broker_for("liveview", 1 % len(self._nodes)), **options)

    def broker_for(self, user: Optional[str], node: int = 0) -> BrokerAddress:
        """Return a node as a user reaches it; anonymously where None, or where the password is not known."""
        path = self.password_files.get(user or "")
        return self._nodes[node]._replace(username=user, password_file=path) if path else self._nodes[node]

    def retained(self, *filters: str) -> List[MqttMessage]:
        """Return what the last node retains, as `monty-mqtt status` asks for it."""
        return retained(self.broker_for("liveview", -1), filters)

    def client_id(self) -> str:
        """Return the id of a session that nobody has."""
        return f"monty-mqtt-doctor-{secrets.token_hex(12)}"

    def delete_session(self, client_id: str) -> None:
        """Make the broker forget a session: it does when its client comes and wants none.

        Raises:
            ServiceError: The broker does not let that client in, also not later: NATS keeps an id out for a second
                that was just taken over.
        """
        deadline = time.monotonic() + ANSWER_SECS
        while not self._is_let_in(client_id, must_be=time.monotonic() > deadline):
            pass

    def clean_up(self) -> int:
        """Clear what the broker retains of this trial, and of earlier ones that were killed; return how many topics."""
        try:
            left = [message.topic for message in self.retained(f"{PREFIX}/#") if message.payload]
            with self.writer() as writer:
                return writer.publish_all([(topic, b"") for topic in left], retain=True)
        except ServiceError:
            return 0

    def _is_let_in(self, client_id: str, *, must_be: bool) -> bool:
        try:
            with self.reader(client_id=client_id):
                return True
        except RefusedError:
            if must_be:
                raise
            return False


def passwords_in(folder: Path) -> Dict[str, Path]:
    """Return the password files `<user>.password` that are in a folder, by user."""
    files = {user: folder / f"{user}.password" for user in passwords.USERS}
    return {user: path for user, path in files.items() if path.is_file()}
