"""This package turns messages into points of InfluxDB."""
