"""Serves the live page at port 8000, where a researcher watches a running Monty; it is an ordinary MQTT subscriber."""
