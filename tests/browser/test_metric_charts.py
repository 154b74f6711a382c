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


@pytest.fixture
def stepped(watched, teller):
    """A run of two metrics with steps, one of them with epochs too, of which one value has no step; and one without."""
    voice = teller.voice("stepped", secs_ago=600)
    voice.say(schema.Status, status="running")
    for number in range(40):
        loss = {"step": 10 * number, "epoch": number // 10} if number else {}
        voice.say(schema.Metric, after_secs=1, name="loss", value=float(number), metadata=loss)
        voice.say(schema.Metric, name="rate", value=1.0, metadata={"step": 400 + number})
        voice.say(schema.Metric, name="plain", value=2.0)
    voice.say(schema.Metric, name="loss", value=None, not_finite="nan", metadata={"step": 395})
    teller.done()
    page = watched.open("/run/stepped?tab=metrics")
    metric(page, "loss").scroll_into_view_if_needed()
    expect(metric(page, "loss").locator("canvas")).to_be_visible()
    return page


def test_over_the_steps_all_charts_and_the_address_and_the_next_visit(stepped):
    page = stepped
    page.get_by_test_id("metric-axis").select_option("step")
    loss = metric(page, "loss")
    plot = drawn(loss, lambda seen: len(seen["values"]) == 39)
    assert plot["values"][:2] == [[10, 1], [20, 2]]
    assert [place for place, _ in plot["not_finite"]] == [395]
    expect(loss.get_by_test_id("shown")).to_have_text("1 value without a step left out")
    expect(metric(page, "plain").get_by_test_id("shown")).to_have_text("40 values without a step left out")
    until(lambda: "charts=step" in page.evaluate("location.search"))
    page.reload()
    expect(page.get_by_test_id("metric-axis")).to_have_value("step")
    metric(page, "rate").scroll_into_view_if_needed()
    drawn(metric(page, "rate"), lambda seen: seen["values"][0][0] == 400)

    for name in ("loss", "rate"):
        page.get_by_role("button", name=f"In one chart: {name}").click()
    canvas = page.get_by_test_id("together-canvas")
    ends = "(place) => ['min', 'max'].map((end) => place?.chart?.getOption().xAxis[0][end])"
    until(lambda: canvas.count() and page.evaluate(ends, canvas.element_handle()) == [10, 439])
    page.get_by_test_id("metric-axis").select_option("epoch")
    loss.scroll_into_view_if_needed()
    drawn(loss, lambda seen: sorted({place for place, _ in seen["values"]}) == [0, 1, 2, 3])


def test_zooming_into_steps_and_saving_them(stepped):
    page = stepped
    page.get_by_test_id("metric-axis").select_option("step")
    loss = metric(page, "loss")
    drawn(loss, lambda seen: len(seen["values"]) == 39)
    loss.get_by_role("group").first.focus()
    page.keyboard.press("+")
    expect(loss.get_by_test_id("shown")).to_contain_text("step 106.25 to 298.75, every value")
    drawn(loss, lambda seen: [place for place, _ in seen["values"]] == list(range(100, 301, 10)))
    with page.expect_download() as download:
        loss.get_by_role("group", name="Save loss").get_by_role("button", name="CSV").click()
    head, first, *_ = download.value.path().read_text().splitlines()
    assert (head, first.split(",")[2:]) == ("time,unix_millis,step,epoch,loss", ["100", "1", "10"])
    page.get_by_test_id("metric-axis").select_option("time")
    drawn(loss, lambda seen: len(seen["values"]) == 40)
    expect(loss.get_by_role("button", name="Show all")).to_have_count(0)


def test_however_many_are_pinned_one_question_asks_for_them(stepped):
    page = stepped
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "/metrics?" in request.url else None)
    for name in ("plain", "loss", "rate"):
        page.get_by_role("button", name=f"Pin: {name}").click()
        expect(page.get_by_role("button", name=f"Pin: {name}")).to_have_text("\N{BLACK STAR}")
    expect(page.locator(".metric-name")).to_have_text(["plain", "loss", "rate"])
    until(lambda: page.evaluate("true") and asked[-1].count("name=") == 3)  # Playwright tells events meanwhile
    assert len(asked) <= 6, "two for each of the three changes"


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
