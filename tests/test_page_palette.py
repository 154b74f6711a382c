"""The page and the Grafana dashboards give a word the same colour, and take their colours from one palette."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest
from node import evaluated

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "liveview" / "monty_mqtt_liveview" / "browser" / "palette.js"


@pytest.fixture(scope="module")
def page():
    """What palette.js has; what it imports knows only a browser."""
    script = re.sub(r"^import .*;$", "", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    imported = "const reactive = (value) => value; const isDark = () => false;"
    return evaluated(f"{imported}\n{script}\nconsole.log(JSON.stringify({{ STATUSES, OUTCOMES, OBJECTS }}));")


@pytest.fixture(scope="module")
def grafana():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "grafana"))
        yield import_module("monty_dashboards.palette")


def test_statuses_have_the_same_colours(page, grafana):
    assert page["STATUSES"] == grafana.STATUSES


def test_outcomes_have_the_same_colours(page, grafana):
    assert page["OUTCOMES"] == {word: colour for word, colour in grafana.OUTCOMES.items() if colour != "transparent"}


def test_the_first_objects_have_colours_of_the_same_palette(page, grafana):
    of_grafana = {value for value in vars(grafana).values() if isinstance(value, str) and value.startswith("#")}
    colours = page["OBJECTS"]["light"]
    assert set(colours[:6]) <= of_grafana
    assert len(set(colours)) == len(colours) == len(page["OBJECTS"]["dark"])
