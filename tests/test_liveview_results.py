"""What came of the episodes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from liveview_state import demo, demo_messages, head, of
from msgspec import json

from monty_mqtt import schema
from monty_mqtt.parts import LearningModuleEpisode, Target
from monty_mqtt_liveview.results import most_likely
from monty_mqtt_liveview.views import results


def ended(at, target, outcome, modules=(), **more):
    """An episode that ended so; `modules` are what each learning module took the target for, and its outcome."""
    said = {
        f"LM_{place}": LearningModuleEpisode(most_likely_object=name, outcome=word, highest_evidence=evidence)
        for place, (name, word, evidence) in enumerate(modules)
    }
    correct = None if outcome is None else int(outcome.startswith("correct"))
    return schema.EpisodeEnded(
        **head(at, more.pop("worker", "main")),
        mode=more.pop("mode", "eval"),
        epoch=0,
        episode=int(at),
        target=target and Target(object=target),
        outcome=outcome,
        correct=correct,
        learning_modules=said,
        **more,
    )


def results_of(*messages, **more):
    (run,) = of(messages)
    found = results(run, **more)
    assert json.encode(found)
    return found


def test_the_demo_counted_by_hand():
    found = results(demo()[1])
    told = [one for one in demo_messages() if isinstance(one, schema.EpisodeEnded) and one.mode == "eval"]
    names = ["capsule3DSolid", "coneSolid", "cubeSolid", "cylinderSolid"]
    assert (found["targets"], found["predicted"]) == (names, names)
    assert (found["judged"], found["correct"], found["used_mlh"]) == (12, 11, 6)
    assert found["confusion"].keys() == {"all", *told[0].learning_modules}
    for name in told[0].learning_modules:
        cells = [(one.target.object, one.learning_modules[name].most_likely_object) for one in told]
        assert found["confusion"][name] == [[cells.count((shown, seen)) for seen in names] for shown in names]
    assert found["confusion"]["all"] == [[3, 0, 0, 0], [0, 3, 0, 0], [0, 1, 2, 0], [0, 0, 0, 3]]
    cube = next(one for one in found["per_object"] if one["object"] == "cubeSolid")
    assert (cube["episodes"], cube["correct"], cube["accuracy"]) == (3, 2, 0.66667)
    assert cube["steps"] == pytest.approx(
        sum(one.steps for one in told if one.target.object == "cubeSolid") / 3, abs=1e-4
    )
    for name, field in (("steps", "steps"), ("secs", "elapsed_secs"), ("rotation_error_degs", "rotation_error_degs")):
        known = [getattr(one, field) for one in told if getattr(one, field) is not None]
        assert sum(found["histograms"][name]["counts"]) == len(known)


def test_the_modules_that_decided_say_what_it_was_taken_for():
    said = [("bowl", "confused_mlh", 9.0), ("bowl", "confused_mlh", 9.0), ("mug", "correct", 1.0)]
    assert most_likely(ended(0, "mug", "correct", said)) == "mug"
    assert most_likely(ended(0, "mug", "confused_mlh", said)) == "bowl"


def test_of_objects_named_as_often_the_one_with_more_evidence():
    said = [("bowl", "confused", 1.0), ("cup", "confused", 2.0)]
    assert most_likely(ended(0, "mug", "confused", said)) == "cup"
    assert most_likely(ended(0, "mug", "confused")) is None


def test_what_was_taken_for_nothing_has_a_column_of_its_own():
    found = results_of(
        ended(0, "mug", "no_match", [(None, "no_match", None)]), ended(1, "mug", "correct", [("mug", "correct", 1)])
    )
    assert (found["targets"], found["predicted"]) == (["mug"], ["mug", "(no_match)"])
    assert found["confusion"] == {"all": [[1, 1]], "LM_0": [[1, 1]]}


def test_graphs_with_other_names_come_after_the_targets():
    found = results_of(
        ended(0, "mug", "correct", [("new_object0", "correct", 1)]),
        ended(1, "bowl", "confused", [("mug", "confused", 1)]),
    )
    assert found["targets"] == ["bowl", "mug"]
    assert found["predicted"] == ["bowl", "mug", "new_object0"]


def test_episodes_that_were_not_judged_do_not_count():
    found = results_of(ended(0, "mug", None), ended(1, "mug", "correct", [("mug", "correct", 1)]))
    assert (found["judged"], found["accuracy"]) == (1, 1.0)


def test_one_worker_or_one_mode():
    messages = [
        ended(0, "mug", "correct", worker="a"),
        ended(1, "mug", "confused", worker="b"),
        ended(2, "mug", "confused", worker="b", mode="train"),
    ]
    assert results_of(*messages)["judged"] == 3
    assert results_of(*messages, worker_name="b")["judged"] == 2
    assert results_of(*messages, mode="train")["judged"] == 1


def test_no_episodes_no_results():
    found = results_of(schema.Log(**head(0), level="info", message=""))
    assert (found["targets"], found["confusion"], found["accuracy"]) == ([], {"all": []}, None)
    assert set(found["histograms"]["steps"]["counts"]) == {0}


@pytest.mark.parametrize(
    ("steps", "edges"),
    [
        ([7, 7], [7, 8]),
        ([3, 11], list(range(3, 13))),
        ([0, 95], list(range(0, 105, 5))),
        ([10, 30], list(range(10, 32))),
    ],
)
def test_bins_of_steps_are_whole_and_round(steps, edges):
    found = results_of(*(ended(at, "mug", "correct", steps=one) for at, one in enumerate(steps)))
    assert found["histograms"]["steps"]["edges"] == edges
    assert sum(found["histograms"]["steps"]["counts"]) == len(steps)


def test_a_time_at_an_edge_is_in_the_bin_that_begins_there():
    found = results_of(*(ended(at, "mug", "correct", elapsed_secs=at / 10) for at in range(21)))
    assert found["histograms"]["secs"]["edges"] == [at / 10 for at in range(22)]
    assert found["histograms"]["secs"]["counts"] == [1] * 21


@given(st.lists(st.floats(-1e8, 1e8), min_size=1, max_size=30))
def test_every_time_is_in_one_of_few_round_bins(secs):
    found = results_of(*(ended(at, "mug", "correct", elapsed_secs=one) for at, one in enumerate(secs)))
    times = found["histograms"]["secs"]
    assert sum(times["counts"]) == len(secs)
    assert len(times["counts"]) <= 21


def test_numbers_nobody_would_believe():
    found = results_of(ended(0, "mug", "correct", elapsed_secs=1e308, rotation_error_degs=-1e300, steps=2**60))
    assert sum(found["histograms"]["secs"]["counts"]) == 0


def test_numbers_that_hardly_differ():
    secs = 8.123456789012345
    found = results_of(*(ended(at, "mug", "correct", elapsed_secs=secs + at * 2e-15) for at in range(3)))
    assert sum(found["histograms"]["secs"]["counts"]) == 3


def test_an_episode_without_a_target_is_judged_and_in_no_table():
    found = results_of(ended(0, None, "confused", [("mug", "confused", 1)]))
    assert (found["judged"], found["per_object"], found["targets"]) == (1, [], [])
