"""Any process of the machine reaches the bridge's port: none of them cuts a run off, in whatever order they come."""

from __future__ import annotations

import logging
from contextlib import contextmanager

import pytest
from kit.bridge import Dealer
from kit.router_thread import Taken

from monty_mqtt.wire import schema, zmq_protocol

HUGE = 2**61


@pytest.fixture
def taken():
    with Taken() as running:
        yield running


@contextmanager
def at_work(taken):
    with Dealer(taken.port, token="of the experiment") as dealer:
        dealer.hello()
        dealer.steps(range(3))
        dealer.acked(3)
        yield dealer


@pytest.fixture
def real(taken):
    """An experiment that is at work: three messages of it were taken."""
    with at_work(taken) as dealer:
        yield dealer


def is_away(taken):
    """Three messages of the experiment were taken, and its connection is gone."""
    with at_work(taken):
        pass
    taken.wait_until(lambda: len(taken.leaves) == 1)


@pytest.fixture
def hostile(taken):
    """Somebody who knows the names and the start, as all who read MQTT may, and no token."""
    with Dealer(taken.port, token="guessed") as dealer:
        yield dealer


def goes_on(dealer, first=3):
    """The experiment goes on as if nothing had been."""
    dealer.steps(range(first, first + 10))
    dealer.acked(first + 10)


HELLOS = {
    "it started at 0": {"started_unix_nanos": 0, "base": HUGE},
    "it started at 0, base 0": {"started_unix_nanos": 0, "base": 0},
    "it started when the experiment did": {"base": HUGE},
    "it started when the experiment did, base 0": {"base": 0},
    "it started later": {"started_unix_nanos": 10**18, "base": HUGE},
    "without a token": {"token": "", "base": HUGE},
    "the replay of a recording": {"started_unix_nanos": 0, "base": HUGE, "replayed": True, "token": ""},
    "the replay of a recording, base 0": {"started_unix_nanos": 0, "base": 0, "replayed": True, "token": ""},
    "the replay of a spool": {"base": HUGE, "replayed": True},
    "the replay of a spool of another start": {"base": HUGE, "replayed": True, "started_unix_nanos": 7},
}
ALL_HELLOS = pytest.mark.parametrize("fields", HELLOS.values(), ids=HELLOS.keys())


def says(taken, dealer, **fields):
    """Say hello, whatever is answered."""
    fields = {"schema_version": schema.SCHEMA_VERSION, "started_unix_nanos": 1, "token": dealer.token, **fields}
    received = taken.counts.received
    dealer.up(zmq_protocol.Hello(run="run", worker="main", **fields))
    taken.wait_until(lambda: taken.counts.received > received)


@ALL_HELLOS
def test_a_hello_for_a_worker_that_is_connected_changes_nothing(taken, real, hostile, fields):
    says(taken, hostile, **fields)
    goes_on(real)
    assert taken.seqs() == list(range(13))
    assert taken.counts.lost == 0


@ALL_HELLOS
def test_nor_does_one_whose_connection_is_closed_again(taken, real, fields):
    with Dealer(taken.port, token="guessed") as hostile:
        says(taken, hostile, **fields)
    goes_on(real)
    assert taken.seqs() == list(range(13))


@ALL_HELLOS
def test_nor_does_one_while_the_worker_is_away_for_a_second(taken, hostile, fields):
    is_away(taken)
    says(taken, hostile, **fields)
    with Dealer(taken.port, token="of the experiment") as real:
        assert real.hello(base=3) == zmq_protocol.Welcome(next=3)
        goes_on(real)
    assert taken.seqs() == list(range(13))


@ALL_HELLOS
def test_nor_does_one_that_publishes_while_the_worker_is_away(taken, hostile, fields):
    is_away(taken)
    says(taken, hostile, **fields)
    hostile.steps([fields["base"]])
    with Dealer(taken.port, token="of the experiment") as real:
        assert real.hello(base=3) == zmq_protocol.Welcome(next=3)
        goes_on(real)
    assert [seq for seq in taken.seqs() if seq != HUGE] == list(range(13)), (
        "a recording has the name it was published under"
    )


