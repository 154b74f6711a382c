"""Implements `monty-mqtt export`: writes what InfluxDB or a recording keeps of a run, as CSV or JSON lines.

Called by the command line. Reads InfluxDB with Grafana's token. What InfluxDB does not keep, or if there is no
InfluxDB, it reads from the page's recording, or from the recording that the user names.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from monty_mqtt.errors import ConfigError, ServiceError
from monty_mqtt_core.influx.line_protocol import name_of, stored_name
from monty_mqtt_core.recordings.part_files import directory_of
from monty_mqtt_core.settings import ports
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.commands.recorded_rows import rows_in
from monty_mqtt_stack.services.influxdb import query_rows
from monty_mqtt_stack.services.table import INFLUXDB_PORT

__all__ = ["MEASUREMENTS", "command", "rows_of"]

MEASUREMENTS = {
    "steps": "step",
    "evidence": "evidence",
    "episodes": "episode",
    "metrics": "metric",
    "machine": "machine",
}
"""Maps what can be exported from InfluxDB to its measurement."""

_IN_FILES = ("images", "points")
_TAGS = frozenset({"experiment", "learning_module", "mode", "name", "run", "worker"})
_TOKEN = "influxdb_grafana_token"  # noqa: S105 - the name of its file


def command(options: argparse.Namespace) -> int:
    """Run `monty-mqtt export`; return the exit code: 1 if there is nothing of the run.

    Raises:
        ConfigError: The recording is not valid, or there are no files of what is written.
        ServiceError: No InfluxDB answers and there is no recording, or the file cannot be written.
    """
    if options.files and options.of not in _IN_FILES:
        raise ConfigError("--files", str(options.files), f"used with --of {' or '.join(_IN_FILES)}")
    state = StateDir(options.state_dir)
    recording = _recording(options, state)
    if recording:
        rows = rows_in(recording, options.run, options.of, options.files)
    else:
        rows = rows_of(options.influxdb or _url(state), _read_token(state), options.run, MEASUREMENTS[options.of])
    write = _write_csv if options.format == "csv" else _write_json_lines
    with _opened(options.output) as file:
        written = write(file, rows)
    if not written:
        source = recording or "InfluxDB"
        print(f"monty-mqtt: {source} has no {options.of} of run {options.run}", file=sys.stderr)  # noqa: T201
    return 0 if written else 1


def _recording(options: argparse.Namespace, state: StateDir) -> Path | None:
    """Return the recording to read; None if InfluxDB is read instead.

    Raises:
        ServiceError: Only a recording has the data, and there is none.
    """
    if options.recording:
        return Path(options.recording)
    is_there = bool(options.influxdb) or (state.secrets / _TOKEN).exists()
    if options.of in MEASUREMENTS and is_there:
        return None
    recording = directory_of(state.path / "recordings", options.run)
    if recording.is_dir():
        return recording
    if options.of in MEASUREMENTS:
        return None
    raise ServiceError(f"there is no recording of run {options.run} at {recording}; name one with --from")


def rows_of(url: str, token: str, run: str, measurement: str) -> Iterator[tuple[list[str], list[Any]]]:
    """Yield column names and values of each point of a run, oldest first; names are unescaped."""
    quoted = stored_name(run).replace("\\", "\\\\").replace("'", "\\'")
    columns: list[str] = []
    named: list[str] = []
    tags: list[int] = []
    for answered, row in query_rows(url, token, f"SELECT * FROM \"{measurement}\" WHERE run = '{quoted}'"):  # noqa: S608
        if answered != columns:
            columns, named = answered, ["time_unix_nanos", *map(name_of, answered[1:])]
            tags = [number for number, name in enumerate(answered) if name in _TAGS]
        for number in tags:
            row[number] = row[number] and name_of(row[number])
        yield named, row


def _write_csv(file: IO[str], rows: Iterator[tuple[list[str], list[Any]]]) -> int:
    writer, count = csv.writer(file), 0
    for count, (columns, row) in enumerate(rows, 1):
        if count == 1:
            writer.writerow(columns)
        writer.writerow([_as_text(value) for value in row])
    return count


def _as_text(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else value


def _write_json_lines(file: IO[str], rows: Iterator[tuple[list[str], list[Any]]]) -> int:
    count = 0
    for columns, row in rows:
        count += 1
        present = {name: value for name, value in zip(columns, row) if value is not None}
        file.write(json.dumps(present, ensure_ascii=False) + "\n")
    return count


@contextmanager
def _opened(path: Path | None) -> Iterator[IO[str]]:
    """Open a file that appears only when it is complete; without a path, stdout."""
    if path is None:
        yield sys.stdout
        return
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with staged.open("x", encoding="utf-8", newline="") as file:
            yield file
        staged.replace(path)
    except OSError as error:
        raise ServiceError(f"cannot write {path}: {error.strerror}") from None
    finally:
        staged.unlink(missing_ok=True)


def _url(state: StateDir) -> str:
    far_side = state.read_far_side()
    named = far_side.influxdb_url if far_side else ""
    return named or ports.url("http", "127.0.0.1", INFLUXDB_PORT)


def _read_token(state: StateDir) -> str:
    path = state.secrets / _TOKEN
    try:
        return path.read_text().strip()
    except OSError as error:
        raise ServiceError(f"token for InfluxDB: {path}: {error.strerror}; `monty-mqtt up` makes it") from None
