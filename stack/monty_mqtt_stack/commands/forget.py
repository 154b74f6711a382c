"""Implements `monty-mqtt forget`: removes a run from the broker, the bridge's journal and the state directory.

Called by the command line. The bridge clears the retained messages; this module deletes InfluxDB's points and files.
"""

from __future__ import annotations

import argparse
import re
import secrets
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import List, Optional, Set

from monty_mqtt.errors import ConfigError, ServiceError
from monty_mqtt.terminal_text import one_line
from monty_mqtt.wire import schema, spool_format, topics
from monty_mqtt.wire.vocabulary import is_online
from monty_mqtt_core.reading.mqtt_client import BrokerAddress, Subscriber, retained
from monty_mqtt_core.reading.run_lookup import known_runs, pick_run
from monty_mqtt_core.reading.run_status import decode
from monty_mqtt_core.recordings.page_mark import marked_parts
from monty_mqtt_core.recordings.part_files import directory_of
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.replay.restore_spool import is_spool, writer_of
from monty_mqtt_stack.services.find_services import broker_of
from monty_mqtt_stack.services.influxdb import InfluxDB, delete_run
from monty_mqtt_stack.services.table import TABLE

__all__ = ["ask", "command", "files_of"]

_ANSWER_SECS = 30.0
"""The bridge answers when its journal has dropped the run, 10 s after the broker received the run's last message."""

_ADMIN_TOKEN = "influxdb_admin_token"  # noqa: S105 - the name of its file
_MEGA = 1e6
_SPOOL, _PART = ".spool", ".mcap"
_ENDING = re.compile(r"-\d{8}T\d{6}Z-[0-9a-f]{4}$", re.ASCII)
"""Matches the end of a run id that `monty-mqtt run` has made: time and four hex digits."""


def command(options: argparse.Namespace) -> int:
    """Run `monty-mqtt forget`; return the exit code: 1 if the user declines.

    Raises:
        ConfigError: No user can be asked at a terminal, and --yes is not given.
        ServiceError: There is no such run, it is not over, or no bridge answers.
    """
    state = StateDir(options.state_dir)
    broker = broker_of(options, user="control")
    run = _chosen(broker, state, options.run)
    files = files_of(state, run)
    for path in files:
        if path.suffix == _SPOOL and (pid := writer_of(path)):
            raise ServiceError(f"run {run} is not over: process {pid} writes {path}")
    influxdb = _influxdb(state)
    if not options.yes and not _confirmed(run, files, influxdb):
        _say("nothing is forgotten")
        return 1
    _say(f"{run}: {ask(broker, run)}")
    if influxdb:
        delete_run(influxdb, (state.secrets / _ADMIN_TOKEN).read_text().strip(), run)
        _say(f"deleted its points in InfluxDB at {influxdb.url}")
    for path in files:
        path.unlink(missing_ok=True)
        _say(f"removed {path}")
    _remove_empty({path.parent for path in files if path.suffix in (_SPOOL, _PART)})
    return 0


def files_of(state: StateDir, run: str) -> List[Path]:
    """Return the files of a run in the state directory: its spools, its recording, and its experiment's output."""
    header = spool_format.SpoolHeader(schema_version=schema.SCHEMA_VERSION, run=run, worker="", started_unix_nanos=0)
    spools = spool_format.path_of(state.path / "spool", header).parent.glob(f"*{_SPOOL}")
    files = sorted(path for path in spools if path.is_file() and is_spool(path))
    recording = directory_of(state.path / "recordings", run)
    files += marked_parts(recording) if recording.is_dir() else []
    with suppress(OSError):  # the name is too long for a file
        files += _logs(state, run)
    return files


def _logs(state: StateDir, run: str) -> List[Path]:
    """Return the output files of a run's experiment: their names may differ, but end as the run's id does.

    The jobs of a sweep share one file; it is removed with the last of them.
    """
    ending = _ENDING.search(run)
    log = state.log_file(run)
    if ending is None:
        is_its_own = log.parent == state.log_file("").parent and run not in TABLE
        return [log] if is_its_own and log.is_file() else []
    own = directory_of(state.path / "recordings", run)
    if any(other != own for other in own.parent.glob(f"*{ending[0]}")):
        return []
    return sorted(state.log_file("").parent.glob(f"*{ending[0]}.log"))


