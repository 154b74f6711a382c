"""This module checks which Monty is installed, and whether it has everything that the monitor reads.

Called by `experiment`, once per process, before it makes an experiment.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from importlib import import_module
from typing import List, Tuple

from monty_mqtt.wire.vocabulary import SUPPORTED

__all__ = ["missing_members", "warn_of_unknown_monty"]

_EXPERIMENT = "tbp.monty.frameworks.experiments.monty_experiment"
_LEARNING_MODULE = "tbp.monty.frameworks.models.evidence_matching.learning_module"
_MEMBERS: Tuple[Tuple[str, str], ...] = (
    (_EXPERIMENT, "MontyExperiment.run"),
    (_EXPERIMENT, "MontyExperiment.run_epoch"),
    (_EXPERIMENT, "MontyExperiment.run_episode"),
    (_EXPERIMENT, "MontyExperiment.post_episode"),
    ("tbp.monty.frameworks.experiments.hooks", "StepHook"),
    ("tbp.monty.frameworks.loggers.exp_logger", "LoggingCallbackHandler.call_event"),
    ("tbp.monty.frameworks.utils.logging_utils", "get_stats_per_lm"),
    (_LEARNING_MODULE, "EvidenceGraphLM.evidence_for_each_graph"),
    (_LEARNING_MODULE, "EvidenceGraphLM.get_possible_matches"),
)
"""Names that the monitor calls or overrides, as in Monty 0.55."""

_log = logging.getLogger(__name__)


@lru_cache(maxsize=None)
def warn_of_unknown_monty() -> None:
    """Log one warning if the installed Monty is not a tested version, and name what is missing."""
    version = _installed()
    if version.startswith(tuple(f"{tested}." for tested in SUPPORTED)):
        return
    missing = missing_members()
    lack = f"it lacks {', '.join(missing)}; what depends on them is not monitored" if missing else "nothing is missing"
    _log.warning("tbp-monty %s is not one of the tested versions (%s): %s", version, ", ".join(SUPPORTED), lack)


def missing_members() -> List[str]:
    """Return the names that the monitor uses and this Monty does not have."""
    return [f"{module}.{member}" for module, member in _MEMBERS if not _is_there(module, member)]


def _is_there(module: str, member: str) -> bool:
    try:
        value = import_module(module)
        for name in member.split("."):
            value = getattr(value, name)
    except (ImportError, AttributeError):
        return False
    return True


def _installed() -> str:
    metadata = import_module("importlib.metadata")
    try:
        return str(metadata.version("tbp-monty"))
    except metadata.PackageNotFoundError:
        return str(getattr(import_module("tbp.monty"), "__version__", "unknown"))
