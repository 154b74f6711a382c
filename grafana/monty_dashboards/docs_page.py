"""Makes docs/grafana.md: which question each dashboard and panel answers, by which query, read from the dashboards.

Called by `build.py`, which writes it beside the dashboards; a test fails if they differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from monty_dashboards.alerts import RULES
from monty_dashboards.board import BOARDS

__all__ = ["page"]

_INTRODUCTION = """# Grafana

Five dashboards, six alert rules and the data source come with the files in `grafana/`; nothing is clicked together.
`docker compose up`, or `monty-mqtt up` where Grafana is installed, starts it at :3000 with **Runs** as its home page.
This page is written by `grafana/build.py` from the dashboards, and a test fails when they differ.

![What four of the queries return after the recorded demo](pictures/grafana.svg)

- **Refresh** is 1 s. Grafana switches a shorter refresh than it allows off without a word, so three settings agree:
  each dashboard's `refresh`, its time picker's intervals, and `min_refresh_interval` in `grafana/grafana.ini`.
- **Queries** are InfluxQL over POST, which InfluxDB 1, 2 and 3 understand. What a panel would have to compute
  (accuracy of each mode, rates, the estimated end, the cells of the confusion matrix) the bridge has computed, once.
- **Names** (runs, workers, modules, metrics) reach a query only as `=~ /^${name:regex}$/`, which escapes whatever they
  are. In tags and field names InfluxDB has backslashes and control characters percent-encoded, and so are they shown.
- **Colours** of statuses and outcomes are Okabe and Ito's and greys, which colour-blind eyes tell apart; the words are
  Monty's own.
- **Versions**: made for Grafana 13.2, in the classic format that 11 and 12 load too. Each dashboard is valid by JSON
  Schemas made from the published types of Grafana 11.0, 12.0 and 13.2, each query is run on a real InfluxDB after the
  recorded demo, and what tables and matrices make of the answers, Grafana's own code (`@grafana/data`) computes in the
  tests. No Grafana was at hand where this was written: the picture is drawn from the queries
  (`tools/grafana_picture.py`), and how Grafana itself shows them was not seen.

## Links and images of the page

Where the page (LiveView, :8000) is, only the bridge knows: its setting `liveview_url`, in the environment
`MONTY_MQTT_BRIDGE_LIVEVIEW_URL`, is the page's address **as browsers reach it**, `http://127.0.0.1:8000` at first, for
example `https://lab.example/monty` behind a proxy. The bridge stores it with each status (`page_url`), which the links
of Runs, Experiment and Parallel follow, and for each image that it publishes, at most once a second, sensor and
modality, an address under which the page has it (measurement `frame`). The address is another one for each frame, so no
browser shows an old one. Grafana passes the addresses on, the browser fetches the images: where it does not reach the
page, or asks over https for what is only http, the cells stay empty. Set empty, no address is stored.

## Where what comes from

| file | what it says | read from the environment |
|---|---|---|
| `grafana/grafana.ini` | settings that are the same everywhere | `GF_MONTY_DASHBOARDS` |
| `grafana/provisioning/datasources/` | the data source | `GF_MONTY_INFLUXDB_URL`, `GF_MONTY_INFLUXDB_TOKEN` |
| `grafana/provisioning/dashboards/` | the folder Monty | `GF_MONTY_DASHBOARDS`, the place of `grafana/dashboards/` |
| `grafana/provisioning/alerting/rules.json` | the alert rules | |
| `grafana/provisioning/alerting/contact_points.yaml` | who is told: fill it in | |

From 13.2 on the InfluxDB data source is a plugin that comes with Grafana, in `data/plugins-bundled` below its own files
(Debian's and RPM's packages: `/var/lib/grafana/plugins-bundled`). Where that folder is missing or hidden by a mount,
Grafana fetches the plugin from the internet, and without internet every panel says that the data source was not found.

In Grafana's container `GF_MONTY_INFLUXDB_TOKEN__FILE` names a file with the token instead. The token can only read.

## To add a panel or change one

1. Edit the dashboard's module in `grafana/monty_dashboards/boards/`: a panel is a title, the question it answers, its
   queries and its size on the grid of 24 columns.
2. A field that is missing is added where points are made, `core/monty_mqtt_core/influx/points.py`: no panel computes.
3. Write the files anew, and run the tests:

```bash
python grafana/build.py
python -m pytest -q tests/grafana/test_dashboards.py
```

`grafana-foundation-sdk` makes the JSON; `constraints.txt` pins it, because pip alone takes a version for Grafana 10. To
only try something, copy a dashboard in Grafana (Save as): what is provisioned cannot be changed there.

## Alerts

Evaluated every 10 s, which is as often as Grafana does. Fill in
`grafana/provisioning/alerting/contact_points.yaml` (mail needs `[smtp]` in Grafana's settings) and start Grafana anew.

"""


def page(dashboards: Mapping[str, Any]) -> str:
    """Return the page as Markdown.

    Args:
        dashboards: Each dashboard as JSON, by name.
    """
    sections = [_section(name, dashboards[name]) for name in BOARDS]
    return _INTRODUCTION + _alerts() + "\n" + "\n".join(sections)


def _alerts() -> str:
    rows = ["| alert | severity | looks back | query | nothing found |", "|---|---|---|---|---|"]
    for rule in RULES:
        nothing = "all is well" if rule.no_data == "OK" else "is the alarm"
        rows.append(f"| {rule.title} | {rule.severity} | {rule.past_secs} s | `{rule.query}` | {nothing} |")
    return "\n".join(rows) + "\n"


def _section(name: str, dashboard: Any) -> str:
    lines = [f"## {BOARDS[name]}", "", f"{dashboard['description']}", ""]
    variables = dashboard["templating"].get("list", [])
    if variables:
        lines += ["| variable | chooses | query |", "|---|---|---|"]
        lines += [
            f"| `{variable['name']}` | {variable['description']} | `{variable['query']}` |" for variable in variables
        ]
        lines.append("")
    for panel in dashboard["panels"]:
        lines += [f"### {panel['title']}", ""] if panel["type"] == "row" else _panel(panel)
    return "\n".join(lines).rstrip() + "\n"


def _panel(panel: Any) -> Iterable[str]:
    each = f", one for each `{panel['repeat']}`" if panel.get("repeat") else ""
    queries = [target["query"] for target in panel["targets"]]
    return [f"**{panel['title']}** ({panel['type']}{each}). {panel['description']}", "", "```sql", *queries, "```", ""]
