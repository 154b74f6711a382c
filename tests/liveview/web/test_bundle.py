"""The built front end as the page serves it: a view's files are named in its document, and no other is served."""

from __future__ import annotations

import gzip
import json
import re

import pytest
from starlette.exceptions import HTTPException

from monty_mqtt.errors import ServiceError
from monty_mqtt_liveview.web.bundle import Bundle

MANIFEST = {
    "src/shell/start.js": {
        "file": "start-a1.js",
        "name": "start",
        "isEntry": True,
        "imports": ["_vue.js"],
        "dynamicImports": ["src/run/run_view.vue"],
        "css": ["start-b2.css"],
    },
    "src/own/frame.ts": {"file": "frame-f6.js", "name": "frame", "isEntry": True},
    "_vue.js": {"file": "vue-c3.js", "name": "vue"},
    "src/run/run_view.vue": {
        "file": "run_view-d4.js",
        "name": "run_view",
        "isDynamicEntry": True,
        "imports": ["src/shell/start.js", "_chart.js"],
    },
    "_chart.js": {"file": "chart-e5.js", "name": "chart"},
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "manifest.json").write_text(json.dumps(MANIFEST))
    for name in (
        "start-a1.js",
        "start-b2.css",
        "vue-c3.js",
        "run_view-d4.js",
        "chart-e5.js",
        "frame-f6.js",
        "icon.svg",
    ):
        (tmp_path / name).write_text(f"/* {name} */" * 100)
    return tmp_path


def files(tags: str) -> list[str]:
    return re.findall(r'"/assets/([^"]+)"', tags)


def test_a_view_names_all_that_it_needs_at_once_and_each_once(folder):
    bundle = Bundle(folder)
    assert sorted(files(bundle.tags("missing"))) == ["start-a1.js", "start-a1.js", "start-b2.css", "vue-c3.js"]
    preloaded = re.findall(r'modulepreload" href="/assets/([^"]+)"', bundle.tags("run"))
    assert sorted(preloaded) == ["chart-e5.js", "run_view-d4.js", "start-a1.js", "vue-c3.js"]


def test_another_document_has_a_script_of_its_own(folder):
    bundle = Bundle(folder)
    assert bundle.script("frame") == (folder / "frame-f6.js").read_text()
    assert "frame-f6.js" not in bundle.tags("run")


def test_a_file_is_packed_for_who_takes_it(folder):
    bundle = Bundle(folder)
    plain, packed = (bundle.answer("vue-c3.js", takes_gzip=takes) for takes in (False, True))
    assert gzip.decompress(packed.body) == plain.body == (folder / "vue-c3.js").read_bytes()
    assert packed.headers["content-encoding"] == "gzip"
    assert {answer.headers["vary"] for answer in (plain, packed)} == {"Accept-Encoding"}


@pytest.mark.parametrize(
    ("name", "kept"), [("chart-e5.js", "immutable"), ("start-b2.css", "immutable"), ("icon.svg", "no-cache")]
)
def test_what_changes_its_name_is_kept_for_good(folder, name, kept):
    assert kept in Bundle(folder).answer(name, takes_gzip=True).headers["cache-control"]


@pytest.mark.parametrize("name", ["manifest.json", "none.js", "..", "../bundle.py", ""])
def test_nothing_else_is_served(folder, name):
    with pytest.raises(HTTPException) as refused:
        Bundle(folder).answer(name, takes_gzip=False)
    assert refused.value.status_code == 404


def test_where_it_was_not_built_one_line_says_what_to_do(tmp_path):
    with pytest.raises(ServiceError, match=r"manifest\.json is missing: make web"):
        Bundle(tmp_path)
