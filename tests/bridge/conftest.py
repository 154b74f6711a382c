"""A real broker, a bridge, a subscriber and a small disk, for all tests of the bridge."""

from __future__ import annotations

from kit.bridge import bridge, broker, disk, subscriber

__all__ = ["bridge", "broker", "disk", "subscriber"]
