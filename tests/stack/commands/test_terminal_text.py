"""Terminals that go away, disks that are full, users without a home: one line, and what runs goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from monty_mqtt import terminal_text
from monty_mqtt.errors import ServiceError
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.processes.child_process import ChildProcess

_FULL = Path("/dev/full")

SHELL = ("bash", "-c")

_SAYS = """
import sys
from monty_mqtt_stack.watch.progress_display import make_display
display = make_display()
sys.stdin.read()
for number in range(3):
    display.say("line")
print("went on", file=sys.stderr)
"""


def program(source, **options):
    argv = [sys.executable, "-c", source]
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def test_what_is_not_printable_becomes_a_space():
    assert terminal_text.one_line("a\nb\x1b[2J\x9b\u202e\u2028 ü😀") == "a b [2J    ü😀"


def test_an_experiment_goes_on_when_nobody_reads_its_progress_any_more():
    with program(_SAYS, stdout=subprocess.PIPE) as process:
        process.stdout.close()
        _, printed = process.communicate("")
    assert (process.returncode, printed) == (0, "went on\n")


@pytest.mark.skipif(not _FULL.exists(), reason="only Linux has /dev/full")
def test_an_experiment_goes_on_when_the_disk_behind_its_progress_is_full():
    with _FULL.open("w") as full, program(_SAYS, stdout=full) as process:
        _, printed = process.communicate("")
    assert (process.returncode, printed) == (0, "went on\n")


def test_an_experiment_goes_on_without_any_stdout():
    line = [*SHELL, f"exec '{sys.executable}' -c '{_SAYS}' >&- </dev/null"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "went on\n")


def test_an_error_without_any_stdout_is_one_line(tmp_path):
    line = [*SHELL, f"exec '{sys.executable}' -m monty_mqtt.cli replay --as-new --state-dir '{tmp_path}' x >&-"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode in (1, 2)
    assert len(done.stderr.splitlines()) == 1


@pytest.fixture
def no_room(tmp_path):
    """A state directory whose files cannot be written: directories stand where they should be."""
    state = StateDir(tmp_path)
    (state.path / "name").mkdir()
    (state.path / "logs" / "service.log").mkdir()
    return state


def test_a_file_that_cannot_be_written_is_named_and_leaves_nothing(no_room):
    with pytest.raises(ServiceError, match=rf"cannot write {no_room.path}/name: Is a directory"):
        no_room.write_private(no_room.path / "name", b"x")
    assert not list(no_room.path.glob(".name*"))


def test_a_log_that_cannot_be_written_is_named(no_room):
    with pytest.raises(ServiceError, match=r"cannot write .*service.log: Is a directory"):
        ChildProcess([sys.executable, "-c", ""], no_room.log_file("service"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user whom nobody knows")
def test_a_user_without_a_home_is_told_what_to_do():
    source = (
        "import os, sys; from monty_mqtt import cli; import monty_mqtt_stack.commands.status\n"
        "os.environ.clear(); os.setuid(54321); sys.exit(cli.main(['status']))"
    )
    with program(source) as process:
        _, printed = process.communicate("")
    assert process.returncode == 1
    assert printed == (
        "monty-mqtt: state directory ~/.local/state/monty-mqtt: this user has no home; name one with --state-dir\n"
    )
