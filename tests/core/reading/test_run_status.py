"""What is made of messages: views, lines, summaries. No I/O."""

from __future__ import annotations

import msgspec
import pytest
from kit.messages.told_modes import evaluated

from monty_mqtt.errors import ConfigError
from monty_mqtt.wire import message_pieces, schema, topics
from monty_mqtt.wire.run_id import new_run_id
from monty_mqtt_core.reading.run_status import RunStatuses, decode
from monty_mqtt_core.settings.broker_address import HostAndPort
from monty_mqtt_stack.services import broker_acl
from monty_mqtt_stack.services.find_services import parse_address
from monty_mqtt_stack.watch.message_lines import duration, mode_in_words, readable
from monty_mqtt_stack.watch.progress_display import PlainDisplay, describe, overview
from monty_mqtt_stack.watch.summary import summary
from monty_mqtt_stack.watch.watched_experiment import experiment_name

NOW = 1_790_000_000_000_000_000


def message(kind, seq=0, *, run="run", worker="main", **fields):
    return kind(run=run, worker=worker, seq=seq, time_unix_nanos=NOW + seq, **fields)


SENSOR = message_pieces.SensorModuleInfo(sensor_module="patch", class_name="a.b.Camera")
PARENT = message(
    schema.Info, schema_version=1, experiment="mine", host="lab", experiment_class="a.b.Mine",
    episodes_expected={"eval": 20},
)  # fmt: skip


def view(*messages):
    runs = RunStatuses()
    for message_of_worker in messages:
        runs.apply(message_of_worker)
    return runs.of_run("run")[0]


def ended(seq, episode, outcome, mode="eval"):
    correct = int(outcome == "correct")
    fields = {"mode": mode, "epoch": 0, "episode": episode, "outcome": outcome, "correct": correct, "steps": 7}
    return message(schema.EpisodeEnded, seq, **fields)


def test_the_highest_seq_wins_and_repeats_do_not_count():
    worker = view(
        message(schema.Status, 1, status="running"),
        ended(5, 0, "correct"),
        ended(5, 0, "correct"),
        ended(6, 1, "time_out"),
        message(schema.Status, 9, status="completed"),
        message(schema.Status, 1, status="running"),
    )
    assert worker.word == "completed"
    assert not worker.is_live
    assert worker.modes["eval"].outcomes == {"correct": 1, "time_out": 1}
    assert worker.episodes_done == 2


def test_outcomes_come_from_progress_where_the_episodes_were_before_us():
    worker = view(
        message(schema.Progress, 9, mode="eval", episodes_done=3, modes=evaluated(correct=3)), ended(8, 2, "correct")
    )
    assert worker.modes == evaluated(correct=3)
    assert worker.episodes_done == 3


def test_the_summary_adds_up_workers():
    runs = RunStatuses()
    for worker in ("a", "b"):
        runs.apply(message(schema.Status, 10, worker=worker, status="completed", lost=2))
        cost = {"monitor_micros": 200.0, "step_secs": 0.1}
        step = {"mode": "eval", "epoch": 0, "episode": 0, "step": 0, "total_step": 0}
        runs.apply(message(schema.Step, 9, worker=worker, **step, **cost))
        end = {"status": "completed", "bulk_seq": 5, "bulk_dropped": 2, "monitor_micros_per_step": 40.0}
        runs.apply(message(schema.End, 11, worker=worker, **end))
        runs.apply(
            message(
                schema.EpisodeEnded, 7, worker=worker, mode="eval", epoch=0, episode=0, outcome="correct", correct=1
            )
        )
    assert summary(runs.of_run("run")) == [
        "runs       run (completed)",
        "eval       2 episodes, 100.0 % correct: 2 correct",
        "           mean 0.0 steps",
        "messages   30 sent, 4 lost, 4 dropped",
        "our cost   40 µs per step in the experiment, 0.2 % of its time; bridge, page and broker work beside it",
    ]


def known(**statuses):
    runs = RunStatuses()
    for run, status in statuses.items():
        runs.apply(message(schema.Status, 1, run=run, status=status))
    return runs


def test_the_summary_has_a_line_for_each_run():
    runs = known(**{"demo-1": "completed", "demo-2": "aborted"})
    lines = summary([*runs.of_run("demo-1"), *runs.of_run("demo-2")])
    assert lines[:2] == ["runs       demo-1 (completed)", "           demo-2 (aborted)"]


