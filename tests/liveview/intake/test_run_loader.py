"""What the page knows after it was started again: the same as before, of every run, and nothing twice."""

from __future__ import annotations

import shutil

import msgspec
import pytest
from kit.bridge import config_for, make
from kit.machine.child_process import until
from kit.mqtt_publisher import Client
from kit.page.page_process import replay
from kit.page.page_service import Keeping, are_whole, parts_of

from monty_mqtt.wire import schema, topics
from monty_mqtt_bridge.bridge import Bridge
from monty_mqtt_core.recordings.mcap_chunks import chunks
from monty_mqtt_core.recordings.mcap_file import Entry, RecordingWriter
from monty_mqtt_core.recordings.part_files import directory_of, part_name
from monty_mqtt_liveview.intake import step_memory
from monty_mqtt_liveview.recordings.retention import Retention
from monty_mqtt_stack.services.mosquitto import Mosquitto

SMALL = Retention(most_memory_bytes=1)


@pytest.fixture(scope="module")
def restored_page(tmp_path_factory):
    """A broker, and the recordings of a page that heard the demo; what that page showed."""
    where = tmp_path_factory.mktemp("told")
    with Mosquitto(where / "broker") as broker:
        with Bridge(config_for(broker)) as bridge, Keeping(broker, where) as keeping:
            names = replay(bridge.zmq_port)
            until(lambda: all(keeping.ended(name) for name in names))
            dumps = [keeping.dump(name) for name in names]
        yield broker, where / "recordings", names, dumps


@pytest.fixture
def again(restored_page, tmp_path):
    """The same for a test of its own."""
    broker, recordings, names, dumps = restored_page
    shutil.copytree(recordings, tmp_path / "recordings")
    return broker, tmp_path, names, dumps


def publish(broker, *messages, retain=False):
    with Client(broker.port, "bridge", broker.password("bridge")) as client:
        for message in messages:
            client.publish(topics.of_message(message).topic, schema.encode(message), retain=retain)


def step(seq, run, **fields):
    return make(schema.Step, seq, run=run, total_step=seq, **fields)


def write(directory, messages, number=0):
    directory.mkdir(parents=True, exist_ok=True)
    with RecordingWriter(directory / part_name("20261124T093000Z", number)) as writer:
        for message in messages:
            topic = topics.of_message(message).topic
            writer.write(Entry(topic, schema.encode(message), message.time_unix_nanos, message.seq))
    return directory


def test_a_restart_changes_nothing_and_records_nothing_again(again):
    broker, state, names, dumps = again
    before = {path: path.stat().st_size for path in parts_of(state / "recordings")}
    for _ in range(2):
        with Keeping(broker, state) as keeping:
            assert [keeping.dump(name) for name in names] == dumps
            assert keeping.service.problems() == []
        assert {path: path.stat().st_size for path in parts_of(state / "recordings")} == before


def test_runs_that_are_over_and_say_nothing_new_are_listed_and_recorded_once(restored_page, tmp_path):
    broker, _, names, _ = restored_page
    sizes = []
    for _ in range(3):
        with Keeping(broker, tmp_path) as keeping:
            until(lambda: all(keeping.run(name) for name in names))
            until(lambda: all(kinds(keeping, name) == {"info", "status", "progress"} for name in names))
            assert keeping.service.counts.missing == 0
        sizes.append([path.stat().st_size for path in parts_of(tmp_path / "recordings")])
    assert sizes[0] == sizes[1] == sizes[2]
    assert len(sizes[0]) == len(names)


def kinds(keeping, name):
    known = keeping.run(name).workers["main"].known
    return {kind for kind in ("info", "status", "progress") if getattr(known, kind) is not None}


