"""This module binds the ROUTER socket that experiments connect to.

Called by `router`, which owns the socket.
"""

from __future__ import annotations

import zmq

from monty_mqtt.errors import ConfigError
from monty_mqtt.wire import zmq_protocol
from monty_mqtt.wire.bridge_address import BridgeAddress
from monty_mqtt_bridge.settings import BridgeConfig

__all__ = ["bind"]


def bind(router: zmq.Socket[bytes], config: BridgeConfig) -> int:
    """Bind with the options that lost no message in measurements; return the TCP port.

    Raises:
        ConfigError: The address cannot be bound.
    """
    endpoint = BridgeAddress(config.zmq_host, config.zmq_port).endpoint  # port 0 takes a free one
    for option, value in (
        # 0 is no bound: when the peer of a full pipe goes away, the next heartbeat of libzmq 4.3.5 aborts this process
        # (`out_event` of an engine that has met its end). An experiment bounds its unacknowledged messages itself.
        (zmq.RCVHWM, 0),
        (zmq.LINGER, 0),
        (zmq.HEARTBEAT_IVL, 1000),
        (zmq.HEARTBEAT_TIMEOUT, 3000),
        (zmq.ROUTER_MANDATORY, 1),
        (zmq.MAXMSGSIZE, zmq_protocol.LARGEST_FRAME_BYTES),
        (zmq.IPV6, int(":" in config.zmq_host)),
    ):
        router.set(option, value)
    try:
        router.bind(endpoint)
    except zmq.ZMQError as error:
        allowed = f"an address and port that can be bound ({error.strerror})"
        raise ConfigError("zmq_port", endpoint.removeprefix("tcp://"), allowed) from None
    return int(bytes(router.get(zmq.LAST_ENDPOINT)).rstrip(b"\0").rpartition(b":")[2])
