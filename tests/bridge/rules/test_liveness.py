"""Who lives, who is stalled, who is gone; with a clock that the test turns."""

from __future__ import annotations

import pytest
from kit.bridge import FIRST_STAMP, make

from monty_mqtt.wire import schema
from monty_mqtt.wire.zmq_protocol import Hello
from monty_mqtt_bridge.receive.sender import Sender
from monty_mqtt_bridge.rules.liveness import GRACE_SECS, Liveness

NOW_NANOS = FIRST_STAMP + 10**12


def sender(started: int = FIRST_STAMP, base: int = 0) -> Sender:
    return Sender(Hello(schema_version=1, run="run", worker="main", base=base, started_unix_nanos=started))


class Story:
    """One worker's life, told second by second."""

    def __init__(self) -> None:
        self.sender = sender()
        self.liveness = Liveness(0.0)
        self.liveness.joined(self.sender, NOW_NANOS)

    def hears(self, kind, now, **fields):
        message = make(kind, self.sender.next, **fields)
        self.sender.fed_seq = message.seq
        self.sender.next += 1
        return self.liveness.heard(message, now, NOW_NANOS)

    def tick(self, now):
        return self.liveness.tick(now, NOW_NANOS, 0)

    def runs(self, now=0.0):
        self.hears(schema.Status, now, status="running")
        return self


def test_a_worker_that_vanishes_without_end_is_disconnected_within_ten_seconds_and_returns():
    story = Story().runs()
    story.hears(schema.Step, 1.0)
    story.liveness.left(story.sender, 2.0)
    assert story.tick(2.0 + GRACE_SECS - 0.1) == []
    (status,) = story.tick(2.0 + GRACE_SECS)
    assert GRACE_SECS + 1 <= 10, "ticks are a second apart"
    assert (status.status, status.highest_seq, status.seq) == ("disconnected", 1, 1)
    assert story.tick(20.0) == []
    assert story.liveness.lives[story.sender.key].live is False
    (status,) = story.liveness.returned(story.sender, NOW_NANOS)
    assert (status.status, status.highest_seq, status.seq) == ("running", None, 1)
    assert story.liveness.lives[story.sender.key].live


def test_what_is_in_a_spool_is_said_anew_when_it_was_taken_away_while_the_bridge_was_down():
    liveness, known = Liveness(0.0), sender()
    liveness.remember(make(schema.Status, 50, status="disconnected", spooled=7), known)
    assert liveness.left_behind(known.key, 7, NOW_NANOS) == []
    (status,) = liveness.left_behind(known.key, 0, NOW_NANOS)
    assert (status.status, status.spooled) == ("disconnected", 0)


def test_a_worker_gets_its_name_back_from_who_had_it_meanwhile():
    story, other = Story().runs(), sender(started=FIRST_STAMP + 5)
    story.liveness.left(story.sender, 2.0)
    assert [status.status for status in story.tick(20.0)] == ["disconnected"]
    story.liveness.joined(other, NOW_NANOS)
    story.liveness.left(other, 21.0)
    assert [status.status for status in story.tick(40.0)] == ["disconnected"]
    (status,) = story.liveness.returned(story.sender, NOW_NANOS)
    assert (status.status, status.seq) == ("running", 0)
    assert story.liveness.lives[story.sender.key].sender is story.sender


def test_of_those_that_are_gone_a_few_thousand_are_at_hand():
    liveness = Liveness(0.0)
    for number in range(6000):
        gone_sender = Sender(Hello(schema_version=1, run="run", worker=f"w{number}", base=0, started_unix_nanos=1))
        liveness.joined(gone_sender, NOW_NANOS)
        liveness.left(gone_sender, 1.0 + number / 1000)
    liveness.tick(20.0, NOW_NANOS, 0)
    assert liveness.forget(21.0) == [("run", f"w{number}") for number in range(1000)]
    assert len(liveness.lives) == 5000


def test_a_short_break_is_nothing_to_say():
    story = Story().runs()
    story.liveness.left(story.sender, 2.0)
    assert story.liveness.returned(story.sender, NOW_NANOS) == []
    assert story.tick(100.0) == []


@pytest.mark.parametrize("word", ["completed", "aborted", "error"])
def test_a_worker_that_said_how_it_ended_is_not_disconnected(word):
    story = Story().runs()
    story.hears(schema.Status, 1.0, status=word)
    story.liveness.left(story.sender, 2.0)
    assert story.tick(100.0) == []


def test_an_end_without_its_status_is_completed_by_the_bridge():
    story = Story().runs()
    (status,) = story.hears(schema.End, 1.0, status="completed", dropped=3)
    assert (status.status, status.seq, status.dropped) == ("completed", 1, 3)
    story.liveness.left(story.sender, 2.0)
    assert story.tick(100.0) == []
    assert Story().runs().hears(schema.End, 1.0, status="no word of ours") == []


