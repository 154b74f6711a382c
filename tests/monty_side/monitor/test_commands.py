"""Commands are obeyed once, at the boundary of a step, and answered."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Timer

import pytest
from kit.zmq_router import Router

from monty_mqtt.broadcast.broadcaster import ZmqBroadcaster
from monty_mqtt.errors import AbortRequested
from monty_mqtt.monitor.commands import CommandObeyer
from monty_mqtt.wire import schema

WAIT_SECS = 20


@pytest.fixture
def run(router):
    broadcaster = ZmqBroadcaster(run_id="r", zmq_port=router.port, strict=True)
    broadcaster.publish_log("info", "hello")
    assert broadcaster.flush(10)
    yield Run(router, broadcaster)
    broadcaster.close()


class Run:
    """An experiment's thread: it makes steps and looks for commands after each."""

    def __init__(self, router, broadcaster, **settings):
        self.router = router
        self.broadcaster = broadcaster
        self.commands = CommandObeyer(broadcaster, **settings)
        self.steps = itertools.count()
        self.ids = map(str, itertools.count(1))

    def say(self, command, **fields):
        self.router.say(schema.Command(id=next(self.ids), command=command, **fields), "r")

    def step(self, episode=3):
        """Make a step; return its number."""
        number = next(self.steps)
        self.commands.obey(number, episode)
        return number

    def steps_until(self, condition):
        """Make steps until `condition` holds; return how many that were."""
        for count in range(2000):
            if condition():
                return count
            self.step()
            self.router.wait(lambda: False, 0.005)
        raise AssertionError("the command was never obeyed")

    def obeyed(self, count):
        """Make steps until so many commands were answered; return the answers."""
        self.steps_until(lambda: len(self.answers()) >= count)
        return self.answers()

    def meanwhile(self, *commands):
        """Say commands one after another, each when the run is paused and silent because of the one before."""
        waiting = list(commands)

        def next_one(_key, taken):
            if isinstance(taken.message, schema.Status) and taken.message.status == "paused" and waiting:
                command, fields = waiting.pop(0)
                self.say(command, **fields)

        self.router._on_taken = next_one

    def answers(self):
        return [message for message in self.router.messages("r") if isinstance(message, schema.CommandResult)]

    def statuses(self):
        assert self.broadcaster.flush(10)
        messages = [message for message in self.router.messages("r") if isinstance(message, schema.Status)]
        return [(status.status, status.reason) for status in messages]


def told(answer):
    return (answer.id, answer.status, answer.detail)


def test_abort_raises_and_is_answered(run):
    run.say("abort", reason="enough")
    with pytest.raises(AbortRequested, match="enough"):
        run.steps_until(lambda: False)
    assert run.commands.abort_reason == "enough"
    assert run.statuses() == [("aborting", "enough")]
    (answer,) = run.answers()
    assert told(answer) == ("1", "obeyed", f"aborting at step {next(run.steps) - 1} of episode 3")


def test_abort_holds_for_everything_after_it(run):
    run.say("abort")
    with pytest.raises(AbortRequested):
        run.steps_until(lambda: False)
    with pytest.raises(AbortRequested, match="aborted by command"):
        run.commands.obey()


def test_same_command_twice_is_answered_once(run):
    for _ in range(2):
        run.router.say(schema.Command(id="same", command="stop"), "r")
    run.say("stop")
    assert [answer.id for answer in run.obeyed(2)] == ["same", "1"]
    run.broadcaster.flush(10)
    assert len(run.answers()) == 2


def test_pause_holds_the_run_at_a_step_until_it_is_resumed(run):
    run.meanwhile(("resume", {"reason": "seen"}))
    run.say("pause", reason="look")
    paused, resumed = run.obeyed(2)
    assert paused.detail.startswith("paused at step ")
    assert resumed.detail == paused.detail.replace("paused", "resumed"), "no step was made in between"
    assert run.statuses() == [("paused", "look"), ("running", "seen")]
    assert not run.commands.paused


