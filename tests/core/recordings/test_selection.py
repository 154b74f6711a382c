"""What is recorded of what is heard, and when a recording is over."""

import pytest

from monty_mqtt.wire import schema, topics
from monty_mqtt_core.recordings.selection import Selection, Thinning


def heard(kind, seq, *, run="r", worker="main", at=None, **fields):
    time_unix_nanos = 1000 + seq if at is None else at
    message = schema.KINDS[kind](run=run, worker=worker, seq=seq, time_unix_nanos=time_unix_nanos, **fields)
    return topics.of_message(message).topic, schema.encode(message)


def metric(seq, **fields):
    return heard("metric", seq, name="loss", value=0.5, **fields)


def take(intake, *messages, is_retained=False):
    return [entry.seq for message in messages for entry in intake.take(*message, is_retained=is_retained)]


def test_an_entry_has_the_time_and_seq_of_its_message():
    topic, payload = metric(3)
    (entry,) = Selection().take(topic, payload)
    assert entry == (topic, payload, 1003, 3)


def test_a_message_heard_twice_is_recorded_once():
    intake = Selection()
    messages = [metric(seq) for seq in range(5)]
    assert take(intake, *messages, *messages, messages[2]) == [0, 1, 2, 3, 4]
    assert intake.counts.repeated == 6


def test_what_comes_late_behind_a_higher_seq_is_recorded():
    assert take(Selection(), metric(5), metric(1), metric(3), metric(1)) == [5, 1, 3]


def test_bulk_counts_for_itself():
    cloud = heard("hypotheses", 0, learning_module="lm", episode=0, step=0)
    assert take(Selection(), metric(0), cloud, cloud) == [0, 0]


def test_workers_and_runs_count_for_themselves():
    intake = Selection()
    assert take(intake, metric(0), metric(0, worker="other"), metric(0, run="s")) == [0, 0, 0]
    assert intake.runs == ["r", "s"]


def test_a_second_script_with_the_same_names_is_recorded_too():
    first = [metric(seq, at=seq) for seq in range(3)]
    second = [metric(seq, at=100 + seq) for seq in range(3)]
    assert take(Selection(), *first, *second, *second) == [0, 1, 2, 0, 1, 2]


def test_a_bridges_own_status_may_have_the_seq_of_another_message():
    intake = Selection()
    running = heard("status", 1, status="running")
    gone = heard("status", 1, status="disconnected", at=9999)
    assert take(intake, running, metric(2), gone, gone, running) == [1, 2, 1]


def test_a_bridges_own_word_does_not_look_like_a_new_sender():
    intake = Selection()
    messages = [metric(0), heard("status", 1, status="running"), metric(2)]
    refused = heard("command_result", 0, at=10**9, id="c-1", status="refused")
    again = heard("command_result", 0, at=10**9, id="c-2", status="refused")
    assert take(intake, *messages, refused, again, *messages, refused) == [0, 1, 2, 0, 0]


def test_what_the_bridge_derives_and_commands_are_left_out():
    intake = Selection()
    evidence = (topics.build("r", "main", "evidence", "lm"), b'{"step": 1}')
    command = (topics.build("r", "all", "command"), b'{"kind": "command", "id": "1", "command": "abort"}')
    assert take(intake, evidence, command) == []
    assert intake.counts.unreadable == 0


def test_a_cleared_retained_topic_is_left_out():
    intake = Selection()
    assert intake.take(topics.build("r", "main", "info"), b"") == []
    assert intake.counts.unreadable == 0


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("monty/v1/r/main/metric/loss", b"\xff not JSON"),
        ("monty/v1/r/main/metric/loss", b'{"seq": "x"}'),
        ("monty/v1/r/main/nonsense", b"{}"),
        ("monty/raw/v1/r/main/frame/patch/rgba", b"no image"),
        ("monty/raw/v1/r/main/frame/patch/rgba", b"\xff\xd8\xff"),
        ("monty/raw/v1/r/main/model/lm/mug", b"no model"),
        metric(0, at=2**63),
        metric(0, at=-1),
        metric(-1),
    ],
)
def test_what_is_no_message_is_counted(topic, payload):
    intake = Selection()
    assert intake.take(topic, payload) == []
    assert intake.counts.unreadable == 1


