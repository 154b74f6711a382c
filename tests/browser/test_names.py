"""Names in addresses: the browser writes them as `topics.escape` does."""

from __future__ import annotations

import json
import unicodedata
from urllib.parse import quote

import pytest
from kit.page.front_end import script_of
from kit.page.teller import HOSTILE

from monty_mqtt.wire import topics

pytestmark = pytest.mark.timeout(60)

# What no version of Unicode before Python's own knew may be printable to a newer browser.
CHARACTERS = [chr(point) for point in range(0x10000) if unicodedata.category(chr(point)) != "Cn"]
NAMES = ["", HOSTILE, "a/b.c+d#e %", "😀 mug", "\ud800 alone", "\x00\x1f\x7f\u200b\u2028", "É é", "!'()*~_-"]


def test_escaped_names_are_those_of_the_topics(watched):
    page = watched.open("/")
    names = json.dumps(NAMES + CHARACTERS)
    escaped = page.evaluate(f"() => {{ {script_of('server/api.ts')}\nreturn {names}.map(escape); }}")
    expected = [quote(topics.escape(name), safe="!'()*~_-") for name in NAMES + CHARACTERS]
    wrong = [pair for pair in zip(escaped, expected, strict=True) if pair[0] != pair[1]]
    assert wrong == []
