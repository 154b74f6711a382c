"""The media that a user publishes become fields and raw buffers, or one line that says what is wrong."""

import io

import numpy as np
import pytest
from PIL import Image

from monty_mqtt.broadcast import media_calls
from monty_mqtt.errors import ConfigError
from monty_mqtt.wire import schema
from monty_mqtt_bridge.receive import raw_buffers

RED = np.full((4, 6, 3), (255, 0, 0), np.uint8)


def fields_of(picture, **metadata):
    kind, fields, _, buffers = media_calls.image("saliency", picture, metadata)
    assert kind is schema.Image
    schema.encode(kind(run="r", worker="w", seq=0, time_unix_nanos=1, **fields))
    return fields, buffers


def file_of(picture, kind):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize(
    ("array", "form", "channels", "pixels"),
    [
        (RED, "uint8", 3, RED.tobytes()),
        (RED[:, :, 0], "uint8", 1, b"\xff" * 24),
        (RED[:, :, :1], "uint8", 1, b"\xff" * 24),
        (RED[:, ::-1], "uint8", 3, RED.tobytes()),
        (np.ones((4, 6), bool), "uint8", 1, b"\xff" * 24),
        (np.ones((4, 6, 4)), "float32", 4, np.ones(96, "<f4").tobytes()),
        (np.ones((4, 6), ">f4"), "float32", 1, np.ones(24, "<f4").tobytes()),
    ],
)
def test_an_array_is_copied_as_it_is(array, form, channels, pixels):
    fields, buffers = fields_of(array, step=3)
    size = {"format": form, "height": 4, "width": 6, "channels": channels}
    assert fields == {"name": "saliency", "metadata": {"step": 3}, **size}
    assert buffers == [pixels]


def test_a_torch_tensor_is_an_array():
    torch = pytest.importorskip("torch")
    fields, buffers = fields_of(torch.zeros((4, 6), requires_grad=True))
    assert (fields["format"], fields["height"], buffers) == ("float32", 4, [bytes(96)])


@pytest.mark.parametrize(("kind", "form"), [("PNG", "png"), ("JPEG", "jpeg")])
@pytest.mark.parametrize("as_bytes", [bytes, bytearray, memoryview])
def test_a_file_is_passed_on(kind, form, as_bytes):
    content = file_of(RED, kind)
    fields, buffers = fields_of(as_bytes(content))
    assert fields == {"name": "saliency", "format": form, "metadata": {}}
    assert buffers == [content]


@pytest.mark.parametrize(
    ("mode", "channels"), [("L", 1), ("RGB", 3), ("RGBA", 4), ("P", 4), ("1", 4), ("CMYK", 3), ("LA", 4), ("I;16", 4)]
)
def test_a_pil_image_of_any_mode(mode, channels):
    fields, (pixels,) = fields_of(Image.new(mode, (6, 4)))
    assert (fields["format"], fields["width"], fields["height"], fields["channels"]) == ("uint8", 6, 4, channels)
    assert len(pixels) == 6 * 4 * channels


def test_a_figure_is_drawn():
    figures = pytest.importorskip("matplotlib.figure")
    figure = figures.Figure(figsize=(2, 1), dpi=50)
    figure.subplots().plot([1, 3, 2])
    fields, (content,) = fields_of(figure)
    assert fields["format"] == "png"
    with Image.open(io.BytesIO(content)) as drawn:
        assert drawn.size == (100, 50)
        assert len(set(drawn.convert("L").tobytes())) > 5


