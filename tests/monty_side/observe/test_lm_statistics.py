"""What Monty notes of a step belongs to that step: prediction error, goal states tried and reached."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
from kit.monty.monty_models import displacement_lm, evidence_lm, model
from tbp.monty.frameworks.models.goal_generation import EvidenceGoalGenerator

from monty_mqtt.observe.lm_statistics import StatisticsReader
from monty_mqtt.observe.model_reader import ModelReader


def set_goal(lm, location, graph="mug"):
    """Let the goal generator of a learning module set a goal state as it does."""
    info = {"hypothesis_to_test": {"graph_id": graph}}
    lm.gsg._set_output_goal(SimpleNamespace(location=location, info=info))


def with_goals():
    lm = evidence_lm()
    lm.gsg = EvidenceGoalGenerator()
    lm.gsg.parent_lm = lm
    return lm


@pytest.fixture(params=[evidence_lm, displacement_lm])
def lm(request):
    return request.param()


def test_an_error_belongs_to_the_step_in_which_monty_noted_it(lm):
    reader = StatisticsReader(lm)
    assert reader.read() == ({}, 0.0)
    lm.buffer.update_stats({"mlh_prediction_error": np.float64(0.25)}, update_time=False)
    assert reader.read() == ({"prediction_error": 0.25}, 0.25)
    assert reader.read() == ({}, 0.0)


def test_a_goal_state_is_told_once_and_whether_it_was_reached_when_monty_looks():
    lm = with_goals()
    reader = StatisticsReader(lm)
    set_goal(lm, np.array([0.1, 0.2, 0.3]))
    assert reader.read()[0] == {"goal_object": "mug", "goal_location": [0.1, 0.2, 0.3]}
    assert reader.read()[0] == {}  # it stands during motor-only steps
    lm.gsg._update_gsg_logging(output_goal_achieved=True)
    lm.gsg._set_output_goal(None)
    assert reader.read()[0] == {"is_goal_achieved": True}
    set_goal(lm, None, graph=None)
    assert reader.read()[0] == {"goal_object": None, "goal_location": None}


def test_a_new_episode_begins_with_nothing(lm):
    reader = StatisticsReader(lm)
    for error in (0.5, 0.75):
        lm.buffer.update_stats({"mlh_prediction_error": error}, update_time=False)
    reader.read()
    lm.buffer.reset()
    lm.buffer.update_stats({"mlh_prediction_error": 0.125}, update_time=False)
    reader.begin_episode()
    assert reader.read()[0] == {"prediction_error": 0.125}


def test_a_module_of_another_kind_says_nothing():
    assert StatisticsReader(SimpleNamespace()).read() == ({}, 0.0)
    assert StatisticsReader(SimpleNamespace(buffer=SimpleNamespace(stats={}), gsg=None)).read() == ({}, 0.0)


def test_a_number_that_is_none_is_counted():
    lm = with_goals()
    reader = ModelReader(model(lm))
    lm.buffer.update_stats({"mlh_prediction_error": math.nan}, update_time=False)
    set_goal(lm, np.array([math.inf, 0.0, 0.0]))
    step = reader.read()
    assert step.non_finite == 2
    assert step.learning_modules["learning_module_0"].goal_object == "mug"
