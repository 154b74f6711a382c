"""SIGTERM and SIGHUP become a note and, where nobody heeds it, an interrupt; other people's handlers stay."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest
from kit.machine.child_process import until

from monty_mqtt.end_signals import EndSignals, Terminated, exit_code_of, leave, leave_on_signals, name_of_exit

NUMBERS = [signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(autouse=True)
def handlers():
    """Whatever happens, this process has the handlers of before."""
    numbers = [*NUMBERS, signal.SIGALRM]
    before = {number: signal.signal(number, signal.SIG_DFL) for number in numbers}
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number, handler in before.items():
        signal.signal(number, handler)
    EndSignals.received = None


def send(number):
    os.kill(os.getpid(), number)
    time.monotonic()  # Python calls the handler between two lines


def send_and_wait(number):
    send(number)
    until(lambda: False, 10)  # the signal's interrupt ends it


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_is_noted_once_and_others_do_not_cut_the_end_short(number):
    notes = []
    with EndSignals(notes.append) as signals:
        send(number)
        send(number)
        until(lambda: notes, 10)
        signals.heeded()
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert notes == [number.name]
    assert EndSignals.received == number
    assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
    send(number)
    with EndSignals(notes.append):
        pass
    assert {signal.getsignal(handled) for handled in NUMBERS} == {leave}


def test_without_a_signal_the_handlers_are_put_back():
    with EndSignals(lambda _: None):
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    assert {signal.getsignal(number) for number in [*NUMBERS, signal.SIGALRM]} == {signal.SIG_DFL}


def test_where_nobody_heeds_it_an_interrupt_comes():
    notes = []
    with pytest.raises(Terminated, match="SIGTERM"), EndSignals(notes.append, step_secs=0.05) as signals:
        send_and_wait(signal.SIGTERM)
    assert signals.is_forced
    assert isinstance(Terminated(signal.SIGTERM), KeyboardInterrupt), "whoever saves at Ctrl+C saves now"


def test_the_users_alarm_stays_theirs():
    signal.signal(signal.SIGALRM, mine := lambda *_: None)
    with pytest.raises(Terminated), EndSignals(lambda _: None):
        send_and_wait(signal.SIGTERM)
    assert signal.getsignal(signal.SIGALRM) is mine


@pytest.mark.parametrize("theirs", [signal.SIG_IGN, lambda *_: None], ids=["nohup", "handler"])
def test_a_handler_that_is_there_stays_the_only_one(theirs):
    signal.signal(signal.SIGHUP, theirs)
    notes = []
    with EndSignals(notes.append):
        assert signal.getsignal(signal.SIGHUP) is theirs
        send(signal.SIGHUP)
    leave_on_signals()
    assert signal.getsignal(signal.SIGHUP) is theirs
    assert notes == []


def test_another_thread_changes_nothing():
    seen = []

    def work():
        with EndSignals(lambda _: None):
            leave_on_signals()
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    assert seen == [signal.SIG_DFL]


def test_around_the_experiment_a_process_leaves_in_order():
    leave_on_signals()
    assert signal.getsignal(signal.SIGTERM) is leave
    with pytest.raises(SystemExit) as left:
        send_and_wait(signal.SIGTERM)
    assert left.value.code == 143
    with EndSignals(lambda _: None) as signals:
        assert signal.getsignal(signal.SIGTERM) is not leave
        send(signal.SIGTERM)
        signals.heeded()
    assert signal.getsignal(signal.SIGTERM) is leave
    send(signal.SIGTERM)  # it is ending, and saves


@pytest.mark.parametrize(
    ("code", "name"), [(143, "SIGTERM"), (129, "SIGHUP"), (130, "SIGINT"), (1, None), (None, None), ("143", None)]
)
def test_exit_codes_tell_of_signals(code, name):
    assert name_of_exit(code) == name
    assert name is None or exit_code_of(getattr(signal, name)) == code
