"""Build, check or serve the front end of the page, `liveview/web`; with Python's standard library only.

usage: python3 tools/web.py build|check|dev

`build`  writes the server's types, `src/server/openapi.ts`, from the `openapi.json` of tools/openapi.py, and then
         `liveview/monty_mqtt_liveview/static`; both are committed: whoever runs the page needs no Node
`check`  says what of it is not as the sources make it, byte by byte; format, lint, types and tests of the sources
`dev`    serves the sources before a running page (MONTY_MQTT_PAGE or http://127.0.0.1:8000), reloaded as they change
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "liveview" / "web"
STATIC = ROOT / "liveview" / "monty_mqtt_liveview" / "static"
LEAST_NODE = (20, 19)
CHECKS = ("api_is_new", "format", "lint", "types", "test")
"""Scripts of package.json."""


def main(word: str) -> int:
    """Do what the word says; return the exit code."""
    lack = lacking()
    if lack:
        must = word != "check" or os.environ.get("CI") == "true"
        print(f"make: the front end is not {'built' if must else 'checked'}: {lack}")
        return 1 if must else 0
    install()
    if word == "check":
        return check()
    if word == "dev":
        os.chdir(WEB)
        os.execv(WEB / "node_modules" / ".bin" / "vite", ["vite"])  # noqa: S606 - it is this process from now on
    return run("api") or run("build")


def run(script: str, *arguments: str) -> int:
    """Run a script of package.json; return the exit code."""
    return subprocess.run(["npm", "run", "--silent", script, "--", *arguments], cwd=WEB, check=False).returncode


def lacking() -> str:
    """Return what is missing to work on the front end; empty if nothing is."""
    needed = f"Node {'.'.join(map(str, LEAST_NODE))} or newer, with npm"
    if not (shutil.which("node") and shutil.which("npm")):
        return f"{needed}, is not installed"
    found = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    numbers = [int(part) for part in re.findall(r"\d+", found)[:2]]
    return "" if tuple(numbers) >= LEAST_NODE else f"it needs {needed}, and this is {found}"


def install() -> None:
    """Install what package-lock.json lists, unless that was done."""
    stamp = WEB / "node_modules" / ".installed"
    wanted = hashlib.sha256((WEB / "package-lock.json").read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    command = ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"]
    if subprocess.run(command, cwd=WEB, check=False).returncode:
        sys.exit("make: npm ci failed in liveview/web")
    stamp.write_text(wanted)


def check() -> int:
    """Compare the committed files with what the sources make, and run `CHECKS`; return the exit code."""
    with tempfile.TemporaryDirectory() as scratch:
        if run("build", "--logLevel=warn", f"--outDir={scratch}"):
            return 1
        built, committed = contents(Path(scratch)), contents(STATIC)
    names = sorted(built.keys() | committed.keys())
    wrong = [name for name in names if built.get(name) != committed.get(name)]
    if wrong:
        print(f"make: not what liveview/web makes: {', '.join(wrong)}; make web builds it, then commit it")
        return 1
    return max(map(run, CHECKS))


def contents(folder: Path) -> dict[str, bytes]:
    """Return the content of each file of a folder, by its path there."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in ("build", "check", "dev"):  # noqa: PLR2004 - the program and one word
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
