"""A run through a real bridge and broker, recorded, and replayed as a new run: the same in all but its times."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict

import jsonschema
import numpy as np
import pytest
from kit.bridge import config_for
from kit.machine.child_process import until
from kit.messages.message_examples import EXAMPLES
from kit.mqtt_publisher import Client
from kit.mqtt_subscriber import Subscriber
from mcap.reader import make_reader

from monty_mqtt.broadcast.broadcaster import ZmqBroadcaster
from monty_mqtt.errors import ConfigError, DecodeError, ServiceError
from monty_mqtt.wire import schema, topics
from monty_mqtt.wire.bridge_address import BridgeAddress
from monty_mqtt.wire.vocabulary import BULK_KINDS
from monty_mqtt_bridge.bridge import Bridge
from monty_mqtt_bridge.settings import BridgeConfig
from monty_mqtt_core.payloads.from_mqtt import message_of
from monty_mqtt_core.reading.command_request import ask
from monty_mqtt_core.reading.mqtt_client import BrokerAddress
from monty_mqtt_core.reading.run_lookup import known_runs, live_workers
from monty_mqtt_core.recordings import record as recording
from monty_mqtt_core.recordings.mcap_file import Reader, RecordingWriter
from monty_mqtt_core.recordings.part_files import Recording
from monty_mqtt_core.recordings.record import record
from monty_mqtt_core.recordings.selection import Selection, Thinning
from monty_mqtt_core.settings import ports
from monty_mqtt_stack.demo.demo_recording import recording_path
from monty_mqtt_stack.replay import stage
from monty_mqtt_stack.replay.play import overview, replay
from monty_mqtt_stack.services.mosquitto import Mosquitto

STAMPS = {"run", "seq", "time_unix_nanos", "estimated_end_unix_nanos"}
STEPS = 12


@pytest.fixture(scope="module")
def far_side(tmp_path_factory):
    with Mosquitto(tmp_path_factory.mktemp("state")) as broker:
        config = BridgeConfig(
            bridge_id="bridge",
            zmq_port=0,
            mqtt_host=broker.host,
            mqtt_port=broker.port,
            mqtt_username="bridge",
            mqtt_password_file=str(broker.password_file("bridge")),
        )
        with Bridge(config) as bridge:
            yield broker, bridge


def at(broker):
    return BrokerAddress(broker.host, broker.port)


def fields_of(kind):
    message = EXAMPLES[kind]
    names = set(message.__struct_fields__) - {"run", "worker", "seq", "time_unix_nanos"}
    return {name: getattr(message, name) for name in names}


def pictures(step):
    rows, columns = np.mgrid[:24, :32]
    rgba = np.stack([rows * 9, columns * 7, rows + columns + step, np.full_like(rows, 255)], -1).astype(np.uint8)
    depth = ((rows + columns + step) / 40).astype("<f4")
    return rgba.tobytes(), depth.tobytes()


def wait_for_frame(subscriber, broadcaster, step, modality):
    """The bridge leaves out frames that come faster than it encodes them: see each before the next is sent."""
    topic = topics.build(broadcaster.run, broadcaster.worker, "frame", "patch", modality)

    def is_here(received):
        return any(message_of(topic, one.payload)[0].step == step for one in received if one.topic == topic)

    subscriber.wait_for(is_here)


def publish_step(broadcaster, step, subscriber):
    where = {"episode": 0, "step": step}
    broadcaster.publish(schema.Step, mode="eval", epoch=0, **where, learning_modules=EXAMPLES["step"].learning_modules)
    for modality, pixels in zip(("rgba", "depth"), pictures(step), strict=True):
        broadcaster.publish(
            schema.Frame, [pixels], sensor="patch", modality=modality, **where, total_step=step, height=24, width=32
        )
        if subscriber:
            wait_for_frame(subscriber, broadcaster, step, modality)
    cloud = [np.arange(6, dtype="<f4"), np.arange(2, dtype="<f4"), np.array([0, 1], "<u2")]
    broadcaster.publish(
        schema.Hypotheses, cloud, learning_module="lm", **where, objects=["mug", "bowl"], count=2, total=99
    )
    broadcaster.publish_metric("loss", 0.5 / (step + 1), phase="eval")


def publish_run(run, zmq_port, *, end="completed", subscriber=None):
    """A run of two workers, with every kind of message."""
    others = set(schema.KINDS) - {
        "step",
        "frame",
        "hypotheses",
        "object_model",
        "image",
        "points",
        "end",
        "info",
        "status",
    }
    workers = [
        ZmqBroadcaster(run_id=run, worker=worker, zmq_port=zmq_port, strict=True)
        for worker in ("main", "parallel_eval_episode_1")
    ]
    for worker in workers:
        worker.publish(schema.Info, **fields_of("info"))
        worker.publish(schema.Status, status="running")
    for step in range(STEPS):
        for worker in workers:
            publish_step(worker, step, subscriber)
    for worker in workers:
        for kind in sorted(others):
            worker.publish(schema.KINDS[kind], **fields_of(kind))
        worker.publish_image("saliency", np.arange(24, dtype=np.uint8).reshape(2, 4, 3), step=STEPS)
        worker.publish_points("touched", np.eye(3), colours=np.eye(3), sizes=[1, 2, 3], step=STEPS)
        worker.publish_histogram("counted by the bridge", np.arange(100), step=STEPS)
        points = np.arange(9, dtype="<f4")
        worker.publish(schema.ObjectModel, [points], learning_module="lm", object="a/b", count=3, episode=0)
        if end:
            worker.publish(schema.Status, status=end)
            worker.close(end)
    return workers


@pytest.fixture(scope="module")
def recorded(far_side, tmp_path_factory):
    """The recording of a run, and what a subscriber saw of it."""
    broker, bridge = far_side
    path = tmp_path_factory.mktemp("recordings") / "run.mcap"
    results = []
    listening = threading.Event()
    thread = threading.Thread(target=lambda: results.append(record(at(broker), path, on_listening=listening.set)))
    with Subscriber(broker.host, broker.port) as subscriber:
        thread.start()
        assert listening.wait(10)
        publish_run("synthetic-20261123T101500Z-3f9a", bridge.zmq_port, subscriber=subscriber)
        thread.join(20)
        (result,) = results
        return result, list(subscriber.received)


def plain(received, run):
    """What was received of a run, per topic without the run, decoded, without what must differ."""
    found = defaultdict(list)
    for one in received:
        try:
            parsed = topics.parse(one.topic)
        except DecodeError:
            continue
        if parsed.run == run:
            key = (parsed.worker, parsed.kind, parsed.names)
            found[key].append(comparable(parsed.kind, one))
    return dict(found)


def comparable(kind, one):
    if kind == "evidence":
        content, buffers = json.loads(one.payload), []
    else:
        message, buffers = message_of(one.topic, one.payload)
        content = json.loads(schema.encode(message))
    return {name: value for name, value in content.items() if name not in STAMPS}, buffers


def assert_same(first, second):
    assert first.keys() == second.keys()
    for key, expected in first.items():
        found = second[key]
        assert [content for content, _ in found] == [content for content, _ in expected], key
        for (_, left), (_, right) in zip(found, expected, strict=True):
            assert_same_buffers(key[1], left, right)


def assert_same_buffers(kind, left, right):
    if kind != "frame":
        assert left == right
        return
    for one, other in zip(left, right, strict=True):
        is_depth = len(one) and np.frombuffer(one, np.uint8)[3::4].min() < 255
        values = [np.frombuffer(buffer, "<f4" if is_depth else np.uint8).astype(float) for buffer in (one, other)]
        assert np.abs(values[0] - values[1]).max() <= (1e-3 if is_depth else 12)  # colours go through JPEG twice


def replayed(far_side, path, *, paced=False, **options):
    """Replay; return what was done, and what a subscriber saw."""
    broker, bridge = far_side
    with Subscriber(broker.host, broker.port) as subscriber:
        if paced:
            options["on_progress"] = lambda at: wait_for_frame_of(subscriber, at)
        result = replay(path, bridge=BridgeAddress(port=bridge.zmq_port), **options)
        for run in result.runs.values():
            ends = f"{topics.JSON_PREFIX}/{topics.escape(run)}/+/end".split("+")
            workers = {parsed_worker(entry.topic) for entry in Reader(path).entries()}
            subscriber.wait_for(
                lambda received, ends=ends, workers=workers: (
                    len([one for one in received if one.topic.startswith(ends[0]) and one.topic.endswith(ends[1])])
                    == len(workers)
                )
            )
        return result, list(subscriber.received)


def wait_for_frame_of(subscriber, position):
    message = position.message
    if isinstance(message, schema.Frame):
        publisher = schema.Status(run=position.run, worker=message.worker, seq=0, time_unix_nanos=0, status="")
        wait_for_frame(subscriber, publisher, message.step, message.modality)


def parsed_worker(topic):
    return topics.parse(topic).worker


def test_everything_is_recorded_once(recorded):
    result, received = recorded
    assert result.has_ended
    (run,) = result.runs
    counts = result.counts
    assert (counts.repeated, counts.thinned, counts.unreadable, result.missing) == (0, 0, 0, 0)
    assert result.size_bytes == result.path.stat().st_size
    heard = plain(received, run)
    assert {kind for _, kind, _ in heard} == {*schema.KINDS, "evidence"}
    assert counts.written == sum(len(found) for (_, kind, _), found in heard.items() if kind != "evidence")
    frames = [found for (_, kind, _), found in heard.items() if kind == "frame"]
    assert [len(found) for found in frames] == [STEPS] * 4
    assert len(heard["main", "step", ()]) == STEPS


def test_any_reader_can_check_it_against_its_own_schemas(recorded):
    result, _ = recorded
    with result.path.open("rb") as file:
        messages = list(make_reader(file, validate_crcs=True).iter_messages())
    for found, channel, message in messages:
        if channel.message_encoding == "json":
            jsonschema.Draft202012Validator(json.loads(found.data)).validate(json.loads(message.data))
    assert len(messages) == result.counts.written


def test_the_replay_is_the_same_run_again(recorded, far_side):
    first, received = recorded
    result, seen = replayed(far_side, first.path, speed=0, paced=True)
    (old_run,), (new_run,) = first.runs, result.runs.values()
    assert result.runs == {old_run: new_run}
    assert new_run.startswith("synthetic-20")
    assert new_run != old_run
    assert (result.unreadable, result.unacknowledged, result.dropped) == (0, 0, 0)
    assert_same(plain(received, old_run), plain(seen, new_run))


def test_times_are_new_and_seqs_without_gap(recorded, far_side):
    first, _ = recorded
    before = time.time_ns()
    result, seen = replayed(far_side, first.path, speed=0)
    (new_run,) = result.runs.values()
    wanted = [one for one in seen if kind_of(one.topic) in set(schema.KINDS) - BULK_KINDS]
    mine = [message for one in wanted if (message := message_of(one.topic, one.payload)[0]).run == new_run]
    assert all(before < message.time_unix_nanos < time.time_ns() for message in mine)
    for worker in ("main", "parallel_eval_episode_1"):
        seqs = {one.seq for one in mine if one.worker == worker}
        assert seqs == set(range(len(seqs)))


def kind_of(topic):
    try:
        return topics.parse(topic).kind
    except DecodeError:
        return ""


def test_a_second_recording_of_the_replay_is_the_same(recorded, far_side, tmp_path):
    first, _ = recorded
    broker, _ = far_side
    path, listening = tmp_path / "again.mcap", threading.Event()
    thread = threading.Thread(target=record, args=(at(broker), path), kwargs={"on_listening": listening.set})
    thread.start()
    assert listening.wait(10)
    replayed(far_side, first.path, speed=0, paced=True)
    thread.join(20)
    assert overview(path).messages == overview(first.path).messages
    kinds = [sorted(kind_of(entry.topic) for entry in Reader(one).entries()) for one in (path, first.path)]
    assert kinds[0] == kinds[1]


def test_the_rhythm_is_kept(recorded, far_side):
    first, _ = recorded
    whole = overview(first.path)
    for speed in (4.0, 1.0):
        started = time.monotonic()
        replayed(far_side, first.path, speed=whole.duration_secs * speed)
        assert time.monotonic() - started >= 1 / speed


def test_a_truncated_recording_is_replayed_as_far_as_it_goes(recorded, far_side, tmp_path, caplog):
    first, _ = recorded
    path = tmp_path / "cut.mcap"
    left = cut_off(first.path, path)
    assert 0 < left < overview(first.path).messages
    result, seen = replayed(far_side, path, speed=0)
    (new_run,) = result.runs.values()
    assert result.messages == left
    assert any("was cut off" in line for line in caplog.messages)
    statuses = [schema.decode(one.payload).status for one in seen if one.topic.endswith("main/status")]
    assert statuses[-1] == "disconnected"
    ends = [schema.decode(one.payload) for one in seen if one.topic.endswith("/main/end") and new_run in one.topic]
    assert [end.status for end in ends] == ["disconnected"]


def cut_off(source, path):
    """Write a recording again in small chunks, without its end; return the number of messages left."""
    with RecordingWriter(path, chunk_bytes=1000) as writer:
        for entry in Reader(source).entries():
            writer.write(entry)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 3])
    return len(list(Reader(path).entries()))


def test_a_stopped_replay_leaves_its_runs_aborted(recorded, far_side):
    first, _ = recorded
    stop = threading.Event()
    result, seen = replayed(
        far_side, first.path, speed=0, stop=stop, on_progress=lambda at: stop.set() if at.messages == 20 else None
    )
    assert result.was_stopped
    assert result.messages == 20
    (new_run,) = result.runs.values()
    ends = [schema.decode(one.payload).status for one in seen if one.topic.endswith("/end") and new_run in one.topic]
    assert ends == ["aborted", "aborted"]


def test_progress_is_told(recorded, far_side):
    first, _ = recorded
    told = []
    result, _ = replayed(far_side, first.path, speed=0, on_progress=told.append)
    assert [position.messages for position in told] == list(range(1, result.messages + 1))
    assert {position.run for position in told} == set(result.runs.values())
    assert told[-1].playing_secs == pytest.approx(overview(first.path).playing_secs)


def test_pauses_are_cut(recorded):
    first, _ = recorded
    whole = overview(first.path)
    assert whole.playing_secs == pytest.approx(whole.duration_secs, abs=1e-3)
    assert overview(first.path, longest_pause_secs=0).playing_secs == 0


def test_frames_and_clouds_are_thinned(recorded):
    first, _ = recorded
    intake = Selection(
        thinning=Thinning(colour_interval_secs=3600, depth_interval_secs=3600, hypotheses_interval_secs=3600)
    )
    kept = [kind_of(kept.topic) for entry in Reader(first.path).entries() for kept in intake.take(*entry[:2])]
    assert (kept.count("frame"), kept.count("hypotheses")) == (4, 2)
    assert intake.counts.thinned == 4 * STEPS - 4 + 2 * STEPS - 2


def test_a_run_asked_for_by_name_is_recorded_from_the_middle_with_what_is_retained(far_side, tmp_path):
    broker, bridge = far_side
    path, listening, until = tmp_path / "half.mcap", threading.Event(), threading.Event()
    workers = publish_run("half a run", bridge.zmq_port, end=None)
    assert all(worker.flush(10) for worker in workers)
    kwargs = {"run": "half a run", "on_listening": listening.set, "until": until}
    recordings = []
    thread = threading.Thread(target=lambda: recordings.append(record(at(broker), path, **kwargs)))
    thread.start()
    assert listening.wait(10)
    for worker in workers:
        worker.publish_metric("late", 1)
        worker.publish(schema.Status, status="completed")
        worker.close()
    thread.join(20)
    kinds = [topics.parse(entry.topic).kind for entry in Reader(path).entries()]
    assert kinds.count("info") == 2
    assert kinds.count("metric") == 2
    assert kinds.count("step") == 0
    assert kinds.count("end") == 2
    heard = [
        (topics.parse(entry.topic).worker, entry.seq)
        for entry in Reader(path).entries()
        if "/frame/" not in entry.topic
    ]
    (recorded,) = recordings
    for begun in recorded.begun:
        seqs = {seq for worker, seq in heard if worker == begun.worker}
        assert begun.lacking == max(seqs) + 1 - len(seqs)
    recording = Recording(path)
    list(recording.entries())
    assert {one.worker for one in recording.begun} == {worker for worker, _ in heard}
    assert recording.begun == recorded.begun


def test_a_broker_that_is_killed_does_not_end_a_recording(tmp_path):
    """The bridge publishes the last ten seconds again; what is missing all the same is counted."""
    path, listening, results = tmp_path / "gap.mcap", threading.Event(), []
    with Mosquitto(tmp_path / "state") as broker, Bridge(config_for(broker)) as bridge:
        options = {"run": "gap", "on_listening": listening.set}
        thread = threading.Thread(target=lambda: results.append(record(at(broker), path, **options)))
        with ZmqBroadcaster(run_id="gap", zmq_port=bridge.zmq_port, strict=True) as broadcaster:
            assert broadcaster.flush(5)
            thread.start()
            assert listening.wait(10)
            for seconds in range(4):
                if seconds == 1:
                    broker.kill()
                if seconds == 3:
                    broker.start()
                broadcaster.publish_metric(f"second {seconds}", 1)
                assert broadcaster.flush(5)
            until(lambda: any(entry.topic.endswith("second%203") for entry in Reader(path).entries()))
        thread.join(20)
    assert not thread.is_alive()
    seqs = {entry.seq for entry in Reader(path).entries()}
    assert results[0].has_ended
    assert results[0].missing == max(seqs) + 1 - len(seqs)


def test_a_run_that_is_only_disconnected_gets_time_to_come_back(tmp_path, monkeypatch):
    """A run that has ended is over after a second of quiet; one that vanished may have been frozen."""
    monkeypatch.setattr(recording, "_RETURN_SECS", 4.0)
    status = schema.Status(run="gone", worker="main", seq=1, time_unix_nanos=1, status="disconnected")
    with Mosquitto(tmp_path / "state") as broker, Client(broker.port, "bridge", broker.password("bridge")) as client:
        client.publish(topics.of_message(status).topic, schema.encode(status), retain=True)
        started = time.monotonic()
        result = record(at(broker), tmp_path / "gone.mcap", run="gone")
    assert time.monotonic() - started >= 4
    assert not result.has_ended
    assert result.counts.written == 1


def test_until_stops_a_recording_of_nothing(far_side, tmp_path):
    broker, _ = far_side
    until = threading.Event()
    until.set()
    result = record(at(broker), tmp_path / "empty.mcap", until=until)
    assert (result.runs, result.counts.written, result.has_ended) == ([], 0, False)
    with pytest.raises(ConfigError, match="no message of a run"):
        overview(result.path)
    with pytest.raises(ConfigError, match="no message of a run"):
        replay(result.path, bridge=BridgeAddress())


def test_no_broker_is_one_clear_line(tmp_path):
    with Mosquitto(tmp_path / "state") as broker:
        port = broker.port
    with pytest.raises(ServiceError, match=f"127.0.0.1:{port}"):
        record(BrokerAddress("127.0.0.1", port), tmp_path / "some.mcap")
    assert not (tmp_path / "some.mcap").exists()


@pytest.mark.parametrize("speed", [-1, float("nan"), float("inf")])
def test_wrong_settings_are_one_clear_line(recorded, speed):
    with pytest.raises(ConfigError, match="speed"):
        replay(recorded[0].path, bridge=BridgeAddress(), speed=speed)


def test_no_bridge_is_one_clear_line(monkeypatch):
    monkeypatch.setattr(stage, "_PATIENCE_SECS", 0.5)
    port = ports.any_free("127.0.0.1")
    with pytest.raises(ServiceError, match=f"no bridge at 127.0.0.1:{port}"):
        replay(recording_path(), bridge=BridgeAddress(port=port), speed=0)


def test_a_bridge_that_goes_and_comes_back_gets_all_of_it(recorded, tmp_path, monkeypatch):
    """The recording is longer than what may be under way: the replay waits for the bridge."""
    monkeypatch.setattr(stage, "_MOST_UNACKNOWLEDGED", 20)
    stopped = threading.Event()
    with Mosquitto(tmp_path / "state") as broker, Subscriber(broker.host, broker.port, "monty/v1/#") as subscriber:
        config = BridgeConfig(
            bridge_id="bridge",
            zmq_port=ports.any_free("127.0.0.1"),
            mqtt_host=broker.host,
            mqtt_port=broker.port,
            mqtt_username="bridge",
            mqtt_password_file=str(broker.password_file("bridge")),
        )
        results = []
        thread = threading.Thread(
            target=lambda: results.append(
                replay(
                    recorded[0].path,
                    bridge=BridgeAddress(port=config.zmq_port),
                    speed=0,
                    on_progress=lambda at: stopped.set() if at.messages == 50 else None,
                )
            )
        )
        with Bridge(config):
            thread.start()
            assert stopped.wait(20)
        with Bridge(config):
            thread.join(40)
            subscriber.wait_for(lambda received: sum(one.topic.endswith("/end") for one in received) >= 2)
    (result,) = results
    assert result.unacknowledged == 0
    for (run, _), seqs in subscriber.seqs().items():
        if run in result.runs.values():
            assert set(seqs) >= set(range(max(seqs) + 1)) - seqs_of_models(recorded[0].path)


def seqs_of_models(path):
    """Models are not on monty/v1."""
    return {entry.seq for entry in Reader(path).entries() if kind_of(entry.topic) == "object_model"}


def first_run_seen(subscriber):
    """The run id of the first step that is seen."""
    found = subscriber.wait_for(lambda received: [one for one in received if one.topic.endswith("/step")])
    return topics.parse(found[0].topic).run


def workers_that_step(received):
    """The workers whose steps were seen."""
    return {topics.parse(one.topic).worker for one in received if one.topic.endswith("/step")}


def test_a_replay_obeys_an_abort(recorded, far_side):
    first, _ = recorded
    broker, bridge = far_side
    results = []
    slowly = {"bridge": BridgeAddress(port=bridge.zmq_port), "speed": overview(first.path).playing_secs / 20}
    thread = threading.Thread(target=lambda: results.append(replay(first.path, **slowly)))
    with Subscriber(broker.host, broker.port) as subscriber:
        thread.start()
        run = first_run_seen(subscriber)
        subscriber.wait_for(lambda received: len(workers_that_step(received)) == 2)
        control = BrokerAddress(broker.host, broker.port, "control", broker.password_file("control"))
        runs = known_runs(control)
        words = {worker.worker: worker.word for worker in runs.of_run(run)}
        answers = ask(control, run, live_workers(run, words), "abort", reason="seen enough")
        subscriber.wait_for(lambda received: sum(one.topic.endswith("/end") for one in received) == 2)
        thread.join(20)
    assert not thread.is_alive()
    mine = [one for one in subscriber.messages() if one.run == run]
    assert [one.status for one in answers] == ["obeyed"] * 2
    aborted = [one for one in mine if isinstance(one, schema.Status) and one.status == "aborted"]
    assert [one.reason for one in aborted] == ["seen enough"] * 2
    assert [one.status for one in mine if isinstance(one, schema.End)] == ["aborted"] * 2


def test_the_command_stops_on_ctrl_c(recorded, far_side):
    first, _ = recorded
    broker, bridge = far_side
    argv = ["--zmq-port", str(bridge.zmq_port), "--duration-secs", "20", str(first.path)]
    with Subscriber(broker.host, broker.port) as subscriber:
        with subprocess.Popen(
            [sys.executable, "-m", "monty_mqtt_stack.commands.replay", *argv], stdout=subprocess.PIPE, text=True
        ) as process:
            run = first_run_seen(subscriber)
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=20)[0] == f"{run}\n"
        assert process.returncode == 130
        subscriber.wait_for(lambda received: sum(one.topic.endswith("/end") for one in received) == 2)
    assert {one.status for one in subscriber.messages(schema.End)} == {"aborted"}


def test_the_replay_says_in_one_line_what_is_wrong(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "monty_mqtt_stack.commands.replay", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("monty-mqtt replay")
    assert done.stderr.count("\n") == 1