def _influxdb(state: StateDir) -> Optional[InfluxDB]:
    """Return the InfluxDB of the services of this state directory; None if they have none."""
    far_side = state.read_far_side()
    if far_side is None or not far_side.influxdb_url:
        return None
    return InfluxDB(far_side.influxdb_url, far_side.influxdb_org)


def ask(broker: BrokerAddress, run: str, timeout_secs: float = _ANSWER_SECS) -> str:
    """Ask every bridge of a broker to forget a run; return their answers as text.

    Raises:
        ServiceError: A bridge or the broker refuses, or a bridge does not answer in time.
    """
    topic = topics.build(run, topics.ALL_WORKERS, "command")
    result = topics.build(run, topics.ALL_WORKERS, "command_result")
    asked = schema.Command(id=secrets.token_hex(8), command="forget", issued_unix_nanos=time.time_ns())
    with Subscriber(broker, [topic, result]) as subscriber:
        # A set of topics, because amqtt sends a retained message more than once.
        statuses = retained(broker, [f"{topics.BRIDGE_PREFIX}/+/status"])
        bridges = {status.topic for status in statuses if is_online(status.payload)}
        if not bridges:
            raise ServiceError(f"no bridge is connected to the broker {broker}, and only a bridge can clear a run")
        if not subscriber.publish(topic, schema.encode(asked), timeout_secs):
            raise ServiceError(f"broker {broker} did not acknowledge the command within {timeout_secs:g} s")
        answers = _answers(subscriber, topic, asked.id, len(bridges), timeout_secs)
    refused = [answer.detail for answer in answers if answer.status != "obeyed"]
    if refused:
        raise ServiceError(f"run {run} is not forgotten: {'; '.join(map(str, refused))}")
    return "; ".join(str(answer.detail) for answer in answers)


def _answers(
    subscriber: Subscriber, topic: str, command_id: str, expected: int, timeout_secs: float
) -> List[schema.CommandResult]:
    answers: List[schema.CommandResult] = []
    was_passed_on = False
    deadline = time.monotonic() + timeout_secs
    while len(answers) < expected:
        remaining_secs = deadline - time.monotonic()
        if remaining_secs <= 0:
            why = "the bridge is silent" if was_passed_on else "the broker refused the command; may this user write it?"
            raise ServiceError(f"no answer within {timeout_secs:g} s: {why}")
        arrived = subscriber.get(remaining_secs)
        if arrived is None or arrived.retain:
            continue
        was_passed_on = was_passed_on or arrived.topic == topic
        message = decode(arrived.topic, arrived.payload)
        if isinstance(message, schema.CommandResult) and message.id == command_id:
            answers.append(message)
    return answers


def _chosen(broker: BrokerAddress, state: StateDir, name: str) -> str:
    """Return the run with this name; if the broker no longer knows the run, its files are enough."""
    runs = known_runs(broker)
    return name if name not in runs.names() and name and files_of(state, name) else pick_run(name, runs)


def _confirmed(run: str, files: List[Path], influxdb: Optional[InfluxDB]) -> bool:
    if sys.stdin is None or not sys.stdin.isatty():
        raise ConfigError("--yes", "not given", "given where nobody can be asked")
    remains = "what is retained of it at the broker" + (
        f", its points in InfluxDB at {influxdb.url}" if influxdb else ""
    )
    if files:
        size = sum(path.stat().st_size for path in files) / _MEGA
        remains += f", and here {len(files)} files ({size:.1f} MB): {', '.join(map(str, files))}"
    print(one_line(f"forget {run}: {remains}"))  # noqa: T201 - a command's output
    return input("forget it? [y/N] ").strip().lower() in ("y", "yes")


def _remove_empty(directories: Set[Path]) -> None:
    for directory in directories:
        with suppress(OSError):  # it is not empty, or the page has removed it
            directory.rmdir()


def _say(line: str) -> None:
    print(one_line(line), flush=True)  # noqa: T201 - a command's output
