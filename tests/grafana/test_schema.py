"""Every dashboard is valid by a JSON Schema that is generated from Grafana's own published types."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import jsonschema
import pytest
from kit.history.grafana_files import DASHBOARDS, escaped, panels, strings
from kit.history.grafana_story import HOSTILE
from kit.machine.node import node_modules

FOLDER = Path(__file__).parent
KINDS = sorted({panel["type"] for name in DASHBOARDS for panel in panels(name)})
GENERATE_SECS = 200


@pytest.fixture(scope="module")
def schemas():
    command = ["node", str(FOLDER / "schemas.mjs"), str(node_modules(FOLDER) / "node_modules"), *KINDS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=GENERATE_SECS, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def complaints(schema, value) -> list[str]:
    validator = jsonschema.Draft7Validator(schema)
    return [f"{list(error.absolute_path)}: {error.message[:200]}" for error in validator.iter_errors(value)]


@pytest.mark.timeout(400)
@pytest.mark.parametrize("version", ["11", "12", "13"])
@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_is_valid(schemas, name, version):
    without_panels = {**DASHBOARDS[name], "panels": []}
    assert complaints(schemas["dashboard"][version], without_panels) == []


@pytest.mark.timeout(400)
@pytest.mark.parametrize("version", ["11", "12", "13"])
@pytest.mark.parametrize("name", DASHBOARDS)
def test_its_panels_are_valid(schemas, name, version):
    definitions = schemas["dashboard"][version]["definitions"]
    wrong = []
    for panel in DASHBOARDS[name]["panels"]:
        kind = "RowPanel" if panel["type"] == "row" else "Panel"
        schema = {"$ref": f"#/definitions/{kind}", "definitions": definitions}
        wrong += [f"{panel['title']}: {complaint}" for complaint in complaints(schema, panel)]
    assert wrong == []


@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", DASHBOARDS)
def test_the_options_of_each_kind_of_panel_are_valid(schemas, name):
    wrong = []
    for panel in panels(name):
        custom = panel["fieldConfig"]["defaults"].get("custom", {})
        pairs = (("options", panel["options"]), ("custom", custom))
        for part, value in pairs:
            schema = schemas[part][panel["type"]]
            if schema is None:
                assert not value, f"{panel['title']}: {panel['type']} has no {part}"
            else:
                wrong += [f"{panel['title']}, {part}: {complaint}" for complaint in complaints(schema, value)]
    assert wrong == []


@pytest.mark.timeout(400)
def test_what_is_wrong_is_found(schemas):
    wrong = {**DASHBOARDS["runs"], "panels": [], "refersh": "1s"}
    assert complaints(schemas["dashboard"]["13"], wrong)
    assert complaints(schemas["options"]["stat"], {"colorMode": "purple"})


@pytest.mark.timeout(400)
def test_units_and_escaping_are_grafanas_own():
    texts = [HOSTILE, "".join(map(chr, range(32, 127))), "a/b\\c-d"]
    command = ["node", str(FOLDER / "words.mjs"), str(node_modules(FOLDER) / "node_modules")]
    done = subprocess.run(command, input=json.dumps(texts), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["escaped"] == [escaped(text) for text in texts]
    of_panels = [panel["fieldConfig"] for name in DASHBOARDS for panel in panels(name)]
    units = {config["defaults"]["unit"] for config in of_panels}
    for config in of_panels:
        properties = [property_ for override in config["overrides"] for property_ in override["properties"]]
        units |= {unit for property_ in properties if property_["id"] == "unit" for unit in strings(property_["value"])}
    assert units <= set(answer["units"])