def test_episodes_without_an_outcome_are_counted():
    def words(done, **outcomes):
        return mode_in_words(schema.ModeProgress(episodes_done=done, outcomes=outcomes))

    assert words(8, no_match=1) == "1 no_match, 7 without an outcome"
    assert words(2, correct=2) == "2 correct"
    assert words(0) == "none yet"


def test_modes_are_named_and_never_added_up():
    worker = view(*(ended(at, at, "no_match", mode="train") for at in range(2)), ended(2, 0, "correct"))
    worker.apply(ended(3, 1, "confused_mlh"))
    assert summary([worker])[1:5] == [
        "eval       2 episodes, 50.0 % correct: 1 correct, 1 confused_mlh",
        "           mean 7.0 steps",
        "train      2 episodes, 0.0 % correct: 2 no_match",
        "           mean 7.0 steps",
    ]
    assert dict(describe(worker))["outcomes"] == "eval: 1 correct, 1 confused_mlh; train: 2 no_match"
    progress = message(schema.Progress, 5, mode="eval", episodes_done=4, step=3, modes=worker.modes)
    assert readable(progress).endswith("step 3; eval: 1 correct, 1 confused_mlh; train: 2 no_match")


def test_means_are_those_of_monty():
    mode = msgspec.structs.replace(
        evaluated(correct=2)["eval"], rotation_error_degs=3.256, rotation_errors=2, mean_matching_steps=8.5
    )
    worker = view(message(schema.Progress, 1, mode="eval", episodes_done=2, modes={"eval": mode}))
    assert "           mean rotation error 3.26°, 10.0 steps, 8.5 of them matching" in summary([worker])


def test_between_two_episodes_the_new_one_has_no_step_yet():
    where = {"mode": "eval", "epoch": 0}
    worker = view(
        message(schema.Step, 3, **where, episode=0, step=79, total_step=79),
        message(schema.EpisodeStarted, 5, **where, episode=1),
    )
    assert dict(describe(worker))["steps"] == "0 of this episode, 80 in all"


def test_an_end_that_is_overdue_comes_any_moment():
    worker = view(
        message(schema.Status, 1, status="running"),
        message(schema.Progress, 2, mode="eval", episodes_done=1, estimated_end_unix_nanos=NOW),
    )
    assert dict(describe(worker))["estimated end"] == "any moment"
    worker.apply(message(schema.Status, 3, status="paused"))
    assert "estimated end" not in dict(describe(worker)), "nobody knows when it is resumed"


@pytest.mark.parametrize(
    ("objects", "text"),
    [
        (["mug"], "mug"),
        (["mug", "bowl", "mug"], "mug (2 of 3 learning modules), bowl (1 of 3 learning modules)"),
        ([], None),
    ],
)
def test_what_learning_modules_believe(objects, text):
    modules = {
        f"LM_{at}": schema.LearningModuleStep(most_likely=schema.Hypothesis(object=name))
        for at, name in enumerate(objects)
    }
    where = {"mode": "eval", "epoch": 0, "episode": 0, "step": 0}
    worker = view(message(schema.Step, 3, **where, learning_modules=modules))
    assert dict(describe(worker)).get("most likely") == text


def test_the_progress_names_a_graph_by_what_it_was_learned_from_too():
    module = schema.LearningModuleStep(
        most_likely=schema.Hypothesis(object="new_object1"), most_likely_targets=["cup", "mug"]
    )
    worker = view(message(schema.Step, 3, mode="eval", epoch=0, episode=0, step=0, learning_modules={"LM": module}))
    assert dict(describe(worker))["most likely"] == "new_object1 = cup + mug"


def test_the_summary_names_the_error():
    error = {"error_type": "ValueError", "error_message": "no such object"}
    assert summary([view(message(schema.Status, 3, status="error", **error))])[-1] == (
        "error      main: ValueError: no such object"
    )


