"""This module finds the configuration files: Hydra's for the experiment, and those of the services and Grafana.

Called by `run`, which puts `conf/` on Hydra's search path, and by the stack, which starts its services with the files.
"""

from __future__ import annotations

from pathlib import Path

from monty_mqtt.errors import ServiceError

__all__ = ["conf_dir", "grafana_dir"]


def conf_dir() -> Path:
    """Return the directory that holds `experiment/` and `mosquitto/`: the wheel's, or else the checkout's.

    Raises:
        ServiceError: The directory is in neither place; the installation is broken.
    """
    return _shipped("conf", "mosquitto")


def grafana_dir() -> Path:
    """Return the directory that holds Grafana's `provisioning/` and `dashboards/`, found in the same way.

    Raises:
        ServiceError: The directory is in neither place; the installation is broken.
    """
    return _shipped("grafana", "provisioning")


def _shipped(name: str, part: str) -> Path:
    package = Path(__file__).resolve().parent
    # The wheel carries the directory inside the package, so that no `conf` lands in site-packages; a checkout has it
    # beside the package.
    candidates = (package / name, package.parent / name)
    for candidate in candidates:
        if (candidate / part).is_dir():
            return candidate
    raise ServiceError(f"no configuration files in {' or '.join(map(str, candidates))}: install monty-mqtt again")
