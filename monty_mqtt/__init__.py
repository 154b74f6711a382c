"""This package publishes live telemetry of experiments with Monty, the Thousand Brains Project's system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from monty_mqtt.broadcast.broadcaster import ZmqBroadcaster

__all__ = ["ZmqBroadcaster", "__version__"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import the broadcaster when a program first asks for it, so that `import monty_mqtt` alone stays quick."""
    if name == "ZmqBroadcaster":
        from monty_mqtt.broadcast.broadcaster import ZmqBroadcaster  # noqa: PLC0415

        return ZmqBroadcaster
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
