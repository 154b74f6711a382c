"""This module makes the id of a run and the name of a worker within it.

Called by `monitored_run`, `monitored_task` and `parent`; the broadcaster puts both names into every message.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from typing import NamedTuple, Optional

from monty_mqtt.config import LiveViewConfig
from monty_mqtt.errors import ConfigError

__all__ = ["RunIdentity", "identify"]

_PARALLEL = re.compile(r"^(?P<base>.*?)-?(?P<worker>parallel_(?:eval|train)_episode_.+)$", re.DOTALL)
"""The run name that Monty's parallel runner gives each worker's experiment (0.55, run_parallel.py)."""


class RunIdentity(NamedTuple):
    """RunIdentity is the run's id, shared by all its processes, and the name of this experiment object within it."""

    run: str
    worker: str


def identify(
    config: LiveViewConfig, run_name: str, now: dt.datetime, salt: str, number: Optional[int] = None
) -> RunIdentity:
    """Return the identity of an experiment object.

    The run's id is `<run name or experiment>-<UTC time>-<4 hex>`. The time is the configuration's `started`, which all
    processes of a parallel run share, and the hex digits follow from it; only without `started` they come from `salt`.

    Args:
        config: Gives the id itself (`run`), or the start time and the name of the experiment.
        run_name: Monty's `logging.run_name`; its ending tells the workers of a parallel run apart.
        now: The time, with time zone; used if the configuration has no `started`.
        salt: A random text; used if the configuration has no `started`.
        number: Number of the job in a sweep, because all its jobs may have the same name and start time.

    Raises:
        ConfigError: `started` is not a valid time.
    """
    match = _PARALLEL.match(run_name)
    base = match["base"] if match else run_name
    worker = match["worker"] if match else "main"
    if config.run:
        return RunIdentity(config.run, worker)
    name = base or config.experiment.rpartition("/")[2] or "experiment"
    started = _started(config.started) if config.started else now
    digest = hashlib.sha256(f"{name} {config.started or salt}".encode("utf-8", "surrogatepass")).hexdigest()
    stamp = started.astimezone(dt.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    numbered = name if number is None else f"{name}-{number}"
    return RunIdentity(f"{numbered}-{stamp}-{digest[:4]}", worker)


def _started(text: str) -> dt.datetime:
    try:
        # A time without a time zone is local time, as from Hydra's ${now:}; `astimezone` reads it as such.
        return dt.datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError("experiment.config.liveview.started", text, "a time such as 2026-11-23T14:05:06") from None
