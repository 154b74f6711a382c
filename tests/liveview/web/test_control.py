"""Commands from the page: with login only, to the run that is meant, with its answer or the reason why not."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from kit.bridge import make
from kit.page.page_fixtures import logged_in
from kit.page.page_process import PageProcess

from monty_mqtt.wire import schema, topics
from monty_mqtt_core.reading.mqtt_client import BrokerAddress, Subscriber


@pytest.fixture
def browser(page):
    with logged_in(page) as client:
        yield client


def known_to(page, worker) -> str:
    """Return the address of a worker's run, once the page knows it."""
    page.until_json("/api/runs", lambda runs: worker.run in [run_head["run"] for run_head in runs])
    return f"/api/run/{worker.run}/command"


@pytest.mark.parametrize("command", ["abort", "pause", "resume", "step", "stop"])
def test_a_command_is_answered_by_the_run(page, browser, worker, command):
    place = known_to(page, worker)
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(browser.post, place, json={"command": command, "worker": "main", "reason": "a < b"})
        heard = worker.wait_for(schema.Command)
        worker.send(schema.CommandResult, 1, id=heard.id, status="obeyed", detail="at step 7")
        answer = asked.result(40)
    assert answer.json() == {"answers": [{"worker": "main", "status": "obeyed", "detail": "at step 7"}]}
    assert (heard.command, heard.reason) == (command, "a < b")
    assert heard.steps == (1 if command == "step" else None)


def test_without_login_no_command(page, worker):
    answer = httpx.post(page.url + known_to(page, worker), json={"command": "abort"})
    assert answer.status_code == 403
    assert "log in first" in answer.json()["error"]
    # Nothing went out: the next that the worker hears is what comes after it.
    with logged_in(page) as browser, ThreadPoolExecutor() as pool:
        asked = pool.submit(browser.post, known_to(page, worker), json={"command": "pause"})
        heard = worker.wait_for(schema.Command)
        assert heard.command == "pause"
        worker.send(schema.CommandResult, 1, id=heard.id, status="refused", detail="not now")
        assert asked.result(40).json()["answers"][0]["status"] == "refused"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"command": "forget"}',
        b'{"command": "abort", "steps": 3}',
        b'{"command": "step", "steps": 0}',
        b'{"command": "abort", "x": 1}',
        b'{"command": "abort", "worker": 1}',
    ],
)
def test_what_is_no_command_is_refused(page, browser, worker, content):
    answer = browser.post(known_to(page, worker), content=content)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_a_run_that_is_over_takes_none_and_says_why(page, browser, worker):
    place = known_to(page, worker)
    worker.send(schema.Status, 1, status="completed")
    worker.acked(2)
    session = f"/api/session?run={worker.run}"
    page.until_json(
        "/api/runs",
        lambda runs: [run_head["status"] for run_head in runs if run_head["run"] == worker.run] == ["completed"],
    )
    assert browser.get(session).json()["why_not"] == "the run is over: completed"
    answer = browser.post(place, json={"command": "abort"})
    assert (answer.status_code, answer.json()["error"]) == (409, "the run is over: completed")


def test_a_run_or_worker_that_nobody_knows_is_named(page, browser, worker):
    answer = browser.post("/api/run/no%252Fsuch/command", json={"command": "abort"})
    assert (answer.status_code, answer.json()["error"]) == (404, "no run 'no/such' is known")
    answer = browser.post(known_to(page, worker), json={"command": "abort", "worker": "other"})
    assert answer.status_code == 504
    assert "no worker 'other'" in answer.json()["error"]


def test_without_a_bridge_it_says_so(page, broker, browser):
    status = make(schema.Status, 0, run="alone")
    bridge = BrokerAddress(broker.host, broker.port, "bridge", broker.password_file("bridge"))
    with Subscriber(bridge, ["monty/bridge/v1/+/status"]) as client:
        client.publish(topics.of_message(status).topic, schema.encode(status), 10)
    page.until_json("/api/runs", lambda runs: "alone" in [run_head["run"] for run_head in runs])
    page.until_json("/api/session?run=alone", lambda session: "no bridge is connected" in session["why_not"])
    assert browser.post("/api/run/alone/command", json={"command": "abort"}).status_code == 409


def test_without_the_password_of_control_it_says_so(broker, tmp_path):
    with PageProcess(broker, tmp_path, "--control-password-file=/nowhere/control.password") as page:
        page.ready()
        with logged_in(page) as browser:
            session = browser.get("/api/session").json()
            assert session["may_control"] is False
            assert "/nowhere/control.password" in session["why_not"]
    with PageProcess(broker, tmp_path, "--control-password-file=") as page:
        page.ready()
        assert "--control-password-file" in page.json("/api/session")["why_not"]
