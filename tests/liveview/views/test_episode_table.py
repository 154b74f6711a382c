"""Episodes as a table."""

from kit.page.page_state import START, belief, demo, demo_messages, head, of, only_worker, step
from msgspec import json

from monty_mqtt.wire import schema
from monty_mqtt.wire.message_pieces import LearningModuleEpisode, Target
from monty_mqtt_liveview.views import episode_rows, sparklines


def started(at, episode, worker="main", target="mug"):
    shown = Target(object=target, rotation_euler_degs=[0.0, 90.0, None])
    return schema.EpisodeStarted(
        **head(at, worker), mode="eval", epoch=1, episode=episode, target=shown, episode_seed=7
    )


def ended(at, episode, worker="main", **more):
    return schema.EpisodeEnded(**head(at, worker), mode="eval", epoch=1, episode=episode, **more)


def rows_of(*messages, **more):
    (run,) = of(messages)
    return json.decode(json.encode(episode_rows(run, **more)))


def test_the_demo():
    learning, recognising = demo()
    published = [message for message in demo_messages() if isinstance(message, schema.EpisodeEnded)]
    rows = [*episode_rows(learning), *episode_rows(recognising)]
    assert len(rows) == len(published) == 20
    for row, ended_message in zip(rows, published, strict=True):
        for name in (
            "mode",
            "epoch",
            "episode",
            "steps",
            "outcome",
            "correct",
            "used_mlh",
            "matching_steps",
            "learned",
        ):
            assert row[name] == getattr(ended_message, name)
        assert row["target"] == ended_message.target.object
        deciding = ended_message.learning_modules.values()
        assert row["most_likely_rotation_euler_degs"] in [module.most_likely_rotation_euler_degs for module in deciding]
        assert row["last_row"] - row["first_row"] + 1 == ended_message.steps
        assert row["learning_modules"].keys() == ended_message.learning_modules.keys()
        assert row["is_over"]


def test_every_field_of_the_contract_is_there():
    names = """worker mode epoch episode target target_rotation_euler_degs started_unix_millis elapsed_secs steps
    first_row last_row outcome correct used_mlh most_likely_object most_likely_name most_likely_rotation_euler_degs
    rotation_error_degs matching_steps
    episode_seed learned learning_modules is_over graph_targets"""
    (row,) = rows_of(started(0, 3))
    assert row.keys() == set(names.split())


def test_pauses_do_not_count_in_an_episode_under_way():
    def status_at(at, word):
        return schema.Status(**head(at), status=word)

    pauses = [status_at(2.5, "paused"), status_at(3.5, "paused"), status_at(1002.5, "running")]
    before = [status_at(0.1, "paused"), status_at(0.3, "running")]
    messages = [started(0, 3), step(1, episode=3), step(2, episode=3), *pauses]
    (row,) = rows_of(*messages)
    assert row["elapsed_secs"] == 2, "the clock stands while it is paused"
    (row,) = rows_of(*messages, step(1003, episode=3))
    assert row["elapsed_secs"] == 3
    (row,) = rows_of(*before, started(1, 3), step(2, episode=3), *pauses, step(1003, episode=3))
    assert row["elapsed_secs"] == 2, "nor do those before it"
    (row,) = rows_of(*messages, step(1003, episode=3), ended(1004, 3, elapsed_secs=4.5))
    assert row["elapsed_secs"] == 4.5


def test_an_episode_under_way():
    (row,) = rows_of(
        started(0, 3), step(1, episode=3), step(3, episode=3, modules={"LM": belief({"bowl": 2, "mug": 1})})
    )
    expected = {
        "target": "mug",
        "target_rotation_euler_degs": [0.0, 90.0, None],
        "started_unix_millis": START // 1_000_000,
        "elapsed_secs": 3.0,
        "steps": 2,
        "first_row": 0,
        "last_row": 1,
        "outcome": None,
        "correct": None,
        "most_likely_object": "bowl",
        "episode_seed": 7,
        "is_over": False,
    }
    assert {name: row[name] for name in expected} == expected


def test_what_is_believed_now_says_nothing_of_an_episode_before():
    (first, second) = rows_of(
        started(0, 0), started(5, 1), step(6, episode=1, modules={"LM": belief({"bowl": 2})}), step(7, episode=1)
    )
    assert (first["most_likely_object"], second["most_likely_object"]) == (None, None)


