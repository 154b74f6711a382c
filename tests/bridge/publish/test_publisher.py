"""The bridge's start and end at brokers that refuse, are not there, or come late: each its own clear line."""

from __future__ import annotations

import signal
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from kit.bridge import Dealer, config_for
from kit.bridge_process import BridgeProcess, at
from kit.mqtt_subscriber import Subscriber

from monty_mqtt import ZmqBroadcaster
from monty_mqtt.errors import ConfigError, ServiceError
from monty_mqtt.wire import schema
from monty_mqtt_bridge import healthcheck
from monty_mqtt_bridge.bridge import Bridge
from monty_mqtt_bridge.publish import publisher
from monty_mqtt_bridge.settings import BridgeConfig
from monty_mqtt_core.settings.ports import answers_mqtt, any_free
from monty_mqtt_stack.services.mosquitto import Mosquitto


class OwnBroker:
    """A Mosquitto whose rules the test writes."""

    def __init__(self, where: Path, acl: str) -> None:
        where.mkdir()
        self.port = any_free("127.0.0.1")
        self.host = "127.0.0.1"
        (where / "acl").write_text(acl + "\n")
        (where / "conf").write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nacl_file {where / 'acl'}\nuser root\n"
        )
        self._process = subprocess.Popen(["mosquitto", "-c", str(where / "conf")], stderr=subprocess.DEVNULL)

    def __enter__(self):
        while not answers_mqtt(self.host, self.port):
            assert self._process.poll() is None
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_0_and_the_ready_line_names_both_ends(broker, number):
    with BridgeProcess(**at(broker)) as process:
        port = process.ready()
        with Dealer(port) as dealer:
            dealer.hello()
            dealer.send(schema.Status, 0)
            code, lines = process.end(number)
    assert code == 0
    assert lines[0] == f"bridge ready: zmq tcp://127.0.0.1:{port}, mqtt mqtt://127.0.0.1:{broker.port}"
    assert not any("Traceback" in line for line in lines)


def test_killed_it_is_offline_by_its_last_will(broker):
    topic = "monty/bridge/v1/killed/status"
    with BridgeProcess(**at(broker, bridge_id="killed")) as process:
        process.ready()
        with Subscriber(broker.host, broker.port, topic) as subscriber:
            subscriber.wait_for(lambda got: got and got[-1].payload == b"online")
            process.end(signal.SIGKILL)
            subscriber.wait_for(lambda got: got[-1].payload == b"offline")


def test_killed_in_the_middle_again_and_again_it_loses_nothing(broker, tmp_path):
    port = any_free("127.0.0.1")
    broadcaster = ZmqBroadcaster(run_id="survivor", zmq_port=port, strict=True)
    published = 0
    with Subscriber(broker.host, broker.port) as subscriber:
        for _ in range(3):
            with BridgeProcess(**at(broker, zmq_port=port, journal=tmp_path / "journal")) as process:
                process.ready()
                for _ in range(1500):
                    broadcaster.publish_metric("number", published)
                    published += 1
                subscriber.wait_for(
                    lambda got: any(message.topic == "monty/v1/survivor/main/metric/number" for message in got)
                )
                process.end(signal.SIGKILL)
        with BridgeProcess(**at(broker, zmq_port=port, journal=tmp_path / "journal")) as process:
            process.ready()
            assert broadcaster.flush(20)
            broadcaster.close()
            subscriber.wait_for(lambda _: set(subscriber.seqs()["survivor", "main"]) >= set(range(published)))
    assert broadcaster.counts.dropped == 0


def test_a_refused_password_is_one_line_and_exit_code_2(broker, tmp_path):
    (tmp_path / "wrong").write_text("wrong\n")
    with BridgeProcess(**at(broker, mqtt_password_file=tmp_path / "wrong")) as process:
        code, lines = process.end()
    assert code == 2
    url = f"mqtt://127.0.0.1:{broker.port}"
    assert lines == [f"monty-mqtt-bridge: the broker at {url} refuses user 'bridge': wrong user name or password"]


def test_a_wrong_setting_is_one_line_and_exit_code_2():
    with BridgeProcess(zmq_prot=1) as process:
        code, lines = process.end()
    assert code == 2
    assert lines == ["monty-mqtt-bridge: --zmq-prot: no such setting; did you mean '--zmq-port'?"]


def complaint(config) -> str:
    """Return what a bridge says that gives up at its start."""
    with pytest.raises(ServiceError) as caught:
        Bridge(config).__enter__()
    return str(caught.value)


