"""A page that stays open: through a restart of its server, through sleep, beside another browser."""

from __future__ import annotations

import re

import pytest
from kit.machine.child_process import until
from kit.messages.told_modes import evaluated
from kit.page.page_process import PageProcess
from long_recording import write_long
from playwright.sync_api import expect

from monty_mqtt.wire import schema
from monty_mqtt.wire.message_pieces import Hypothesis, LearningModuleStep

pytestmark = pytest.mark.timeout(120)


def step(voice, number: int) -> None:
    module = LearningModuleStep(
        evidence={"mug": float(number), "bowl": 0.5}, most_likely=Hypothesis(object="mug", evidence=float(number))
    )
    voice.say(schema.Step, after_secs=0.04, episode=0, step=number, learning_modules={"learning_module_0": module})


def test_a_server_that_goes_before_it_says_anything_is_said_to_be_away(chromium, broker, tmp_path):
    page = chromium.new_context().new_page()
    page.route_web_socket(re.compile("^ws:"), lambda connection: connection.close())  # as if it went just then
    with PageProcess(broker, tmp_path / "state") as server:
        server.ready()
        page.goto(f"{server.url}/run/anything")
        expect(page.get_by_role("alert").first).to_contain_text("does not answer")
    page.context.close()


def evidence(page):
    return page.locator(".numbers > div").filter(has_text="Max evidence")


def test_a_restarted_server_is_found_again_without_a_reload(chromium, broker, teller, tmp_path):
    voice = teller.voice("restarted", secs_ago=60)
    voice.say(schema.Status, status="running")
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    with PageProcess(broker, tmp_path / "state") as first:
        first.ready()
        for number in range(10):
            step(voice, number)
        teller.done()
        page.goto(f"{first.url}/run/restarted")
        expect(evidence(page)).to_contain_text("10 points")
        page.evaluate("globalThis.isTheSamePage = true")
        port = int(first.url.rpartition(":")[2])
    expect(page.get_by_role("alert").first).to_contain_text("does not answer")
    for number in range(10, 25):
        step(voice, number)
    teller.done()
    with PageProcess(broker, tmp_path / "state", port=port) as second:
        second.ready()
        expect(evidence(page)).to_contain_text("25 points", timeout=20_000)
        expect(evidence(page)).to_contain_text("24")
        expect(page.get_by_role("alert")).to_have_count(0)
        assert page.evaluate("globalThis.isTheSamePage")
    context.close()


def test_a_browser_that_slept_catches_up(watched, teller):
    voice = teller.voice("slept", secs_ago=600)
    voice.say(schema.Status, status="running")
    step(voice, 0)
    teller.done()
    page = watched.open("/run/slept")
    expect(evidence(page)).to_contain_text("1 point")
    session = page.context.new_cdp_session(page)
    session.send("Page.setWebLifecycleState", {"state": "frozen"})
    for number in range(1, 6000):
        step(voice, number)
    voice.say(schema.Status, status="completed")
    teller.done()
    session.send("Page.setWebLifecycleState", {"state": "active"})
    expect(evidence(page)).to_contain_text("6,000 points", timeout=20_000)
    expect(evidence(page)).to_contain_text("5,999")
    expect(page.get_by_role("region", name="Run", exact=True)).to_contain_text("completed")


def test_two_browsers_opened_at_different_times_show_the_same(chromium, watched, teller):
    voice = teller.voice("watched twice", secs_ago=60)
    voice.say(schema.Info, experiment="x", episodes_expected={"eval": 4})
    voice.say(schema.Status, status="running")
    for number in range(20):
        step(voice, number)
    teller.done()
    early = watched.open("/run/watched%2520twice")
    expect(evidence(early)).to_contain_text("20 points")
    for number in range(20, 40):
        step(voice, number)
    voice.say(schema.Progress, episodes_done=1, episodes_expected=4, modes=evaluated(correct=1))
    teller.done()
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    late = context.new_page()
    late.goto(early.url)
    for page in (early, late):
        expect(evidence(page)).to_contain_text("40 points")
        expect(page.locator(".run-head")).to_contain_text("1 of 4 episodes")
    # How long a step took to this browser, and how long ago it was, are each browser's own.
    own = re.compile(r"\d+ (s|min) ago|Delay.*?page", re.DOTALL)
    until(lambda: len({own.sub("", page.locator(".run-details .numbers").inner_text()) for page in (early, late)}) == 1)
    context.close()


def test_what_is_still_being_read_is_said_until_it_is_there(chromium, broker, tmp_path):
    for number in range(2):
        write_long(tmp_path / "state" / "recordings", f"long-{number}", 40_000)
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    with PageProcess(broker, tmp_path / "state") as server:
        server.ready()
        page.goto(server.url)
        expect(page.get_by_test_id("notes")).to_contain_text("of 2 runs are read, now long-")
        for number in range(2):
            row = page.locator("tbody tr").filter(has_text=f"long-{number}")
            expect(row).to_have_count(1, timeout=60_000)
        expect(page.get_by_test_id("notes")).to_have_count(0, timeout=60_000)
    context.close()


def test_a_page_of_a_run_that_is_not_known_yet_waits_for_it(watched, teller):
    page = watched.open("/run/later")
    expect(page.get_by_text("Nothing is known of this run yet")).to_be_visible()
    voice = teller.voice("later")
    voice.say(schema.Status, status="running")
    teller.done()
    expect(page.get_by_role("region", name="Run", exact=True)).to_contain_text("running")
