"""This tool takes the README's picture: the demo in one terminal, and mosquitto_sub in another. It needs tmux.

usage: .venv/bin/python tools/picture.py [SECONDS]     how long into the demo, default 150
"""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console, Group
from rich.panel import Panel
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "pictures" / "demo.svg"
COLUMNS = 118
ROWS = {"demo": 24, "watch": 16}
WATCHED = "-v -t 'monty/v1/+/+/evidence/#' -t 'monty/v1/+/+/episode/#'"
FONT_FACE = re.compile(r"@font-face \{.*?\}\s*", flags=re.DOTALL)
"""rich names fonts on a web server; the picture must not make its readers load them."""


def main(after_secs: float) -> int:
    """Run the demo and the subscriber in tmux, wait, and draw what both show; return the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state"
        start("demo", f"MONTY_MQTT_STATE_DIR={state} make run")
        try:
            port = wait_for_broker(state / "services.json")
            time.sleep(after_secs)
            start("watch", f"mosquitto_sub -h 127.0.0.1 -p {port} {WATCHED}")
            time.sleep(2)
            panels = [panel("demo", "make run"), panel("watch", f"mosquitto_sub {WATCHED}")]
        finally:
            for name in ROWS:
                tmux("send-keys", "-t", name, "C-c")
            time.sleep(5)
            for name in ROWS:
                tmux("kill-session", "-t", name)
    draw(panels)
    return 0


def start(name: str, command: str) -> None:
    """Run a command in a terminal of its own."""
    size = ("-x", str(COLUMNS), "-y", str(ROWS[name]))
    tmux("new-session", "-d", "-s", name, "-c", str(ROOT), *size, f"{command}; sleep 60")


def panel(name: str, title: str) -> Panel:
    """Return the content of a terminal, in a frame."""
    shown = tmux("capture-pane", "-e", "-p", "-t", name).rstrip("\n")
    return Panel(Text.from_ansi(shown), title=f"[bold]$ {title}", title_align="left", border_style="grey50")


def draw(panels: list[Panel]) -> None:
    """Write the picture."""
    console = Console(record=True, width=COLUMNS + 4, file=io.StringIO())
    console.print(Group(*panels))
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(FONT_FACE.sub("", console.export_svg(title="monty_mqtt")))


def wait_for_broker(services: Path) -> int:
    """Return the broker's port as soon as the demo has one."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if services.exists():
            return int(json.loads(services.read_text())["services"]["broker"]["port"])
        time.sleep(0.2)
    sys.exit("the demo has no broker after 60 s")


def tmux(*arguments: str) -> str:
    """Run tmux; return its output."""
    return subprocess.run(["tmux", *arguments], capture_output=True, text=True, check=False).stdout


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 150))
