"""What runs in the experiment's process imports on Python 3.8, and drags in nothing of Monty's or numpy's."""

from __future__ import annotations

import pytest
from kit.machine.python38 import ROOT, python38

FAR_SIDE = {"cli"}
MODULES = sorted(
    ".".join(path.relative_to(ROOT / "monty_mqtt").with_suffix("").parts)
    for path in (ROOT / "monty_mqtt").rglob("*.py")
    if path.stem not in {"__init__", *FAR_SIDE}
)

CODE = """
import importlib, sys, warnings
warnings.simplefilter("error")
for name in sys.argv[1:]:
    importlib.import_module("monty_mqtt." + name)
print(sorted({"numpy", "torch", "scipy", "tbp", "hydra", "omegaconf"} & set(sys.modules)))
"""


@pytest.fixture(scope="module")
def python():
    return python38()


@pytest.mark.timeout(300)
def test_all_modules_import_without_monty_and_numpy(python):

    assert python.run("-c", CODE, *MODULES) == "[]\n"


CONFIGURED = """
import datetime, sys
from monty_mqtt.config import LiveViewConfig
from monty_mqtt.monitor.run_identity import identify
config = LiveViewConfig.of({"zmq_port": 7000, "liveview": {"started": "2026-11-23T05:30:15+03:00"}}, {})
print(identify(config, "r-parallel_eval_episode_1", datetime.datetime.now(datetime.timezone.utc), "x"))
"""


@pytest.mark.timeout(300)
def test_settings_and_identity_are_the_same_there(python):
    assert "run='r-20261123T023015Z-" in python.run("-c", CONFIGURED)
