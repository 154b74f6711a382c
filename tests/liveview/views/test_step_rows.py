"""Steps as columns for charts."""

import numpy as np
from kit.page.page_state import START, belief, demo, demo_messages, only_worker, sensed, step
from msgspec import json

from monty_mqtt.wire import schema
from monty_mqtt.wire.message_pieces import LearningModuleStep
from monty_mqtt_liveview.views import course, moment, newest_rows, rows


def shown(worker, *chosen):
    return json.decode(json.encode(rows(worker.steps, np.array(chosen, np.int64))))


def three_steps():
    return only_worker(
        [
            step(0, modules={"LM": belief({"mug": 1.000004, "bowl": None})}, sensor_modules=sensed(1, 2, 3)),
            step(1, mode="train", is_motor_only=True, step_secs=0.5, monitor_micros=61.5),
            step(2, modules={"LM": belief({"bowl": 2, "mug": 1}, terminal_state="match", possible_matches=["bowl"])}),
        ]
    )


def test_every_row_is_what_was_published():
    columns = shown(three_steps(), 0, 1, 2)
    assert columns["row"] == [0, 1, 2]
    assert columns["time_unix_millis"] == [START // 1_000_000 + 1000 * at for at in range(3)]
    assert (columns["mode"], columns["motor_only"]) == (["eval", "train", "eval"], [0, 1, 0])
    assert (columns["step_secs"], columns["monitor_micros"]) == ([None, 0.5, None], [None, 61.5, None])
    assert columns["target_object"] == ["mug"] * 3
    module = columns["learning_modules"]["LM"]
    assert module["objects"] == ["mug", "bowl"]
    assert module["evidence"] == [[1.0, None, 1.0], [None, None, 2.0]]
    assert (module["winner"], module["target"]) == ([0, -1, 1], [0, -1, 0])
    assert (module["is_correct"], module["is_new"]) == ([1, -1, 0], [0, 0, 0])
    assert (module["target_sets"], module["target_graphs"]) == ([["mug"]], [0, -1, 0])
    assert (module["terminal"], module["possible"]) == ([None, None, "match"], [None, None, 1])
    assert module["location"][0] == [None, None, None]
    assert columns["sensors"]["patch"] == {"location": [[1, 2, 3], [None] * 3, [None] * 3], "on_object": [1, -1, -1]}


def test_what_burst_sampling_did_is_there_from_the_first_step_on_that_tells_it():
    burst = {
        "hypotheses_added": 300,
        "hypotheses_removed": 0,
        "hypothesis_age_median": 1.0,
        "hypothesis_age_max": 1,
        "evidence_slope_max": None,
    }
    later = {**burst, "hypotheses_added": 0, "hypothesis_age_median": 2.5, "evidence_slope_max": -0.25}
    worker = only_worker(
        [
            step(0, modules={"LM": LearningModuleStep(), "plain": LearningModuleStep()}),
            step(1, modules={"LM": LearningModuleStep(hypothesis_counts={"mug": 200, "bowl": 100}, **burst)}),
            step(2, modules={"LM": LearningModuleStep(hypothesis_counts={}, **later)}),
        ]
    )
    modules = shown(worker, 0, 1, 2)["learning_modules"]
    assert modules["LM"]["hypothesis_count"] == [None, 300, 0]
    assert {name: modules["LM"][name] for name in burst} == {name: [None, burst[name], later[name]] for name in burst}
    assert {modules["plain"][name] for name in burst} == {None}
    last = json.decode(json.encode(moment(worker, 2)))["learning_modules"]
    assert {name: last["LM"][name] for name in burst} == later
    assert {last["plain"][name] for name in burst} == {None}


def test_chosen_rows_alone():
    columns = shown(three_steps(), 2)
    assert (columns["row"], columns["learning_modules"]["LM"]["evidence"]) == ([2], [[1.0], [2.0]])


def test_of_no_rows_there_are_empty_columns():
    columns = shown(
        only_worker([schema.Log(run="r", worker="w", seq=0, time_unix_nanos=START, level="info", message="")])
    )
    assert (columns["row"], columns["learning_modules"]) == ([], {})


def test_new_rows_and_of_very_many_the_newest():
    worker = only_worker([step(number) for number in range(30)])
    assert newest_rows(worker, 28)["row"] == [28, 29]
    assert newest_rows(worker, 0, most=5)["row"] == [25, 26, 27, 28, 29]
    assert newest_rows(worker, 30) is None


def test_a_course_of_the_demo():
    recognising = demo()[1].workers["main"]
    steps = [message for message in demo_messages() if isinstance(message, schema.Step) and message.mode == "eval"]
    whole, few = course(recognising), course(recognising, points=50)
    assert whole["row"] == list(range(261))
    assert len(few["row"]) <= 50
    assert (few["row"][0], few["row"][-1]) == (0, 260)
    for at, row in enumerate(few["row"]):
        published = steps[row].learning_modules["learning_module_3"]
        module = few["learning_modules"]["learning_module_3"]
        assert module["objects"][module["winner"][at]] == published.most_likely.object
    assert course(recognising, 10, 12)["row"] == [10, 11, 12]
    assert course(recognising, -5, 10_000, 0)["row"] == [260]


def test_a_learning_module_without_evidence_has_none():
    worker = only_worker([step(0, modules={"LM": LearningModuleStep(target_object="mug")})])
    module = shown(worker, 0)["learning_modules"]["LM"]
    assert (module["objects"], module["evidence"], module["winner"]) == (["mug"], [[None]], [-1])
