"""Where a bridge is: the text that `monty-mqtt invite` prints, and what is refused."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monty_mqtt.errors import ConfigError
from monty_mqtt.wire.bridge_address import BridgeAddress

KEY = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("tcp://127.0.0.1:5555", BridgeAddress()),
        (f"tcp://lab-7.example:5556?key={KEY}", BridgeAddress("lab-7.example", 5556, KEY)),
        (f"tcp://[fe80::1%eth0]:1?key={KEY}", BridgeAddress("fe80::1%eth0", 1, KEY)),
    ],
)
def test_what_is_printed_is_read(text, address):
    assert BridgeAddress.parse(text, "bridge") == address
    assert str(address) == text
    assert address.endpoint == text.partition("?")[0]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "lab",
            "lab:5555",
            "udp://lab:5555",
            "tcp://lab",
            "tcp://lab:0",
            "tcp://lab:65536",
            "tcp://lab:x",
            "tcp://lab:05",
        ),
        *("tcp://:5555", "tcp://a b:5555", "tcp://fe80::1:5555", "tcp://lab:5555?key=", f"tcp://lab:5555?key={KEY}0"),
        *(f"tcp://lab:5555?key={KEY[:-1]}", f"tcp://lab:5555?key={KEY.upper()}", f"tcp://lab:5555?secret={KEY}"),
        *(f"tcp://lab:5555?key={KEY}\n", "tcp://lab:5555,tcp://lab:5556", None, 5555),
    ],
)
def test_anything_else_is_refused_in_one_line_that_says_what_is_allowed(text):
    with pytest.raises(ConfigError, match="tcp://HOST:PORT") as refused:
        BridgeAddress.parse(text, "MONTY_MQTT_BRIDGE")
    assert str(refused.value).startswith("MONTY_MQTT_BRIDGE: ")
    assert "\n" not in str(refused.value)


@given(st.text())
def test_no_text_does_harm(text):
    with suppress(ConfigError):
        assert str(BridgeAddress.parse(text, "bridge")) == text
