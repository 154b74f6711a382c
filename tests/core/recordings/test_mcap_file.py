"""Recordings on disk: what goes in comes out, for us and for any MCAP reader, also when the end is missing."""

import json
import logging
import subprocess
import sys

import jsonschema
import pytest
from kit.bridge import make
from kit.messages.message_examples import EXAMPLES
from mcap.reader import make_reader
from mcap.writer import Writer

from monty_mqtt.errors import ConfigError, DecodeError
from monty_mqtt.wire import schema
from monty_mqtt_core.payloads.point_files import ply_of_points
from monty_mqtt_core.payloads.to_mqtt import fan_out
from monty_mqtt_core.recordings.mcap_file import Entry, Reader, RecordingWriter

JPEG = b"\xff\xd8\xff\xe0 and so on"
PNG = b"\x89PNG\r\n\x1a\n and so on"
CLOUD = (bytes(24), bytes(8), bytes(4))
POINTS = ply_of_points(make(schema.Points, 3, name="touched", count=2), [bytes(24)])
PLY = b"ply\nformat binary_little_endian 1.0\nend_header\n\x00\x01\x02"


def entries():
    """One entry of every kind, a second apart."""
    for number, (kind, message) in enumerate(EXAMPLES.items()):
        if kind in ("command", "frame", "object_model", "image", "points"):
            continue
        time_unix_nanos = message.time_unix_nanos + number * 10**9
        buffers = CLOUD if kind == "hypotheses" else ()
        topic, payload, *_ = fan_out(message, schema.encode(message), buffers, most_bytes=10_000_000)[0]
        yield Entry(topic, payload, time_unix_nanos, number)
    for number, (path, payload) in enumerate(
        {
            "frame/patch/rgba": JPEG,
            "frame/patch/depth": PNG,
            "model/LM_0/mug": PLY,
            "image/saliency": PNG,
            "points/touched": POINTS,
        }.items()
    ):
        yield Entry(f"monty/raw/v1/run/main/{path}", payload, 1795428999000000000 + number, number)


@pytest.fixture
def written(tmp_path):
    with RecordingWriter(tmp_path / "some.mcap") as writer:
        for entry in entries():
            writer.write(entry)
    return tmp_path / "some.mcap"


def test_what_goes_in_comes_out(written):
    reader = Reader(written)
    assert list(reader.entries()) == list(entries())
    assert reader.is_whole
    assert reader.skipped == 0


def test_entries_come_in_the_order_of_their_times(tmp_path):
    backwards = list(entries())[::-1]
    with RecordingWriter(tmp_path / "some.mcap", chunk_bytes=500) as writer:
        for entry in backwards:
            writer.write(entry)
    assert list(Reader(tmp_path / "some.mcap").entries()) == backwards[::-1]


def test_any_mcap_reader_understands_it(written):
    kinds = set()
    with written.open("rb") as file:
        for schema_record, channel, message in make_reader(file, validate_crcs=True).iter_messages():
            kinds.add(channel.metadata["kind"])
            if channel.message_encoding == "ply":
                assert schema_record is None
                assert message.data == PLY
            else:
                assert (channel.message_encoding, schema_record.encoding) == ("json", "jsonschema")
                jsonschema.validate(json.loads(message.data), json.loads(schema_record.data))
            assert message.log_time == message.publish_time
    assert kinds == set(schema.KINDS)


def test_frames_are_images_for_foxglove(written):
    with written.open("rb") as file:
        images = [
            (schema_of_channel.name, json.loads(message.data))
            for schema_of_channel, channel, message in make_reader(file).iter_messages()
            if channel.metadata["kind"] in ("frame", "image")
        ]
    assert [(name, image["format"], image["frame_id"]) for name, image in images] == [
        ("foxglove.CompressedImage", "jpeg", "patch"),
        ("foxglove.CompressedImage", "png", "patch"),
        ("foxglove.CompressedImage", "png", "saliency"),
    ]
    assert images[1][1]["timestamp"] == {"sec": 1795428999, "nsec": 1}


@pytest.mark.parametrize("part", [0.02, 0.3, 0.5, 0.7, 0.9, 0.999])
def test_a_file_that_is_cut_off_is_read_as_far_as_it_goes(tmp_path, caplog, part):
    messages = [entry._replace(time_unix_nanos=entry.time_unix_nanos + n) for n in range(20) for entry in entries()]
    path = tmp_path / "some.mcap"
    with RecordingWriter(path, chunk_bytes=5000) as writer:
        for entry in messages:
            writer.write(entry)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * part)])
    with caplog.at_level(logging.WARNING):
        reader = Reader(path)
        readable = list(reader.entries())
    assert not reader.is_whole
    assert set(readable) <= set(messages)
    assert len(readable) >= len(messages) * (part - 0.35)
    assert len(caplog.messages) == 1
    assert "was cut off" in caplog.messages[0]
    assert "\n" not in caplog.messages[0]


