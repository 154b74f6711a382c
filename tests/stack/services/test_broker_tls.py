"""The broker's certificate: of a private authority that stays, for all names of this machine, or one that was given."""

from __future__ import annotations

import hashlib
import re
import shutil
import socket
import ssl
import stat
import subprocess

import pytest

from monty_mqtt.errors import ConfigError, ServiceError
from monty_mqtt_core.settings import ports
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.services import broker_tls
from monty_mqtt_stack.services.broker_tls import check_given, private_certificate, tls_listener


@pytest.fixture
def state(tmp_path):
    return StateDir(tmp_path / "state")


def shown(file, *what):
    return subprocess.run(
        ["openssl", "x509", "-in", file, "-noout", *what], capture_output=True, text=True, check=True, timeout=20
    ).stdout


def test_the_authority_stays_and_the_certificate_is_for_the_names_of_each_start(state):
    authority = state.path / "tls" / "ca.pem"
    private_certificate(state, ["first.example"])
    first = authority.read_bytes()
    certificate, key = private_certificate(state, ["second.example", "10.0.0.7", "fe80::7", "no name, but text"])
    assert authority.read_bytes() == first
    names = shown(certificate, "-ext", "subjectAltName")
    alternatives = ["IP Address:10.0.0.7", "IP Address:FE80:0:0:0:0:0:0:7", "DNS:second.example"]
    assert re.findall(r"(?:DNS|IP Address):[^,\s]+", names) == alternatives
    verified = subprocess.run(["openssl", "verify", "-CAfile", authority, certificate], check=False, timeout=20)
    assert verified.returncode == 0
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)


def test_nobody_else_can_read_what_is_in_its_directory(state):
    private_certificate(state, ["localhost"])
    tls = state.path / "tls"
    assert stat.S_IMODE(tls.stat().st_mode) == 0o700
    assert {file.name: stat.S_IMODE(file.stat().st_mode) for file in tls.iterdir()} == dict.fromkeys(
        ("ca.key", "ca.pem", "server.key", "server.pem"), 0o600
    )


def test_it_says_where_who_signed_it_and_what_to_use_elsewhere(state):
    listener = tls_listener(state, "0.0.0.0", 8883, None)
    names = shown(listener.certificate, "-ext", "subjectAltName")
    assert f"DNS:{socket.gethostname()}" in names
    assert "IP Address:127.0.0.1" in names
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(listener.ca_file.read_text())).hexdigest().upper()
    where, authority, password, command = listener.notes(state)
    assert where == f"broker for other machines, with a login: mqtts://{ports.known_as('0.0.0.0')}:8883"
    line = f"copy there its authority, SHA-256 {digest}: {listener.ca_file}"
    assert authority.replace(":", "") == line.replace(":", "")
    assert shown(listener.ca_file, "-fingerprint", "-sha256").strip().partition("=")[2] in authority
    assert password.endswith(str(state.password_file("liveview")))
    assert " --ca-file ca.pem --username liveview --password-file liveview.password" in command


def test_a_machine_that_calls_itself_localhost_is_named_by_its_host_name(monkeypatch):
    monkeypatch.setattr(socket, "getfqdn", lambda: "localhost.localdomain")
    assert {ports.known_as(host) for host in ("0.0.0.0", "::", "127.0.0.1", "localhost")} == {socket.gethostname()}
    assert [ports.known_as(host) for host in ("10.0.0.7", "lab.example")] == ["10.0.0.7", "lab.example"]


def test_a_certificate_that_is_given_is_checked_and_needs_no_authority_elsewhere(state, tmp_path):
    certificate, key = private_certificate(state, ["lab.example"])
    given = check_given("0.0.0.0", str(certificate), str(key))
    listener = tls_listener(state, "10.0.0.7", 8883, given)
    assert (listener.certificate, listener.key, listener.ca_file) == (certificate, key, None)
    assert not any("ca.pem" in line or "authority" in line for line in listener.notes(state))
    assert check_given("127.0.0.1", None, None) is None
    empty = tmp_path / "empty"
    empty.touch()
    for host, one, other, line in (
        ("0.0.0.0", certificate, None, "--tls-key"),
        ("0.0.0.0", None, key, "--tls-cert: '' is not allowed"),
        ("127.0.0.1", certificate, key, "--host beyond loopback"),
        ("0.0.0.0", certificate, tmp_path / "none", "No such file"),
        ("0.0.0.0", certificate, empty, "do not fit"),
        ("0.0.0.0", key, certificate, "do not fit"),
    ):
        with pytest.raises(ConfigError, match=line):
            check_given(host, one and str(one), other and str(other))


def test_without_openssl_it_says_what_to_install(state, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(ServiceError, match="apt install openssl"):
        private_certificate(state, ["localhost"])
    assert not list((state.path / "tls").iterdir())


def test_what_openssl_refuses_is_one_line(state, monkeypatch):
    monkeypatch.setattr(broker_tls, "_KEY", ("-newkey", "no such algorithm"))
    with pytest.raises(ServiceError, match=r"^openssl req failed: [^\n]+$"):
        private_certificate(state, ["localhost"])
