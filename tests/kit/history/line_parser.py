"""Parses InfluxDB line protocol strictly, by its specification alone, to test what the project writes.

https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/. Stricter than InfluxDB where readers differ:
a backslash in a name must escape `,`, `=` or a space; control characters are forbidden except tab and newline in
strings; tags must be sorted, and no tag value empty.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Point(NamedTuple):
    measurement: str
    tags: dict[str, str]
    fields: dict[str, float | int | str | bool]
    time: int


class LineError(ValueError):
    pass


_NAME = re.compile(r"(?:[^\\,= \x00-\x1f\x7f]|\\[,= ])+")
_FLOAT = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_INT = re.compile(r"(-?\d+)i")
_STRING = re.compile(r'"((?:[^"\\\x00-\x08\x0b-\x1f\x7f]|\\["\\])*)"')
_TIME = re.compile(r"-?\d+")
_RESERVED = {"time", "_field", "_measurement", "_time"}


def parse(payload: bytes) -> list[Point]:
    """Return the points of a batch; raise LineError at anything that is not strictly line protocol."""
    reader = _Reader(payload.decode("utf-8"))
    points = []
    while not reader.at_end():
        points.append(_point(reader))
        reader.expect("\n")
    return points


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def at_end(self) -> bool:
        return self.at == len(self.text)

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def expect(self, char: str) -> None:
        if self.peek() != char:
            raise LineError(f"{char!r} expected at {self.text[self.at : self.at + 40]!r}")
        self.at += 1

    def match(self, pattern: re.Pattern[str], what: str) -> re.Match[str]:
        found = pattern.match(self.text, self.at)
        if not found:
            raise LineError(f"{what} expected at {self.text[self.at : self.at + 40]!r}")
        self.at = found.end()
        return found

    def name(self, what: str) -> str:
        return re.sub(r"\\([,= ])", r"\1", self.match(_NAME, what)[0])


def _point(reader: _Reader) -> Point:
    began = reader.at
    measurement = reader.name("measurement")
    if measurement.startswith(("#", "_")):
        raise LineError(f"measurement {measurement!r}")
    tags = _pairs(reader, lambda: reader.name("tag value"), leading=True)
    if list(tags) != sorted(tags):
        raise LineError(f"tags out of order: {list(tags)}")
    if reader.at - began > 65_000:
        raise LineError("series too long")
    reader.expect(" ")
    fields = _pairs(reader, lambda: _value(reader), leading=False)
    reader.expect(" ")
    time = int(reader.match(_TIME, "time")[0])
    if not -(2**63) + 1 < time < 2**63 - 1:
        raise LineError(f"time {time}")
    return Point(measurement, tags, fields, time)


def _pairs(reader: _Reader, value, *, leading: bool) -> dict:
    pairs = {}
    more = reader.peek() == "," if leading else True
    if more and leading:
        reader.expect(",")
    while more:
        key = reader.name("key")
        if key in _RESERVED or key in pairs:
            raise LineError(f"key {key!r}")
        reader.expect("=")
        pairs[key] = value()
        more = reader.peek() == ","
        if more:
            reader.expect(",")
    return pairs


def _value(reader: _Reader):
    if reader.peek() == '"':
        text = re.sub(r'\\(["\\])', r"\1", reader.match(_STRING, "string")[1])
        if len(text.encode()) > 65_536:
            raise LineError("string too long")
        return text
    whole = _INT.match(reader.text, reader.at)
    if whole:
        reader.at = whole.end()
        if not -(2**63) <= int(whole[1]) < 2**63:
            raise LineError(f"integer {whole[1]}")
        return int(whole[1])
    return float(reader.match(_FLOAT, "value")[0])
