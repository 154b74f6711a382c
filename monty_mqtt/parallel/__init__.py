"""Monty's parallel runner, monitored: its parent and its pool. Configurations name `ParallelCallback` here."""

from monty_mqtt.parallel.parent import ParallelCallback

__all__ = ["ParallelCallback"]
