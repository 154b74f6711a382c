"""Addresses of a broker: what may be written, what it becomes, and what is said of anything else."""

from __future__ import annotations

import pytest

from monty_mqtt.errors import ConfigError
from monty_mqtt_core.settings.broker_address import BrokerAddress, HostAndPort, of_settings


@pytest.mark.parametrize(
    ("text", "endpoints", "is_tls", "written"),
    [
        ("lab", [("lab", 1883)], False, "mqtt://lab:1883"),
        ("lab:99", [("lab", 99)], False, "mqtt://lab:99"),
        ("[::1]", [("::1", 1883)], False, "mqtt://[::1]:1883"),
        ("mqtt://lab", [("lab", 1883)], False, "mqtt://lab:1883"),
        ("mqtts://lab", [("lab", 8883)], True, "mqtts://lab:8883"),
        ("a:1,b", [("a", 1), ("b", 1883)], False, "mqtt://a:1,b:1883"),
        ("mqtts://a,[fe80::1]:7,c:9", [("a", 8883), ("fe80::1", 7), ("c", 9)], True, "mqtts://a:8883,[fe80::1]:7,c:9"),
    ],
)
def test_an_address_has_hosts_in_order_and_is_written_as_it_is_read(text, endpoints, is_tls, written):
    address = BrokerAddress.parse(text, "--broker")
    assert (list(address.endpoints), address.is_tls, str(address)) == (endpoints, is_tls, written)
    assert [str(single) for single in address.each] == [
        str(BrokerAddress(*endpoint, is_tls=is_tls)) for endpoint in endpoints
    ]
    assert BrokerAddress.parse(written, "--broker") == address


@pytest.mark.parametrize(
    "text",
    [
        "", ":1883", "lab:", "lab:mqtt", "lab:0", "lab:70000", "::1", "mqtt://", "tcp://lab", "mqtts://a,", "a,,b",
        "mqtts://a,mqtts://b", "mqtts://a/", "user@lab", "a b", "a:1:2", "[::1", "mqtt://mqtt://a",
    ],
)  # fmt: skip
def test_anything_else_is_one_line_with_setting_and_value(text):
    with pytest.raises(ConfigError, match=r"^--broker: .* HOST\[:PORT\], or mqtt:// or mqtts://") as caught:
        BrokerAddress.parse(text, "--broker")
    assert repr(text) in str(caught.value)


def test_a_services_settings_name_hosts_or_one_host_and_port(tmp_path):
    assert of_settings("", "::1", 1, "") == BrokerAddress("::1", 1)
    assert of_settings("mqtt://a,b:2", "unused", 1, "").endpoints == (HostAndPort("a", 1883), HostAndPort("b", 2))
    with pytest.raises(ConfigError, match="mqtt_brokers"):
        of_settings("http://a", "unused", 1, "")
    for brokers in ("", "mqtt://a"):
        with pytest.raises(ConfigError, match=r"mqtt_ca_file.* given with an mqtts:// address in mqtt_brokers"):
            of_settings(brokers, "a", 1, str(tmp_path / "ca.pem"))


def test_a_file_of_authorities_that_cannot_be_used_is_named(tmp_path):
    file = tmp_path / "ca.pem"
    with pytest.raises(ConfigError, match=r"--ca-file.*ca\.pem.*No such file"):
        BrokerAddress.parse("mqtts://a", "--broker", str(file), "--ca-file")
    file.write_text("no certificate")
    with pytest.raises(ConfigError, match=r"--ca-file.*ca\.pem.*a file with certificates, PEM"):
        BrokerAddress.parse("mqtts://a", "--broker", str(file), "--ca-file")


def test_the_line_for_mosquitto_sub_encrypts_as_the_address_does():
    assert "tls" not in BrokerAddress("a", 1).subscribe_line
    assert "-h a -p 8883 --tls-use-os-certs -v" in BrokerAddress.parse("mqtts://a,b", "--broker").subscribe_line
