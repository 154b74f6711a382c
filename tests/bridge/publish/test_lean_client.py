"""The client that hears PUBACKs cheaply: each id once, from a real broker, and what is not usual goes paho's way."""

from __future__ import annotations

import select
import socket
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from monty_mqtt_bridge.publish.lean_client import LeanClient, joined, publish_packet
from monty_mqtt_core.payloads.to_mqtt import Outgoing
from monty_mqtt_core.reading.mqtt_client import BrokerAddress

WAIT_SECS = 10.0
MESSAGE = (b"x", 1, False)
"""Payload, QoS, retained."""


def turn_until(client: LeanClient, condition) -> None:
    deadline = time.monotonic() + WAIT_SECS
    while not condition() and time.monotonic() < deadline:
        client.loop_write()
        select.select([client.socket()], [], [], 0.1)
        client.loop_read()
    assert condition()


def test_each_message_is_acknowledged_once_by_a_real_broker_and_no_mqtt5_object_is_made(broker, monkeypatch):
    heard = []
    client = LeanClient(BrokerAddress(broker.host, broker.port, "bridge"), "lean", heard.append)
    client.username_pw_set("bridge", broker.password("bridge"))
    client.on_socket_register_write = lambda *_: None
    client.reconnect()
    turn_until(client, client.is_connected)
    made = []
    plain = ReasonCode.__init__
    monkeypatch.setattr(
        ReasonCode, "__init__", lambda self, *args, **more: (made.append(args), plain(self, *args, **more))[1]
    )
    sent = [client.send(Outgoing(f"monty/v1/r/main/data/{number}", *MESSAGE)) for number in range(20)]
    turn_until(client, lambda: len(heard) >= len(sent))
    client.disconnect()
    assert heard == sent
    assert not made, "paho's own way, which is slow, was taken"


def read_all(client: LeanClient) -> None:
    assert select.select([client.socket()], [], [], WAIT_SECS)[0]
    client.loop_read()
    while client.holds_bytes:
        client.loop_read()


@pytest.fixture
def peer():
    """A client, the ids of which it hears that they are acknowledged, and the other end of its connection."""
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(WAIT_SECS)
        client = LeanClient(BrokerAddress("127.0.0.1", server.getsockname()[1]), "lean", heard.append)
        accepted = []
        accepting = threading.Thread(target=lambda: accepted.append(server.accept()[0]))
        accepting.start()
        client.on_socket_register_write = lambda *_: None
        client.reconnect()
        accepting.join(WAIT_SECS)
        with accepted[0] as connection:
            connection.sendall(b"\x20\x02\x00\x00")
            turn_until(client, client.is_connected)
            connection.recv(1000)
            yield client, heard, connection
        client.disconnect()


def test_what_comes_in_any_pieces_is_heard_in_order(peer):
    client, heard, connection = peer
    client.on_message = lambda _client, _data, message: heard.append(message.payload)
    for _ in range(4):
        client.send(Outgoing("t", *MESSAGE))
    client.loop_write()
    command = publish_packet(Outgoing("command", b"pause", 0, False), 0)  # noqa: FBT003 - a field of a NamedTuple
    puback = [b"\x40\x02\x00" + bytes([mid]) for mid in (1, 2, 3, 4)]
    stream = puback[0] + command + puback[1] + puback[2] + command + puback[3]
    for at in range(0, len(stream), 7):
        connection.sendall(stream[at : at + 7])
        read_all(client)
    assert heard == [1, b"pause", 2, 3, b"pause", 4]


def test_a_message_behind_pubacks_is_not_left_unread(peer):
    client, heard, connection = peer
    client.on_message = lambda _client, _data, message: heard.append(message.payload)
    client.send(Outgoing("t", *MESSAGE))
    connection.sendall(b"\x40\x02\x00\x01" + publish_packet(Outgoing("command", b"pause", 0, False), 0))  # noqa: FBT003
    read_all(client)
    assert heard == [1, b"pause"]


def test_small_messages_are_one_write_and_arrive_as_they_were_sent(peer, monkeypatch):
    client, _, connection = peer
    writes = []
    plain = client._sock_send
    monkeypatch.setattr(client, "_sock_send", lambda data: (writes.append(len(data)), plain(data))[1])
    outgoing = [Outgoing(f"t/{number}", b"x" * number, 1, False) for number in range(20)]  # noqa: FBT003
    packets = b"".join(publish_packet(message, client.send(message)) for message in outgoing)
    client.loop_write()
    received = b""
    while len(received) < len(packets):
        received += connection.recv(1 << 16)
    assert received == packets
    assert writes == [len(packets)]


@given(st.lists(st.tuples(st.sampled_from([0x30, 0x82, 0xC0]), st.sampled_from([0, 3]), st.integers(4, 40_000))))
def test_joined_packets_are_the_same_bytes_in_the_same_order(packets):
    queue = [
        {"command": command, "pos": pos, "to_process": size - pos, "packet": bytes([number % 256]) * size}
        for number, (command, pos, size) in enumerate(packets)
    ]
    made = list(joined(queue))
    assert b"".join(packet["packet"][packet["pos"] :] for packet in made) == b"".join(
        packet["packet"][packet["pos"] :] for packet in queue
    )
    assert all(packet["to_process"] == len(packet["packet"]) - packet["pos"] for packet in made)
    assert [packet for packet in made if packet["command"] != 0x30] == [
        packet for packet in queue if packet["command"] != 0x30
    ]


@pytest.mark.parametrize(
    ("packet", "expected"),
    [(b"\x40\x02\x00\x01", [1]), (b"\x40\x02\x00\x01" * 2, [1]), (b"\x40\x02\x00\x09\x40\x02\x00\x01", [1])],
    ids=["once", "repeated", "an unknown id first"],
)
def test_a_puback_that_was_not_awaited_is_nothing(peer, packet, expected):
    client, heard, connection = peer
    client.send(Outgoing("t", *MESSAGE))
    client.send(Outgoing("t", *MESSAGE))
    connection.sendall(packet)
    turn_until(client, lambda: bool(heard))
    client.loop_read()
    client.loop_read()
    assert heard == expected


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="+#"), min_size=1, max_size=60),
    st.sampled_from([0, 1, 111, 112, 113, 127, 128, 16_000, 16_400, 2_097_200]),
    st.integers(0, 1),
    st.booleans(),
)
def test_its_packets_are_those_of_paho(topic, size, qos, retain):
    paho, written = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311), []
    paho._sock = object()
    paho._packet_queue = lambda _command, packet, mid, *_: written.append((bytes(packet), mid)) or 0
    paho.publish(topic, b"x" * size, qos, retain)
    ((packet, mid),) = written
    assert publish_packet(Outgoing(topic, b"x" * size, qos, retain), mid) == packet
    paho._sock = None
