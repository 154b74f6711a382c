"""Evidence of every object, and where learning modules agree: as published, for every browser, live and afterwards."""

from __future__ import annotations

from collections import Counter

import pytest
from demo_on_screen import MODULES, at, chart, drawn
from kit.machine.child_process import until
from playwright.sync_api import CDPSession, Page, expect

from monty_mqtt.wire import schema
from monty_mqtt.wire.message_pieces import Hypothesis, LearningModuleStep

pytestmark = pytest.mark.timeout(120)

NEAR = 1e-4  # the page is told five digits, and keeps the newest as 32-bit numbers


ASLEEP_IN_THE_NEXT_DRAWING = """() => {
  const { chart } = document.querySelector('[data-testid="evidence-canvas"]');
  const [draw, now] = [chart.setOption, performance.now.bind(performance)];
  chart.setOption = (...given) => {
    draw.apply(chart, given);
    performance.now = () => now() + 3_600_000;
    chart.setOption = draw;
  };
}"""


def near(seen: dict[str, float], other: dict[str, float]) -> bool:
    return seen.keys() == other.keys() and all(abs(seen[name] - other[name]) <= NEAR for name in seen)


def window(page: Page) -> tuple[int, int]:
    place = page.get_by_test_id("window")
    return int(place.get_attribute("data-first")), int(place.get_attribute("data-last"))


def test_every_chart_shows_the_evidence_of_every_step_as_published(demo, shown):
    page = shown.open(f"/run/{demo.recognising}")
    steps = demo.steps()
    for module in MODULES:
        plot = drawn(page, module, lambda seen: seen.x[-1] == len(steps) - 1)
        for row, step in enumerate(steps):
            module_step = step.learning_modules[module]
            assert near(plot.at(row), module_step.evidence or {})
            place = len(plot.x) - 1 - plot.x[::-1].index(row)
            assert plot.threshold[place] == pytest.approx(module_step.evidence_threshold, abs=NEAR)
            assert plot.target[place] == pytest.approx(module_step.evidence[module_step.target_object], abs=NEAR)


def test_lines_end_with_an_episode_and_objects_keep_their_colours(demo, shown):
    page = shown.open(f"/run/{demo.recognising}")
    steps = demo.steps()
    charts = [drawn(page, module, lambda seen: seen.x[-1] == len(steps) - 1) for module in MODULES]
    firsts = [row for row, step in enumerate(steps) if row and step.step == 0]
    for plot in charts:
        gaps = [x for x, *values in zip(plot.x, *plot.lines.values(), strict=True) if set(values) == {None}]
        assert gaps == firsts
        assert plot.colours == charts[0].colours
    assert len(set(charts[0].colours.values())) == len(charts[0].colours)


def test_bands_are_tinted_by_target_or_outcome(demo, shown):
    page = shown.open(f"/run/{demo.recognising}")
    ended = demo.ended()
    plot = drawn(page, MODULES[0], lambda seen: len(seen.bands) == len(ended))
    assert [band["colour"] for band in plot.bands] == [plot.colours[episode.target.object] for episode in ended]
    page.get_by_test_id("tint").select_option("outcome")
    tinted = drawn(page, MODULES[0], lambda seen: seen.bands[0]["colour"] != plot.bands[0]["colour"])
    by_outcome = {episode.outcome: band["colour"] for episode, band in zip(ended, tinted.bands, strict=True)}
    assert [by_outcome[episode.outcome] for episode in ended] == [band["colour"] for band in tinted.bands]
    assert len(set(by_outcome.values())) == len(by_outcome)


