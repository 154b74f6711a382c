"""An experiment, its bridge and the spool between them, all killed for real: what a subscriber of the broker gets."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from kit.bridge_process import BridgeProcess, at

from monty_mqtt.wire import schema, topics
from monty_mqtt.wire.bridge_address import BridgeAddress
from monty_mqtt_stack.replay.restore_spool import restore

SECOND = 10**9

EXPERIMENT = """
import sys, time
from monty_mqtt import ZmqBroadcaster
port, spool, run, count = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
with ZmqBroadcaster(run_id=run, zmq_port=port, spool_dir=spool) as b:
    while not count or b.counts.published < count:
        b.publish_metric("n", b.counts.published)
        print(b.counts.published, time.monotonic_ns(), b.counts.acknowledged, flush=True)
        b._outbox.link.wait(0)
"""


class Experiment:
    """A process that publishes about 500 metrics a second, and says when it published how many."""

    def __init__(self, port: int, place: Path, run: str, count: int = 0) -> None:
        self._log = place / f"{run}.published"
        command = [sys.executable, "-c", EXPERIMENT, str(port), str(place / "spool"), run, str(count)]
        with self._log.open("w") as out:
            self.process = subprocess.Popen(command, stdout=out)

    def lines(self) -> list[tuple[int, int, int]]:
        lines = [line.split() for line in self._log.read_text().splitlines()]
        return [(int(line[0]), int(line[1]), int(line[2])) for line in lines if len(line) == 3]

    def wait_for(self, condition, secs=20.0):
        deadline = time.monotonic() + secs
        while not condition(self.lines()):
            assert time.monotonic() < deadline
            assert self.process.poll() is None

    def kill(self) -> int:
        """Kill it; return how many of its messages are older than a second."""
        killed_at = time.monotonic_ns()
        self.process.send_signal(signal.SIGKILL)
        assert self.process.wait(10) == -signal.SIGKILL
        return max((count for count, nanos, _ in self.lines() if killed_at - nanos > SECOND), default=0)


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def bridge_at(broker, port, tmp_path):
    """Start the bridge as a process, on the same port with the same journal each time."""

    def start():
        running = BridgeProcess(**at(broker, zmq_port=port, bridge_id="spool", journal=tmp_path / "journal"))
        running.ready()
        return running

    return start


def words(subscriber, run):
    return [message.status for message in subscriber.messages(schema.Status) if message.run == run]


def spool_of(tmp_path, run):
    (path,) = (tmp_path / "spool" / run).glob("*.spool")
    return path


@pytest.mark.timeout(120)
def test_an_experiment_killed_while_the_bridge_is_down_is_complete_once_both_files_are_read(
    bridge_at, port, subscriber, tmp_path
):
    with bridge_at() as bridge:
        experiment = Experiment(port, tmp_path, "killed")
        experiment.wait_for(lambda lines: lines and lines[-1][2] > 200)
        bridge.end(signal.SIGKILL)
        gone_at = time.monotonic_ns()
        experiment.wait_for(lambda lines: lines[-1][1] - gone_at > 2 * SECOND)
        old = experiment.kill()
    path = spool_of(tmp_path, "killed")
    copy = tmp_path / "copy.spool"
    shutil.copy(path, copy)
    with bridge_at():
        restored = restore(path, bridge=BridgeAddress(port=port))
        assert restored.removed
        assert not restored.ended
        assert restored.already < restored.sent + restored.already
        total = restored.sent + restored.already
        subscriber.wait_for(lambda _: len(set(subscriber.seqs()["killed", "main"])) >= old)
        subscriber.wait_for(lambda _: "disconnected" in words(subscriber, "killed"), 20)
        seqs = set(subscriber.seqs()["killed", "main"])
        assert seqs == set(range(max(seqs) + 1))
        assert max(seqs) + 1 >= old
        last = subscriber.messages(schema.Status)[-1]
        restored = restore(copy, bridge=BridgeAddress(port=port))
        assert (restored.sent, restored.already) == (0, total)
    assert subscriber.messages(schema.Status)[-1] == last
    assert last.status == "disconnected"


@pytest.mark.timeout(120)
def test_a_run_that_ended_without_a_bridge_is_completed_whenever_it_is_restored(
    bridge_at, port, subscriber, broker, tmp_path
):
    experiment = Experiment(port, tmp_path, "ended", count=300)
    assert experiment.process.wait(30) == 0
    path = spool_of(tmp_path, "ended")
    copy = tmp_path / "copy.spool"
    shutil.copy(path, copy)
    with bridge_at():
        restored = restore(path, bridge=BridgeAddress(port=port))
        assert (restored.sent, restored.ended, restored.missing) == (302, True, 0)
        subscriber.wait_for(lambda _: len(set(subscriber.seqs()["ended", "main"])) == 302, 20)
        assert words(subscriber, "ended") == ["running", "completed"]
        before = subscriber.messages()
    with bridge_at():  # a day later; what is not ten seconds old it publishes again by itself
        restored = restore(copy, bridge=BridgeAddress(port=port))
        assert (restored.sent, restored.already, restored.removed) == (0, 302, True)
        subscriber.wait_for(lambda _: words(subscriber, "ended")[-1] == "completed")
    assert all(message in before for message in subscriber.messages() if message.run == "ended")
    with type(subscriber)(broker.host, broker.port, topics.build("ended", "main", "status")) as later:
        later.wait_for(lambda received: received)
        assert words(later, "ended") == ["completed"]


@pytest.mark.timeout(120)
def test_a_live_experiment_is_not_restored_under_its_feet(bridge_at, port, tmp_path):
    experiment = Experiment(port, tmp_path, "live")
    experiment.wait_for(lambda lines: lines and lines[-1][1] - lines[0][1] > 2 * SECOND)
    path = spool_of(tmp_path, "live")
    copy = tmp_path / "copy.spool"
    shutil.copy(path, copy)  # as one on another machine sees it
    with bridge_at():
        experiment.wait_for(lambda lines: lines[-1][2] > 0)
        with pytest.raises(Exception, match="refuses 'live', 'main': it is connected"):
            restore(copy, bridge=BridgeAddress(port=port))
        experiment.wait_for(lambda _: not path.exists())  # it has sent what it had by itself
        experiment.kill()
