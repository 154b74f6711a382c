"""The bridge: ZMQ in, MQTT out, its own process."""
