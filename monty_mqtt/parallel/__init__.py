"""This package monitors Monty's parallel runner: parent and pool. Configurations name `ParallelCallback` here."""

from monty_mqtt.parallel.parent import ParallelCallback

__all__ = ["ParallelCallback"]
