"""Log lines and telemetry events: filtered, searched, paged, many, hostile."""

from __future__ import annotations

import time

import pytest
from kit.page.teller import HOSTILE
from playwright.sync_api import expect

from monty_mqtt.wire import schema

pytestmark = pytest.mark.timeout(120)


def lines(page):
    return page.locator(".log-line")


def test_lines_are_shown_filtered_and_searched(watched, teller):
    voice = teller.voice("logged", secs_ago=60)
    voice.say(schema.Status, status="running")
    for level in ("debug", "info", "warning", "error", "critical"):
        voice.say(schema.Log, level=level, message=f"a {level} happened", logger="tbp.monty")
    voice.say(schema.Log, level="info", message=HOSTILE, logger="user", suppressed=12)
    teller.done()
    page = watched.open("/run/logged?tab=logs")
    expect(lines(page)).to_have_count(6)
    expect(lines(page).last).to_contain_text(HOSTILE)
    expect(lines(page).last).to_contain_text("12 more left out")
    page.get_by_label("Level").select_option("warning")
    expect(lines(page)).to_have_count(3)
    page.get_by_label("Level").select_option("")
    page.get_by_role("tabpanel").get_by_label("Search").fill("critical")
    page.keyboard.press("Enter")
    expect(lines(page)).to_have_count(1)
    voice.say(schema.Log, level="info", message="another critical thing")
    teller.done()
    expect(lines(page)).to_have_count(2)


def test_an_early_word_is_found_and_it_is_said_what_was_searched(watched, teller):
    voice = teller.voice("early", secs_ago=60)
    voice.say(schema.Status, status="running")
    for number in range(7000):
        voice.say(schema.Log, level="error" if number == 100 else "debug", message=f"line {number}.")
    teller.done()
    page = watched.open("/run/early?tab=logs")
    searched = page.get_by_test_id("searched")
    expect(searched).to_have_text("7,000 in all")
    page.get_by_label("Level").select_option("error")
    expect(lines(page)).to_have_count(1)
    expect(lines(page)).to_contain_text("line 100.")
    page.get_by_label("Level").select_option("")
    page.get_by_role("tabpanel").get_by_label("Search").fill("line 150.")
    page.keyboard.press("Enter")
    expect(lines(page)).to_have_count(1)
    expect(searched).to_have_text("searched 7,000 of 7,000: 5,001 in memory, 1,999 from the recording")


def test_what_a_data_stream_said_before_can_be_looked_at(watched, teller):
    voice = teller.voice("stream", secs_ago=60)
    voice.say(schema.Status, status="running")
    for number in range(130):
        voice.say(schema.Data, stream="mine", data={"number": number})
    teller.done()
    page = watched.open("/run/stream?tab=data")
    article = page.locator("article").filter(has_text="mine")
    article.get_by_text("History").click()
    expect(article).to_contain_text("130 values recorded")
    expect(article.locator("details > .row")).to_have_count(101)
    article.get_by_role("button", name="Older").click()
    expect(article.locator("details > .row")).to_have_count(31)
    expect(article.locator("details > .row").last).to_contain_text("0 ·")


def test_older_lines_come_page_by_page(watched, teller):
    voice = teller.voice("long log", secs_ago=60)
    voice.say(schema.Status, status="running")
    for number in range(450):
        voice.say(schema.Log, level="info", message=f"line {number}.")
    teller.done()
    page = watched.open("/run/long%2520log?tab=logs")
    expect(lines(page).last).to_contain_text("line 449.")
    page.get_by_role("button", name="Older").click()
    expect(lines(page).last).to_contain_text("line 249.")
    page.get_by_role("button", name="Older").click()
    expect(lines(page)).to_have_count(50)
    page.get_by_role("button", name="Newest").click()
    expect(lines(page).last).to_contain_text("line 449.")


def test_thousands_of_lines_a_second_do_not_freeze_the_page(watched, teller):
    voice = teller.voice("flood", secs_ago=60)
    voice.say(schema.Status, status="running")
    teller.done()
    page = watched.open("/run/flood?tab=logs")
    page.evaluate("""() => {
        globalThis.longest = 0;
        let last = performance.now();
        (function tick() {
            const now = performance.now();
            globalThis.longest = Math.max(globalThis.longest, now - last);
            last = now;
            requestAnimationFrame(tick);
        })();
    }""")
    until = time.monotonic() + 4
    number = 0
    while time.monotonic() < until:
        for _ in range(1000):
            voice.say(schema.Log, level="info", message=f"line {number}.")
            number += 1
        teller.done()
    expect(page.get_by_role("tab", name="Logs")).to_contain_text(f"{number:,}", timeout=30_000)
    expect(lines(page).last).to_contain_text(f"line {number - 1}.")
    assert lines(page).count() <= 200
    assert page.evaluate("globalThis.longest") < 5000  # this machine may be busy


def test_events_say_what_their_fields_hold(watched, teller):
    voice = teller.voice("events", secs_ago=60)
    voice.say(schema.Status, status="running")
    voice.say(schema.Event, event="BurstSampling", source="lm_0", fields={"added": 17, "note": HOSTILE})
    teller.done()
    page = watched.open("/run/events?tab=events")
    expect(lines(page)).to_contain_text("BurstSampling")
    expect(lines(page)).to_contain_text('"added":17')
    expect(lines(page)).to_contain_text(HOSTILE)


def test_of_one_worker_only_its_own_lines(watched, teller):
    for worker in ("one", "two"):
        voice = teller.voice("two workers", worker, secs_ago=60)
        voice.say(schema.Status, status="running")
        voice.say(schema.Log, level="info", message=f"said by {worker}")
    teller.done()
    page = watched.open("/run/two%2520workers?worker=two&tab=logs")
    expect(lines(page)).to_have_count(1)
    expect(lines(page)).to_contain_text("said by two")
    page.get_by_role("combobox", name="Worker", exact=True).select_option("")
    expect(lines(page)).to_have_count(2)
