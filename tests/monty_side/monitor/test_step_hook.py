"""The step hook: the user's decides, ours looks on, and nothing of ours gets into the way."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from kit.monty.monty_models import evidence_lm, model

from monty_mqtt.broadcast.broadcaster import ZmqBroadcaster
from monty_mqtt.config import LiveViewConfig
from monty_mqtt.errors import AbortRequested
from monty_mqtt.monitor.commands import CommandObeyer
from monty_mqtt.monitor.error_guard import ErrorGuard
from monty_mqtt.monitor.monitor_cost import MonitorCost
from monty_mqtt.monitor.progress import ProgressTracker, RunPosition
from monty_mqtt.monitor.step_hook import LiveViewStepHook, StepPublisher
from monty_mqtt.wire import schema

MS = 1_000_000
SENSOR = {"rgba": np.zeros((2, 2, 4), np.uint8), "depth": np.zeros((2, 2), np.float32)}
OBSERVATIONS = {"agent": {"patch": SENSOR}}


class LookUp:
    name = "look_up"


@pytest.fixture
def bench(router):
    made = []

    def make(**settings):
        made.append(Bench(router.port, **settings))
        return made[-1]

    yield make
    for made_bench in made:
        made_bench.broadcaster.close()


class Bench:
    """A publisher on a clock of the test's own."""

    def __init__(self, port, **settings):
        self.now = 0
        self.broadcaster = ZmqBroadcaster(run_id="r", zmq_port=port, strict=True)
        self.progress = ProgressTracker(0.0, {"eval": 3})
        self.guard = ErrorGuard(strict=settings.pop("strict", True))
        self.commands = CommandObeyer(self.broadcaster)
        self.publisher = StepPublisher(
            self.broadcaster,
            LiveViewConfig(**settings),
            self.progress,
            self.commands,
            self.guard,
            MonitorCost(),
            lambda: self.now,
        )

    def step(self, number, monty, at_ms=0, observations=OBSERVATIONS):
        self.now = at_ms * MS
        self.publisher.publish(monty, number, observations, [LookUp()])

    def received(self, router, kind):
        assert self.broadcaster.flush(10)
        bulk = [taken.message for taken in router.bulk["r", "main"]]
        return [message for message in (*router.messages("r"), *bulk) if isinstance(message, kind)]


def test_users_hook_decides_on_the_actions():
    calls = []

    def users(*args):
        calls.append(args)
        return ["other"]

    hook = LiveViewStepHook(users)
    assert hook("ctx", "monty", ["lm"], 3, {}, ["mine"]) == ["other"]
    assert calls == [("ctx", "monty", ["lm"], 3, {}, ["mine"])]


def test_exception_of_the_users_hook_is_the_users():
    def users(*_):
        raise ZeroDivisionError

    hook = LiveViewStepHook(users)
    hook.publisher = SimpleNamespace(publish=pytest.fail)
    with pytest.raises(ZeroDivisionError):
        hook("ctx", "monty", [], 0, {}, [])


def test_users_hook_is_closed():
    closed = []
    LiveViewStepHook(SimpleNamespace(close=lambda: closed.append(1))).close()
    assert closed == [1]


def test_step_tells_where_it_stands(router, bench):
    run = bench()
    run.progress.episode_began(RunPosition("eval", 2, 5), 0.0)
    monty = model(evidence_lm({"bowl": [2.0]}))
    run.step(0, monty)
    run.step(1, monty, at_ms=40)
    first, second = run.received(router, schema.Step)
    assert (first.mode, first.epoch, first.episode, first.step, first.total_step) == ("eval", 2, 5, 0, 0)
    assert (second.step, second.total_step, second.step_secs) == (1, 1, 0.04)
    assert (first.actions, first.step_type, first.target_object) == (["look_up"], "matching_step", "bowl")
    assert (first.step_secs, first.monitor_micros, second.monitor_micros) == (None, None, 0.0)
    assert first.learning_modules["learning_module_0"].evidence == {"bowl": 2.0}


def test_frames_come_at_most_as_often_as_set(router, bench):
    run = bench(sensor_image_throttle_ms=100)
    monty = model()
    for number in range(6):
        run.step(number, monty, at_ms=40 * number)
    frames = run.received(router, schema.Frame)
    assert [frame.step for frame in frames] == [0, 0, 3, 3]
    assert {frame.modality for frame in frames} == {"rgba", "depth"}


