"""This module refuses a sweep with a launcher that has not been tested, because its jobs might run unwatched.

Called by Hydra (`hydra.callbacks`) with the composed configuration, before it launches a job; so it does not matter
whether the command line or a YAML file chose the launcher.
"""

from __future__ import annotations

import sys
from typing import Any, List, NoReturn

from monty_mqtt.errors import ConfigError

__all__ = ["OVERRIDE", "SweepCheck"]

OVERRIDE = f"++hydra.callbacks.live_view_launchers._target_={__name__}.SweepCheck"
"""The override that makes Hydra call `SweepCheck`."""

_PLUGINS = {
    "basic": "hydra._internal.core_plugins.basic_launcher.BasicLauncher",
    "joblib": "hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher",
    "submitit_local": "hydra_plugins.hydra_submitit_launcher.submitit_launcher.LocalLauncher",
    "submitit_slurm": "hydra_plugins.hydra_submitit_launcher.submitit_launcher.SlurmLauncher",
}
_WRONG_USE = 2


class SweepCheck:
    """SweepCheck is a callback of Hydra; it does without the base class, which needs Hydra installed."""

    def on_multirun_start(self, config: Any, **_: Any) -> None:
        """Exit with one line if the launcher is not one of those that are known to work.

        Raises:
            SystemExit: The launcher is not known. Hydra would turn any other exception into a warning.
        """
        launcher = str(config.hydra.launcher["_target_"])
        if launcher not in _PLUGINS.values():
            chosen = config.hydra.runtime.choices.get("hydra/launcher")
            _refuse(f"{chosen} ({launcher})", list(_PLUGINS))

    def on_job_start(self, **_: Any) -> None:
        """Do nothing; Hydra calls every callback for each of these events."""

    on_run_start = on_run_end = on_job_end = on_multirun_end = on_job_start


def _refuse(value: str, allowed: List[str]) -> NoReturn:
    error = ConfigError("hydra/launcher", value, f"one of {', '.join(allowed)}")
    print(error, file=sys.stderr)  # noqa: T201 - the command line's answer
    raise SystemExit(_WRONG_USE)
