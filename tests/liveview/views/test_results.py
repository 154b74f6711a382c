"""What came of the episodes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.page.page_state import demo, demo_messages, head, of
from msgspec import json, structs

from monty_mqtt.wire import schema
from monty_mqtt.wire.message_pieces import LearningModuleEpisode, Target
from monty_mqtt.wire.object_names import recognised
from monty_mqtt_liveview.views import results
from monty_mqtt_liveview.views.results import most_likely


def ended(at, target, outcome, modules=(), **more):
    """An episode that ended so; `modules` are what each learning module took the target for, and its outcome."""
    by_module = {
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
        learning_modules=by_module,
        **more,
    )


def results_of(*messages, mode="eval", **more):
    (run,) = of(messages)
    answer = results(run, **more)
    assert json.encode(answer)
    return answer[mode]


def test_the_demo_counted_by_hand():
    assert results(demo()[0]) == {}, "in supervised pretraining Monty is told what it sees"
    table = results(demo()[1])["eval"]
    published = [
        message for message in demo_messages() if isinstance(message, schema.EpisodeEnded) and message.mode == "eval"
    ]
    names = ["capsule3DSolid", "coneSolid", "cubeSolid", "cylinderSolid"]
    assert (table["targets"], table["predicted"]) == (names, names)
    assert (table["episodes_done"], table["correct"], table["used_mlh"]) == (12, 11, 6)
    assert table["confusion"].keys() == {"all", *published[0].learning_modules}
    for name in published[0].learning_modules:
        cells = [(episode.target.object, episode.learning_modules[name].most_likely_object) for episode in published]
        assert table["confusion"][name] == [[cells.count((shown, seen)) for seen in names] for shown in names]
    assert table["confusion"]["all"] == [[3, 0, 0, 0], [0, 3, 0, 0], [0, 1, 2, 0], [0, 0, 0, 3]]
    cube = next(episode for episode in table["per_object"] if episode["object"] == "cubeSolid")
    assert (cube["episodes_done"], cube["correct"], cube["accuracy"]) == (3, 2, 0.66667)
    assert cube["mean_steps"] == pytest.approx(
        sum(episode.steps for episode in published if episode.target.object == "cubeSolid") / 3, abs=1e-4
    )
    shown = [(episode.target.object, episode.target.rotation_euler_degs) for episode in published]
    poses = {(pose["object"], *pose["rotation_euler_degs"]): pose for pose in table["per_pose"]}
    assert len(poses) == len(table["per_pose"]) == len({(name, *rotation) for name, rotation in shown})
    for (name, *rotation), pose in poses.items():
        assert pose["episodes_done"] == len(pose["episodes"]) == shown.count((name, rotation))
    turned = poses["cubeSolid", 0.0, 45.0, 0.0]
    assert (turned["accuracy"], turned["episodes"]) == (0.0, [{"worker": "main", "episode": 5}])
    for name, field in (("steps", "steps"), ("secs", "elapsed_secs"), ("rotation_error_degs", "rotation_error_degs")):
        known = [getattr(episode, field) for episode in published if getattr(episode, field) is not None]
        assert sum(table["histograms"][name]["counts"]) == len(known)


def test_of_a_pose_the_episodes_that_went_wrong_come_first():
    def at_rotation(at, rotation, outcome="correct"):
        return structs.replace(ended(at, "mug", outcome), target=Target(object="mug", rotation_euler_degs=rotation))

    nan = float("nan")
    right, wrong = at_rotation(0, [0.0, 90.00001, -0.0]), at_rotation(1, [0.0, 90.0, 0.0], "confused")
    others = (None, [], [0.0, None, 0.0], [nan] * 3)
    unknown = [at_rotation(2 + at, rotation) for at, rotation in enumerate(others)]
    (pose,) = results_of(right, wrong, *unknown)["per_pose"]
    assert (pose["object"], pose["rotation_euler_degs"], pose["accuracy"]) == ("mug", [0.0, 90.0, 0.0], 0.5)
    assert [episode["episode"] for episode in pose["episodes"]] == [1, 0]


def test_the_modules_that_decided_say_what_it_was_taken_for():
    modules = [("bowl", "confused_mlh", 9.0), ("bowl", "confused_mlh", 9.0), ("mug", "correct", 1.0)]
    assert recognised(most_likely(ended(0, "mug", "correct", modules))) == "mug"
    assert recognised(most_likely(ended(0, "mug", "confused_mlh", modules))) == "bowl"


def test_of_objects_named_as_often_the_one_with_more_evidence():
    modules = [("bowl", "confused", 1.0), ("cup", "confused", 2.0)]
    assert recognised(most_likely(ended(0, "mug", "confused", modules))) == "cup"
    assert most_likely(ended(0, "mug", "confused")) is None


def test_what_was_taken_for_nothing_has_a_column_of_its_own():
    table = results_of(
        ended(0, "mug", "no_match", [(None, "no_match", None)]), ended(1, "mug", "correct", [("mug", "correct", 1)])
    )
    assert (table["targets"], table["predicted"]) == (["mug"], ["mug", "(no_match)"])
    assert table["confusion"] == {"all": [[1, 1]], "LM_0": [[1, 1]]}


def test_graphs_with_other_names_come_after_the_targets():
    table = results_of(
        ended(0, "mug", "correct", [("new_object0", "correct", 1)]),
        ended(1, "bowl", "confused", [("mug", "confused", 1)]),
    )
    assert table["targets"] == ["bowl", "mug"]
    assert table["predicted"] == ["bowl", "mug", "new_object0"]


def unsupervised(at, target, outcome, graph, targets, **more):
    """An episode of one learning module, whose graphs have names of their own."""
    is_correct = {"correct": True, "confused": False}.get(outcome)
    fields = {"most_likely_object": graph, "most_likely_targets": targets, "is_correct": is_correct, **more}
    modules = {"LM_0": LearningModuleEpisode(outcome=outcome, highest_evidence=1.0, **fields)}
    return structs.replace(ended(at, target, outcome), learning_modules=modules)


def test_what_is_right_is_the_diagonal_whatever_it_is_called():
    table = results_of(
        unsupervised(0, "mug", "correct", "new_object1", ["mug"]),
        unsupervised(1, "mug", "correct", "new_object2", ["cup", "mug"]),
        unsupervised(2, "bowl", "correct", "new_object0", ["bowl"]),
        unsupervised(3, "bowl", "confused", "bowl", ["mug"]),
        unsupervised(4, "can", "no_match", "new_object0", ["bowl"], detected_object="new_object3", is_new=True),
    )
    mug, both, bowl = "new_object1 = mug", "new_object2 = cup + mug", "new_object0 = bowl"
    assert table["targets"] == ["bowl", "can", "mug"]
    assert table["predicted"] == [bowl, "can", mug, both, "a new object", "bowl = mug"]
    assert table["confusion"]["all"] == table["confusion"]["LM_0"] == [
        [1, 0, 0, 0, 0, 1], [0, 0, 0, 0, 1, 0], [0, 0, 1, 1, 0, 0],
    ]  # fmt: skip
    assert table["right"]["all"] == [[1, 0, 0, 0, 0, 0], [0] * 6, [0, 0, 1, 1, 0, 0]]
    assert table["wrong"]["all"] == [[0, 0, 0, 0, 0, 1], [0] * 6, [0] * 6]


def test_a_recording_of_before_is_counted_and_not_judged():
    table = results_of(ended(0, "mug", "correct", [("mug", "correct", 1)]))
    assert (table["confusion"]["all"], table["right"]["all"], table["wrong"]["all"]) == ([[1]], [[0]], [[0]])


def test_an_episode_without_an_outcome_is_one_that_was_not_correct():
    """As in Monty's `percent_correct`, which divides by all episodes."""
    table = results_of(ended(0, "mug", None), ended(1, "mug", "correct", [("mug", "correct", 1)]))
    assert (table["episodes_done"], table["accuracy"]) == (2, 0.5)


