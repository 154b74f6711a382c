"""The recording of the demo that is shipped: small, whole, of both halves, and silent on where it was made."""

import getpass
import json
import re
import shutil
import socket
from collections import Counter
from pathlib import Path

import jsonschema
import msgspec
import pytest
from kit.mqtt_subscriber import Subscriber
from mcap.reader import make_reader

from monty_mqtt.wire import schema, topics
from monty_mqtt.wire.bridge_address import BridgeAddress
from monty_mqtt.wire.vocabulary import BULK_KINDS
from monty_mqtt_core.payloads.from_mqtt import message_of
from monty_mqtt_core.recordings.mcap_file import Reader
from monty_mqtt_stack.demo.demo_recording import EXPERIMENTS, LARGEST_BYTES, pack, recording_path
from monty_mqtt_stack.replay.play import replay

ROOT = Path(__file__).resolve().parents[3]
MOST_OF_A_TOPIC = 5  # the validator takes a millisecond each
ABSOLUTE = re.compile(r"(?:^|[\s\"'=:(\[,])(?:file://)?(?:/[\w.@+~-]+){2,}|~/")


@pytest.fixture(scope="module")
def entries():
    reader = Reader(recording_path())
    assert reader.is_whole
    return list(reader.entries())


@pytest.fixture(scope="module")
def messages(entries):
    return [message_of(entry.topic, entry.payload)[0] for entry in entries]


def test_it_is_committed_where_the_wheel_takes_it_from():
    assert recording_path() == ROOT / "conf" / "recordings" / "demo.mcap"


def test_it_is_small():
    assert recording_path().stat().st_size <= LARGEST_BYTES


def test_packing_it_again_changes_nothing(entries, tmp_path):
    shutil.copy(recording_path(), tmp_path / "all.mcap")
    packed = pack(tmp_path / "all.mcap", tmp_path / "demo.mcap")
    assert (packed.counts.written, packed.missing, packed.has_ended) == (len(entries), 0, True)
    assert list(Reader(packed.path).entries()) == entries


def test_messages_are_valid():
    validators, seen = {}, Counter()
    with recording_path().open("rb") as file:
        for json_schema, channel, message in make_reader(file, validate_crcs=True).iter_messages():
            seen[channel.topic] += 1
            if channel.message_encoding == "ply" or seen[channel.topic] > MOST_OF_A_TOPIC:
                continue
            if json_schema.id not in validators:
                validators[json_schema.id] = jsonschema.Draft202012Validator(json.loads(json_schema.data))
            validators[json_schema.id].validate(json.loads(message.data))
    assert len(validators) >= 10


def test_it_says_nothing_of_the_machine_that_made_it(entries):
    telling = {socket.gethostname(), str(Path.home()), str(ROOT), f"/{getpass.getuser()}/", "/tmp/", "conda"}
    for entry in entries:
        is_binary = topics.parse(entry.topic).kind in ("frame", "object_model")
        payload = schema.encode(message_of(entry.topic, entry.payload)[0]) if is_binary else entry.payload
        text = payload.decode()
        places = [word for word in telling if word in text] or ABSOLUTE.findall(text)
        assert not places, f"{entry.topic}: {places}"


def test_info_says_what_was_run_and_not_where(messages):
    infos = [message for message in messages if isinstance(message, schema.Info)]
    assert [info.run_name for info in infos] == list(EXPERIMENTS)
    for info in infos:
        assert info.host == "demo"
        assert (info.pid, info.environment, info.git_commit, info.command_line) == (None, None, None, [])
        assert (info.model_path, info.output_dir) == (None, None)
        assert len(info.learning_modules) == 5
        assert info.versions["tbp-monty"]


def test_it_has_what_a_viewer_shows(messages):
    kinds = Counter(message.__struct_config__.tag for message in messages)
    assert set(kinds) >= {
        "info", "status", "progress", "episode_started", "episode_ended", "step", "hypotheses",
        "log", "frame", "object_model", "end",
    }  # fmt: skip
    ended = [message for message in messages if isinstance(message, schema.EpisodeEnded)]
    assert {message.mode for message in ended} == {"train", "eval"}
    assert len({message.outcome for message in ended if message.mode == "eval"}) > 1
    assert kinds["episode_started"] == len(ended)
    assert kinds["step"] >= 500


def test_every_seq_is_there_once(messages):
    seqs = {}
    for message in messages:
        if message.__struct_config__.tag not in BULK_KINDS:
            seqs.setdefault((message.run, message.worker), []).append(message.seq)
    assert len(seqs) == 2
    for of_worker in seqs.values():
        assert of_worker == list(range(len(of_worker)))


def test_both_halves_ran_to_their_end(messages):
    ends = [message for message in messages if isinstance(message, schema.End)]
    assert [(end.status, end.dropped, end.errors) for end in ends] == [("completed", 0, 0)] * 2
    assert [message.status for message in messages if isinstance(message, schema.Status)][-1] == "completed"


def test_its_replay_ends_as_the_demo_did(messages, far_side):
    broker, bridge = far_side.broker, far_side.bridge
    with Subscriber(broker.host, broker.port, "monty/v1/#") as subscriber:
        result = replay(recording_path(), bridge=BridgeAddress(bridge.host, bridge.port), speed=0)
        subscriber.wait_for(lambda received: sum(message.topic.endswith("/end") for message in received) == 2)
    assert (result.unreadable, result.unacknowledged) == (0, 0)
    for kind in (schema.Progress, schema.Status, schema.EpisodeEnded, schema.Step):
        before = [message for message in messages if isinstance(message, kind)]
        after = [message for message in subscriber.messages(kind) if message.run in result.runs.values()]
        assert [content(message) for message in after] == [content(message) for message in before]


def content(message):
    """What a message says but for who said it when, and what the bridge added to a status."""
    new = {"run", "seq", "time_unix_nanos", "estimated_end_unix_nanos", "bridge"}
    if isinstance(message, schema.Status):
        new.add("experiment")
    return {name: value for name, value in msgspec.structs.asdict(message).items() if name not in new}
