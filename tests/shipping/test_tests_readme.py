"""What tests/README, CONTRIBUTING, SECURITY and docs/architecture say of the repository's files is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TESTS_OF = {
    "monty_mqtt": "tests/monty_side",
    "core/monty_mqtt_core": "tests/core",
    "bridge/monty_mqtt_bridge": "tests/bridge",
    "liveview/monty_mqtt_liveview": "tests/liveview",
    "stack/monty_mqtt_stack": "tests/stack",
    "grafana/monty_dashboards": "tests/grafana",
}
"""A package, and where its modules have their tests."""

PAGES = ("docs/architecture.md", "CONTRIBUTING.md", "SECURITY.md", "tests/README.md")
ENDINGS = re.compile(r"\.(?:py|js|mjs|ts|vue|md|json|yml|yaml|toml|txt|conf|html|css|mcap)")
ROW = re.compile(r"^\| `([\w/]+\.py)` \| `([\w/]+\.py)` \|$", flags=re.MULTILINE)
CODE = re.compile(r"`([\w./-]+)`")
STEP = re.compile(r"^\d+\. `([\w./]+\.(?:py|js|ts|vue))` · ((?:`[\w.]+`(?:, )?)+):", flags=re.MULTILINE)
ARGUMENT = re.compile(r"[ \"]((?:tests|tools|grafana)/[\w./-]+)")
"""A path on a command line."""

DEFINED = r"^\s*(?:export )?(?:async )?(?:def|class|function) {0}\b|^ +(?:async )?{0}\("
"""How Python and JavaScript define a name; `{0}` is the name."""

TARGET = re.compile(r"(?:^|`)make ([a-z-]+)", flags=re.MULTILINE)


def modules(package: str) -> list[Path]:
    return [path for path in (ROOT / package).rglob("*.py") if path.name != "__init__.py"]


def has_its_own(module: Path, tests: str) -> bool:
    return any((ROOT / tests).rglob(f"test_{module.stem}.py"))


def text_of(page: str) -> str:
    return (ROOT / page).read_text()


def shown_by() -> dict[str, str]:
    return dict(ROW.findall(text_of("tests/README.md")))


@pytest.mark.parametrize("package", TESTS_OF)
def test_a_module_has_a_test_of_its_own_name_or_a_row(package):
    alone = {str(path.relative_to(ROOT)) for path in modules(package) if not has_its_own(path, TESTS_OF[package])}
    rows = {module for module in shown_by() if module.startswith(f"{package}/")}
    assert alone - rows == set(), "without a test: write tests/…/test_<name>.py, or a row in tests/README.md"
    assert rows - alone == set(), "gone, or with a test of its own: take the row out of tests/README.md"


def test_each_row_names_a_test_that_exists():
    assert [test for test in shown_by().values() if not (ROOT / test).is_file()] == []
    assert len(shown_by()) == len(ROW.findall(text_of("tests/README.md"))), "two rows for one module"


@pytest.mark.parametrize("page", PAGES)
def test_each_path_leads_to_a_file_or_folder(page):
    tops = {path.name for path in ROOT.iterdir()}
    found = {name for name in CODE.findall(text_of(page)) if "/" in name.strip("/")}
    paths = {name for name in found if name.partition("/")[0] in tops or ENDINGS.fullmatch(Path(name).suffix)}
    paths |= set(ARGUMENT.findall(text_of(page)))
    assert paths
    assert {name for name in paths if not (ROOT / name).exists()} == set()


def test_each_step_of_a_journey_names_what_its_file_defines():
    steps = STEP.findall(text_of("docs/architecture.md"))
    assert len(steps) > 40
    for file, names in steps:
        text = (ROOT / file).read_text()
        for part in re.findall(r"\w+", names):
            assert re.search(DEFINED.format(part), text, flags=re.MULTILINE), f"{file}: {part}"


def test_each_folder_is_on_the_page_of_the_architecture():
    text = text_of("docs/architecture.md")
    folders = {path.parent.relative_to(ROOT) for package in TESTS_OF for path in modules(package)}
    assert [str(folder) for folder in folders if f"`{folder}/`" not in text] == []


def test_each_make_target_exists():
    targets = set(re.findall(r"^([\w-]+):", text_of("Makefile"), flags=re.MULTILINE))
    for page in PAGES:
        assert set(TARGET.findall(text_of(page))) <= targets, page
