"""Log lines and events: the newest are kept."""

from kit.page.page_state import head

from monty_mqtt.wire import schema
from monty_mqtt_liveview.state.log_lines import MOST_CHARACTERS, MOST_LINES, LogLines


def log(at, text="text", **more):
    return schema.Log(**head(at), level=more.pop("level", "info"), message=text, **more)


def test_lines_are_numbered_and_the_newest_come_first():
    journal = LogLines()
    for number in range(3):
        journal.add(log(number, f"line {number}"), number + 1)
    assert [(line.number, line.text) for line in journal.before(None)] == [(2, "line 2"), (1, "line 1"), (0, "line 0")]
    assert [line.number for line in journal.before(2)] == [1, 0]
    assert [line.number for line in journal.before(0)] == []
    assert [line.number for line in journal.before(100)] == [2, 1, 0]
    assert (journal.count, journal.revision) == (3, 3)


def test_only_the_newest_are_kept_and_all_are_counted():
    journal = LogLines()
    for number in range(MOST_LINES + 10):
        journal.add(log(number), number)
    assert (len(journal), journal.count) == (MOST_LINES, MOST_LINES + 10)
    assert [line.number for line in journal.before(None)][-1] == 10


def test_very_long_texts_are_cut_and_say_so():
    journal = LogLines()
    journal.add(log(0, "x" * (MOST_CHARACTERS + 7), metadata={"long": "y" * 100_000}), 1)
    journal.add(schema.Event(**head(1), event="e", source="s" * 9999, fields={"few": 1}), 2)
    event, line = journal.before(None)
    assert line.text.endswith("… and 7 more characters")
    assert line.fields == {"left_out_bytes": 100_011}
    assert (event.text, len(event.source), event.fields) == ("e", MOST_CHARACTERS, {"few": 1})


def test_warnings_and_errors_outlive_what_is_not_as_bad():
    journal = LogLines()
    for number in range(3 * MOST_LINES):
        level = "error" if number == 100 else "warning" if number == 200 else "debug"
        journal.add(log(number, f"line {number}", level=level), number)
    lines = list(journal.before(None))
    assert [line.number for line in lines[-2:]] == [200, 100]
    assert [line.number for line in lines] == sorted((line.number for line in lines), reverse=True)
    assert (len(journal), journal.count) == (MOST_LINES + 2, 3 * MOST_LINES)
    assert journal.kept_from() == (0, 2 * MOST_LINES)
