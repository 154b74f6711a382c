"""The tables of the bridge's journal: what is written into one comes back by the names of its columns."""

from __future__ import annotations

import sqlite3

import pytest
from kit.bridge import FIRST_STAMP

from monty_mqtt.wire.zmq_protocol import Hello
from monty_mqtt_bridge.journal.rows import (
    MESSAGES,
    RETAINED,
    SENDERS,
    JournalRow,
    RetainedTopic,
    retained_topic_of,
    row_of,
    sender_of,
)
from monty_mqtt_bridge.receive.sender import Sender

PERSISTENT = (
    *("id", "run", "own_name", "key", "own_key", "is_named", "started_unix_nanos", "proof", "first", "whole_from"),
    *("gap", "next", "bulk_next", "lost", "dropped", "too_large", "ended", "real", "fed_seq", "last_row"),
    "heard_unix_nanos",
)
"""What the journal keeps of a sender."""


@pytest.fixture
def connection():
    opened = sqlite3.connect(":memory:", isolation_level=None)
    opened.row_factory = sqlite3.Row
    for table in (MESSAGES, SENDERS, RETAINED):
        opened.executescript(table.create)
    yield opened
    opened.close()


def sender(**fields) -> Sender:
    hello = Hello(schema_version=1, run="run", worker="main", base=3, started_unix_nanos=FIRST_STAMP, token="own")
    made = Sender(hello)
    made.id, made.key, made.is_named = 7, ("run", "main-2"), True
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def test_a_sender_comes_back_as_it_was_under_both_of_its_names(connection):
    written = sender(next=40, bulk_next=9, lost=1, dropped=2, too_large=3, gap=5, whole_from=4, fed_seq=39, last_row=12)
    written.ended, written.heard_unix_nanos = True, FIRST_STAMP + 1
    connection.execute(SENDERS.put, SENDERS.values(written))
    read = sender_of(connection.execute("SELECT * FROM senders").fetchone())
    assert {name: getattr(read, name) for name in PERSISTENT} == {name: getattr(written, name) for name in PERSISTENT}
    assert (read.published, read.own_name) == ("main-2", "main")


def test_a_sender_that_is_written_again_keeps_who_it_is_and_changes_where_it_is(connection):
    connection.execute(SENDERS.put, SENDERS.values(sender(next=40)))
    connection.execute(SENDERS.put, SENDERS.values(sender(next=50, proof=b"another", key=("run", "other"))))
    (stored,) = connection.execute("SELECT * FROM senders").fetchall()
    read = sender_of(stored)
    assert (read.next, read.key, read.proof) == (50, ("run", "main-2"), sender().proof)


@pytest.mark.parametrize("buffers", [(), [b"pixels", b""]])
def test_a_row_comes_back_with_its_buffers_and_belongs_to_its_sender(connection, buffers):
    written = JournalRow(1, sender(), "object_model", b"{}", buffers, FIRST_STAMP, restored=True)
    connection.execute(MESSAGES.put, MESSAGES.values(written))
    stored = connection.execute("SELECT * FROM messages").fetchone()
    assert (stored["sender"], stored["bulk"]) == (7, written.bulk)
    assert row_of(stored, written.sender) == written


@pytest.mark.parametrize("payload", [b"{}", None])
def test_what_is_retained_on_a_topic_is_replaced_by_what_comes_later(connection, payload):
    earlier = RetainedTopic("t", "run", "main", 1, FIRST_STAMP, FIRST_STAMP, b"earlier")
    later = earlier._replace(seq=2, time_unix_nanos=FIRST_STAMP + 1, payload=payload)
    for topic in (earlier, later):
        connection.execute(RETAINED.put, RETAINED.values(topic))
    assert [retained_topic_of(stored) for stored in connection.execute("SELECT * FROM retained")] == [later]
