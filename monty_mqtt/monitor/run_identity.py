"""Who a process is within a run: the run's id and the worker's name.

Place in the flow: `experiment` asks once per experiment object; the broadcaster stamps both on every message.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from typing import NamedTuple, Optional

from monty_mqtt.config import LiveViewConfig
from monty_mqtt.errors import ConfigError

__all__ = ["Identity", "identify"]

_PARALLEL = re.compile(r"^(?P<base>.*?)-?(?P<worker>parallel_(?:eval|train)_episode_.+)$", re.DOTALL)
"""How Monty's parallel runner names what it makes of one experiment (0.55, run_parallel.py)."""


class Identity(NamedTuple):
    """The run's id, shared by all its processes, and the name of this experiment object within it."""

    run: str
    worker: str


def identify(
    config: LiveViewConfig, run_name: str, now: dt.datetime, salt: str, number: Optional[int] = None
) -> Identity:
    """Return who an experiment object is.

    The run's id is `<run name or experiment>-<UTC time>-<4 hex>`. The time is the configuration's `started`, which all
    processes of a parallel run are given, and the hex digits follow from it; only without it they come from `salt`.

    Args:
        config: Names the run outright (`run`), or when it started and which experiment it is.
        run_name: Monty's `logging.run_name`; its ending tells the workers of a parallel run apart.
        now: The time, with time zone, where the configuration does not say when the run started.
        salt: Something random, where the configuration does not say when the run started.
        number: Of the job in a sweep; all jobs may have one name and one start.

    Raises:
        ConfigError: `started` is no time.
    """
    match = _PARALLEL.match(run_name)
    base = match["base"] if match else run_name
    worker = match["worker"] if match else "main"
    if config.run:
        return Identity(config.run, worker)
    name = base or config.experiment.rpartition("/")[2] or "experiment"
    started = _started(config.started) if config.started else now
    digest = hashlib.sha256(f"{name} {config.started or salt}".encode("utf-8", "surrogatepass")).hexdigest()
    stamp = started.astimezone(dt.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    numbered = name if number is None else f"{name}-{number}"
    return Identity(f"{numbered}-{stamp}-{digest[:4]}", worker)


def _started(text: str) -> dt.datetime:
    try:
        # Without a time zone it is local time, as Hydra's ${now:} gives it; `astimezone` takes it so.
        return dt.datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError("experiment.config.liveview.started", text, "a time such as 2026-11-23T14:05:06") from None
