"""This module turns the media that a user publishes into kinds, fields and raw buffers of messages. Pure.

Called by `media_publisher`. Arrays, images and figures are known by their methods: numpy, torch, PIL and matplotlib are
never imported here. Nothing is encoded, because the bridge does that; only a figure has to be drawn. Each function
returns the kind, its fields, how many numbers became null, and the buffers.
"""

from __future__ import annotations

import io
from typing import Any, Dict, List, Tuple, Type

import msgspec

from monty_mqtt.broadcast.number_buffers import colours_of, finite, kind_of, numbers_of, on_cpu
from monty_mqtt.broadcast.user_calls import text
from monty_mqtt.errors import ConfigError
from monty_mqtt.wire import schema
from monty_mqtt.wire.json_values import plain

__all__ = ["MediaCall", "histogram", "image", "points", "table"]

MediaCall = Tuple[Type[schema.Message], Dict[str, Any], int, List[bytes]]

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_MOST_FILE_BYTES = 8 << 20
"""Below what the broker takes, 9.9 MB."""

_LONGEST_SIDE = 4096
_MOST_PIXEL_BYTES = 32 << 20
"""What the bridge lets wait to be encoded."""

_MOST_METADATA_BYTES = 16 << 10
_CHANNELS_OF_MODE = {"L": 1, "RGB": 3, "RGBA": 4}
_MOST_POINTS = 400_000
"""With colours and sizes they are 8 MB."""

_MOST_VALUES = 500_000
_MOST_BINS = 4096
_MOST_COLUMNS = 1000
_MOST_CELLS = 50_000
"""It takes the experiment some 50 ms to look at so many."""

_MOST_TABLE_BYTES = 4 << 20


def image(name: Any, picture: Any, metadata: Dict[str, Any]) -> MediaCall:
    """Return an `image` of an array, the bytes of a PNG or JPEG file, a PIL image or a matplotlib figure.

    Raises:
        ConfigError: It is none of these, or too large.
    """
    call = f"publish_image({name!r:.100})"
    if hasattr(picture, "savefig"):
        picture = _drawn(picture)
    if isinstance(picture, (bytes, bytearray, memoryview)):
        fields, buffer = _file(call, bytes(picture))
    elif hasattr(picture, "convert") and hasattr(picture, "mode"):
        fields, buffer = _pil_pixels(call, picture)
    else:
        fields, buffer = _array_pixels(call, on_cpu(picture))
    kept, non_finite = _metadata(call, metadata)
    return schema.Image, {"name": text(name), "metadata": kept, **fields}, non_finite, [buffer]


def points(name: Any, xyz: Any, colours: Any, sizes: Any, metadata: Dict[str, Any]) -> MediaCall:
    """Return `points`: xyz of shape (count, 3), colours of shape (count, 3 or 4) or None, sizes (count,) or None.

    Raises:
        ConfigError: An array has another shape, or there are too many points.
    """
    call = f"publish_points({name!r:.100})"
    shape, buffer = numbers_of(f"{call} xyz", xyz, "f", 3 * _MOST_POINTS)
    if shape[1:] != (3,):
        raise ConfigError(f"{call} xyz", f"an array of shape {shape}", "of shape (count, 3)")
    fields: Dict[str, Any] = {"name": text(name), "count": shape[0]}
    buffers = [buffer]
    if colours is not None:
        shape, buffer, form = colours_of(f"{call} colours", colours, 4 * _MOST_POINTS)
        if shape not in ((fields["count"], 3), (fields["count"], 4)):
            raise ConfigError(
                f"{call} colours",
                f"an array of shape {shape}",
                f"of shape ({fields['count']}, 3) or ({fields['count']}, 4)",
            )
        fields.update(colour_channels=shape[1], colour_format=form)
        buffers.append(buffer)
    if sizes is not None:
        shape, buffer = numbers_of(f"{call} sizes", sizes, "f", _MOST_POINTS)
        if shape != (fields["count"],):
            raise ConfigError(f"{call} sizes", f"an array of shape {shape}", f"of shape ({fields['count']},)")
        fields["has_sizes"] = True
        buffers.append(buffer)
    kept, non_finite = _metadata(call, metadata)
    return schema.Points, {**fields, "metadata": kept}, non_finite, buffers


def histogram(name: Any, values: Any, counts: Any, edges: Any, metadata: Dict[str, Any]) -> MediaCall:
    """Return a `histogram` of values of any shape, which the bridge counts, or of counts and edges.

    Raises:
        ConfigError: They are no numbers, do not fit together, or are too many.
    """
    call = f"publish_histogram({name!r:.100})"
    if (values is None) == (counts is None) or (counts is None) != (edges is None):
        given = [key for key, value in (("values", values), ("counts", counts), ("edges", edges)) if value is not None]
        raise ConfigError(call, given, "either values, or counts and edges")
    kept, non_finite = _metadata(call, metadata)
    fields: Dict[str, Any] = {"name": text(name), "metadata": kept}
    if values is None:
        return schema.Histogram, {**fields, **_bins(call, counts, edges)}, non_finite, []
    _, buffer = numbers_of(f"{call} values", values, "d", _MOST_VALUES)
    count = len(buffer) // 8
    return schema.Histogram, {**fields, "values": count}, non_finite, [buffer] if count else []


def table(name: Any, columns: Any, rows: Any, metadata: Dict[str, Any]) -> MediaCall:
    """Return a `table`: names of columns, and rows with a value for each.

    Raises:
        ConfigError: A row has another number of values, or the table is too large.
    """
    call = f"publish_table({name!r:.100})"
    _check_table(call, columns, rows)
    (names, cells), non_finite = plain((columns, rows))
    _check_cells(call, names, cells)
    kept, more = _metadata(call, metadata)
    fields = {"name": text(name), "columns": [text(column) for column in names], "rows": cells, "metadata": kept}
    return schema.Table, fields, non_finite + more, []