def test_a_file_is_readable_while_it_is_written(tmp_path):
    path = tmp_path / "some.mcap"
    messages = list(entries())
    with RecordingWriter(path) as writer:
        for entry in messages[:5]:
            writer.write(entry)
        writer.flush()
        assert list(Reader(path).entries()) == messages[:5]


def test_a_damaged_file_is_read_as_far_as_it_goes(tmp_path, caplog):
    path = tmp_path / "some.mcap"
    with RecordingWriter(path, chunk_bytes=2000) as writer:
        for entry in entries():
            writer.write(entry)
    content = bytearray(path.read_bytes())
    inside_a_chunk = len(content) // 4
    content[inside_a_chunk : inside_a_chunk + 40] = bytes(40)
    path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        readable = list(Reader(path).entries())
    assert set(readable) <= set(entries())
    assert len(caplog.messages) == 1
    assert "is damaged" in caplog.messages[0]


@pytest.mark.parametrize("content", [b"", b"\x89MCAP", b"ply\nformat", b"\x00" * 100])
def test_what_is_no_mcap_file_is_one_clear_line(tmp_path, content):
    path = tmp_path / "other.mcap"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"^recording: '.*other\.mcap' .* an MCAP file$"):
        Reader(path)


def test_no_file_and_a_directory_are_one_clear_line(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        Reader(tmp_path / "missing.mcap")
    with pytest.raises(ConfigError, match="Is a directory"):
        Reader(tmp_path)
    with pytest.raises(ConfigError, match="No such file"):
        RecordingWriter(tmp_path / "missing" / "some.mcap")


def test_channels_of_others_are_skipped_with_one_line(tmp_path, caplog):
    path = tmp_path / "robot.mcap"
    writer = Writer(str(path))
    writer.start()
    channel = writer.register_channel("/tf", "json", 0)
    for number in range(3):
        writer.add_message(channel, number, b"{}", number)
    writer.finish()
    reader = Reader(path)
    assert list(reader.entries()) == []
    assert reader.skipped == 3
    assert len(caplog.messages) == 1


def test_a_topic_of_others_is_refused(tmp_path):
    with RecordingWriter(tmp_path / "some.mcap") as writer, pytest.raises(DecodeError):
        writer.write(Entry("home/kitchen/lamp", b"{}", 0, 0))


def test_closing_twice_does_no_harm(tmp_path):
    writer = RecordingWriter(tmp_path / "some.mcap")
    writer.close()
    writer.close()
    assert Reader(tmp_path / "some.mcap").is_whole


def test_a_file_that_exists_is_left_alone(written):
    before = written.read_bytes()
    with pytest.raises(ConfigError, match=r"some\.mcap' is not allowed; it must be a file that does not exist yet"):
        RecordingWriter(written)
    assert written.read_bytes() == before


LIMITED = """
import random, sys
from pathlib import Path
from monty_mqtt.errors import ServiceError
from monty_mqtt_core.recordings.mcap_file import Entry, RecordingWriter
try:
    with RecordingWriter(Path(sys.argv[1])) as writer:
        for seq in range(int(sys.argv[2])):
            writer.write(Entry("monty/v1/run/main/log/info", random.randbytes(20_000).hex().encode(), seq, seq))
            if int(sys.argv[2]) > 1:
                writer.flush()
except ServiceError as error:
    print(error)
"""


@pytest.mark.parametrize(("kib", "entries_written"), [(1024, 1000), (4, 1)], ids=["in the middle", "at the end"])
def test_a_full_disk_is_one_clear_line_and_what_was_written_stays_readable(tmp_path, kib, entries_written):
    path = tmp_path / "some.mcap"
    # The limit on a file's size stands for the disk's.
    line = f'ulimit -f {kib}; exec "{sys.executable}" -c "$0" "$@"'
    command = ["bash", "-c", line, LIMITED, str(path), str(entries_written)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"recording {path} ends here: File too large; what was written before can be read\n"
    assert path.stat().st_size <= kib << 10
    seqs = [entry.seq for entry in Reader(path).entries()]
    assert seqs == list(range(len(seqs)))
    assert len(seqs) > 40 or entries_written == 1
