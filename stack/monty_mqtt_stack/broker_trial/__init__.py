"""Tries at a running broker what monty_mqtt needs of any MQTT 3.1.1 broker, for `monty-mqtt doctor --broker`."""
