"""This package is the bridge, a process that receives messages over ZMQ and publishes them over MQTT."""