def test_retained_messages_of_runs_that_are_over_are_left_out():
    intake = Selection()
    old = [heard("info", 0, schema_version=1), heard("status", 9, status="completed")]
    assert take(intake, *old, is_retained=True) == []
    assert intake.runs == []
    assert not intake.has_ended


def test_retained_messages_of_a_run_that_goes_on_come_first():
    intake = Selection()
    kept = [heard("info", 0, schema_version=1), heard("status", 1, status="running")]
    assert take(intake, *kept, is_retained=True) == []
    assert take(intake, metric(7), metric(8)) == [0, 1, 7, 8]


def test_the_retained_messages_of_the_run_asked_for_are_recorded():
    intake = Selection(run="r")
    kept = [heard("info", 0, schema_version=1), heard("status", 9, status="completed")]
    assert take(intake, *kept, is_retained=True) == [0, 9]
    assert intake.has_ended


def test_it_is_over_when_every_worker_of_every_run_has_ended():
    intake = Selection()
    assert not intake.has_ended
    take(intake, metric(0), metric(0, worker="other"), metric(0, run="s"))
    for ends in ({"worker": "main"}, {"worker": "other"}):
        take(intake, heard("end", 1, status="completed", **ends))
        assert not intake.has_ended
    assert not intake.is_abandoned
    take(intake, heard("status", 1, status="disconnected", run="s"))
    assert intake.is_abandoned
    assert not intake.has_ended
    take(intake, heard("status", 2, status="running", run="s"))
    assert not intake.is_abandoned
    take(intake, heard("status", 3, status="error", run="s"))
    assert intake.has_ended


def test_bulk_is_thinned_per_topic():
    intake = Selection(thinning=Thinning(hypotheses_interval_secs=1))
    clouds = [
        heard("hypotheses", seq, at=seq * 400_000_000, learning_module=module, episode=0, step=0)
        for seq, module in enumerate("abbaabbaab")
    ]
    assert take(intake, *clouds) == [0, 1, 3, 5, 7, 9]
    assert intake.counts.thinned == 4
    assert take(intake, metric(0), metric(1)) == [0, 1]


def test_a_transform_sees_what_is_recorded():
    intake = Selection(transform=lambda entry: entry._replace(payload=entry.payload.replace(b"secret", b"***")))
    (entry,) = intake.take(*heard("log", 0, level="info", message="the secret"))
    assert b"the ***" in entry.payload


def test_what_never_came_is_counted_from_the_first_message_on():
    intake = Selection()
    take(intake, heard("info", 0, schema_version=1), heard("progress", 90, mode="eval"), is_retained=True)
    assert take(intake, metric(100), metric(101), metric(105)) == [0, 90, 100, 101, 105]
    assert intake.missing == 3
    take(intake, metric(103), heard("hypotheses", 7, learning_module="lm", episode=0, step=0))
    assert intake.missing == 2
    take(intake, *[metric(seq) for seq in range(80, 106)], metric(0, worker="other"))
    assert intake.missing == 0


def test_a_long_recording_still_knows_what_never_came(monkeypatch):
    monkeypatch.setattr("monty_mqtt_core.reading.deduplication._MOST_REMEMBERED", 10)
    intake = Selection()
    take(intake, *[metric(seq) for seq in range(100) if seq not in (30, 31, 70, 95)])
    assert intake.missing == 4


def test_what_never_came_of_a_sender_before_stays_counted():
    intake = Selection()
    take(intake, metric(0, at=0), metric(3, at=3), metric(0, at=100), metric(1, at=101), metric(5, at=105))
    assert intake.missing == 5
