"""This benchmark measures the bridge: steady load, its maximum beside bare paho, lines per second, latency.

usage: python -m benchmarks bridge

The bridge and the sender are processes of their own, as in use; the broker is a real Mosquitto with the shipped
configuration; the journal is on disk. Maximum: the bridge and a bare paho loop (QoS 1, in-flight window 100, paho's own
thread) take turns at the same broker in the same run; paho publishes, ready-made, the payloads that the bridge
published.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple, Union

import paho.mqtt.client as mqtt
import zmq
from paho.mqtt.enums import CallbackAPIVersion
from typing_extensions import Self

from monty_mqtt import ZmqBroadcaster
from monty_mqtt.wire import schema, zmq_protocol
from monty_mqtt.wire.message_pieces import Hypothesis, LearningModuleStep
from monty_mqtt_core.influx.line_protocol import Misfits
from monty_mqtt_core.influx.points import lines_of
from monty_mqtt_core.settings import ports
from monty_mqtt_core.settings.state_dir import Endpoint
from monty_mqtt_stack.services.mosquitto import Mosquitto

__all__ = ["rows"]

Row = Dict[str, Any]
ROOT = Path(__file__).resolve().parent.parent
OBJECTS = [f"object_{number}" for number in range(10)]
STEADY_PER_SEC = 2000
LATENCY_PER_SEC = 100
WINDOW = 100
PATIENCE_SECS = 180.0
MOST_OF_PAHO = 60_000
"""paho drops messages that are more than 65,535 ahead of the broker."""

LEAST_OF_PAHO = 0.6
LEAST_POINTS_PER_SEC = 50_000
MOST_GROWTH = 1.5
MOST_BEHIND_SECS = 0.25
MOST_MEDIAN_MILLIS = 5.0
MOST_P99_MILLIS = 50.0


def rows(*, quick: bool = False) -> List[Row]:
    """Return the figures of the bridge, and print nothing."""
    with tempfile.TemporaryDirectory() as where, Mosquitto(Path(where) / "far-side") as broker:
        journal = Path(where) / "journal.sqlite"
        return [
            *steady(broker, journal, secs=5 if quick else 60),
            *maximum(broker, journal, rounds=2 if quick else 6, messages=4000 if quick else 20_000),
            *lines(secs=1 if quick else 5),
            # A journal of its own: a bridge publishes again what the previous bridge published in its last ten seconds.
            *latency(broker, Path(where) / "latency.sqlite", secs=3 if quick else 20),
            *latency(broker, None, secs=3 if quick else 20),
        ]


def row(name: str, measured: float, unit: str, target: str, *, met: Optional[bool]) -> Row:
    """Return one row of the table."""
    return {"name": name, "measured": round(measured, 2), "unit": unit, "target": target, "met": met}


def example_step(number: int, modules: int = 1) -> Dict[str, Any]:
    """Return the fields of a step with ten objects."""
    evidence = {name: number * 0.37 + index * 1.1 for index, name in enumerate(OBJECTS)}
    module = LearningModuleStep(
        evidence=evidence,
        most_likely=Hypothesis(object="object_9", evidence=evidence["object_9"], location=[0.01, 1.52, -0.03]),
        second_object="object_8",
        margin=1.1,
        possible_matches=["object_8", "object_9"],
        evidence_threshold=7.25,
    )
    return {
        "mode": "eval",
        "epoch": 0,
        "episode": number // 100,
        "step": number % 100,
        "total_step": number,
        "step_secs": 0.04,
        "target_object": "object_9",
        "learning_modules": {f"LM_{index}": module for index in range(modules)},
    }


@contextlib.contextmanager
def bridge_process(
    broker: Mosquitto, port: int, journal: Optional[Path], bridge_id: str = "bench", *more: str
) -> Iterator[subprocess.Popen[str]]:
    """Run a bridge; with `journal` None it keeps messages in memory only."""
    command = [
        *(sys.executable, "-m", "monty_mqtt_bridge", f"--zmq-port={port}", f"--mqtt-port={broker.port}"),
        *(
            "--mqtt-username=bridge",
            f"--mqtt-password-file={broker.password_file('bridge')}",
            f"--bridge-id={bridge_id}",
        ),
        f"--journal={journal or ''}",
        *more,
    ]
    paths = os.pathsep.join(str(ROOT / part) for part in (".", "core", "bridge", "stack"))
    environment = {**os.environ, "PYTHONPATH": paths}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.terminate()
            process.wait(20)


class Listening:
    """Listening connects a subscriber, and lets it hear in the background from entering to leaving."""

    def __init__(self, broker: Union[Mosquitto, Endpoint], qos: int, *topics: str) -> None:
        self._subscribed = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe([(topic, qos) for topic in topics])
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.connect(broker.host, broker.port)

    def __enter__(self) -> Self:
        """Start listening."""
        self._client.loop_start()
        self._subscribed.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening."""
        self._client.disconnect()
        self._client.loop_stop()