def test_obey_tells_how_long_it_was_paused(run):
    assert run.commands.obey(0, 0) == 0.0
    run.meanwhile(("resume", {}))
    run.say("pause")
    deadline = time.monotonic() + WAIT_SECS
    secs = 0.0
    while not secs and time.monotonic() < deadline:
        before = time.monotonic()
        secs = run.commands.obey(1, 0)
    assert 0.0 < secs <= time.monotonic() - before


def test_a_paused_run_publishes_nothing_and_hardly_works(run):
    worked, published = [], []

    def look():
        worked.append(time.process_time())
        published.append(len(run.router.messages("r")))
        if len(worked) == 1:
            Timer(1.5, look).start()
        else:
            run.say("resume")

    run.router._on_taken = lambda _key, taken: isinstance(taken.message, schema.CommandResult) and not worked and look()
    run.say("pause")
    run.obeyed(2)
    assert published[1] - published[0] <= 1, "nothing but the answer itself, which was being taken"
    assert worked[1] - worked[0] < 0.75, "a loop that waits for nothing would take all of 1.5 s"


def test_step_makes_so_many_steps_and_pauses_again(run):
    run.meanwhile(("step", {"steps": 3}), ("step", {}), ("resume", {}))
    run.say("pause")
    at = [int(answer.detail.partition("at step ")[2].split()[0]) for answer in run.obeyed(4)]
    assert [number - at[0] for number in at] == [0, 0, 3, 4]
    words = [word for word, _ in run.statuses()]
    assert words == ["paused", "running", "paused", "running", "paused", "running"]
    assert run.statuses()[1][1] == "for 3 steps"
    assert run.answers()[1].detail.startswith("3 steps from here, then paused; now at step ")


def test_step_of_a_running_run_pauses_it_after_so_many(run):
    run.meanwhile(("resume", {}))
    run.say("step", steps=5)
    step, resume = run.obeyed(2)
    began, ended = (int(answer.detail.partition("at step ")[2].split()[0]) for answer in (step, resume))
    assert ended - began == 5


def test_resume_while_steps_are_made_lets_it_run_on(run):
    run.say("step", steps=1000)
    run.obeyed(1)
    run.say("resume")
    assert run.obeyed(2)[1].status == "obeyed"
    assert run.commands._steps_left is None


def test_abort_ends_a_paused_run(run):
    run.meanwhile(("abort", {"reason": "enough"}))
    run.say("pause")
    with pytest.raises(AbortRequested, match="enough"):
        run.steps_until(lambda: False)
    assert run.statuses() == [("paused", None), ("aborting", "enough")]


def test_stop_lets_the_episode_end_and_no_other_begin(run):
    run.say("stop", reason="enough")
    (answer,) = run.obeyed(1)
    assert told(answer) == ("1", "obeyed", "stops after episode 3")
    assert run.statuses() == [("running", "stops after this episode: enough")]
    assert run.commands.is_ending
    run.step()
    with pytest.raises(AbortRequested):
        run.commands.obey()
    with pytest.raises(AbortRequested):
        run.commands.obey(None, 4)


def test_stop_of_a_paused_run_lets_its_episode_end(run):
    run.meanwhile(("stop", {}))
    run.say("pause")
    run.obeyed(2)
    assert not run.commands.paused
    assert run.statuses() == [("paused", None), ("running", "stops after this episode")]


def test_stop_that_comes_before_the_first_step_begins_nothing(run):
    run.say("stop")
    for _ in range(2000):
        try:
            run.commands.obey(None, 4)
        except AbortRequested:
            break
        run.router.wait(lambda: False, 0.005)
    run.broadcaster.flush(10)
    assert run.answers()[0].detail == "stops before episode 4"


def test_pause_before_an_episode_waits_there(run):
    run.meanwhile(("resume", {}))
    run.say("pause")
    for _ in range(2000):
        if run.commands.obey():
            break
        run.router.wait(lambda: False, 0.005)
    run.broadcaster.flush(10)
    assert [answer.detail for answer in run.answers()] == ["paused between episodes", "resumed between episodes"]


