"""A broker of two hosts, encrypted, one of which is killed: Telegraf goes on with the other."""

from __future__ import annotations

import dataclasses
import shutil
import time
from contextlib import ExitStack

from kit.history.history_chain import HOST, Chain, need
from kit.machine.child_process import until
from kit.mqtt_publisher import Client

from monty_mqtt_core.settings import passwords, ports
from monty_mqtt_core.settings.state_dir import Endpoint
from monty_mqtt_stack.processes.launch import RunningService
from monty_mqtt_stack.services.broker_tls import TlsListener, private_certificate
from monty_mqtt_stack.services.mosquitto import Mosquitto
from monty_mqtt_stack.services.telegraf import telegraf_launch


def test_telegraf_takes_every_address_and_goes_on_with_the_next_host(tmp_path):
    need("telegraf", "influxd")
    with ExitStack() as stack:
        chain = stack.enter_context(Chain(tmp_path / "chain", "influxdb"))
        passwords.ensure(chain.state)
        certificate, key = private_certificate(chain.state, [HOST])
        listeners = [TlsListener(HOST, ports.any_free(HOST), certificate, key) for _ in range(2)]
        brokers = []
        for number, listener in enumerate(listeners):
            shutil.copytree(chain.state.secrets, tmp_path / f"broker-{number}" / "secrets")
            brokers.append(stack.enter_context(Mosquitto(tmp_path / f"broker-{number}", beyond=listener)))
        launch = telegraf_launch(chain.state, HOST, ports.any_free(HOST), Endpoint(host=HOST, port=1), chain.influxdb)
        first, second = (f"ssl://{HOST}:{listener.port}" for listener in listeners)
        environment = {
            **launch.environment(),
            "MONTY_MQTT_BROKER_URL": first,
            "MONTY_MQTT_BROKER_URL_2": second,
            "MONTY_MQTT_BROKER_CA_FILE": str(chain.state.path / "tls" / "ca.pem"),
        }
        telegraf = RunningService(dataclasses.replace(launch, environment=lambda: environment))
        stack.callback(telegraf.stop)
        telegraf.wait_until_ready()
        for name, broker in (("at_first", brokers[0]), ("at_second", brokers[1])):
            with Client(broker.port, "bridge", broker.password("bridge")) as bridge:
                until(lambda name=name, bridge=bridge: publish(bridge, name) or chain.count(name, "number"), 60)
            broker.kill()


def publish(bridge, name):
    """Publish a point; what comes before Telegraf has subscribed is kept by nobody."""
    bridge.publish("monty/influx/v1/run", f"{name} number=1i {time.time_ns()}".encode())
