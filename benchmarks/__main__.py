"""This program runs the benchmarks, prints one table, and writes benchmarks/results/latest.json.

That file holds the latest figures of each benchmark.

usage: python -m benchmarks [publish] [hook] [machine] [slowdown] [bridge] [encryption] [outage] [history] [dashboards]
       [liveview] [metric_charts] [page_hour] [keeping] [fairness] [capacity] [cluster]
       [--quick]

Without a name all run but `cluster`, which takes minutes and must be root's.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

RESULTS = Path("benchmarks", "results", "latest.json")
BENCHMARKS = (
    "publish",
    "hook",
    "machine",
    "slowdown",
    "bridge",
    "encryption",
    "outage",
    "history",
    "dashboards",
    "liveview",
    "metric_charts",
    "page_hour",
    "keeping",
    "fairness",
    "capacity",
)
BY_NAME_ONLY = ("cluster",)


def main(arguments: list[str]) -> int:
    """Run the named benchmarks, or all; return the exit code."""
    quick = "--quick" in arguments
    names = [name for name in arguments if name != "--quick"]
    known = (*BENCHMARKS, *BY_NAME_ONLY)
    unknown = sorted(set(names) - set(known))
    if unknown:
        print(f"no such benchmark: {unknown[0]}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    console = Console(width=None if sys.stdout.isatty() else 120)
    with tempfile.TemporaryDirectory() as state_dir:
        os.environ["MONTY_MQTT_STATE_DIR"] = state_dir  # keeps spool files out of the user's home
        rows = list(measured(names or BENCHMARKS, console, quick=quick))
    console.print(table(rows))
    if not quick:
        write(rows)
        console.print(f"-> {RESULTS}")
    return 0


def measured(names: Iterable[str], console: Console, *, quick: bool) -> Iterator[dict[str, Any]]:
    """Run the benchmarks of these names, one after the other; yield their rows."""
    for name in names:
        console.print(f"[bold]{name}[/bold] …")
        for row in importlib.import_module(f"benchmarks.{name}").rows(quick=quick):
            yield {"benchmark": name, **row}


def write(rows: list[dict[str, Any]]) -> None:
    """Write the figures, with machine and time; keep the earlier figures of benchmarks that did not run."""
    RESULTS.parent.mkdir(exist_ok=True)
    before = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"measured": {}, "rows": []}
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    measured_at = {**before["measured"], **{row["benchmark"]: now for row in rows}}
    kept = [row for row in before["rows"] if measured_at[row["benchmark"]] != now]
    in_order = sorted(kept + rows, key=lambda row: (*BENCHMARKS, *BY_NAME_ONLY).index(row["benchmark"]))
    RESULTS.write_text(json.dumps({"machine": machine(), "measured": measured_at, "rows": in_order}, indent=1) + "\n")


def table(rows: list[dict[str, Any]]) -> Table:
    """Return the rows as a table with measured value, target and `met` or `missed`."""
    result = Table(title="monty_mqtt benchmarks")
    for heading in ("benchmark", "what", "measured", "target", ""):
        result.add_column(heading, justify="right" if heading in ("measured", "target") else "left")
    for row in rows:
        verdict = {True: "[green]met[/green]", False: "[red]missed[/red]", None: ""}[row["met"]]
        value = f"{row['measured']:.4g} {row['unit']}"
        if interval := row.get("interval"):
            value += f" ({interval[0]:.3g} to {interval[1]:.3g})"
        result.add_row(row["benchmark"], row["name"], value, str(row["target"] or ""), verdict)
    return result


def machine() -> dict[str, Any]:
    """Return the machine on which the figures were measured."""
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
