"""What `layout.toml` says of an experiment, and that a mistake in it is one clear line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from monty_mqtt.errors import ConfigError
from monty_mqtt_liveview.own_panels.beside_the_page import BesideThePage
from monty_mqtt_liveview.own_panels.layout_file import BUILT_IN, Layout, layout_for, read_layouts

ROOT = Path(__file__).resolve().parents[3]
FRONT_END = ROOT / "liveview" / "web" / "src" / "layout" / "panels.ts"
WRONG = {
    "layout = 1": "layout.toml layout: 1 is not allowed; it must be tables, each headed [[layout]]",
    "[layout]": "layout.toml layout: {} is not allowed; it must be tables, each headed [[layout]]",
    "layout = [1]": "layout.toml layout[0]: 1 is not allowed; it must be a table, headed [[layout]]",
    "[[layouts]]": "layout.toml layouts: no such setting; did you mean 'layout'?",
    "[[layout]]\npanel = []": "layout.toml layout[0].panel: no such setting; did you mean 'panels'?",
    "[[layout]]\nexperiment = 1": "layout.toml layout[0].experiment: 1 is not allowed; it must be text",
    "[[layout]]\n[[layout]]\nmetrics = 'loss'": "layout.toml layout[1].metrics: 'loss' is not allowed; "
    "it must be a list of texts",
    "[[layout]]\npanels = ['evidence']": "layout.toml layout[0].panels: 'evidence' is not allowed; it must be one of "
    "timeline, beliefs, frames, space, closer, details, episodes, tabs, mine",
}


def written(folder: Path, text: str) -> Path:
    (folder / "layout.toml").write_text(text)
    return folder


def test_the_first_that_fits_holds(tmp_path):
    text = """
        [[layout]]
        experiment = "surf_*"
        panels = ["beliefs", "mine"]
        metrics = ["loss*"]
        [[layout]]
        panels = ["tabs"]
    """
    layouts = read_layouts(written(tmp_path, text), {"mine"})
    assert layout_for(layouts, "surf_agent").panels == ("beliefs", "mine")
    assert layout_for(layouts, "surf_agent").metrics == ("loss*",)
    assert layout_for(layouts, "other") == Layout(panels=("tabs",))
    assert layout_for([], "other") == Layout()


def test_without_a_file_all_is_shown(tmp_path):
    assert read_layouts(tmp_path, ()) == []
    assert BesideThePage(tmp_path).shown("any") == {"own": [], "panels": None, "metrics": None, "problems": []}


@pytest.mark.parametrize("text", WRONG)
def test_a_mistake_is_one_line_that_says_what_is_allowed(tmp_path, text):
    with pytest.raises(ConfigError) as error:
        read_layouts(written(tmp_path, text), {"mine"})
    assert str(error.value) == WRONG[text]


@pytest.mark.parametrize(
    "content", [b"[[layout", b"\xff", b" " * 70_000, b"[[layout]]\nmetrics = [" + b"'a'," * 51 + b"]"]
)
def test_what_is_no_layout_at_all_shows_everything_and_says_so(tmp_path, content):
    (tmp_path / "layout.toml").write_bytes(content)
    answer = BesideThePage(tmp_path).shown("any")
    assert (answer["panels"], answer["metrics"]) == (None, None)
    (problem,) = answer["problems"]
    assert problem.startswith("layout.toml")
    assert problem.isprintable()
    assert BesideThePage(tmp_path).problems() == [problem]


def test_the_names_are_those_of_the_front_end():
    areas = FRONT_END.read_text().partition("AREAS = {")[2].partition("}")[0]
    assert tuple(re.findall(r'"(\w+)"', areas)) == BUILT_IN
