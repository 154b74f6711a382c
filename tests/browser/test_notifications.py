"""A browser tells who asked for it what happens to a run: once each, and nothing of what was before."""

from __future__ import annotations

import pytest
from kit.machine.child_process import until
from kit.messages.told_modes import evaluated
from playwright.sync_api import expect

from monty_mqtt.wire import schema

pytestmark = pytest.mark.timeout(120)

_NOTE = """() => {
  const shown = (window.shown = []);
  window.Notification = class extends Notification {
    constructor(title, options) {
      super(title, options);
      shown.push(title);
    }
  };
}"""
"""The browser's own notifications, noted as they are made: nothing else shows them without a desktop."""


def test_it_tells_once_what_happens_from_now_on(watched, teller):
    watched.page.context.grant_permissions(["notifications"])
    watched.page.add_init_script(f"({_NOTE})()")
    voice = teller.voice("told", secs_ago=60)
    voice.say(schema.Status, status="running", stalled=True)
    teller.done()
    page = watched.open("/run/told")
    button = page.get_by_role("button", name="Tell me what happens to this run")
    expect(button).to_have_attribute("aria-pressed", "false")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    voice.say(schema.Progress, episodes_done=1, modes=evaluated(confused=1))
    teller.done()
    until(lambda: page.evaluate("shown") == ["told has its first failed episode"])
    page.reload()
    expect(button).to_have_attribute("aria-pressed", "true")
    voice.say(schema.Status, status="completed")
    teller.done()
    until(lambda: page.evaluate("shown") == ["told has finished"])
    button.click()
    expect(button).to_have_attribute("aria-pressed", "false")
    page.reload()
    expect(button).to_have_attribute("aria-pressed", "false")


def test_who_refuses_is_told_why_nothing_comes(watched, teller):
    teller.voice("quiet", secs_ago=60).say(schema.Status, status="running")
    teller.done()
    page = watched.open("/run/quiet")
    button = page.get_by_role("button", name="Tell me what happens to this run")
    button.click()
    expect(button).to_have_attribute("title", "this browser does not allow notifications for this page")
    expect(button).to_have_attribute("aria-pressed", "false")
