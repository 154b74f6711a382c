"""What docs/panels.md shows: the panels are the files that a browser's test loads, the layout is one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from monty_mqtt_liveview.own_panels.layout_file import layout_for, read_layouts
from monty_mqtt_liveview.own_panels.panel_files import read_panels

DOCS = Path(__file__).resolve().parents[3] / "docs"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)
BLOCKS = BLOCK.findall((DOCS / "panels.md").read_text())
EXAMPLES = sorted((DOCS / "panels").iterdir())


def blocks(language: str) -> list[str]:
    return [text for of, text in BLOCKS if of == language]


def test_each_block_is_looked_at():
    assert {language for language, _ in BLOCKS} == {"js", "bash", "toml", "yaml"}  # test_docs.py runs the commands


def test_the_panels_are_the_files_beside_the_page():
    assert sorted(blocks("js")) == sorted(example.read_text() for example in EXAMPLES)
    sources, problems = read_panels(DOCS / "panels")
    assert list(sources) == [example.stem for example in EXAMPLES]
    assert not problems


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_is_short(example):
    assert len(example.read_text().splitlines()) <= 25


def test_the_layout_is_one(tmp_path):
    (text,) = blocks("toml")
    (tmp_path / "layout.toml").write_text(text)
    layouts = read_layouts(tmp_path, [example.stem for example in EXAMPLES])
    assert layout_for(layouts, "surf_agent_1lm").metrics == ("loss*", "reward")
    assert layout_for(layouts, "other").metrics is None


def test_the_mounts_are_where_the_container_has_its_state():
    (text,) = blocks("yaml")
    mounted = yaml.safe_load(text)["services"]["liveview"]["volumes"]
    page = yaml.safe_load((DOCS.parent / "compose.yaml").read_text())["services"]["liveview"]
    state = page["environment"]["MONTY_MQTT_LIVEVIEW_STATE_DIR"]
    assert all(mount.split(":")[1].startswith(f"{state}/") for mount in mounted)
