"""This module reads those values of options of `monty-mqtt` that are more than text: ports, seconds, directories.

Called by `cli_parser`. It can be imported on Python 3.8.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

__all__ = ["directory", "port", "secs", "whole"]


def port(text: str) -> int:
    """Return a TCP port.

    Raises:
        ArgumentTypeError: The text is none.
    """
    if not text.isdecimal() or int(text) > 65535:  # noqa: PLR2004 - TCP's highest
        raise argparse.ArgumentTypeError(f"{text!r} is not a TCP port (0 to 65535)")
    return int(text)


def secs(text: str) -> float:
    """Return a number of seconds, more than 0.

    Raises:
        ArgumentTypeError: The text is none.
    """
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds (more than 0)")
    return number


def whole(things: str, text: str) -> int:
    """Return a number of things, 1 or more.

    Raises:
        ArgumentTypeError: The text is none.
    """
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of {things} (1 or more)")
    return int(text)


def directory(text: str) -> Path:
    """Return the absolute path of a directory that exists.

    Raises:
        ArgumentTypeError: There is none.
    """
    path = Path(text).expanduser().absolute()
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is not a directory")
    return path
