"""The list of runs: every status, search, sort, filter, many, hostile, none, and without a broker."""

from __future__ import annotations

import re
import time

import pytest
from kit.messages.told_modes import evaluated
from kit.page.teller import HOSTILE, Teller
from playwright.sync_api import expect

from monty_mqtt.wire import schema, topics
from monty_mqtt.wire.vocabulary import STATUS_CODES

pytestmark = pytest.mark.timeout(120)


def tell(teller: Teller, run: str, status: str = "running", *, secs_ago: float = 60, **progress) -> None:
    voice = teller.voice(run, secs_ago=secs_ago)
    voice.say(schema.Info, experiment=f"{run} experiment", host="lab", episodes_expected={"eval": 10})
    voice.say(schema.Status, status=status, **progress.pop("status_fields", {}))
    voice.say(schema.Progress, **{"episodes_expected": 10, "episodes_done": 4, **progress})


def row(page, run: str):
    return page.locator("tbody tr").filter(has=page.get_by_role("link", name=run, exact=True))


def test_without_runs_it_says_what_to_do(watched):
    page = watched.open("/")
    page.get_by_role("heading", name="No runs yet").wait_for()
    expect(page.get_by_text("monty-mqtt run experiment=")).to_be_visible()


def test_every_status_is_a_word_and_can_be_filtered(watched, teller):
    for status in STATUS_CODES:
        tell(teller, f"s-{status}", status)
    tell(teller, "s-stalled", "running", status_fields={"stalled": True})
    teller.done()
    page = watched.open("/")
    for status in STATUS_CODES:
        expect(row(page, f"s-{status}")).to_contain_text(status)
    expect(row(page, "s-stalled")).to_contain_text("stalled")
    page.get_by_role("button", name="paused 1").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("button", name="error 1").click()
    expect(page.locator("tbody tr")).to_have_count(2)


def test_images_that_never_came_are_counted_and_explained(watched, teller):
    tell(teller, "gaps", "completed")
    head = {"run": "gaps", "worker": "main", "time_unix_nanos": time.time_ns()}
    for seq in (0, 3):
        cloud = schema.Hypotheses(**head, seq=seq, learning_module="LM_0", episode=0, step=seq)
        teller.publish(topics.of_message(cloud).topic, schema.encode(cloud), retain=False)
    teller.done()
    page = watched.open("/")
    why = re.compile("never reached this page.*steps until they arrive")
    expect(row(page, "gaps").get_by_title(why)).to_have_text("2 images missing")
    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.get_by_role("listitem").filter(has_text="gaps").get_by_title(why)).to_have_text("2 images missing")
    expect(page.get_by_role("listitem").filter(has_text="gaps").get_by_text("gaps experiment · eval")).to_be_visible()
    page.get_by_role("link", name="gaps").click()
    expect(page.locator(".numbers").first.get_by_title(why)).to_contain_text("Images missing 2")


def test_a_run_says_what_was_published_and_changes_by_itself(watched, teller):
    voice = teller.voice("told", secs_ago=30)
    voice.say(schema.Info, experiment="ten_objects", host="lab", episodes_expected={"eval": 10})
    voice.say(schema.Status, status="running", lost=7, dropped=3)
    voice.say(schema.Progress, episodes_expected=10, episodes_done=4, modes=evaluated(correct=3, confused=1))
    teller.done()
    page = watched.open("/")
    shown_row = row(page, "told")
    for words in (
        "ten_objects",
        "lab",
        "eval",
        "4 of 10 episodes",
        "75.0 %",
        "3 of 4",
        "7, 3",
        re.compile(r"[3-5]\d s ago|1 min ago"),
    ):
        expect(shown_row).to_contain_text(words)
    assert shown_row.get_by_role("progressbar").get_attribute("aria-valuenow") == "40"
    voice.say(schema.Progress, episodes_expected=10, episodes_done=10, modes=evaluated(correct=9, confused=1))
    voice.say(schema.Status, status="completed")
    teller.done()
    expect(shown_row).to_contain_text("completed")
    expect(shown_row).to_contain_text("9 of 10")
    shown_row.get_by_role("link").click()
    page.wait_for_url("**/run/told*")


def test_what_is_still_with_an_experiment_is_said_in_the_list_and_on_its_own_page(watched, teller):
    voice = teller.voice("left", secs_ago=30)
    voice.say(schema.Status, status="running", spooled=7005)
    teller.done()
    page = watched.open("/")
    words = "7,005 messages still with the experiment"
    expect(row(page, "left")).to_contain_text(words)
    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.get_by_role("listitem").filter(has_text="left")).to_contain_text(words)
    page.get_by_role("link", name="left").click()
    expect(page.locator(".numbers").first).to_contain_text(words)
    voice.say(schema.Status, status="completed")
    teller.done()
    expect(page.locator(".numbers").first).not_to_contain_text("still with the experiment")


