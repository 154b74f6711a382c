"""Metrics as charts, ten thousand of them too; data streams and state values as they are."""

from __future__ import annotations

import pytest
from liveview_told import HOSTILE
from playwright.sync_api import expect

from monty_mqtt import schema

pytestmark = pytest.mark.timeout(120)


def metric(page, name: str):
    return page.get_by_role("article").filter(has=page.get_by_role("heading", name=name, exact=True))


def test_a_metric_shows_its_latest_value_and_its_course(watched, teller):
    voice = teller.voice("metrics", secs_ago=60)
    voice.say(schema.Status, status="running")
    for number in range(20):
        voice.say(schema.Metric, after_secs=1, name="loss", value=1 / (number + 1), metadata={"epoch": number})
    voice.say(schema.Metric, name=HOSTILE, value=-3.5)
    teller.done()
    page = watched.open("/run/metrics?tab=metrics")
    loss = metric(page, "loss")
    loss.scroll_into_view_if_needed()
    for words in ("0.05", "20 values", "epoch 19"):
        expect(loss).to_contain_text(words)
    expect(loss.locator("canvas")).to_be_visible()
    expect(metric(page, HOSTILE)).to_contain_text("-3.5")
    voice.say(schema.Metric, after_secs=1, name="loss", value=0.25)
    teller.done()
    expect(loss).to_contain_text("0.25")
    expect(loss).to_contain_text("21 values")


def test_ten_thousand_metrics_do_not_freeze_the_page(watched, teller):
    voice = teller.voice("many metrics", secs_ago=60)
    voice.say(schema.Status, status="running")
    for number in range(10_000):
        voice.say(schema.Metric, name=f"metric_{number:05}", value=float(number))
    teller.done()
    page = watched.open("/run/many%2520metrics?tab=metrics")
    expect(metric(page, "metric_00000")).to_be_visible(timeout=20_000)
    assert page.get_by_role("article").count() == 12
    expect(page.get_by_text("10,000 metrics")).to_be_visible()
    page.get_by_role("tabpanel").get_by_role("button", name="Next").click()
    expect(metric(page, "metric_00012")).to_be_visible()
    page.get_by_role("tabpanel").get_by_label("Search").fill("metric_09999")
    expect(metric(page, "metric_09999")).to_contain_text("9,999")


def test_data_and_state_are_shown_as_they_are(watched, teller):
    voice = teller.voice("data", secs_ago=60)
    voice.say(schema.Status, status="running")
    voice.say(
        schema.Data, stream="policy", data={"goal": [1, 2.5, None], "name": HOSTILE, "deep": {"deeper": {"x": True}}}
    )
    voice.say(schema.Data, stream="huge", data=list(range(5000)))
    voice.say(schema.State, state={"phase": "warm-up"})
    teller.done()
    page = watched.open("/run/data?tab=data")
    policy = page.get_by_role("article").filter(has_text="policy")
    expect(policy).to_contain_text(HOSTILE)
    policy.get_by_text("goal").click()
    expect(policy).to_contain_text("2.5")
    huge = page.get_by_role("article").filter(has_text="huge")
    expect(huge).to_contain_text("4900 more")
    expect(page.get_by_role("article").filter(has_text="phase")).to_contain_text("warm-up")
    voice.say(schema.State, state={"phase": "matching"})
    teller.done()
    expect(page.get_by_role("article").filter(has_text="phase")).to_contain_text("matching")
