"""Writes Grafana's dashboards, alert rules and docs/grafana.md; a test fails if they differ from what is committed.

usage: python grafana/build.py [FOLDER]

FOLDER  where to write instead of the checkout
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from monty_dashboards.alerts import rules_file
from monty_dashboards.boards.experiment import experiment
from monty_dashboards.boards.health import health
from monty_dashboards.boards.parallel import parallel
from monty_dashboards.boards.results import results
from monty_dashboards.boards.runs import runs
from monty_dashboards.docs_page import page

ROOT = Path(__file__).resolve().parent.parent
DASHBOARDS: dict[str, Callable[[], Dashboard]] = {
    "runs": runs,
    "experiment": experiment,
    "results": results,
    "parallel": parallel,
    "health": health,
}


def main(root: Path) -> int:
    """Write all files below `root`; return the exit code."""
    for path, text in files().items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return 0


def files() -> dict[str, str]:
    """Return the text of every generated file by its path in the checkout."""
    made = {name: make() for name, make in DASHBOARDS.items()}
    panel_ids = {
        (name, panel.title or ""): panel.id_val or 0
        for name, dashboard in made.items()
        for panel in dashboard.panels or []
    }
    texts = {name: written(dashboard) for name, dashboard in made.items()}
    return {
        **{f"grafana/dashboards/{name}.json": text for name, text in texts.items()},
        "docs/grafana.md": page({name: json.loads(text) for name, text in texts.items()}),
        "grafana/provisioning/alerting/rules.json": rules_file(panel_ids),
    }


def written(dashboard: Dashboard) -> str:
    """Return a dashboard as JSON text, the same at each call."""
    return json.dumps(json.loads(JSONEncoder().encode(dashboard)), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT))
