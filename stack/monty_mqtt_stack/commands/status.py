"""Implements `monty-mqtt status`: shows services, journal, runs, workers and lost messages, from retained messages.

Called by the command line; `run_status` evaluates the messages.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from typing import Any, Dict, List, Optional

import msgspec

from monty_mqtt.errors import ServiceError
from monty_mqtt.terminal_text import one_line
from monty_mqtt.wire import schema, topics
from monty_mqtt.wire.vocabulary import LIVE_STATUSES, is_online
from monty_mqtt_core.reading.mqtt_client import BrokerAddress, MqttMessage, Subscriber, retained
from monty_mqtt_core.reading.run_status import RunStatuses, WorkerStatus, decode
from monty_mqtt_core.settings.state_dir import Endpoint, FarSide, StateDir
from monty_mqtt_stack.services.find_services import accepts, broker_of
from monty_mqtt_stack.watch.message_lines import duration, modes_in_words, table

__all__ = ["as_json", "as_lines", "collect", "command"]

_KINDS = ("info", "status", "progress")
_HEALTH = {
    "workers": "workers {}",
    "received_per_sec": "in {}/s",
    "published_per_sec": "out {}/s",
    "queued": "waiting {}",
    "lost": "lost {}",
    "dropped": "dropped {}",
    "too_large": "too large {}",
}
_HEALTH_SECS = 2.0
_MEGA = 1e6


def command(options: argparse.Namespace) -> int:
    """Run `monty-mqtt status`; return the exit code.

    Raises:
        ServiceError: The broker does not answer; or, after its knowledge is printed, no bridge is online.
    """
    far_side = None if options.broker else StateDir(options.state_dir).read_far_side()
    collected = collect(broker_of(options), far_side)
    text = as_json(collected) if options.json else "\n".join(as_lines(collected))
    print(text, flush=True)  # noqa: T201 - a command's output
    if not any(map(_is_online, collected["bridges"].values())):
        raise ServiceError(f"no bridge is online at {collected['broker']}; start one with `monty-mqtt up`")
    return 0


def collect(broker: BrokerAddress, far_side: Optional[FarSide]) -> Dict[str, Any]:
    """Return what the broker retains about runs and bridges, and which services the state directory lists.

    Raises:
        ServiceError: The broker does not answer.
    """
    filters = [f"{topics.JSON_PREFIX}/+/+/{kind}" for kind in _KINDS]
    runs = RunStatuses()
    bridges: Dict[str, Dict[str, Any]] = {}
    with Subscriber(broker, [f"{topics.BRIDGE_PREFIX}/+/health"]) as subscriber:
        for arrived in retained(broker, [*filters, f"{topics.BRIDGE_PREFIX}/+/status"]):
            if arrived.topic.startswith(topics.BRIDGE_PREFIX):
                _note_bridge(bridges, arrived)
            elif (message := decode(arrived.topic, arrived.payload)) is not None:
                runs.apply(message)
        _await_health(subscriber, bridges)
    services = far_side.services if far_side else {}
    known = {name: {worker.worker: _worker(worker) for worker in runs.of_run(name)} for name in runs.names()}
    return {
        "broker": str(broker),
        "services": {name: _service(endpoint) for name, endpoint in services.items()},
        "left_out": dict(far_side.left_out) if far_side else {},
        "bridges": bridges,
        "totals": _totals(known),
        "runs": known,
    }


def as_json(status: Dict[str, Any]) -> str:
    """Return the status as JSON, for programs."""
    return json.dumps(status, indent=2, ensure_ascii=False)


def as_lines(status: Dict[str, Any]) -> List[str]:
    """Return the status as lines of text, for people."""
    lines = [*_services(status), *(f"left out: {name}: {why}" for name, why in status["left_out"].items())]
    for name, bridge in status["bridges"].items():
        lines.append(f"bridge {name}: {_bridge_in_words(bridge)}")
        lines += _journal(bridge.get("health"))
    return [one_line(line) for line in (*lines, "", *_runs(status))]


def _services(status: Dict[str, Any]) -> List[str]:
    if not status["services"]:
        return [f"broker {status['broker']}, not started by monty-mqtt"]
    rows = [["service", "where", "what"]]
    for name, service in status["services"].items():
        silent = "" if service["answers"] else ", does not answer"
        pid = f" (pid {service['pid']})" if service["pid"] else ""  # a process id in a container means nothing here
        rows.append([name, service["url"], f"{service['program']}{pid}{silent}"])
    return table(rows)


def _journal(health: Any) -> List[str]:
    """Return the line on the bridge's journal on disk; an empty list if the bridge does not report it."""
    if not isinstance(health, dict) or "journal_rows" not in health:
        return []
    used = f"{health['journal_bytes'] / _MEGA:,.1f} of {health.get('journal_bound_bytes', 0) / _MEGA:,.0f} MB"
    parts = [f"{health['journal_rows']:,} rows", used, f"{health['journal_waiting']:,} wait for the broker"]
    if health["journal_waiting"]:
        parts.append(f"the oldest for {duration(health['journal_oldest_secs'])}")
    if health["journal_evicted"]:
        parts.append(f"{health['journal_evicted']:,} frames and clouds gave way")
    if health["journal_full"]:
        parts.append("FULL: nothing more is accepted, experiments keep what they have")
    return [f"  journal: {', '.join(parts)}"]


