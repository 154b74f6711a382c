"""What Monty makes of an episode, without writing into its model."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.monty.monty_models import displacement_lm, evidence_lm, model, percept, turn

from monty_mqtt.observe.episode_outcome import (
    PERFORMANCE_ORDER,
    episode_outcome,
    episode_stats,
    target_of,
)
from monty_mqtt.wire.vocabulary import verdict

TARGET = {
    "object": "bowl",
    "position": (0.0, 1.5, 0.0),
    "rotation": tuple(turn(40).as_quat()),
    "quat_rotation": turn(40).as_quat(),
    "euler_rotation": (0.0, 0.0, 40.0),
    "scale": (2.0, 2.0, 2.0),
}


def timed_out_lm():
    """Return a learning module that saw three steps and could not decide."""
    lm = evidence_lm({"mug": [3.0], "bowl": [3.5, 1.0]})
    lm.buffer.append([percept(hsv=np.zeros(3))])
    lm.buffer.update_stats({"lm_processed_steps": True, "mlh_prediction_error": 0.25}, append=True)
    lm.terminal_state = "time_out"
    return lm


def montys_order():
    from tbp.monty.frameworks.loggers.graph_matching_loggers import BasicGraphMatchingLogger  # noqa: PLC0415 - slow

    return BasicGraphMatchingLogger([]).performance_options


def test_order_is_montys():
    assert list(PERFORMANCE_ORDER) == montys_order()


def test_later_words_win():
    assert episode_outcome(["confused_mlh", "correct_mlh", "time_out"]) == "correct_mlh"
    assert episode_outcome(["no_match", "correct_mlh"]) == "no_match"
    assert episode_outcome(["correct", "confused"]) == "correct"


def test_supervised_episode_has_no_outcome():
    assert episode_outcome([None, None]) is None
    assert verdict(None) == (None, None)


def test_word_of_another_version_is_passed_on():
    assert episode_outcome(["consistent_child_obj"]) == "consistent_child_obj"
    assert episode_outcome(["consistent_child_obj", "time_out"]) == "time_out"


@given(st.lists(st.sampled_from(PERFORMANCE_ORDER), min_size=1))
def test_rule_is_montys_loop(performances):
    expected = None
    for word in montys_order():
        if word in performances:
            expected = word
    assert episode_outcome(performances) == expected


def test_stats_are_montys_own_and_the_model_stays_as_it_was():
    from tbp.monty.frameworks.utils.logging_utils import get_stats_per_lm  # noqa: PLC0415 - slow

    lm = timed_out_lm()
    before = repr((sorted(lm.buffer.stats), lm.buffer.stats, lm.current_mlh))
    lm._hypotheses["bowl"].locations = lm._hypotheses["bowl"].locations + 7
    part = episode_stats(model(lm), TARGET, 42)["learning_module_0"]
    assert repr((sorted(lm.buffer.stats), lm.buffer.stats, lm.current_mlh)) == before
    written = get_stats_per_lm(model(copy.deepcopy(lm)), TARGET, 42)["LM_0"]
    assert part.outcome == written["primary_performance"] == "correct_mlh"
    assert part.most_likely_object == written["most_likely_object"] == "bowl"
    assert part.highest_evidence == written["highest_evidence"] == 3.5
    assert part.rotation_error_degs == written["rotation_error"] == pytest.approx(40)
    assert part.prediction_error == written["episode_avg_prediction_error"] == 0.25
    assert (part.possible_matches, part.steps, part.tfnp) == (1, 1, written["TFNP"])


def test_montys_function_itself_would_have_written_into_the_model():
    from tbp.monty.frameworks.utils.logging_utils import get_stats_per_lm  # noqa: PLC0415 - slow

    lm = timed_out_lm()
    get_stats_per_lm(model(lm), TARGET, 42)
    assert "relative_time" in lm.buffer.stats, "else the views in outcomes.py are not needed any more"


def test_episode_off_the_object_has_no_numbers():
    part = episode_stats(model(evidence_lm()), TARGET, 42)["learning_module_0"]
    assert (part.outcome, part.steps) == ("patch_off_object", 0)
    assert part.prediction_error is None
    assert part.rotation_error_degs is None


def test_displacement_module_has_what_it_has():
    lm = displacement_lm()
    lm.init_from_ltm()
    part = episode_stats(model(lm), TARGET, 42)["learning_module_0"]
    assert (part.outcome, part.most_likely_object, part.highest_evidence) == ("patch_off_object", None, None)


def test_target_as_plain_numbers():
    target = target_of(TARGET)
    assert (target.object, target.location, target.scale) == ("bowl", [0.0, 1.5, 0.0], 2.0)
    assert target.rotation == pytest.approx([0, 0, np.sin(np.radians(20)), np.cos(np.radians(20))])
    assert target.rotation_euler_degs == [0.0, 0.0, 40.0]
    assert target_of(None) is None
    assert target_of({**TARGET, "quat_rotation": None}).rotation == target.rotation
