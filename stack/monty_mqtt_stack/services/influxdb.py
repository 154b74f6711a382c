"""Starts InfluxDB 2, checks whether it answers, and queries it in InfluxQL.

Called by `table`, which starts it after the broker, by `influxdb_setup` and by `export`. Only `influxdb_setup` uses
InfluxDB's client library: a query in InfluxQL, which Grafana uses too, is a single POST.
"""

from __future__ import annotations

import csv
import http.client
import io
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from monty_mqtt.errors import ServiceError
from monty_mqtt_core.influx.line_protocol import stored_name
from monty_mqtt_core.settings import ports
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.processes import programs
from monty_mqtt_stack.processes.child_process import ChildProcess
from monty_mqtt_stack.processes.launch import Launch
from monty_mqtt_stack.processes.log_watch import LogWatch

__all__ = [
    "LOGS",
    "METRICS",
    "ORG",
    "InfluxDB",
    "Series",
    "delete_points",
    "delete_run",
    "health",
    "influxdb_launch",
    "query",
    "query_rows",
    "run_flux",
    "write_points",
]

ORG = "monty"
METRICS = "monty"
"""Bucket of everything except the logs; it is kept for ever."""
LOGS = "monty_logs"
"""Bucket of the logs; they are kept for 30 days."""

_STUCK = r"(?:opening shard previously failed with: |error=)(.*no space left on device)"
"""Matches a shard that could not be opened: influxd tries it again only after a restart."""
_HEALTH_SECS = 1.0
_QUERY_SECS = 60.0
_LONG_SECS = 1800.0
"""How long Flux or a deletion may take: a day of many workers is many points."""

_CHUNK_ROWS = 10_000
_FIRST, _LAST = "1970-01-01T00:00:00Z", "2262-01-01T00:00:00Z"


class InfluxDB(NamedTuple):
    """Holds the address of an InfluxDB 2, and the organisation that owns the buckets."""

    url: str
    org: str = ORG


