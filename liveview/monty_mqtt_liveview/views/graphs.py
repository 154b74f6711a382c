"""Returns the learned graphs of a worker: what each stands for, and how and when it grew. Pure.

A part of `views`, from which other modules import it.
"""

from __future__ import annotations

from monty_mqtt_liveview.state.episodes import EpisodeKey
from monty_mqtt_liveview.state.graphs import Graph, ModuleGraphs
from monty_mqtt_liveview.state.worker import Worker
from monty_mqtt_liveview.views.numbers import Json

__all__ = ["graphs"]


def graphs(worker: Worker) -> Json:
    """Return the graphs of each learning module of a worker."""
    return {
        "learning_modules": {name: _module(module) for name, module in worker.graphs.items()},
        "changes_left_out": worker.graphs.changes_left_out,
    }


def _module(module: ModuleGraphs) -> Json:
    return {"graphs": [_graph(name, graph) for name, graph in module.graphs.items()], "left_out": module.left_out}


def _graph(name: str, graph: Graph) -> Json:
    changes = graph.changes
    made = next((change.key for change in changes if change.change == "made"), None)
    return {
        "graph": name,
        "targets": graph.targets,
        "nodes": changes[-1].nodes,
        "made_in": _episode(made),
        "last_seen": _episode(graph.last_seen),
        "changes": {
            "mode": [change.key.mode for change in changes],
            "episode": [change.key.episode for change in changes],
            "nodes": [change.nodes for change in changes],
            "change": [change.change for change in changes],
        },
    }


def _episode(key: EpisodeKey | None) -> Json | None:
    return None if key is None else {"mode": key.mode, "episode": key.episode}
