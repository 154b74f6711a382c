"""This module reads which runs a broker knows, so that a run can be found by its id.

Called by commands that name a run; hands the messages to `run_status`.
"""

from __future__ import annotations

from monty_mqtt.wire import topics
from monty_mqtt_core.reading.mqtt_client import BrokerAddress, retained
from monty_mqtt_core.reading.run_status import Runs, decode

__all__ = ["known_runs"]


def known_runs(broker: BrokerAddress) -> Runs:
    """Return the runs whose status is retained.

    Raises:
        ServiceError: The broker does not answer.
    """
    runs = Runs()
    for one in retained(broker, [f"{topics.JSON_PREFIX}/+/+/status"]):
        if (message := decode(one.topic, one.payload)) is not None:
            runs.apply(message)
    return runs
