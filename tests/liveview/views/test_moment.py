"""Everything at one step."""

import numpy as np
import pytest
from kit.page.page_state import START, belief, demo, demo_messages, head, only_worker, sensed, step
from msgspec import json

from monty_mqtt.wire import schema
from monty_mqtt.wire.message_pieces import Hypothesis, LearningModuleStep, SensorModuleStep
from monty_mqtt_liveview.views import bulk, bulk_at, bulk_latest, find_row, moment, rows


def frame(at, episode, number, sensor="patch", modality="rgba"):
    fields = {"sensor": sensor, "modality": modality, "episode": episode, "step": number, "height": 1, "width": 1}
    return schema.Frame(**head(at), **fields)


def test_a_step_of_the_demo_is_what_was_published():
    worker = demo()[1].workers["main"]
    steps = [message for message in demo_messages() if isinstance(message, schema.Step) and message.mode == "eval"]
    for row in (0, 100, 260):
        shown_moment = json.decode(json.encode(moment(worker, row)))
        published = steps[row]
        assert [shown_moment[name] for name in ("mode", "epoch", "episode", "step", "total_step", "target_object")] == [
            published.mode,
            published.epoch,
            published.episode,
            published.step,
            published.total_step,
            published.target_object,
        ]
        for name, module in published.learning_modules.items():
            shown = shown_moment["learning_modules"][name]
            assert shown["evidence"] == pytest.approx(module.evidence, abs=1e-4)
            assert shown["most_likely"]["object"] == module.most_likely.object
            assert shown["most_likely"]["rotation"] == pytest.approx(module.most_likely.rotation, abs=1e-5)
            assert shown["hypothesis_counts"] == module.hypothesis_counts
            assert set(shown["possible_matches"]) == set(module.possible_matches)
            assert (shown["second_object"], shown["terminal_state"]) == (module.second_object, module.terminal_state)
            assert shown["stepwise_target_object"] == module.stepwise_target_object
        assert shown_moment["sensors"].keys() == published.sensor_modules.keys()
        for name, sensor in published.sensor_modules.items():
            features = shown_moment["sensors"][name]["features"]
            assert features.keys() == sensor.features.keys()
            for feature, value in sensor.features.items():
                assert features[feature] == pytest.approx(value, abs=1e-4)
        assert [taken["action"] for taken in shown_moment["actions"]] == published.actions
        assert shown_moment["frames"]


def test_what_is_absent_is_null():
    worker = only_worker([step(0, modules={"LM": LearningModuleStep()}, sensor_modules=sensed(on_object=None))])
    shown_moment = json.decode(json.encode(moment(worker, 0)))
    assert shown_moment["learning_modules"]["LM"] == {
        "most_likely": None,
        "is_correct": None,
        "is_new": False,
        "target_graphs": None,
        "second_object": None,
        "margin": None,
        "threshold": None,
        "rotation_error_degs": None,
        "symmetry_evidence": None,
        "prediction_error": None,
        "goal": None,
        "is_goal_achieved": None,
        "possible_matches": [],
        "terminal_state": None,
        "target_object": None,
        "stepwise_target_object": None,
        "evidence": {},
        "hypothesis_counts": {},
        "hypotheses_added": None,
        "hypotheses_removed": None,
        "hypothesis_age_median": None,
        "hypothesis_age_max": None,
        "evidence_slope_max": None,
    }
    nothing = {"location": [None] * 3, "on_object": None, "pose_vectors": None, "features": {}}
    assert shown_moment["sensors"]["patch"] == nothing
    assert shown_moment["actions"] == []
    assert (shown_moment["frames"], shown_moment["clouds"], shown_moment["limits"], shown_moment["steps_left"]) == (
        [],
        {},
        {},
        None,
    )


def test_there_are_no_other_rows():
    worker = only_worker([step(0), step(1)])
    assert moment(worker, -1)["row"] == 1
    for row in (2, -3):
        with pytest.raises(IndexError):
            moment(worker, row)


def test_a_step_without_a_frame_shows_the_one_before_it():
    worker = only_worker([step(0), step(1), frame(1.5, 0, 1), step(2), step(3, episode=1, number=0)])
    seen = [
        [
            (frame_shown["episode"], frame_shown["step"], frame_shown["is_older"])
            for frame_shown in moment(worker, row)["frames"]
        ]
        for row in range(4)
    ]
    assert seen == [[], [(0, 1, False)], [(0, 1, True)], [(0, 1, True)]]
    key = ("frame", "patch", "rgba")
    assert bulk_at(worker, 2, key) == (START + 1_500_000_000, 0, 1)
    assert bulk_at(worker, 2, ("frame", "patch", "depth")) is None
    with pytest.raises(IndexError):
        bulk_at(worker, 4, key)
    assert bulk_latest(worker, key) == bulk_at(worker, 3, key)
    assert bulk_latest(worker, ("hypotheses", "LM")) is None


