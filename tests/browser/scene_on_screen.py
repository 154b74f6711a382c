"""Broker, bridge, page and experiments, each a process that can be killed; and browsers that look."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from itertools import pairwise

import pytest
from chaos.program import Program
from chaos.stage import BridgeProcess
from demo_on_screen import drawn
from kit.page.page_process import PageProcess
from playwright.sync_api import Browser, expect

from monty_mqtt_core.settings.ports import any_free
from monty_mqtt_stack.services.mosquitto import Mosquitto

PER_SECOND = 200
STEP_EVERY = 10  # as `chaos.load` publishes: every tenth message is a step
MODULE = "LM_0"
FEW = 600
"""So many steps are drawn all."""


class Scene:
    """Broker, bridge, page and experiments, each a process that can be killed; and a browser that looks."""

    def __init__(self, where, chromium, stack: ExitStack) -> None:
        self._where, self._stack = where, stack
        self.broker = stack.enter_context(Mosquitto(where / "broker"))
        self.bridge = BridgeProcess(self.broker, {})
        stack.callback(self.bridge.kill)
        self._port = any_free("127.0.0.1")
        self.url = f"http://127.0.0.1:{self._port}"
        self.state = where / "page"
        self._browser = chromium
        self.page_starts()

    def page_starts(self) -> None:
        self.server = self._stack.enter_context(PageProcess(self.broker, self.state, port=self._port))
        self.server.ready()

    def page_is_killed(self) -> None:
        self.server.signal(9)
        self.server.wait()

    def broker_forgets(self) -> None:
        """It is killed, and what it had retained and queued is gone."""
        self.broker.kill()
        for file in self.broker.state.mosquitto.glob("mosquitto.db*"):
            file.unlink()
        self.broker.start()

    def experiment(self, run: str) -> Program:
        spool = str(self._where / f"spool {run}")
        arguments = [self.bridge.port, run, "main"]
        program = self._stack.enter_context(Program("load", arguments, MONTY_MQTT_STATE_DIR=spool))
        program.wait_for(lambda report: report["published"] == 2)
        return program

    def look(self, path: str, browser: Browser | None = None):
        context = (browser or self._browser).new_context(viewport={"width": 1280, "height": 900})
        self._stack.callback(context.close)
        page = context.new_page()
        page.goto(self.url + path)
        page.evaluate("globalThis.isTheSamePage = true")
        return page


@contextmanager
def scene_of(where, chromium):
    with ExitStack() as stack:
        yield Scene(where, chromium, stack)


@pytest.fixture
def scene(tmp_path, chromium):
    with scene_of(tmp_path, chromium) as begun:
        yield begun


def in_the_middle(program: Program, secs: int) -> int:
    """Return, while it publishes for so long, what it will have published when it is done."""
    known = program.report["published"]
    program.tell("publish", PER_SECOND * secs, PER_SECOND)
    program.wait_for(lambda report: report["published"] >= known + PER_SECOND // 2, 60)
    return PER_SECOND * secs


def over(program: Program) -> None:
    program.tell("close", 20)
    assert program.wait(90) == 0


def head(page):
    return page.get_by_role("region", name="Run", exact=True)


def shows_all(page, steps: int) -> None:
    """See every step in the chart, of a page that was not loaded again."""
    expect(page.locator(".numbers")).to_contain_text(f"{steps:,} points", timeout=60_000)
    expect(head(page)).to_contain_text("completed", timeout=60_000)
    page.get_by_test_id("show-run").click()
    plot = drawn(page, MODULE, lambda seen: (seen.x[:1], seen.x[-1:]) == ([0], [steps - 1]))
    apart = {after - before for before, after in pairwise(plot.x)}
    assert max(apart) <= (1 if steps <= FEW else 3)  # of many as many as there are pixels, at even distances
    assert plot.lines["object_9"] == pytest.approx([9 * 0.37] * len(plot.x), abs=1e-4)
    assert page.evaluate("globalThis.isTheSamePage")
