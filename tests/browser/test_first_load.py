"""What a browser that was never here fetches for a page, and that it fetches no file of it twice."""

from __future__ import annotations

import pytest
from kit.machine.child_process import until
from playwright.sync_api import expect

pytestmark = pytest.mark.timeout(120)

MOST_REQUESTS = 12
MOST_BYTES = 500_000
SENT = """performance.getEntriesByType("resource")
  .filter((one) => /[.](js|css)$/.test(one.name)).map((one) => one.transferSize)"""
"""Bytes that came over the network for each script and style sheet; 0: the browser had it."""

DRAWN_SECS = """() => {
  const [drawn] = performance.getEntriesByName("evidence-drawn");
  return drawn && (performance.timeOrigin + drawn.startTime) / 1000;
}"""
"""When the evidence was drawn for the first time, seconds since 1970."""


def test_a_run_is_on_the_screen_after_few_requests(chromium, demo, capsys):
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    asked, sizes, at_secs = {}, {}, {}

    def note(sent):
        asked.setdefault(sent["requestId"], sent["request"]["url"])
        at_secs.setdefault(sent["requestId"], sent["wallTime"])

    session.on("Network.requestWillBeSent", note)
    session.on("Network.loadingFinished", lambda end: sizes.__setitem__(end["requestId"], end["encodedDataLength"]))
    page.goto(f"{demo.page.url}/run/{demo.recognising}")
    page.locator("[data-testid='evidence-canvas'] canvas").first.wait_for()
    until(lambda: page.evaluate(DRAWN_SECS))
    drawn_secs = page.evaluate(DRAWN_SECS)
    asked = {number: url for number, url in asked.items() if at_secs[number] <= drawn_secs}
    fetched = {url for url in asked.values() if url.startswith(demo.page.url)}
    total = sum(sizes.get(number, 0) for number, url in asked.items() if url in fetched)
    with capsys.disabled():
        print(f"\n{len(fetched)} requests until evidence is drawn, {total / 1000:.0f} kB as sent")  # noqa: T201 - for the report
        print("\n".join(f"{sizes.get(number, 0):>8} {url}" for number, url in asked.items()))  # noqa: T201
    assert len(asked) == len(set(asked.values())), "something was asked for twice"
    assert len(fetched) <= MOST_REQUESTS
    assert total <= MOST_BYTES
    context.close()


def test_what_a_browser_has_it_does_not_ask_for_again(shown, demo):
    page = shown.open("/")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.goto(f"{demo.page.url}/")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    kept = page.evaluate(SENT)
    assert kept
    assert set(kept) == {0}
