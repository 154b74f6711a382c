"""`make web-dev`: the front end from its sources, before a page that runs."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from kit.machine.child_process import Process
from kit.machine.missing import is_missing

ROOT = Path(__file__).resolve().parents[2]
INSTALL_SECS = 300
NOT_THERE = "the front end is not"
pytestmark = pytest.mark.timeout(2 * INSTALL_SECS)


def test_a_running_page_is_shown_by_the_sources(chromium, demo):
    argv = (sys.executable, str(ROOT / "tools" / "web.py"), "dev")
    with Process(argv=argv, env={"MONTY_MQTT_PAGE": demo.page.url, "NO_COLOR": "1"}) as served:
        try:
            (url,) = re.findall(r"http://127\.0\.0\.1:\d+", served.wait_for("http://127.0.0.1:", INSTALL_SECS))
        except AssertionError as error:
            if NOT_THERE in str(error):
                is_missing(str(error))
            raise
        context = chromium.new_context()
        page = context.new_page()
        page.goto(f"{url}/run/{demo.recognising}")
        page.locator("[data-testid='evidence-canvas'] canvas").first.wait_for(timeout=60_000)
        page.get_by_text("connected", exact=True).wait_for()  # the live line goes through
        loaded = json.dumps(page.evaluate("performance.getEntriesByType('resource').map((one) => one.name)"))
        assert "/assets/src/run/run_view.vue" in loaded
        assert "/assets/@vite/client" in loaded
        context.close()
