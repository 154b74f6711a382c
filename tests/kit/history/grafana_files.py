"""Reads Grafana's files as they are committed, and fills in their queries as Grafana does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[3]
GRAFANA = ROOT / "grafana"
PROVISIONING = GRAFANA / "provisioning"
DASHBOARDS = {path.stem: json.loads(path.read_text()) for path in sorted((GRAFANA / "dashboards").glob("*.json"))}
RULES = json.loads((PROVISIONING / "alerting" / "rules.json").read_text())["groups"][0]["rules"]


class Asked(NamedTuple):
    """Holds one query of a panel."""

    dashboard: str
    panel: dict[str, Any]
    ref: str
    text: str

    def __str__(self) -> str:
        return f"{self.dashboard}: {self.panel['title']} {self.ref}"


def panels(name: str) -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARDS[name]["panels"] if panel["type"] != "row"]


def queries() -> list[Asked]:
    return [
        Asked(name, panel, target["refId"], target["query"])
        for name in DASHBOARDS
        for panel in panels(name)
        for target in panel["targets"]
    ]


def variables(name: str) -> dict[str, dict[str, Any]]:
    return {variable["name"]: variable for variable in DASHBOARDS[name]["templating"].get("list", [])}


def strings(value: Any) -> Iterator[str]:
    """Yield every text in a JSON value, keys left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from strings(part)


def escaped(value: str) -> str:
    """Return what Grafana's format `regex` makes of a value (@grafana/data, escapeRegex)."""
    return re.sub(r"[\\^$*+?.()|\[\]{}/]", r"\\\g<0>", value)


def filled_in(query: str, values: dict[str, str | list[str]], since_ms: int, until_ms: int, interval: str) -> str:
    """Return a query as Grafana sends it: variables, time range and interval filled in.

    Source: `formatRegistry` of @grafana/scenes 8.19, and Grafana's pkg/tsdb/influxdb/models/query.go.
    """

    def value_of(variable: re.Match[str]) -> str:
        value = values[variable[1]]
        chosen = [value] if isinstance(value, str) else value
        return escaped(chosen[0]) if len(chosen) == 1 else "(" + "|".join(escaped(text) for text in chosen) + ")"

    query = query.replace("$timeFilter", f"time >= {since_ms}ms and time <= {until_ms}ms")
    query = query.replace("$__interval", interval)
    return re.sub(r"\$\{(\w+):regex\}", value_of, query)
