"""The wheel, in an empty environment, away from the checkout."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from kit.machine.child_process import Process, processes_of
from kit.mqtt_subscriber import Subscriber

from monty_mqtt.wire.vocabulary import is_online
from monty_mqtt_core.settings.state_dir import StateDir

ROOT = Path(__file__).resolve().parents[2]
INSTALL_SECS = 300
pytestmark = pytest.mark.timeout(2 * INSTALL_SECS)


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """An environment of its own, with what the wheel brings and nothing else; the wheel beside it."""
    home = tmp_path_factory.mktemp("wheel")
    python = home / "venv" / "bin" / "python"
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}

    def call(*words):
        done = subprocess.run(
            words, cwd=home, env=clean, capture_output=True, text=True, timeout=INSTALL_SECS, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    call(sys.executable, "-m", "venv", str(home / "venv"))
    call(python, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(home), str(ROOT))
    wheel = next(home.glob("*.whl"))
    call(python, "-m", "pip", "install", "--quiet", "--constraint", str(ROOT / "constraints.txt"), f"{wheel}[server]")
    return home, wheel, clean


def test_it_carries_conf_and_no_generic_name(environment):
    _, wheel, _ = environment
    names = zipfile.ZipFile(wheel).namelist()
    for name in ("mosquitto/mosquitto.conf", "mosquitto/acl", "mosquitto/conf.d/monty.conf"):
        assert f"monty_mqtt/conf/{name}" in names
    assert [name for name in names if name.startswith("monty_mqtt/conf/experiment/")]
    of_grafana = [path for path in (ROOT / "grafana").rglob("*") if path.suffix in (".json", ".yaml", ".ini")]
    assert {f"monty_mqtt/{path.relative_to(ROOT)}" for path in of_grafana} <= set(names)
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == {"monty_mqtt", "monty_mqtt_core", "monty_mqtt_bridge", "monty_mqtt_liveview", "monty_mqtt_stack"}
    front_end = (ROOT / "liveview" / "monty_mqtt_liveview" / "static").iterdir()
    assert {f"monty_mqtt_liveview/static/{path.name}" for path in front_end} <= set(names)
    assert "monty_mqtt_liveview/web/page.html" in names


def test_up_starts_from_the_wheel_alone(environment):
    home, _, clean = environment
    state = StateDir(home / "a state dir")
    words = ("up", "--state-dir", str(state.path), "--mqtt-port", "0", "--zmq-port", "0", "--without", "history")
    with Process(argv=(str(home / "venv" / "bin" / "monty-mqtt"), *words), cwd=home, env=clean) as process:
        process.wait_for("Ctrl+C stops everything")
        places = (state.mosquitto / "mosquitto.conf").read_text()
        assert f"include_dir {home}/venv/lib/" in places
        assert str(ROOT) not in places
        with Subscriber("127.0.0.1", state.read_far_side().services["broker"].port, "monty/bridge/#") as anyone:
            anyone.wait_for(lambda seen: [one for one in seen if is_online(one.payload)])
        process.signal(signal.SIGINT)
        assert process.wait() == 0
    assert processes_of(state.path) == []
