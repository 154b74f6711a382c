"""This program runs Monty's own runners monitored: `python -m monty_mqtt.run experiment=NAME [overrides…]`.

Called by the shell; hands over to Monty's `main` through Hydra and `monitored_task`.

`monitored_task` puts the monitored experiment class before the configured one, whichever experiment it is. With
`--parallel N` Monty's `run_parallel` runs, with at most N processes at once. With `-m` or `hydra.mode=MULTIRUN` it is
a sweep: each job is a run of its own.

Exit codes: 0 done, 1 failed, 2 wrong use, 3 aborted by command, 130 Ctrl+C, 143 SIGTERM, 129 SIGHUP.
"""

from __future__ import annotations

import os
import re
import sys
from importlib import import_module
from typing import List, Optional, Tuple

from monty_mqtt.conf_files import conf_dir
from monty_mqtt.end_signals import leave_on_signals
from monty_mqtt.errors import ConfigError
from monty_mqtt.monitored_task import MonitoredTask, RunNaming, render_without_a_screen
from monty_mqtt.parallel.parent import RUNNER as PARALLEL_RUNNER
from monty_mqtt.sweep_job import SWEEP_FLAGS
from monty_mqtt.sweep_launchers import OVERRIDE

__all__ = ["arguments", "main", "split_parallel"]

_INTERRUPTED = 130
_WRONG_USE = 2
_MOST_PROCESSES = 1024
_RUNNER = "tbp.monty.frameworks.run"
_SEARCH_PATH = re.compile(r"^(\+{0,2}hydra\.searchpath=)\[(.*)\]$", re.DOTALL)


def arguments(given: List[str], conf: str) -> List[str]:
    """Return Hydra's command line: the given arguments, with our conf directory on the search path.

    `-m` comes first: behind an override, Hydra accepts no further one (argparse).
    """
    ours = f"file://{conf}"
    has_match = False
    out = []
    for argument in sorted(given, key=lambda word: word not in SWEEP_FLAGS):
        match = _SEARCH_PATH.match(argument)
        has_match = has_match or match is not None
        out.append(f"{match[1]}[{','.join(filter(None, [match[2].strip(), ours]))}]" if match else argument)
    return [*out, *([] if has_match else [f"hydra.searchpath=[{ours}]"])]


def main() -> int:
    """Run Monty with this process's command line; return the exit code."""
    try:
        given, processes = split_parallel(sys.argv[1:])
    except ConfigError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the command line's answer
        return _WRONG_USE
    leave_on_signals()
    render_without_a_screen()
    import_module("tbp.monty.frameworks.run_env").setup_env()
    number = [] if processes is None else [f"num_parallel={processes}"]
    sys.argv[1:] = [*arguments(given, str(conf_dir())), *number, OVERRIDE]
    task = MonitoredTask(_RUNNER if processes is None else PARALLEL_RUNNER, RunNaming.taken_from(os.environ))
    try:
        # As in both of Monty's runners (0.54, 0.55).
        hydra_main = import_module("hydra").main(config_path="../conf", config_name="experiment", version_base=None)
        hydra_main(task)()
    except KeyboardInterrupt:
        return _INTERRUPTED
    return task.code


def split_parallel(given: List[str]) -> Tuple[List[str], Optional[int]]:
    """Return the command line without `--parallel N` (or `--parallel=N`), and N, or None if it is not given.

    Raises:
        ConfigError: N is not a valid number of processes.
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
    sys.exit(main())
