"""Makes the alert rules, as a file for Grafana's provisioning.

Each rule asks InfluxDB for the runs in which its condition holds, and fires for each run in the answer. An empty answer
is the good case, except for the bridge, whose silence is the alarm. All rules but the bridge's read only `run_health`.
Source of the keys: Grafana's documentation, "Use configuration files to provision alerting resources".
"""

from __future__ import annotations

import json
from typing import NamedTuple

from monty_dashboards.board import FOLDER
from monty_dashboards.influxql import DATA_SOURCE, MAIN, where
from monty_mqtt.wire.vocabulary import STATUS_CODES

__all__ = ["RULES", "AlertRule", "rules_file"]

_EVERY = "10s"


class AlertRule(NamedTuple):
    """Describes one alert rule.

    Attributes:
        uid: Its id in Grafana.
        title: Its title.
        query: InfluxQL; the rule fires at a number above 0.
        past_secs: How far back the query looks, in seconds.
        no_data: State for an empty answer: `OK` or `Alerting`.
        severity: Value of the label `severity`, by which alerts can be routed.
        summary: Text of the alert; `$labels` are the query's tags.
        dashboard: Name of the dashboard to look at, and title of the panel on it.
    """

    uid: str
    title: str
    query: str
    past_secs: int
    no_data: str
    severity: str
    summary: str
    dashboard: tuple[str, str]


def _runs(condition: str, *conditions: str, by: str = '"run", "worker"') -> str:
    return f'SELECT count("status_code") FROM "run_health" {where(condition, *conditions)} GROUP BY {by}'


def _is(word: str) -> str:
    return f'"status_code" = {STATUS_CODES[word]}'


_WHO = "Run {{ $labels.run }}, worker {{ $labels.worker }}"

RULES = (
    AlertRule("monty_run_stalled", "Run stalled", _runs('"stalled" = 1'), 15, "OK", "warning",
              f"{_WHO} takes no steps any more.", ("runs", "Stalled")),
    AlertRule("monty_run_error", "Run ended with an error", _runs(_is("error")), 300, "OK", "critical",
              f"{_WHO} was ended by an exception; its dashboard shows which.", ("runs", "Error")),
    AlertRule("monty_run_disconnected", "Run disconnected", _runs(_is("disconnected")), 300, "OK", "critical",
              f"{_WHO} vanished: killed, or cut off from the bridge.", ("runs", "Disconnected")),
    AlertRule("monty_run_completed", "Run completed", _runs(_is("completed"), MAIN, by='"run"'), 300, "OK", "info",
              "Run {{ $labels.run }} is complete.", ("runs", "Completed")),
    AlertRule("monty_messages_dropped", "Messages lost or dropped",
              _runs('("dropped" > 0 OR "lost" > 0 OR "too_large" > 0)'), 60, "OK", "warning",
              f"{_WHO} has messages that never arrived: its record has holes.", ("runs", "Lost and dropped")),
    AlertRule("monty_bridge_offline", "Bridge offline",
              f'SELECT count("uptime_secs") FROM "bridge_health" {where()}', 15, "Alerting", "critical",
              "No bridge has stored a sign of life for 15 s.", ("health", "Bridge up for")),
)  # fmt: skip
"""All rules. The bridge's rule fires on an empty answer; its condition on a number is never fulfilled."""


def rules_file(panel_ids: dict[tuple[str, str], int]) -> str:
    """Return the provisioning file of the rules as JSON text.

    Args:
        panel_ids: Id of each panel, by name of the dashboard and title of the panel.
    """
    rules = [_rule(rule, panel_ids[rule.dashboard]) for rule in RULES]
    group = {"orgId": 1, "name": "monty", "folder": FOLDER, "interval": _EVERY, "rules": rules}
    return json.dumps({"apiVersion": 1, "groups": [group]}, indent=1, ensure_ascii=False) + "\n"


def _rule(rule: AlertRule, panel_id: int) -> dict[str, object]:
    fires_on_data = rule.no_data == "OK"
    return {
        "uid": rule.uid,
        "title": rule.title,
        "condition": "fires",
        "data": [_asked(rule), _newest(), _fires("gt" if fires_on_data else "lt", 0 if fires_on_data else 1)],
        "noDataState": rule.no_data,
        "execErrState": "Error",
        "for": "0s",
        "dashboardUid": f"monty_{rule.dashboard[0]}",
        "panelId": panel_id,
        "annotations": {"summary": rule.summary},
        "labels": {"severity": rule.severity},
        "isPaused": False,
        "notification_settings": {"receiver": "monty", "group_by": ["grafana_folder", "alertname", "run"]},
    }


def _asked(rule: AlertRule) -> dict[str, object]:
    model = {"refId": "asked", "query": rule.query, "rawQuery": True, "resultFormat": "time_series"}
    return {
        "refId": "asked",
        "relativeTimeRange": {"from": rule.past_secs, "to": 0},
        "datasourceUid": DATA_SOURCE,
        "model": {**model, "intervalMs": 1000, "maxDataPoints": 1000},
    }


def _newest() -> dict[str, object]:
    return _expression("newest", {"type": "reduce", "expression": "asked", "reducer": "last"})


def _fires(evaluator: str, limit: float) -> dict[str, object]:
    condition = {"evaluator": {"type": evaluator, "params": [limit]}}
    return _expression("fires", {"type": "threshold", "expression": "newest", "conditions": [condition]})


def _expression(ref: str, model: dict[str, object]) -> dict[str, object]:
    source = {"type": "__expr__", "uid": "__expr__"}
    return {
        "refId": ref,
        "relativeTimeRange": {"from": 0, "to": 0},
        "datasourceUid": "__expr__",
        "model": {"refId": ref, "datasource": source, **model},
    }
