"""Where the configuration files are: Hydra's for the experiment, the services' and Grafana's for the far side.

Place in the flow: `run` puts this directory on Hydra's search path, the stack starts its services with the files in it.
"""

from __future__ import annotations

from pathlib import Path

from monty_mqtt.errors import ServiceError

__all__ = ["conf_dir", "grafana_dir"]


def conf_dir() -> Path:
    """Return the directory that holds `experiment/` and `mosquitto/`: in the wheel, else in the checkout.

    Raises:
        ServiceError: It is in neither place; the installation is broken.
    """
    return _shipped("conf", "mosquitto")


def grafana_dir() -> Path:
    """Return the directory that holds Grafana's `provisioning/` and `dashboards/`, likewise.

    Raises:
        ServiceError: It is in neither place; the installation is broken.
    """
    return _shipped("grafana", "provisioning")


def _shipped(name: str, part: str) -> Path:
    package = Path(__file__).resolve().parent
    # The wheel carries it inside the package, so that no `conf` lands in site-packages; a checkout has it beside.
    candidates = (package / name, package.parent / name)
    for candidate in candidates:
        if (candidate / part).is_dir():
            return candidate
    raise ServiceError(f"no configuration files in {' or '.join(map(str, candidates))}: install monty-mqtt again")
