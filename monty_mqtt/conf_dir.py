"""Where the configuration files are: Hydra's for the experiment, the services' for the far side.

Place in the flow: `run` puts this directory on Hydra's search path, the stack starts its services with the files in it.
"""

from __future__ import annotations

from pathlib import Path

from monty_mqtt.errors import ServiceError

__all__ = ["conf_dir"]


def conf_dir() -> Path:
    """Return the directory that holds `experiment/` and `mosquitto/`: in the wheel, else in the checkout.

    Raises:
        ServiceError: It is in neither place; the installation is broken.
    """
    package = Path(__file__).resolve().parent
    # The wheel carries it inside the package, so that no `conf` lands in site-packages; a checkout has it beside.
    candidates = (package / "conf", package.parent / "conf")
    for candidate in candidates:
        if (candidate / "mosquitto").is_dir():
            return candidate
    raise ServiceError(f"no configuration files in {' or '.join(map(str, candidates))}: install monty-mqtt again")
