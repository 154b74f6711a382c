"""This module makes foreign text safe for a terminal, and lets output end quietly when the terminal goes away.

Called by the command line and the stack before they print.

Names of runs, workers and objects come from a user, or from a stranger: they must not move the reader's cursor, nor
end a line early.
"""

from __future__ import annotations

import os
import sys

__all__ = ["abandon_stdout", "one_line", "take_any_character"]


def one_line(text: str) -> str:
    """Return the text with a space in place of each character that is not printable."""
    return text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)


def take_any_character() -> None:
    """Let stdout and stderr write a character that their encoding lacks as an escape, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # closed, or replaced by a test
            stream.reconfigure(errors="backslashreplace")


def abandon_stdout() -> None:
    """Discard all further output, because nothing reads it or its disk is full."""
    if sys.stdout is None:  # closed before this program began
        return
    devnull = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(devnull, sys.stdout.fileno())
    finally:
        os.close(devnull)
