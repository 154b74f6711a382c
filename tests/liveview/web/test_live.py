"""What browsers are told while a run goes on: once each, in order, at most ten times a second, slow ones too."""

from __future__ import annotations

import json
import socket
import time

import pytest
from kit.bridge import Dealer
from kit.machine.child_process import until
from kit.page.page_process import PageProcess
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from monty_mqtt.wire import schema
from monty_mqtt.wire.message_pieces import LearningModuleStep


class Browser:
    """One that listens to a run, and knows what a page would know."""

    def __init__(
        self, page: PageProcess, run: str, worker: str = "main", rows: int = 0, generation: object = 0
    ) -> None:
        query = f"run={run}&worker={worker}&rows={rows}&generation={generation}&want=steps"
        url = f"{page.url.replace('http', 'ws', 1)}/live?{query}"
        self.line: ClientConnection = connect(url, origin=page.url, proxy=None, max_size=None)
        self.generation, self.next_row = generation, rows
        self.told: list[dict] = []
        self.rows: list[int] = []
        self.steps: list[int] = []

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        self.line.close()

    def hear(self, secs: float = 10) -> dict:
        piece = json.loads(self.line.recv(timeout=secs))
        self.told.append(piece)
        if piece.get("generation", self.generation) != self.generation:
            self.generation, self.rows, self.steps = piece["generation"], [], []
        if piece.get("steps"):
            assert piece["steps"]["row"][0] == piece["first_row"]
            self.rows += piece["steps"]["row"]
            self.steps += piece["steps"]["step"]
        return piece

    def until(self, condition) -> dict:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            piece = self.hear()
            if condition(piece):
                return piece
        raise AssertionError(self.told[-3:])


def steps(worker: Dealer, first: int, count: int) -> None:
    """Publish steps whose number is their seq minus one."""
    for seq in range(first + 1, first + 1 + count):
        module = LearningModuleStep(evidence={"mug": float(seq), "bowl": 1.0})
        worker.send(schema.Step, seq, step=seq - 1, learning_modules={"LM_0": module})
    worker.acked(first + 1 + count)


def known(page: PageProcess, worker: Dealer, rows: int) -> None:
    """Wait until the page has so many rows."""
    page.until_json(
        "/api/runs", lambda runs: any(run_head["run"] == worker.run and run_head["steps"] >= rows for run_head in runs)
    )


def test_who_comes_gets_all_and_then_what_is_new(page, worker):
    steps(worker, 0, 20)
    known(page, worker, 20)
    with Browser(page, worker.run) as browser:
        first = browser.hear()
        assert first["run"]["status"] == "running"
        assert first["workers"][0]["worker"] == "main"
        assert first["problems"] == []
        assert browser.rows == list(range(20))
        steps(worker, 20, 5)
        browser.until(lambda _: browser.rows == list(range(25)))
        assert "info" not in browser.told[-1]
        assert browser.steps == list(range(25))
        evidence = browser.told[-1]["steps"]["learning_modules"]["LM_0"]
        assert evidence["objects"] == ["mug", "bowl"]


def test_who_comes_back_gets_what_is_missing_only(page, worker):
    steps(worker, 0, 30)
    known(page, worker, 30)
    with Browser(page, worker.run) as browser:
        browser.hear()
    steps(worker, 30, 10)
    known(page, worker, 40)
    with Browser(page, worker.run, rows=30, generation=browser.generation) as again:
        again.hear()
        assert again.rows == list(range(30, 40))


@pytest.mark.parametrize(("rows", "generation"), [(10, 12345), (10, "null"), (10**9, 0), ("x", "y"), (-1, -1)])
def test_who_has_rows_of_another_start_gets_them_anew(page, worker, rows, generation):
    steps(worker, 0, 12)
    known(page, worker, 12)
    with Browser(page, worker.run, rows=rows, generation=generation) as browser:
        browser.hear()
        assert browser.rows == list(range(12))


def test_of_very_many_rows_who_comes_gets_the_newest_400_and_who_comes_back_2000(page, worker):
    steps(worker, 0, 2600)
    known(page, worker, 2600)
    with Browser(page, worker.run) as browser:
        piece = browser.hear()
        assert piece["first_row"] == 2200
        assert browser.rows == list(range(2200, 2600))
    with Browser(page, worker.run, rows=100, generation=piece["generation"]) as browser:
        assert browser.hear()["first_row"] == 600
        assert browser.rows == list(range(600, 2600))


def test_a_run_is_told_of_as_soon_as_there_is_one(page, bridge):
    with Browser(page, "later") as browser, Dealer(bridge.zmq_port, "later") as worker:
        assert browser.hear().keys() <= {"problems", "notes", "silent_since_unix_millis", "server_unix_millis"}
        worker.hello()
        worker.send(schema.Status, 0)
        assert browser.until(lambda piece: "run" in piece)["run"]["run"] == "later"


