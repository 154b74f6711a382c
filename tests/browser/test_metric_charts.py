"""Charts of metrics as researchers know them: smoothed, logarithmic, several in one, read at the same time, saved."""

from __future__ import annotations

import pytest
from kit.machine.child_process import until
from playwright.sync_api import expect
from test_metrics import drawn, metric

from monty_mqtt.wire import schema

pytestmark = pytest.mark.timeout(120)

TIPS = "[...document.querySelectorAll('article')].map((one) => one.querySelector('.tooltip-title')?.closest('div'))"
SHOWN_TIPS = f"""() => {TIPS}.filter((tip) => tip && getComputedStyle(tip.parentElement).visibility !== "hidden")
  .map((tip) => tip.innerText.split("\\n").slice(1).join(" "))"""


@pytest.fixture
def page(watched, teller):
    """A run of two metrics, of 40 values a second apart each, one a tenth of a second after the other."""
    voice = teller.voice("charts", secs_ago=60)
    voice.say(schema.Status, status="running")
    for number in range(40):
        voice.say(schema.Metric, after_secs=0.9, name="loss", value=2.0 ** (number % 3 - 1) if number else 0.0)
        voice.say(schema.Metric, after_secs=0.1, name="rate", value=float(number + 1))
    teller.done()
    page = watched.open("/run/charts?tab=metrics")
    metric(page, "rate").scroll_into_view_if_needed()
    expect(metric(page, "rate").locator("canvas")).to_be_visible()
    return page


def test_smoothing_keeps_the_raw_line_behind_and_holds_for_every_chart(page):
    page.get_by_test_id("smoothing").fill("0.5")
    for name in ("loss", "rate"):
        plot = drawn(metric(page, name), lambda seen: "smooth" in seen)
        assert len(plot["smooth"]) == len(plot["values"]) == 40
    assert plot["smooth"][1][1] == pytest.approx((0.5 * 0.5 * 1 + 0.5 * 2) / 0.75)
    page.reload()
    expect(page.get_by_test_id("smoothing")).to_have_value("0.5")
    page.get_by_test_id("smoothing").fill("0")
    drawn(metric(page, "loss"), lambda seen: "smooth" not in seen)


def test_on_a_logarithmic_axis_it_says_what_has_no_place_there(page):
    page.get_by_label("log axis").check()
    loss = metric(page, "loss")
    expect(loss.get_by_test_id("shown")).to_contain_text("1 not above 0 are not on this axis")
    assert [value for _, value in drawn(loss, lambda seen: bool(seen["values"]))["values"]][:2] == [None, 1.0]


def test_since_the_start(page, page_server):
    (run,) = (one for one in page_server.json("/api/runs") if one["run"] == "charts")
    told = page_server.json("/api/run/charts/metric?worker=main&name=loss")
    page.get_by_test_id("metric-axis").select_option("elapsed")
    first, *_ = drawn(metric(page, "loss"), lambda seen: seen["values"][0][0] < 60_000)["values"]
    assert first[0] == pytest.approx(told["times_unix_millis"][0] - run["started_unix_millis"], abs=1)


def test_several_metrics_in_one_chart_and_out_of_it(page):
    for name in ("loss", "rate"):
        page.get_by_role("button", name=f"In one chart: {name}").click()
    together = page.get_by_test_id("together")
    canvas = together.get_by_test_id("together-canvas")
    expect(canvas.locator("canvas")).to_be_visible()
    series = "(place) => place.chart.getOption().series.filter(Boolean).map(({ name, data }) => [name, data.length])"
    page.wait_for_function(f"(place) => ({series})(place).length > 4", arg=canvas.element_handle())
    lines = [line for line in page.evaluate(series, canvas.element_handle()) if line[0] in ("loss", "rate")]
    assert lines == [["loss", 40], ["rate", 40]]
    together.get_by_role("button", name="Out of this chart: loss").click()
    together.get_by_role("button", name="Out of this chart: rate").click()
    expect(together).to_have_count(0)


def test_the_pointer_in_one_chart_shows_the_values_of_all_at_that_time(page):
    plot = metric(page, "rate").get_by_test_id("metric-canvas")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40)
    page.mouse.move(box["x"] + box["width"] / 2 + 2, box["y"] + 40)
    until(lambda: len(page.evaluate(SHOWN_TIPS)) == 2)
    assert [tip.split()[0] for tip in page.evaluate(SHOWN_TIPS)] == ["loss", "rate"]
    page.mouse.move(5, 5)
    until(lambda: page.evaluate(SHOWN_TIPS) == [])


def test_a_chart_is_saved_as_picture_drawing_and_table(page):
    tools = metric(page, "loss").get_by_role("group", name="Save loss")
    starts = {"PNG": b"\x89PNG", "SVG": b"<svg", "CSV": b"time,unix_millis,loss\n"}
    for kind, start in starts.items():
        with page.expect_download() as download:
            tools.get_by_role("button", name=kind).click()
        assert download.value.suggested_filename == f"loss.{kind.lower()}"
        content = download.value.path().read_bytes()
        assert content.startswith(start)
    assert len(content.splitlines()) == 41


def test_a_pinned_metric_stands_first_also_after_a_reload(page):
    page.get_by_role("button", name="Pin: rate").click()
    expect(page.get_by_role("article").first).to_contain_text("rate")
    page.reload()
    expect(page.get_by_role("article").first).to_contain_text("rate")
    expect(page.get_by_role("article")).to_have_count(2)
    page.get_by_role("button", name="Pin: rate").click()
    expect(page.get_by_role("article").first).to_contain_text("loss")


def test_a_double_click_shows_all_again(page):
    rate = metric(page, "rate")
    plot = rate.get_by_role("group").first
    plot.focus()
    page.keyboard.press("+")
    expect(rate.get_by_role("button", name="Show all")).to_be_visible()
    plot.dblclick(position={"x": 120, "y": 60})
    expect(rate.get_by_role("button", name="Show all")).to_have_count(0)
