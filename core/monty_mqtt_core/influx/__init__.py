"""Messages become points of InfluxDB here."""
