"""`make docs`: links lead somewhere, every page is in the navigation, diagrams need nothing from elsewhere."""

from __future__ import annotations

import functools
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from kit.machine.missing import is_missing
from playwright.sync_api import sync_playwright
from watching import CHROMIUM, QUIET

ROOT = Path(__file__).resolve().parent.parent.parent
LINKED = ("liveview", "monty_mqtt", "tools")
DIAGRAM = """# A diagram

```mermaid
flowchart LR
  experiment -->|ZMQ| bridge -->|MQTT| page
```

[The licence](../LICENSE), [the beginning](../README.md#you-run-experiments), [who may do what](../conf/mosquitto/acl).
"""
DIAGRAMS = (ROOT / "docs" / "architecture.md").read_text().count("```mermaid")
DRAWN = "one => one.clientHeight > 30"


def build(config: Path, site: Path) -> subprocess.CompletedProcess[str]:
    (command,) = re.findall(r"\$\(VENV\)/(mkdocs .*)", (ROOT / "Makefile").read_text())
    program, *words = command.split()
    assert words == ["build", "--strict"]
    return subprocess.run(
        [Path(sys.executable).with_name(program), *words, "--config-file", config, "--site-dir", site],
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        cwd=config.parent,
        capture_output=True,
        text=True,
        check=False,
    )


def copied(folder: Path, **pages: str) -> Path:
    """Make a checkout with further pages in docs/; return its mkdocs.yml, which has those that are named `diagram`."""
    shutil.copytree(ROOT / "docs", folder / "docs")
    others = (ROOT / name for name in ("LICENSE", "mkdocs.yml", "conf/mosquitto/acl", "tests/README.md"))
    for path in [*ROOT.glob("*.md"), *others]:
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    for name in LINKED:
        (folder / name).symlink_to(ROOT / name)
    for name, text in pages.items():
        (folder / "docs" / f"{name}.md").write_text(text)
    config = folder / "mkdocs.yml"
    if "diagram" in pages:
        config.write_text(config.read_text().replace("      - api.md\n", "      - api.md\n      - diagram.md\n"))
    return config


def test_the_pages_build_without_a_warning(tmp_path):
    done = build(ROOT / "mkdocs.yml", tmp_path)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "api.html").read_text()
    for name in ("ZmqBroadcaster", "experiment.MontyExperimentWithLiveView", "experiment.LiveViewMixin"):
        assert f'id="monty_mqtt.{name}"' in text
    for name in ("MontyMqttError", "ConfigError", "DecodeError", "ServiceError", "AbortRequested"):
        assert f'id="monty_mqtt.errors.{name}"' in text


def test_a_broken_link_and_a_page_nobody_finds_are_errors(tmp_path):
    page = "# A page\n\n[nowhere](nowhere.md), [gone](../GONE.md), [no heading](wire.md#no-heading)\n"
    done = build(copied(tmp_path, page=page), tmp_path / "site")
    assert done.returncode == 1
    for name in ("page.md", "nowhere.md", "../GONE.md", "#no-heading"):
        assert name in done.stderr


@pytest.fixture
def address(tmp_path):
    """Where a site with a diagram is served."""
    site = tmp_path / "site"
    done = build(copied(tmp_path, diagram=DIAGRAM), site)
    assert done.returncode == 0, done.stderr
    handler = functools.partial(Quiet, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def test_a_diagram_is_drawn_and_nothing_comes_from_elsewhere(address):
    if CHROMIUM is None:
        is_missing("not run: Chromium is not installed (apt-get install chromium)")
    asked, wrong = [], []
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET)) as at:
        page = at.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.goto(f"{address}/diagram.html")
        page.wait_for_function("document.querySelector('div.mermaid')?.clientHeight > 30")
        for link in ("The licence", "the beginning", "who may do what"):
            target = page.get_by_role("link", name=link, exact=True).evaluate("link => link.href")
            assert page.request.get(target).ok, target
        page.goto(f"{address}/architecture.html")
        page.wait_for_function(f"[...document.querySelectorAll('div.mermaid')].filter({DRAWN}).length === {DIAGRAMS}")
        for other in ("index.html", "api.html", "grafana.html"):
            page.goto(f"{address}/{other}", wait_until="networkidle")
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
    assert wrong == []
