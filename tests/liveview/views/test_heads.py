"""What is shown of a run and of its workers without their steps."""

import pytest
from kit.page.page_state import SECOND, START, demo, head, of, only_worker, step
from msgspec import json

from monty_mqtt.wire import schema
from monty_mqtt.wire.message_pieces import SensorModuleInfo
from monty_mqtt_liveview.views import changed_workers, info, run_head, worker_head

SENSORS = [SensorModuleInfo(sensor_module="patch", class_name="x.SM")]


def about(at, worker="main", *, parent=False, **more):
    more = {"experiment": "e", "experiment_class": "x.Experiment", "host": "lab-7", **more}
    return schema.Info(**head(at, worker), schema_version=1, sensor_modules=[] if parent else SENSORS, **more)


def status(at, word, worker="main", **more):
    return schema.Status(**head(at, worker), status=word, **more)


def progress(at, done, worker="main", **more):
    return schema.Progress(**head(at, worker), mode=more.pop("mode", "eval"), episodes_done=done, **more)


def evaluated(done, outcomes):
    """What the episodes of an evaluation came to."""
    correct = outcomes.get("correct", 0)
    mode = schema.ModeProgress(episodes_done=done, outcomes=outcomes, correct=correct, accuracy=correct / done)
    return {"eval": mode}


def ended(at, outcome, worker="main", episode=0, mode="eval"):
    correct = int(outcome.startswith("correct"))
    return schema.EpisodeEnded(
        **head(at, worker), mode=mode, epoch=0, episode=episode, outcome=outcome, correct=correct
    )


def head_of(*messages):
    (run,) = of(messages)
    return run_head(run)


def test_the_demo():
    learning, recognising = map(run_head, demo())
    assert learning["mode"] == "train"
    (trained,) = learning["modes"].values()
    assert (trained["episodes_done"], trained["outcomes"], trained["accuracy"]) == (8, {}, None), (
        "it is told what it sees"
    )
    assert {name: recognising[name] for name in ("status", "episodes_done", "steps")} == {
        "status": "completed",
        "episodes_done": 12,
        "steps": 261,
    }
    assert list(recognising["modes"]) == ["eval"]
    mode = recognising["modes"]["eval"]
    assert (mode["episodes_done"], mode["correct"], mode["accuracy"], mode["steps"]) == (12, 11, 0.91667, 261)
    assert mode["outcomes"] == {"correct_mlh": 6, "correct": 5, "confused": 1}
    assert recognising["worker_statuses"] == {"completed": 1}
    assert recognising["ended_unix_millis"] == recognising["newest_unix_millis"]


def test_pauses_do_not_count_in_the_clock_of_a_worker():
    pause = [status(20, "paused"), status(1020, "running")]
    assert head_of(about(0), status(0.1, "running"), step(10), *pause)["elapsed_secs"] == 20
    before = [about(0), status(0.1, "running"), progress(10, 0, elapsed_secs=10.0)]
    assert head_of(*before, *pause)["elapsed_secs"] == 20
    assert head_of(*before, *pause, step(1021))["elapsed_secs"] == 21
    assert head_of(*before, *pause, progress(1022, 0, elapsed_secs=22.0), step(1023))["elapsed_secs"] == 23


def test_how_many_steps_an_episode_has_had():
    def steps(*messages):
        return worker_head(only_worker([about(0), *messages]))["episode_steps"]

    begun = schema.EpisodeStarted(**head(1), mode="eval", epoch=0, episode=0)
    assert steps() is None
    assert steps(begun) == 0
    assert steps(begun, step(5)) == 6, "the first one is number 0"
    assert steps(begun, step(5), progress(6, 0, step=7)) == 8
    over = schema.EpisodeEnded(**head(7), mode="eval", epoch=0, episode=0, steps=6)
    assert steps(begun, step(5), over) == 6
    assert steps(begun, step(5), over, schema.EpisodeStarted(**head(8), mode="eval", epoch=0, episode=1)) == 0


def test_a_paused_worker_has_no_rate():
    steps = [step(at) for at in range(5)]
    assert worker_head(only_worker([*steps, status(5, "running")]))["steps_per_sec"] == 1
    assert worker_head(only_worker([*steps, status(5, "paused")]))["steps_per_sec"] is None


