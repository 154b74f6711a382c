"""A connection that stays open and passes nothing: the page says since when, and shows nothing of then as of now."""

from __future__ import annotations

import itertools
import re
import threading
import time
from types import SimpleNamespace
from typing import Self

import pytest
from kit.machine.tcp_proxy import TcpProxy
from kit.page.page_process import PageProcess
from kit.page.teller import Teller
from playwright.sync_api import Page, expect

from monty_mqtt.wire import schema
from monty_mqtt.wire.message_pieces import Hypothesis, LearningModuleStep

pytestmark = pytest.mark.timeout(180)

HUNG_WAYS = [{"up": True, "down": True}, {"up": False, "down": True}]
SINCE = re.compile(r"nothing heard since \d\d:\d\d:\d\d")
AS_OF = re.compile(r"running\s*as of \d\d:\d\d:\d\d")


class Going:
    """A run that goes on: a step each tenth of a second, from entering to leaving."""

    def __init__(self, teller: Teller, run: str) -> None:
        self._voice = teller.voice(run, secs_ago=60)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go, daemon=True)
        self.steps = 0

    def __enter__(self) -> Self:
        in_an_hour = time.time_ns() + 3600 * 10**9
        self._voice.say(schema.Status, status="running")
        self._voice.say(schema.Progress, episodes_done=1, episodes_expected=40, estimated_end_unix_nanos=in_an_hour)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _go(self) -> None:
        for number in itertools.count():
            belief = Hypothesis(object="mug", evidence=float(number))
            module = LearningModuleStep(evidence={"mug": float(number), "bowl": 0.5}, most_likely=belief)
            modules = {"learning_module_0": module}
            self._voice.say(schema.Step, after_secs=0.1, episode=0, step=number, learning_modules=modules)
            self.steps = number + 1
            if self._over.wait(0.1):
                return


@pytest.fixture
def going(teller):
    with Going(teller, "going") as run:
        yield run


def connection(page: Page):
    return page.locator(".connection")


def status(page: Page):
    return page.locator(".run-line > .row.tight").first


def points(page: Page) -> int:
    words = page.locator(".numbers > div").filter(has_text="Max evidence").inner_text()
    return int(re.search(r"([\d,]+) point", words)[1].replace(",", ""))


def is_live(page: Page) -> None:
    expect(connection(page)).to_have_text("connected", timeout=40_000)
    expect(status(page)).to_contain_text("running")
    expect(status(page)).not_to_contain_text("as of")
    expect(page.get_by_test_id("live")).to_contain_text("Live")
    before = points(page)
    expect(page.locator(".numbers > div").filter(has_text="Max evidence")).not_to_contain_text(f" {before:,} points")


def is_as_of_then(page: Page) -> None:
    """Everything that is live otherwise says as of when it is, and no clock goes on."""
    expect(connection(page)).to_have_text(SINCE, timeout=40_000)
    since = connection(page).inner_text()[-8:]
    expect(status(page)).to_contain_text(AS_OF)
    expect(status(page)).to_contain_text(f"as of {since}")
    expect(page.locator(".numbers")).to_have_class(re.compile("old"))
    expect(page.get_by_test_id("live")).to_contain_text("Newest")
    expect(page.get_by_test_id("live-as-of")).to_have_text(f"as of {since}")
    assert page.title().startswith("? ")
    left = page.locator(".run-line").inner_text()
    page.evaluate("new Promise((done) => setTimeout(done, 2500))")
    assert page.locator(".run-line").inner_text() == left
    assert connection(page).inner_text().endswith(since)


@pytest.fixture
def stage(chromium, broker, tmp_path):
    """A page whose broker and whose browser both reach it through proxies."""
    with TcpProxy(broker.port) as to_broker, PageProcess(at(broker, to_broker.port), tmp_path / "state") as server:
        server.ready()
        with TcpProxy(int(server.url.rpartition(":")[2])) as to_page:
            context = chromium.new_context(viewport={"width": 1280, "height": 900})
            page = context.new_page()
            page.goto(f"http://127.0.0.1:{to_page.port}/")
            yield SimpleNamespace(page=page, server=server, to_broker=to_broker, to_page=to_page)
            context.close()


