"""Metrics as charts, ten thousand of them too; data streams and state values as they are."""

from __future__ import annotations

import pytest
from kit.machine.child_process import until
from kit.page.teller import HOSTILE
from playwright.sync_api import expect

from monty_mqtt.wire import schema

pytestmark = pytest.mark.timeout(120)


DRAWN = """(place) => {
  const option = place?.chart?.getOption();
  const series = (option?.series ?? []).filter(Boolean); // ECharts leaves a hole where one was taken out
  return option && Object.fromEntries(series.map(({ id, data }) => [id, data.map((one) => one.value ?? one)]));
}"""


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


def drawn(card, condition) -> dict[str, list]:
    """Return what the chart has drawn, by series, as soon as it is as wanted."""
    plot = {}

    def is_so() -> bool:
        plot.update(card.page.evaluate(DRAWN, card.get_by_test_id("metric-canvas").element_handle()) or {})
        return bool(plot) and condition(plot)

    until(is_so)
    return plot


def test_a_spike_among_twenty_thousand_values_is_seen_and_zooming_brings_every_value_back(watched, teller, page_server):
    voice = teller.voice("spike", secs_ago=60)
    voice.say(schema.Status, status="running")
    for number in range(20_001):
        voice.say(schema.Metric, after_secs=0.001, name="loss", value=1000.0 if number == 7003 else 1.0)
    teller.done()
    metrics = "/api/run/spike/metrics"
    page_server.until_json(metrics, lambda answer: any(known["count"] == 20_001 for known in answer["metrics"]))
    loss = page_server.json("/api/run/spike/metric?worker=main&name=loss")
    assert (max(loss["values"]), loss["is_whole"]) == (1000, False)
    assert len(loss["values"]) < 5000
    spike = loss["times_unix_millis"][loss["values"].index(1000)]

    page = watched.open("/run/spike?tab=metrics")
    card = metric(page, "loss")
    card.scroll_into_view_if_needed()
    values = drawn(card, lambda plot: len(plot["values"]) == len(loss["values"]))["values"]
    assert [value for _, value in values if value != 1] == [1000]
    expect(card.get_by_test_id("shown")).to_contain_text("least and greatest of each stretch")

    plot = card.get_by_role("group").first
    plot.focus()
    for _ in range(5):
        page.keyboard.press("+")
    expect(card.get_by_test_id("shown")).to_contain_text("every value")
    values = drawn(card, lambda plot: 600 < len(plot["values"]) < 700)["values"]
    times = [time for time, _ in values]
    assert all(0.9 < later - time < 1.1 for time, later in zip(times[1:-2], times[2:-1], strict=True)), (
        "none is missing"
    )

    stretch = page_server.json(f"/api/run/spike/metric?worker=main&name=loss&first={spike - 2.5}&last={spike + 2.5}")
    inside = [
        value
        for time, value in zip(stretch["times_unix_millis"], stretch["values"], strict=True)
        if abs(time - spike) < 2.6
    ]
    assert (inside, stretch["is_whole"]) == ([1, 1, 1000, 1, 1], True)

    card.get_by_role("button", name="Show all").click()
    drawn(card, lambda plot: len(plot["values"]) == len(loss["values"]))


def test_numbers_among_many_that_are_not_finite_are_drawn_and_these_are_marked(watched, teller):
    voice = teller.voice("undefined", secs_ago=60)
    voice.say(schema.Status, status="running")
    for number in range(60):
        is_good = number % 5 == 0
        kind = "inf" if number == 7 else "-inf" if number == 8 else "nan"
        value = float(number) if is_good else None
        voice.say(schema.Metric, after_secs=0.5, name="loss", value=value, not_finite=None if is_good else kind)
    teller.done()
    page = watched.open("/run/undefined?tab=metrics")
    card = metric(page, "loss")
    card.scroll_into_view_if_needed()
    expect(card.get_by_test_id("not-finite")).to_have_text("46 NaN, 1 ∞, 1 \N{MINUS SIGN}∞")
    expect(card).to_contain_text("60 values")
    expect(card.locator(".metric-value")).to_have_text("NaN")
    plot = drawn(card, lambda seen: len(seen["not_finite"]) == 48)
    assert [value for _, value in plot["dots"]] == list(range(0, 60, 5)), "each stands alone, and is seen"
    assert [value for _, value in plot["values"] if value is not None] == list(range(0, 60, 5))
    assert sum(value is None for _, value in plot["values"]) == 11, "no line is drawn where nothing was"


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


ODD_NAMES = [HOSTILE, "__proto__", "=HYPERLINK(1)", "two\nlines", "\u202egnp.exe", "a/b#c+d", "", " ", "long " * 5000]
ODD_PLACES = [{"step": 2**60}, {"step": "7"}, {"step": -3.5}, {"step": True}, {"unit": HOSTILE}, {HOSTILE: [HOSTILE]}]


def test_a_thousand_hostile_names_are_searched_pinned_and_drawn(watched, teller):
    voice = teller.voice("odd names", secs_ago=60)
    voice.say(schema.Status, status="running")
    for number in range(1000):
        name = ODD_NAMES[number] if number < len(ODD_NAMES) else f"{HOSTILE} {number}"
        for metadata in (ODD_PLACES[number % len(ODD_PLACES)], {"step": 1}):
            voice.say(schema.Metric, name=name, value=1.7e308 if number % 2 else -5e-324, metadata=metadata)
    teller.done()
    page = watched.open("/run/odd%2520names?tab=metrics&charts=step-log-nonsense")
    panel = page.get_by_role("tabpanel")
    expect(panel.get_by_text("1,000 metrics")).to_be_visible()
    panel.get_by_label("Search").fill("alert(1)> 99")
    expect(page.get_by_role("article")).to_have_count(11)
    panel.get_by_label("Search").fill("__PROTO__")
    odd = metric(page, "__proto__")
    expect(page.get_by_role("article")).to_have_count(1)
    odd.get_by_role("button", name="Pin: __proto__").click()
    panel.get_by_label("Search").fill("")
    expect(page.get_by_role("article")).to_have_count(12)
    expect(page.get_by_role("article").first).to_contain_text("__proto__")
    panel.get_by_label("log axis").uncheck()
    drawn(odd, lambda plot: plot["values"] == [[1, 1.7e308]])
    expect(odd.get_by_test_id("shown")).to_contain_text("1 value without a step left out")
    odd.get_by_role("button", name="In one chart").click()
    metric(page, HOSTILE).get_by_role("button", name="In one chart").click()
    expect(page.get_by_test_id("together")).to_contain_text(HOSTILE)
    with page.expect_download() as download:
        odd.get_by_role("button", name="CSV").click()
    assert download.value.path().read_text().endswith(",1,1.7e+308\n")


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