def test_charts_zoom_as_one_by_wheel_drag_buttons_and_keys(demo, shown):
    page = shown.open(f"/run/{demo.recognising}")
    drawn(page, MODULES[0], lambda seen: seen.axis[2] == len(demo.steps()) - 1)
    area = page.get_by_test_id(f"evidence-{MODULES[0]}").locator(".plot-area")
    box = area.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.wheel(0, -400)
    until(lambda: window(page)[1] - window(page)[0] < 200)
    first, last = window(page)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 + 80, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    until(lambda: window(page)[0] < first)
    assert window(page)[1] - window(page)[0] == last - first
    for module in MODULES[:2]:
        plot = drawn(page, module, lambda seen: seen.axis[1:] == window(page))
        assert plot.axis[0] == "value"
    page.get_by_test_id("zoom-out").click()
    until(lambda: window(page)[1] - window(page)[0] > last - first)
    area.focus()
    wide = window(page)[1] - window(page)[0]
    page.keyboard.press("+")
    until(lambda: window(page)[1] - window(page)[0] < wide)
    page.get_by_test_id("show-run").click()
    until(lambda: window(page) == (0, len(demo.steps()) - 1))


def test_two_fingers_zoom_on_a_telephone(demo, chromium):
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = context.new_page()
    page.goto(f"{demo.page.url}/run/{demo.recognising}")
    drawn(page, MODULES[0], lambda seen: seen.axis[2] == len(demo.steps()) - 1)
    box = page.get_by_test_id(f"evidence-{MODULES[0]}").locator(".plot-area").bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    touch = context.new_cdp_session(page)
    fingers(touch, "touchStart", middle, 30)
    for pixels in (50, 70, 90):
        fingers(touch, "touchMove", middle, pixels)
    fingers(touch, "touchEnd")
    until(lambda: window(page)[1] - window(page)[0] < len(demo.steps()) / 2)
    first, last = window(page)
    assert 0 < first < len(demo.steps()) / 2 < last < len(demo.steps()) - 1
    fingers(touch, "touchStart", middle, 90)
    fingers(touch, "touchMove", middle, 20)
    fingers(touch, "touchEnd")
    until(lambda: window(page)[1] - window(page)[0] > last - first)
    context.close()


def fingers(touch: CDPSession, kind: str, middle: tuple[float, float] = (0, 0), pixels: float = 0) -> None:
    """Two fingers, each so far from the middle; none where they are lifted."""
    x, y = middle
    places = [] if kind == "touchEnd" else [{"x": x - pixels, "y": y, "id": 0}, {"x": x + pixels, "y": y, "id": 1}]
    touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})


def test_a_click_selects_the_step_and_every_plot_has_the_line_there(demo, shown):
    page = shown.open(f"/run/{demo.recognising}")
    drawn(page, MODULES[0], lambda seen: seen.axis[2] == len(demo.steps()) - 1)
    area = page.get_by_test_id(f"evidence-{MODULES[0]}").locator(".plot-area")
    box = area.bounding_box()
    area.click(position={"x": box["width"] / 3, "y": 30})
    row = page.get_by_test_id("scrub").get_attribute("data-row")
    assert 0 < int(row) < len(demo.steps()) - 1
    expect(page.get_by_test_id("cursor")).to_have_count(len(MODULES) + 1)
    for cursor in page.get_by_test_id("cursor").all():
        assert cursor.get_attribute("data-row") == row
    step = demo.steps()[int(row)]
    expect(page.get_by_test_id("scrub-words")).to_contain_text(f"eval episode {step.episode}, step {step.step} of")


def test_the_x_axis_can_be_time(demo, shown):
    page = shown.open(f"/run/{demo.recognising}")
    page.get_by_test_id("axis").select_option("time")
    plot = drawn(page, MODULES[0], lambda seen: seen.axis[0] == "time" and len(seen.x) > 1)
    rows = demo.page.json(f"/api/run/{demo.recognising}/worker/main/steps?points=1000")
    assert sorted(set(plot.x)) == sorted(set(rows["time_unix_millis"]))


