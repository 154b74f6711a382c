"""What takes its time: a worker that makes no step, a browser that sleeps for ten minutes."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from typing import NamedTuple

import psutil
import pytest
from demo_on_screen import drawn
from playwright.sync_api import Browser, expect
from scene_on_screen import MODULE, STEP_EVERY, head, over
from watching import CHROMIUM, QUIET

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

STALLED_SECS = 30
ASLEEP_SECS, PER_SECOND = 600, 250


class Laptop(NamedTuple):
    """A browser of its own that can be put to sleep with all its processes, as when the lid is closed."""

    browser: Browser

    def processes(self) -> list[psutil.Process]:
        info = self.browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")
        return [psutil.Process(process["id"]) for process in info["processInfo"]]


@pytest.fixture
def laptop(chromium) -> Iterator[Laptop]:
    browser = chromium.browser_type.launch(executable_path=CHROMIUM, args=list(QUIET))
    yield Laptop(browser)
    browser.close()


def test_a_worker_that_makes_no_step_is_shown_stalled_until_it_makes_one(scene):
    program = scene.experiment("stalls")
    program.tell("publish", 100)
    pages = [scene.look(path) for path in ("/run/stalls", "/run/stalls/workers", "/")]
    for page in pages:
        expect(page.locator("main")).to_contain_text("running")
        expect(page.locator("main")).not_to_contain_text("stalled")
    for page in pages:
        expect(page.locator("main")).to_contain_text("stalled", timeout=2000 * STALLED_SECS)
    expect(pages[0]).to_have_title(re.compile("^!"))
    program.tell("publish", 20)
    for page in pages:
        expect(page.locator("main")).not_to_contain_text("stalled")
        expect(page.locator("main")).to_contain_text("running")
    over(program)
    for page in pages:
        expect(page.locator("main")).to_contain_text("completed")


def test_a_browser_asleep_for_ten_minutes_shows_what_the_other_shows(scene, laptop):
    program = scene.experiment("slept")
    program.tell("publish", 100)
    awake, asleep = (scene.look("/run/slept", browser) for browser in (None, laptop.browser))
    for page in (awake, asleep):
        expect(page.locator(".numbers")).to_contain_text("10 points")
    sleeping = laptop.processes()
    for process in sleeping:
        process.send_signal(signal.SIGSTOP)
    count = 100 + ASLEEP_SECS * PER_SECOND
    program.tell("publish", count - 100, PER_SECOND)
    program.wait_for(lambda report: report["published"] >= count + 2, ASLEEP_SECS + 60)
    for process in sleeping:
        process.send_signal(signal.SIGCONT)
    over(program)
    steps = count // STEP_EVERY
    charts = []
    for page in (awake, asleep):
        expect(page.locator(".numbers")).to_contain_text(f"{steps:,} points", timeout=60_000)
        expect(head(page)).to_contain_text("completed")
        page.get_by_test_id("show-run").click()
        charts.append(drawn(page, MODULE, lambda seen: (seen.x[:1], seen.x[-1:]) == ([0], [steps - 1])))
        assert page.evaluate("globalThis.isTheSamePage")
    assert charts[0].lines == charts[1].lines
