"""What a run said long ago is found, and it is said what was looked through; also after a restart of the page."""

from __future__ import annotations

import pytest
from kit.page.page_process import PageProcess
from kit.page.teller import Teller

from monty_mqtt.wire import schema

LINES = 20_000


@pytest.mark.timeout(180)
def test_an_early_error_and_an_early_word_are_found_among_twenty_thousand_lines(broker, tmp_path):
    def check(page):
        answer = page.until_json("/api/run/talks/logs", lambda logs: logs["count"] == LINES, 90)
        assert len(answer["lines"]) == 200
        errors = page.json("/api/run/talks/logs?level=error")
        assert [(line["number"], line["message"]) for line in errors["lines"]] == [(100, "line 100: it broke")]
        assert errors["searched"] == {"in_memory": 5001, "recorded": 0}
        early = page.json("/api/run/talks/logs?search=line%20150:")
        assert [line["number"] for line in early["lines"]] == [150]
        assert early["searched"] == {"in_memory": 5001, "recorded": LINES - 5001}
        assert page.json("/api/run/talks/logs?search=line%20150:") == early
        older = page.json("/api/run/talks/logs?before=300&count=250")
        assert [line["number"] for line in older["lines"]] == list(range(50, 300))

    with PageProcess(broker, tmp_path / "state") as page, Teller(broker) as teller:
        page.ready()
        voice = teller.voice("talks", secs_ago=600)
        voice.say(schema.Status, status="running")
        for number in range(LINES):
            level, text = ("error", "it broke") if number == 100 else ("debug", "all is well")
            voice.say(schema.Log, level=level, message=f"line {number}: {text}", after_secs=0.001)
        voice.say(schema.Status, status="completed")
        teller.done()
        check(page)
    with PageProcess(broker, tmp_path / "state") as page:
        page.ready()
        check(page)


def test_a_data_stream_keeps_its_history(broker, tmp_path):
    with PageProcess(broker, tmp_path / "state") as page, Teller(broker) as teller:
        page.ready()
        voice = teller.voice("streams")
        for number in range(250):
            voice.say(schema.Data, stream="my stream", data={"number": number})
            voice.say(schema.Data, stream="another", data=number)
        teller.done()
        place = "/api/run/streams/stream?worker=main&stream=my%2520stream"
        answer = page.until_json(place, lambda stream: stream["count"] == 250)
        assert [value["data"]["number"] for value in answer["values"]] == list(range(150, 250))
        older = page.json(f"{place}&before={answer['values'][0]['number']}")
        assert [value["data"]["number"] for value in older["values"]] == list(range(50, 150))
        assert page.json(f"{place}&before=0")["values"] == []
        assert page.get(place.replace("main", "nobody")).status_code == 404
