"""Describes what a run's page shows of panels and metrics, as its operator arranged it. Used by `addresses`."""

from __future__ import annotations

from typing import TypedDict

__all__ = ["OwnPanel", "PanelsShown"]


class OwnPanel(TypedDict):
    """A panel of the operator's own.

    Attributes:
        name: Its name: that of its file, without `.js`.
        source: The JavaScript module.
    """

    name: str
    source: str


class PanelsShown(TypedDict):
    """What a run's page shows.

    Attributes:
        own: The operator's own panels, by name.
        panels: Names of the panels that are shown, in their order, as `layout.toml` says; null: all.
        metrics: Patterns of the metrics that are shown, in their order, as `layout.toml` says; null: all.
        problems: What of these files cannot be used and why, in sentences.
    """

    own: list[OwnPanel]
    panels: list[str] | None
    metrics: list[str] | None
    problems: list[str]
