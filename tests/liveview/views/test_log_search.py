"""Log lines and events, filtered."""

import pytest
from kit.page.page_state import demo, demo_messages, head, of

from monty_mqtt.wire import schema
from monty_mqtt_liveview.state import log_lines
from monty_mqtt_liveview.views import log_search
from monty_mqtt_liveview.views.log_search import LogSearch, find_lines, with_recorded

LEVELS = ("debug", "info", "warning", "error", "critical")


def logs(run, **wanted):
    return log_search.logs(find_lines(run.logs, LogSearch(**wanted)))


def events(run, **wanted):
    return log_search.events(find_lines(run.events, LogSearch(**wanted)))


def log(at, message="text", level="info", worker="main", **more):
    return schema.Log(**head(at, worker), level=level, message=message, **more)


def event(at, word, worker="main", **more):
    return schema.Event(**head(at, worker), event=word, **more)


def run_of(*messages):
    (run,) = of(messages)
    return run


def texts(answer):
    return [line["message"] for line in answer["lines"]]


def test_the_demo():
    run = demo()[1]
    published = [message for message in demo_messages() if isinstance(message, schema.Log) and message.run == run.name]
    answer = logs(run, count=10_000)
    assert answer["count"] == len(published)
    assert texts(answer) == [message.message for message in published]


def test_the_newest_come_last_and_older_ones_are_asked_for():
    run = run_of(*(log(at, f"line {at}") for at in range(10)))
    answer = logs(run, count=3)
    assert (texts(answer), answer["count"]) == (["line 7", "line 8", "line 9"], 10)
    assert texts(logs(run, count=3, before=answer["lines"][0]["number"])) == ["line 4", "line 5", "line 6"]
    assert texts(logs(run, before=0)) == []
    assert texts(logs(run, count=0)) == []
    assert len(texts(logs(run, count=10**9))) == 10


@pytest.mark.parametrize("level", LEVELS)
def test_a_level_and_all_above(level):
    run = run_of(*(log(at, word, word) for at, word in enumerate(LEVELS)))
    assert texts(logs(run, level=level)) == list(LEVELS[LEVELS.index(level) :])


def test_a_level_that_is_not_known_is_never_left_out():
    assert texts(logs(run_of(log(0, "x", "NOTICE"), log(1, "y", "Debug")), level="critical")) == ["x"]


def test_search_in_any_case_also_in_the_logger():
    run = run_of(
        log(0, "Straße", logger="tbp.monty"), log(1, "other", logger="mine"), log(2, "x", metadata={"k": "zwölf"})
    )
    assert texts(logs(run, search="STRASSE")) == ["Straße"]
    assert texts(logs(run, search="MINE")) == ["other"]
    assert texts(logs(run, search="zwölf")) == ["x"]
    assert texts(logs(run, search="nowhere")) == []


def test_of_one_worker():
    run = run_of(log(0, "a", worker="a"), log(1, "b", worker="b"))
    assert texts(logs(run, worker="b")) == ["b"]


def test_every_field_is_there():
    (line,) = logs(run_of(log(0, logger="l", suppressed=3)))["lines"]
    assert line.keys() == {"number", "worker", "time_unix_millis", "level", "logger", "message", "suppressed"}
    assert (line["logger"], line["suppressed"], line["number"]) == ("l", 3, 0)
    (line,) = events(run_of(event(0, "lost", source="bridge", level="error", fields={"count": 2})))["lines"]
    assert (line["event"], line["source"], line["fields"], line["level"]) == ("lost", "bridge", {"count": 2}, "error")


def test_events_are_searched_by_their_content():
    run = run_of(event(0, "burst", fields={"added_ids": [17]}), event(1, "lost", level="error"))
    assert [line["event"] for line in events(run, search="added_ids")["lines"]] == ["burst"]
    assert [line["event"] for line in events(run, level="warning")["lines"]] == ["lost"]
    assert events(run)["count"] == 2


def mixed(count):
    """Mostly debug lines, some warnings and errors among them."""
    levels = {0: "error", 7: "warning", 40: "info"}
    return [log(at, f"line {at}", levels.get(at % 97, "debug")) for at in range(count)]


@pytest.mark.parametrize("level", [None, "debug", "info", "warning", "error"])
@pytest.mark.parametrize("search", [None, "line 1", "line 99", "nothing"])
def test_with_the_recording_everything_is_found_page_by_page_whatever_is_in_memory(monkeypatch, level, search):
    messages = mixed(2000)
    monkeypatch.setattr(log_lines, "MOST_LINES", 5000)
    everything = run_of(*messages)
    monkeypatch.setattr(log_lines, "MOST_LINES", 20)
    run = run_of(*messages)
    recorded = [log_lines.line_of(message, number) for number, message in enumerate(messages)]
    before = None
    while True:
        wanted = LogSearch(level=level, search=search, count=150, before=before)
        matches = find_lines(run.logs, wanted)
        looked = 0 if matches.is_all(wanted) else with_recorded(matches, wanted, recorded)
        right = find_lines(everything.logs, wanted)
        assert [line.text for line in matches.lines] == [line.text for line in right.lines]
        assert looked in (0, len(messages) - len(run.logs))
        if not right.lines:
            break
        before = right.lines[-1].number
