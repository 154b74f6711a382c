"""The chain from broker to InfluxDB, and an InfluxDB alone, for the services of history."""

from __future__ import annotations

from kit.history.history_chain import chain, influxdb

__all__ = ["chain", "influxdb"]