@pytest.mark.parametrize(
    ("picture", "line"),
    [
        (None, "builtins.NoneType' is not allowed; it must be an array, the bytes of a PNG or JPEG file, a PIL image"),
        ([[1, 2]], "builtins.list' is not allowed"),
        (b"GIF89a..", "b'GIF89a..' is not allowed; it must be the bytes of a PNG or JPEG file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(9 << 20), "'a file of 9437192 bytes' is not allowed; it must be at most 8388608"),
        (np.zeros(5), r"\(5,\) is not allowed; it must be an array of shape \(height, width\)"),
        (np.zeros((3, 4, 5)), r"\(3, 4, 5\) is not allowed; .* with 1, 3 or 4 channels"),
        (np.zeros((1, 2, 3, 3)), r"\(1, 2, 3, 3\) is not allowed"),
        (np.zeros((4, 4), np.int64), "'an array of int64' is not allowed; it must be an array of uint8"),
        (np.zeros((4, 4), object), "'an array of object' is not allowed"),
        (np.zeros((0, 4)), "'0 x 4 pixels' is not allowed; it must be 1 to 4096 pixels high and wide"),
        (np.zeros((1, 4097), np.uint8), "'1 x 4097 pixels' is not allowed"),
        (
            np.broadcast_to(np.float32(0), (4096, 4096, 4)),
            "268435456 bytes' is not allowed; it must be at most 33554432",
        ),
        (Image.new("1", (4097, 1)), "'1 x 4097 pixels' is not allowed"),
    ],
)
def test_what_is_no_image_is_named_in_one_line(picture, line):
    with pytest.raises(ConfigError, match=line) as caught:
        media_calls.image("saliency", picture, {})
    assert str(caught.value).startswith("publish_image('saliency'): ")
    assert "\n" not in str(caught.value)


def test_metadata_is_plain_and_bounded():
    fields, _ = fields_of(RED, step=np.int64(3), low=float("nan"))
    assert fields["metadata"] == {"step": 3, "low": None}
    with pytest.raises(ConfigError, match=r"^publish_image\('saliency'\) metadata: '20011 bytes' is not allowed"):
        fields_of(RED, note="x" * 20_000)


@pytest.mark.parametrize(("name", "kept"), [(7, "7"), (None, "None"), ("\udc80", "\\udc80"), ("", "")])
def test_any_name_will_do_as_for_metrics(name, kept):
    assert media_calls.image(name, RED, {})[1]["name"] == kept


XYZ = np.arange(6).reshape(2, 3)
XYZ_BYTES = XYZ.astype("<f4").tobytes()


def points_of(xyz, colours=None, sizes=None, **metadata):
    kind, fields, _, buffers = media_calls.points("touched", xyz, colours, sizes, metadata)
    assert kind is schema.Points
    message = kind(run="r", worker="w", seq=0, time_unix_nanos=1, **fields)
    raw_buffers.check(schema.decode(schema.encode(message)), buffers)
    return fields, buffers


@pytest.mark.parametrize(
    "xyz", [XYZ, XYZ.tolist(), XYZ.astype(np.float16), [(0, 1, 2), (3, 4, 5.0)], XYZ.astype(">i8")]
)
def test_points_are_arrays_or_lists(xyz):
    fields, buffers = points_of(xyz, step=1)
    assert fields == {"name": "touched", "count": 2, "metadata": {"step": 1}}
    assert buffers == [XYZ_BYTES]


def test_no_points_are_points_too():
    assert points_of(np.zeros((0, 3)))[0]["count"] == 0


@pytest.mark.parametrize(
    ("colours", "channels", "form", "content"),
    [
        (np.full((2, 3), 7, np.uint8), 3, "uint8", b"\7" * 6),
        (np.full((2, 4), 7), 4, "uint8", b"\7" * 8),
        ([[7, 7, 7], [7, 7, 7]], 3, "uint8", b"\7" * 6),
        (np.ones((2, 3)), 3, "float32", np.ones(6, "<f4").tobytes()),
        ([[1.0, 1, 1], [1, 1, 1]], 3, "float32", np.ones(6, "<f4").tobytes()),
    ],
)
def test_points_have_colours_and_sizes(colours, channels, form, content):
    fields, buffers = points_of(XYZ, colours, sizes=(1, 2))
    assert (fields["colour_channels"], fields["colour_format"], fields["has_sizes"]) == (channels, form, True)
    assert buffers == [XYZ_BYTES, content, np.array([1, 2], "<f4").tobytes()]


@pytest.mark.parametrize(
    ("xyz", "colours", "sizes", "line"),
    [
        (7, None, None, "xyz: 'builtins.int' is not allowed; it must be an array or a list of real numbers"),
        (np.zeros((2, 2)), None, None, r"xyz: 'an array of shape \(2, 2\)' is not allowed; it must be of shape"),
        ([1, 2, 3], None, None, r"xyz: 'an array of shape \(3,\)' is not allowed"),
        ([[1, 2, 3], [1, 2]], None, None, "xyz: 'a row of 2 beside one of 3' is not allowed"),
        ([[1, 2, 3], 4], None, None, "xyz: 'a row of builtins.int beside one of 3' is not allowed"),
        ([["a", 2, 3]], None, None, "xyz: '.*' is not allowed; it must be real numbers"),
        (np.zeros((2, 3), complex), None, None, "xyz: 'an array of complex128' is not allowed"),
        (np.zeros((2, 3), object), None, None, "xyz: 'an array of object' is not allowed"),
        (
            np.broadcast_to(0.0, (400_001, 3)),
            None,
            None,
            "xyz: '1200003 numbers' is not allowed; it must be at most 1200000",
        ),
        (XYZ, np.zeros((3, 3)), None, r"colours: 'an array of shape \(3, 3\)' is not allowed; .* \(2, 3\) or \(2, 4\)"),
        (XYZ, np.full((2, 3), 256), None, "colours: '256 to 256' is not allowed; it must be 0 to 255"),
        (XYZ, [[1, 2, 256]] * 2, None, "colours: '.*' is not allowed"),
        (XYZ, "red", None, "colours: 'builtins.str' is not allowed"),
        (XYZ, None, [1], r"sizes: 'an array of shape \(1,\)' is not allowed; it must be of shape \(2,\)"),
    ],
)
def test_what_are_no_points_is_named_in_one_line(xyz, colours, sizes, line):
    with pytest.raises(ConfigError, match=line) as caught:
        points_of(xyz, colours, sizes)
    assert str(caught.value).startswith("publish_points('touched') ")


def histogram_of(values=None, counts=None, edges=None, **metadata):
    kind, fields, _, buffers = media_calls.histogram("weights", values, counts, edges, metadata)
    assert kind is schema.Histogram
    message = kind(run="r", worker="w", seq=0, time_unix_nanos=1, **fields)
    raw_buffers.check(schema.decode(schema.encode(message)), buffers)
    return fields, buffers


@pytest.mark.parametrize("values", [[0, 1, 2, 3, 4, 5], XYZ, XYZ.astype(np.float32).T.reshape(3, 2).T, XYZ.tolist()])
def test_values_of_a_histogram_are_counted_by_the_bridge(values):
    fields, buffers = histogram_of(values)
    assert fields == {"name": "weights", "values": 6, "metadata": {}}
    assert sorted(np.frombuffer(buffers[0], "<f8")) == [0, 1, 2, 3, 4, 5]


def test_a_histogram_may_be_counted_already_or_empty():
    fields, buffers = histogram_of(None, *np.histogram([1, 2, 2], 3), step=1)
    assert (fields["counts"], len(fields["edges"]), fields["metadata"], buffers) == ([1, 0, 2], 4, {"step": 1}, [])
    assert histogram_of([])[1] == []


@pytest.mark.parametrize(
    ("values", "counts", "edges", "line"),
    [
        (None, None, None, r": \[\] is not allowed; it must be either values, or counts and edges"),
        ([1], [1], [0, 1], r": \['values', 'counts', 'edges'\] is not allowed"),
        (None, [1], None, r": \['counts'\] is not allowed"),
        ("text", None, None, " values: 'builtins.str' is not allowed"),
        (
            np.broadcast_to(0.0, 500_001),
            None,
            None,
            " values: '500001 numbers' is not allowed; it must be at most 500000",
        ),
        (None, [1, 2], [0, 1], " edges: '2 edges' is not allowed; it must be 3 edges, one more than counts"),
        (None, [1], [1, 1], " edges: 'a list out of order' is not allowed; it must be ascending"),
        (None, [-1], [0, 1], " counts: -1.0 is not allowed; it must be 0 or more"),
        (None, [1], [0, float("inf")], " edges: 'None' is not allowed; it must be finite numbers"),
        (None, ["x"], [0, 1], """ counts: "'x'" is not allowed; it must be finite numbers"""),
        (None, 3, [0, 1], " counts: 'builtins.int' is not allowed"),
        (None, np.zeros(4097), np.arange(4098), " counts: '4097 numbers' is not allowed"),
    ],
)
def test_what_is_no_histogram_is_named_in_one_line(values, counts, edges, line):
    with pytest.raises(ConfigError, match=line) as caught:
        histogram_of(values, counts, edges)
    assert str(caught.value).startswith("publish_histogram('weights')")


@pytest.mark.parametrize(
    "rows", [[[1, "x"], [None, True]], ((1, "x"), (None, True)), np.array([[1, "x"], [None, True]], object)]
)
def test_a_table_is_rows_of_plain_values(rows):
    kind, fields, non_finite, buffers = media_calls.table("confusion", ["a", 2], rows, {"step": 1})
    assert (kind, non_finite, buffers) == (schema.Table, 0, [])
    assert fields == {
        "name": "confusion", "columns": ["a", "2"], "rows": [[1, "x"], [None, True]], "metadata": {"step": 1}
    }  # fmt: skip


def test_what_is_not_finite_in_a_table_becomes_a_gap_and_is_counted():
    _, fields, non_finite, _ = media_calls.table("t", ["a"], [[float("nan")], [1]], {})
    assert (fields["rows"], non_finite) == ([[None], [1]], 1)


@pytest.mark.parametrize(
    ("columns", "rows", "line"),
    [
        ("ab", [[1, 2]], "columns: 'builtins.str' is not allowed; it must be a list, or an array"),
        (["a"], 7, "rows: 'builtins.int' is not allowed"),
        ([], [], "columns: '0 columns' is not allowed; it must be 1 to 1000 columns"),
        (["a"], [[1], [1, 2]], "row 1: 2 is not allowed; it must be a list of 1 values, as there are columns"),
        (["a"], [1], "row 0: 'no list' is not allowed"),
        (["a"], [[1]] * 50_001, "rows: '50001 rows of 1' is not allowed; it must be at most 50000 values in all"),
        (["a"], [["x" * (5 << 20)]], "rows: '5242886 bytes' is not allowed; it must be at most 4194304 bytes as JSON"),
    ],
)
def test_what_is_no_table_is_named_in_one_line(columns, rows, line):
    with pytest.raises(ConfigError, match=line) as caught:
        media_calls.table("confusion", columns, rows, {})
    assert str(caught.value).startswith("publish_table('confusion') ")