def at(broker, port):
    """The broker as it is reached through a proxy."""
    return SimpleNamespace(port=port, password_file=broker.password_file)


@pytest.mark.usefixtures("going")
@pytest.mark.parametrize("way", HUNG_WAYS, ids=["both ways", "only down"])
def test_a_tunnel_that_hangs_is_said_and_found_again(stage, way):
    page = stage.page
    page.goto(f"http://127.0.0.1:{stage.to_page.port}/run/going")
    is_live(page)
    page.evaluate("globalThis.isTheSamePage = true")
    stage.to_page.hang(**way)
    is_as_of_then(page)
    page.evaluate("new Promise((done) => setTimeout(done, 12000))")  # it tries again
    assert SINCE.fullmatch(connection(page).inner_text())
    stage.to_page.resume()
    is_live(page)
    assert page.evaluate("globalThis.isTheSamePage")


@pytest.mark.usefixtures("going")
def test_a_page_that_hears_its_broker_no_more_says_so_to_its_browsers(stage):
    page = stage.page
    page.goto(f"http://127.0.0.1:{stage.to_page.port}/run/going")
    is_live(page)
    page.evaluate("globalThis.isTheSamePage = true")
    stage.to_broker.hang()
    is_as_of_then(page)
    expect(page.get_by_role("alert").first).to_contain_text("does not answer")
    answer = stage.server.get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (503, "no answer from the broker")
    stage.to_broker.resume()
    is_live(page)
    expect(page.get_by_role("alert")).to_have_count(0)
    assert page.evaluate("globalThis.isTheSamePage")


@pytest.mark.usefixtures("going")
def test_the_list_of_runs_and_of_workers_say_so_too(stage):
    page = stage.page
    row = page.locator("tbody tr").filter(has_text="going")
    expect(row).to_contain_text("running")
    expect(row).not_to_contain_text("as of")
    stage.to_page.hang()
    expect(connection(page)).to_have_text(SINCE, timeout=40_000)
    expect(row).to_contain_text(AS_OF)
    stage.to_page.resume()
    expect(row).not_to_contain_text("as of", timeout=40_000)
    page.goto(f"http://127.0.0.1:{stage.to_page.port}/run/going/workers")
    expect(page.locator(".tile")).to_contain_text("running")
    stage.to_page.hang()
    expect(page.locator(".tile")).to_contain_text(AS_OF, timeout=40_000)


def test_what_is_over_is_as_it_was(stage, teller):
    voice = teller.voice("over", secs_ago=60)
    voice.say(schema.Status, status="completed")
    teller.done()
    page = stage.page
    page.goto(f"http://127.0.0.1:{stage.to_page.port}/run/over")
    expect(status(page)).to_contain_text("completed")
    stage.to_page.hang()
    expect(connection(page)).to_have_text(SINCE, timeout=40_000)
    expect(status(page)).not_to_contain_text("as of")


def test_a_run_that_says_nothing_is_no_silence(stage, teller):
    voice = teller.voice("quiet", secs_ago=60)
    voice.say(schema.Status, status="running")
    teller.done()
    page = stage.page
    page.goto(f"http://127.0.0.1:{stage.to_page.port}/run/quiet")
    expect(status(page)).to_contain_text("running")
    page.evaluate(
        """() => {
          globalThis.said = [];
          const chip = document.querySelector(".connection");
          const watching = new MutationObserver(() => said.push(chip.innerText));
          watching.observe(chip, { subtree: true, characterData: true, childList: true });
        }"""
    )
    page.evaluate("new Promise((done) => setTimeout(done, 9000))")
    assert page.evaluate("said") == []
