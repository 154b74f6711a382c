"""This package turns messages into MQTT payloads, and payloads back into messages."""
