"""Nothing is lost and nothing is there twice: pages and brokers killed in the middle, full disks, floods, replays."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import msgspec
import numpy as np
import psutil
import pytest
from chaos.program import Program
from kit.bridge import config_for, make
from kit.machine.child_process import until
from kit.mqtt_publisher import Client
from kit.page.page_process import PageProcess
from kit.page.page_service import Keeping, are_whole, parts_of, seqs
from kit.page.teller import Teller
from liveview.recordings.test_recorder import fill

from monty_mqtt.wire import schema, topics
from monty_mqtt.wire.bridge_address import BridgeAddress
from monty_mqtt_bridge.bridge import Bridge
from monty_mqtt_core.payloads.frame_images import encode_frame
from monty_mqtt_core.payloads.from_mqtt import message_without_buffers
from monty_mqtt_core.payloads.to_mqtt import fan_out
from monty_mqtt_core.recordings.part_files import directory_of
from monty_mqtt_liveview.recordings import recorder
from monty_mqtt_liveview.views.metric_stretch import MetricStretch
from monty_mqtt_stack.replay.restore_recording import restore_recording
from monty_mqtt_stack.services.mosquitto import Mosquitto

pytestmark = pytest.mark.timeout(240)

MIB = 1 << 20


@pytest.fixture
def load(tmp_path):
    """A broker, a bridge with a journal, and an experiment that publishes what it is told to."""
    with ExitStack() as stack:
        broker = stack.enter_context(Mosquitto(tmp_path / "broker"))
        bridge = stack.enter_context(Bridge(config_for(broker, journal=str(tmp_path / "journal.sqlite"))))
        environment = {"MONTY_MQTT_STATE_DIR": str(tmp_path / "spool")}
        program = stack.enter_context(Program("load", [bridge.zmq_port, "load", "main"], **environment))
        program.wait_for(lambda report: report["published"] == 2)
        yield broker, program


def published(program):
    return program.report["published"]


def all_but_statuses(count):
    return {("main", seq): 1 for seq in range(count) if seq != 1}


def test_a_page_killed_twice_in_the_middle_loses_nothing_but_frames(load, tmp_path):
    broker, program = load
    state, run = tmp_path / "state", directory_of(tmp_path / "state" / "recordings", "load")
    for killed_at in (3000, 6000):
        with PageProcess(broker, state) as page:
            page.ready()
            if killed_at == 3000:
                program.tell("publish", 10_000, 1000)
            program.wait_for(lambda report, at=killed_at: report["published"] >= at, 60)
            page.signal(9)
        threading.Event().wait(1.5)  # the page is away: that is what is shown here
    with PageProcess(broker, state) as page:
        page.ready()
        program.wait_for(lambda report: report["published"] >= 10_002, 60)
        program.tell("close", 10)
        assert program.wait() == 0
        until(lambda: len(seqs(run)) == 10_002, 60)  # all but the status, with the end
        until(lambda: are_whole(run.parent) or len(list(run.iterdir())) >= 3)
    seen = seqs(run)
    assert {key: count for key, count in seen.items() if count != 1} == {}
    assert set(seen) == set(all_but_statuses(10_003))
    assert len(list(run.glob("*.mcap"))) >= 3
    with Keeping(broker, state) as keeping:
        assert keeping.steps("load") == 1000
        counts = keeping.service.counts
        assert counts.missing == 0
        assert counts.frames_missing > 0
        until(lambda: are_whole(run.parent))


def test_a_broker_killed_in_the_middle_loses_nothing(load, tmp_path):
    broker, program = load
    with Keeping(broker, tmp_path / "state") as keeping:
        for _ in range(2):
            count = published(program)
            program.tell("publish", 3000, 1000)
            program.wait_for(lambda report, at=count + 1000: report["published"] >= at)
            broker.kill()
            where = f"mqtt://{broker.host}:{broker.port}"
            gone = [f"no broker at {where}: nobody answers (Connection refused)"]
            until(lambda gone=gone: keeping.service.problems() == gone)
            broker.start()
            program.wait_for(lambda report, at=count + 3000: report["published"] >= at, 60)
            until(lambda: keeping.service.problems() == [])
        program.tell("close", 10)
        assert program.wait() == 0
        until(lambda: keeping.ended("load"), 60)
        until(lambda: keeping.service.counts.missing == 0, 60)
        assert keeping.steps("load") == 600
        dump = keeping.dump("load")
    assert keeping.kept("load") == all_but_statuses(6003)
    with Keeping(broker, tmp_path / "state") as again:
        assert again.dump("load") == dump


def publish(broker, messages):
    with Client(broker.port, "bridge", broker.password("bridge")) as client:
        sent = [
            client.client.publish(topics.of_message(message).topic, schema.encode(message), 1) for message in messages
        ]
        until(lambda: all(publication.is_published() for publication in sent))


def step(seq, run="run"):
    return make(schema.Step, seq, run=run, total_step=seq)


def test_with_a_full_disk_the_page_goes_on_showing_and_records_again_when_there_is_room(
    broker, disk, monkeypatch, tmp_path
):
    monkeypatch.setattr(recorder, "_RETRY_SECS", 0.2)
    run = f"run {tmp_path.name}"
    with Keeping(broker, disk) as keeping:
        publish(broker, [step(seq, run) for seq in range(100)])
        until(lambda: keeping.steps(run) == 100 and keeping.service.recorded_bytes(run) > 0)
        fill(disk)
        publish(broker, [step(seq, run) for seq in range(100, 5000)])
        until(lambda: keeping.steps(run) == 5000)
        until(lambda: any("No space left on device" in problem for problem in keeping.service.problems()))
        topic = topics.build(run, "main", "step")
        assert keeping.service.payload(run, topic, step(4000).time_unix_nanos) == schema.encode(step(4000, run))
        (disk / "filler").unlink()
        until(lambda: keeping.service.problems() == [])
        publish(broker, [step(seq, run) for seq in range(5000, 5100)])
        until(lambda: keeping.steps(run) == 5100)
    assert keeping.kept(run) == {("main", seq): 1 for seq in range(5100)}


def frame(seq, side=96):
    pixels = np.random.default_rng(seq).integers(0, 256, side * side * 4, np.uint8).tobytes()
    place = {"sensor": "patch", "modality": "rgba", "episode": 0, "step": seq, "height": side, "width": side}
    return encode_frame(make(schema.Frame, seq, **place), pixels)


def test_what_was_published_when_is_there_while_it_is_recorded_and_afterwards(broker, tmp_path):
    cloud = make(schema.Hypotheses, 100, learning_module="lm", episode=0, step=0, objects=["mug"], count=1, total=1)
    bulk = [frame(seq) for seq in range(20)]
    outgoing = [*bulk, fan_out(cloud, schema.encode(cloud), (bytes(12), bytes(4), bytes(2)), most_bytes=MIB)[0]]
    wanted = []
    for sent_message in outgoing:
        message = message_without_buffers(topics.parse(sent_message.topic), sent_message.payload)
        wanted.append((sent_message.topic, message.time_unix_nanos, sent_message.payload))
    with Keeping(broker, tmp_path) as keeping, Client(broker.port, "bridge", broker.password("bridge")) as client:
        for sent_message in outgoing:
            client.publish(sent_message.topic, sent_message.payload)
        until(lambda: keeping.service.counts.recorded == len(outgoing))
        assert [keeping.service.payload("run", *key) for *key, _ in wanted] == [payload for *_, payload in wanted]
        assert keeping.service.payload("run", outgoing[0].topic, 1) is None
        assert keeping.service.payload("no such run", outgoing[0].topic, 1) is None
    with Keeping(broker, tmp_path) as keeping:
        assert [keeping.service.payload("run", *key) for *key, _ in wanted] == [payload for *_, payload in wanted]


def test_a_flood_of_frames_grows_no_memory_and_is_counted(broker, tmp_path):
    frames = [frame(seq, 200) for seq in range(40)]
    size = sum(len(published_frame.payload) for published_frame in frames)
    with Keeping(broker, tmp_path) as keeping, Client(broker.port, "bridge", broker.password("bridge")) as client:
        inbox = keeping.service.subscription.inbox
        with keeping.service._store._keeping:  # as with a disk that hangs
            before = psutil.Process().memory_info().rss
            for _ in range(100 * MIB // size):
                for published_frame in frames:
                    client.client.publish(published_frame.topic, published_frame.payload, 0)
            until(lambda: inbox.given_way > 100, 60)
            assert psutil.Process().memory_info().rss - before < 200 * MIB
        publish(broker, [step(0)])
        until(lambda: keeping.steps("run") == 1)


def test_a_restored_replay_beside_a_live_run_is_neither_mixed_nor_recorded_twice(load, tmp_path):
    broker, program = load
    with Keeping(broker, tmp_path / "first") as keeping:
        publish(broker, [step(seq, "restored") for seq in range(500)])
        until(lambda: keeping.steps("restored") == 500)
    original = directory_of(keeping.recordings, "restored")
    with Bridge(config_for(broker, bridge_id="other")) as bridge, Keeping(broker, tmp_path / "second") as second:
        program.tell("publish", 2000, 1000)
        for _ in range(2):
            restore_recording(original, bridge=BridgeAddress(port=bridge.zmq_port))
        program.wait_for(lambda report: report["published"] >= 2002)
        until(lambda: second.steps("restored") == 500 and second.steps("load") == 200)
        until(lambda: second.kept("load") == all_but_statuses(2002))
    assert second.kept("restored") == {("main", seq): 1 for seq in range(500)}


def test_what_makes_no_sense_is_counted_and_stops_nothing(broker, tmp_path):
    good = step(0)
    hostile = [
        ("monty/v1/run/main/step", b"\xff not JSON"),
        ("monty/v1/run/main/step", schema.encode(step(1, "another run"))),
        ("monty/v1/run/main/metric/loss", schema.encode(good)),
        ("monty/v1/run/main/nonsense", b"{}"),
        ("monty/v1/%41/main/step", schema.encode(good)),
        ("monty/raw/v1/run/main/frame/patch/rgba", b"no image"),
        ("monty/raw/v1/run/main/frame/patch/depth", b"\x89PNG\r\n\x1a\n"),
        ("monty/raw/v1/run/main/model/lm/mug", b"ply"),
        ("monty/v1/run/main/step", schema.encode(msgspec.structs.replace(good, seq=-1))),
        ("monty/v1/run/main/step", schema.encode(msgspec.structs.replace(good, time_unix_nanos=2**63))),
    ]
    huge = msgspec.structs.replace(good, seq=5, step=2**62, episode=-(2**62), total_step=2**63 - 1)
    run = "../../x</script><img src=x onerror=alert(1)>"
    with Keeping(broker, tmp_path / "state") as keeping:
        with Client(broker.port, "bridge", broker.password("bridge")) as client:
            for topic, payload in hostile:
                client.publish(topic, payload)
        before = keeping.service.counts.unreadable
        publish(broker, [huge, step(6), step(0, run)])
        until(lambda: keeping.run(run) and keeping.run("run"))
        until(lambda: keeping.service.counts.unreadable >= 9, 5)
        assert before <= keeping.service.counts.unreadable <= 11
        assert keeping.service.problems() == []
    outside = {path.name for path in tmp_path.iterdir()}
    assert outside == {"state"}
    assert all(path.resolve().is_relative_to(keeping.recordings.resolve()) for path in parts_of(keeping.recordings))


def test_a_page_that_is_stopped_closes_its_recordings(broker, tmp_path):
    run = f"run {tmp_path.name}"
    with PageProcess(broker, tmp_path) as page:
        page.ready()
        publish(broker, [step(seq, run) for seq in range(100)])
        page.until_json("/api/runs", lambda runs: [head["recorded_bytes"] for head in runs if head["run"] == run] > [0])
        page.signal(15)
        assert page.wait(30) == 0
    assert are_whole(tmp_path / "recordings")
    assert seqs(directory_of(tmp_path / "recordings", run)) == {("main", seq): 1 for seq in range(100)}


def test_a_second_page_on_the_same_recordings_says_so(broker, tmp_path):
    with Keeping(broker, tmp_path), PageProcess(broker, tmp_path) as page:
        assert page.wait(60) == 2
        assert "another page records there" in page.text


def test_every_value_of_a_metric_comes_back_after_a_restart(broker, tmp_path):
    state, count, spike = tmp_path / "state", 12_001, 7003
    with Teller(broker) as teller, Keeping(broker, state) as keeping:
        voice = teller.voice("spiked", secs_ago=60)
        for number in range(count):
            voice.say(schema.Metric, after_secs=0.001, name="loss", value=1000.0 if number == spike else 1.0)
        teller.done()
        until(lambda: (run := keeping.run("spiked")) and run.metrics["main", "loss"].count == count, 60)
    with Keeping(broker, state) as keeping:
        kept = MetricStretch.of(keeping.run("spiked").metrics["main", "loss"])
        (at,) = (point.time_unix_nanos / 1e6 for point in kept.points if point.value == 1000)
        assert len(kept.points) < count / 2
        part = kept.between(at - 100.5, at + 100.5)
        assert not part.is_whole
        topic = topics.build("spiked", "main", "metric", "loss")
        whole = part.completed(keeping.service.published("spiked", topic, *part.span))
        assert whole.is_whole
        assert sum(abs(point.time_unix_nanos / 1e6 - at) <= 100.5 for point in whole.points) == 201
