"""This module says which graphs each learning module has, how large they are, and what an episode learned. Reads only.

Called by `episode_logger` at the ends of an episode, never at a step. torch is used by duck typing only.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, NamedTuple, Tuple

__all__ = ["Changes", "changes", "learned", "models_of", "nodes_of"]

Key = Tuple[str, str, str]
"""Learning module, graph, input channel."""


class Changes(NamedTuple):
    """Changes holds the ids of the graphs that an episode made, and that it extended, by learning module id."""

    made: Dict[str, List[str]]
    extended: Dict[str, List[str]]


def models_of(model: Any) -> Dict[Key, Any]:
    """Return the points of every learned graph by learning module, object and channel. Keep it to compare later."""
    models = {}
    for index, lm in enumerate(model.learning_modules):
        name = str(getattr(lm, "learning_module_id", f"LM_{index}"))
        memory = getattr(getattr(lm, "graph_memory", None), "models_in_memory", {})
        for graph, channels in memory.items():
            for channel, graph_model in channels.items():
                points = getattr(graph_model, "pos", None)
                if points is not None:
                    models[name, str(graph), str(channel)] = points
    return models


def learned(before: Mapping[Key, Any], after: Mapping[Key, Any]) -> List[Key]:
    """Return the graphs of `after` that are new or rebuilt since `before`: Monty replaces the points when it learns."""
    return [key for key, points in after.items() if before.get(key) is not points]


def changes(before: Mapping[Key, Any], new: List[Key]) -> Changes:
    """Return which of the `new` graphs were made since `before`; the others were extended, if only by a channel."""
    known = {(learning_module, graph) for learning_module, graph, _ in before}
    found = Changes({}, {})
    for learning_module, graph in dict.fromkeys((learning_module, graph) for learning_module, graph, _ in new):
        part = found.extended if (learning_module, graph) in known else found.made
        part.setdefault(learning_module, []).append(graph)
    return found


def nodes_of(models: Mapping[Key, Any]) -> Dict[str, Dict[str, int]]:
    """Return the number of nodes of each graph, over all channels, by learning module and graph id."""
    nodes: Dict[str, Dict[str, int]] = {}
    for (learning_module, graph, _), points in models.items():
        graphs = nodes.setdefault(learning_module, {})
        graphs[graph] = graphs.get(graph, 0) + len(points)
    return nodes
