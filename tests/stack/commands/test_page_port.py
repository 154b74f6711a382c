"""Which port the page is started on, as a user says it: on the command line, or in the experiment's file."""

from __future__ import annotations

import pytest

from monty_mqtt_stack.commands.run import page_port


@pytest.mark.parametrize(
    ("overrides", "port"),
    [
        ([], 8000),
        (["experiment=no_such"], 8000),
        (["experiment=no_such", "experiment.config.liveview_port=8123"], 8123),
        (
            ["experiment=no_such", "++experiment.config.liveview_port=8123", "+experiment.config.liveview_port=8124"],
            8124,
        ),
        (["experiment.config.liveview_port=0"], 8000),
        (["experiment.config.liveview_port=70000"], 8000),
        (["experiment.config.liveview_port=${x}"], 8000),
        (["experiment.config.other.liveview_port=8123"], 8000),
    ],
)
def test_the_command_line_names_it(overrides, port):
    assert page_port(overrides) == port


@pytest.mark.parametrize("written", ["{}", "file://{}", "'{}', pkg://other", "/nowhere, {}"])
def test_the_experiments_file_names_it(tmp_path, written):
    (tmp_path / "experiment" / "mine").mkdir(parents=True)
    file = tmp_path / "experiment" / "mine" / "one.yaml"
    file.write_text("config:\n  # liveview_port: 1\n  liveview_port: 8200  # beside the other\n")
    path = f"hydra.searchpath=[{written.format(tmp_path)}]"
    assert page_port(["experiment=mine/one", path]) == 8200
    assert page_port(["experiment=mine/one", path, "experiment.config.liveview_port=8300"]) == 8300
    file.write_bytes(b"\xff\xfe")
    assert page_port(["experiment=mine/one", path]) == 8000
