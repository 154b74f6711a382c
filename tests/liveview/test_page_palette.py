"""The page and the Grafana dashboards give a word the same colour, and take their colours from one palette."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from kit.page.front_end import colours

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def grafana():
    """What is a colour, or has colours, in the dashboards' palette; a process of its own, as what it imports warns."""
    script = """
import json
from monty_dashboards import palette
told = {name: value for name, value in vars(palette).items() if not name.startswith("__")}
print(json.dumps({name: value for name, value in told.items() if isinstance(value, (str, dict))}))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT / "grafana", check=True, stdout=subprocess.PIPE, timeout=20
    )
    return json.loads(done.stdout)


def test_statuses_have_the_same_colours(grafana):
    assert colours()["statuses"] == grafana["STATUSES"]


def test_outcomes_have_the_same_colours(grafana):
    assert colours()["outcomes"] == {
        word: colour for word, colour in grafana["OUTCOMES"].items() if colour != "transparent"
    }


def test_the_first_objects_have_colours_of_the_same_palette(grafana):
    of_grafana = {value for value in grafana.values() if isinstance(value, str) and value.startswith("#")}
    objects = colours()["objects"]
    assert set(objects["light"][:6]) <= of_grafana
    assert len(set(objects["light"])) == len(objects["light"]) == len(objects["dark"])