def _runs(status: Dict[str, Any]) -> List[str]:
    if not status["runs"]:
        return ["no runs"]
    rows = [["run", "worker", "status", "episodes", "outcomes", "lost", "dropped", "too large"]]
    for run, workers in status["runs"].items():
        rows += [[run, name, *_cells(worker)] for name, worker in workers.items()]
    shown = [f"{count:,} {name}" for name, count in status["totals"].items() if count or name in ("runs", "workers")]
    return [*table(rows), "", ", ".join(shown)]


def _totals(runs: Dict[str, Dict[str, Dict[str, Any]]]) -> Dict[str, int]:
    """Return how many runs and workers there are, and how many have what problem."""
    workers = [worker for of_run in runs.values() for worker in of_run.values()]
    words = Counter(worker["status"] for worker in workers)
    return {
        "runs": len(runs),
        "workers": len(workers),
        "live": sum(words[word] for word in LIVE_STATUSES),
        "stalled": sum(worker["stalled"] for worker in workers),
        "disconnected": words["disconnected"],
        "lost": sum(worker["lost"] for worker in workers),
        "dropped": sum(worker["dropped"] for worker in workers),
        "too large": sum(worker["too_large"] for worker in workers),
        "still with the experiment": sum(worker["spooled"] for worker in workers),
    }


def _service(endpoint: Endpoint) -> Dict[str, Any]:
    answers = accepts(endpoint.host, endpoint.port)
    return {"url": endpoint.url, "program": endpoint.program, "pid": endpoint.pid, "answers": answers}


def _note_bridge(bridges: Dict[str, Dict[str, Any]], arrived: MqttMessage) -> None:
    *_, bridge, kind = arrived.topic.split("/")
    bridges.setdefault(topics.unescape(bridge), {})[kind] = _plain(arrived.payload)


def _is_online(bridge: Dict[str, Any]) -> bool:
    return is_online(str(bridge.get("status")).encode())


def _await_health(subscriber: Subscriber, bridges: Dict[str, Dict[str, Any]]) -> None:
    # Health is not retained: a live bridge publishes it once a second.
    deadline = time.monotonic() + _HEALTH_SECS
    while any(_is_online(bridge) and "health" not in bridge for bridge in bridges.values()):
        arrived = subscriber.get(deadline - time.monotonic())
        if arrived and arrived.topic.startswith(topics.BRIDGE_PREFIX):
            _note_bridge(bridges, arrived)
        elif time.monotonic() > deadline:
            break


def _worker(worker: WorkerStatus) -> Dict[str, Any]:
    progress = worker.progress
    return {
        "status": worker.word,
        "stalled": bool(worker.status and worker.status.stalled),
        "experiment": worker.info.experiment if worker.info else None,
        "group": worker.info.group if worker.info else None,
        "overrides": worker.info.overrides if worker.info else {},
        "episodes_done": worker.episodes_done,
        "episodes_expected": progress.episodes_expected if progress else None,
        "modes": {name: msgspec.structs.asdict(mode) for name, mode in worker.modes.items()},
        "lost": worker.lost,
        "dropped": worker.dropped,
        "too_large": worker.too_large,
        "spooled": worker.spooled,
        "estimated_end_unix_nanos": progress.estimated_end_unix_nanos if progress else None,
    }


def _cells(worker: Dict[str, Any]) -> List[str]:
    of = "" if worker["episodes_expected"] is None else f" of {worker['episodes_expected']}"
    spooled = f", {worker['spooled']:,} messages are still with the experiment" if worker["spooled"] else ""
    word = f"{worker['status']}{', stalled' if worker['stalled'] else ''}{spooled}"
    missing = (str(worker[name]) for name in ("lost", "dropped", "too_large"))
    return [word, f"{worker['episodes_done']}{of}", _outcomes(worker["modes"]), *missing]


def _outcomes(modes: Dict[str, Dict[str, Any]]) -> str:
    return modes_in_words({name: schema.ModeProgress(**mode) for name, mode in modes.items()})


def _plain(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except ValueError:
        return payload.decode("utf-8", "replace")


def _bridge_in_words(bridge: Dict[str, Any]) -> str:
    status, health = bridge.get("status", "unknown"), bridge.get("health")
    word = status.get("status", status) if isinstance(status, dict) else status
    if not isinstance(health, dict):
        return str(word)
    return ", ".join([str(word), *(text.format(health[key]) for key, text in _HEALTH.items() if key in health)])