def test_search_and_sort_find_a_run(watched, teller):
    tell(teller, "apple", modes=evaluated(correct=4))
    tell(teller, "banana", modes=evaluated(correct=1, confused=3))
    teller.done()
    page = watched.open("/")
    page.get_by_role("searchbox").fill("apple EXP")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(row(page, "apple")).to_be_visible()
    page.get_by_role("searchbox").fill("nothing has this")
    page.get_by_role("button", name="Show all").click()
    page.get_by_role("button", name="Accuracy").click()
    expect(page.get_by_role("columnheader", name="Accuracy")).to_have_attribute("aria-sort", "descending")
    names = page.locator("tbody tr a").all_inner_texts()
    assert names.index("apple") < names.index("banana")
    page.get_by_role("button", name="Accuracy").click()
    expect(page.get_by_role("columnheader", name="Accuracy")).to_have_attribute("aria-sort", "ascending")


def test_the_runs_of_a_sweep_are_shown_side_by_side(watched, teller):
    group = f"sweep {HOSTILE}"
    for number, rate in enumerate((10, 9, 100)):
        voice = teller.voice(f"job-{number}", secs_ago=60 - number)
        overrides = {"experiment.config.rate": str(rate), "a.rate": HOSTILE, "same": "1", "other.seed": str(-number)}
        voice.say(schema.Info, experiment="e", group=group, overrides=overrides)
        voice.say(schema.Status, status="completed")
    tell(teller, "alone")
    teller.done()
    page = watched.open("/")
    expect(page.locator("thead th")).to_have_count(8)
    row(page, "job-1").get_by_role("button", name="Group sweep").click()
    expect(page.locator("tbody tr")).to_have_count(3)
    expect(page.get_by_test_id("group")).to_contain_text(group)
    assert page.locator("thead th").all_inner_texts()[1:3] == ["rate", "seed"], "where they do not differ, no column"
    page.get_by_role("button", name="rate", exact=True).click()
    assert page.locator("tbody tr td:nth-child(2)").all_inner_texts() == ["9", "10", "100"]
    page.reload()
    expect(page.locator("tbody tr")).to_have_count(3)
    page.get_by_role("button", name="Show all runs").click()
    expect(row(page, "alone")).to_be_visible()
    page.get_by_role("searchbox").fill("config.rate=100")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(row(page, "job-2")).to_be_visible()
    page.get_by_role("searchbox").fill("sweep")
    expect(page.locator("thead th")).to_have_count(10)
    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.get_by_role("listitem").filter(has_text="job-2")).to_contain_text("rate 100")


def test_hostile_names_are_text_and_lead_to_their_run(watched, teller):
    tell(teller, HOSTILE)
    teller.done()
    page = watched.open("/")
    page.get_by_role("link", name=HOSTILE, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
    assert HOSTILE in page.title()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_overflows(watched, teller, width, scheme):
    tell(teller, "a_run_with_quite_a_long_name_without_any_space_in_it-20261125T101112Z-12ab")
    teller.done()
    watched.page.set_viewport_size({"width": width, "height": 844})
    watched.page.emulate_media(color_scheme=scheme)
    page = watched.open("/")
    page.get_by_role("link", name=re.compile("a_run_with_quite")).wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.documentElement.dataset.theme") == scheme


def test_a_chosen_theme_is_remembered(watched):
    watched.page.emulate_media(color_scheme="light")
    page = watched.open("/")
    button = page.get_by_role("button", name=re.compile("Colours"))
    button.click()
    button.click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.reload()
    expect(button).to_contain_text("dark")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_thousands_of_runs_come_a_page_at_a_time(watched, teller):
    for number in range(1500):
        voice = teller.voice(f"many-{number:04}", secs_ago=100_000 - number)
        voice.say(schema.Status, status="completed")
    teller.done()
    page = watched.open("/")
    page.get_by_role("searchbox").fill("many-")
    expect(page.get_by_text("Page 1 of 30")).to_be_visible(timeout=20_000)
    expect(page.locator("tbody tr")).to_have_count(50)
    page.get_by_role("button", name="Next").click()
    expect(row(page, "many-1449")).to_be_visible()
    page.get_by_role("searchbox").fill("many-0007")
    expect(page.locator("tbody tr")).to_have_count(1)


def test_a_broker_that_is_gone_is_named(watched, broker):
    page = watched.open("/")
    page.get_by_text("connected", exact=True).wait_for()
    broker.stop()
    try:
        expect(page.get_by_role("alert")).to_contain_text(re.compile("no broker", re.IGNORECASE), timeout=20_000)
    finally:
        broker.start()
    expect(page.get_by_role("alert")).to_have_count(0, timeout=20_000)
