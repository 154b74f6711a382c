"""From the bridge to the screen."""

from __future__ import annotations

import pytest
from kit.page.page_process import replay
from playwright.sync_api import expect

pytestmark = pytest.mark.timeout(120)


def test_the_demo_is_on_the_screen(bridge, page_server, watched):
    _, run = replay(bridge.zmq_port)
    page_server.until_json("/api/runs", lambda runs: run in [run_head["run"] for run_head in runs])
    page = watched.open(f"/run/{run}")
    head = page.get_by_role("region", name="Run", exact=True)
    expect(head.get_by_role("heading", level=1)).to_have_text(run)
    expect(head).to_contain_text("completed")
    page.locator("canvas").first.wait_for()


def test_an_address_that_is_none_leads_to_the_runs(chromium, page_server):
    page = chromium.new_page()
    page.goto(f"{page_server.url}/run/")
    expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()
    page.get_by_role("link", name="all runs").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Runs")
    page.close()
