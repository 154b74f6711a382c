"""Pause, step, resume and stop, on real Monty: nothing of its results changes, and nothing finished is lost."""

from __future__ import annotations

import pytest
from compared import is_time, model_of, rows_of
from jobs import DIES_AT, keys_of, messages_of

from monty_mqtt.wire import schema

pytestmark = [pytest.mark.monty, pytest.mark.timeout(900)]


def answers(watched, name):
    run = keys_of(watched.router, name)[0][0]
    found = messages_of(watched.router, name, schema.CommandResult)
    return [(answer.id.replace(run, "").strip(), answer.status, answer.detail) for answer in found]


def told(watched, name):
    return [(status.status, status.reason) for status in messages_of(watched.router, name, schema.Status)]


def test_paused_stepped_and_resumed_run_has_the_results_of_any_other(watched, plain):
    assert watched.process.exits["stepped"] == 0
    assert watched.process.steps("stepped") == plain.steps("recognise")
    ours, theirs = (
        [{key: value for key, value in row.items() if not is_time(key)} for row in rows_of(results / "eval_stats.csv")]
        for results in (watched.process.results("stepped"), plain.results("recognise"))
    )
    assert ours == theirs


def test_pause_is_obeyed_within_one_step_and_a_step_is_a_step(watched):
    assert told(watched, "stepped") == [
        ("running", None),
        ("paused", "enough seen"),
        ("running", "for 3 steps"),
        ("paused", None),
        ("running", None),
        ("completed", None),
    ]
    messages = messages_of(watched.router, "stepped")
    paused = [at for at, one in enumerate(messages) if isinstance(one, schema.Status) and one.status == "paused"]
    steps = [
        [one.total_step for one in part if isinstance(one, schema.Step)]
        for part in (messages[: paused[0]], messages[paused[0] : paused[1]])
    ]
    assert DIES_AT <= steps[0][-1] <= DIES_AT + 2
    assert len(steps[1]) == 3
    first, second, third = answers(watched, "stepped")
    at = next(one for one in messages[paused[0] :: -1] if isinstance(one, schema.Step))
    assert first == ("pause", "obeyed", f"paused at step {at.step} of episode {at.episode}")
    assert second[:2] == ("step", "obeyed")
    assert third[:2] == ("resume", "obeyed")


def test_stopped_run_ends_and_saves_its_episode_and_begins_no_other(watched, plain):
    ended = messages_of(watched.router, "stopped", schema.EpisodeEnded)
    assert len(messages_of(watched.router, "stopped", schema.EpisodeStarted)) == len(ended) == 3
    rows, whole = (
        rows_of(results / "eval_stats.csv")
        for results in (watched.process.results("stopped"), plain.results("recognise"))
    )
    assert [row["highest_evidence"] for row in rows] == [row["highest_evidence"] for row in whole[:3]]
    assert (watched.process.results("stopped") / "0" / "model.pt").exists()
    assert watched.process.exits["stopped"] == 3
    assert answers(watched, "stopped") == [("stop", "obeyed", "stops after episode 2")]
    assert told(watched, "stopped") == [
        ("running", None),
        ("running", "stops after this episode: enough seen"),
        ("aborted", "stopped by command after episode 2: enough seen"),
    ]


def test_stopped_pretraining_saves_what_it_learned(watched):
    saved = model_of(watched.process.model("stopped_learn") / "model.pt")
    ended = messages_of(watched.router, "stopped_learn", schema.EpisodeEnded)
    assert len(ended) == 1
    assert list(saved["lm_dict"][0]["graph_memory"]) == ended[0].learned != []
