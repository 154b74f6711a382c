"""What a broadcaster that runs alone says of its process and of its end."""

import os
import platform

import pytest

from monty_mqtt import __version__, process_info
from monty_mqtt.errors import AbortRequested
from monty_mqtt.wire import schema


def test_this_process(monkeypatch):
    monkeypatch.delenv("CONDA_DEFAULT_ENV", raising=False)
    monkeypatch.setenv("VIRTUAL_ENV", "/home/somebody/.venv-monty")
    fields = process_info.this_process("x")
    assert fields["versions"] == {"python": platform.python_version(), "monty-mqtt": __version__}
    assert (fields["pid"], fields["environment"], fields["experiment"]) == (os.getpid(), ".venv-monty", "x")
    head = {"run": "x", "worker": "main", "seq": 0, "time_unix_nanos": 1}
    message = schema.Info(**head, **fields)
    assert schema.decode(schema.encode(message)) == message
    assert "command_line" not in fields  # it may hold secrets


def test_a_conda_environment_is_named(monkeypatch):
    monkeypatch.setenv("CONDA_DEFAULT_ENV", "tbp.monty")
    assert process_info.this_process("x")["environment"] == "tbp.monty"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (None, "completed"),
        (SystemExit(), "completed"),
        (SystemExit(0), "completed"),
        (SystemExit(1), "error"),
        (KeyboardInterrupt(), "aborted"),
        (AbortRequested("stop"), "aborted"),
        (ValueError("\ud800"), "error"),
    ],
    ids=repr,
)
def test_every_ending_is_a_status(error, status):
    fields = process_info.outcome(error)
    assert fields["status"] == status
    message = schema.Status(run="x", worker="main", seq=0, time_unix_nanos=1, **fields)
    assert schema.decode(schema.encode(message)) == message


def test_an_error_comes_with_its_traceback():
    with pytest.raises(ValueError, match="no object") as raised:
        raise ValueError("no object")
    fields = process_info.outcome(raised.value)
    assert fields["error_type"] == "builtins.ValueError"
    assert fields["error_traceback"].endswith("ValueError: no object\n")
    assert "test_process_info.py" in fields["error_traceback"]


def test_a_password_in_an_errors_text_is_masked():
    with pytest.raises(OSError, match="refused") as raised:
        raise OSError("refused: https://me:hunter2@host/x?token=abc")
    fields = process_info.outcome(raised.value)
    assert fields["error_message"] == "refused: https://me:***@host/x?token=***"
    # The line of code that raised it is in the traceback, too.
    assert "hunter2" not in fields["error_traceback"]
    assert "token=abc" not in fields["error_traceback"]
