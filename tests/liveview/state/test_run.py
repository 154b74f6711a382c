"""Runs and workers, as they are known from messages."""

import numpy as np
from kit.page.page_state import SECOND, START, belief, demo, demo_messages, head, of, only_worker, step
from msgspec import json

from monty_mqtt.wire import schema
from monty_mqtt_liveview.state.episodes import EpisodeKey
from monty_mqtt_liveview.state.run import Runs
from monty_mqtt_liveview.views import rows


def started(at, episode=0, **more):
    target = schema.Target(object=more.pop("target", "mug"))
    return schema.EpisodeStarted(**head(at), mode="eval", epoch=0, episode=episode, target=target, **more)


def two_episodes():
    return [
        started(0, 0),
        *(step(1 + number, episode=0, number=number) for number in range(3)),
        started(10, 1),
        *(step(11 + number, episode=1, number=number) for number in range(4)),
    ]


def shown(worker):
    return json.encode(rows(worker.steps, np.arange(worker.steps.count)))


def rows_of(worker):
    return {
        key.episode: (episode.first_row, episode.last_row, episode.steps) for key, episode in worker.episodes.items()
    }


def test_the_demo_has_two_runs():
    learning, recognising = demo()
    assert [len(run.workers) for run in (learning, recognising)] == [1, 1]
    assert learning.workers["main"].steps.count == 640
    assert [key.mode for key in learning.workers["main"].episodes] == ["train"] * 8
    assert [key.episode for key in recognising.workers["main"].episodes] == list(range(12))


def test_every_episode_knows_its_rows():
    assert rows_of(only_worker(two_episodes())) == {0: (0, 2, 3), 1: (3, 6, 4)}


def test_a_step_that_comes_late_moves_rows():
    messages = two_episodes()
    messages.append(messages.pop(2))
    worker = only_worker(messages)
    assert worker.generation == 1
    assert rows_of(worker) == {0: (0, 2, 3), 1: (3, 6, 4)}
    assert worker.steps.step.view(7).tolist() == [0, 1, 2, 0, 1, 2, 3]


def test_a_step_that_comes_in_time_moves_none():
    assert only_worker(two_episodes()).generation == 0


def test_everything_notes_when_it_changed():
    (run,) = of(two_episodes())
    worker, seen = run.workers["main"], run.revision
    assert (run.revision, worker.revision) == (9, 9)
    run.apply(step(20, episode=1, number=4))
    assert worker.revision == 10
    assert [key.episode for key, episode in worker.episodes.items() if episode.revision > seen] == [1]
    run.apply(schema.Log(**head(21, "other"), level="info", message="x"))
    assert (run.logs.revision, worker.revision, run.workers["other"].revision) == (11, 10, 11)


def test_each_kind_has_its_place():
    (run,) = of(
        [
            schema.Info(**head(0), schema_version=1, experiment="e"),
            schema.Log(**head(1), level="info", message="x"),
            schema.Event(**head(2), event="x"),
            schema.Metric(**head(3), name="loss", value=1.0),
            schema.Data(**head(4), stream="s", data=[1]),
            schema.State(**head(5), state={"a": 1}),
            schema.CommandResult(**head(6), id="c", status="obeyed"),
        ]
    )
    assert (run.info_revision, run.logs.count, run.events.count) == (1, 1, 1)
    assert (list(run.metrics), list(run.data), list(run.states)) == (
        [("main", "loss")],
        [("main", "s")],
        [("main", "")],
    )
    assert run.newest_unix_nanos == START + 6 * SECOND


def test_released_steps_are_counted_and_not_kept():
    (run,) = of(two_episodes())
    worker, generation = run.workers["main"], run.workers["main"].generation
    size = run.nbytes
    for number in range(1000):
        run.apply(step(100 + number, episode=2, number=number, modules={"LM": belief({"mug": 1})}))
    assert run.nbytes > size
    run.release()
    run.apply(step(5000, episode=3, number=0))
    run.apply(step(5001, episode=3, worker="new"))
    assert run.is_released
    assert run.nbytes < 100_000
    assert (worker.steps.count, worker.steps_heard, run.workers["new"].steps.count) == (0, 1008, 0)
    assert worker.generation > generation
    assert rows_of(worker)[3] == (-1, -1, 1)


def test_what_was_released_comes_back():
    last = demo_messages()[-1].run
    messages = [message for message in demo_messages() if message.run == last]
    (run,) = of(messages)
    worker = run.workers["main"]
    before, episodes, logs = shown(worker), rows_of(worker), run.logs.count
    run.release()
    run.begin_reload()
    for message in (*messages, *messages[100:200]):
        run.apply_again(message)
    assert not run.is_released
    assert shown(worker) == before
    assert (rows_of(worker), run.logs.count, worker.steps_heard) == (episodes, logs, 261)


def test_a_step_that_comes_while_others_are_loaded_again_is_there_once():
    messages = two_episodes()
    (run,) = of(messages)
    run.release()
    run.begin_reload()
    run.apply(step(20, episode=1, number=4))
    for message in (*messages, step(20, episode=1, number=4)):
        run.apply_again(message)
    assert rows_of(run.workers["main"]) == {0: (0, 2, 3), 1: (3, 7, 5)}


def test_a_lost_status_does_not_leave_a_run_running():
    worker = only_worker([schema.Status(**head(0), status="running"), schema.End(**head(1), status="completed")])
    assert (worker.word, worker.is_live) == ("completed", False)


def test_a_status_that_comes_late_changes_nothing():
    worker = only_worker([schema.Status(**head(5), status="completed"), schema.Status(**head(1), status="running")])
    assert worker.word == "completed"


def test_the_rate_is_that_of_the_latest_steps():
    worker = only_worker([step(number / 4) for number in range(100)])
    assert worker.steps_per_sec == 4.0
    assert only_worker([step(0)]).steps_per_sec is None
    assert only_worker([step(0), step(1), schema.Status(**head(2), status="completed")]).steps_per_sec is None


def test_a_run_is_forgotten():
    runs = Runs()
    run = runs.apply(step(0))
    assert runs.by_name == {"r": run}
    runs.forget("r")
    runs.forget("r")
    assert runs.by_name == {}


def test_modes_of_the_same_number_are_two_episodes():
    worker = only_worker([step(0, mode="train"), step(1, mode="eval"), step(2, mode="other")])
    assert list(worker.episodes) == [EpisodeKey("train", 0), EpisodeKey("eval", 0), EpisodeKey("other", 0)]
