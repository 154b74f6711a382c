"""Gives the tests of several programs their broker and bridge, and the chain from a bridge to InfluxDB."""

from __future__ import annotations

from kit.bridge import bridge, broker, disk, subscriber
from kit.history.history_chain import chain, influxdb

__all__ = ["bridge", "broker", "chain", "disk", "influxdb", "subscriber"]