class Series(NamedTuple):
    """Holds one series of an answer: its measurement, the tags it was grouped by, its columns and rows."""

    name: str
    tags: dict[str, str]
    columns: list[str]
    rows: list[list[Any]]

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield the rows as dicts by column name, tags included, null values left out."""
        for row in self.rows:
            yield {**self.tags, **{name: value for name, value in zip(self.columns, row) if value is not None}}


def influxdb_launch(state: StateDir, host: str, port: int) -> Launch:
    """Return how to start influxd with its data in the state directory.

    Raises:
        ServiceError: influxd is not installed.
    """
    program = programs.find("influxd")
    if program.path is None:
        raise ServiceError(f"influxd: {program.why}")
    url, home = ports.url("http", host, port), state.path / "influxdb"
    home.mkdir(mode=0o700, exist_ok=True)
    flags = {
        "--bolt-path": home / "influxd.bolt",
        "--sqlite-path": home / "influxd.sqlite",
        "--engine-path": home / "engine",
        "--http-bind-address": url.partition("://")[2],
        "--log-level": "warn",
    }
    switches = ("--reporting-disabled", "--ui-disabled", "--pprof-disabled", "--hardening-enabled")
    return Launch(
        name="influxdb",
        program="influxd",
        argv=(program.path, *(str(word) for flag in flags.items() for word in flag), *switches),
        host=host,
        port=port,
        url=url,
        log_file=state.log_file("influxd"),
        is_ready=partial(_is_ready, url, port),
        trouble=LogWatch(_STUCK, "cannot write its data"),
        ready_secs=60.0,  # after a kill it first reads its write-ahead log
        stop_secs=20.0,
    )


def health(url: str) -> bool:
    """Return whether an InfluxDB answers at this address, and reports that it is healthy."""
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=_HEALTH_SECS) as answer:  # noqa: S310 - a URL of ours
            return bool(json.load(answer).get("status") == "pass")
    except (OSError, ValueError):
        return False


def query(url: str, token: str, influxql: str, bucket: str = METRICS) -> list[Series]:
    """Return the answer to an InfluxQL query, with times in ns since 1970.

    Raises:
        ServiceError: InfluxDB does not answer, or refuses.
    """
    return [
        Series(series.get("name", ""), series.get("tags", {}), series["columns"], series.get("values", []))
        for answer in _answers(url, token, {"db": bucket, "q": influxql, "epoch": "ns"})
        for series in answer.get("series", [])
    ]


def query_rows(url: str, token: str, influxql: str, bucket: str = METRICS) -> Iterator[tuple[list[str], list[Any]]]:
    """Yield column names and values of each row, however many there are; times in ns since 1970.

    Raises:
        ServiceError: InfluxDB does not answer, or refuses.
    """
    form = {"db": bucket, "q": influxql, "epoch": "ns", "chunked": "true", "chunk_size": str(_CHUNK_ROWS)}
    for answer in _answers(url, token, form):
        for series in answer.get("series", []):
            for row in series.get("values", []):
                yield series["columns"], row


def delete_run(influxdb: InfluxDB, token: str, run: str) -> None:
    """Delete all points of a run.

    Raises:
        ServiceError: InfluxDB does not answer, or refuses.
    """
    quoted = stored_name(run).replace("\\", "\\\\").replace('"', '\\"')
    for bucket in (METRICS, LOGS):
        _delete(influxdb, token, bucket, (_FIRST, _LAST), f'run="{quoted}"')


def delete_points(influxdb: InfluxDB, token: str, measurement: str, times: tuple[str, str]) -> None:
    """Delete what a measurement has from the first to the last of two times, both included, RFC 3339.

    Raises:
        ServiceError: InfluxDB does not answer, or refuses.
    """
    _delete(influxdb, token, METRICS, times, f'_measurement="{measurement}"')


def write_points(influxdb: InfluxDB, token: str, lines: str) -> None:
    """Write line protocol.

    Raises:
        ServiceError: InfluxDB does not answer, or refuses.
    """
    where = urllib.parse.urlencode({"org": influxdb.org, "bucket": METRICS})
    with _asked(influxdb.url, f"api/v2/write?{where}", lines.encode(), {"Authorization": f"Token {token}"}):
        pass


def run_flux(influxdb: InfluxDB, token: str, script: str) -> int:
    """Run a Flux script whose result is one number, in the column `count`; return it, 0 if there is no row.

    Raises:
        ServiceError: InfluxDB does not answer, or the script fails, perhaps in the middle of its answer.
    """
    where = urllib.parse.urlencode({"org": influxdb.org})
    headers = {"Authorization": f"Token {token}", "Content-Type": "application/vnd.flux", "Accept": "application/csv"}
    with _asked(influxdb.url, f"api/v2/query?{where}", script.encode(), headers, _LONG_SECS) as answer:
        rows = list(csv.DictReader(io.TextIOWrapper(answer, "utf-8")))
    for row in rows:
        if "error" in row:
            raise ServiceError(f"InfluxDB at {influxdb.url} refuses: {row['error']}")
    return int(rows[0]["count"]) if rows else 0


def _delete(influxdb: InfluxDB, token: str, bucket: str, times: tuple[str, str], predicate: str) -> None:
    body = json.dumps({"start": times[0], "stop": times[1], "predicate": predicate}).encode()
    headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}
    where = urllib.parse.urlencode({"org": influxdb.org, "bucket": bucket})
    with _asked(influxdb.url, f"api/v2/delete?{where}", body, headers, _LONG_SECS):
        pass


def _answers(url: str, token: str, form: dict[str, str]) -> Iterator[dict[str, Any]]:
    with _asked(url, "query", urllib.parse.urlencode(form).encode(), {"Authorization": f"Token {token}"}) as response:
        for line in response:
            for answer in json.loads(line).get("results", []):
                if "error" in answer:
                    raise ServiceError(f"InfluxDB at {url} refuses: {answer['error']}")
                yield answer


@contextmanager
def _asked(
    url: str, path: str, body: bytes, headers: dict[str, str], timeout_secs: float = _QUERY_SECS
) -> Iterator[http.client.HTTPResponse]:
    request = urllib.request.Request(f"{url}/{path}", body, headers)  # noqa: S310 - a URL of ours
    try:
        with urllib.request.urlopen(request, timeout=timeout_secs) as response:  # noqa: S310 - a URL of ours
            yield response
    except urllib.error.HTTPError as error:
        reason = error.read(500).decode(errors="replace").strip()
        raise ServiceError(f"InfluxDB at {url} refuses: {error.code} {reason}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ServiceError(f"no InfluxDB answers at {url}: {error}") from None


def _is_ready(url: str, port: int, child: ChildProcess) -> bool:
    return ports.listens(child.pid, port) and health(url)
