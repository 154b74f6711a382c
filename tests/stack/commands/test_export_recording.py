"""`monty-mqtt export` takes a run out of a recording, without InfluxDB: all that was said, as CSV or JSON lines."""

from __future__ import annotations

import csv
import io
import json

import pytest
from kit.bridge import FIRST_STAMP, make
from kit.machine.child_process import run

from monty_mqtt.wire import schema, topics
from monty_mqtt.wire.message_pieces import LearningModuleStep
from monty_mqtt_core.influx.points import FIELDS
from monty_mqtt_core.payloads.image_files import encode_image
from monty_mqtt_core.payloads.to_mqtt import fan_out
from monty_mqtt_core.recordings.mcap_file import Entry, RecordingWriter
from monty_mqtt_core.recordings.part_files import directory_of, part_name
from monty_mqtt_stack.commands.recorded_rows import KINDS

RUN = "odd / name"
MODULE = LearningModuleStep(evidence={"mug": 1.5, "bowl": 0.25})
SAID = [
    make(schema.Status, 0, run=RUN),
    make(schema.Log, 1, run=RUN, level="error", message='it, "broke"\nhere', logger="mine", metadata={"why": [1]}),
    make(schema.Log, 2, run=RUN, level="debug", message="all is well"),
    make(schema.Event, 3, run=RUN, event="lost", source="bridge", level="warning", fields={"count": 2}),
    make(schema.Data, 4, run=RUN, stream="s", data={"a": [1, None]}),
    make(schema.Data, 5, run=RUN, stream="s", data=7),
    make(schema.State, 6, run=RUN, state={"phase": "warm-up"}),
    make(schema.Metric, 7, run=RUN, value=0.5),
    make(schema.Machine, 13, run=RUN, process=schema.ProcessUse(threads=4), host=schema.HostUse(load=0.5)),
    make(schema.Step, 8, run=RUN, learning_modules={"LM_0": MODULE}),
    make(schema.EpisodeEnded, 9, run=RUN, mode="eval", epoch=0, episode=0, outcome="correct"),
    make(schema.Histogram, 11, run=RUN, name="w", counts=[3.0, 1.0], edges=[0.0, 1.0, 2.0]),
    make(schema.Table, 12, run=RUN, name="t", columns=["a", "b"], rows=[[1, "x"], [None, "y"]]),
    make(schema.Log, 10, run="another", level="info", message="of another"),
]


IMAGE = make(schema.Image, 0, run=RUN, name="../é/" + "n" * 300, format="uint8", height=2, width=2, channels=1)
SHOWN = encode_image(IMAGE, bytes(4))
POINTS = make(schema.Points, 1, run=RUN, name="", count=1, metadata={"step": 3})
(TOUCHED,) = fan_out(POINTS, b"", [bytes(12)], most_bytes=10_000)


