"""This module says which learned graphs stand for the object that an episode shows, by Monty's own record. Reads only.

Called by `model_reader` at every step, and by `episode_logger` and `episode_outcome` at the ends of an episode.

Every viewer uses this result. Graph ids need not be names of objects: in unsupervised learning they are `new_object0`,
…. A learning module's `graph_id_to_target` holds the objects that a graph was learned from, and Monty's own loggers
judge by it (`tbp.monty.frameworks.utils.logging_utils`, 0.54 and 0.55). Monty changes it between episodes only.
"""

from __future__ import annotations

import re
from typing import Any, Dict, FrozenSet, List, NamedTuple, Optional

from monty_mqtt.wire.vocabulary import CONFUSED_OUTCOMES, CORRECT_OUTCOMES

__all__ = ["Belief", "GroundTruth", "graph_targets", "is_correct"]

_NO_TARGETS = (None, "no_label")
"""Monty's targets without ground truth."""

_NEW_OBJECT = re.compile(r"new_object\d+")
"""Monty's name for an object that it does not know; also the id of the graph that it then learns of that object."""

_VERDICTS = {**dict.fromkeys(CORRECT_OUTCOMES, True), **dict.fromkeys(CONFUSED_OUTCOMES, False)}


class Belief(NamedTuple):
    """Belief describes the graph that a learning module believes in.

    Attributes:
        is_correct: Whether the graph stands for the target; None if Monty does not say.
        targets: Names of the objects that the graph was learned from.
        is_new: Whether the id is no learned graph, but Monty's name for an object that it does not know.
    """

    is_correct: Optional[bool]
    targets: List[str]
    is_new: bool


class GroundTruth:
    """GroundTruth knows what the graphs of one learning module stand for in the running episode.

    Args:
        lm: A learning module of any kind.
    """

    def __init__(self, lm: Any) -> None:
        self._lm = lm
        self._target: Any = None
        self._targets: Optional[Dict[str, List[str]]] = None
        self._right: FrozenSet[str] = frozenset()
        self._target_graphs: Optional[List[str]] = None
        self._beliefs: Dict[str, Belief] = {}

    def begin_episode(self) -> None:
        """Forget the graphs' objects, because Monty may have learned since; they are read again when needed."""
        self._targets = None

    def target_graphs(self) -> Optional[List[str]]:
        """Return the ids of the graphs that stand for the target; None if there are none."""
        self._renew()
        return self._target_graphs

    def of(self, graph: str) -> Belief:
        """Return the belief that a graph id stands for."""
        self._renew()
        belief = self._beliefs.get(graph)
        if belief is None:
            belief = self._beliefs[graph] = self._belief(graph)
        return belief

    def _belief(self, graph: str) -> Belief:
        known = self._targets or {}
        if graph in known:
            is_known_target = self._target not in _NO_TARGETS
            return Belief(graph in self._right if is_known_target else None, known[graph], is_new=False)
        is_learned = graph in getattr(self._lm, "get_all_known_object_ids", list)()
        return Belief(None, [], is_new=not is_learned and bool(_NEW_OBJECT.fullmatch(graph)))

    def _renew(self) -> None:
        target = getattr(self._lm, "primary_target", None)
        if self._targets is not None and target == self._target:
            return
        self._target = target
        self._targets = _all_targets(self._lm)
        right = [] if target in _NO_TARGETS else [graph for graph, names in self._targets.items() if target in names]
        self._right = frozenset(right)
        self._target_graphs = sorted(right) or None
        self._beliefs = {}


def graph_targets(model: Any) -> Dict[str, Dict[str, List[str]]]:
    """Return the names of the objects that each graph was learned from, by learning module id, if unlike its id."""
    targets = {}
    for index, lm in enumerate(getattr(model, "learning_modules", ())):
        unlike = {graph: names for graph, names in _all_targets(lm).items() if names != [graph]}
        if unlike:
            targets[str(getattr(lm, "learning_module_id", f"LM_{index}"))] = unlike
    return targets


def is_correct(outcome: Optional[str]) -> Optional[bool]:
    """Return whether a learning module's outcome says that it was right; None if it says neither."""
    return _VERDICTS.get(outcome or "")


def _all_targets(lm: Any) -> Dict[str, List[str]]:
    mapping = getattr(lm, "graph_id_to_target", None) or {}
    return {
        str(graph): sorted(str(name) for name in names if name not in _NO_TARGETS) for graph, names in mapping.items()
    }
