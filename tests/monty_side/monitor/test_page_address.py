"""An experiment says at its start where it can be watched, once, also without any page there."""

from __future__ import annotations

import pytest

from monty_mqtt.experiment import LiveViewMixin


class Nothing:
    """An experiment that does nothing."""

    def __init__(self, config):
        self.config, self._step_hook = config, None

    def run(self):
        pass


class Watched(LiveViewMixin, Nothing):
    pass


def config(**more):
    return {"zmq_port": 1, "liveview": {"run": "a/b", "flush_secs": 0.0, "spool_mib": 0}, **more}


@pytest.mark.parametrize(("host", "line"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")])
def test_it_is_said_where_the_configuration_has_the_page(capsys, host, line):
    experiment = Watched(config(liveview_host=host, liveview_port=8123))
    assert capsys.readouterr().err == ""
    experiment.run()
    assert capsys.readouterr().err == f"watch this run: http://{line}:8123/run/a%252Fb\n"


def test_without_a_monitor_nothing_is_said(capsys):
    Watched(config(enable_liveview=False)).run()
    assert capsys.readouterr().err == ""
