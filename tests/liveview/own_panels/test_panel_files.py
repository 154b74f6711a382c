"""Which files become panels of the operator's own: those of one folder, and nothing that a name or a link leads to."""

from __future__ import annotations

import os

import pytest

from monty_mqtt.errors import ConfigError, ServiceError
from monty_mqtt_liveview.own_panels.beside_the_page import BesideThePage
from monty_mqtt_liveview.own_panels.panel_files import read_panels

HOSTILE = (
    b"<img src=x onerror=alert(1)>.js",
    b"a b.js",
    b".js",
    b".hidden.js",
    b"tabs.js",
    b"x" * 41 + b".js",
    b"\xff\xfe.js",
    "\N{ZERO WIDTH JOINER}.js".encode(),
    b"new\nline.js",
)
"""Names that are no names of panels; `tabs` is one of the page's own."""


def test_files_of_the_folder_are_panels_in_order_of_their_names(tmp_path):
    for name in ("b.js", "a_1.js", "notes.txt", "C-2.js"):
        (tmp_path / name).write_text(f"// {name}")
    assert read_panels(tmp_path) == ({"C-2": "// C-2.js", "a_1": "// a_1.js", "b": "// b.js"}, [])


def test_a_changed_file_is_read_again(tmp_path):
    (tmp_path / "a.js").write_text("// old")
    read_panels(tmp_path)
    (tmp_path / "a.js").write_text("// new")
    assert read_panels(tmp_path).sources == {"a": "// new"}


def test_without_a_folder_there_are_none(tmp_path):
    assert read_panels(tmp_path / "none") == ({}, [])


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_one_line_and_no_panel(tmp_path, name):
    (tmp_path / os.fsdecode(name)).write_text("// x")
    sources, (problem,) = read_panels(tmp_path)
    assert not sources
    assert problem.isprintable()
    problem.encode()  # JSON can hold it


def test_links_lead_nowhere_else(tmp_path):
    (secret := tmp_path / "secret.js").write_text("// secret")
    (folder := tmp_path / "panels").mkdir()
    (folder / "mine.js").write_text("// mine")
    (folder / "out.js").symlink_to(secret)
    (folder / "up.js").symlink_to("../secret.js")
    (folder / "circle.js").symlink_to("circle.js")
    (folder / "gone.js").symlink_to("nothing.js")
    (folder / "inside.js").symlink_to("mine.js")
    (folder / "folder.js").mkdir()
    os.mkfifo(folder / "pipe.js")
    sources, problems = read_panels(folder)
    assert sources == {"inside": "// mine", "mine": "// mine"}
    assert len(problems) == 6
    assert "secret" not in str(problems).replace("'out.js'", "")


def test_size_number_and_text_are_bounded(tmp_path):
    (tmp_path / "large.js").write_bytes(b" " * (1 << 20) + b"x")
    (tmp_path / "bytes.js").write_bytes(b"\xff\xff")
    sources, problems = read_panels(tmp_path)
    assert not sources
    assert problems == [
        "panels: 'bytes.js': it is not text in UTF-8",
        "panels: 'large.js': it has more than 1,048,576 bytes",
    ]
    for number in range(40):
        (tmp_path / f"a{number:02}.js").write_text("")
    sources, problems = read_panels(tmp_path)
    assert len(sources) == 32
    assert problems[-1] == "panels: only the first 32 of 42 are shown"


def test_a_folder_that_was_named_must_be_there(tmp_path):
    with pytest.raises(ConfigError, match=r"panels: '.*none' is not allowed; it must be a directory"):
        BesideThePage(tmp_path, str(tmp_path / "none"))


def test_the_style_sheet_is_bounded_too(tmp_path):
    beside = BesideThePage(tmp_path)
    assert beside.stylesheet() == ""
    (tmp_path / "page.css").write_text("h1 { color: red }")
    assert beside.stylesheet() == "h1 { color: red }"
    (tmp_path / "page.css").write_bytes(b" " * (1 << 20) + b"x")
    with pytest.raises(ServiceError, match=r"page\.css.*more than"):
        beside.stylesheet()
    assert beside.problems() == ["'page.css': it has more than 1,048,576 bytes"]
