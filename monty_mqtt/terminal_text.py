"""What comes from elsewhere, made safe for a terminal; and a terminal that goes away.

Place in the flow: the command line and the stack print through here. Names of runs, workers and objects are a user's,
or a stranger's: they must not move the reader's cursor, nor end a line early.
"""

from __future__ import annotations

import os
import sys

__all__ = ["abandon_stdout", "one_line", "take_any_character"]


def one_line(text: str) -> str:
    """Return the text with a space in place of each character that is not printable."""
    return text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)


def take_any_character() -> None:
    """Let stdout and stderr show what their encoding lacks as an escape, instead of failing at it."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # closed, or a test's
            stream.reconfigure(errors="backslashreplace")


def abandon_stdout() -> None:
    """Write what is still to come nowhere: nobody reads it, or its disk is full."""
    if sys.stdout is None:  # closed before we began
        return
    devnull = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(devnull, sys.stdout.fileno())
    finally:
        os.close(devnull)