@pytest.mark.parametrize(
    ("one", "line"),
    [
        (message(schema.Status, status="error", error_type="A", error_message="b"), "status: error, A: b"),
        (message(schema.Info, schema_version=1, experiment="mine", host="lab"), "info: mine, on lab"),
        (
            message(
                schema.Info, schema_version=1, experiment="mine", host="lab", experiment_class="a.b.Mine",
                sensor_modules=[SENSOR],
            ),
            "info: mine (Mine), 0 learning, 1 sensor modules, on lab",
        ),
        (PARENT, "info: mine, 20 episodes in parallel, on lab"),
        (message(schema.Status, status="paused", reason="look"), "status: paused, look"),
        (message(schema.Histogram, name="w", counts=[3, 1], edges=[0, 1, 2]), "histogram: w, 4 values in 2 bins"),
        (
            message(schema.Table, name="t", columns=["object", "seen"], rows=[["mug", 9]], metadata={"epoch": 1}),
            'table: t, 1 rows of object, seen {"epoch": 1}',
        ),
        (message(schema.Metric, name="loss", value=0.5, metadata={"epoch": 1}), 'metric: loss = 0.5 {"epoch": 1}'),
        (message(schema.Log, level="info", message="a\x1b[2Jb\nc"), "log: info a [2Jb c"),
        (message(schema.CommandResult, id="1", status="obeyed", detail="now"), "command result: obeyed, now"),
        (
            message(
                schema.Step, mode="eval", epoch=0, episode=2, step=3,
                learning_modules={
                    "LM_0": schema.LearningModuleStep(
                        most_likely=schema.Hypothesis(object="mug", evidence=3.14159), margin=1.5
                    ),
                    "LM_1": schema.LearningModuleStep(),
                },
            ),
            "step: eval 2.3  LM_0 mug 3.14 (+1.50)",
        ),
        (
            message(
                schema.Step, mode="eval", epoch=0, episode=2, step=3,
                learning_modules={
                    "LM_0": schema.LearningModuleStep(
                        most_likely=schema.Hypothesis(object="new_object0"), most_likely_targets=["mug"],
                        is_correct=True,
                    ),
                    "LM_1": schema.LearningModuleStep(
                        most_likely=schema.Hypothesis(object="mug"), is_correct=False
                    ),
                    "LM_2": schema.LearningModuleStep(most_likely=schema.Hypothesis(object="new_object0"), is_new=True),
                },
            ),
            "step: eval 2.3  LM_0 new_object0 = mug right  LM_1 mug wrong  LM_2 a new object",
        ),
    ],
)  # fmt: skip
def test_a_message_is_one_readable_line(one, line):
    assert readable(one).partition(" main ")[2] == line


@pytest.mark.parametrize("kind", sorted(schema.KINDS))
def test_every_kind_that_is_json_is_readable(kind):
    cls = schema.KINDS[kind]
    required = [field for field in msgspec.structs.fields(cls) if field.required]
    fields = {field.name: 1 if field.type is int else "x" for field in required}
    assert "\n" not in readable(cls(**{**fields, "time_unix_nanos": NOW}))


def test_what_is_not_a_message_is_skipped():
    topic = topics.build("run", "main", "status")
    assert decode(topic, b"not JSON") is None
    assert decode("monty/v1/run/main/evidence/LM_0", b"{}") is None
    assert decode("monty/v1/run/main/command", b"{}") is None
    assert decode("elsewhere", b"{}") is None
    assert decode(topic, schema.encode(message(schema.Status, status="running"))).status == "running"


@pytest.mark.parametrize(
    ("secs", "text"), [(4.23, "4.2 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")]
)
def test_durations_are_as_long_as_they_need(secs, text):
    assert duration(secs) == text


def test_progress_shows_phase_episode_step_outcomes_and_end(capsys):
    target = schema.Target(object="mug")
    worker = view(
        message(schema.Status, 1, status="running"),
        message(schema.EpisodeStarted, 2, mode="eval", epoch=0, episode=1, target=target),
        message(schema.Step, 3, mode="eval", epoch=0, episode=1, step=4, total_step=24),
        message(
            schema.Progress, 4, mode="eval", episode=1, episodes_done=1, episodes_expected=9,
            modes=evaluated(correct=1), estimated_end_unix_nanos=NOW * 2,
        ),
    )  # fmt: skip
    rows = dict(describe(worker))
    assert rows["phase"] == "recognising (eval), running"
    assert rows["episode"] == "1 of 9 done, target mug"
    assert rows["steps"] == "5 of this episode, 25 in all"
    assert rows["outcomes"] == "eval: 1 correct"
    assert "in " in rows["estimated end"]
    display = PlainDisplay(every_secs=1000)
    display.update("demo", [worker])
    display.update("demo", [worker])
    assert capsys.readouterr().out.startswith("demo main: phase recognising (eval), running, episode 1 of 9")


