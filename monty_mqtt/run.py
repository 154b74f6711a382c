"""`python -m monty_mqtt.run experiment=NAME [overrides…] [--parallel N]`: Monty's own runners, monitored.

Place in the flow: the outermost edge. Monty's `main` does everything; a Hydra callback of ours, named on its command
line, puts our experiment class before the configured one, whichever experiment it is. With `--parallel N` it is Monty's
`run_parallel`, with at most N processes at once.

Exit codes: 0 done, 1 failed, 2 wrong use, 3 aborted by command, 130 Ctrl+C.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import sys
from importlib import import_module
from typing import Any, List, Optional, Tuple

from monty_mqtt.conf_dir import conf_dir
from monty_mqtt.errors import ConfigError
from monty_mqtt.parallel import ParallelCallback

__all__ = [
    "ABORTED",
    "LiveViewCallback",
    "arguments",
    "main",
    "monitored",
    "render_without_a_screen",
    "run_parallel",
    "split_parallel",
]

ABORTED = 3
"""Exit code after an abort or stop by command."""

_FAILED = 1
_INTERRUPTED = 130
_WRONG_USE = 2
_MOST_PROCESSES = 1024
_OURS = "monty_mqtt.experiment.MontyExperimentWithLiveView"
_CALLBACK = "+hydra.callbacks.live_view._target_=monty_mqtt.run.LiveViewCallback"
_PARALLEL_CALLBACK = "++hydra.callbacks.live_view_parallel._target_=monty_mqtt.parallel.ParallelCallback"
_SEARCH_PATH = re.compile(r"^(\+{0,2}hydra\.searchpath=)\[(.*)\]$", re.DOTALL)


class LiveViewCallback:
    """Hydra callback: makes the chosen experiment a monitored one before it is run."""

    def on_run_start(self, config: Any, **_: Any) -> None:
        """Rewrite the configuration in place, before Monty sees it."""
        name = str(config.hydra.runtime.choices.get("experiment", ""))
        with import_module("omegaconf").open_dict(config):
            monitored(config.experiment, name, dt.datetime.now(dt.timezone.utc))

    def __getattr__(self, name: str) -> Any:
        """Return something that does nothing for the callback's other occasions (`on_job_end`, …)."""
        if name.startswith("on_"):
            return lambda **_: None
        raise AttributeError(name)


def monitored(experiment: Any, name: str, now: dt.datetime) -> None:
    """Change an experiment's configuration so that it runs monitored; what the user set stays.

    Args:
        experiment: The `experiment` node, open to new keys.
        name: Hydra's choice.
        now: When the run starts; makes its id the same in all its processes.
    """
    if experiment["_target_"] != _OURS:
        experiment["experiment_class"] = experiment["_target_"]
        experiment["_target_"] = _OURS
    config = experiment["config"]
    live = dict(config.get("liveview") or {})
    defaults = {"experiment": name, "started": now.isoformat(), "abort_exit_code": ABORTED}
    config["liveview"] = {**defaults, **live}


def arguments(given: List[str], conf: str) -> List[str]:
    """Return Hydra's command line: what was given, our callback, and our conf directory on the search path."""
    ours = f"file://{conf}"
    found = False
    out = []
    for argument in given:
        match = _SEARCH_PATH.match(argument)
        found = found or match is not None
        out.append(f"{match[1]}[{','.join(filter(None, [match[2].strip(), ours]))}]" if match else argument)
    return [*out, *([] if found else [f"hydra.searchpath=[{ours}]"]), _CALLBACK]


def render_without_a_screen() -> None:
    """Let MuJoCo render through EGL where there is no display: its own default crashes there (gladLoadGL error)."""
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        os.environ.setdefault("MUJOCO_GL", "egl")


def main() -> int:
    """Run Monty with this process's command line; return the exit code."""
    try:
        given, processes = split_parallel(sys.argv[1:])
    except ConfigError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the command line's answer
        return _WRONG_USE
    render_without_a_screen()
    import_module("tbp.monty.frameworks.run_env").setup_env()
    sys.argv[1:] = arguments(given, str(conf_dir()))
    try:
        if processes is not None:
            return run_parallel(processes)
        import_module("tbp.monty.frameworks.run").main()
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0


def run_parallel(processes: int) -> int:
    """Run Monty's parallel runner with this process's command line; return the exit code."""
    sys.argv += [f"num_parallel={processes}", _PARALLEL_CALLBACK]
    try:
        import_module("tbp.monty.frameworks.run_parallel").main()
    except BaseException as error:
        if ParallelCallback.parent is not None:
            ParallelCallback.parent.end(error)
        raise
    parent = ParallelCallback.parent
    if parent is not None and parent.cut_short is not None:
        return ABORTED
    return _FAILED if parent is not None and parent.lost else 0


def split_parallel(given: List[str]) -> Tuple[List[str], Optional[int]]:
    """Return the command line without `--parallel N` (or `--parallel=N`), and N where it was there.

    Raises:
        ConfigError: N is no number of processes.
    """
    rest: List[str] = []
    wanted: Optional[str] = None
    words = iter(given)
    for word in words:
        if word == "--parallel":
            wanted = next(words, "")
        elif word.startswith("--parallel="):
            wanted = word.partition("=")[2]
        else:
            rest.append(word)
    if wanted is None:
        return rest, None
    if not wanted.isdecimal() or not 1 <= int(wanted) <= _MOST_PROCESSES:
        raise ConfigError("--parallel", wanted, f"a whole number from 1 to {_MOST_PROCESSES}")
    return rest, int(wanted)


if __name__ == "__main__":
    # Hydra imports the callback from monty_mqtt.run, which would be another module than this one.
    sys.exit(import_module("monty_mqtt.run").main())
