"""Whatever is published, the state takes it in, and every view of it is JSON."""

import json

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kit.messages import message_strategies
from kit.messages.message_examples import EXAMPLES
from kit.page.page_state import demo

from monty_mqtt.wire import schema
from monty_mqtt_liveview import views
from monty_mqtt_liveview.state.run import Run
from monty_mqtt_liveview.views import log_search
from monty_mqtt_liveview.views.log_search import LogSearch, find_lines
from monty_mqtt_liveview.views.metric_stretch import MetricStretch


def of_run(workers, modes):
    """Messages of one run and few workers, so that they meet."""
    return st.builds(
        lambda message, worker, mode, episode: msgspec.structs.replace(
            message, run="r", worker=worker, **({"mode": mode, "episode": episode} if hasattr(message, "mode") else {})
        ),
        message_strategies.messages(),
        st.sampled_from(workers),
        st.sampled_from(modes),
        st.integers(0, 3),
    )


def every_view(run):
    yield views.run_head(run)
    yield views.info(run)
    yield views.results(run)
    yield log_search.logs(find_lines(run.logs, LogSearch(level="warning", search="a")))
    yield log_search.events(find_lines(run.events, LogSearch(search="A")))
    yield views.metrics(run)
    yield views.data(run)
    yield views.state(run)
    yield from (MetricStretch.of(course).told() for course in run.metrics.values())
    yield views.changed_workers(run)
    yield views.episode_rows(run)
    for name, worker in run.workers.items():
        yield views.bulk(worker)
        yield views.graphs(worker)
        yield views.course(worker, points=5)
        yield views.newest_rows(worker, 0)
        yield views.redo(run, name)
        for row in range(worker.steps.count):
            yield views.moment(worker, row)
            yield [views.bulk_at(worker, row, key) for key in worker.bulk]
        for key in worker.episodes:
            yield views.wrong(worker, *key)
            yield views.redo(run, name, *key)
            yield views.find_row(worker, *key, 3)


def read_back(view):
    """A view as a browser reads it: `NaN` would be no JSON."""
    return json.loads(msgspec.json.encode(view), parse_constant=pytest.fail)


def test_a_step_of_an_unknown_mode_beside_an_episode_without_one_has_its_steps_left():
    run, worker = Run("r"), {"run": "r", "worker": "main", "time_unix_nanos": 1}
    run.apply(msgspec.structs.replace(EXAMPLES["info"], **worker, seq=0, limits={"max_total_steps": 9.0}))
    run.apply(schema.EpisodeStarted(**worker, seq=1, mode="", epoch=0, episode=2))
    run.apply(schema.Step(**worker, seq=2, mode="🤖", epoch=0, episode=2, step=3))
    assert read_back(views.moment(run.workers["main"], 0))["steps_left"] == 5


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(of_run(["main", "../x", "parallel_eval_episode_2"], ["train", "eval", "", "🤖"]), max_size=12))
def test_any_messages_in_any_order(messages):
    run = Run("r")
    for message in messages:
        run.apply(message)
    for view in every_view(run):
        read_back(view)
    run.release()
    run.begin_reload()
    for message in reversed(messages):
        run.apply_again(message)
    for view in every_view(run):
        read_back(view)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(st.builds(
    lambda step, time, episode: msgspec.structs.replace(
        step, run="r", worker="main", time_unix_nanos=time, mode="eval", episode=episode
    ),
    message_strategies.of_struct(schema.Step), st.integers(0, 8), st.integers(0, 1),
), max_size=12))  # fmt: skip
def test_any_steps_in_any_order(steps):
    run = Run("r")
    for step in steps:
        run.apply(step)
    for view in every_view(run):
        read_back(view)
    if steps:
        assert run.workers["main"].steps.count == len({step.time_unix_nanos for step in steps})


def test_every_view_of_the_demo():
    for run in demo():
        for view in every_view(run):
            read_back(view)
