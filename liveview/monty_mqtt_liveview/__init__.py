"""The page at :8000, where a researcher sees Monty think. An MQTT subscriber like any other."""
