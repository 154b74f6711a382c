"""Episodes -> points that are compared without computing: timeline, objects, confusion matrix."""

from __future__ import annotations

from kit.bridge import make
from kit.history.line_parser import Point, parse
from kit.messages.message_examples import EXAMPLES

from monty_mqtt.wire import schema
from monty_mqtt.wire.message_pieces import LearningModuleEpisode, Target
from monty_mqtt_core.influx.episode_points import UNDER_WAY, lines_of_modes, lines_of_results
from monty_mqtt_core.influx.line_protocol import Misfits

HOSTILE = 'a,b=c "d"\\\n'


def episode(**fields) -> schema.EpisodeEnded:
    known = {"mode": "eval", "epoch": 0, "episode": 3, "elapsed_secs": 2.0, "outcome": "correct", "correct": 1}
    return make(schema.EpisodeEnded, 7, **{**known, **fields})


def points(ended: schema.EpisodeEnded, misfits: Misfits | None = None) -> dict[str, list[Point]]:
    return read(lines_of_results(ended, "exp", misfits or Misfits()))


def read(lines: list[str | None]) -> dict[str, list[Point]]:
    by_measurement: dict[str, list[Point]] = {}
    for point in parse("".join(f"{line}\n" for line in lines if line).encode()):
        by_measurement.setdefault(point.measurement, []).append(point)
    return by_measurement


def test_the_timeline_has_the_outcome_at_the_start_of_the_episode_and_nothing_known_after_its_end():
    ended = episode()
    first, second = points(ended)["timeline"]
    assert (first.fields["state"], first.fields["episode"]) == ("correct", 3)
    assert first.time == ended.time_unix_nanos - 2 * 10**9
    assert (second.fields, second.time) == ({"state": UNDER_WAY}, ended.time_unix_nanos)
    assert first.tags == second.tags


def test_an_episode_without_length_or_outcome_is_on_the_timeline_all_the_same():
    ended = episode(elapsed_secs=0.0, outcome=None)
    first, second = points(ended)["timeline"]
    assert (first.fields["state"], second.time - first.time) == ("no_outcome", 1)


def test_an_episodes_point_is_tagged_by_its_object():
    modules = {"LM_0": LearningModuleEpisode(rotation_error_degs=3.5), "LM_1": LearningModuleEpisode()}
    ended = episode(
        target=Target(object="mug"), steps=12, used_mlh=0, rotation_error_degs=3.5, learning_modules=modules
    )
    point, of_module = points(ended)["object"]
    assert point.tags == {"experiment": "exp", "mode": "eval", "name": "mug", "run": "run", "worker": "main"}
    assert point.fields == {
        "episode": 3, "correct": 1, "used_mlh": 0, "steps": 12, "elapsed_secs": 2.0,
    }  # fmt: skip
    assert of_module.tags == {**point.tags, "learning_module": "LM_0"}
    assert of_module.fields == {"rotation_error_degs": 3.5}, "Monty's mean is one over learning modules"


def test_without_a_target_there_is_nothing_to_compare():
    assert set(points(episode())) == {"timeline", "outcome"}


def test_an_episodes_outcome_is_a_tag_so_that_outcomes_can_be_counted():
    (point,) = points(episode(outcome="confused_mlh", steps=9))["outcome"]
    assert point.tags == {"experiment": "exp", "mode": "eval", "name": "confused_mlh", "run": "run", "worker": "main"}
    assert point.fields == {"episode": 3, "steps": 9, "elapsed_secs": 2.0}
    assert points(episode(outcome=None))["outcome"][0].tags["name"] == "no_outcome"


def test_the_matrix_counts_what_each_learning_module_took_the_object_for():
    modules = {
        "LM_0": LearningModuleEpisode(detected_object="bowl", most_likely_object="mug"),
        "LM_1": LearningModuleEpisode(most_likely_object="mug"),
        "LM_2": LearningModuleEpisode(outcome="no_match"),
        "LM_3": LearningModuleEpisode(),
    }
    cells = points(episode(target=Target(object="mug"), learning_modules=modules))["confusion"]
    assert [(cell.tags["learning_module"], cell.tags["name"], cell.fields) for cell in cells] == [
        ("LM_0", "mug", {"bowl": 1.0}),
        ("LM_1", "mug", {"mug": 1.0}),
        ("LM_2", "mug", {"no_match": 1.0}),
        ("LM_3", "mug", {"no_outcome": 1.0}),
    ]


def test_a_graph_is_named_by_what_it_was_learned_from_too_and_a_new_object_as_such():
    modules = {
        "LM_0": LearningModuleEpisode(most_likely_object="new_object0", most_likely_targets=["mug"]),
        "LM_1": LearningModuleEpisode(
            most_likely_object="bowl", most_likely_targets=["bowl"], detected_object="new_object2", is_new=True
        ),
    }
    cells = points(episode(target=Target(object="mug"), learning_modules=modules))["confusion"]
    assert [cell.fields for cell in cells] == [{"new_object0 = mug": 1.0}, {"a new object": 1.0}]


def test_an_objects_name_is_the_same_in_rows_and_columns():
    modules = {"LM_0": LearningModuleEpisode(detected_object=HOSTILE)}
    (point,) = points(episode(target=Target(object=HOSTILE), learning_modules=modules))["confusion"]
    assert list(point.fields) == [point.tags["name"]]


def test_a_length_that_is_no_number_does_not_stop_it():
    misfits = Misfits()
    assert len(points(episode(elapsed_secs=float("inf"), target=Target(object="mug")), misfits)["timeline"]) == 2
    assert misfits.count == 2  # of the outcome, of the object
    assert points(episode(elapsed_secs=1e290), misfits)["timeline"][0].fields == {"state": UNDER_WAY}


def test_series_and_time_of_all_points_differ():
    every = [point for of_measurement in points(EXAMPLES["episode_ended"]).values() for point in of_measurement]
    assert len({(point.measurement, tuple(point.tags.items()), point.time) for point in every}) == len(every)
    assert all(point.time <= EXAMPLES["episode_ended"].time_unix_nanos for point in every)


def test_what_each_mode_came_to_is_a_point_of_its_own():
    modes = read(lines_of_modes(EXAMPLES["progress"], "exp", Misfits()))["mode_progress"]
    assert [point.tags["mode"] for point in modes] == ["eval", "train"]
    first = modes[0].fields
    assert (first["accuracy"], first["rotation_error_degs"], first["mean_steps"]) == (0.75, 4.5, 42.5)
    assert first["outcomes"] == '{"correct":5,"correct_mlh":1,"time_out":2}'
    assert isinstance(first["episodes_done"], int)