@pytest.mark.parametrize(
    ("command", "fields", "why"),
    [
        ("dance", {}, "'dance' is not a command of this version; it knows: abort, pause, resume, step, stop"),
        ("resume", {}, "it is not paused"),
        ("step", {"steps": 0}, "steps is 0; it must be 1 or more"),
        ("step", {"steps": -3}, "steps is -3; it must be 1 or more"),
    ],
)
def test_what_is_refused_says_why_and_changes_nothing(run, command, fields, why):
    run.say(command, **fields)
    (answer,) = run.obeyed(1)
    assert told(answer) == ("1", "refused", why)
    assert run.statuses() == []


def test_repeated_pause_and_stop_are_no_news(run):
    run.say("stop")
    run.say("stop")
    run.obeyed(2)
    assert len(run.statuses()) == 1


def test_an_aborted_run_refuses_everything_else(run):
    run.say("abort", reason="enough")
    run.say("pause")
    with pytest.raises(AbortRequested):
        run.steps_until(lambda: False)
    for _ in range(2000):
        with pytest.raises(AbortRequested):
            run.commands.obey()
        run.broadcaster.flush(10)
        if len(run.answers()) == 2:
            break
    assert told(run.answers()[1]) == ("2", "refused", "the run is being aborted: enough")


@pytest.mark.parametrize("how", ["deaf", "gone"])
def test_a_paused_run_resumes_and_says_so_where_its_bridge_is_gone(caplog, how):
    with Router() as router:
        broadcaster = ZmqBroadcaster(run_id="r", zmq_port=router.port, strict=True)
        broadcaster.publish_log("info", "hello")
        assert broadcaster.flush(10)
        run = Run(router, broadcaster, gone_secs=2.0)

        def leave(_key, taken):
            if isinstance(taken.message, schema.CommandResult):
                router.deaf = how == "deaf"  # it reads, as a frozen one's kernel does, and says nothing
                if how == "gone":
                    router._stop.set()

        router._on_taken = leave
        began = time.monotonic()
        run.say("pause")
        run.steps_until(lambda: "goes on" in caplog.text)
        assert time.monotonic() - began >= 2.0
    assert not run.commands.paused
    with Router(router.port) as late:
        deadline = time.monotonic() + WAIT_SECS
        while not broadcaster.flush(1) and time.monotonic() < deadline:
            pass
        statuses = [message for message in late.messages("r") if isinstance(message, schema.Status)]
        assert statuses[-1].reason == "resumed, because no bridge has answered for 2 s"
        broadcaster.close()


def test_a_paused_run_waits_as_long_as_its_bridge_is_there(run):
    run.commands = CommandObeyer(run.broadcaster, gone_secs=1.5)
    paused = []

    def look():
        paused.append(run.commands.paused)
        run.say("resume")

    run.router._on_taken = lambda _key, taken: (
        isinstance(taken.message, schema.Status) and not timer.is_alive() and (paused or timer.start())
    )
    timer = Timer(4.0, look)
    run.say("pause")
    probes = len(run.router.probes)
    run.obeyed(2)
    assert paused == [True]
    assert 3 <= len(run.router.probes) - probes <= 20


PAUSED = """
import signal
import sys
from monty_mqtt.broadcast.broadcaster import ZmqBroadcaster
from monty_mqtt.monitor.commands import CommandObeyer
broadcaster = ZmqBroadcaster(run_id="r", zmq_port=int(sys.argv[1]), strict=True)
broadcaster.publish_log("info", "hello")
commands = CommandObeyer(broadcaster)
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background processes ignore it
while True:
    commands.obey(0, 0)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_paused_process_at_once(router, number):
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    process = subprocess.Popen(
        [sys.executable, "-c", PAUSED, str(router.port)],
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert router.wait(lambda: bool(router.messages("r")))
        router.say(schema.Command(id="1", command="pause"), "r")
        assert router.wait(lambda: any(isinstance(m, schema.CommandResult) for m in router.messages("r")))
        began = time.monotonic()
        process.send_signal(number)
        process.wait(WAIT_SECS)
        assert time.monotonic() - began < 2.0
        assert process.returncode in (-number, 1)
    finally:
        process.kill()
        process.wait()
