"""Gives the page's tests their broker, bridge and disk, and a page with a worker that publishes."""

from __future__ import annotations

from kit.bridge import bridge, broker, disk
from kit.page.page_fixtures import page, worker

__all__ = ["bridge", "broker", "disk", "page", "worker"]