def test_what_is_published_after_a_step_belongs_to_it():
    cloud = schema.Hypotheses(**head(1.2), learning_module="LM", episode=0, step=1)
    worker = only_worker([step(0), step(1), frame(1.1, 0, 1), cloud])
    shown_moment = moment(worker, 1)
    assert [frame_shown["is_older"] for frame_shown in shown_moment["frames"]] == [False]
    assert shown_moment["clouds"]["LM"] == {
        "episode": 0,
        "step": 1,
        "time_unix_millis": shown_moment["clouds"]["LM"]["time_unix_millis"],
        "is_older": False,
    }


def test_hypotheses_of_an_earlier_episode_are_not_shown_in_the_next():
    first, second = (
        schema.Hypotheses(**head(at), learning_module="LM", episode=episode, step=episode)
        for at, episode in ((1.2, 0), (3.2, 1))
    )
    worker = only_worker([step(1), first, step(2, episode=1), step(3, episode=1, number=1), second])
    assert [moment(worker, row)["clouds"] != {} for row in range(3)] == [True, False, True]


def test_steps_left_are_those_of_the_limits():
    limits = {"max_eval_steps": 500.0, "max_train_steps": None, "max_total_steps": 60.0}
    info = schema.Info(**head(0), schema_version=1, limits=limits)
    worker = only_worker([info, step(1, number=10), step(2, number=70)])
    assert moment(worker, 0)["steps_left"] == 49
    assert moment(worker, 1)["steps_left"] == 0
    assert moment(worker, 0)["limits"] == {"max_eval_steps": 500.0, "max_total_steps": 60.0}


def test_only_steps_that_match_count_to_the_limit_of_matching_steps():
    info = schema.Info(**head(0), schema_version=1, limits={"max_eval_steps": 5.0})
    kinds = [{}, {"is_motor_only": True}, {"step_type": "exploratory_step"}, {"step_type": "matching_step"}]
    before = [step(at, episode=0, number=at) for at in range(3)]
    worker = only_worker(
        [info, *before, *(step(5 + at, episode=1, number=at, **more) for at, more in enumerate(kinds))]
    )
    assert [moment(worker, row)["steps_left"] for row in range(7)] == [4, 3, 2, 4, 4, 4, 3]


def test_a_step_is_found_or_the_one_before_it():
    worker = only_worker(
        [
            *(step(at, episode=0, number=at) for at in range(3)),
            *(step(5 + at, episode=1, number=2 * at) for at in range(3)),
        ]
    )
    assert [find_row(worker, "eval", 1, number) for number in (0, 1, 2, 4, 99)] == [3, 3, 4, 5, 5]
    assert find_row(worker, "train", 1, 0) is None
    assert find_row(worker, "eval", 9, 0) is None


def test_a_step_before_the_first_that_is_known_is_the_first():
    assert find_row(only_worker([step(5), step(6)]), "eval", 0, 2) == 0


def test_the_newest_of_each_kind_by_escaped_names():
    model = schema.ObjectModel(**head(3), learning_module="LM/0", object="a b", count=1, episode=4)
    worker = only_worker([frame(0, 0, 0), frame(1, 0, 1), frame(2, 0, 1, modality="depth"), model])
    newest = bulk(worker)
    assert newest.keys() == {"frame/patch/rgba", "frame/patch/depth", "object_model/LM%2F0/a%20b"}
    assert newest["frame/patch/rgba"]["step"] == 1
    assert newest["object_model/LM%2F0/a%20b"]["episode"] == 4
    assert bulk(worker, 2).keys() == {"frame/patch/depth", "object_model/LM%2F0/a%20b"}
    assert bulk(worker, 4) == {}


def test_a_most_likely_hypothesis_without_numbers():
    worker = only_worker([step(0, modules={"LM": LearningModuleStep(most_likely=Hypothesis(object="new_object0"))})])
    likely = json.decode(json.encode(moment(worker, 0)))["learning_modules"]["LM"]["most_likely"]
    assert likely == {
        "object": "new_object0",
        "evidence": None,
        "location": [None] * 3,
        "rotation": [None] * 4,
        "scale": None,
    }


def test_evidence_that_is_not_finite_is_left_out():
    worker = only_worker([step(0, modules={"LM": belief({"mug": None, "bowl": 1.0})})])
    assert moment(worker, 0)["learning_modules"]["LM"]["evidence"] == {"bowl": 1.0}


def sensing(features, pose_vectors=None):
    return {"patch": SensorModuleStep(features=features, pose_vectors=pose_vectors)}


def shown_sensor(worker, row):
    return json.decode(json.encode(moment(worker, row)["sensors"]["patch"]))


