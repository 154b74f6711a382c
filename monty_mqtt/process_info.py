"""This module describes the process of a broadcaster without an experiment, and how its `with` block ended.

Called by `broadcaster`. A Monty experiment publishes more, from `run_info`.
"""

from __future__ import annotations

import os
import platform
import socket
import traceback
from typing import Any, Dict, Optional

from monty_mqtt import __version__
from monty_mqtt.end_signals import name_of_exit
from monty_mqtt.errors import AbortRequested
from monty_mqtt.masking.secret_texts import masked_forms
from monty_mqtt.wire.json_values import plain
from monty_mqtt.wire.schema import SCHEMA_VERSION

__all__ = ["outcome", "this_process"]


def this_process(run: str) -> Dict[str, Any]:
    """Return the fields of an `info` message. The command line is left out, because it may hold secrets."""
    environment = os.environ.get("CONDA_DEFAULT_ENV") or os.environ.get("VIRTUAL_ENV", "").rpartition("/")[2]
    return {
        "schema_version": SCHEMA_VERSION,
        "experiment": run,
        "versions": {"python": platform.python_version(), "monty-mqtt": __version__},
        "host": plain(socket.gethostname())[0],
        "pid": os.getpid(),
        "environment": plain(environment)[0] or None,
    }


def outcome(error: Optional[BaseException]) -> Dict[str, Any]:
    """Return the fields of the final `status` message of a block that the exception `error` left (None: no exception).

    In the error's text a secret that is recognised by its form (a password in an address) is masked, too.
    """
    if error is None or (isinstance(error, SystemExit) and error.code in (None, 0)):
        return {"status": "completed"}
    if isinstance(error, SystemExit) and (name := name_of_exit(error.code)):  # from a signal handler of the user
        return {"status": "aborted", "reason": name}
    if isinstance(error, (KeyboardInterrupt, AbortRequested)):
        return {"status": "aborted", "reason": plain(str(error))[0] or type(error).__name__}
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    return {
        "status": "error",
        "error_type": f"{type(error).__module__}.{type(error).__qualname__}",
        "error_message": masked_forms(plain(str(error))[0]),
        "error_traceback": masked_forms(plain("".join(lines))[0]),
    }
