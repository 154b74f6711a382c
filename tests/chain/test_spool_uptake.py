"""What a program left in its spool is taken up as soon as the program has ended, and never while it lives."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys

import msgspec
import psutil
import pytest
from kit.bridge_process import BridgeProcess, at
from kit.machine.child_process import until
from kit.mqtt_subscriber import Subscriber

from monty_mqtt.broadcast.spool_file import SpoolFile
from monty_mqtt.wire import schema, spool_format
from monty_mqtt.wire.bridge_address import BridgeAddress
from monty_mqtt_core.reading.run_status import RunStatuses
from monty_mqtt_core.settings.ports import any_free
from monty_mqtt_stack.commands.spool_uptake import SpoolUptake, is_left_behind
from monty_mqtt_stack.watch.message_lines import readable

PROGRAM = """
import sys
from monty_mqtt import ZmqBroadcaster
from monty_mqtt.wire import schema
b = ZmqBroadcaster(run_id=sys.argv[3], zmq_port=int(sys.argv[1]), spool_dir=sys.argv[2])
b.publish(schema.Status, status="running")
print(b.flush(10), flush=True)
input()
for number in range(1500):
    b.publish_data("number", "x" * 20_000)  # far more than sockets hold
b.publish(schema.Status, status="completed")
b.close("completed", flush_secs=0.1)
print(b.counts.spooled, flush=True)
input()
"""


@pytest.fixture
def program():
    started = []

    def start(port, spools, run):
        command = [sys.executable, "-c", PROGRAM, str(port), str(spools), run]
        started.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for one in started:
        one.kill()
        one.communicate()


def go_on(program):
    program.stdin.write("\n")
    program.stdin.flush()


def of_run(subscriber, run):
    return [one for one in subscriber.messages(schema.Status) if one.run == run]


def statuses(subscriber, run):
    return [one.status for one in of_run(subscriber, run)]


@pytest.mark.timeout(90)
def test_a_program_that_ended_well_before_the_bridge_had_all_of_it_is_completed_by_itself(broker, program, tmp_path):
    spools, said = tmp_path / "spool", []
    with Subscriber(broker.host, broker.port) as subscriber, BridgeProcess(**at(broker, bridge_id="uptake")) as bridge:
        port = bridge.ready()
        with SpoolUptake(spools, BridgeAddress(port=port), said.append):
            quick = program(port, spools, "quick")
            closed_before_the_bridge_had_all(bridge, quick)
            bridge.signal(signal.SIGCONT)
            subscriber.wait_for(lambda _: statuses(subscriber, "quick")[-1:] == ["completed"], 40)
            health = "monty/bridge/v1/uptake/health"
            count = sum(one.topic == health for one in subscriber.received)
            subscriber.wait_for(lambda got: sum(one.topic == health for one in got) > count + 10, 40)
    assert set(subscriber.seqs()["quick", "main"]) == set(range(1503))
    assert statuses(subscriber, "quick")[-1] == "completed", "also when it has been gone for longer than 8 s"
    assert list(spools.glob("*/*")) == []
    assert said == ["took up what its program left behind: " + said[0].partition(": ")[2]]
    assert quick.poll() is None, "it may go on with something else"


def closed_before_the_bridge_had_all(bridge, quick):
    assert quick.stdout.readline() == "True\n"
    bridge.signal(signal.SIGSTOP)
    go_on(quick)
    assert int(quick.stdout.readline()) > 0


@pytest.mark.timeout(90)
def test_a_bridge_alone_completes_what_ended_early_too(broker, program, tmp_path):
    spools = tmp_path / "spool"
    settings = at(broker, bridge_id="alone", spool=spools, journal=tmp_path / "journal")
    with Subscriber(broker.host, broker.port) as subscriber, BridgeProcess(**settings) as bridge:
        quick = program(bridge.ready(), spools, "alone")
        closed_before_the_bridge_had_all(bridge, quick)
        go_on(quick)
        assert quick.wait(20) == 0
        bridge.signal(signal.SIGCONT)
        subscriber.wait_for(lambda _: statuses(subscriber, "alone")[-1:] == ["completed"], 60)
        bridge.line_with("took up what its program left behind: alone, main: ")
        until(lambda: not list(spools.glob("*/*")))
        assert bridge.end(signal.SIGTERM)[0] == 0
    assert set(subscriber.seqs()["alone", "main"]) == set(range(1503))


@pytest.mark.timeout(90)
def test_the_program_that_takes_up_ends_with_its_bridge_even_where_that_is_killed(broker, tmp_path):
    spools = tmp_path / "spool"
    header = spool_format.SpoolHeader(
        schema_version=1, run="x", worker="main", started_unix_nanos=1, host=socket.gethostname()
    )
    file = SpoolFile(spools, msgspec.structs.replace(header, schema_version=7, pid=ended_process()))
    file.write([(0, (b"v1 end", b"{}"))])
    file.close()
    with BridgeProcess(**at(broker, bridge_id="killed", spool=spools)) as bridge:
        bridge.ready()
        bridge.line_with("trying again in 60 s")
        (child,) = psutil.Process(bridge.pid).children()
        bridge.signal(signal.SIGKILL)
        child.wait(20)


def ended_process():
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        return process.pid


@pytest.mark.timeout(90)
def test_until_then_its_status_says_how_many_messages_are_still_with_it(broker, program, tmp_path):
    spools = tmp_path / "spool"
    settings = at(broker, bridge_id="count", spool=spools, journal=tmp_path / "journal")
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['monty_mqtt_stack'] = None")  # not installed
    bridge = BridgeProcess(**settings, first_path=tmp_path)
    with Subscriber(broker.host, broker.port) as subscriber, bridge:
        port = bridge.ready()
        closed_before_the_bridge_had_all(bridge, program(port, spools, "counted"))
        bridge.signal(signal.SIGCONT)
        subscriber.wait_for(lambda _: statuses(subscriber, "counted")[-1:] == ["disconnected"], 40)
        status = of_run(subscriber, "counted")[-1]
        assert status.spooled == 1503 - (status.highest_seq + 1) > 0
        runs = RunStatuses()
        for message in subscriber.messages():
            runs.apply(message)
        assert runs.workers["counted", "main"].spooled == status.spooled
        assert f"disconnected, {status.spooled:,} messages are still with the experiment" in readable(status)
        with SpoolUptake(spools, BridgeAddress(port=port), print):
            subscriber.wait_for(lambda _: statuses(subscriber, "counted")[-1:] == ["completed"], 40)
        assert of_run(subscriber, "counted")[-1].spooled == 0
    assert set(subscriber.seqs()["counted", "main"]) == set(range(1503))


def spool_of(spools):
    def written():
        return [path for path in spools.glob("*/*.spool") if path.stat().st_size]

    until(written, 20)
    return written()[0]


LIVING = """
import sys
from monty_mqtt import ZmqBroadcaster
b = ZmqBroadcaster(run_id="living", zmq_port=int(sys.argv[1]), spool_dir=sys.argv[2])
b.publish_metric("number", 1)
while not b.counts.spooled:
    b.pump()
print("spooled", flush=True)
input()
"""


def test_what_a_living_process_writes_is_its_own(tmp_path):
    command = [sys.executable, "-c", LIVING, str(any_free("127.0.0.1")), str(tmp_path / "spool")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as living:
        assert living.stdout.readline() == "spooled\n"
        path = spool_of(tmp_path / "spool")
        assert not is_left_behind(path)
        living.kill()
    assert is_left_behind(path)


@pytest.mark.parametrize(
    ("fields", "left"), [({"host": "another.example.org"}, False), ({"started_unix_nanos": 1, "pid": 1}, True)]
)
def test_what_another_machine_wrote_is_left_alone_and_a_number_given_again_is_nobody(tmp_path, fields, left):
    header = spool_format.SpoolHeader(
        schema_version=1, run="x", worker="main", started_unix_nanos=1, host=socket.gethostname()
    )
    file = SpoolFile(tmp_path, msgspec.structs.replace(header, **fields))
    file.write([(0, (b"v1 end", b"{}"))])
    file.close()
    assert is_left_behind(file.path) is left