def test_a_mode_of_which_no_episode_has_an_outcome_is_left_out():
    (run,) = of([ended(0, "mug", None, mode="train"), ended(1, "mug", "correct")])
    assert list(results(run)) == ["eval"]


def test_modes_are_never_added_up():
    """Two objects seen for the first time, and one of two evaluations correct: Monty says 50 %, not 25 %."""
    (run,) = of(
        [
            *(ended(at, "mug", "no_match", mode="train", steps=90) for at in range(2)),
            ended(2, "mug", "correct", [("mug", "correct", 1)], steps=10),
            ended(3, "mug", "confused", [("bowl", "confused", 1)], steps=20),
        ]
    )
    tables = results(run)
    assert list(tables) == ["eval", "train"]
    assert [(table["accuracy"], table["mean_steps"]) for table in tables.values()] == [(0.5, 15.0), (0.0, 90.0)]
    assert [table["confusion"]["all"] for table in tables.values()] == [[[1, 1]], [[0, 2]]]
    assert [table["episodes_done"] for mode in tables.values() for table in mode["per_object"]] == [2, 2]
    assert [sum(table["histograms"]["steps"]["counts"]) for table in tables.values()] == [2, 2]


def test_one_worker():
    messages = [
        ended(0, "mug", "correct", worker="a"),
        ended(1, "mug", "confused", worker="b"),
    ]
    assert results_of(*messages)["episodes_done"] == 2
    assert results_of(*messages, worker_name="b")["episodes_done"] == 1


def test_no_episodes_no_results():
    (run,) = of([schema.Log(**head(0), level="info", message="")])
    assert results(run) == {}


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
    table = results_of(*(ended(at, "mug", "correct", steps=count) for at, count in enumerate(steps)))
    assert table["histograms"]["steps"]["edges"] == edges
    assert sum(table["histograms"]["steps"]["counts"]) == len(steps)


def test_a_time_at_an_edge_is_in_the_bin_that_begins_there():
    table = results_of(*(ended(at, "mug", "correct", elapsed_secs=at / 10) for at in range(21)))
    assert table["histograms"]["secs"]["edges"] == [at / 10 for at in range(22)]
    assert table["histograms"]["secs"]["counts"] == [1] * 21


@given(st.lists(st.floats(-1e8, 1e8), min_size=1, max_size=30))
def test_every_time_is_in_one_of_few_round_bins(secs):
    table = results_of(*(ended(at, "mug", "correct", elapsed_secs=took) for at, took in enumerate(secs)))
    times = table["histograms"]["secs"]
    assert sum(times["counts"]) == len(secs)
    assert len(times["counts"]) <= 21


def test_numbers_nobody_would_believe():
    table = results_of(ended(0, "mug", "correct", elapsed_secs=1e308, rotation_error_degs=-1e300, steps=2**60))
    assert sum(table["histograms"]["secs"]["counts"]) == 0


def test_numbers_that_hardly_differ():
    secs = 8.123456789012345
    table = results_of(*(ended(at, "mug", "correct", elapsed_secs=secs + at * 2e-15) for at in range(3)))
    assert sum(table["histograms"]["secs"]["counts"]) == 3


def test_an_episode_without_a_target_is_judged_and_in_no_table():
    table = results_of(ended(0, None, "confused", [("mug", "confused", 1)]))
    assert (table["episodes_done"], table["per_object"], table["targets"]) == (1, [], [])
