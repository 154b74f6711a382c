"""Messages become MQTT payloads here, and payloads messages again."""
