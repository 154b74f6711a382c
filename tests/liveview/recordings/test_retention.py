"""What must go: the oldest runs that are over, never the newest of what lives."""

from __future__ import annotations

from pathlib import Path

from monty_mqtt_liveview.recordings.retention import PartOnDisk, Retention, RunOnDisk, to_remove

DAY = 86_400
NOW = 1000 * DAY
GIB = 1 << 30


def kept(name, *, size=1, days_ago=0, is_live=False, parts=1):
    directory = Path("/r") / name
    files = [
        PartOnDisk(directory / f"{number}.mcap", size * GIB, NOW - (days_ago + parts - number) * DAY)
        for number in range(parts)
    ]
    return RunOnDisk(directory, is_live, files)


def removed(runs, **limits):
    limits = Retention(**{"most_bytes": 0, "most_days": 0, **limits})
    return [str(path.relative_to("/r")) for path, _ in to_remove(runs, limits, NOW)]


def test_the_defaults_are_those_of_the_documents():
    assert Retention() == Retention(most_bytes=20 * GIB, most_days=90, most_memory_bytes=GIB)


def test_without_limits_everything_stays():
    assert removed([kept("old", days_ago=500, size=500)]) == []


def test_what_is_too_old_goes_but_not_while_it_lives():
    runs = [kept("new"), kept("old", days_ago=90), kept("live", days_ago=200, is_live=True), kept("edge", days_ago=88)]
    assert removed(runs, most_days=90) == ["old"]


def test_of_too_much_the_oldest_goes_first_and_only_as_much_as_must():
    runs = [kept(str(number), days_ago=number) for number in range(10)]
    assert removed(runs, most_bytes=7 * GIB) == ["9", "8", "7"]
    assert removed(runs, most_bytes=10 * GIB) == []


def test_what_went_for_its_age_does_not_count_any_more():
    runs = [kept(str(number), days_ago=10 * number) for number in range(1, 11)]
    assert removed(runs, most_days=75, most_bytes=5 * GIB) == ["8", "9", "10", "7", "6"]


def test_of_a_live_run_the_older_parts_go_last_and_the_newest_stays():
    runs = [kept("live", parts=3, is_live=True), kept("over", days_ago=1)]
    assert removed(runs, most_bytes=3 * GIB) == ["over"]
    assert removed(runs, most_bytes=2 * GIB) == ["over", "live/0.mcap"]
    assert removed(runs, most_bytes=1) == ["over", "live/0.mcap", "live/1.mcap"]


def test_the_reason_names_the_limit():
    ((_, age),) = to_remove([kept("a", days_ago=100)], Retention(), NOW)
    ((_, size),) = to_remove([kept("a", size=30)], Retention(), NOW)
    assert age == "it is older than 90 days"
    assert size == "all recordings together are larger than 20 GiB"
