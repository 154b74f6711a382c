"""The page among the services: started with the others, on the port that is asked for, and nothing depends on it."""

from __future__ import annotations

import re
import signal
import socket

import httpx
import psutil
import pytest
from kit.machine.child_process import Process, processes_of, run

from monty_mqtt_core.settings import ports
from monty_mqtt_core.settings.state_dir import StateDir

ANY_PORTS = ("--mqtt-port", "0", "--zmq-port", "0")


@pytest.fixture
def state(tmp_path):
    return StateDir(tmp_path / "a state dir")


def up(state, *more):
    ports = (*ANY_PORTS, "--liveview-port", "0")  # tests beside this one start services at the default ports
    return Process("up", "--state-dir", str(state.path), *ports, "--without", "history", *more)


def bridge_words(state):
    return psutil.Process(state.read_far_side().services["bridge"].pid).cmdline()


def stopped(process, state):
    process.signal(signal.SIGINT)
    assert process.wait() == 0
    assert processes_of(state.path) == []


def test_up_starts_it_shows_where_it_is_and_tells_the_bridge(state, tmp_path):
    with up(state, "--title", "Touch lab", "--panels", str(tmp_path)) as process:
        process.wait_for("Ctrl+C stops everything")
        url = state.read_far_side().services["liveview"].url
        assert re.search(rf"{url} +monty-mqtt-liveview \(pid \d+\)", process.wait_for("liveview "))
        assert str(state.path / "secrets" / "liveview_login") in process.wait_for("page: ")
        assert httpx.get(f"{url}/healthz").json()["status"] == "ok"
        assert "<title>Touch lab</title>" in httpx.get(url).text
        assert bridge_words(state)[-1] == url
        status = run("status", "--state-dir", str(state.path))
        assert url in status.stdout
        pid = state.read_far_side().services["liveview"].pid
        psutil.Process(pid).kill()
        process.wait_for("liveview runs again")
        again = state.read_far_side().services["liveview"]
        assert again.url == url
        assert again.pid != pid
        assert "our page" in run("doctor", "--state-dir", str(state.path)).stdout or not url.endswith(":8000")
        stopped(process, state)


def test_a_taken_port_is_named_and_the_next_free_one_used(state):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with up(state, "--liveview-port", str(port)) as process:
            process.wait_for("Ctrl+C stops everything")
            line = process.wait_for(f"port {port} is taken by")
            used = state.read_far_side().services["liveview"].port
            assert line.endswith(f"the page uses {used}")
            assert used > port
            stopped(process, state)


def test_it_can_be_left_out(state):
    with up(state, "--without", "liveview") as process:
        process.wait_for("Ctrl+C stops everything")
        process.wait_for("left out: liveview: --without liveview")
        assert bridge_words(state)[-1] == ""
        assert "liveview" not in state.read_far_side().services
        stopped(process, state)


def test_without_what_it_needs_it_is_left_out_with_the_reason(state):
    (state.path / "recordings").write_text("no directory")
    with up(state) as process:
        process.wait_for("Ctrl+C stops everything")
        assert "recordings" in process.wait_for("left out: liveview: ")
        assert set(state.read_far_side().services) == {"broker", "bridge"}
        stopped(process, state)


def test_without_fastapi_it_says_how_to_get_it(state, monkeypatch):
    from importlib import util  # noqa: PLC0415

    from monty_mqtt_stack.services import table  # noqa: PLC0415

    find = util.find_spec
    monkeypatch.setattr(table.importlib.util, "find_spec", lambda name: None if name == "fastapi" else find(name))
    left_out = table.TABLE["liveview"](table.Plan(state=state))
    assert left_out.why == "fastapi not installed: pip install 'monty-mqtt[server]'"


@pytest.fixture
def experiment(tmp_path):
    """An interpreter that says in which environment it was started, and is done."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nenv > "{tmp_path}/environment"\n')
    python.chmod(0o755)
    return python


def environment_of(tmp_path):
    lines = (tmp_path / "environment").read_text().splitlines()
    return {name: value for name, _, value in (line.partition("=") for line in lines) if "LIVEVIEW" in name}


def test_run_starts_it_where_the_experiment_names_it_and_says_so_first(state, experiment, tmp_path):
    port = ports.any_free("127.0.0.1")
    words = ("run", "--state-dir", str(state.path), *ANY_PORTS, "experiment=mine")
    done = run(*words, f"experiment.config.liveview_port={port}", env={"MONTY_PYTHON": str(experiment)})
    page = f"page: http://127.0.0.1:{port}"
    assert page in done.stdout.splitlines(), done.stdout
    assert done.stdout.index(page) < done.stdout.index("mine: its own output goes to")
    assert environment_of(tmp_path) == {"MONTY_MQTT_LIVEVIEW_HOST": "127.0.0.1", "MONTY_MQTT_LIVEVIEW_PORT": str(port)}
    assert processes_of(state.path) == []


def test_run_uses_the_page_that_runs_and_says_where_there_is_none(state, experiment, tmp_path):
    words = ("run", "--state-dir", str(state.path), "experiment=mine")
    with up(state) as process:
        process.wait_for("Ctrl+C stops everything")
        url = state.read_far_side().services["liveview"].url
        done = run(*words, env={"MONTY_PYTHON": str(experiment)})
        assert f"page: {url}" in done.stdout.splitlines()
        assert environment_of(tmp_path)["MONTY_MQTT_LIVEVIEW_PORT"] == url.rpartition(":")[2]
        stopped(process, state)
    with up(state, "--without", "liveview") as process:
        process.wait_for("Ctrl+C stops everything")
        done = run(*words, env={"MONTY_PYTHON": str(experiment)})
        assert "no page: the far side that runs has none; see `monty-mqtt status`" in done.stdout
        assert environment_of(tmp_path) == {}
        stopped(process, state)
