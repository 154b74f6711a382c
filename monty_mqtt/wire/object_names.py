"""How an object is called for people, wherever one is shown. Pure.

Place in the flow: the terminal, the page's server and the bridge name objects by this. In unsupervised learning the id
of a graph says nothing (`new_object0`), so what the graph was learned from stands beside it.
"""

from __future__ import annotations

from typing import Optional, Sequence

from monty_mqtt.wire.message_pieces import LearningModuleEpisode, LearningModuleStep

__all__ = ["NEW_OBJECT", "believed", "graph_of", "named", "recognised"]

NEW_OBJECT = "a new object"


def named(graph: str, targets: Sequence[str] = (), *, is_new: bool = False) -> str:
    """Return a graph's id, with the names of the objects that it was learned from where these differ.

    Args:
        graph: Its id: `new_object0 = capsule3DSolid`, `new_object1 = cup + mug`.
        targets: Names of the objects that it was learned from.
        is_new: Whether it is no graph, but Monty's name for an object that it does not know.
    """
    if is_new:
        return NEW_OBJECT
    return graph if list(targets) in ([], [graph]) else f"{graph} = {' + '.join(targets)}"


def believed(module: LearningModuleStep) -> Optional[str]:
    """Return what a learning module believes in after a step; None where it tells no hypothesis."""
    likely = module.most_likely
    return None if likely is None else named(likely.object, module.most_likely_targets, is_new=module.is_new)


def graph_of(module: LearningModuleEpisode) -> Optional[str]:
    """Return the id of what a learning module took the target for: what it settled on, else what was most likely."""
    return module.detected_object or module.most_likely_object


def recognised(module: LearningModuleEpisode) -> Optional[str]:
    """Return the name of what a learning module took the target for; None where it names none."""
    graph = graph_of(module)
    if graph is None:
        return None
    is_told = graph == (module.most_likely_object or module.detected_object)
    return named(graph, module.most_likely_targets if is_told else (), is_new=module.is_new)
