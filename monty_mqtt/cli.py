"""The command line, `monty-mqtt`.

Place in the flow: has `cli_parser` parse, then hands over to a module of the stack, imported when its command is
called. Imports on Python 3.8, where `run` alone has something to do.

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
        if sys.stdout is not None:  # else its errors would come when nobody can tell them any more
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
    """Become the experiment: it publishes to a far side that may run elsewhere on this machine."""
    print(f"monty-mqtt: {_no_far_side(error)}; the experiment runs and sends to a bridge if one answers", flush=True)
    python = os.environ.get("MONTY_PYTHON") or sys.executable
    host, _, port = (options.bridge or _known_bridge(options.state_dir)).partition(":")
    if host:
        os.environ.update(MONTY_MQTT_ZMQ_HOST=host, MONTY_MQTT_ZMQ_PORT=port or "5555")
    os.execv(python, [python, "-m", "monty_mqtt.run", *options_of_runner(options)])  # noqa: S606 - the user's own command line


def _known_bridge(state_dir: Optional[str]) -> str:
    """Return HOST:PORT of the bridge that a newer Python runs from the same state directory; empty if none does."""
    try:
        from monty_mqtt_core.settings.state_dir import StateDir  # noqa: PLC0415 - as all of the stack; this module runs on 3.8
    except ImportError:
        return ""
    far_side = StateDir(state_dir).read_far_side()
    bridge = far_side.services.get("bridge") if far_side else None
    return f"{bridge.host}:{bridge.port}" if bridge else ""


def _no_far_side(error: ImportError) -> str:
    if sys.version_info < (3, 11):
        return f"Python {platform.python_version()} has no far side: that needs Python 3.11 or newer"
    return f"the far side is not installed here ({error}): pip install 'monty-mqtt[server]'"


if __name__ == "__main__":
    sys.exit(main())
