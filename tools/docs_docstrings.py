"""Lets descriptions in docstrings go on at the indentation of their names; griffe wants them deeper, as Google does.

An extension of griffe, which reads the API for the documentation; `mkdocs.yml` names it.
"""

from __future__ import annotations

import re

import griffe

SECTION = re.compile(r"(Args|Attributes|Raises):$")
ITEM = re.compile(r" {4}[\w*.]+: ")


class Continued(griffe.Extension):
    """Indents what continues an argument's description."""

    def on_object(self, *, obj: griffe.Object, **_: object) -> None:
        """Indent it in one docstring."""
        if obj.docstring:
            obj.docstring.value = indented(obj.docstring.value)


def indented(docstring: str) -> str:
    """Return the docstring with descriptions indented deeper than the names before them."""
    lines, within = [], False
    for line in docstring.splitlines():
        within = bool(SECTION.match(line)) or (within and line.startswith("    "))
        continues = within and re.match(r" {4}\S", line) and not ITEM.match(line)
        lines.append(f"    {line}" if continues else line)
    return "\n".join(lines)