def test_parts_cut_off_anywhere_are_shown_as_far_as_they_go_and_closed(again):
    broker, state, names, _ = again
    recordings = state / "recordings"
    originals = {path: path.read_bytes() for path in parts_of(recordings)}
    counts = []
    for tenth in range(1, 10, 2):
        for path, content in originals.items():
            path.write_bytes(content[: len(content) * tenth // 10])
        with Keeping(broker, state) as keeping:
            until(lambda: are_whole(recordings))
            counts.append(sum(keeping.steps(name) for name in names))
        shutil.rmtree(recordings)
        for path in originals:
            path.parent.mkdir(parents=True, exist_ok=True)
    assert counts == sorted(counts)
    assert 0 < counts[-1] <= 901


def test_a_part_that_is_damaged_in_the_middle_loses_little(again, caplog):
    broker, state, names, _ = again
    for path in parts_of(state / "recordings"):
        with path.open("r+b") as file:
            all_chunks = list(chunks(file))
            file.seek(all_chunks[len(all_chunks) // 2].end - 9)
            file.write(b"\xff\x00\xff")
    with Keeping(broker, state) as keeping:
        assert all(keeping.steps(name) > 100 for name in names)
    assert sum("is damaged" in line for line in caplog.messages) == len(names)


def test_what_is_no_recording_of_ours_disturbs_nobody(again):
    broker, state, names, dumps = again
    recordings = state / "recordings"
    (recordings / "notes.txt").write_text("mine")
    (recordings / "empty").mkdir()
    other = recordings / "other"
    other.mkdir()
    (other / "20261124T093000Z-0000.mcap").write_bytes(b"no MCAP at all")
    write(recordings / "named%20otherwise", [step(0, "another run")])
    with Keeping(broker, state) as keeping:
        assert [keeping.dump(name) for name in names] == dumps
        assert keeping.run("another run") is None


def test_steps_that_were_released_are_read_again_when_somebody_looks(again, monkeypatch):
    monkeypatch.setattr(step_memory, "_RECENT_SECS", 1)
    broker, state, names, dumps = again
    with Keeping(broker, state, SMALL) as keeping:
        until(lambda: all(keeping.run(name).is_released for name in names))
        assert [keeping.steps(name) for name in names] == [0, 0]
        keeping.service.ensure_loaded(names[1])
        assert msgspec.json.decode(keeping.dump(names[1])) == msgspec.json.decode(dumps[1])
        until(lambda: keeping.run(names[1]).is_released)


def test_what_comes_while_a_run_is_restored_is_neither_lost_nor_counted_twice(restored_page, tmp_path):
    broker = restored_page[0]
    run = f"live {tmp_path.name}"
    directory = directory_of(tmp_path / "recordings", run)
    write(directory, [make(schema.Info, 0, run=run), *[step(seq, run) for seq in range(1, 20_001)]])
    for number in range(30):  # newer ones, which would be read first
        write(directory_of(tmp_path / "recordings", f"old {number}"), [step(0, f"old {number}")])
    with Keeping(broker, tmp_path, wait=False) as keeping:
        publish(broker, *[step(seq, run) for seq in range(19_900, 20_101)])
        until(lambda: keeping.steps(run) == 20_100)
        until(lambda: keeping.service.restoring is None)
        assert keeping.service.counts.missing == 0
        assert keeping.steps("old 29") == 1
    with Keeping(broker, tmp_path) as keeping:
        assert keeping.steps(run) == 20_100
    assert set(keeping.kept(run).values()) == {1}


def test_images_and_clouds_that_never_came_are_counted_on_after_a_restart(restored_page, tmp_path):
    broker = restored_page[0]
    run = f"gaps {tmp_path.name}"

    def clouds(*seqs):
        return [make(schema.Hypotheses, seq, run=run, learning_module="LM", episode=0, step=0) for seq in seqs]

    with Keeping(broker, tmp_path) as keeping:
        publish(broker, step(0, run), *clouds(0, 3, 9))
        until(lambda: keeping.run(run) and keeping.run(run).frames_missing == 7)
    with Keeping(broker, tmp_path) as keeping:
        assert keeping.run(run).frames_missing == 7
        publish(broker, *clouds(12))
        until(lambda: keeping.run(run).frames_missing == 9)


def test_a_run_that_is_wanted_is_read_before_the_others(restored_page, tmp_path):
    broker = restored_page[0]
    for number in range(20):
        write(
            directory_of(tmp_path / "recordings", f"run {number}"), [step(seq, f"run {number}") for seq in range(500)]
        )
    with Keeping(broker, tmp_path, wait=False) as keeping:
        keeping.service.ensure_loaded("run 3")
        assert keeping.steps("run 3") == 500
        keeping.service.ensure_loaded("no such run")


def test_a_recording_that_is_removed_takes_the_run_with_it(again):
    broker, state, names, _ = again
    with Keeping(broker, state) as keeping:
        shutil.rmtree(directory_of(state / "recordings", names[0]))
        until(lambda: keeping.steps(names[0]) == 0)  # what the broker retains of it may be here again
        assert keeping.steps(names[1]) > 0
        assert keeping.service.problems() == []


def test_a_disk_that_is_taken_away_for_a_while_is_no_reason_to_forget(again):
    broker, state, names, dumps = again
    with Keeping(broker, state) as keeping:
        (state / "recordings").rename(state / "elsewhere")
        keeping.service._store.forget_removed()
        assert all(keeping.run(name) for name in names)
        (state / "elsewhere").rename(state / "recordings")
        assert [keeping.dump(name) for name in names] == dumps


def test_a_run_that_the_bridge_forgets_is_dropped_with_its_recording(tmp_path):
    with Mosquitto(tmp_path / "broker") as broker, Keeping(broker, tmp_path) as keeping:
        status = make(schema.Status, 1, run="over", status="completed")
        publish(broker, make(schema.Info, 0, run="over"), status, retain=True)
        publish(broker, *[step(seq, "over") for seq in range(2, 5)])
        until(lambda: keeping.steps("over") == 3)
        with Client(broker.port, "bridge", broker.password("bridge")) as client:
            for kind in ("info", "status"):  # so far as a bridge that clears what is long over
                client.publish(topics.build("over", "main", kind), b"", retain=True)
            publish(broker, make(schema.Metric, 0, run="barrier"))
            until(lambda: keeping.run("barrier"))
            assert keeping.steps("over") == 3
            answer = make(schema.CommandResult, 0, run="over", worker="all", id="c", status="obeyed")
            client.publish(topics.of_message(answer).topic, schema.encode(answer))
        until(lambda: keeping.run("over") is None)
        assert not directory_of(tmp_path / "recordings", "over").exists()


def test_the_limits_hold_from_the_start(again, caplog):
    broker, state, names, _ = again
    with Keeping(broker, state, Retention(most_bytes=1_000_000)) as keeping:
        until(lambda: sum(keeping.steps(name) > 0 for name in names) == 1)  # of the other, what is retained may be here
    assert sum("all recordings together are larger" in line for line in caplog.messages) == 1
