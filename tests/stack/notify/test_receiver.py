"""A notification goes out over real HTTP, as Apprise sends it; a service that hangs is left after a while."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from kit.machine.web_hook import WebHook

from monty_mqtt_stack.notify import receiver as receiver_module
from monty_mqtt_stack.notify.receiver import Notice, receiver_at

NOTICE = Notice("warning", "run <b>&\u00fc</b> is stalled", "worker main\nhttp://127.0.0.1:8000/run/r")

HANGING = """
import sys
from monty_mqtt_stack.notify import receiver
receiver._SEND_SECS = 0.5
print(receiver.receiver_at(sys.argv[1]).send(receiver.Notice("info", "title", "body")))
"""


def test_it_is_sent_as_it_is():
    with WebHook() as hook:
        assert receiver_at(f"json://127.0.0.1:{hook.port}/tok").send(NOTICE)
        (post,) = hook.received
    assert (post["title"], post["message"], post["type"]) == (NOTICE.title, NOTICE.body, "warning")
    assert post["path"] == "/tok"


def test_a_refusal_and_an_address_where_nobody_listens_are_no_success(capfd, caplog):
    with WebHook(refuses=1) as hook:
        receiver = receiver_at(f"json://user:pass-7@127.0.0.1:{hook.port}/tok-9")
        assert not receiver.send(NOTICE)
        assert receiver.send(NOTICE)
    assert not receiver.send(NOTICE)
    everything = "".join([*capfd.readouterr(), caplog.text])
    assert "tok-9" not in everything
    assert "pass-7" not in everything


def test_where_a_service_hangs_the_next_attempt_does_not_wait(monkeypatch):
    monkeypatch.setattr(receiver_module, "_SEND_SECS", 0.3)
    with WebHook(hangs=True) as hook:
        receiver = receiver_at(f"json://127.0.0.1:{hook.port}/tok?rto=30")
        assert not receiver.send(NOTICE)
        began = time.monotonic()
        assert not receiver.send(NOTICE)
        assert time.monotonic() - began < 0.3


@pytest.mark.timeout(60)
def test_a_service_that_hangs_does_not_keep_the_program_from_ending():
    with WebHook(hangs=True) as hook:
        url = f"json://127.0.0.1:{hook.port}/tok?rto=50"
        done = subprocess.run(
            [sys.executable, "-c", HANGING, url], capture_output=True, text=True, timeout=40, check=True
        )
    assert done.stdout.strip() == "False"
