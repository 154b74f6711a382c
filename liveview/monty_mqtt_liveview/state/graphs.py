"""Keeps the graphs that the learning modules of a worker have learned, and how these grew over its episodes. Pure.

Filled by `worker` at the end of each episode; read by a view. An episode tells the sizes of all graphs, but only what
changed is kept, so a run of many episodes and many graphs takes little room.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Literal, NamedTuple

import msgspec

from monty_mqtt.wire import schema
from monty_mqtt.wire.object_names import graph_of
from monty_mqtt_liveview.state.episodes import EpisodeKey

__all__ = ["MOST_CHANGES", "MOST_GRAPHS", "Graph", "GraphChange", "Graphs", "ModuleGraphs"]

MOST_GRAPHS = 512
"""Graphs per learning module; further ones are counted only."""

MOST_CHANGES = 20_000
"""Changes of all graphs of a worker, 2 MB; a later one then takes the place of the graph's last one."""

_MOST_MODULES = 64

Change = Literal["made", "extended", "found"]


class GraphChange(NamedTuple):
    """Holds the size of a graph after an episode that changed it.

    Attributes:
        time_unix_nanos: End of the episode, ns since 1970.
        key: The episode.
        nodes: Number of nodes over all input channels.
        change: `made` or `extended` by this episode; `found`: it was there before, as far as the messages tell.
    """

    time_unix_nanos: int
    key: EpisodeKey
    nodes: int
    change: Change


class Graph(msgspec.Struct, kw_only=True):
    """Holds what is known of a graph.

    Attributes:
        targets: Names of the objects that it stands for.
        changes: Its sizes, in order of time; never empty.
        seen_unix_nanos: End of the last episode that took the target for it, or changed it; 0 if none did.
        last_seen: That episode.
    """

    targets: list[str]
    changes: list[GraphChange]
    seen_unix_nanos: int = 0
    last_seen: EpisodeKey | None = None


class ModuleGraphs:
    """Holds the graphs of one learning module, by their ids, in the order in which they were made.

    Attributes:
        graphs: The graphs.
        left_out: How many further graphs its memory holds.
        newest_unix_nanos: End of the newest episode that told of them, ns since 1970.
    """

    def __init__(self) -> None:
        self.graphs: dict[str, Graph] = {}
        self.left_out = 0
        self.newest_unix_nanos = 0


class Graphs(dict[str, ModuleGraphs]):
    """Holds the graphs of each learning module of a worker, by its id.

    Attributes:
        changes_left_out: How many changes were dropped, because there were too many.
    """

    def __init__(self) -> None:
        super().__init__()
        self.changes_left_out = 0
        self._changes = 0

    def note(self, ended: schema.EpisodeEnded) -> None:
        """Take in what an episode says of the graphs."""
        for name, nodes in ended.graph_nodes.items():
            if name not in self and len(self) >= _MOST_MODULES:
                continue
            module = self.setdefault(name, ModuleGraphs())
            for graph, change in _changes(ended, name):
                self._put(module, graph, change)
            _see(module, name, ended)
            if ended.time_unix_nanos >= module.newest_unix_nanos:
                module.newest_unix_nanos = ended.time_unix_nanos
                module.left_out = len(nodes.keys() - module.graphs.keys())
                targets = ended.graph_targets.get(name, {})
                for graph, known in module.graphs.items():
                    known.targets = targets.get(graph, [graph])

    def _put(self, module: ModuleGraphs, graph: str, change: GraphChange) -> None:
        known = module.graphs.get(graph)
        if known is None:
            if len(module.graphs) < MOST_GRAPHS:
                module.graphs[graph] = Graph(targets=[graph], changes=[change])
                self._changes += 1
            return
        place = bisect_right(known.changes, change)
        if place and _says_nothing_new(known.changes[place - 1], change):
            return
        if self._changes >= MOST_CHANGES:
            self.changes_left_out += 1
            known.changes[-1] = max(known.changes[-1], change)
            return
        known.changes.insert(place, change)
        self._changes += 1


def _says_nothing_new(before: GraphChange, change: GraphChange) -> bool:
    """Return whether the graph stayed as it was before, or the same message came twice."""
    return before == change or (change.change == "found" and before.nodes == change.nodes)


def _changes(ended: schema.EpisodeEnded, name: str) -> Iterator[tuple[str, GraphChange]]:
    made, extended = set(ended.graphs_made.get(name, ())), set(ended.graphs_extended.get(name, ()))
    key = EpisodeKey(ended.mode, ended.episode)
    for graph, nodes in ended.graph_nodes[name].items():
        change: Change = "made" if graph in made else "extended" if graph in extended else "found"
        yield graph, GraphChange(ended.time_unix_nanos, key, nodes, change)


def _see(module: ModuleGraphs, name: str, ended: schema.EpisodeEnded) -> None:
    part = ended.learning_modules.get(name)
    changed = (*ended.graphs_made.get(name, ()), *ended.graphs_extended.get(name, ()))
    for graph in {*changed, part and graph_of(part)}:
        known = module.graphs.get(graph or "")
        if known is not None and ended.time_unix_nanos >= known.seen_unix_nanos:
            known.seen_unix_nanos, known.last_seen = ended.time_unix_nanos, EpisodeKey(ended.mode, ended.episode)
