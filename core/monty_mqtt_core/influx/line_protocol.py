"""This module writes InfluxDB line protocol: escaping, and fields of one declared type each. Pure.

Called by `points`, which says what the points are.

InfluxDB refuses a point whose field has another type than before; Telegraf then never acknowledges it, and in the end
all data stops. So a value that does not fit its field is left out and counted, never sent.

Source: https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/. Readers differ in the meaning of a
backslash or a control character in a tag or key (Telegraf's two parsers and InfluxDB's own differ), so these are
percent-encoded there; in string fields all three agree.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

import msgspec

__all__ = ["LONGEST_STRING_BYTES", "Misfits", "floats", "key", "name_of", "point", "series", "stored_name"]

LONGEST_STRING_BYTES = 65_000
"""InfluxDB's documented limit for a string field is 64 KB; longer text is cut."""

_LONGEST_SERIES_BYTES = 60_000
"""InfluxDB keeps measurement, tags and field key together below 65,535 bytes."""

_INT64 = 1 << 63
_RESERVED_KEYS = frozenset({"time", "_field", "_measurement", "_time", ""})
_SPECIAL = re.compile(r"([,= ])")
_STRING_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f]")
_EMPTY_TAG = "%"
_ENCODED = re.compile("(?:%[0-9A-F]{2})+")
_AMBIGUOUS_PERCENT = re.compile("%(?=[0-9A-F]{2})|^%$")

_json = msgspec.json.Encoder()

Fields = Iterable[tuple[str, object]]


class Misfits:
    """Misfits counts the values that were left out.

    Attributes:
        count: Number of values left out.
        last: The last of them, for the log: measurement, field, value.
    """

    def __init__(self) -> None:
        self.count = 0
        self.last: tuple[str, str, str] = ("", "", "")

    def add(self, measurement: str, field: str, value: object) -> None:
        """Count a value that does not fit its field."""
        self.count += 1
        self.last = (measurement, field[:64], str(value)[:64])


@lru_cache(maxsize=16_384)
def series(measurement: str, *tags: str | None) -> str | None:
    """Return measurement and tags, escaped; None if they are longer than InfluxDB accepts.

    Args:
        measurement: A plain word, which needs no escaping.
        tags: Key and value in turn, in order of the keys; a value of None is left out, an empty value becomes `%`,
            because line protocol has no empty tag value.
    """
    pairs = zip(tags[::2], tags[1::2])
    parts = [measurement, *(f"{name}={_tag(value)}" for name, value in pairs if value is not None)]
    written = ",".join(parts)
    return written if len(written.encode()) <= _LONGEST_SERIES_BYTES else None


def point(
    types: Mapping[str, type], prefix: str | None, fields: Fields, time_unix_nanos: int, misfits: Misfits
) -> str | None:
    """Return one line without its newline; None if none of its fields is valid.

    Args:
        types: Type of each field: float, int or str.
        prefix: The result of `series`.
        fields: Names and values; a value of None is left out.
        time_unix_nanos: Time of the point, exact.
        misfits: Counts the values that do not fit.
    """
    measurement = "" if prefix is None else prefix.partition(",")[0]
    written = []
    for name, value in fields:
        if value is None:
            continue
        kind = types[name]
        if kind is int and type(value) is int and -_INT64 <= value < _INT64:  # most fields are of this type
            written.append(f"{name}={value}i")
            continue
        text = _WRITERS[kind](value)
        if text is None:
            misfits.add(measurement, name, value)
        else:
            written.append(f"{name}={text}")
    return _line(prefix, ",".join(written), time_unix_nanos, misfits)


def floats(
    prefix: str | None, values: Mapping[str, float | None], time_unix_nanos: int, misfits: Misfits
) -> str | None:
    """Return one line with a float field per name; the names may be any text."""
    pattern = _pattern(tuple(values))
    if pattern is not None and set(map(type, values.values())) == {float}:
        numbers = _json.encode(list(values.values())).decode()  # the same digits as `repr`, in a tenth of the time
        if "n" not in numbers:  # null stands for a number that was not finite
            return _line(prefix, pattern % tuple(numbers[1:-1].split(",")), time_unix_nanos, misfits)
    written = []
    for name, value in values.items():
        if value is None:
            continue
        escaped = key(name)
        if escaped is None or not isinstance(value, float) or not math.isfinite(value):
            misfits.add("evidence", name, value)
        else:
            written.append(f"{escaped}={value!r}")
    return _line(prefix, ",".join(written), time_unix_nanos, misfits)


@lru_cache(maxsize=1024)
def _pattern(names: tuple[str, ...]) -> str | None:
    """Return the fields of these names with room for their values; None if InfluxDB does not accept all names."""
    keys = [key(name) for name in names]
    return None if None in keys else ",".join(text.replace("%", "%%") + "=%s" for text in keys if text is not None)


@lru_cache(maxsize=16_384)
def key(name: str) -> str | None:
    """Return a field key escaped; None if InfluxDB reserves that name."""
    if name in _RESERVED_KEYS or len(name.encode()) > LONGEST_STRING_BYTES - _LONGEST_SERIES_BYTES:
        return None
    return _SPECIAL.sub(r"\\\1", stored_name(name))


def _line(prefix: str | None, fields: str, time_unix_nanos: int, misfits: Misfits) -> str | None:
    if prefix is None or not -_INT64 + 1 < time_unix_nanos < _INT64 - 1:
        misfits.add((prefix or "").partition(",")[0], "time" if prefix else "tags", time_unix_nanos)
        return None
    return f"{prefix} {fields} {time_unix_nanos}" if fields else None


def _tag(value: str) -> str:
    return _SPECIAL.sub(r"\\\1", stored_name(value)) if value else _EMPTY_TAG


def stored_name(name: str) -> str:
    """Return a tag's value or a field's key as InfluxDB stores it.

    Backslashes and characters that are not printable are percent-encoded, and so is a `%` that would look like that.
    """
    if name.isprintable() and "\\" not in name and "%" not in name:
        return name
    name = _AMBIGUOUS_PERCENT.sub("%25", name)
    return "".join(char if char.isprintable() and char != "\\" else _percent_char(char) for char in name)


def name_of(stored: str) -> str:
    """Return the name that `stored_name` turned into this tag's value or field's key."""
    if stored == _EMPTY_TAG:
        return ""
    return _ENCODED.sub(lambda match: bytes.fromhex(match[0].replace("%", "")).decode("utf-8", "replace"), stored)


def _percent_char(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "replace"))


def _float(value: object) -> str | None:
    if type(value) is float:
        return repr(value) if math.isfinite(value) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return repr(number) if math.isfinite(number) else None


def _int(value: object) -> str | None:
    if not isinstance(value, int):
        return None
    return f"{int(value)}i" if -_INT64 <= value < _INT64 else None


def _str(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    if len(value) * 4 > LONGEST_STRING_BYTES:
        value = _cut(value)
    if not value.isprintable():
        value = _STRING_CONTROL.sub("\N{REPLACEMENT CHARACTER}", value)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _cut(text: str) -> str:
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= LONGEST_STRING_BYTES:
        return text
    return encoded[: LONGEST_STRING_BYTES - 3].decode("utf-8", "ignore") + "…"


_WRITERS = {float: _float, int: _int, str: _str}
