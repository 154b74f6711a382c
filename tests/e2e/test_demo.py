"""`make run`: the demo on real Monty, seen by a subscriber that asks for everything."""

from __future__ import annotations

import csv
import io
import os
import re
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from kit.history import line_parser
from kit.mqtt_subscriber import Subscriber
from PIL import Image

from monty_mqtt.wire import schema, topics
from monty_mqtt.wire.vocabulary import MEDIA_KINDS
from monty_mqtt_core.settings.state_dir import StateDir

ROOT = Path(__file__).resolve().parent.parent.parent
DEMO_SECS = 900
pytestmark = [pytest.mark.monty, pytest.mark.timeout(DEMO_SECS + 60)]


class Demo(NamedTuple):
    output: str
    exit_code: int
    subscriber: Subscriber
    state: StateDir


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    state = StateDir(tmp_path_factory.mktemp("demo state"))
    environment = {**os.environ, "MONTY_MQTT_STATE_DIR": str(state.path)}
    for name in ("MONTY_LOGS", "MONTY_MODELS", "MONTY_DATA"):
        environment.pop(name, None)
    with subprocess.Popen(
        ["make", "run"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        head = read_until(process.stdout, "mosquitto_sub")
        broker = state.read_far_side().services["broker"]
        with Subscriber(broker.host, broker.port) as subscriber:
            rest = process.stdout.read()
            exit_code = process.wait(DEMO_SECS)
        yield Demo(head + rest, exit_code, subscriber, state)


def read_until(stream, word):
    deadline, lines = time.monotonic() + 120, []
    for line in stream:
        lines.append(line)
        if word in line or time.monotonic() > deadline:
            return "".join(lines)
    pytest.fail("the demo ended before it named the broker:\n" + "".join(lines))


def test_it_ends_well_and_says_so(demo):
    assert demo.exit_code == 0, demo.output
    assert demo.output.index("mosquitto_sub -h 127.0.0.1 -p") < demo.output.index("episode")
    summary = demo.output[demo.output.rindex("mosquitto_sub") :]
    for word in ("episodes", "correct", "messages", "lost", "dropped", "per step"):
        assert word in summary, f"{word!r} is not in the summary:\n{summary}"


def test_outcomes_are_not_all_correct_and_four_objects_are_recognised(demo):
    ended = [one for one in demo.subscriber.messages(schema.EpisodeEnded) if one.mode == "eval"]
    outcomes = {module.outcome for one in ended for module in one.learning_modules.values()}
    assert len({one.target.object for one in ended}) >= 4
    assert len({tuple(one.target.rotation_euler_degs) for one in ended}) >= 2
    assert "correct" in outcomes
    assert len(outcomes) > 1


def test_every_topic_arrives(demo):
    kinds = set()
    for one in demo.subscriber.received:
        if one.topic.startswith((topics.JSON_PREFIX, topics.RAW_PREFIX)):
            kinds.add(topics.parse(one.topic).kind)
    users_own = {"metric", "data", "state", *MEDIA_KINDS, "command", "command_result"}
    assert kinds >= set(schema.KINDS) - users_own | {"evidence"}
    prefixes = {one.topic.split("/v1/")[0] for one in demo.subscriber.received}
    assert prefixes == {"monty", "monty/raw", "monty/influx", "monty/bridge"}


def test_every_seq_arrives_once(demo):
    seqs = demo.subscriber.seqs()
    assert len(seqs) == 2, "one run learns, one recognises"
    for (run, worker), numbers in seqs.items():
        assert sorted(numbers) == list(range(len(numbers))), f"{run} {worker}"


def test_all_payloads_are_valid(demo):
    points = 0
    for one in demo.subscriber.received:
        if one.topic.startswith(topics.RAW_PREFIX):
            check_raw(topics.parse(one.topic), one.payload)
        elif one.topic.startswith(topics.INFLUX_PREFIX):
            batch = line_parser.parse(one.payload)
            assert 1 <= len(batch) <= 100
            points += len(batch)
        elif one.payload and not one.topic.endswith("/status"):
            msgspec.json.decode(one.payload)
    assert points > 1000


def check_raw(parsed, payload):
    if parsed.kind == "object_model":
        assert payload.startswith(b"ply\nformat binary_little_endian 1.0\n")
    else:
        image = Image.open(io.BytesIO(payload))
        image.load()
        assert image.format == {"rgba": "JPEG", "depth": "PNG"}[parsed.names[1]]
        assert image.size == (64, 64)


def test_episodes_are_what_monty_wrote(demo):
    (table,) = demo.state.path.rglob("eval_stats.csv")
    rows = list(csv.DictReader(table.read_text().splitlines()))
    modules = [info for info in demo.subscriber.messages(schema.Info) if info.do_eval and not info.do_train]
    names = [module.learning_module for module in modules[0].learning_modules]
    ended = [one for one in demo.subscriber.messages(schema.EpisodeEnded) if one.mode == "eval"]
    assert len(rows) == len(ended) * len(names) > 0
    for index, row in enumerate(rows):
        seen = ended[index // len(names)].learning_modules[names[int(re.sub(r"\D", "", row["lm_id"]))]]
        assert seen.outcome == row["primary_performance"]
        assert seen.most_likely_object == row["most_likely_object"]
        assert seen.highest_evidence == pytest.approx(float(row["highest_evidence"]), rel=1e-12)
        assert (seen.rotation_error_degs is None) == (row["rotation_error"] == "")
        if row["rotation_error"]:
            assert seen.rotation_error_degs == pytest.approx(float(row["rotation_error"]), rel=1e-12)


def test_last_step_agrees_with_the_episode(demo):
    last_step, checked = {}, 0
    for message in demo.subscriber.messages():
        if isinstance(message, schema.Step):
            last_step[message.run] = message
        elif isinstance(message, schema.EpisodeEnded) and message.mode == "eval":
            step = last_step[message.run]
            assert step.episode == message.episode
            for name, module in message.learning_modules.items():
                believed = step.learning_modules[name].most_likely
                assert believed.object == module.most_likely_object
                assert believed.evidence == module.highest_evidence
                checked += 1
    assert checked


def test_evidence_topics_say_what_the_steps_say(demo):
    steps = {(one.run, one.seq): one for one in demo.subscriber.messages(schema.Step)}
    seen = 0
    for one in demo.subscriber.received:
        if one.topic.startswith(topics.JSON_PREFIX) and topics.parse(one.topic).kind == "evidence":
            parsed, payload = topics.parse(one.topic), msgspec.json.decode(one.payload)
            step = steps[parsed.run, payload["seq"]]
            assert payload["evidence"] == step.learning_modules[parsed.names[0]].evidence
            assert (payload["step"], payload["episode"]) == (step.step, step.episode)
            seen += 1
    assert seen > len(steps)