def test_without_a_worker_there_are_no_steps(page, worker):
    steps(worker, 0, 3)
    known(page, worker, 3)
    with Browser(page, worker.run, worker="") as browser:
        assert not {"steps", "episodes", "bulk"} & browser.hear().keys()


def test_a_hundred_steps_in_a_moment_come_in_few_pieces(page, worker):
    with Browser(page, worker.run) as browser:
        browser.hear()
        begun = time.monotonic()
        steps(worker, 0, 300)
        browser.until(lambda _: len(browser.rows) == 300)
        ticks = (time.monotonic() - begun) / 0.1
        assert len(browser.told) <= ticks + 3


def test_logs_metrics_and_data_are_counted_when_they_change(page, worker):
    with Browser(page, worker.run) as browser:
        browser.hear()
        worker.send(schema.Log, 1, level="info", message="a")
        assert browser.until(lambda piece: "logs" in piece)["logs"]["count"] == 1
        worker.send(schema.Metric, 2, name="loss", value=1.0)
        piece = browser.until(lambda piece: "metrics" in piece)
        assert piece["metrics"]["revision"] > 0
        assert "logs" not in piece
        worker.send(schema.Machine, 3, process=schema.ProcessUse(threads=2))
        piece = browser.until(lambda piece: "machine" in piece)
        assert (piece["machine"]["revision"] > 0, "metrics" in piece) == (True, False)


def test_a_browser_that_does_not_read_delays_no_other(page, worker):
    host, _, port = page.url.removeprefix("http://").partition(":")
    frozen = socket.create_connection((host, int(port)))
    frozen.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    request = f"GET /live?run={worker.run}&worker=main HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
    keys = "Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    frozen.sendall((request + keys).encode())
    with frozen, Browser(page, worker.run) as browser:
        for first in range(0, 3000, 300):  # the first of them no more than who comes anew is told at once
            steps(worker, first, 300)
            begun = time.monotonic()
            browser.until(lambda _, count=first + 300: len(browser.rows) >= count)
            assert time.monotonic() - begun < 5
        assert browser.steps == list(range(3000))


def test_the_list_of_runs_tells_what_changes(page, worker):
    known(page, worker, 0)
    with connect(f"{page.url.replace('http', 'ws', 1)}/live_runs", proxy=None) as line:
        first = json.loads(line.recv(timeout=10))
        assert worker.run in [run_head["run"] for run_head in first["runs"]]
        worker.send(schema.Status, 1, status="completed")
        heard = []
        while (worker.run, "completed") not in heard:
            piece = json.loads(line.recv(timeout=10))
            assert piece["forgotten"] == []
            assert 0 < len(piece["runs"]) < len(first["runs"]) or len(first["runs"]) == 1  # only what changed
            heard = [(run_head["run"], run_head["status"]) for run_head in piece["runs"]]


def test_a_page_that_ends_says_so_to_the_browser(broker, tmp_path):
    with PageProcess(broker, tmp_path) as page:
        page.ready()
        with Browser(page, "none") as browser:
            browser.hear()
            page.signal(15)
            with pytest.raises(ConnectionClosed):
                browser.line.recv(timeout=10)
        assert page.wait(10) == 0


def test_a_page_that_was_killed_and_started_again_tells_all_anew(broker, worker, tmp_path):
    with PageProcess(broker, tmp_path) as page:
        page.ready()
        steps(worker, 0, 40)
        known(page, worker, 40)
        with Browser(page, worker.run) as browser:
            browser.hear()
            page.signal(9)
            page.wait(10)
    steps(worker, 40, 10)
    with PageProcess(broker, tmp_path, port=int(page.url.rpartition(":")[2])) as again:
        again.ready()
        known(again, worker, 50)
        with Browser(again, worker.run, rows=40, generation=browser.generation) as browser:
            browser.until(lambda _: len(browser.rows) == 50)
            assert browser.rows == browser.steps == list(range(50))
            steps(worker, 50, 5)
            browser.until(lambda _: len(browser.rows) == 55)
            assert browser.steps == list(range(55))


def test_nobody_looks_nothing_is_cut(page):
    # The process rests: its time hardly grows.
    before = cpu_secs(page.pid)
    pause = time.monotonic() + 1.0
    until(lambda: time.monotonic() > pause)
    assert cpu_secs(page.pid) - before < 0.3


def cpu_secs(pid: int) -> float:
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:  # noqa: PTH123 - a file of the kernel
        user, system = file.read().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / 100