def test_whoever_says_its_end_is_not_gone_without_a_word_whatever_was_thought_of_it():
    story = Story().runs()
    story.liveness.left(story.sender, 2.0)
    assert [status.status for status in story.tick(100.0)] == ["disconnected"]
    assert story.hears(schema.Status, 101.0, status="completed") == []
    assert story.liveness.lives[story.sender.key].word == "completed"
    assert story.hears(schema.End, 101.0, status="completed") == story.tick(200.0) == []
    story = Story().runs()
    story.liveness.left(story.sender, 2.0)
    story.tick(100.0)
    assert [status.status for status in story.hears(schema.End, 101.0, status="aborted")] == ["aborted"]


def test_an_end_with_its_status_says_nothing_more():
    story = Story().runs()
    story.hears(schema.Status, 1.0, status="completed")
    assert story.hears(schema.End, 1.0, status="completed") == []


def test_stalled_after_30_seconds_without_a_step_and_no_more_with_the_next():
    story = Story().runs()
    for now in (1.0, 2.0, 2.5):
        assert story.hears(schema.Step, now) == []
    assert story.tick(32.4) == []
    (status,) = story.tick(32.6)
    assert (status.status, status.stalled) == ("running", True)
    assert story.tick(40.0) == []
    (status,) = story.hears(schema.Step, 41.0)
    assert (status.status, status.stalled) == ("running", False)


def test_slow_steps_are_given_twenty_times_their_median():
    story = Story().runs()
    for now in (0.0, 3.0, 6.0, 9.0, 100.0):
        story.hears(schema.Step, now)
    assert story.tick(100.0 + 59.0) == []
    assert story.tick(100.0 + 61.0)[0].stalled


def test_what_never_steps_or_is_paused_does_not_stall():
    story = Story().runs()
    assert story.tick(1000.0) == []
    story.hears(schema.EpisodeStarted, 1000.0, mode="eval", epoch=0, episode=0)
    story.hears(schema.Status, 1001.0, status="paused")
    assert story.tick(2000.0) == []
    story.hears(schema.Status, 2000.0, status="running")
    assert story.tick(2029.0) == []
    assert story.tick(2031.0)[0].stalled


def test_while_nobody_could_be_heard_nobody_stalled():
    story = Story().runs()
    story.hears(schema.Step, 1.0)
    story.liveness.excuse(500.0)
    assert story.tick(501.0) == []


def retained(word="running", seq=50, time=FIRST_STAMP + 50):
    return make(schema.Status, seq, status=word, time_unix_nanos=time)


def test_retained_runs_that_do_not_come_back_are_disconnected_within_ten_seconds():
    liveness = Liveness(0.0)
    liveness.remember(retained())
    assert liveness.tick(GRACE_SECS - 0.1, NOW_NANOS, 0) == []
    (status,) = liveness.tick(GRACE_SECS, NOW_NANOS, 0)
    assert (status.status, status.seq, status.highest_seq) == ("disconnected", 50, 50)


@pytest.mark.parametrize("word", ["completed", "aborted", "error"])
def test_retained_runs_that_are_over_stay_so(word):
    liveness = Liveness(0.0)
    liveness.remember(retained(word))
    assert liveness.tick(100.0, NOW_NANOS, 0) == []


def test_a_retained_run_that_comes_back_goes_on():
    liveness, back = Liveness(0.0), sender(base=40)
    liveness.remember(retained())
    assert liveness.joined(back, NOW_NANOS) == []
    assert liveness.tick(100.0, NOW_NANOS, 0) == []
    assert liveness.lives[back.key].highest_seq == 50


def test_a_run_retained_as_disconnected_runs_again_when_it_comes_back():
    liveness = Liveness(0.0)
    liveness.remember(retained("disconnected"))
    assert liveness.tick(100.0, NOW_NANOS, 0) == []
    (status,) = liveness.joined(sender(), NOW_NANOS)
    assert (status.status, status.seq) == ("running", 50)


def test_a_new_sender_of_the_name_has_a_life_of_its_own():
    liveness = Liveness(0.0)
    liveness.remember(retained("disconnected"))
    later = sender(started=FIRST_STAMP + 100)
    assert liveness.joined(later, NOW_NANOS) == []
    assert liveness.lives[later.key].highest_seq == 0


def test_who_only_vanished_is_remembered_for_a_day():
    story = Story().runs()
    story.liveness.left(story.sender, 0.0)
    story.tick(10.0)
    assert story.liveness.forget(80_000.0) == []
    assert story.liveness.forget(90_000.0) == [("run", "main")]


