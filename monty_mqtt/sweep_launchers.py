"""This module refuses a sweep whose launcher nobody has tried: its jobs might run unwatched.

Place in the flow: `run` has Hydra call it (`hydra.callbacks`) with what was composed, before anything is launched; so
it does not matter whether the command line or a YAML file chose the launcher.
"""

from __future__ import annotations

import sys
from typing import Any, List, NoReturn

from monty_mqtt.errors import ConfigError

__all__ = ["OVERRIDE", "SweepCheck"]

OVERRIDE = f"++hydra.callbacks.live_view_launchers._target_={__name__}.SweepCheck"
"""What has Hydra call it."""

_PLUGINS = {
    "basic": "hydra._internal.core_plugins.basic_launcher.BasicLauncher",
    "joblib": "hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher",
    "submitit_local": "hydra_plugins.hydra_submitit_launcher.submitit_launcher.LocalLauncher",
    "submitit_slurm": "hydra_plugins.hydra_submitit_launcher.submitit_launcher.SlurmLauncher",
}
_WRONG_USE = 2


class SweepCheck:
    """Stands for a callback of Hydra's, whose base class only Hydra's users have."""

    def on_multirun_start(self, config: Any, **_: Any) -> None:
        """Leave the process, with one line, where the launcher is none of those that are known to work.

        Raises:
            SystemExit: It is none; an error that is no exit Hydra would turn into a warning.
        """
        launcher = str(config.hydra.launcher["_target_"])
        if launcher not in _PLUGINS.values():
            chosen = config.hydra.runtime.choices.get("hydra/launcher")
            _refuse(f"{chosen} ({launcher})", list(_PLUGINS))

    def on_job_start(self, **_: Any) -> None:
        """Do nothing: Hydra calls every callback for each of these."""

    on_run_start = on_run_end = on_job_end = on_multirun_end = on_job_start


def _refuse(value: str, allowed: List[str]) -> NoReturn:
    error = ConfigError("hydra/launcher", value, f"one of {', '.join(allowed)}")
    print(error, file=sys.stderr)  # noqa: T201 - the command line's answer
    raise SystemExit(_WRONG_USE)