def test_every_field_of_the_contract_is_there():
    (run, _) = demo()
    names = """run experiment group overrides mode status stalled
    started_unix_millis newest_unix_millis ended_unix_millis elapsed_secs
    episodes_done episodes_expected modes estimated_end_unix_millis lost dropped too_large spooled
    frames_missing left_out workers worker_statuses host recorded_bytes steps monitor_micros_per_step"""
    assert run_head(run, 7).keys() == set(names.split())
    assert run_head(run, 7)["recorded_bytes"] == 7
    names = """worker status stalled reason error mode object epoch episode step episode_steps steps_per_sec
    episodes_done episodes_expected modes estimated_end_unix_millis started_unix_millis elapsed_secs
    newest_unix_millis lost dropped too_large spooled highest_seq rows generation monitor_micros_per_step outcome
    is_parent"""
    assert worker_head(run.workers["main"]).keys() == set(names.split())
    assert json.encode(run_head(run))


def test_the_runs_of_a_sweep_say_what_they_share_and_what_not():
    run_seen = head_of(about(0, group="sweep-1", overrides={"experiment.config.seed": "1"}))
    assert (run_seen["group"], run_seen["overrides"]) == ("sweep-1", {"experiment.config.seed": "1"})
    assert (run_head(demo()[0])["group"], run_head(demo()[0])["overrides"]) == (None, {})


def test_of_a_run_that_said_nothing_yet():
    run_seen = head_of(schema.Log(**head(0), level="info", message="x"))
    assert (run_seen["status"], run_seen["mode"], run_seen["modes"], run_seen["episodes_expected"]) == (
        "initializing",
        None,
        {},
        None,
    )


def test_where_a_worker_is():
    target = schema.Target(object="bowl")
    start = schema.EpisodeStarted(**head(5), mode="eval", epoch=1, episode=7, target=target)
    worker = only_worker([progress(1, 6, episode=6, step=99), start])
    assert [worker_head(worker)[name] for name in ("mode", "epoch", "episode", "step", "object")] == [
        "eval",
        1,
        7,
        0,
        "bowl",
    ]
    later = only_worker([start, step(6, episode=7, number=12)])
    assert [worker_head(later)[name] for name in ("episode", "step", "object")] == [7, 12, "bowl"]


def test_the_newest_step_counts_before_progress_tells_it():
    modes = {"train": schema.ModeProgress(steps=10), "eval": schema.ModeProgress(steps=5)}
    worker_seen = worker_head(only_worker([progress(1, 0, modes=modes), step(20)]))
    assert {name: mode["steps"] for name, mode in worker_seen["modes"].items()} == {"eval": 11, "train": 10}


def test_an_error_is_told_whole():
    failed = status(1, "error", error_type="builtins.ValueError", error_message="no", error_traceback="Traceback …")
    worker_seen = worker_head(only_worker([failed]))
    assert worker_seen["error"] == {"type": "builtins.ValueError", "message": "no", "traceback": "Traceback …"}
    assert worker_head(only_worker([status(1, "running")]))["error"] is None


def test_time_passes_while_it_runs_and_not_while_it_is_paused():
    running = only_worker([status(0, "running"), progress(10, 1, elapsed_secs=9.0), step(12)])
    paused = only_worker([progress(10, 1, elapsed_secs=9.0), status(12, "paused")])
    assert worker_head(running)["elapsed_secs"] == 11.0
    assert worker_head(paused)["elapsed_secs"] == 9.0


@pytest.mark.parametrize(("word", "expected"), [("running", 1_795_429_000_000), ("paused", None), ("completed", None)])
def test_only_what_runs_has_an_estimated_end(word, expected):
    end = 1_795_429_000_000_000_000
    worker = only_worker([progress(1, 1, estimated_end_unix_nanos=end), status(2, word)])
    assert worker_head(worker)["estimated_end_unix_millis"] == expected


def test_stalled_is_a_flag_of_what_lives():
    assert head_of(status(1, "running", stalled=True))["stalled"] is True
    assert head_of(status(1, "disconnected", stalled=True))["stalled"] is False


