"""This module describes one job of a Hydra sweep: its number, its own overrides, and its own command line.

Called by `monitored_task`, `monitored_run` and `parent`, which name the job's run by it, and by `run_info`.

It reads what Hydra knows of the current job of this process, which is the same whichever launcher started the process.
"""

from __future__ import annotations

import re
import sys
from importlib import import_module
from typing import Any, Dict, Iterable, List, Optional, Sequence

from monty_mqtt.sweep_launchers import OVERRIDE

__all__ = ["FLAGS_WITH_A_VALUE", "SWEEP_FLAGS", "command_line", "job_number", "own_overrides"]

_OF_THE_SWEEP = re.compile(r"[+~]{0,2}hydra(\.mode|[./]sweeper|[./]launcher|\.sweep)(?![a-z])")
_OF_THE_MONITOR = re.compile(r"experiment\.config\.(liveview(\.|$)|logging\.run_name$)")
FLAGS_WITH_A_VALUE = frozenset({"-cd", "--config-dir", "-cn", "--config-name", "-cp", "--config-path"})
"""Options of Hydra's command line that take a value."""

SWEEP_FLAGS = frozenset({"-m", "--multirun"})


def job_number() -> Optional[int]:
    """Return the number of the sweep's current job, from 0; None outside a sweep."""
    hydra = _hydra()
    # Hydra sets the number only for the jobs of a sweep, whichever launcher starts them.
    return None if hydra is None or import_module("omegaconf").OmegaConf.is_missing(hydra.job, "num") else hydra.job.num


def own_overrides(words: Optional[Sequence[str]] = None) -> Dict[str, str]:
    """Return the overrides in which this job differs from the others of its sweep: value by configuration key.

    Outside a sweep the other jobs are not known, so all overrides are returned.

    Args:
        words: The command line of the whole sweep; default this process's. An override that has only one value there is
        left out, however the sweeper chose the other values.
    """
    hydra = _hydra()
    if hydra is None:
        return {}
    same: List[str] = []
    if job_number() is not None:
        whole = _parsed(sys.argv[1:] if words is None else words)
        same = [override.key_or_group for override in whole if not override.is_sweep_override()]
    own = [override for override in _parsed(hydra.overrides.task) if override.key_or_group not in same]
    return {
        override.key_or_group: _text_of(override)
        for override in own
        if not _OF_THE_MONITOR.match(override.key_or_group)
    }


def command_line() -> List[str]:
    """Return the command line that runs the current job alone; outside a sweep this process's own command line."""
    hydra = _hydra()
    if hydra is None or job_number() is None:
        return [word for word in sys.argv if word != OVERRIDE]
    of_hydra = [word for word in hydra.overrides.hydra if word != OVERRIDE and not _OF_THE_SWEEP.match(word)]
    return [*sys.argv[:1], *_flags(sys.argv[1:]), *hydra.overrides.task, *of_hydra]


def _hydra() -> Any:
    # Hydra runs nothing in a process that has not imported it.
    module = sys.modules.get("hydra.core.hydra_config")
    return module.HydraConfig.get() if module is not None and module.HydraConfig.initialized() else None


def _parsed(words: Iterable[str]) -> List[Any]:
    parser = import_module("hydra.core.override_parser.overrides_parser").OverridesParser.create()
    overrides = [word for word in words if not word.startswith("-") and ("=" in word or word.startswith("~"))]
    return list(parser.parse_overrides(overrides))


def _text_of(override: Any) -> str:
    if override.is_delete():
        return "(removed)"
    value = override.value()
    return value if isinstance(value, str) else str(override.get_value_element_as_str())


def _flags(words: Sequence[str]) -> List[str]:
    flags: List[str] = []
    rest = iter(words)
    for word in rest:
        if word.startswith("-") and word not in SWEEP_FLAGS:
            flags += [word, next(rest, "")] if word in FLAGS_WITH_A_VALUE else [word]
    return flags