class Listener(Listening):
    """Listener is a subscriber that notes when each message came.

    Attributes:
        health: The bridge's health messages, decoded.
        arrived: Nanoseconds at which each step arrived, by its own time.
    """

    def __init__(self, broker: Union[Mosquitto, Endpoint], *topics: str) -> None:
        self.health: List[Dict[str, Any]] = []
        self.arrived: Dict[int, int] = {}
        super().__init__(broker, 0, *topics)
        self._client.on_message = self._on_message

    def _on_message(self, _client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        now = time.time_ns()
        health = json.loads(message.payload)
        if message.topic.endswith("/health"):
            self.health.append(health)
        else:
            self.arrived[health["time_unix_nanos"]] = now


class Arrival(Listening):
    """Arrival waits until the last message of a run has reached a subscriber."""

    def __init__(self, broker: Mosquitto, run: str) -> None:
        super().__init__(broker, 1, f"monty/v1/{run}/main/end")
        self._here = threading.Event()
        self._client.on_message = lambda *_: self._here.set()

    def wait(self) -> None:
        """Return when the last message has come.

        Raises:
            TimeoutError: It has not come within three minutes.
        """
        if not self._here.wait(PATIENCE_SECS):
            raise TimeoutError("the last message did not arrive")


def send_evenly(broadcaster: ZmqBroadcaster, per_sec: int, secs: float) -> float:
    """Publish steps at an even rate; return the rate that was reached."""
    began = time.monotonic()
    total = int(per_sec * secs)
    for number in range(total):
        broadcaster.publish(schema.Step, **example_step(number))
        ahead = began + (number + 1) / per_sec - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
    return total / (time.monotonic() - began)


def steady(broker: Mosquitto, journal: Path, secs: float) -> List[Row]:
    """Measure 2,000 messages a second, one step each: neither the sender's window nor the bridge's queue may grow."""
    port = ports.any_free("127.0.0.1")
    with bridge_process(broker, port, journal), Listener(broker, "monty/bridge/v1/bench/health") as listener:
        window = []
        with ZmqBroadcaster(run_id="steady", zmq_port=port) as broadcaster:
            done = threading.Event()

            def watch() -> None:
                while not done.wait(0.25):
                    window.append(broadcaster.counts.unacknowledged)

            watcher = threading.Thread(target=watch)
            watcher.start()
            reached = send_evenly(broadcaster, STEADY_PER_SEC, secs)
            done.set()
            watcher.join()
            flushed = broadcaster.flush(10)
        queued = [health["queued"] for health in listener.health]
    third = max(1, len(window) // 3)
    before, after = statistics.median(window[:third]), statistics.median(window[-third:])
    allowed = max(STEADY_PER_SEC * MOST_BEHIND_SECS, MOST_GROWTH * before)
    longest, even = max(queued, default=0), after < allowed
    met = flushed and reached > 0.98 * STEADY_PER_SEC and even
    return [
        row(f"bridge: {STEADY_PER_SEC} messages/s for {secs:g} s", reached, "messages/s", "no growing queue", met=met),
        row("  longest queue in the bridge", longest, "messages", "", met=None),
        row("  not acknowledged yet, median of the first third", before, "messages", "", met=None),
        row("  not acknowledged yet, median of the last third", after, "messages", f"< {allowed:g}", met=even),
    ]


class Shape(NamedTuple):
    """Shape is a kind of load: its name, the kind of its messages, and the function that makes their fields."""

    name: str
    kind: Any
    fields: Any


SHAPES = (
    Shape("metric", schema.Metric, lambda number: {"name": "loss", "value": number * 0.5, "metadata": {"epoch": 1}}),
    Shape("step, 1 learning module", schema.Step, example_step),
    Shape("step, 5 learning modules", schema.Step, lambda number: example_step(number, modules=5)),
)


def maximum(broker: Mosquitto, journal: Path, rounds: int, messages: int) -> List[Row]:
    """Measure the bridge, a bridge without a journal on disk, and bare paho, in turns with the same payloads."""
    result = []
    port, other = ports.any_free("127.0.0.1"), ports.any_free("127.0.0.1")
    with bridge_process(broker, port, journal), bridge_process(broker, other, None, "without"):
        for shape in SHAPES:
            payloads = capture(broker, port, shape, messages // 10)
            ours, without, theirs = [], [], []
            for turn in range(rounds):
                run = f"most-{len(result)}-{turn}"
                ours.append(through_bridge(broker, port, shape, messages, run))
                without.append(through_bridge(broker, other, shape, messages, f"{run}-without"))
                total = messages * len(payloads) // (messages // 10)
                theirs.append(through_paho(broker, payloads, min(total, MOST_OF_PAHO)))
            per_message = len(payloads) / (messages // 10)
            ratio = statistics.median(a * per_message / b for a, b in zip(ours, theirs))
            text = f"bridge, maximum, {shape.name} ({per_message:.2f} MQTT messages each)"
            result.append(row(text, statistics.median(ours), "messages/s", "", met=None))
            text, met = "  its MQTT messages / those of bare paho", ratio >= LEAST_OF_PAHO
            result.append(row(text, ratio, "ratio", f">= {LEAST_OF_PAHO}", met=met))
            ratio = statistics.median(a / b for a, b in zip(ours, without))
            result.append(row("  with the journal on disk / in memory", ratio, "ratio", "", met=None))
    return result


def capture(broker: Mosquitto, port: int, shape: Shape, messages: int) -> List[Any]:
    """Return topics and payloads that the bridge makes of so many messages."""
    got: List[Any] = []
    ended, subscribed = threading.Event(), threading.Event()
    broadcaster = ZmqBroadcaster(run="captured", zmq_port=port, window_bytes=1 << 30)
    run = broadcaster.run
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.username_pw_set("liveview", broker.password("liveview"))

    def on_message(_client: object, _userdata: object, message: mqtt.MQTTMessage) -> None:
        if message.topic.startswith((f"monty/v1/{run}/", f"monty/influx/v1/{run}")):
            got.append((message.topic.replace(run, "paho"), message.payload))
        if message.topic == f"monty/v1/{run}/main/end":
            ended.set()

    client.on_message = on_message
    client.on_subscribe = lambda *_: subscribed.set()
    client.on_connect = lambda client, *_: client.subscribe("monty/#", 1)
    client.connect(broker.host, broker.port)
    client.loop_start()
    subscribed.wait(10)
    for number in range(messages):
        broadcaster.publish(shape.kind, **shape.fields(number))
    broadcaster.close()
    ended.wait(30)
    client.disconnect()
    client.loop_stop()
    return [outgoing for outgoing in got if not outgoing[0].endswith(("/status", "/end"))]


def through_bridge(broker: Mosquitto, port: int, shape: Shape, messages: int, run: str) -> float:
    """Return messages a second from the first message sent until the broker has the last one.

    The sender only passes ready frames to ZMQ, because another benchmark measures the cost of publishing.
    """
    head, bodies = prepare(shape, messages, run)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    with context, context.socket(zmq.DEALER) as dealer:
        dealer.set(zmq.SNDHWM, 0)
        dealer.set(zmq.LINGER, 0)
        dealer.connect(f"tcp://127.0.0.1:{port}")
        sender = {"run": run, "worker": "main", "started_unix_nanos": time.time_ns()}
        hello = zmq_protocol.Hello(schema_version=schema.SCHEMA_VERSION, base=0, **sender)
        dealer.send_multipart(zmq_protocol.encode_up(hello))
        zmq_protocol.decode_down(dealer.recv())
        with Arrival(broker, run) as arrival:
            began = time.perf_counter()
            for body in bodies:
                dealer.send(head, zmq.SNDMORE)
                dealer.send(body)
            end = schema.End(run=run, worker="main", seq=messages, time_unix_nanos=time.time_ns(), status="completed")
            dealer.send(zmq_protocol.head("end"), zmq.SNDMORE)
            dealer.send(schema.encode(end))
            arrival.wait()
            return messages / (time.perf_counter() - began)


def prepare(shape: Shape, messages: int, run: str) -> Tuple[bytes, List[bytes]]:
    """Return the head and the bodies of so many messages."""
    now = time.time_ns()
    envelope = {"run": run, "worker": "main"}
    made = (
        shape.kind(seq=number, time_unix_nanos=now + number, **envelope, **shape.fields(number))
        for number in range(messages)
    )
    return zmq_protocol.head(shape.kind.__struct_config__.tag), [schema.encode(message) for message in made]


def through_paho(broker: Mosquitto, payloads: List[Any], messages: int) -> float:
    """Return MQTT messages a second of a bare loop, in another process as the bridge is."""
    with tempfile.TemporaryDirectory() as where:
        file = Path(where) / "payloads.json"
        file.write_text(json.dumps([(topic, payload.decode()) for topic, payload in payloads]))
        command = [
            *(sys.executable, "-c", "import benchmarks.bridge as b; b.bare_paho()"),
            *(str(file), str(broker.port), str(broker.password_file("bridge")), str(messages)),
        ]
        paths = os.pathsep.join(str(ROOT / part) for part in (".", "core", "bridge", "stack"))
        done = subprocess.run(
            command, env={**os.environ, "PYTHONPATH": paths}, stdout=subprocess.PIPE, text=True, check=True
        )
    return float(done.stdout)


def bare_paho() -> None:
    """Publish ready payloads as paho is usually used, and print messages a second."""
    payloads = [(topic, payload.encode()) for topic, payload in json.loads(Path(sys.argv[1]).read_text())]
    messages = int(sys.argv[4])
    acknowledged, done, connected = 0, threading.Event(), threading.Event()

    def on_publish(*_: object) -> None:
        nonlocal acknowledged
        acknowledged += 1
        if acknowledged == messages:
            done.set()

    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
    client.username_pw_set("bridge", Path(sys.argv[3]).read_text().strip())
    client.max_inflight_messages_set(WINDOW)
    client.on_publish = on_publish
    client.on_connect = lambda *_: connected.set()
    client.connect("127.0.0.1", int(sys.argv[2]))
    client.loop_start()
    connected.wait(10)
    began = time.perf_counter()
    for number in range(messages):
        topic, payload = payloads[number % len(payloads)]
        client.publish(topic, payload, 1)
    if not done.wait(120):
        raise RuntimeError(f"{acknowledged} of {messages} acknowledged within 120 s")
    print(messages / (time.perf_counter() - began))
    client.disconnect()
    client.loop_stop()


def lines(secs: float) -> List[Row]:
    """Measure the points a second made of steps with five learning modules and ten objects, on one core."""
    head = {"run": "lines", "worker": "main"}
    steps = [
        schema.Step(seq=number, time_unix_nanos=10**18 + number, **head, **example_step(number, modules=5))
        for number in range(1000)
    ]
    misfits, points = Misfits(), 0
    began = time.perf_counter()
    while time.perf_counter() - began < secs:
        for step in steps:
            points += len(lines_of(step, "benchmark", misfits))
    rate = points / (time.perf_counter() - began)
    return [row("lines", rate, "points/s", f">= {LEAST_POINTS_PER_SEC}", met=rate >= LEAST_POINTS_PER_SEC)]


def latency(broker: Mosquitto, journal: Optional[Path], secs: float) -> List[Row]:
    """Measure the time from publish() in the experiment to a subscriber's callback, at 100 steps a second."""
    port, run = ports.any_free("127.0.0.1"), "latency" if journal else "latency-without"
    with bridge_process(broker, port, journal), Listener(broker, f"monty/v1/{run}/main/step") as listener:
        with ZmqBroadcaster(run_id=run, zmq_port=port) as broadcaster:
            send_evenly(broadcaster, LATENCY_PER_SEC, secs)
            broadcaster.flush(10)
        millis = sorted((arrived - published) / 1e6 for published, arrived in listener.arrived.items())
    middle, late = millis[len(millis) // 2], millis[int(len(millis) * 0.99)]
    where = "" if journal else ", the journal in memory"
    text = f"publish() to subscriber at {LATENCY_PER_SEC}/s{where}, median of {len(millis)}"
    return [
        row(text, middle, "ms", f"<= {MOST_MEDIAN_MILLIS:g}", met=middle <= MOST_MEDIAN_MILLIS),
        row("  p99", late, "ms", f"<= {MOST_P99_MILLIS:g}", met=late <= MOST_P99_MILLIS),
    ]
