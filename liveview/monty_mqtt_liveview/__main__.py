"""Starts the page: the console script `monty-mqtt-liveview`, also `python -m monty_mqtt_liveview`."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module

from monty_mqtt.errors import MontyMqttError
from monty_mqtt_liveview.settings import load
from monty_mqtt_liveview.web import health

__all__ = ["main"]

_OK, _FAILED, _WRONG = 0, 1, 2


class _SignalArrived(BaseException):
    """Signals SIGTERM or SIGINT; it is raised wherever the program is at that moment."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the page until SIGTERM or SIGINT; return the exit code."""
    try:
        options = load(sys.argv[1:] if arguments is None else arguments, os.environ)
        if options.healthcheck:
            well, line = health.ask(options.config)
            sys.stdout.write(line + "\n")
            return _OK if well else _FAILED
        logging.basicConfig(level=options.config.log_level.upper(), format="%(asctime)s %(levelname)s %(message)s")
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _stop)
        # Imported here, not above: a health check, every few seconds, would load all of it for nothing.
        import_module("monty_mqtt_liveview.app").run(options)
    except MontyMqttError as error:
        sys.stderr.write(f"monty-mqtt-liveview: {error}\n")
        return _WRONG
    except _SignalArrived:
        pass
    return _OK


def _stop(*_: object) -> None:
    raise _SignalArrived


if __name__ == "__main__":
    sys.exit(main())
