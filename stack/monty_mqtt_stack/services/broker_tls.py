"""Prepares the broker's listener for other machines: a certificate that was given, or one of a private authority.

Called by `table`, when `monty-mqtt up` is given a host beyond loopback; `mosquitto` writes the listener.

The authority is made by the program `openssl` at the first start. Only this needs it, and it is wherever Mosquitto is;
a library for it would be the largest of the extra `server`.

::

    <state dir>/tls/    0700
    ├── ca.pem          0600: the authority's certificate, to be copied to other machines
    ├── ca.key          0600: its private key
    └── server.pem, server.key   0600: the broker's, made anew at each start for this machine's names of that time
"""

from __future__ import annotations

import hashlib
import re
import secrets
import shutil
import socket
import ssl
import subprocess
import tempfile
from pathlib import Path
from typing import Iterable, List, NamedTuple, Optional, Tuple

from monty_mqtt.errors import ConfigError, ServiceError
from monty_mqtt_core.settings import ports
from monty_mqtt_core.settings.broker_address import BrokerAddress
from monty_mqtt_core.settings.service_settings import is_loopback
from monty_mqtt_core.settings.state_dir import StateDir

__all__ = ["GivenCertificate", "TlsListener", "check_given", "private_certificate", "tls_listener"]

_OPENSSL_SECS = 20.0
_AUTHORITY_DAYS, _SERVER_DAYS = 3650, 800
_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-sha256")
_HOST_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?")
_CONFIG = """\
[req]
prompt = no
distinguished_name = name
[name]
CN = monty_mqtt {who}
[authority]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
authorityKeyIdentifier = keyid
subjectAltName = {names}
"""


class GivenCertificate(NamedTuple):
    """GivenCertificate is the user's own certificate with its chain, and the private key, PEM."""

    certificate: Path
    key: Path


class TlsListener(NamedTuple):
    """TlsListener is the broker's listener for other machines; nobody comes in without a login.

    Attributes:
        host: Address to listen on.
        port: TCP port.
        certificate: File with the certificate and its chain, PEM.
        key: File with its private key, PEM.
        ca_file: The private authority's certificate; None: the certificate was given.
    """

    host: str
    port: int
    certificate: Path
    key: Path
    ca_file: Optional[Path] = None

    def notes(self, state: StateDir) -> List[str]:
        """Return lines for the user: where it is, who signed it, and what to use on another machine."""
        address = BrokerAddress(ports.known_as(self.host), self.port, is_tls=True)
        lines = [f"broker for other machines, with a login: {address}"]
        trust = ""
        if self.ca_file:
            digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(self.ca_file.read_text())).hexdigest().upper()
            fingerprint = ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))
            lines.append(f"copy there its authority, SHA-256 {fingerprint}: {self.ca_file}")
            trust = f" --ca-file {self.ca_file.name}"
        password = state.password_file("liveview")
        lines.append(f"copy there the password of a user who may read everything: {password}")
        command = f"monty-mqtt status --broker {address}{trust} --username liveview --password-file {password.name}"
        return [*lines, f"and there:  {command}"]


def tls_listener(state: StateDir, host: str, port: int, given: Optional[GivenCertificate]) -> TlsListener:
    """Return the listener, with the certificate that was given, or one of the private authority.

    Raises:
        ServiceError: There is no program `openssl`, or it fails.
    """
    if given:
        return TlsListener(host, port, *given)
    names = {"localhost", socket.gethostname(), socket.getfqdn(), ports.known_as(host), *ports.own_addresses()}
    return TlsListener(host, port, *private_certificate(state, names), ca_file=state.path / "tls" / "ca.pem")


def check_given(host: str, certificate: Optional[str], key: Optional[str]) -> Optional[GivenCertificate]:
    """Check `--tls-cert` and `--tls-key` of `monty-mqtt up`; None if they are not given.

    Raises:
        ConfigError: Only one is given, nobody needs them, or they cannot be used.
    """
    if not (certificate or key):
        return None
    if not (certificate and key):
        missing = "--tls-key" if certificate else "--tls-cert"
        raise ConfigError(missing, "", "given too: a certificate and its key go together")
    if is_loopback(host):
        raise ConfigError("--tls-cert", certificate, "given with a --host beyond loopback")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except OSError as error:
        reason = error.strerror if error.errno and not isinstance(error, ssl.SSLError) else "they do not fit"
        raise ConfigError("--tls-cert", certificate, f"a PEM file with its key in --tls-key ({reason})") from None
    return GivenCertificate(Path(certificate).absolute(), Path(key).absolute())


def private_certificate(state: StateDir, names: Iterable[str]) -> Tuple[Path, Path]:
    """Return files with a new certificate for host names and IP addresses, and its key; make the authority if need be.

    Raises:
        ServiceError: There is no program `openssl`, or it fails.
    """
    tls = state.path / "tls"
    tls.mkdir(mode=0o700, exist_ok=True)
    tls.chmod(0o700)
    with tempfile.TemporaryDirectory(dir=tls) as folder:
        work = Path(folder)
        if not (tls / "ca.pem").exists():
            _make_authority(work)
            for name in ("ca.key", "ca.pem"):  # the certificate last: where it is, the key is
                state.write_private(tls / name, (work / name).read_bytes())
        _make_server(work, tls, sorted(names))
        return (
            state.write_private(tls / "server.pem", (work / "server.pem").read_bytes()),
            state.write_private(tls / "server.key", (work / "server.key").read_bytes()),
        )


def _make_authority(work: Path) -> None:
    config = work / "authority.cnf"
    config.write_text(_CONFIG.format(who=f"authority {secrets.token_hex(4)}", names="DNS:localhost"))
    made = ("-keyout", str(work / "ca.key"), "-out", str(work / "ca.pem"), "-days", str(_AUTHORITY_DAYS))
    _openssl("req", "-x509", "-config", str(config), "-extensions", "authority", *_KEY, *made)


def _make_server(work: Path, tls: Path, names: List[str]) -> None:
    config, request = work / "server.cnf", work / "server.csr"
    alternatives = ", ".join(filter(None, map(_alternative, names)))
    config.write_text(_CONFIG.format(who="broker", names=alternatives))
    _openssl("req", "-new", "-config", str(config), *_KEY, "-keyout", str(work / "server.key"), "-out", str(request))
    signed_by = ("-CA", str(tls / "ca.pem"), "-CAkey", str(tls / "ca.key"), "-set_serial", f"0x{secrets.token_hex(16)}")
    extensions = ("-extfile", str(config), "-extensions", "server", "-days", str(_SERVER_DAYS), "-sha256")
    _openssl("x509", "-req", "-in", str(request), *signed_by, *extensions, "-out", str(work / "server.pem"))


def _alternative(name: str) -> str:
    if ports.is_ip_address(name):
        return f"IP:{name}"
    return f"DNS:{name}" if _HOST_NAME.fullmatch(name) else ""


def _openssl(*arguments: str) -> None:
    program = shutil.which("openssl")
    if program is None:
        raise ServiceError("openssl is not installed, which makes the broker's certificate: `apt install openssl`")
    ended = subprocess.run(  # noqa: S603 - a program of this system
        (program, *arguments), capture_output=True, text=True, check=False, timeout=_OPENSSL_SECS
    )
    if ended.returncode:
        raise ServiceError(f"openssl {arguments[0]} failed: {' '.join(ended.stderr.split())}")
