"""Episodes are added up as Monty's own statistics are: its logger and ours are given the same."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.monty.monty_models import ExperimentMode

from monty_mqtt.observe.episode_outcome import PERFORMANCE_ORDER, episode_outcome
from monty_mqtt.wire import schema
from monty_mqtt.wire.message_pieces import LearningModuleEpisode
from monty_mqtt.wire.mode_sum import Finished, ModeSum, finished, merged
from monty_mqtt.wire.vocabulary import verdict

ERRORS = st.none() | st.floats(0, 180)
MODULES = st.lists(st.tuples(st.sampled_from(PERFORMANCE_ORDER), ERRORS), min_size=2, max_size=2)
EPISODES = st.lists(st.tuples(MODULES, st.integers(1, 500), st.integers(0, 500)), min_size=1, max_size=8)


def montys(episodes):
    """What Monty's logger says of these episodes, overall."""
    from tbp.monty.frameworks.loggers.graph_matching_loggers import BasicGraphMatchingLogger  # noqa: PLC0415 - slow

    logger = BasicGraphMatchingLogger([])
    logger.lms = ["LM_0", "LM_1"]
    for number, (modules, steps, matching) in enumerate(episodes):
        logger.data["BASIC"]["eval_stats"][number] = {
            f"LM_{place}": {
                "primary_performance": performance, "rotation_error": error, "time": 1.0, "num_steps": matching,
                "individual_ts_reached_at_step": None, "individual_ts_rotation_error": None, "symmetry_evidence": 0,
                "goal_states_attempted": 0, "goal_state_achieved": 0,
            }
            for place, (performance, error) in enumerate(modules)
        }  # fmt: skip
        logger.update_overall_stats(ExperimentMode.EVAL, number, steps, matching)
    overall = logger.get_formatted_overall_stats(ExperimentMode.EVAL, len(episodes) - 1)
    return {name.removeprefix("overall/"): value for name, value in overall.items() if name.startswith("overall/")}


def ours(episodes):
    """What we say of them."""
    added = ModeSum()
    for modules, steps, matching in episodes:
        outcome = episode_outcome([performance for performance, _ in modules])
        errors = [error for _, error in modules if error is not None]
        added.add(Finished("eval", steps, outcome, *verdict(outcome), matching, errors))
    return added.progress(0)


@given(EPISODES)
def test_what_we_say_is_what_monty_says(episodes):
    totals, monty = ours(episodes), montys(episodes)
    assert totals.episodes_done == monty["num_episodes"]
    assert 100 * totals.accuracy == pytest.approx(monty["percent_correct"])
    used_mlh = monty["percent_correct_mlh"] + monty["percent_confused_mlh"]
    assert 100 * totals.used_mlh / totals.episodes_done == pytest.approx(used_mlh)
    assert totals.mean_steps == pytest.approx(monty["avg_num_monty_steps"])
    assert totals.mean_matching_steps == pytest.approx(monty["avg_num_monty_matching_steps"])
    if math.isnan(monty["avg_rotation_error"]):
        assert totals.rotation_error_degs is None
    else:
        assert totals.rotation_error_degs == pytest.approx(monty["avg_rotation_error"])


@given(EPISODES, EPISODES)
def test_workers_come_to_the_same_together_as_one_that_did_all(some, others):
    together, alone = merged([{"eval": ours(some)}, {"eval": ours(others)}])["eval"], ours(some + others)
    for name in schema.ModeProgress.__struct_fields__:
        value, expected = getattr(together, name), getattr(alone, name)
        assert value == pytest.approx(expected) if isinstance(expected, float) else value == expected


def test_evaluation_comes_first_and_nothing_is_said_of_a_mode_without_episodes():
    train = schema.ModeProgress(steps=7, episodes_expected=2)
    modes = merged([{"train": train}, {"eval": ours([([("correct", 1.0)], 3, 2)])}, {"train": train}])
    assert list(modes) == ["eval", "train"]
    assert modes["train"] == schema.ModeProgress(steps=14, episodes_expected=4)


def test_an_episode_of_a_class_that_knows_no_matching_steps_leaves_their_mean_unknown():
    added = ModeSum()
    added.add(Finished("eval", 4, matching_steps=2))
    added.add(Finished("eval", 6))
    totals = added.progress(10)
    assert (totals.mean_steps, totals.mean_matching_steps, totals.accuracy) == (5.0, None, None)


def test_the_rotation_errors_of_all_learning_modules_are_taken():
    modules = {
        "LM_0": LearningModuleEpisode(rotation_error_degs=1.0),
        "LM_1": LearningModuleEpisode(rotation_error_degs=None),
        "LM_2": LearningModuleEpisode(rotation_error_degs=0.0),
    }
    ended = schema.EpisodeEnded(
        run="r", worker="w", seq=0, time_unix_nanos=1, mode="eval", epoch=0, episode=0, learning_modules=modules
    )
    assert finished(ended).rotation_errors_degs == [1.0, 0.0]
