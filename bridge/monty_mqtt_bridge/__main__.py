"""This program starts the bridge: `monty-mqtt-bridge`, also `python -m monty_mqtt_bridge`."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module

from monty_mqtt.errors import MontyMqttError
from monty_mqtt_bridge import healthcheck
from monty_mqtt_bridge.settings import load

__all__ = ["main"]

_OK, _FAILED, _WRONG = 0, 1, 2
_GC_AFTER = 50_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bridge until SIGTERM or SIGINT; return the exit code."""
    try:
        config, ask = load(sys.argv[1:] if arguments is None else arguments, os.environ)
        if ask:
            well, line = healthcheck.ask(config)
            sys.stdout.write(line + "\n")
            return _OK if well else _FAILED
        logging.basicConfig(level=config.log_level.upper(), format="%(asctime)s %(levelname)s %(message)s")
        # Messages are short-lived tuples without cycles; searching for these at every 700 costs a tenth of the rate.
        gc.freeze()
        gc.set_threshold(_GC_AFTER)
        # Here, not above: a health check, every few seconds, would load all of it for nothing.
        bridge = import_module("monty_mqtt_bridge.bridge").Bridge(config)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: bridge.stop())
        bridge.run()
    except MontyMqttError as error:
        sys.stderr.write(f"monty-mqtt-bridge: {error}\n")
        return _WRONG
    return _OK


if __name__ == "__main__":
    sys.exit(main())
