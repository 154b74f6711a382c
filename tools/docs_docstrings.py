"""This extension of griffe accepts descriptions that continue at the indentation of their names.

griffe reads the API for the documentation and expects them deeper, as in Google's style; `mkdocs.yml` names this file.
"""

from __future__ import annotations

import re

import griffe

SECTION = re.compile(r"(Args|Attributes|Raises):$")
ITEM = re.compile(r" {4}[\w*.]+: ")


class Continued(griffe.Extension):
    """Continued indents the further lines of an argument's description."""

    def on_object(self, *, obj: griffe.Object, **_: object) -> None:
        """Indent these lines in one docstring."""
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
