"""Workers on four hosts, two bridges, three brokers, two Telegrafs: each is killed, a link cut, nothing is missing."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack, suppress
from datetime import datetime
from typing import NamedTuple

import pytest
from kit.cluster.whole_cluster import WholeCluster
from kit.machine.child_process import Process, until
from kit.machine.link_recording import LinkRecording

from monty_mqtt.wire import schema, topics
from monty_mqtt_core.reading.mqtt_client import retained

RUN = "run-in-the-cluster"
PLAIN = "a-word-that-stands-in-the-payload"
HOSTS, WORKERS_A_HOST = 4, 5
WORKERS = [f"worker-{number}" for number in range(HOSTS * WORKERS_A_HOST)]
NOT_NUMBERS = 4
"""Messages of a worker beside its numbers: info, running, completed, end."""

ARRIVED_SECS = 300
REDELIVERED_SECS = 60
"""A node gives what was not acknowledged again after 30 s (`ack_wait`)."""
AGAIN_SECS = 0.5


class Scale(NamedTuple):
    """How much there is of everything.

    Attributes:
        messages: Number of messages of each worker.
        per_sec: How many of them it publishes a second.
        events: What happens, one after the other: the part that is killed and its number, or the link and for how long.
    """

    messages: int
    per_sec: float
    events: tuple[tuple[str, int], ...]

    @property
    def numbers(self) -> int:
        return self.messages - NOT_NUMBERS


SMALL = Scale(200, 10, (("node", 0), ("bridge", 0), ("link", 5)))
WHOLE = Scale(
    5_000,
    25,
    (
        *(("node", 0), ("telegraf", 0), ("bridge", 0)),
        *(("link", 20), ("node", 1), ("telegraf", 1), ("bridge", 1), ("node", 2)),
    ),
)


class Load:
    """The workers on their hosts, and a recording of the first host's link and of the first bridge's."""

    def __init__(self, cluster: WholeCluster, scale: Scale, stack: ExitStack) -> None:
        self.hosts = [cluster.network.host(f"workers-{number}") for number in range(HOSTS)]
        self.links = [
            stack.enter_context(LinkRecording(host, (PLAIN, RUN))) for host in (self.hosts[0], cluster.bridge_hosts[0])
        ]
        environment = {
            "MONTY_MQTT_BRIDGE": ",".join(str(bridge.address) for bridge in cluster.bridges),
            "MONTY_MQTT_KEY_FILE": str(cluster.key_file),
            "PYTHONPATH": ":".join(sys.path),
        }
        self._programs = []
        for number, host in enumerate(self.hosts):
            words = (RUN, number * WORKERS_A_HOST, WORKERS_A_HOST, scale.numbers, scale.per_sec, PLAIN)
            argv = (sys.executable, "-m", "kit.programs.cluster_workers", *map(str, words))
            with host.inside():
                self._programs.append(stack.enter_context(Process(argv=argv, env=environment)))

    def end(self) -> None:
        """End the workers; a bridge has everything of them then."""
        for program in self._programs:
            program.signal(15)
        for program in self._programs:
            assert program.wait(ARRIVED_SECS) == 0, program.text


@pytest.mark.parametrize(
    "scale",
    [
        pytest.param(SMALL, id="small", marks=pytest.mark.timeout(300)),
        pytest.param(WHOLE, id="whole", marks=[pytest.mark.long, pytest.mark.timeout(1500)]),
    ],
)
def test_each_part_is_killed_and_a_link_is_cut_and_nothing_is_missing_out_of_order_or_wrong(tmp_path, scale):
    with ExitStack() as stack:
        cluster = stack.enter_context(WholeCluster(tmp_path, {1, scale.messages - 2}))
        stack.callback(lambda: say(cluster.logs()))
        say("all parts run")
        load = Load(cluster, scale, stack)
        total = scale.messages * len(WORKERS)
        for number, (part, which) in enumerate(scale.events, 1):
            wanted = total * number // (len(scale.events) + 1)
            until(lambda wanted=wanted: cluster.witness.count(RUN) >= wanted, ARRIVED_SECS)
            say(f"{cluster.witness.count(RUN):,} arrived: {part} {which}")
            happen(cluster, load, part, which)
        load.end()
        say("the workers have ended")
        arrive(cluster, scale)
        say(f"all {total:,} arrived, after {cluster.witness.connects} connections")
        are_stored(cluster, scale)
        say("and are stored")
        assert_statuses(cluster)
    assert_nothing_is_readable(*load.links)


def say(line: str) -> None:
    """Note what happens now; pytest shows it where a test fails."""
    print(f"{datetime.now():%H:%M:%S.%f} {line}")  # noqa: DTZ005, T201 - local time, as in the logs


def happen(cluster: WholeCluster, load: Load, part: str, which: int) -> None:
    """Kill a part and start it again, or cut the link of the first workers for so many seconds."""
    if part == "link":
        load.hosts[0].cut()
        time.sleep(which)
        load.hosts[0].mend()
    else:
        getattr(cluster, f"restart_{part}")(which)


def arrive(cluster: WholeCluster, scale: Scale) -> None:
    """Wait until the subscriber has every message; check their order."""
    seen = {worker: cluster.witness.workers[RUN, worker] for worker in WORKERS}
    every = set(range(scale.messages))
    try:
        until(lambda: all(one.times.keys() == every for one in seen.values()), ARRIVED_SECS)
    except AssertionError:
        missing = {worker: sorted(every - one.times.keys())[:10] for worker, one in seen.items()}
        raise AssertionError(f"missing: {missing}") from None
    late = {worker: one.late for worker, one in seen.items() if one.late}
    if late:
        say(f"late: {late}")
        with suppress(AssertionError):  # what is not explained then is named below
            until(lambda: not any(one.unexplained for one in seen.values()), REDELIVERED_SECS)
    assert {worker: one.unexplained for worker, one in seen.items() if one.unexplained} == {}
    for one in seen.values():
        times = [one.times[seq] for seq in range(scale.messages)]
        assert times == sorted(set(times))


def are_stored(cluster: WholeCluster, scale: Scale) -> None:
    """Wait until InfluxDB has every number; check that it has each once."""
    counted = f"SELECT count(value) FROM metric WHERE run = '{RUN}' GROUP BY *"
    stored = {}

    def is_all() -> bool:
        time.sleep(AGAIN_SECS)
        stored.update({tuple(series.tags.items()): series.rows[0][1] for series in cluster.query(counted)})
        return sum(stored.values()) >= scale.numbers * len(WORKERS)

    try:
        until(is_all, ARRIVED_SECS)
    finally:
        say(f"stored: {sorted(stored.values())} in {len(stored)} series")
    assert list(stored.values()) == [scale.numbers] * len(WORKERS)
    for worker in WORKERS:
        (series,) = cluster.query(f"SELECT value FROM metric WHERE run = '{RUN}' AND worker = '{worker}'")
        assert [row[1] for row in series.rows] == list(range(scale.numbers))


def assert_statuses(cluster: WholeCluster) -> None:
    """Check what is retained of workers and bridges."""
    node = cluster.nodes.as_user("liveview")
    last = [schema.decode(one.payload) for one in retained(node, [f"monty/v1/{RUN}/+/status"])]
    assert sorted((one.worker, one.status) for one in last) == sorted((worker, "completed") for worker in WORKERS)
    assert {(one.lost, one.dropped, one.too_large, one.spooled, one.stalled) for one in last} == {(0, 0, 0, 0, False)}
    bridges = retained(node, [topics.bridge_status_filter()])
    assert sorted(one.payload for one in bridges) == [b"online", b"online"]


def assert_nothing_is_readable(workers: LinkRecording, bridge: LinkRecording) -> None:
    """Check that a stranger reads nothing between workers and bridges, and would have: MQTT is not encrypted here."""
    assert workers.missed == bridge.missed == 0
    assert bridge.readable[PLAIN] > 100
    assert bridge.readable[RUN] > 100
    assert workers.packets > 100
    assert workers.size_bytes > 100_000
    assert workers.readable == {}
