"""From the bridge to the screen."""

from __future__ import annotations

import pytest
from liveview_page import replay

pytestmark = pytest.mark.timeout(120)


def test_the_demo_is_on_the_screen(bridge, page_server, watched):
    _, run = replay(bridge.zmq_port)
    page_server.until_json("/api/runs", lambda runs: run in [one["run"] for one in runs])
    page = watched.open(f"/run/{run}")
    page.get_by_text(f"{run} completed").wait_for()
    page.locator("canvas").nth(4).wait_for()