def test_the_strip_says_who_disagrees(demo, shown):
    steps = demo.steps()
    believed = [[step.learning_modules[module].most_likely.object for module in MODULES] for step in steps]
    votes = [Counter(names).most_common() for names in believed]
    row = next(
        n
        for n, counted in enumerate(votes)
        if len(counted) > 1 and counted[0][1] >= 3 and counted[0][1] > counted[1][1]
    )
    page = at(shown, demo.recognising, steps[row].episode, steps[row].step)
    page.get_by_test_id("agreement").scroll_into_view_if_needed()
    words = page.get_by_test_id("agreement-words")
    winner, count = votes[row][0]
    expect(words).to_contain_text(f"{count} of 5 believe in {winner}")
    for module, name in zip(MODULES, believed[row], strict=True):
        if name != winner:
            expect(words).to_contain_text(f"{module} in")


def test_pretraining_says_why_there_is_no_evidence(demo, shown):
    page = shown.open(f"/run/{demo.learning}")
    expect(page.get_by_test_id("no-evidence-at-all")).to_contain_text("supervised pretraining")


def module_step(evidence: dict[str, float], target: str = "mug") -> LearningModuleStep:
    best = max(evidence, key=evidence.get)
    likely = Hypothesis(object=best, evidence=evidence[best])
    return LearningModuleStep(evidence=evidence, most_likely=likely, target_object=target)


def publish(voice, rows: range, per_episode: int = 1_000_000) -> None:
    for row in rows:
        episode, step = divmod(row, per_episode)
        belief = module_step({"mug": row * 0.5, "bowl": 100.0 - row})
        fields = {"episode": episode, "step": step, "total_step": row, "target_object": "mug"}
        voice.say(schema.Step, after_secs=0.01, learning_modules={"LM_0": belief}, **fields)


def test_two_browsers_that_came_at_different_times_show_the_same_live(chromium, shown, teller):
    voice = teller.voice("live", secs_ago=600)
    voice.say(schema.Status, status="running")
    publish(voice, range(50))
    teller.done()
    early = shown.open("/run/live")
    assert drawn(early, "LM_0", lambda seen: seen.x[-1] == 49).at(49) == {"mug": 24.5, "bowl": 51.0}
    publish(voice, range(50, 400))
    teller.done()
    context = chromium.new_context(viewport={"width": 390, "height": 800})
    late = context.new_page()
    late.goto(shown.url + "/run/live")
    for page in (early, late):
        plot = drawn(page, "LM_0", lambda seen: seen.x[-1] == 399)
        assert plot.x == list(range(100, 400))  # it follows the newest 300
    assert chart(early, "LM_0").lines == chart(late, "LM_0").lines
    context.close()


def test_a_browser_that_slept_for_an_hour_while_it_drew_draws_on(shown, teller):
    voice = teller.voice("slept", secs_ago=600)
    voice.say(schema.Status, status="running")
    publish(voice, range(50))
    teller.done()
    page = shown.open("/run/slept")
    drawn(page, "LM_0", lambda seen: seen.x[-1] == 49)
    page.evaluate(ASLEEP_IN_THE_NEXT_DRAWING)
    for newest in (50, 51):
        publish(voice, range(newest, newest + 1))
        teller.done()
        drawn(page, "LM_0", lambda seen, newest=newest: seen.x[-1] == newest)


def test_one_that_comes_after_the_end_sees_the_whole_run_and_every_step_of_it_zoomed_in(shown, teller):
    voice = teller.voice("long", secs_ago=600)
    publish(voice, range(6000), 50)
    voice.say(schema.Status, status="completed")
    teller.done()
    shown.open("/run/long")
    page = shown.page
    plot = drawn(page, "LM_0", lambda seen: seen.x[0] == 0 and seen.x[-1] == 5999)
    assert len(plot.x) < 1400  # decimated: no browser draws more than it has pixels
    page.goto(f"{shown.url}/run/long?mode=eval&episode=10&step=3")
    plot = drawn(page, "LM_0", lambda seen: seen.axis[1:] == (500, 549))
    assert plot.x == list(range(500, 550))
    assert plot.at(503) == {"mug": 251.5, "bowl": -403.0}
