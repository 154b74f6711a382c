"""Makes the InfluxQL query of a panel, and the conditions that all queries are built from.

A name comes into a query only as `=~ /^${variable:regex}$/`: that format escapes any name of a run, worker or metric,
and InfluxDB turns a literal regular expression back into an equality.
"""

from __future__ import annotations

from dataclasses import dataclass

from grafana_foundation_sdk.cog import builder, variants
from grafana_foundation_sdk.models import common

__all__ = ["A_MODULE", "DATA_SOURCE", "LOGS", "MAIN", "NO_MODULE", "TIME", "Query", "is_selected", "source", "where"]

DATA_SOURCE = "monty_influxdb"
LOGS = '"monty_logs"."autogen"."log"'
TIME = "$timeFilter"
MAIN = "\"worker\" = 'main'"
"""Selects the worker that reports for the whole run: the only one, or the parent of a parallel run."""
NO_MODULE = "\"learning_module\" = ''"
"""Selects the points of the whole experiment, which stand beside those of each learning module."""
A_MODULE = "\"learning_module\" != ''"
"""Selects the points of the learning modules."""


def source() -> common.DataSourceRef:
    """Return the reference to the data source."""
    return common.DataSourceRef(type_val="influxdb", uid=DATA_SOURCE)


def is_selected(tag: str, variable: str | None = None) -> str:
    """Return the condition that a tag is among the chosen values of a variable; by default the one of the same name."""
    return f'"{tag}" =~ /^${{{variable or tag}:regex}}$/'


def where(*conditions: str) -> str:
    """Return the WHERE clause of the conditions and of the dashboard's time range."""
    return "WHERE " + " AND ".join([*conditions, TIME])


@dataclass(frozen=True)
class Query(variants.Dataquery, builder.Builder[variants.Dataquery]):
    """Holds an InfluxQL query in the form that Grafana's data source takes.

    Attributes:
        text: The query.
        table: Whether the answer comes as one table; if not, as one series per column and group.
        alias: Name of each series: `$tag_<tag>`, `$col`.
        ref: Letter of the query within its panel.
    """

    text: str
    table: bool = False
    alias: str = ""
    ref: str = "A"

    def build(self) -> variants.Dataquery:
        """Return the query itself, as Grafana's builders expect."""
        return self

    def to_json(self) -> dict[str, object]:
        """Return the JSON that is written into the dashboard."""
        return {
            "refId": self.ref,
            "datasource": {"type": "influxdb", "uid": DATA_SOURCE},
            "query": self.text,
            "rawQuery": True,
            "resultFormat": "table" if self.table else "time_series",
            **({"alias": self.alias} if self.alias else {}),
        }
