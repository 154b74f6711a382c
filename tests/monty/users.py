"""What a user of Monty may bring along: a step hook and a handler of their own. Named in test configurations.

Must not import monty_mqtt: they also run where it is not installed.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
from tbp.monty.frameworks.loggers.monty_handlers import MontyHandler

OF_THE_WHOLE_MODEL = {
    f"episode/{word}" for word in ("correct", "confused", "correct_mlh", "confused_mlh", "no_match", "time_out")
}
"""What Monty says of an episode as a whole; it is in no file but W&B's."""

OVERALL = [
    f"overall/{name}"
    for name in (
        *("num_episodes", "percent_correct", "avg_rotation_error", "avg_num_monty_steps"),
        "avg_num_monty_matching_steps",
    )
]
"""What Monty says of all episodes of a mode so far."""


class DigestHook:
    """Writes one line per step: a digest of everything the learning modules hold; can also end the run in bad ways."""

    def __init__(self, path: str, die_at: int = -1, how: str = "never") -> None:
        self._path = Path(path)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text("")
        self._die_at = die_at
        self._how = how
        self._calls = 0

    def __call__(self, _ctx: Any, monty: Any, _ids: Any, step: int, _observations: Any, actions: Any) -> Any:
        with self._path.open("a") as lines:
            lines.write(f"{step} {digest(monty)} {[action.name for action in actions]}\n")
        if self._calls == self._die_at:
            self._die()
        self._calls += 1
        return actions

    def _die(self) -> None:
        if self._how == "exception":
            raise ValueError("the user's own hook fails")
        os.kill(os.getpid(), getattr(signal, self._how))

    def close(self) -> None:
        with self._path.open("a") as lines:
            lines.write("closed\n")


class MemoryHook(DigestHook):
    """Writes beside it what Monty's graph memory holds before each episode and at the end, and what sampling tells."""

    def __init__(self, path: str, die_at: int = -1, how: str = "never") -> None:
        super().__init__(path, die_at, how)
        self._memory = self._path.with_suffix(".json")
        self._memory.write_text("")
        self._monty: Any = None
        self._last_step = -1

    def __call__(self, _ctx: Any, monty: Any, _ids: Any, step: int, _observations: Any, actions: Any) -> Any:
        self._monty = monty
        if step <= self._last_step or self._last_step < 0:
            self._write({"nodes": nodes_of(monty)})
        self._last_step = step
        self._write({"sampled": {lm.learning_module_id: sampled(lm) for lm in monty.learning_modules}})
        return super().__call__(_ctx, monty, _ids, step, _observations, actions)

    def close(self) -> None:
        self._write({"nodes": nodes_of(self._monty)})
        super().close()

    def _write(self, what: dict[str, Any]) -> None:
        with self._memory.open("a") as lines:
            lines.write(json.dumps(what) + "\n")


def nodes_of(monty: Any) -> dict[str, dict[str, int]]:
    """Return what Monty's own function says of each graph in memory; modules without graphs are left out."""
    memories = {lm.learning_module_id: lm.graph_memory for lm in monty.learning_modules}
    return {
        name: {graph: int(memory.get_num_nodes_in_graph(graph)) for graph in memory.get_memory_ids()}
        for name, memory in memories.items()
        if memory.get_memory_ids()
    }


def sampled(lm: Any) -> dict[str, Any] | None:
    """Return what burst sampling tells by its own telemetry, `include_telemetry`; None without it."""
    telemetry = getattr(lm, "hypotheses_updater_telemetry", {})
    told = [one for one in telemetry.values() if "added_ids" in one]
    if not told:
        return None
    ages = telemetry.get(lm.current_mlh["graph_id"], {}).get("ages", np.array([]))
    slopes = {float(one["max_slope"]) for one in told}
    return {
        "hypotheses_added": sum(len(one["added_ids"]) for one in told),
        "hypotheses_removed": sum(len(one["removed_ids"]) for one in told),
        "hypothesis_age_median": float(np.median(ages)) if len(ages) else None,
        "hypothesis_age_max": int(ages.max()) if len(ages) else None,
        "evidence_slope_max": max(slopes) if max(slopes) > -math.inf else None,
    }


class CountingHandler(MontyHandler):
    """Writes one line per episode."""

    def __init__(self, path: str) -> None:
        self._path = path

    def report_episode(self, data: Any, _output_dir: Any, episode: int, mode: Any = None, **_: Any) -> None:
        overall = data["BASIC"][f"{mode}_overall_stats"][episode]
        of_model = {key: int(value) for key, value in overall.items() if key in OF_THE_WHOLE_MODEL}
        of_model |= {key: float(overall[key]) for key in OVERALL}
        with Path(self._path).open("a") as lines:
            lines.write(json.dumps({"mode": str(mode), "episode": episode, **of_model}) + "\n")

    def close(self) -> None:
        with Path(self._path).open("a") as lines:
            lines.write("closed\n")

    @classmethod
    def log_level(cls) -> str:
        return "BASIC"


def digest(monty: Any) -> str:
    text = hashlib.sha256()
    for lm in monty.learning_modules:
        stats = {key: value for key, value in lm.buffer.stats.items() if "time" not in key}
        text.update(repr(sorted(lm.buffer.stats)).encode())
        text.update(repr(stats).encode())
        text.update(repr(getattr(lm, "current_mlh", None)).encode())
        for graph, space in sorted(getattr(lm, "_hypotheses", {}).items()):
            for array in (space.evidence, space.locations, space.poses, space.possible):
                text.update(graph.encode() + array.tobytes())
        text.update(repr((lm.get_possible_matches(), lm.terminal_state, lm.stepwise_targets_list)).encode())
    return text.hexdigest()[:16]
