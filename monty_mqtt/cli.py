"""This module is the command line, `monty-mqtt`.

Called by the shell; parses with `cli_parser` and hands over to the stack's module of the command, imported only then.
It can be imported on Python 3.8, where `run` is the only command that works.

Exit codes: 0 done, 1 failed, 2 wrong use, 3 aborted by command, 130 Ctrl+C.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import sys
from typing import Optional, Sequence

from monty_mqtt.cli_parser import WRONG_USE, make_parser, options_of_runner
from monty_mqtt.errors import ConfigError, MontyMqttError
from monty_mqtt.terminal_text import abandon_stdout, one_line, take_any_character

__all__ = ["main"]

_FAILED = 1
_INTERRUPTED = 130


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run a command; return its exit code."""
    options = make_parser().parse_args(argv)
    take_any_character()
    try:
        code = _dispatch(options)
        if sys.stdout is not None:  # otherwise an error in writing would come when it can no longer be reported
            sys.stdout.flush()
    except MontyMqttError as error:
        _complain(str(error))
        return WRONG_USE if isinstance(error, ConfigError) else _FAILED
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:  # `monty-mqtt tail | head`
        abandon_stdout()
        return 0
    except OSError as error:
        _complain(f"{error.filename or 'output'}: {error.strerror or error}")
        abandon_stdout()
        return _FAILED
    return code


def _complain(text: str) -> None:
    print(f"monty-mqtt: {one_line(text)}", file=sys.stderr)


def _dispatch(options: argparse.Namespace) -> int:
    try:
        module = importlib.import_module(f"monty_mqtt_stack.commands.{options.module}")
    except ImportError as error:  # Python 3.8, or the extra `server` is not installed
        if options.module == "run" and options.function == "command":
            return _run_alone(options, error)
        _complain(_no_far_side(error))
        return _FAILED
    return int(getattr(module, options.function)(options))


def _run_alone(options: argparse.Namespace, error: ImportError) -> int:
    """Replace this process by the experiment, which publishes to a bridge elsewhere on this machine if there is one."""
    print(f"monty-mqtt: {_no_far_side(error)}; the experiment runs and sends to a bridge if one answers", flush=True)
    python = os.environ.get("MONTY_PYTHON") or sys.executable
    bridge = options.bridge or _known_bridge(options.state_dir)
    if bridge.startswith("tcp://"):
        os.environ["MONTY_MQTT_BRIDGE"] = bridge
    elif bridge:
        host, _, port = bridge.partition(":")
        os.environ.update(MONTY_MQTT_ZMQ_HOST=host, MONTY_MQTT_ZMQ_PORT=port or "5555")
    os.execv(python, [python, "-m", "monty_mqtt.run", *options_of_runner(options)])  # noqa: S606 - the user's own command line


def _known_bridge(state_dir: Optional[str]) -> str:
    """Return the URL of the bridge that a newer Python runs from the same state directory; empty if there is none."""
    try:
        from monty_mqtt_core.settings.state_dir import StateDir  # noqa: PLC0415 - not on Python 3.8
    except ImportError:
        return ""
    far_side = StateDir(state_dir).read_far_side()
    bridge = far_side.services.get("bridge") if far_side else None
    return bridge.url if bridge else ""


def _no_far_side(error: ImportError) -> str:
    if sys.version_info < (3, 11):
        return f"Python {platform.python_version()} has no far side: that needs Python 3.11 or newer"
    return f"the far side is not installed here ({error}): pip install 'monty-mqtt[server]'"


if __name__ == "__main__":
    sys.exit(main())
