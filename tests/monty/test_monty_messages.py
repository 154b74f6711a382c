"""What the bridge receives is what Monty computed and wrote."""

from __future__ import annotations

import json
import math
import struct
from collections import Counter

import pytest
from compared import episodes_of, model_of, rows_of
from jobs import bulk_of, keys_of, messages_of
from tbp.monty.geometry import Rotation

from monty_mqtt.wire import schema

pytestmark = [pytest.mark.monty, pytest.mark.timeout(900)]

JOBS = ("mini_learn", "recognise", "silent", "late")
FIVE = [f"learning_module_{index}" for index in range(5)]


def router_of(watched, name):
    return watched.late if name == "late" else watched.router


@pytest.mark.parametrize("name", [*JOBS, "raises", "interrupted", "aborted"])
def test_every_seq_comes_once_and_in_order(watched, name):
    router = router_of(watched, name)
    messages = messages_of(router, name)
    assert [message.seq for message in messages] == list(range(len(messages)))
    stamps = [message.time_unix_nanos for message in messages]
    assert stamps == sorted(set(stamps))
    end = messages[-1]
    assert isinstance(end, schema.End)
    assert (end.dropped, end.errors) == (0, 0)
    bulk = bulk_of(router, name, schema.Message)
    assert end.bulk_seq == len(bulk) + end.bulk_dropped
    assert keys_of(router, name)[0][1] == "main"


@pytest.mark.parametrize("name", JOBS)
def test_a_run_says_first_what_it_is(watched, name):
    messages = messages_of(router_of(watched, name), name)
    info, running = messages[:2]
    assert isinstance(info, schema.Info)
    assert (info.run_name, info.seed, info.do_eval) == (name, 42, name != "mini_learn")
    kind = "MontySupervisedObjectPretrainingExperiment" if name == "mini_learn" else "MontyObjectRecognitionExperiment"
    assert info.experiment_class.endswith("." + kind)
    assert info.episodes_expected == ({"train": 2} if name == "mini_learn" else {"eval": 4})
    assert info.versions["tbp-monty"] == "0.55.0"
    assert running.status == "running"
    assert [m.status for m in messages if isinstance(m, schema.Status)] == ["running", "completed"]


def test_info_tells_modules_limits_and_configuration(watched):
    (info,) = messages_of(watched.router, "recognise", schema.Info)
    (module,) = info.learning_modules
    assert module.objects == ["capsule3DSolid", "cubeSolid"]
    assert module.sensor_modules == ["patch"]
    assert module.thresholds["x_percent_threshold"] == 10
    assert [sm.sensor_module for sm in info.sensor_modules] == ["patch", "view_finder"]
    assert info.limits == {"max_train_steps": 1000, "max_eval_steps": 20, "max_total_steps": 6000, "min_lms_match": 1}
    assert info.config["recognition_policy"]["max_eval_steps"] == 20
    assert info.config["logging"]["run_name"] == "recognise"
    assert info.output_dir == str(watched.process.results("recognise"))
    assert info.model_path == str(watched.process.model("mini_learn"))


def test_one_step_message_for_every_step_of_the_model(watched):
    for name in ("mini_learn", "recognise", "silent", "user_five", "displaced"):
        lines = watched.process.steps(name)[:-1]
        steps = messages_of(watched.router, name, schema.Step)
        assert [step.step for step in steps] == [int(line.split()[0]) for line in lines]
        assert [step.total_step for step in steps] == list(range(len(lines)))
        assert [str(step.actions) for step in steps] == [line.split(" ", 2)[2] for line in lines]
        modes = {"mini_learn": {"train"}, "user_five": {"train", "eval"}, "displaced": {"train", "eval"}}
        assert {step.mode for step in steps} == modes.get(name, {"eval"})


@pytest.mark.parametrize(("name", "modules"), [("recognise", FIVE[:1]), ("late", FIVE[:1]), ("user_five", FIVE)])
def test_evidence_and_most_likely_hypothesis_are_what_monty_wrote_for_every_step(watched, name, modules):
    written = episodes_of(watched.process.results(name) / "detailed_run_stats.json")
    began = messages_of(router_of(watched, name), name, schema.EpisodeStarted)
    assert len(written) == len(began) >= 3
    for place, episode in zip(began, written):
        steps = [s for s in messages_of(router_of(watched, name), name, schema.Step) if same_episode(s, place)]
        for index, module in enumerate(modules):
            assert_same_beliefs(steps, module, episode[f"LM_{index}"])


def same_episode(step, place):
    return (step.mode, step.epoch, step.episode) == (place.mode, place.epoch, place.episode)


