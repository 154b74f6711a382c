"""What burst sampling did in a step is counted as Monty's own trackers have it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.monty.monty_models import EvidenceGraphLM, evidence_lm, model
from tbp.monty.frameworks.models.evidence_matching.burst_sampling import BurstSamplingHypothesesUpdater
from tbp.monty.frameworks.models.evidence_matching.evidence_slope_tracker import EvidenceSlopeTracker

from monty_mqtt.observe.hypothesis_sampling import sampling_reader
from monty_mqtt.observe.model_reader import ModelReader

SAMPLED = (
    "hypotheses_added",
    "hypotheses_removed",
    "hypothesis_age_median",
    "hypothesis_age_max",
    "evidence_slope_max",
)


def sampling_lm(*graphs):
    """Return a real learning module with burst sampling that has seen nothing of these objects yet."""
    lm = EvidenceGraphLM(
        max_match_distance=0.01,
        tolerances={"patch": {}},
        feature_weights={},
        hypotheses_updater_class=BurstSamplingHypothesesUpdater,
    )
    lm.hypotheses_updater.max_slope = -math.inf
    lm.hypotheses_updater.evidence_slope_trackers = {graph: EvidenceSlopeTracker() for graph in graphs}
    return lm


def update(lm, graph, added=0, removed=()):
    """Remove and add hypotheses of an object as Monty does in a step."""
    tracker = lm.hypotheses_updater.evidence_slope_trackers[graph]
    tracker.remove_hyp(np.array(removed, dtype=int))
    tracker.add_hyp(added)
    tracker.update(np.ones(tracker.total_size()))
    lm.hypotheses_updater_telemetry[graph] = {"mlh_prediction_error": None}
    return tracker


def test_first_burst_adds_all():
    lm = sampling_lm("mug", "bowl")
    read = sampling_reader(lm)
    assert read("mug") == {}
    update(lm, "mug", added=6)
    update(lm, "bowl", added=4)
    told = {"hypotheses_added": 10, "hypotheses_removed": 0, "hypothesis_age_median": 1.0, "hypothesis_age_max": 1}
    assert read("mug") == {**told, "evidence_slope_max": None}


def test_a_step_that_did_not_reach_the_module_says_nothing():
    lm = sampling_lm("mug", "bowl")
    read = sampling_reader(lm)
    update(lm, "mug", added=6)
    assert read("mug")["hypotheses_added"] == 6
    assert read("mug") == {}
    lm.hypotheses_updater_telemetry["mug"] = {}  # no channel of this object was sensed
    assert read("mug") == {}
    update(lm, "bowl", added=3)
    assert read("mug")["hypotheses_added"] == 3, "those of the object that was not updated count once"


def test_hypotheses_of_the_last_episode_were_not_removed():
    lm = sampling_lm("mug")
    read = sampling_reader(lm)
    update(lm, "mug", added=6)
    read("mug")
    lm.hypotheses_updater.reset()  # as Monty does when an episode begins
    lm.hypotheses_updater.evidence_slope_trackers["mug"] = EvidenceSlopeTracker()
    update(lm, "mug", added=2)
    told = read("mug")
    assert (told["hypotheses_added"], told["hypotheses_removed"]) == (2, 0)


@given(st.lists(st.tuples(st.integers(0, 6), st.floats(0, 1)), min_size=1, max_size=12), st.randoms())
def test_counts_and_ages_are_those_of_the_tracker(steps, random):
    lm = sampling_lm("mug")
    read = sampling_reader(lm)
    tracker = lm.hypotheses_updater.evidence_slope_trackers["mug"]
    for added, share in steps:
        removed = random.sample(range(tracker.total_size()), int(share * tracker.total_size()))
        update(lm, "mug", added, removed)
        told = read("mug")
        assert (told["hypotheses_added"], told["hypotheses_removed"]) == (added, len(removed))
        ages = tracker.hyp_ages()
        assert told.get("hypothesis_age_median") == (np.median(ages) if len(ages) else None)
        assert told.get("hypothesis_age_max") == (ages.max() if len(ages) else None)


def test_the_slope_is_montys_own():
    lm = sampling_lm("mug")
    read = sampling_reader(lm)
    update(lm, "mug", added=1)
    with lm.hypotheses_updater:
        tracker = update(lm, "mug")
        tracker.update(np.array([3.5]))
    assert read("mug")["evidence_slope_max"] is None, "there is none before the second update"
    with lm.hypotheses_updater:
        update(lm, "mug")
    assert read("mug")["evidence_slope_max"] == pytest.approx(1.25)


def test_without_burst_sampling_nothing_is_told():
    step = ModelReader(model(evidence_lm({"mug": [1.0, 2.0]}))).read().learning_modules["learning_module_0"]
    assert {getattr(step, name) for name in SAMPLED} == {None}


def test_trackers_of_another_version_cost_no_step():
    lm = sampling_lm("mug")
    update(lm, "mug", added=1)
    lm.hypotheses_updater.evidence_slope_trackers["mug"] = object()
    read = sampling_reader(lm)
    assert read("mug") == {}
    assert read("mug") == {}
