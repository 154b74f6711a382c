"""`monty-mqtt status`: runs, workers, services, lost and dropped counts, from retained messages.

Place in the flow: the command line calls it; `watch` folds the messages.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any, Dict, List, Optional

from monty_mqtt import topics
from monty_mqtt.terminal import one_line
from monty_mqtt_stack.far_side import Address, accepts, broker_of
from monty_mqtt_stack.readable import counted, table
from monty_mqtt_stack.state import Endpoint, FarSide, StateDir
from monty_mqtt_stack.subscriber import Arrived, Broker, Subscriber
from monty_mqtt_stack.watch import Runs, Worker, decode

__all__ = ["as_json", "as_lines", "collect", "command"]

_KINDS = ("info", "status", "progress")
_HEALTH = {
    "workers": "workers {}",
    "received_per_sec": "in {}/s",
    "published_per_sec": "out {}/s",
    "queued": "waiting {}",
    "lost": "lost {}",
    "dropped": "dropped {}",
}
_HEALTH_SECS = 2.0


def command(options: argparse.Namespace) -> int:
    """Run `monty-mqtt status`; return the exit code."""
    far_side = None if options.broker else StateDir(options.state_dir).read_far_side()
    collected = collect(broker_of(options), far_side)
    print(as_json(collected) if options.json else "\n".join(as_lines(collected)))  # noqa: T201 - a command's output
    return 0


def collect(broker: Broker, far_side: Optional[FarSide]) -> Dict[str, Any]:
    """Return what the broker keeps about runs and bridges, and which services our far side says it runs.

    Raises:
        ServiceError: The broker does not answer.
    """
    filters = [f"{topics.JSON_PREFIX}/+/+/{kind}" for kind in _KINDS]
    runs = Runs()
    bridges: Dict[str, Dict[str, Any]] = {}
    with Subscriber(broker, [*filters, f"{topics.BRIDGE_PREFIX}/+/status", f"{topics.BRIDGE_PREFIX}/+/health"]) as one:
        for kept in one.retained():
            if kept.topic.startswith(topics.BRIDGE_PREFIX):
                _note_bridge(bridges, kept)
            elif (message := decode(kept.topic, kept.payload)) is not None:
                runs.apply(message)
        _await_health(one, bridges)
    services = far_side.services if far_side else {}
    return {
        "broker": str(broker),
        "services": {name: _service(endpoint) for name, endpoint in services.items()},
        "left_out": dict(far_side.left_out) if far_side else {},
        "bridges": bridges,
        "runs": {name: {one.worker: _worker(one) for one in runs.of_run(name)} for name in runs.names()},
    }


def as_json(status: Dict[str, Any]) -> str:
    """Return it for a program."""
    return json.dumps(status, indent=2, ensure_ascii=False)


def as_lines(status: Dict[str, Any]) -> List[str]:
    """Return it for a person."""
    services = [["service", "where", "what"]]
    for name, one in status["services"].items():
        silent = "" if one["answers"] else ", does not answer"
        services.append([name, one["url"], f"{one['program']} (pid {one['pid']}){silent}"])
    lines = table(services) if status["services"] else [f"broker {status['broker']}, not started by monty-mqtt"]
    lines += [f"left out: {name}: {why}" for name, why in status["left_out"].items()]
    lines += [f"bridge {name}: {_told(told)}" for name, told in status["bridges"].items()]
    rows = [["run", "worker", "status", "episodes", "outcomes", "lost", "dropped"]]
    for run, workers in status["runs"].items():
        rows += [[run, name, *_cells(one)] for name, one in workers.items()]
    return [one_line(line) for line in (*lines, "", *(table(rows) if status["runs"] else ["no runs"]))]


def _service(one: Endpoint) -> Dict[str, Any]:
    answers = accepts(Address(one.host, one.port))
    return {"url": one.url, "program": one.program, "pid": one.pid, "answers": answers}


def _note_bridge(bridges: Dict[str, Dict[str, Any]], told: Arrived) -> None:
    *_, bridge, what = told.topic.split("/")
    bridges.setdefault(topics.unescape(bridge), {})[what] = _plain(told.payload)


def _await_health(subscriber: Subscriber, bridges: Dict[str, Dict[str, Any]]) -> None:
    # Health is not retained: it comes once a second from a bridge that lives.
    deadline = time.monotonic() + _HEALTH_SECS
    while any("online" in str(told.get("status")) and "health" not in told for told in bridges.values()):
        one = subscriber.get(deadline - time.monotonic())
        if one and one.topic.startswith(topics.BRIDGE_PREFIX):
            _note_bridge(bridges, one)
        elif time.monotonic() > deadline:
            break


def _worker(one: Worker) -> Dict[str, Any]:
    progress = one.progress
    return {
        "status": one.word,
        "stalled": bool(one.status and one.status.stalled),
        "experiment": one.info.experiment if one.info else None,
        "episodes_done": one.episodes_done,
        "episodes_expected": progress.episodes_expected if progress else None,
        "outcomes": one.outcomes,
        "lost": one.lost,
        "dropped": one.dropped,
        "estimated_end_unix_nanos": progress.estimated_end_unix_nanos if progress else None,
    }


def _cells(one: Dict[str, Any]) -> List[str]:
    of = "" if one["episodes_expected"] is None else f" of {one['episodes_expected']}"
    word = f"{one['status']}{', stalled' if one['stalled'] else ''}"
    return [word, f"{one['episodes_done']}{of}", counted(one["outcomes"]), str(one["lost"]), str(one["dropped"])]


def _plain(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except ValueError:
        return payload.decode("utf-8", "replace")


def _told(one: Dict[str, Any]) -> str:
    status, health = one.get("status", "unknown"), one.get("health")
    word = status.get("status", status) if isinstance(status, dict) else status
    if not isinstance(health, dict):
        return str(word)
    return ", ".join([str(word), *(told.format(health[key]) for key, told in _HEALTH.items() if key in health)])