def write(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    with RecordingWriter(path) as writer:
        for message in SAID:
            entry = Entry(
                topics.of_message(message).topic, schema.encode(message), message.time_unix_nanos, message.seq
            )
            writer.write(entry)
        for message, outgoing in ((IMAGE, SHOWN), (POINTS, TOUCHED)):
            writer.write(Entry(outgoing.topic, outgoing.payload, message.time_unix_nanos, message.seq))
    return path


@pytest.fixture
def recording(tmp_path):
    return write(tmp_path / "run.mcap")


def rows(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


def exported(of, *words):
    done = run("export", RUN, "--of", of, *words)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_logs_are_there_with_all_that_was_said(recording, tmp_path):
    first, second = rows(exported("logs", "--from", str(recording), "--state-dir", str(tmp_path)))
    assert (first["level"], first["message"], first["logger"]) == ("error", 'it, "broke"\nhere', "mine")
    assert json.loads(first["metadata"]) == {"why": [1]}
    assert int(first["time_unix_nanos"]) == FIRST_STAMP + 1
    assert second["message"] == "all is well"


def test_every_kind_is_there_as_json_lines(recording, tmp_path):
    where = ("--from", str(recording), "--state-dir", str(tmp_path), "--format", "jsonl")
    rows = {of: [json.loads(line) for line in exported(of, *where).splitlines()] for of in KINDS}
    assert {of: len(lines) for of, lines in rows.items()} == {
        "steps": 1,
        "evidence": 2,
        "episodes": 1,
        "metrics": 1,
        "machine": 1,
        "logs": 2,
        "events": 1,
        "data": 2,
        "state": 1,
        "images": 1,
        "points": 1,
        "histograms": 1,
        "tables": 1,
    }
    assert (rows["images"][0]["format"], rows["images"][0]["height"]) == ("png", 2)
    assert (rows["points"][0]["count"], rows["points"][0]["metadata"]) == (1, {"step": 3})
    assert rows["histograms"][0]["counts"] == [3, 1]
    assert rows["tables"][0]["rows"] == [[1, "x"], [None, "y"]]
    assert rows["data"][0]["data"] == {"a": [1, None]}
    assert (rows["machine"][0]["threads"], rows["machine"][0]["load"]) == (4, 0.5)
    assert rows["state"][0]["state"] == {"phase": "warm-up"}
    assert rows["events"][0]["fields"] == {"count": 2}
    assert {row["object"]: row["evidence"] for row in rows["evidence"]} == MODULE.evidence
    assert (rows["metrics"][0]["value"], rows["episodes"][0]["outcome"]) == (0.5, "correct")


def test_of_the_machine_every_field_is_a_column_as_in_influxdb(recording, tmp_path):
    (row,) = rows(exported("machine", "--from", str(recording), "--state-dir", str(tmp_path)))
    assert set(row) == {"time_unix_nanos", "worker", *FIELDS["machine"]}
    told = {name: kind(row[name]) for name, kind in FIELDS["machine"].items() if row[name]}
    assert told == {"threads": 4, "load": 0.5}


@pytest.mark.parametrize(("of", "payload"), [("images", SHOWN.payload), ("points", TOUCHED.payload)])
def test_images_and_points_become_files(recording, tmp_path, of, payload):
    where = ("--from", str(recording), "--state-dir", str(tmp_path))
    ((row,), _) = rows(exported(of, *where, "--files", str(tmp_path / "a" / "b"))), None
    (file,) = (tmp_path / "a" / "b").iterdir()  # whatever the name is, the file is in the folder
    assert (file.name, file.read_bytes()) == (row["file"], payload)


def test_files_are_of_images_and_points_only(recording, tmp_path):
    done = run("export", RUN, "--of", "tables", "--from", str(recording), "--files", "x", "--state-dir", str(tmp_path))
    line = "--files: 'x' is not allowed; it must be used with --of images or points"
    assert (done.returncode, line in done.stderr) == (2, True)
    (tmp_path / "file").touch()
    where = ("--from", str(recording), "--files", str(tmp_path / "file"), "--state-dir", str(tmp_path))
    done = run("export", RUN, "--of", "images", *where)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)


@pytest.mark.parametrize("of", KINDS)
def test_without_influxdb_it_is_the_pages_recording(tmp_path, of):
    write(directory_of(tmp_path / "recordings", RUN) / part_name("20261124T093000Z", 0))
    assert len(rows(exported(of, "--state-dir", str(tmp_path)))) >= 1


def test_what_is_not_there_is_said_in_one_line(recording, tmp_path):
    state = ("--state-dir", str(tmp_path))
    nothing = run("export", "other", "--of", "logs", "--from", str(recording), *state)
    assert (nothing.returncode, nothing.stderr) == (1, f"monty-mqtt: {recording} has no logs of run other\n")
    none = run("export", RUN, "--of", "logs", *state)
    assert (none.returncode, len(none.stderr.splitlines())) == (1, 1)
    assert "--from" in none.stderr
    (tmp_path / "no.mcap").write_text("no recording")
    wrong = run("export", RUN, "--from", str(tmp_path / "no.mcap"), *state)
    assert (wrong.returncode, len(wrong.stderr.splitlines())) == (2, 1)
