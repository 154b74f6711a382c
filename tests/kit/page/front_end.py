"""Modules of the front end as plain scripts, so that Node or a browser runs what is pure in them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from kit.machine.missing import is_missing

WEB = Path(__file__).parents[3] / "liveview" / "web"
SOURCES = WEB / "src"

_INSTALL_SECS = 300
_IMPORT = re.compile(r"^import [^;]*;$", re.MULTILINE)
_EXPORT = re.compile(r"^export (?=async |class |const |function )", re.MULTILINE)
_WITHOUT_TYPES = """
import { readFileSync } from "node:fs";
import ts from "typescript";
const compilerOptions = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext };
process.stdout.write(ts.transpileModule(readFileSync(0, "utf8"), { compilerOptions }).outputText);
"""


def script_of(module: str) -> str:
    """Return a module's text without types, imports and exports; `module` is its path below `src`."""
    text = (SOURCES / module).read_text("utf-8")
    if module.endswith(".ts"):
        _install()
        command = ["node", "--input-type=module", "--eval", _WITHOUT_TYPES]
        done = subprocess.run(command, cwd=WEB, input=text, capture_output=True, text=True, check=True, timeout=60)
        text = done.stdout
    return _EXPORT.sub("", _IMPORT.sub("", text))


def colours() -> dict[str, dict]:
    """Return the page's colours of `statuses`, `outcomes` and `objects`."""
    return json.loads((SOURCES / "look" / "colours.json").read_text())


def _install() -> None:
    """Install the front end's tools, unless they are there."""
    command = [sys.executable, "-c", "import sys, web; sys.exit(web.lacking() or web.install())"]
    tools = WEB.parents[1] / "tools"
    done = subprocess.run(command, cwd=tools, capture_output=True, text=True, check=False, timeout=_INSTALL_SECS)
    if done.returncode:
        is_missing(done.stderr.strip())
