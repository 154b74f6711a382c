"""This module makes the names of objects that people see. Pure.

Called by the terminal, the page's server and the bridge. In unsupervised learning the id of a graph says nothing
(`new_object0`), so the objects that the graph was learned from stand beside it.
"""

from __future__ import annotations

from typing import Optional, Sequence

from monty_mqtt.wire.message_pieces import LearningModuleEpisode, LearningModuleStep

__all__ = ["NEW_OBJECT", "believed", "graph_of", "named", "recognised"]

NEW_OBJECT = "a new object"


def named(graph: str, targets: Sequence[str] = (), *, is_new: bool = False) -> str:
    """Return a graph's id, and the names of the objects that it was learned from if these differ.

    Args:
        graph: The graph's id. Examples of results: `new_object0 = capsule3DSolid`, `new_object1 = cup + mug`.
        targets: Names of the objects that it was learned from.
        is_new: Whether the id is no learned graph, but Monty's name for an object that it does not know.
    """
    if is_new:
        return NEW_OBJECT
    return graph if list(targets) in ([], [graph]) else f"{graph} = {' + '.join(targets)}"


def believed(module: LearningModuleStep) -> Optional[str]:
    """Return the name of the object that a learning module believes in after a step; None without a hypothesis."""
    likely = module.most_likely
    return None if likely is None else named(likely.object, module.most_likely_targets, is_new=module.is_new)


def graph_of(module: LearningModuleEpisode) -> Optional[str]:
    """Return the id of the graph that a learning module settled on; if it did not, of the most likely one."""
    return module.detected_object or module.most_likely_object


def recognised(module: LearningModuleEpisode) -> Optional[str]:
    """Return the name of the object that a learning module recognised; None if it names none."""
    graph = graph_of(module)
    if graph is None:
        return None
    is_told = graph == (module.most_likely_object or module.detected_object)
    return named(graph, module.most_likely_targets if is_told else (), is_new=module.is_new)