def test_features_and_pose_vectors_are_what_was_sensed():
    pose = [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    sent = {"hsv": [0.5, 1.0, 0.25], "principal_curvatures_log": [1.5, None], "coverage": 0.75, "is_sure": False}
    worker = only_worker([
        step(0, sensor_modules=sensing({}, [])),
        step(1, sensor_modules=sensing(sent, pose)),
        step(2, sensor_modules=sensing({"hsv": [0.25, 0.5, 0.0]})),
    ])  # fmt: skip
    assert shown_sensor(worker, 1)["features"] == sent
    assert shown_sensor(worker, 1)["pose_vectors"] == pose
    assert shown_sensor(worker, 0)["features"] == {}
    assert shown_sensor(worker, 2)["features"] == {"hsv": [0.25, 0.5, 0.0]}
    assert [shown_sensor(worker, row)["pose_vectors"] for row in (0, 2)] == [None, None]


@pytest.mark.parametrize(
    "value",
    ["red", None, [], {"a": 1}, [[1.0]], ["red", 1.0], [1.0] * 17, 10**400, [10**400], [None]],
    ids=lambda value: str(value)[:12],
)
def test_a_feature_that_is_no_few_numbers_is_left_out(value):
    worker = only_worker([step(0, sensor_modules=sensing({"odd": value, "coverage": 0.5}))])
    assert shown_sensor(worker, 0)["features"] == {"coverage": 0.5}


def test_a_feature_may_change_its_kind_and_there_may_be_very_many():
    worker = only_worker([
        step(0, sensor_modules=sensing({"odd": 1.0})),
        step(1, sensor_modules=sensing({"odd": [1.0, 2.0]})),
        step(2, sensor_modules=sensing({f"feature {n}": n for n in range(500)})),
    ])  # fmt: skip
    assert shown_sensor(worker, 1)["features"] == {"odd": [1.0, 2.0]}
    assert len(shown_sensor(worker, 2)["features"]) == 31


@pytest.mark.parametrize("pose", [[[0.0, 1.0]], [[None] * 3] * 3, [[1.0] * 3] * 9])
def test_pose_vectors_that_are_none_of_three_are_as_near_as_they_can(pose):
    worker = only_worker([step(0, sensor_modules=sensing({}, pose))])
    said = shown_sensor(worker, 0)["pose_vectors"]
    assert said is None or [len(vector) for vector in said] == [3, 3, 3]


def test_actions_have_their_amounts_in_order():
    actions = ["orient_vertical", "set_agent_pose"]
    amounts = [
        {"rotation_degrees": 5.0, "down_distance": None, "why": "curious"},
        {"location": [0.5, 1.5, None], "rotation_quat": [1.0, 0.0, 0.0, 0.0]},
    ]
    worker = only_worker([
        step(0, actions=actions, action_amounts=amounts),
        step(1),
        step(2, actions=["look_up"], action_amounts=[]),
        step(3, actions=["look_up"], action_amounts=[{}, {"extra": 1}]),
        step(4, actions=["a"] * 99, action_amounts=[{"x": list(range(16)), "y": 1}, {"z": 10**400}]),
    ])  # fmt: skip
    taken = [json.decode(json.encode(moment(worker, row)["actions"])) for row in range(5)]
    assert taken[0] == [
        {"action": "orient_vertical", "amounts": {"rotation_degrees": 5.0}},
        {"action": "set_agent_pose", "amounts": {"location": [0.5, 1.5, None], "rotation_quat": [1, 0, 0, 0]}},
    ]
    assert taken[1] == []
    assert taken[2] == taken[3] == [{"action": "look_up", "amounts": {}}]
    assert len(taken[4]) == 16
    assert taken[4][0]["amounts"] == {"x": list(range(16))}


def test_goal_states_and_prediction_errors_belong_to_their_steps():
    def said(**more):
        return {"LM": belief({"mug": 1.0}, **more)}

    worker = only_worker([
        step(0, modules=said(prediction_error=0.25, goal_location=[0.5, None, 1.0], goal_object="bowl")),
        step(1, modules=said(is_goal_achieved=False)),
        step(2, modules=said(goal_object="nobody learned it", is_goal_achieved=True)),
        step(3),
    ])  # fmt: skip
    shown = [json.decode(json.encode(moment(worker, row)["learning_modules"]["LM"])) for row in range(4)]
    assert [one["prediction_error"] for one in shown] == [0.25, None, None, None]
    assert [one["is_goal_achieved"] for one in shown] == [None, False, True, None]
    assert shown[0]["goal"] == {"object": "bowl", "location": [0.5, None, 1.0]}
    assert shown[2]["goal"] == {"object": "nobody learned it", "location": [None] * 3}
    assert [one["goal"] for one in (shown[1], shown[3])] == [None, None]
    columns = rows(worker.steps, np.arange(4))["learning_modules"]["LM"]
    assert columns["goal"] == [1, 0, 1, 0]
    assert columns["is_goal_achieved"] == [-1, 0, 1, -1]
