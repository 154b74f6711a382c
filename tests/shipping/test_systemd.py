"""The unit that ships: systemd itself says whether it is one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from kit.machine.missing import is_missing

from monty_mqtt.conf_files import conf_dir

UNIT = conf_dir() / "systemd" / "monty-mqtt.service"


def test_systemd_takes_it(tmp_path):
    if not shutil.which("systemd-analyze"):
        is_missing("not run: systemd-analyze is not installed here")
    program = "%h/.local/bin/monty-mqtt"
    text = UNIT.read_text()
    assert f"ExecStart={program} up\n" in text
    unit = tmp_path / UNIT.name
    unit.write_text(text.replace(program, sys.executable))  # it looks whether the program is there
    command = ["systemd-analyze", "--user", "verify", str(unit)]
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "SYSTEMD_LOG_LEVEL": "warning"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    about_ours = [line for line in done.stderr.splitlines() if UNIT.name in line]
    assert about_ours == []