def assert_same_beliefs(steps, module, written):
    """Monty writes a line for every step in which the module matched; we send one for every step."""
    matched = [step for step, processed in zip(steps, written["lm_processed_steps"]) if processed]
    lines = zip(written["evidences"], written["current_mlh"], written["possible_matches"])
    for whole, (evidences, mlh, matches) in zip(matched, lines):
        step = whole.learning_modules[module]
        if whole.step_type != "matching_step":
            continue  # after it wrote the line, Monty raised the evidence, so that it learns from this step on
        assert step.evidence == {graph: max(values) for graph, values in evidences.items() if values}
        assert step.hypothesis_counts == {graph: len(values) for graph, values in evidences.items()}
        assert step.possible_matches == matches
        assert_same_hypothesis(step.most_likely, mlh)


def assert_same_hypothesis(ours, written):
    assert (ours.object, ours.scale) == (written["graph_id"], written["scale"])
    assert ours.evidence == written["evidence"]
    assert ours.location == written["location"]
    x, y, z, w = ours.rotation
    theirs = Rotation.from_euler("xyz", written["rotation"], degrees=True)
    assert (Rotation.from_quat([w, x, y, z]) * theirs.inv())._rot.magnitude() < 1e-6


@pytest.mark.parametrize("name", ["recognise", "late", "raises", "aborted"])
def test_outcome_of_every_episode_is_what_monty_wrote(watched, name):
    ended = messages_of(router_of(watched, name), name, schema.EpisodeEnded)
    rows = rows_of(watched.process.results(name) / "eval_stats.csv")
    assert len(ended) == len(rows) >= 2
    for episode, row in zip(ended, rows):
        part = episode.learning_modules["learning_module_0"]
        assert episode.outcome == part.outcome == row["primary_performance"]
        assert episode.correct == int(row["primary_performance"] in ("correct", "correct_mlh"))
        assert episode.used_mlh == int(row["primary_performance"].endswith("_mlh"))
        assert part.stepwise_outcome == row["stepwise_performance"]
        assert part.most_likely_object == row["most_likely_object"]
        assert part.highest_evidence == float(row["highest_evidence"])
        assert part.rotation_error_degs == (float(row["rotation_error"]) if row["rotation_error"] else None)
        assert episode.rotation_error_degs == part.rotation_error_degs
        assert part.prediction_error == float(row["episode_avg_prediction_error"])
        assert (part.steps, part.tfnp) == (int(row["num_steps"]), row["TFNP"])
        assert episode.matching_steps == int(row["monty_matching_steps"])
        assert episode.episode_seed == int(row["episode_seed"])
        assert episode.target.object == row["primary_target_object"]
        euler = [float(part) for part in row["primary_target_rotation_euler"].strip("[]").split()]
        assert episode.target.rotation_euler_degs == euler


def test_outcome_of_the_whole_model_is_montys(watched):
    lines = (watched.process.results("user_five") / "handler.txt").read_text().splitlines()[:-1]
    ended = messages_of(watched.router, "user_five", schema.EpisodeEnded)
    assert len(lines) == len(ended) == 3
    assert {len({part.outcome for part in episode.learning_modules.values()}) for episode in ended} != {1}
    for episode, line in zip(ended, map(json.loads, lines)):
        assert (episode.mode, episode.episode) == (line["mode"], line["episode"])
        assert episode.correct == line["episode/correct"]
        assert int(episode.outcome in ("confused", "confused_mlh")) == line["episode/confused"]
        assert int(episode.outcome == "no_match") == line["episode/no_match"]
        assert int(episode.outcome == "time_out") == line["episode/time_out"]
        assert episode.used_mlh == max(line["episode/correct_mlh"], line["episode/confused_mlh"])


def test_module_without_evidence_leaves_out_what_it_has_not(watched):
    for step in messages_of(watched.router, "displaced", schema.Step):
        part = step.learning_modules["learning_module_0"]
        assert (part.evidence, part.most_likely, part.hypothesis_counts, part.margin) == (None,) * 4
        assert part.target_object in ("capsule3DSolid", "cubeSolid")
    rows = [
        row for mode in ("train", "eval") for row in rows_of(watched.process.results("displaced") / f"{mode}_stats.csv")
    ]
    ended = messages_of(watched.router, "displaced", schema.EpisodeEnded)
    assert [episode.outcome for episode in ended] == [row["primary_performance"] for row in rows]
    assert not bulk_of(watched.router, "displaced", schema.Hypotheses)