def test_objects_are_named_by_what_they_were_learned_from_as_it_was_when_the_episode_began():
    begun, learned = {"LM": {"new_object0": ["mug"]}}, {"LM": {"new_object0": ["bowl", "mug"]}}
    module = LearningModuleEpisode(outcome="correct", most_likely_object="new_object0", most_likely_targets=["mug"])
    fields = {"outcome": "correct", "learning_modules": {"LM": module}, "graph_targets": learned}
    begins = schema.EpisodeStarted(**head(0), mode="eval", epoch=0, episode=0, graph_targets=begun)
    (row,) = rows_of(begins, ended(9, 0, **fields))
    assert (row["most_likely_object"], row["most_likely_name"]) == ("new_object0", "new_object0 = mug")
    assert row["graph_targets"] == begun
    believed = belief({"new_object0": 1}, most_likely_targets=["mug"])
    (row,) = rows_of(begins, step(1, modules={"LM": believed}))
    assert row["most_likely_name"] == "new_object0 = mug"


def test_an_episode_that_is_over():
    module = LearningModuleEpisode(
        outcome="confused_mlh", most_likely_object="bowl", rotation_error_degs=1.234567, steps=4, highest_evidence=2.0
    )
    (row,) = rows_of(
        started(0, 0),
        ended(9, 0, steps=5, elapsed_secs=8.5, outcome="confused_mlh", correct=0, learning_modules={"LM": module}),
    )
    assert (row["steps"], row["elapsed_secs"], row["most_likely_object"]) == (5, 8.5, "bowl")
    assert row["learning_modules"]["LM"] == {
        "outcome": "confused_mlh",
        "most_likely_object": "bowl",
        "recognised": "bowl",
        "rotation_error_degs": 1.23457,
        "steps": 4,
        "highest_evidence": 2.0,
    }


def test_episodes_of_all_workers_are_in_order_of_their_start():
    messages = [started(5, 0, "a"), started(1, 0, "b"), started(9, 1, "b"), started(7, 1, "a")]
    assert [(row["worker"], row["episode"]) for row in rows_of(*messages)] == [("b", 0), ("a", 0), ("a", 1), ("b", 1)]
    assert [row["worker"] for row in rows_of(*messages, worker_name="b")] == ["b", "b"]


def test_only_what_changed():
    (run,) = of([started(0, 0), ended(1, 0), started(2, 1)])
    seen = run.revision
    assert episode_rows(run, seen=seen) == []
    run.apply(step(3, episode=1))
    assert [row["episode"] for row in episode_rows(run, seen=seen)] == [1]


def test_rows_that_move_are_a_change():
    (run,) = of([step(0, episode=0), step(2, episode=1)])
    seen = run.revision
    run.apply(step(1, episode=0))
    changed = {row["episode"]: (row["first_row"], row["last_row"]) for row in episode_rows(run, seen=seen)}
    assert changed == {0: (0, 1), 1: (2, 2)}


def lines_of(worker, *stretches):
    return json.decode(json.encode(sparklines(worker, stretches)))


def test_a_sparkline_is_the_targets_evidence_and_the_strongest_others_over_all_modules():
    def said(at, first, second):
        return step(at, modules={"LM 0": belief(first), "LM 1": belief(second)})

    worker = only_worker([
        said(0, {"mug": 1.0, "bowl": 2.0}, {"mug": 1.5, "cup": 1.0}),
        said(1, {"mug": 3.0, "bowl": -2.0}, {"mug": None, "cup": -1.0}),
        step(2),
        said(3, {"mug": -1.0}, {}),
    ])  # fmt: skip
    assert lines_of(worker, (0, 3)) == [{"target": [1.5, 3, None, -1], "other": [2, -1, None, None]}]
    assert lines_of(worker, (3, 3), (0, 0)) == [{"target": [-1], "other": [None]}, {"target": [1.5], "other": [2]}]


def test_a_long_stretch_has_few_points_and_both_ends():
    worker = only_worker([step(at, modules={"LM": belief({"mug": float(at)})}) for at in range(200)])
    (line,) = lines_of(worker, (50, 149))
    assert (len(line["target"]), line["target"][0], line["target"][-1]) == (24, 50, 149)


def test_without_a_target_all_are_others():
    worker = only_worker([step(0, modules={"LM": belief({"graph 0": 2.0}, target="mug")})])
    assert lines_of(worker, (0, 0)) == [{"target": [None], "other": [2]}]


def test_rows_that_are_not_there_are_left_out():
    worker = only_worker([step(0, modules={"LM": belief({"mug": 1.0})})])
    nothing = {"target": [], "other": []}
    assert lines_of(worker, (5, 9), (1, 0), (0, 10**40)) == [nothing, nothing, {"target": [1], "other": [None]}]
    assert lines_of(worker) == []
    assert lines_of(only_worker([step(0)]), (0, 0)) == [{"target": [None], "other": [None]}]