def test_users_and_rules_that_forbid_the_topics_are_named(broker, tmp_path):
    """At the same time, because each takes the two seconds of the self-test."""
    telegraf = config_for(broker, mqtt_username="telegraf", mqtt_password_file=str(broker.password_file("telegraf")))
    cases = [
        (telegraf, "user 'telegraf'", "topic write monty/#"),
        (
            BridgeConfig(bridge_id="bridge", zmq_port=0, mqtt_port=broker.port),
            "the anonymous user",
            "topic write monty/#",
        ),
    ]
    acls = [
        ("topic readwrite monty/bridge/#", "topic write monty/#"),
        ("topic write monty/#\ntopic read monty/v1/+/+/command", "topic read monty/bridge/v1/bridge/status"),
        ("topic write monty/#\ntopic read monty/bridge/#", "topic read monty/v1/+/+/command"),
    ]
    with ExitStack() as stack, ThreadPoolExecutor() as threads:
        for number, (acl, rule) in enumerate(acls):
            own = stack.enter_context(OwnBroker(tmp_path / str(number), acl))
            cases.append((BridgeConfig(bridge_id="bridge", zmq_port=0, mqtt_port=own.port), "the anonymous user", rule))
        lines = list(threads.map(complaint, [config for config, *_ in cases]))
    for line, (config, user, rule) in zip(lines, cases):
        assert f"the broker at mqtt://127.0.0.1:{config.mqtt_port}" in line
        assert user in line
        assert f"`{rule}`" in line
        assert "\n" not in line


def test_nobody_there_is_said_once_and_given_up_after_the_time_that_was_set(caplog):
    config = BridgeConfig(bridge_id="bridge", zmq_port=0, mqtt_port=any_free("127.0.0.1"), mqtt_wait_secs=0.5)
    line = f"no MQTT broker at {config.broker}: nobody answers (Connection refused)"
    assert complaint(config) == line
    assert caplog.messages == [f"{line}; trying again every 1 to 10 s"]


def test_a_host_that_does_not_exist_is_named():
    config = BridgeConfig(bridge_id="bridge", zmq_port=0, mqtt_host="no-such-host.invalid", mqtt_wait_secs=0.01)
    assert "no such host 'no-such-host.invalid'" in complaint(config)


def test_a_broker_that_takes_the_connection_and_says_nothing_is_given_up(monkeypatch):
    monkeypatch.setattr(publisher, "_HANDSHAKE_SECS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        config = BridgeConfig(bridge_id="bridge", zmq_port=0, mqtt_port=mute.getsockname()[1], mqtt_wait_secs=0.1)
        assert "does not answer" in complaint(config)


def test_it_waits_for_a_broker_that_comes_later(tmp_path):
    with Mosquitto(tmp_path) as own:
        own.stop()
        with BridgeProcess(**at(own)) as process:
            process.line_with("no MQTT broker")
            own.start()
            assert process.ready()


def test_while_it_waits_a_signal_ends_it():
    with BridgeProcess(mqtt_port=any_free("127.0.0.1")) as process:
        process.line_with("no MQTT broker")
        assert process.end(signal.SIGTERM)[0] == 0


def test_a_taken_zmq_port_is_named(broker, bridge):
    with pytest.raises(ConfigError, match="in use"):
        Bridge(config_for(broker, zmq_port=bridge.zmq_port)).__enter__()


def test_healthcheck_of_a_bridge_that_runs_and_of_one_that_does_not(broker, bridge):
    bridge_id = bridge._config.bridge_id
    with BridgeProcess("--healthcheck", **at(broker, bridge_id=bridge_id)) as process:
        code, lines = process.end()
    assert (code, lines) == (0, [f"bridge {bridge_id!r} at mqtt://127.0.0.1:{broker.port} is well"])
    well, line = healthcheck.ask(config_for(broker, bridge_id="nobody"), answer_secs=0.2)
    assert not well
    assert "nothing on monty/bridge/v1/nobody/health" in line
    well, line = healthcheck.ask(BridgeConfig(mqtt_port=any_free("127.0.0.1")), answer_secs=0.2)
    assert not well
    assert "Connection refused" in line


def test_no_secret_shows_in_the_process_list_or_the_output(broker):
    with BridgeProcess(**at(broker), log_level="debug") as process:
        process.ready()
        command_line = Path(f"/proc/{process._process.pid}/cmdline").read_text()
        environment = Path(f"/proc/{process._process.pid}/environ").read_text()
        _, lines = process.end(signal.SIGTERM)
    secret = broker.password("bridge")
    assert secret not in command_line + environment + "\n".join(lines)
