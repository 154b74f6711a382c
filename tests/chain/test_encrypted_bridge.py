"""A bridge for other machines: it encrypts, takes nothing from those who are not invited, and cuts off the revoked."""

from __future__ import annotations

import pytest
import zmq
from kit.bridge import Dealer, config_for
from kit.machine.child_process import until
from kit.machine.tcp_proxy import TcpProxy

from monty_mqtt import ZmqBroadcaster
from monty_mqtt.errors import ConfigError, ServiceError
from monty_mqtt.wire import schema, zmq_protocol
from monty_mqtt.wire.bridge_address import BridgeAddress
from monty_mqtt_bridge.bridge import Bridge
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.replay.restore_spool import restore
from monty_mqtt_stack.services.bridge_keys import BridgeKeys

PLAIN = "a word that stands in the payload"


@pytest.fixture
def state(tmp_path):
    return StateDir(tmp_path / "far side")


@pytest.fixture
def keys(state):
    return BridgeKeys(state)


@pytest.fixture
def bridge_with(broker, keys, tmp_path):
    """Return a bridge that encrypts, with a directory of spools."""

    def made(spool: str) -> Bridge:
        here = {"zmq_host": "0.0.0.0", "zmq_keys": str(keys.directory), "journal": str(tmp_path / "journal")}
        return Bridge(config_for(broker, bridge_id="encrypted", spool=spool, **here))

    return made


@pytest.fixture
def encrypted(bridge_with):
    with bridge_with("") as bridge:
        yield bridge


def address(bridge, keys, file):
    return BridgeAddress("127.0.0.1", bridge.zmq_port, keys.server_key, str(file))


def values(subscriber, run):
    return [one.value for one in subscriber.messages(schema.Metric) if one.run == run]


def test_the_invited_sends_everything_and_nothing_can_be_read_on_the_way(encrypted, keys, subscriber):
    file = keys.invite("node-7")
    with TcpProxy(encrypted.zmq_port, keeps=True) as link:
        bridge = address(encrypted, keys, file)._replace(port=link.port)
        with ZmqBroadcaster(run_id="invited", bridge=bridge, strict=True) as broadcaster:
            for number in range(200):
                broadcaster.publish_metric("loss", number, note=PLAIN)
            assert broadcaster.flush(20)
        subscriber.wait_for(lambda _: values(subscriber, "invited") == list(range(200)))
        assert len(link.passed) > 200 * len(PLAIN)
        assert PLAIN.encode() not in link.passed
        assert b"invited" not in link.passed


def test_of_those_who_are_not_invited_no_byte_reaches_a_handler(encrypted, keys, state, tmp_path):
    elsewhere = BridgeKeys(StateDir(tmp_path / "another far side"))
    strangers = {
        "no key": BridgeAddress("127.0.0.1", encrypted.zmq_port),
        "another's key": address(encrypted, keys, elsewhere.invite("node-7")),
        "another bridge": address(encrypted, elsewhere, state.client_key_file),
    }
    for name, bridge in strangers.items():
        with ZmqBroadcaster(run_id=name, bridge=bridge, spool_dir=str(tmp_path / "spool")) as broadcaster:
            broadcaster.publish_metric("loss", 1)
            assert not broadcaster.flush(1)
            assert not broadcaster.counts.acknowledged
    assert encrypted.counts.received == 0
    assert encrypted.counts.foreign >= len(strangers)


def test_plain_bytes_reach_no_handler(encrypted):
    with Dealer(encrypted.zmq_port) as dealer:
        dealer.up(zmq_protocol.Hello(run="x", worker="main", base=0, schema_version=schema.SCHEMA_VERSION))
        assert not dealer.socket.poll(500)
    assert encrypted.counts.received == 0


def test_the_revoked_is_cut_off_within_a_second_and_is_complete_when_it_is_invited_again(
    encrypted, keys, subscriber, tmp_path, caplog
):
    file = keys.invite("node-7")
    secret = file.read_bytes()
    public = keys.directory / "clients" / "node-7.key"
    invitation = public.read_bytes()
    with ZmqBroadcaster(
        run_id="revoked", bridge=address(encrypted, keys, file), strict=True, spool_dir=str(tmp_path / "spool")
    ) as broadcaster:
        broadcaster.publish_metric("loss", 0)
        assert broadcaster.flush(20)
        keys.revoke("node-7")
        until(lambda: "cut off, its key was revoked" in caplog.text, 1.0)
        received = encrypted.counts.received
        for number in range(1, 100):
            broadcaster.publish_metric("loss", number)
        file.write_bytes(secret)
        file.chmod(0o600)  # its keys are still on the other machine
        assert not broadcaster.flush(2)
        assert "nothing of run 'revoked' is sent to" in caplog.text
        assert "the bridge does not know this client's key" in caplog.text
        assert encrypted.counts.received == received
        public.write_bytes(invitation)
        assert broadcaster.flush(20)
    subscriber.wait_for(lambda _: values(subscriber, "revoked") == list(range(100)))


def test_a_spool_is_not_replayed_with_a_key_that_is_not_known(encrypted, keys, tmp_path):
    with ZmqBroadcaster(run_id="left", zmq_port=1, spool_dir=str(tmp_path / "spool"), strict=True) as broadcaster:
        broadcaster.publish_metric("loss", 1)
    elsewhere = BridgeKeys(StateDir(tmp_path / "another far side"))
    bridge = address(encrypted, keys, elsewhere.invite("node-7"))
    (spool,) = (tmp_path / "spool").rglob("*.spool")
    with pytest.raises(
        ServiceError, match=r"^nothing is sent to the bridge at .*: the bridge does not know this client's key$"
    ):
        restore(spool, bridge=bridge)


def test_the_bridge_takes_up_a_spool_with_the_key_of_its_own_machine(bridge_with, subscriber, tmp_path):
    spool = tmp_path / "spool"
    with ZmqBroadcaster(
        run_id="left behind", zmq_port=1, spool_dir=str(spool), strict=True
    ) as broadcaster:  # nobody listens there
        broadcaster.publish_metric("loss", 1)
    with bridge_with(str(spool)):
        subscriber.wait_for(lambda _: values(subscriber, "left behind") == [1], 30)


@pytest.mark.parametrize("what", ["is not there", "has no secret key", "may be read by others"])
def test_a_key_file_that_will_not_do_is_named_in_one_line(keys, what, monkeypatch):
    file = keys.invite("node-7")
    if what == "is not there":
        file.unlink()
    elif what == "has no secret key":
        file.write_text("\n".join(line for line in file.read_text().splitlines() if "secret-key" not in line))
    else:
        file.chmod(0o644)
    monkeypatch.setenv("MONTY_MQTT_KEY_FILE", str(file))
    with pytest.raises(ConfigError, match=r"\AMONTY_MQTT_KEY_FILE: '[^\n]*node-7.key_secret' is not allowed; [^\n]*\Z"):
        ZmqBroadcaster(run="x", bridge=f"tcp://lab:5555?key={keys.server_key}")


def test_it_listens_beyond_loopback_with_keys_only(broker, tmp_path):
    with pytest.raises(ConfigError, match=r"server\.key_secret"), Bridge(config_for(broker, zmq_keys=str(tmp_path))):
        pass
    assert zmq.has("curve")
