"""Every command and code block in README and docs runs."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)
RUN_ELSEWHERE = {
    "make run": "tests/e2e/test_demo.py",
    "MONTY=0 make run": "tests/e2e/test_replayed_demo.py",
    "make test": ".ci/run",
    "make check": ".ci/run",
    "make bench": "tests/e2e/test_make.py",
    "make complexity": "tests/e2e/test_make.py",
    "make test-quick": "tests/e2e/test_make.py",
    "make test-all": ".ci/run",
    "make test-long": "Makefile",
    "make docs": "tests/shipping/test_docs_site.py",
    "make clean": "tests/e2e/test_make.py",
}
"""Commands that take minutes, or would run this test again: the file that runs them."""


class Block(NamedTuple):
    page: Path
    line: int
    language: str
    code: str


def blocks() -> list[Block]:
    found = []
    for page in PAGES:
        text = page.read_text()
        found += [Block(page, text.count("\n", 0, at.start()) + 1, at[1], at[2]) for at in BLOCK.finditer(text)]
    return [block for block in found if block.language in ("bash", "python")]


def without_what_runs_elsewhere(code: str) -> str:
    return "\n".join(line for line in code.splitlines() if line.partition("#")[0].strip() not in RUN_ELSEWHERE)


def test_there_are_blocks_on_every_page():
    assert {block.page for block in blocks()} == set(PAGES)


@pytest.mark.parametrize("command", RUN_ELSEWHERE)
def test_what_runs_elsewhere_does(command):
    assert (
        command in (ROOT / RUN_ELSEWHERE[command]).read_text()
        or command.split()[-1] in (ROOT / RUN_ELSEWHERE[command]).read_text()
    )


@pytest.mark.monty
@pytest.mark.timeout(400)
@pytest.mark.parametrize("block", blocks(), ids=lambda block: f"{block.page.name}:{block.line}")
def test_block_runs(block, far_side, live_run, tmp_path):
    code = without_what_runs_elsewhere(block.code)
    code = re.sub(r"\bRUN\b", live_run.run, code).replace("run.mcap", str(tmp_path / "run.mcap"))
    command = ["bash", "-euo", "pipefail", "-c", code] if block.language == "bash" else [sys.executable, "-c", code]
    environment = {**os.environ, **far_side.environment, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    environment["TMPDIR"] = str(tmp_path)
    environment.update({f"MONTY_{name}": str(tmp_path / name) for name in ("LOGS", "MODELS", "DATA")})
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=380,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, f"{block.page.name}:{block.line}\n{code}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


def test_links_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
            assert target.startswith("https://") or (page.parent / target).exists(), f"{page.name}: {target}"
