"""The demo's two runs on a page, and what was published of them; and how a test reads what the page has drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
from kit.bridge import config_for
from kit.machine.child_process import until
from kit.page.page_process import PageProcess, replay
from kit.page.page_state import demo_messages
from playwright.sync_api import Page
from watching import Watched

from monty_mqtt.wire import schema
from monty_mqtt_bridge.bridge import Bridge

MODULES = tuple(f"learning_module_{n}" for n in range(5))

PLACED = ':not([data-row=""])'
"""The page knows by then where the step that its address asks for is."""

_CHART = """([module]) => {
  const place = document.querySelector(`[data-testid="evidence-${module}"] [data-testid="evidence-canvas"]`);
  const option = place?.chart?.getOption();
  if (!option?.dataset?.length) return null;
  const plain = (values) => Array.from(values, (value) => (Number.isFinite(value) ? value : null));
  const columns = Object.entries(option.dataset[0].source).map(([name, values]) => [name, plain(values)]);
  return {
    columns: Object.fromEntries(columns),
    axis: [option.xAxis[0].type, option.xAxis[0].min, option.xAxis[0].max],
    colours: Object.fromEntries(option.series.filter((one) => one.name).map((one) => [one.name, one.lineStyle.color])),
    places: Object.fromEntries(option.series.filter((one) => one.name).map((one) => [one.name, one.id])),
    bands: option.series.find((one) => one.id === "episodes").markArea.data.map(
      ([from, to]) => ({ from: from.xAxis, to: to.xAxis, name: from.name, colour: from.itemStyle.color }),
    ),
  };
}"""


class Chart(NamedTuple):
    """What a chart of a learning module shows: one line per object over x, None where it is interrupted."""

    x: list[float]
    lines: dict[str, list[float | None]]
    threshold: list[float | None]
    target: list[float | None]
    axis: tuple[str, float, float]
    colours: dict[str, str]
    bands: list[dict]

    @property
    def summary(self) -> str:
        ends = (self.x[:1], self.x[-1:], len(self.x))
        return f"x {ends}, axis {self.axis}, lines of {list(self.lines)}, {len(self.bands)} bands"

    def at(self, x: float) -> dict[str, float]:
        """Return the evidence of each object that has any at a row."""
        places = [place for place, value in enumerate(self.x) if value == x]
        evidence = {name: line[places[-1]] for name, line in self.lines.items()}
        return {name: value for name, value in evidence.items() if value is not None}


def chart(page: Page, module: str) -> Chart | None:
    """Return what ECharts was given to draw; None before it was."""
    option = page.evaluate(_CHART, [module])
    if option is None:
        return None
    columns = option["columns"]
    lines = {name: columns[place] for name, place in option["places"].items()}
    shown = (columns["threshold"], columns["target"], tuple(option["axis"]), option["colours"], option["bands"])
    return Chart(columns["x"], lines, *shown)


def drawn(page: Page, module: str, condition: Callable[[Chart], bool] = bool) -> Chart:
    """Return a chart as soon as it is as it should be."""
    page.get_by_test_id(f"evidence-{module}").scroll_into_view_if_needed()
    latest: list[Chart | None] = [None]

    def is_so() -> bool:
        latest[0] = chart(page, module)
        return latest[0] is not None and bool(condition(latest[0]))

    try:
        until(is_so)
    except AssertionError:
        raise AssertionError(f"{module} shows {latest[0] and latest[0].summary}") from None
    return latest[0]


class Demo(NamedTuple):
    """The page with both runs, their ids, and what was published.

    A test that tells it of further runs does so at the same page: two pages at one broker would share one session.
    """

    page: PageProcess
    learning: str
    recognising: str

    def steps(self, run: str = "recognise") -> list[schema.Step]:
        return [
            message for message in demo_messages() if isinstance(message, schema.Step) and f"demo_{run}" in message.run
        ]

    def ended(self) -> list[schema.EpisodeEnded]:
        return [
            message
            for message in demo_messages()
            if isinstance(message, schema.EpisodeEnded) and "recognise" in message.run
        ]


@pytest.fixture(scope="module")
def demo(broker, tmp_path_factory) -> Iterator[Demo]:
    state = tmp_path_factory.mktemp("demo") / "state"
    with Bridge(config_for(broker, bridge_id="demo")) as bridge, PageProcess(broker, state) as page:
        page.ready()
        runs = replay(bridge.zmq_port)
        page.until_json(
            "/api/runs", lambda known: {run_head["run"]: run_head["status"] for run_head in known} == _both_over(runs)
        )
        yield Demo(page, *runs)


def _both_over(runs: list[str]) -> dict[str, str]:
    return dict.fromkeys(runs, "completed")


@pytest.fixture
def shown(chromium, demo) -> Iterator[Watched]:
    """A browser before the demo's page."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    watched_page = Watched(context.new_page(), demo.page.url)
    yield watched_page
    watched_page.page.unroute_all(behavior="wait")  # a test's own answer that is under way would fail in the next test
    context.close()
    assert not watched_page.complaints, watched_page.complaints


def at(watched: Watched, run: str, episode: int, step: int, mode: str = "eval") -> Page:
    """Open a run's page at a step."""
    page = watched.open(f"/run/{run}?mode={mode}&episode={episode}&step={step}")
    page.locator(f'[data-testid="scrub"][data-episode="{episode}"][data-step="{step}"]{PLACED}').wait_for()
    return page