def test_what_is_long_over_is_forgotten_and_what_lives_is_not():
    story = Story().runs()
    assert story.liveness.forget(10_000.0) == []
    story.hears(schema.End, 1.0)
    story.liveness.left(story.sender, 2.0)
    assert story.liveness.forget(500.0) == []
    assert story.liveness.forget(700.0) == [("run", "main")]
    assert not story.liveness.lives
    assert story.hears(schema.Step, 701.0) == []


def test_of_whom_something_waits_in_the_journal_nothing_is_said_yet():
    story = Story().runs()
    story.sender.last_row = 7
    story.liveness.left(story.sender, 2.0)
    assert story.liveness.tick(100.0, NOW_NANOS, fed=6) == []
    (status,) = story.liveness.tick(101.0, NOW_NANOS, fed=7)
    assert status.status == "disconnected"


def test_the_highest_seq_is_that_of_what_was_published_not_of_what_waits():
    story = Story().runs()
    story.sender.next = 500
    story.liveness.left(story.sender, 2.0)
    assert story.tick(100.0)[0].highest_seq == 0


def test_a_life_that_began_while_the_broker_was_away_is_as_its_connection_is():
    gone, liveness = sender(), Liveness(0.0)
    gone.gone_at = 5.0
    assert liveness.joined(gone, NOW_NANOS) == []
    assert liveness.tick(5.0 + GRACE_SECS, NOW_NANOS, 0)[0].status == "disconnected"


def test_what_the_journal_remembers_goes_on_where_it_was():
    liveness, known = Liveness(0.0), sender()
    known.fed_seq = 60
    liveness.remember(make(schema.Status, 50, stalled=True), known)
    assert liveness.returned(known, NOW_NANOS) == []
    life = liveness.lives[known.key]
    assert (life.live, life.highest_seq, life.stalled) == (True, 60, True)
    (status,) = liveness.heard(make(schema.Step, 61), 1.0, NOW_NANOS)
    assert (status.status, status.stalled) == ("running", False)


def test_who_is_over_and_comes_back_only_to_be_acknowledged_does_not_live_again():
    liveness, known = Liveness(0.0), sender()
    liveness.remember(retained("completed"), known)
    assert liveness.returned(known, NOW_NANOS) == []
    assert not liveness.lives[known.key].live
    assert liveness.tick(1000.0, NOW_NANOS, 0) == []


def test_a_hello_of_an_earlier_sender_changes_nothing_of_the_later_one():
    story, earlier = Story().runs(), sender(started=FIRST_STAMP - 1)
    assert story.liveness.returned(earlier, NOW_NANOS) == []
    assert story.liveness.lives[earlier.key].sender is story.sender


def test_who_restores_what_a_gone_worker_left_gives_it_no_more_time():
    story = Story().runs()
    story.liveness.left(story.sender, 2.0)
    story.liveness.left(story.sender, 2.0 + GRACE_SECS - 1)
    assert [status.status for status in story.tick(2.0 + GRACE_SECS)] == ["disconnected"]


def elsewhere(status="running", seq=9, **fields):
    return make(schema.Status, seq, status=status, bridge="there", **fields)


def test_a_worker_that_comes_from_another_bridge_goes_on_with_its_status():
    story = Story()
    (status,) = story.liveness.taken_over(story.sender, elsewhere("paused"), NOW_NANOS)
    assert (status.status, status.seq, status.time_unix_nanos) == ("paused", 9, NOW_NANOS)
    (status,) = story.liveness.taken_over(story.sender, elsewhere("disconnected", highest_seq=9), NOW_NANOS)
    assert (status.status, status.highest_seq) == ("running", None)
    assert story.tick(1000.0) == [], "it has a connection, and no step was seen here"


def test_a_worker_that_went_to_another_bridge_is_not_disconnected_here():
    story = Story().runs()
    story.liveness.left(story.sender, 2.0)
    later = {"time_unix_nanos": NOW_NANOS + 1}
    assert story.liveness.give_away(elsewhere(time_unix_nanos=NOW_NANOS)) is None, "older than its last HELLO here"
    assert story.liveness.give_away(elsewhere("disconnected", **later)) is None, "the other bridge has lost it"
    assert story.liveness.give_away(elsewhere(**later)) is story.sender
    assert story.tick(100.0) == []
    assert story.liveness.give_away(elsewhere(**later)) is None
    assert story.liveness.returned(story.sender, NOW_NANOS + 2) == []
    assert story.liveness.is_new(story.sender.key)


def test_a_bridge_says_again_what_another_has_said_wrongly_of_its_worker():
    story = Story().runs()
    (status,) = story.liveness.claim(elsewhere("disconnected"), NOW_NANOS + 1)
    assert (status.status, status.time_unix_nanos) == ("running", NOW_NANOS + 1)
    story.liveness.left(story.sender, 2.0)
    assert story.liveness.claim(elsewhere("disconnected"), NOW_NANOS + 1) == [], "it may be there by now"