def parallel(status="running", reason=None, workers=2):
    """A parallel run of which half is done."""
    runs = RunStatuses()
    runs.apply(PARENT)
    runs.apply(message(schema.Status, 1, status=status, reason=reason))
    done = {"episodes_done": 10, "episodes_expected": 20, "modes": evaluated(correct=10)}
    runs.apply(message(schema.Progress, 2, mode="eval", **done))
    for number in range(workers):
        where = {"worker": f"parallel_eval_episode_{number}", "mode": "eval", "epoch": 0, "episode": number}
        runs.apply(message(schema.Info, 0, worker=where["worker"], schema_version=1, sensor_modules=[SENSOR]))
        runs.apply(message(schema.Status, 1, worker=where["worker"], status=status, reason=reason))
        runs.apply(message(schema.EpisodeStarted, 2, **where, target=schema.Target(object="mug")))
        runs.apply(message(schema.Step, 3, **where, step=4))
    return runs.of_run("run")


def test_a_parallel_run_is_shown_as_a_whole_and_each_worker_in_a_line(capsys):
    assert overview(parallel()) == [
        ("phase", "recognising (eval), running"),
        ("episode", "10 of 20 done"),
        ("outcomes", "eval: 10 correct"),
        ("parallel_eval_episode_0", "running, step 5, target mug"),
        ("parallel_eval_episode_1", "running, step 5, target mug"),
    ]
    PlainDisplay().update("demo", parallel())
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_of_very_many_workers_some_are_shown():
    rows = overview(parallel(workers=48))
    assert len(rows) == 3 + 12 + 1
    assert rows[-1] == ("…", "and 36 more workers")


def test_the_summary_of_a_parallel_run_counts_no_episode_twice():
    workers = parallel("aborted", "stopped by command after 10 episodes", workers=0)
    for number in range(10):
        worker = RunStatuses()
        fields = {"worker": f"parallel_eval_episode_{number}", "mode": "eval", "epoch": 0, "episode": number}
        workers.append(worker.apply(message(schema.EpisodeEnded, 1, **fields, outcome="correct", correct=1)))
        worker.apply(message(schema.Status, 2, worker=fields["worker"], status="completed"))
    assert summary(workers)[:2] == [
        "runs       run (aborted: stopped by command after 10 episodes)",
        "eval       10 episodes, 100.0 % correct: 10 correct",
    ]


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ({"status": "paused"}, "starting, paused"),
        ({"status": "paused", "reason": "look"}, "starting, paused, look"),
        ({"status": "running", "reason": "stops after this episode"}, "starting, running, stops after this episode"),
        ({"status": "running", "stalled": True}, "starting, running, stalled"),
    ],
)
def test_what_was_commanded_is_shown(status, shown):
    assert overview([view(message(schema.Status, 1, **status))])[0] == ("phase", shown)


def test_several_workers_are_named_and_none_is_starting():
    runs = RunStatuses()
    for name in ("a", "b"):
        runs.apply(message(schema.Status, 1, worker=name, status="running"))
    assert [value for name, value in overview(runs.of_run("run")) if name == "worker"] == ["a", "b"]
    assert overview([]) == [("phase", "starting")]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("lab", HostAndPort("lab", 1883)),
        ("lab:99", HostAndPort("lab", 99)),
        ("[::1]:99", HostAndPort("::1", 99)),
        ("[::1]", HostAndPort("::1", 1883)),
    ],
)
def test_addresses(text, address):
    assert parse_address(text, 1883) == address


@pytest.mark.parametrize("text", ["", ":1883", "lab:", "lab:mqtt", "lab:0", "lab:70000"])
def test_wrong_addresses_say_what_is_allowed(text):
    with pytest.raises(ConfigError, match=r"HOST or HOST:PORT"):
        parse_address(text, 1883)


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        (["experiment=test/evidence_lm/evidence_mujoco", "seed=1"], "evidence_mujoco"),
        (["seed=1", "+experiment=mine"], "mine"),
        (["seed=1"], "experiment"),
    ],
)
def test_a_run_is_named_for_its_experiment(overrides, name):
    assert experiment_name(overrides) == name
    assert new_run_id(name).startswith(f"{name}-2")
    assert new_run_id(name) != new_run_id(name)


@pytest.mark.parametrize(
    ("topic_filter", "topic", "is_match"),
    [
        ("monty/#", "monty/v1/a", True),
        ("monty/#", "monty", True),
        ("monty/+/a", "monty/v1/a", True),
        ("monty/+", "monty/v1/a", False),
        ("#", "$SYS/broker/uptime", False),
        ("$SYS/#", "$SYS/broker/uptime", True),
        ("monty/v1/+/+/command", "monty/v1/run/main/command/result", False),
    ],
)
def test_topic_filters(topic_filter, topic, is_match):
    assert broker_acl.matches(topic_filter, topic) == is_match


def test_a_rule_that_is_none_is_named():
    with pytest.raises(ConfigError, match="topic raed"):
        broker_acl.parse("topic raed monty/#")