def test_silent_run_tells_the_same_outcomes(watched):
    loud, silent = (
        [(e.outcome, e.steps, e.learning_modules) for e in messages_of(watched.router, name, schema.EpisodeEnded)]
        for name in ("recognise", "silent")
    )
    assert loud == silent
    assert not (watched.process.results("silent") / "eval_stats.csv").exists()


def test_live_rotation_error_ends_where_the_episodes_does(watched):
    steps = messages_of(watched.router, "recognise", schema.Step)
    for episode in messages_of(watched.router, "recognise", schema.EpisodeEnded):
        part = [step for step in steps if step.episode == episode.episode][-1].learning_modules["learning_module_0"]
        if episode.outcome == "correct" and part.symmetry_evidence < 5:
            assert part.rotation_error_degs == pytest.approx(episode.rotation_error_degs, abs=1e-3)
        if episode.outcome == "confused":
            assert part.rotation_error_degs is None


def test_confused_episode_shows_in_the_progress(watched):
    outcomes = Counter(e.outcome for e in messages_of(watched.router, "recognise", schema.EpisodeEnded))
    last = messages_of(watched.router, "recognise", schema.Progress)[-1]
    (told,) = last.modes.values()
    assert (told.outcomes, told.correct) == (dict(outcomes), outcomes["correct"])
    assert (last.episodes_done, last.episodes_expected, told.episodes_expected) == (4, 4, 4)
    assert told.steps == sum(e.steps for e in messages_of(watched.router, "recognise", schema.EpisodeEnded))


def test_each_mode_comes_to_what_montys_overall_statistics_say(watched):
    lines = (watched.process.results("user_five") / "handler.txt").read_text().splitlines()[:-1]
    montys = {line["mode"]: line for line in map(json.loads, lines)}
    told = messages_of(watched.router, "user_five", schema.Progress)[-1].modes
    assert list(told) == sorted(montys) == ["eval", "train"]
    for mode, line in montys.items():
        ours = told[mode]
        assert 100 * ours.accuracy == pytest.approx(line["overall/percent_correct"])
        assert ours.episodes_done == line["overall/num_episodes"]
        assert ours.mean_steps == pytest.approx(line["overall/avg_num_monty_steps"])
        assert ours.mean_matching_steps == pytest.approx(line["overall/avg_num_monty_matching_steps"])
        error = line["overall/avg_rotation_error"]
        assert ours.rotation_error_degs == (None if math.isnan(error) else pytest.approx(error))


def test_pretraining_tells_what_was_learned(watched):
    ended = messages_of(watched.router, "mini_learn", schema.EpisodeEnded)
    assert [episode.learned for episode in ended] == [["capsule3DSolid"], ["cubeSolid"]]
    assert [episode.outcome for episode in ended] == [None, None], "it is told what it sees: nothing is matched"
    assert {part.outcome for episode in ended for part in episode.learning_modules.values()} == {None}
    (told,) = messages_of(watched.router, "mini_learn", schema.Progress)[-1].modes.values()
    assert (told.episodes_done, told.outcomes, told.accuracy) == (2, {}, None)
    graphs = model_of(watched.process.model("mini_learn") / "model.pt")["lm_dict"][0]["graph_memory"]
    taken = [
        t
        for t in watched.router.taken[keys_of(watched.router, "mini_learn")[0]]
        if type(t.message) is schema.ObjectModel
    ]
    assert [t.message.object for t in taken] == ["capsule3DSolid", "cubeSolid"]
    for message, (buffer,) in ((t.message, t.buffers) for t in taken):
        points = graphs[message.object]["patch"].pos
        assert (message.count, message.channel) == (len(points), "patch")
        assert list(struct.unpack(f"<{message.count * 3}f", buffer)) == points.float().flatten().tolist()


def test_frames_are_whole_images_of_every_sensor(watched):
    frames = bulk_of(watched.router, "recognise", schema.Frame)
    kinds = {(frame.message.sensor, frame.message.modality) for frame in frames}
    assert kinds == {(sensor, kind) for sensor in ("patch", "view_finder") for kind in ("rgba", "depth")}
    for message, (pixels,) in frames:
        assert (message.height, message.width, len(pixels)) == (64, 64, 64 * 64 * 4)
    depths = struct.unpack("<4096f", next(f.buffers[0] for f in frames if f.message.modality == "depth"))
    assert all(math.isfinite(depth) and depth >= 0 for depth in depths)


