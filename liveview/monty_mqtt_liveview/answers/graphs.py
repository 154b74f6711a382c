"""Describes the learned graphs of a worker. Used by `addresses`."""

from __future__ import annotations

from typing import Literal, TypedDict

__all__ = ["GraphChanges", "GraphEpisode", "GraphRow", "Graphs", "ModuleGraphs"]


class GraphEpisode(TypedDict):
    """Which episode it is.

    Attributes:
        mode: `train` or `eval`.
        episode: Number of the episode in its mode, from 0.
    """

    mode: str
    episode: int


class GraphChanges(TypedDict):
    """How a graph grew, column by column, in order of time.

    Attributes:
        mode: Mode of the episode that changed it.
        episode: Number of that episode in its mode.
        nodes: Number of nodes after it.
        change: What it did: `made` or `extended` the graph; `found` it, because it was there before.
    """

    mode: list[str]
    episode: list[int]
    nodes: list[int]
    change: list[Literal["made", "extended", "found"]]


class GraphRow(TypedDict):
    """One graph.

    Attributes:
        graph: Its id.
        targets: Names of the objects that it stands for, by Monty's own record.
        nodes: Number of its nodes, over all input channels.
        made_in: The episode that made it; null if it was there before.
        last_seen: The last episode whose target was taken for it, or that changed it; null if there was none.
        changes: Its sizes after each episode that changed it.
    """

    graph: str
    targets: list[str]
    nodes: int
    made_in: GraphEpisode | None
    last_seen: GraphEpisode | None
    changes: GraphChanges


class ModuleGraphs(TypedDict):
    """Graphs of one learning module.

    Attributes:
        graphs: Its graphs, at most 512, in the order in which they were made.
        left_out: Number of further graphs.
    """

    graphs: list[GraphRow]
    left_out: int


class Graphs(TypedDict):
    """Learned graphs of a worker, after its last episode.

    Attributes:
        learning_modules: Graphs of each learning module, by its id; empty before the first episode has ended, and where
            the recording does not tell them.
        changes_left_out: Number of changes that are not among `changes`, because there were more than 20,000.
    """

    learning_modules: dict[str, ModuleGraphs]
    changes_left_out: int
