"""How far a worker is, told by a clock of the test's own."""

from __future__ import annotations

from monty_mqtt.monitor.progress import ProgressTracker, RunPosition
from monty_mqtt.wire.mode_sum import Finished

CORRECT = Finished("eval", 5, "correct", 1)


def test_steps_are_counted_by_mode_and_in_all():
    progress = ProgressTracker(0.0, {"eval": 4})
    progress.episode_began(RunPosition("train", 0, 0), 0.0)
    assert [progress.stepped(step) for step in range(3)] == [0, 1, 2]
    progress.episode_ended(Finished("train", 3), 1.0)
    progress.episode_began(RunPosition("eval", 1, 7), 1.0)
    assert [progress.stepped(step) for step in range(2)] == [3, 4]
    fields = progress.fields(2.0, 0)
    assert {name: mode.steps for name, mode in fields["modes"].items()} == {"eval": 2, "train": 3}
    assert (fields["mode"], fields["epoch"], fields["episode"], fields["step"]) == ("eval", 1, 7, 1)
    assert (fields["episodes_done"], fields["episodes_expected"], fields["elapsed_secs"]) == (1, 4, 2.0)


def test_episodes_are_added_up_by_mode():
    """Training and evaluation are never one number: Monty's CSV, its overall statistics and W&B keep them apart."""
    progress = ProgressTracker(0.0, {"train": 2, "eval": 2})
    for mode, outcome in (("train", "no_match"), ("train", "no_match"), ("eval", "correct"), ("eval", "confused_mlh")):
        progress.episode_ended(Finished(mode, 5, outcome, int(outcome == "correct")), 1.0)
    fields = progress.fields(1.0, 0)
    assert list(fields["modes"]) == ["eval", "train"]
    totals = {name: (mode.accuracy, mode.outcomes, mode.episodes_expected) for name, mode in fields["modes"].items()}
    assert totals == {"eval": (0.5, {"correct": 1, "confused_mlh": 1}, 2), "train": (0.0, {"no_match": 2}, 2)}
    assert (fields["episodes_done"], fields["episodes_expected"]) == (4, 4), "the bar of the whole run"
    assert not {"outcomes", "correct"} & fields.keys()


def test_at_most_once_a_second():
    progress = ProgressTracker(10.0, {})
    assert [progress.due(10.0 + 0.25 * tick) for tick in range(9)] == [True, *[False] * 3, True, *[False] * 3, True]


def test_estimated_end_comes_from_the_mean_episode():
    progress = ProgressTracker(0.0, {"eval": 4})
    progress.episode_began(RunPosition("eval", 0, 0), 0.0)
    assert progress.fields(5.0, 0)["estimated_end_unix_nanos"] is None
    progress.episode_ended(CORRECT, 10.0)
    progress.episode_began(RunPosition("eval", 0, 1), 10.0)
    assert progress.fields(12.0, 1000)["estimated_end_unix_nanos"] == 1000 + 28 * 10**9


def test_estimated_end_is_told_at_the_end_of_an_episode_too():
    progress = ProgressTracker(0.0, {"eval": 2})
    progress.episode_began(RunPosition("eval", 0, 0), 0.0)
    progress.episode_ended(CORRECT, 10.0)
    assert progress.fields(10.0, 0)["estimated_end_unix_nanos"] == 10 * 10**9
    progress.episode_began(RunPosition("eval", 0, 1), 10.0)
    progress.episode_ended(CORRECT, 20.0)
    assert progress.fields(20.0, 0)["estimated_end_unix_nanos"] == 0


def test_estimated_end_is_never_in_the_past():
    progress = ProgressTracker(0.0, {"eval": 2})
    progress.episode_began(RunPosition("eval", 0, 0), 0.0)
    progress.episode_ended(CORRECT, 1.0)
    progress.episode_began(RunPosition("eval", 0, 1), 1.0)
    assert progress.fields(100.0, 5)["estimated_end_unix_nanos"] == 5


def test_estimated_end_is_absent_where_nobody_knows_how_many_there_are():
    progress = ProgressTracker(0.0, {})
    progress.episode_ended(CORRECT, 1.0)
    assert progress.fields(1.0, 0)["estimated_end_unix_nanos"] is None


def test_time_of_the_running_episode():
    progress = ProgressTracker(0.0, {})
    progress.episode_began(RunPosition("eval", 0, 0), 3.0)
    assert progress.episode_secs(5.5) == 2.5


def test_pause_does_not_move_the_estimated_end_but_by_itself():
    progress = ProgressTracker(0.0, {"eval": 3})
    progress.episode_began(RunPosition("eval", 0, 0), 0.0)
    progress.episode_ended(CORRECT, 10.0)
    progress.paused(100.0)
    fields = progress.fields(110.0, 0)
    assert fields["elapsed_secs"] == 10.0
    assert fields["estimated_end_unix_nanos"] == 20 * 10**9
