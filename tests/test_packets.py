"""PUBLISH and PUBACK as MQTT 3.1.1 has them, cut into pieces anywhere."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monty_mqtt_bridge.fanout import Outgoing
from monty_mqtt_bridge.packets import Inbox, publish_packet

MESSAGE_IDS = st.integers(1, 65_535)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50)


def read_length(packet: bytes) -> tuple[int, int]:
    """Return the remaining length, and where what it counts begins (MQTT 3.1.1, section 2.2.3)."""
    value, place = 0, 1
    while True:
        value += (packet[place] & 127) * 128 ** (place - 1)
        place += 1
        if packet[place - 1] < 128:
            return value, place


@given(TEXTS, st.binary(max_size=500), st.integers(0, 1), st.booleans(), MESSAGE_IDS)
def test_a_message_reads_back(topic, payload, qos, retain, message_id):
    packet = publish_packet(Outgoing(topic, payload, qos, retain), message_id)
    assert packet[0] == 0x30 + 2 * qos + retain
    length, start = read_length(packet)
    assert length == len(packet) - start
    (size,) = struct.unpack_from(">H", packet, start)
    assert packet[start + 2 : start + 2 + size].decode() == topic
    rest = packet[start + 2 + size :]
    assert rest == (struct.pack(">H", message_id) if qos else b"") + payload


@pytest.mark.parametrize("size", [0, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, 10_000_000])
def test_a_payload_may_be_long(size):
    packet = publish_packet(Outgoing("t", bytes(size - 3 if size > 2 else 0), 0, retain=False), 1)
    length, start = read_length(packet)
    assert length == len(packet) - start
    assert start == 1 + (1 if length < 128 else 2 if length < 16_384 else 3 if length < 2_097_152 else 4)


OTHERS = st.sampled_from([
    b"\x20\x02\x00\x00", b"\x90\x03\x00\x01\x01", b"\xb0\x02\x00\x02", b"\xd0\x00",
    publish_packet(Outgoing("a/b", bytes(300), 1, retain=True), 7),
])  # fmt: skip


@given(st.lists(st.one_of(MESSAGE_IDS, OTHERS), max_size=30), st.lists(st.integers(1, 40), min_size=1))
def test_what_is_no_acknowledgement_is_left_for_paho_whole(packets, cuts):
    sent = b"".join(struct.pack(">BBH", 0x40, 2, one) if isinstance(one, int) else one for one in packets)
    inbox, acknowledged, place = Inbox(), [], 0
    for number in range(len(sent)):
        size = cuts[number % len(cuts)]
        acknowledged += inbox.feed(sent[place : place + size])
        place += size
    assert acknowledged == [one for one in packets if isinstance(one, int)]
    assert inbox.others == b"".join(one for one in packets if isinstance(one, bytes))


@given(st.binary(max_size=100))
def test_any_bytes_end_somewhere(received):
    inbox = Inbox()
    inbox.feed(received)
    assert len(inbox.others) <= len(received)


def test_what_is_no_mqtt_goes_to_paho_which_hangs_up():
    inbox = Inbox()
    assert inbox.feed(b"\x30\xff\xff\xff\xff\xff") == []
    assert inbox.others