def test_a_name_stays_its_own_while_others_say_it_in_the_meantime(taken, hostile):
    is_away(taken)
    hostile.hello(started_unix_nanos=5)
    hostile.steps([0])
    assert hostile.acked(1).published == "main-2"
    with Dealer(taken.port, token="of the experiment") as real:
        assert real.hello(base=3) == zmq_protocol.Welcome(next=3)
        hostile.steps([1])
        hostile.acked(2)
        goes_on(real)
        assert taken.senders.newest["run", "main"].next == 13
    assert (taken.seqs(), taken.seqs("main-2")) == (list(range(13)), [0, 1])


def test_who_only_says_hello_keeps_no_name_from_who_publishes(taken, hostile):
    hostile.hello()
    with Dealer(taken.port, started_unix_nanos=2, token="of the experiment") as real:
        real.hello()
        goes_on(real, 0)
        hostile.steps([0])
        assert hostile.acked(1).published == "main-2"
        goes_on(real, 10)
    assert (taken.seqs(), taken.seqs("main-2")) == (list(range(20)), [0])


def test_nobody_speaks_for_another_on_his_own_connection(taken, real, hostile):
    hostile.worker = "other"
    hostile.hello()
    hostile.up(zmq_protocol.Dropped(run="run", worker="main", first=0, last=HUGE))
    hostile.up(zmq_protocol.Probe(run="run", worker="main", next=HUGE))
    hostile.worker = "main"
    hostile.steps([3, HUGE])
    taken.wait_until(lambda: taken.counts.refused == 4)
    goes_on(real)
    assert taken.seqs() == list(range(13))


def test_a_second_connection_of_a_worker_that_goes_leaves_the_first_its_answers(taken, real):
    with Dealer(taken.port, token="of the experiment") as second:
        assert second.hello().next == 3
    taken.wait_until(lambda: len(taken.leaves) == 1)
    goes_on(real)


def test_a_spool_continues_its_sender_with_its_token_alone(taken):
    with Dealer(taken.port, token="of the experiment") as real:
        real.hello()
        real.steps(range(4))
        real.acked(4)
    taken.wait_until(lambda: taken.leaves)
    with Dealer(taken.port, token="of the experiment") as own, Dealer(taken.port, token="guessed") as foreign:
        assert foreign.hello(replayed=True).next == 0
        assert own.hello(replayed=True).next == 4


def test_a_gap_is_never_taken_for_what_the_bridge_had(taken):
    with Dealer(taken.port) as dealer:
        dealer.hello()
        dealer.steps([0])
        dealer.acked(1)
        assert dealer.hello(base=50).next == 50
        dealer.steps([50])
        dealer.acked(51)
    taken.wait_until(lambda: len(taken.leaves) == 1)
    with Dealer(taken.port) as replay:
        assert replay.hello(base=50, replayed=True).next == 51
        assert replay.hello(base=20, replayed=True).next == 20
        replay.steps(range(20, 51))
        replay.acked(51)
        assert replay.hello(base=20, replayed=True).next == 51, "now it has them"


def test_a_flood_of_names_fills_neither_memory_nor_the_log(taken, real, hostile, caplog):
    caplog.set_level(logging.INFO)
    for number in range(5000):
        hostile.worker = f"w{number}"
        hostile.up(
            zmq_protocol.Hello(
                schema_version=schema.SCHEMA_VERSION,
                run="run",
                worker=hostile.worker,
                base=0,
                started_unix_nanos=1,
                token="x",
            )
        )
    assert hostile.hello().next == 0
    assert len(taken.senders.by_id) == 2
    assert not [worker for worker in taken.senders.changed if worker.begins]
    goes_on(real)
    assert len(caplog.messages) <= 1, caplog.messages
