"""`kill -9` of every part at random moments while points pass: each is stored, once, and none is refused or dropped."""

from __future__ import annotations

import random
import threading

import pytest
from kit.history.history_chain import Chain, need
from kit.machine.child_process import until

from monty_mqtt.broadcast.broadcaster import ZmqBroadcaster

SIZES = [
    pytest.param(100_000, marks=pytest.mark.timeout(300)),
    pytest.param(1_000_000, marks=[pytest.mark.long, pytest.mark.timeout(1800)]),
]


@pytest.fixture
def chain(tmp_path):
    need("telegraf", "influxd")
    with Chain(tmp_path / "chain") as running:
        yield running


class Load:
    """Publishes points `value` = 0, 1, 2, … from a thread, some at a time."""

    def __init__(self, chain: Chain) -> None:
        self._broadcaster = ZmqBroadcaster(run_id="load", zmq_port=chain.zmq_port, strict=True)
        self.sent = 0

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        self._broadcaster.close()

    def start(self, count: int) -> threading.Thread:
        thread = threading.Thread(target=self.send, args=(count,))
        thread.start()
        return thread

    def flush(self, secs: float) -> None:
        """Wait until the bridge has all of it."""
        assert self._broadcaster.flush(secs), self._broadcaster.counts

    def send(self, count: int) -> None:
        for _ in range(count):
            self._broadcaster.publish_metric("load", float(self.sent))
            self.sent += 1


def is_all_there(chain: Chain, count: int, secs: float) -> None:
    chain.wait_for_count(count, "metric", "value", secs)
    row = chain.query("SELECT sum(value), min(value), max(value) FROM metric")[0].rows[0]
    assert row[1:] == [count * (count - 1) // 2, 0, count - 1]
    until(chain.telegraf_counts)
    assert chain.telegraf_counts() == {"dropped": 0, "rejected": 0}


@pytest.mark.parametrize("count", SIZES)
def test_every_part_killed_at_random_moments(chain: Chain, count: int):
    seed = random.randrange(10**6)
    print(f"seed {seed}")  # noqa: T201 - shown when it fails
    chance = random.Random(seed)
    victims = ["bridge", "broker", "telegraf", "influxdb"]
    chance.shuffle(victims)
    stage = count // 5
    with Load(chain) as load:
        for victim in victims:
            mark = load.sent + chance.randrange(stage)
            sending = load.start(stage)
            until(lambda mark=mark: load.sent >= mark)
            chain.kill(victim)
            chain.start(victim)
            sending.join(120)
            assert not sending.is_alive()
        chain.kill("telegraf")  # the rest waits in the broker
        load.send(stage)
        chain.kill("broker")
        chain.start("broker")
        chain.start("telegraf")
        load.flush(60 + count / 2000)
        is_all_there(chain, count, 60 + count / 2000)


@pytest.mark.parametrize("count", SIZES)
def test_influxd_is_dead_while_all_points_arrive(chain: Chain, count: int):
    chain.kill("influxdb")
    with Load(chain) as load:
        load.send(count)
        until(lambda: "connection refused" in chain.log("telegraf"))
        chain.start("influxdb")
        load.flush(60 + count / 2000)
        is_all_there(chain, count, 60 + count / 2000)
