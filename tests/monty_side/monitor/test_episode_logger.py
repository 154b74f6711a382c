"""Episodes as Monty's loggers see them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from kit.monty.monty_models import ExperimentMode, evidence_lm, model, percept, turn

from monty_mqtt.broadcast.broadcaster import ZmqBroadcaster
from monty_mqtt.config import LiveViewConfig
from monty_mqtt.errors import AbortRequested
from monty_mqtt.monitor.commands import CommandObeyer
from monty_mqtt.monitor.episode_logger import EpisodeLogger
from monty_mqtt.monitor.error_guard import ErrorGuard
from monty_mqtt.monitor.progress import ProgressTracker
from monty_mqtt.wire import schema

TARGET = {
    "object": "bowl",
    "position": (0.0, 1.5, 0.0),
    "rotation": tuple(turn(0).as_quat()),
    "quat_rotation": turn(0).as_quat(),
    "euler_rotation": (0.0, 0.0, 0.0),
    "scale": (1.0, 1.0, 1.0),
}
ARGS = {
    "eval_epochs": 1,
    "eval_episodes": 4,
    "train_epochs": 2,
    "train_episodes": 6,
    "episode_seed": 7,
    "target": TARGET,
}


@pytest.fixture
def bench(router):
    broadcaster = ZmqBroadcaster(run_id="r", zmq_port=router.port, strict=True)
    commands = CommandObeyer(broadcaster)
    progress = ProgressTracker(0.0, {"eval": 3})
    guard = ErrorGuard()
    logger = EpisodeLogger(broadcaster, LiveViewConfig(), progress, commands, guard)
    yield SimpleNamespace(logger=logger, broadcaster=broadcaster, commands=commands, progress=progress, guard=guard)
    broadcaster.close()


def received(router, bench, kind):
    assert bench.broadcaster.flush(10)
    return [message for message in router.messages("r") if isinstance(message, kind)]


def decided(terminal_state="match"):
    lm = evidence_lm({"bowl": [2.0], "mug": [0.0]})
    lm.buffer.append([percept(hsv=np.zeros(3))])
    lm.buffer.update_stats({"lm_processed_steps": True, "mlh_prediction_error": 0.5}, append=True)
    lm.buffer.stats["detected_rotation_quat"] = turn(0).as_quat()
    lm.terminal_state, lm.detected_object = terminal_state, "bowl"
    return lm


def test_begin_and_end_of_an_episode(router, bench):
    monty = model(decided())
    bench.logger.pre_episode(logger_args=ARGS, output_dir="x", model=monty)
    bench.logger.post_episode(logger_args=ARGS, output_dir="x", model=monty)
    bench.logger.finish(5, monty)
    (began,) = received(router, bench, schema.EpisodeStarted)
    assert (began.mode, began.epoch, began.episode, began.episode_seed) == ("eval", 1, 4, 7)
    assert began.target.object == "bowl"
    (ended,) = received(router, bench, schema.EpisodeEnded)
    assert (ended.mode, ended.epoch, ended.episode, ended.steps) == ("eval", 1, 4, 5)
    assert (ended.outcome, ended.correct, ended.used_mlh) == ("correct", 1, 0)
    assert (ended.matching_steps, ended.episode_seed, ended.learned) == (2, 7, [])
    assert ended.graph_nodes == {"learning_module_0": {"bowl": 4, "mug": 4}}
    assert (ended.graphs_made, ended.graphs_extended) == ({}, {})
    assert ended.learning_modules["learning_module_0"].prediction_error == 0.5
    assert ended.elapsed_secs > 0
    (progress,) = received(router, bench, schema.Progress)
    assert (progress.episodes_done, list(progress.modes)) == (1, ["eval"])
    totals = progress.modes["eval"]
    assert (totals.outcomes, totals.correct, totals.accuracy, totals.episodes_expected) == ({"correct": 1}, 1, 1.0, 3)
    assert (totals.mean_steps, totals.mean_matching_steps, totals.rotation_errors) == (5.0, 2.0, 1)


def test_outcome_of_several_modules_is_the_strongest(router, bench):
    lms = [decided("time_out"), decided(), decided("no_match")]
    for index, lm in enumerate(lms):
        lm.learning_module_id = f"learning_module_{index}"
    bench.logger.post_episode(ARGS, "x", model(*lms))
    bench.logger.finish(5, model(*lms))
    (ended,) = received(router, bench, schema.EpisodeEnded)
    assert [part.outcome for part in ended.learning_modules.values()] == ["correct_mlh", "correct", "no_match"]
    assert ended.outcome == "correct"


def test_who_is_told_what_it_sees_has_no_outcome(router, bench):
    """Monty writes `no_match` for the first episode of each object in supervised pretraining: nothing was matched."""
    logger = EpisodeLogger(
        bench.broadcaster, LiveViewConfig(), bench.progress, bench.commands, bench.guard, is_supervised=True
    )
    monty = model(decided("no_match"))
    logger.post_episode(ARGS, "x", monty)
    logger.finish(5, monty)
    (ended,) = received(router, bench, schema.EpisodeEnded)
    (part,) = ended.learning_modules.values()
    assert (ended.outcome, ended.correct, part.outcome, part.stepwise_outcome) == (None, None, None, None)
    (progress,) = received(router, bench, schema.Progress)
    totals = progress.modes["eval"]
    assert (totals.episodes_done, totals.outcomes, totals.accuracy, totals.mean_steps) == (1, {}, None, 5.0)


def test_what_training_learned_comes_with_its_points(router, bench):
    monty = model(decided())
    monty.experiment_mode = ExperimentMode.TRAIN
    bench.logger.post_episode(ARGS, "x", monty)
    memory = monty.learning_modules[0].graph_memory.models_in_memory
    memory["mug"]["patch"].pos = np.ones((2, 3))
    memory["dice"] = {"patch": SimpleNamespace(pos=np.ones((9, 3)))}
    bench.logger.finish(5, monty)
    (ended,) = received(router, bench, schema.EpisodeEnded)
    assert (ended.mode, ended.epoch, ended.episode, ended.learned) == ("train", 2, 6, ["dice", "mug"])
    assert ended.graph_nodes == {"learning_module_0": {"bowl": 4, "mug": 2, "dice": 9}}
    assert (ended.graphs_made, ended.graphs_extended) == (
        {"learning_module_0": ["dice"]},
        {"learning_module_0": ["mug"]},
    )
    learned, _ = received(router, bench, schema.ObjectModel)
    assert (learned.object, learned.count, learned.channel, learned.episode) == ("mug", 2, "patch", 6)


def test_experiment_class_that_calls_no_loggers_still_ends_its_episodes(router, bench):
    bench.logger.finish(5, model())
    (ended,) = received(router, bench, schema.EpisodeEnded)
    assert (ended.steps, ended.outcome) == (5, None)


def test_statistics_that_fail_leave_the_episode(router, bench):
    monty = model(decided())
    monty.learning_modules[0].terminal_state = "match"
    del monty.learning_modules[0].graph_id_to_target["bowl"]
    bench.logger.post_episode(ARGS, "x", monty)
    bench.logger.finish(5, monty)
    (ended,) = received(router, bench, schema.EpisodeEnded)
    assert (ended.outcome, ended.learning_modules) == (None, {})
    assert bench.guard.errors == 1


def test_abort_between_episodes_keeps_the_next_from_beginning(bench):
    bench.commands.abort_reason = "enough"
    with pytest.raises(AbortRequested):
        bench.logger.pre_episode(ARGS, "x", model())


def test_it_has_all_that_monty_calls(bench):
    for occasion in ("pre_epoch", "post_epoch", "pre_train", "post_train", "pre_eval", "post_eval", "close"):
        assert getattr(bench.logger, occasion)(logger_args=ARGS, output_dir="x", model=None) is None
