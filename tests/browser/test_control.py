"""Commands from the page to an experiment: asked first, obeyed, acknowledged; refused with the reason."""

from __future__ import annotations

import itertools
import re
import threading
from contextlib import suppress

import pytest
from kit.page.page_process import PageProcess
from playwright.sync_api import expect

from monty_mqtt.broadcast.broadcaster import ZmqBroadcaster
from monty_mqtt.errors import AbortRequested
from monty_mqtt.monitor.commands import CommandObeyer
from monty_mqtt.wire import schema

pytestmark = pytest.mark.timeout(120)

_runs = itertools.count()


@pytest.fixture
def page_server(broker, tmp_path):
    password = str(broker.password_file("control"))
    with PageProcess(broker, tmp_path / "state", "--control-password-file", password) as process:
        process.ready()
        process.password = (tmp_path / "state/secrets/liveview_login").read_text().strip()
        yield process


@pytest.fixture
def workers(bridge):
    """Start workers of a run, which publish steps and obey commands until they are aborted or the test is over."""
    done = threading.Event()
    started = []

    def start(run: str, worker: str) -> None:
        broadcaster = ZmqBroadcaster(run_id=run, worker=worker, zmq_port=bridge.zmq_port, strict=True)
        commands = CommandObeyer(broadcaster)
        thread = threading.Thread(target=work, args=(broadcaster, commands, done))
        started.append((commands, thread))
        thread.start()

    yield start
    done.set()
    for commands, _ in started:
        commands.abort_reason = commands.abort_reason or "the test is over"
    for _, thread in started:
        thread.join(10)


def work(broadcaster: ZmqBroadcaster, commands: CommandObeyer, done: threading.Event) -> None:
    broadcaster.publish(schema.Status, status="running")
    with suppress(AbortRequested):
        for step in itertools.count():
            if done.wait(0.05):
                break
            broadcaster.publish(schema.Step, mode="eval", epoch=0, episode=0, step=step)
            commands.obey(step, 0)
    status = "aborted" if commands.abort_reason else "completed"
    broadcaster.publish(schema.Status, status=status, reason=commands.abort_reason)
    broadcaster.close(status)


@pytest.fixture
def run(workers) -> str:
    name = f"controlled-{next(_runs)}"
    workers(name, "main")
    return name


def open_commands(page) -> None:
    page.get_by_text("Commands", exact=True).click()


def log_in(page, password: str) -> None:
    open_commands(page)
    page.get_by_role("button", name="Log in").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Password").fill(password)
    dialog.get_by_role("button", name="Log in").click()


@pytest.fixture
def controlled(watched, page_server, run):
    page = watched.open(f"/run/{run}")
    log_in(page, page_server.password)
    expect(button(page, "Pause")).to_have_attribute("aria-disabled", "false")
    return page


def control(page):
    return page.get_by_role("region", name="Control")


def button(page, name: str):
    return control(page).get_by_role("button", name=name, exact=True)


def answer_of(page):
    return control(page).get_by_role("status")


def test_without_login_nothing_can_be_pressed_and_it_says_why(watched, run):
    page = watched.open(f"/run/{run}")
    open_commands(page)
    expect(answer_of(page)).to_contain_text(re.compile("Log in", re.IGNORECASE))
    for name in ("Pause", "Resume", "Step", "Stop after episode", "Abort"):
        expect(button(page, name)).to_have_attribute("aria-disabled", "true")
        assert button(page, name).get_attribute("title")
    button(page, "Abort").click(force=True)
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_wrong_password_is_refused(watched, run):
    page = watched.open(f"/run/{run}")
    log_in(page, "wrong")
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("password")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    watched.complaints[:] = [complaint for complaint in watched.complaints if "401" not in complaint]


def test_pause_step_and_resume_are_acknowledged(controlled):
    head = controlled.get_by_role("region", name="Run", exact=True)
    button(controlled, "Pause").click()
    expect(answer_of(controlled)).to_contain_text(re.compile(r"main obeyed: .*paused", re.IGNORECASE))
    expect(head).to_contain_text("paused")
    expect(button(controlled, "Pause")).to_have_attribute("title", re.compile("Pause works when it is running"))
    control(controlled).get_by_label("Number of steps").fill("3")
    button(controlled, "Step").click()
    expect(answer_of(controlled)).to_contain_text("main obeyed")
    button(controlled, "Resume").click()
    expect(answer_of(controlled)).to_contain_text("main obeyed")
    expect(head).to_contain_text("running")


def test_abort_asks_first_and_passes_the_reason_on(controlled):
    button(controlled, "Abort").click()
    dialog = controlled.get_by_role("dialog")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)
    button(controlled, "Abort").click()
    dialog.get_by_label(re.compile("Reason")).fill("wrong object")
    dialog.get_by_role("button", name="Abort").click()
    expect(answer_of(controlled)).to_contain_text("main obeyed")
    head = controlled.get_by_role("region", name="Run", exact=True)
    expect(head).to_contain_text("aborted")
    expect(head).to_contain_text("wrong object")
    expect(answer_of(controlled)).to_contain_text("there is nothing to command")
    assert controlled.title().startswith("■")


def test_stop_after_this_episode_by_keyboard(controlled):
    button(controlled, "Stop after episode").focus()
    controlled.keyboard.press("Enter")
    controlled.get_by_role("dialog").get_by_role("button", name="Stop after this episode").press("Enter")
    expect(answer_of(controlled)).to_contain_text("main obeyed")


def test_logging_out_takes_the_right_away(controlled):
    button(controlled, "Log out").click()
    expect(button(controlled, "Abort")).to_have_attribute("aria-disabled", "true")


@pytest.fixture
def crowd(watched, page_server, workers):
    """Twelve workers of a run on a telephone, by who may command."""
    run = f"crowd-{next(_runs)}"
    for number in range(12):
        workers(run, f"worker-{number}")
    page_server.until_json(
        "/api/runs", lambda runs: (run, 12) in [(run_head["run"], run_head["workers"]) for run_head in runs]
    )
    watched.page.set_viewport_size({"width": 390, "height": 844})
    page = watched.open(f"/run/{run}?worker=")
    log_in(page, page_server.password)
    expect(button(page, "Pause")).to_have_attribute("aria-disabled", "false")
    return page


def test_many_workers_answer_in_one_line(crowd):
    button(crowd, "Pause").click()
    expect(answer_of(crowd)).to_have_text("12 workers obeyed")
    expect(answer_of(crowd).get_by_title("worker-0, worker-1, worker-2, worker-3")).to_be_visible()
    button(crowd, "Abort").click()
    dialog = crowd.get_by_role("dialog")
    expect(dialog).to_contain_text("To all workers of crowd")
    box = dialog.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    dialog.get_by_role("button", name="Abort").click()
    expect(answer_of(crowd)).to_contain_text("12 workers obeyed")
    expect(crowd.get_by_role("region", name="Run", exact=True)).to_contain_text("aborted")


def test_of_many_workers_it_says_who_obeyed_and_why_the_others_did_not(crowd):
    for worker in ("worker-10", "worker-2"):
        control(crowd).get_by_label("To").select_option(worker)
        button(crowd, "Pause").click()
        expect(answer_of(crowd)).to_contain_text(f"{worker} obeyed")
    control(crowd).get_by_label("To").select_option("")
    button(crowd, "Resume").click()
    expect(answer_of(crowd).get_by_text("worker-2, worker-10 obeyed")).to_be_visible()
    expect(answer_of(crowd).get_by_text("10 workers refused: it is not paused")).to_be_visible()
    expect(answer_of(crowd).get_by_role("paragraph")).to_have_count(2)
