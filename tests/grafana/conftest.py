"""Gives the dashboards' tests a Grafana with the whole chain before it."""

from __future__ import annotations

from kit.history.grafana_viewer import viewer

__all__ = ["viewer"]