def test_every_frame_with_a_throttle_of_zero(router, bench):
    run = bench(sensor_image_throttle_ms=0)
    for number in range(3):
        run.step(number, model())
    assert [frame.step for frame in run.received(router, schema.Frame)] == [0, 0, 1, 1, 2, 2]


def test_no_frames_and_clouds_where_they_are_off(router, bench):
    run = bench(frames=False, max_hypotheses=0)
    run.step(0, model(evidence_lm({"bowl": [2.0]})))
    assert run.received(router, schema.Frame) == run.received(router, schema.Hypotheses) == []


def test_clouds_come_twice_a_second(router, bench):
    run = bench()
    monty = model(evidence_lm({"bowl": [2.0]}))
    for number in range(26):
        run.step(number, monty, at_ms=40 * number)
    assert [cloud.step for cloud in run.received(router, schema.Hypotheses)] == [0, 13]


def test_learning_modules_take_turns_with_their_clouds(router, bench):
    run = bench()
    modules = [evidence_lm({"bowl": [2.0]}, name) for name in ("LM_0", "LM_1")]
    for number in range(26):
        run.step(number, model(*modules), at_ms=40 * number)
    clouds = run.received(router, schema.Hypotheses)
    assert [(cloud.step, cloud.learning_module) for cloud in clouds] == [
        (0, "LM_0"),
        (7, "LM_1"),
        (14, "LM_0"),
        (21, "LM_1"),
    ]


def test_clouds_that_cost_much_come_less_often(router, bench):
    run = bench()
    monty = model(evidence_lm({"bowl": [2.0]}))
    reads = iter(range(0, 1000 * MS, MS))
    run.publisher._clock = lambda: next(reads)  # every look at the clock is a millisecond later
    for number in range(40):
        run.publisher.publish(monty, number, {}, [])
    clouds = run.received(router, schema.Hypotheses)
    assert [cloud.step for cloud in clouds] == [0], "1 ms may be spent once a second"


def test_progress_comes_once_a_second(router, bench):
    run = bench()
    for number in range(30):
        run.step(number, model(), at_ms=100 * number)
    assert [progress.step for progress in run.received(router, schema.Progress)] == [0, 10, 20]


def test_model_that_cannot_be_read_costs_a_warning_and_no_step(router, bench, caplog):
    run = bench(strict=False)
    broken = model(evidence_lm({"bowl": [2.0]}))
    broken.learning_modules[0].current_mlh = None
    for number in range(3):
        run.step(number, broken)
    assert run.received(router, schema.Step) == []
    assert run.guard.errors == 3
    assert caplog.text.count("the experiment goes on") == 1


def test_new_model_is_read_by_a_new_reader(router, bench):
    run = bench()
    run.step(0, model(evidence_lm({"bowl": [2.0]})))
    run.step(1, model(evidence_lm({"mug": [3.0]})))
    steps = run.received(router, schema.Step)
    assert [step.learning_modules["learning_module_0"].evidence for step in steps] == [{"bowl": 2.0}, {"mug": 3.0}]


def test_abort_leaves_the_hook_after_the_step_was_published(router, bench):
    run = bench()
    run.commands.abort_reason = "enough"
    with pytest.raises(AbortRequested, match="enough"):
        run.step(0, model())
    assert len(run.received(router, schema.Step)) == 1


def test_pause_counts_as_no_time_of_the_step_of_the_run_and_of_the_monitor(router, bench):
    run = bench()
    pauses = iter([0.0, 3600.0, 0.0])
    run.commands.obey = lambda *_: next(pauses)
    run.progress.episode_began(RunPosition("eval", 0, 0), 0.0)
    run.step(0, model())
    run.step(1, model(), at_ms=40)
    run.step(2, model(), at_ms=3_600_080)
    second = run.received(router, schema.Step)[2]
    assert second.step_secs == pytest.approx(0.04)
    assert second.monitor_micros == 0.0
    assert run.progress.fields(3600.08, 0)["elapsed_secs"] == pytest.approx(0.08)
    assert run.progress.episode_secs(3600.08) == pytest.approx(0.08)


def test_what_was_learned_between_two_episodes_counts_in_the_second(bench, router):
    lm = evidence_lm({"new_object0": [1.0]})
    lm.graph_id_to_target = {"new_object0": {"mug"}}
    monty, made = model(lm), bench()
    made.step(0, monty)
    made.step(1, monty)
    lm.graph_id_to_target["new_object0"].add("bowl")
    made.step(0, monty)
    steps = made.received(router, schema.Step)
    assert [step.learning_modules["learning_module_0"].is_correct for step in steps] == [False, False, True]