def _check_table(call: str, columns: Any, rows: Any) -> None:
    for key, value in (("columns", columns), ("rows", rows)):
        if not hasattr(value, "__len__") or isinstance(value, (str, bytes, dict)):
            raise ConfigError(f"{call} {key}", kind_of(value), "a list, or an array")
    if not 1 <= len(columns) <= _MOST_COLUMNS:
        raise ConfigError(f"{call} columns", f"{len(columns)} columns", f"1 to {_MOST_COLUMNS} columns")
    if len(rows) * len(columns) > _MOST_CELLS:
        raise ConfigError(f"{call} rows", f"{len(rows)} rows of {len(columns)}", f"at most {_MOST_CELLS} values in all")


def _check_cells(call: str, names: List[Any], cells: List[Any]) -> None:
    for number, row in enumerate(cells):
        if not isinstance(row, list) or len(row) != len(names):
            found = len(row) if isinstance(row, list) else "no list"
            raise ConfigError(f"{call} row {number}", found, f"a list of {len(names)} values, as there are columns")
    size = len(msgspec.json.encode(cells))
    if size > _MOST_TABLE_BYTES:
        raise ConfigError(f"{call} rows", f"{size} bytes", f"at most {_MOST_TABLE_BYTES} bytes as JSON")


def _drawn(figure: Any) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", pil_kwargs={"compress_level": 1})  # drawing takes most of the time
    return file.getvalue()


def _file(call: str, content: bytes) -> Tuple[Dict[str, Any], bytes]:
    if not content.startswith((_PNG, _JPEG)):
        raise ConfigError(call, content[:8], "the bytes of a PNG or JPEG file")
    if len(content) > _MOST_FILE_BYTES:
        raise ConfigError(call, f"a file of {len(content)} bytes", f"at most {_MOST_FILE_BYTES} bytes")
    return {"format": "png" if content.startswith(_PNG) else "jpeg"}, content


def _pil_pixels(call: str, picture: Any) -> Tuple[Dict[str, Any], bytes]:
    width, height = picture.size
    _check_size(call, height, width, 4)
    if picture.mode not in _CHANNELS_OF_MODE:
        picture = picture.convert("RGB" if picture.mode in ("CMYK", "YCbCr", "HSV", "LAB") else "RGBA")
    channels = _CHANNELS_OF_MODE[picture.mode]
    return {"format": "uint8", "height": height, "width": width, "channels": channels}, picture.tobytes()


def _array_pixels(call: str, picture: Any) -> Tuple[Dict[str, Any], bytes]:
    shape, kind = getattr(picture, "shape", None), getattr(getattr(picture, "dtype", None), "str", None)
    if shape is None or kind is None:
        allowed = "an array, the bytes of a PNG or JPEG file, a PIL image or a matplotlib figure"
        raise ConfigError(call, kind_of(picture), allowed)
    height, width, channels = (*shape, 1)[:3] if len(shape) in (2, 3) else (0, 0, 0)
    if channels not in _CHANNELS_OF_MODE.values():
        allowed = "an array of shape (height, width) or (height, width, channels) with 1, 3 or 4 channels"
        raise ConfigError(call, tuple(shape), allowed)
    is_real = kind[1] == "f"
    _check_size(call, height, width, channels * (4 if is_real else 1))
    if is_real:
        picture = picture.astype("<f4")
    elif kind[1] == "b":
        picture = picture.astype("u1") * 255
    elif kind != "|u1":
        allowed = "an array of uint8 (0 to 255), bool, or floating point numbers (0 to 1)"
        raise ConfigError(call, f"an array of {picture.dtype}", allowed)
    fields = {"format": "float32" if is_real else "uint8", "height": height, "width": width, "channels": channels}
    return fields, picture.tobytes()


def _check_size(call: str, height: int, width: int, pixel_bytes: int) -> None:
    if not (1 <= height <= _LONGEST_SIDE and 1 <= width <= _LONGEST_SIDE):
        raise ConfigError(call, f"{height} x {width} pixels", f"1 to {_LONGEST_SIDE} pixels high and wide")
    size = height * width * pixel_bytes
    if size > _MOST_PIXEL_BYTES:
        raise ConfigError(call, f"{height} x {width} pixels, {size} bytes", f"at most {_MOST_PIXEL_BYTES} bytes")


def _bins(call: str, counts: Any, edges: Any) -> Dict[str, List[float]]:
    counts = finite(f"{call} counts", counts, _MOST_BINS)
    edges = finite(f"{call} edges", edges, _MOST_BINS + 1)
    if len(edges) != len(counts) + 1:
        raise ConfigError(f"{call} edges", f"{len(edges)} edges", f"{len(counts) + 1} edges, one more than counts")
    if any(count < 0 for count in counts):
        raise ConfigError(f"{call} counts", min(counts), "0 or more")
    if any(right <= left for left, right in zip(edges, edges[1:])):
        raise ConfigError(f"{call} edges", "a list out of order", "ascending")
    return {"counts": counts, "edges": edges}


def _metadata(call: str, metadata: Dict[str, Any]) -> Tuple[Dict[str, Any], int]:
    if not metadata:
        return {}, 0
    kept, non_finite = plain(metadata)
    size = len(msgspec.json.encode(kept))
    if size > _MOST_METADATA_BYTES:
        raise ConfigError(f"{call} metadata", f"{size} bytes", f"at most {_MOST_METADATA_BYTES} bytes as JSON")
    return kept, non_finite
