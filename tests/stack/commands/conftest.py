"""A real broker and a bridge, for tests of commands that need no other service."""

from __future__ import annotations

from kit.bridge import bridge, broker

__all__ = ["bridge", "broker"]
