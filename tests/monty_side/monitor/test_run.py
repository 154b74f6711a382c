"""`python -m monty_mqtt.run`: what it makes of its command line."""

from __future__ import annotations

import pytest

from monty_mqtt.errors import ConfigError
from monty_mqtt.run import arguments, split_parallel


@pytest.mark.parametrize(
    ("given", "search_path"),
    [
        (["experiment=x"], ["experiment=x", "hydra.searchpath=[file:///conf]"]),
        (["hydra.searchpath=[/mine]"], ["hydra.searchpath=[/mine,file:///conf]"]),
        (["hydra.searchpath=[/a,pkg://b]", "x=1"], ["hydra.searchpath=[/a,pkg://b,file:///conf]", "x=1"]),
        (["hydra.searchpath=[]"], ["hydra.searchpath=[file:///conf]"]),
        (["x=1,2", "-m", "y=1"], ["-m", "x=1,2", "y=1", "hydra.searchpath=[file:///conf]"]),
    ],
)
def test_our_conf_is_added_to_the_search_path(given, search_path):
    assert arguments(given, "/conf") == search_path


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["experiment=x"], (["experiment=x"], None)),
        (["--parallel", "4", "experiment=x"], (["experiment=x"], 4)),
        (["experiment=x", "--parallel=16"], (["experiment=x"], 16)),
    ],
)
def test_parallel_is_taken_from_the_command_line(given, expected):
    assert split_parallel(given) == expected


@pytest.mark.parametrize("given", [["--parallel"], ["--parallel", "0"], ["--parallel=many"], ["--parallel", "x=1"]])
def test_wrong_number_of_processes_is_one_line(given):
    with pytest.raises(ConfigError, match=r"--parallel: .* it must be a whole number from 1 to 1024"):
        split_parallel(given)