def test_hypotheses_are_the_strongest_ones(watched):
    clouds = bulk_of(watched.router, "recognise", schema.Hypotheses)
    assert clouds
    steps = {step.total_step: step for step in messages_of(watched.router, "recognise", schema.Step)}
    by_place = {(step.episode, step.step): step for step in steps.values()}
    for message, (locations, evidence, objects) in clouds:
        assert (len(locations), len(evidence), len(objects)) == tuple(size * message.count for size in (12, 4, 2))
        module = by_place[message.episode, message.step].learning_modules["learning_module_0"]
        assert message.total == sum(module.hypothesis_counts.values())
        strongest = struct.unpack("<f", evidence[:4])[0]
        assert strongest == pytest.approx(max(module.evidence.values()), rel=1e-6)
        assert message.objects[struct.unpack("<H", objects[:2])[0]] == module.most_likely.object


def test_telemetry_and_logs_of_monty_arrive(watched):
    events = messages_of(watched.router, "recognise", schema.Event)
    assert {event.event for event in events} == {"GlobalMatchingStep"}
    assert events[0].fields["matching_steps"] == 1
    printed = [line for line in watched.process.output.splitlines() if line.startswith('{"level": "INFO"')]
    assert len(printed) > len(events), "Monty's own handler still prints them"
    logs = messages_of(watched.router, "recognise", schema.Log)
    assert any(log.message == "running eval epoch 0" and log.logger == "tbp.monty" for log in logs)
    assert {log.level for log in logs} <= {"info", "warning"}
    log_file = (watched.process.results("recognise") / "log.txt").read_text()
    assert all(log.message in log_file for log in logs)


def test_sensors_tell_place_and_features(watched):
    for step in messages_of(watched.router, "recognise", schema.Step):
        patch = step.sensor_modules["patch"]
        assert len(patch.location) == 3
        assert math.hypot(*patch.rotation) == pytest.approx(1)
        assert patch.on_object in (True, False)
        assert "view_finder" not in step.sensor_modules, "it has no output"
        if patch.on_object:
            assert len(patch.features["hsv"]) == 3
            assert [math.hypot(*vector) for vector in patch.pose_vectors] == pytest.approx([1] * 3, abs=1)


@pytest.mark.parametrize(("name", "modules"), [("recognise", FIVE[:1]), ("user_five", FIVE)])
def test_errors_and_goal_states_of_the_steps_are_those_that_monty_adds_up(watched, name, modules):
    steps = messages_of(watched.router, name, schema.Step)
    for ended in messages_of(watched.router, name, schema.EpisodeEnded):
        for module in modules:
            of_episode = [step.learning_modules[module] for step in steps if same_episode(step, ended)]
            part = ended.learning_modules[module]
            errors = [step.prediction_error for step in of_episode if step.prediction_error is not None]
            assert all(0 <= error <= 1 for error in errors)
            if part.prediction_error is not None:
                assert sum(errors) / len(errors) == pytest.approx(part.prediction_error)
            answers = [step.is_goal_achieved for step in of_episode if step.is_goal_achieved is not None]
            assert (len(answers), sum(answers)) == (part.goals_attempted, part.goals_achieved)


def test_actions_tell_how_much_they_do(watched):
    steps = messages_of(watched.router, "recognise", schema.Step)
    assert all(len(step.actions) == len(step.action_amounts) for step in steps)
    turns = [
        amounts
        for step in steps
        for action, amounts in zip(step.actions, step.action_amounts)
        if action in ("look_up", "look_down", "turn_left", "turn_right")
    ]
    assert turns
    assert all(math.isfinite(amounts["rotation_degrees"]) for amounts in turns)


def test_cost_and_time_of_every_step_are_told(watched):
    steps = messages_of(watched.router, "recognise", schema.Step)
    assert all(step.monitor_micros > 0 for step in steps[1:])
    assert all((step.step_secs is None) == (step.step == 0) for step in steps)
    assert [step.non_finite for step in steps] == [0] * len(steps)


def test_the_machine_is_told_every_two_seconds(watched):
    messages = messages_of(watched.router, "recognise")
    told = [message for message in messages if isinstance(message, schema.Machine)]
    secs = (messages[-1].time_unix_nanos - messages[0].time_unix_nanos) / 1e9
    assert min(secs, 6) // 3 <= len(told) <= secs / 2
    assert all(later.time_unix_nanos - one.time_unix_nanos > 1.5e9 for one, later in zip(told, told[1:]))
    for message in told:
        assert message.process.cpu_percent > 0
        assert message.process.threads > 1
        assert message.process.memory_bytes > 100 << 20
        assert 0 < message.host.disk_free_bytes < message.host.disk_total_bytes
        assert message.process.gpu_memory_bytes is None
