"""This module implements `--healthcheck`: it checks whether the bridge with this id runs and works.

Called by `__main__` for a container's HEALTHCHECK beside the bridge, with the same settings. The retained `online`
alone is not enough, because the broker keeps it for a frozen bridge until that misses its pings. So this waits
for the next `health`.
"""

from __future__ import annotations

import secrets
import threading

from monty_mqtt.errors import ServiceError
from monty_mqtt.wire import topics
from monty_mqtt_bridge.settings import BridgeConfig, read_password
from monty_mqtt_core.reading.broker_client import BrokerClient

__all__ = ["ask"]

_ANSWER_SECS = 4.0


def ask(config: BridgeConfig, answer_secs: float = _ANSWER_SECS) -> tuple[bool, str]:
    """Return whether a health message of the bridge comes in time, and one line about it.

    Raises:
        ConfigError: The password file cannot be read.
    """
    topic = topics.bridge_topic(config.bridge_id, "health")
    came = threading.Event()
    client = BrokerClient(config.broker, f"monty-mqtt-healthcheck-{secrets.token_hex(4)}")
    client.connect_timeout = answer_secs
    if config.mqtt_username:
        client.username_pw_set(config.mqtt_username, read_password(config))
    client.on_connect = lambda client, *_: client.subscribe(topic)
    client.on_message = lambda *_: came.set()
    try:
        client.connect_to_any()
    except ServiceError as error:
        return False, str(error)
    client.loop_start()
    well = came.wait(answer_secs)
    client.disconnect()
    client.loop_stop()
    if well:
        return True, f"bridge {config.bridge_id!r} at {config.broker} is well"
    return False, f"nothing on {topic} at {config.broker} within {answer_secs:g} s"