def test_the_parent_of_a_parallel_run_speaks_for_it():
    run_seen = head_of(
        about(0, parent=True),
        status(1, "running"),
        progress(2, 3, episodes_expected=231, modes=evaluated(3, {"correct": 2, "confused": 1})),
        status(3, "completed", "parallel_eval_episode_0"),
        status(3, "error", "parallel_eval_episode_1"),
        ended(4, "correct", "parallel_eval_episode_0"),
        progress(4, 1, "parallel_eval_episode_0", episodes_expected=1),
    )
    assert (run_seen["status"], run_seen["episodes_done"], run_seen["episodes_expected"]) == ("running", 3, 231)
    mode = run_seen["modes"]["eval"]
    assert (mode["episodes_done"], mode["correct"], mode["outcomes"]) == (3, 2, {"correct": 2, "confused": 1})
    assert (run_seen["workers"], run_seen["worker_statuses"]) == (2, {"completed": 1, "error": 1})
    assert run_seen["ended_unix_millis"] is None


def test_both_parents_of_a_parallel_run_that_was_started_twice_speak_for_it():
    run_seen = head_of(
        *(about(0, parent=True), status(1, "completed"), progress(2, 3, episodes_expected=3)),
        *(ended(3, "correct", "parallel_eval_episode_0"), ended(4, "correct", "parallel_eval_episode_0-2")),
        about(5, "main-2", parent=True),
        status(6, "running", "main-2"),
        progress(7, 1, "main-2", episodes_expected=3),
    )
    assert (run_seen["status"], run_seen["episodes_done"], run_seen["episodes_expected"]) == ("running", 4, 6)
    assert run_seen["workers"] == 2


def test_workers_that_are_further_than_their_parent_are_believed():
    workers = [f"parallel_eval_episode_{number}" for number in range(4)]
    run_seen = head_of(
        about(0, parent=True),
        progress(1, 1, episodes_expected=4, modes=evaluated(1, {"correct": 1})),
        *(ended(2, "confused" if number else "correct", name) for number, name in enumerate(workers)),
    )
    assert (run_seen["episodes_done"], run_seen["episodes_expected"]) == (4, 4)
    mode = run_seen["modes"]["eval"]
    assert (mode["accuracy"], mode["outcomes"]) == (0.25, {"confused": 3, "correct": 1})


def test_workers_of_several_modes_are_kept_apart():
    run_seen = head_of(
        ended(1, "correct", "a"), ended(2, "confused", "b"), ended(3, "no_match", "a", mode="train", episode=1)
    )
    assert {name: mode["accuracy"] for name, mode in run_seen["modes"].items()} == {"eval": 0.5, "train": 0.0}
    assert run_seen["episodes_done"] == 3


def test_the_parents_final_word_decides():
    run_seen = head_of(
        about(0, parent=True), status(9, "completed"), status(8, "disconnected", "parallel_eval_episode_0")
    )
    assert (run_seen["status"], run_seen["ended_unix_millis"]) == ("completed", (START + 9 * SECOND) // 1_000_000)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["completed", "running"], "running"),
        (["error", "running"], "running"),
        (["completed", "error"], "error"),
        (["completed", "aborted", "disconnected"], "disconnected"),
        (["paused", "completed"], "paused"),
        (["completed", "completed"], "completed"),
        (["someday_another_word"], "someday_another_word"),
    ],
)
def test_where_each_speaks_for_itself_what_is_alive_then_what_is_worst(words, expected):
    run_seen = head_of(*(status(1, word, f"main-{number}") for number, word in enumerate(words)))
    assert run_seen["status"] == expected
    assert run_seen["workers"] == len(words)


def test_lost_dropped_and_cost_are_those_of_all_workers():
    run_seen = head_of(
        status(1, "running", "a", lost=2, dropped=1),
        status(1, "running", "b", lost=3),
        step(2, worker="a", monitor_micros=100.0),
        *(step(2 + number, worker="b", monitor_micros=200.0) for number in range(3)),
    )
    assert (run_seen["lost"], run_seen["dropped"], run_seen["monitor_micros_per_step"]) == (5, 1, 175.0)


def test_only_workers_that_changed():
    (run,) = of([status(0, "running", "a"), status(0, "running", "b")])
    seen = run.revision
    assert [worker["worker"] for worker in changed_workers(run)] == ["a", "b"]
    assert changed_workers(run, seen) == []
    run.apply(step(1, worker="b"))
    assert [(worker["worker"], worker["rows"]) for worker in changed_workers(run, seen)] == [("b", 1)]


def test_what_is_run_is_told_by_the_parent():
    (run,) = of([about(0, "parallel_eval_episode_0", seed=1), about(1, parent=True, seed=2)])
    assert info(run).seed == 2
    assert run_head(run)["host"] == "lab-7"
    (silent,) = of([status(0, "running")])
    assert info(silent) is None
