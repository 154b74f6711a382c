"""Publishes in tests with paho, as a user or anonymous; and makes sure that nothing more will arrive."""

from __future__ import annotations

import threading
import time

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from kit.mqtt_subscriber import Subscriber

WAIT_SECS = 10


class Client:
    """Publishes with paho, as a user or anonymous."""

    def __init__(self, port, user=None, password=None, client_id="", **options):
        self.connected, self.code = threading.Event(), None
        self.client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, reconnect_on_failure=False, **options
        )
        self.client.on_connect = self._on_connect
        if user:
            self.client.username_pw_set(user, password)
        self.port = port

    def _on_connect(self, _client, _data, _flags, reason, _properties):
        self.code = reason
        self.connected.set()

    def __enter__(self):
        self.client.connect("127.0.0.1", self.port)
        self.client.loop_start()
        assert self.connected.wait(WAIT_SECS)
        return self

    def __exit__(self, *_):
        self.client.disconnect()
        self.client.loop_stop()

    def publish(self, topic, payload=b"x", *, retain=False):
        sent = self.client.publish(topic, payload, qos=1, retain=retain)
        sent.wait_for_publish(WAIT_SECS)
        assert sent.is_published()


def arrived_until_barrier(port, password, publish, topic="monty/#"):
    """Return all that arrives because of `publish()`: a later message of the bridge's user marks the end."""
    with Subscriber("127.0.0.1", port, topic) as anyone:
        publish()
        barrier = f"monty/v1/run/main/metric/barrier{time.monotonic_ns()}"
        with Client(port, "bridge", password) as bridge:
            bridge.publish(barrier)
        anyone.wait_for(lambda seen: [one for one in seen if one.topic == barrier], WAIT_SECS)
        return [one for one in anyone.received if one.topic != barrier]
