"""The front end: which folder knows which, and what is in the files that `make web` built of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / "liveview" / "web"
SOURCES = WEB / "src"
STATIC = ROOT / "liveview" / "monty_mqtt_liveview" / "static"
LAYERS = (
    "shell",
    "run",
    "evidence senses tabs runs",
    "graphs metrics media own",
    "steps plots layout",
    "look",
    "server",
)
"""Folders of the sources; each may import those below it."""

LIBRARIES = {"echarts": {"plots"}, "three": {"senses"}}
"""A library, and the folders that may import it."""

GENERATED = SOURCES / "server" / "openapi.ts"
MOST_BYTES = 2_000_000
IMPORTED = re.compile(r"""(?:from|import\(|import) ?"([^"]+)";?""")


def modules() -> list[Path]:
    return [path for path in SOURCES.rglob("*") if path.suffix in (".js", ".ts", ".vue")]


def imported(module: Path) -> list[str]:
    return IMPORTED.findall(module.read_text())


def layer(folder: str) -> int:
    return next(number for number, folders in enumerate(LAYERS) if folder in folders.split())


def built() -> list[Path]:
    return list(STATIC.iterdir())


def test_imports_point_down_only():
    assert {path.parent.name for path in modules()} == set(" ".join(LAYERS).split())
    for module in modules():
        for name in imported(module):
            folder = name.removeprefix("@/").partition("/")[0]
            if name.startswith("@/") and folder != module.parent.name:
                assert layer(folder) > layer(module.parent.name), f"{module.relative_to(SOURCES)} imports {name}"


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_is_imported_where_it_belongs(library):
    users = {
        module.parent.name
        for module in modules()
        for name in imported(module)
        if name == library or name.startswith(f"{library}/")
    }
    assert users == LIBRARIES[library]


def test_every_script_is_typescript():
    begins = {
        module: re.search(r"^<script[^>]*>", module.read_text(), re.MULTILINE) for module in SOURCES.rglob("*.vue")
    }
    untyped = [
        str(module.relative_to(SOURCES)) for module, begin in begins.items() if begin and 'lang="ts"' not in begin[0]
    ]
    assert untyped == []
    assert list(SOURCES.rglob("*.js")) == []


def test_a_folder_and_a_module_stay_small():
    for folder in {module.parent for module in modules()}:
        assert len(list(folder.iterdir())) <= 14, folder.name
    by_hand = [module for module in modules() if module != GENERATED]
    assert [str(module) for module in by_hand if len(module.read_text().splitlines()) > 350] == []


def test_what_is_built_names_no_place_of_this_machine_and_no_registry():
    for path in built():
        if path.suffix != ".woff2":
            text = path.read_text("utf-8")
            assert "sourceMappingURL" not in text, path.name
            assert not re.search(r"/(?:home|root|work|Users)/|registry\.|node_modules/\.", text), path.name
    assert not [path.name for path in built() if path.suffix == ".map"]
    assert sum(path.stat().st_size for path in built()) < MOST_BYTES


def test_the_licences_of_what_is_built_in_stand_beside_it():
    words = (STATIC / "licences.md").read_text()
    for name in ("vue", "echarts", "zrender", "three"):
        assert re.search(rf"^## @?{name}[ /]", words, re.MULTILINE), name


def test_versions_are_exact_and_the_lock_has_no_addresses():
    package = json.loads((WEB / "package.json").read_text())
    versions = {**package["dependencies"], **package["devDependencies"]}
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in versions.values()), versions
    locked = json.loads((WEB / "package-lock.json").read_text())["packages"]
    assert {locked[f"node_modules/{name}"]["version"] for name in versions} == set(versions.values())
    assert "http" not in "".join(str(entry.get("resolved", "")) for entry in locked.values())
