"""One job of a Hydra sweep: its number, what tells it from the others, and the command line that is its own.

Place in the flow: `monitored_task` names the job's run by it, `run_info` publishes what it says. Reads what Hydra knows
of the job that is under way in this process; it is the same whichever launcher started the process.
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
"""Of Hydra's command line."""

SWEEP_FLAGS = frozenset({"-m", "--multirun"})


def job_number() -> Optional[int]:
    """Return the number of the sweep's job that is under way, from 0; None where it is no sweep."""
    hydra = _hydra()
    # Hydra sets it for the jobs of a sweep only, whoever launches them.
    return None if hydra is None or import_module("omegaconf").OmegaConf.is_missing(hydra.job, "num") else hydra.job.num


def own_overrides(words: Optional[Sequence[str]] = None) -> Dict[str, str]:
    """Return the overrides that tell this job from the others of its sweep: value by configuration key.

    Outside of a sweep nobody says what the others are: then it is all that was overridden.

    Args:
        words: The command line of the whole sweep; default this process's. What has one value there is left out, in
            whatever way the sweeper came to the others.
    """
    hydra = _hydra()
    if hydra is None:
        return {}
    same: List[str] = []
    if job_number() is not None:
        whole = _parsed(sys.argv[1:] if words is None else words)
        same = [one.key_or_group for one in whole if not one.is_sweep_override()]
    own = [one for one in _parsed(hydra.overrides.task) if one.key_or_group not in same]
    return {one.key_or_group: _text_of(one) for one in own if not _OF_THE_MONITOR.match(one.key_or_group)}


def command_line() -> List[str]:
    """Return the command line that runs what is under way: this process's, or of a sweep what is the job's own."""
    hydra = _hydra()
    if hydra is None or job_number() is None:
        return [word for word in sys.argv if word != OVERRIDE]
    of_hydra = [word for word in hydra.overrides.hydra if word != OVERRIDE and not _OF_THE_SWEEP.match(word)]
    return [*sys.argv[:1], *_flags(sys.argv[1:]), *hydra.overrides.task, *of_hydra]


def _hydra() -> Any:
    # Where nobody imported it, Hydra runs nothing.
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
    found: List[str] = []
    rest = iter(words)
    for word in rest:
        if word.startswith("-") and word not in SWEEP_FLAGS:
            found += [word, next(rest, "")] if word in FLAGS_WITH_A_VALUE else [word]
    return found
