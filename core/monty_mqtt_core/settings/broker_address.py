"""This module describes where the MQTT broker is: one host or several, encrypted or not, and the user to log in as.

Used by bridge, page and commands, each of which reads such an address from its settings.
"""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import List, NamedTuple, Optional, Tuple

from monty_mqtt.errors import ConfigError
from monty_mqtt_core.settings import ports

__all__ = ["BrokerAddress", "HostAndPort", "of_settings", "parse_host", "tls_context"]

_DEFAULT_PORTS = {"mqtt": 1883, "mqtts": 8883}
_HIGHEST_PORT = 65535
_HOST = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+(?:%\w+)?\]|[^\s/\[\]*;,:?#@]+)(?::(?P<port>[1-9][0-9]{0,4}))?", re.ASCII)
_ALLOWED = "HOST[:PORT], or mqtt:// or mqtts:// and one or more of them with commas between, as mqtts://a:8883,b:8883"


class HostAndPort(NamedTuple):
    """HostAndPort is a host name or IP address, and a TCP port."""

    host: str
    port: int


class BrokerAddress(NamedTuple):
    """BrokerAddress is where the broker is, and the user to log in as.

    Attributes:
        host: Host name or IP address that is tried first.
        port: Its TCP port.
        username: MQTT user; None: anonymous.
        password_file: File with that user's password.
        others: Further hosts of the same broker, which are tried in turn where one does not answer.
        is_tls: Whether the connections are encrypted.
        ca_file: File with the certificates of the authorities that may have signed the broker's, PEM; None: those that
            this system trusts.
    """

    host: str
    port: int
    username: Optional[str] = None
    password_file: Optional[Path] = None
    others: Tuple[HostAndPort, ...] = ()
    is_tls: bool = False
    ca_file: Optional[Path] = None

    @classmethod
    def parse(cls, text: str, key: str, ca_file: str = "", ca_key: str = "") -> BrokerAddress:
        """Return the address that a text such as `HOST`, `mqtt://HOST:PORT` or `mqtts://a:8883,b:8883` names.

        Args:
            text: The text.
            key: Name of its setting, for the error.
            ca_file: Path of the file with the authorities; empty: those that this system trusts.
            ca_key: Name of its setting, for the error.

        Raises:
            ConfigError: The text has another form, or the file cannot be used.
        """
        scheme, mark, hosts = text.rpartition("://")
        try:
            default_port = _DEFAULT_PORTS[scheme if mark else "mqtt"]
            first, *others = [parse_host(host, default_port) for host in hosts.split(",")]
        except (KeyError, ValueError):
            raise ConfigError(key, text, _ALLOWED) from None
        file = Path(ca_file).expanduser() if ca_file else None
        address = cls(*first, others=tuple(others), is_tls=scheme == "mqtts", ca_file=file)
        if file and not address.is_tls:
            raise ConfigError(ca_key, ca_file, f"given with an mqtts:// address in {key}")
        if address.is_tls:
            _check(address, ca_file, ca_key)
        return address

    def __str__(self) -> str:
        scheme = "mqtts" if self.is_tls else "mqtt"
        first, *others = (ports.url(scheme, *endpoint) for endpoint in self.endpoints)
        return ",".join([first, *(other.partition("://")[2] for other in others)])

    @property
    def endpoints(self) -> Tuple[HostAndPort, ...]:
        """All hosts with their ports, in the order in which they are tried."""
        return (HostAndPort(self.host, self.port), *self.others)

    @property
    def each(self) -> List[BrokerAddress]:
        """An address for each host alone."""
        return [self._replace(host=host, port=port, others=()) for host, port in self.endpoints]

    @property
    def subscribe_line(self) -> str:
        """The command that shows all messages in another terminal."""
        tls = f" --cafile {self.ca_file}" if self.ca_file else " --tls-use-os-certs" if self.is_tls else ""
        return f"mosquitto_sub -h {self.host} -p {self.port}{tls} -v -t 'monty/v1/#'"


def of_settings(brokers: str, host: str, port: int, ca_file: str) -> BrokerAddress:
    """Return the address of a service's settings `mqtt_brokers`, `mqtt_host`, `mqtt_port` and `mqtt_ca_file`.

    Raises:
        ConfigError: `mqtt_brokers` is not an address, or `mqtt_ca_file` cannot be used.
    """
    if brokers:
        return BrokerAddress.parse(brokers, "mqtt_brokers", ca_file, "mqtt_ca_file")
    if ca_file:
        raise ConfigError("mqtt_ca_file", ca_file, "given with an mqtts:// address in mqtt_brokers")
    return BrokerAddress(host, port)


def parse_host(text: str, default_port: int) -> HostAndPort:
    """Return what `HOST` or `HOST:PORT` names; IPv6 as `[::1]:1883`.

    Raises:
        ValueError: The text is neither.
    """
    found = _HOST.fullmatch(text)
    port = int(found["port"] or default_port) if found else 0
    if found is None or port > _HIGHEST_PORT:
        raise ValueError(text)
    return HostAndPort(found["host"].strip("[]"), port)


def tls_context(address: BrokerAddress) -> ssl.SSLContext:
    """Return what checks the broker's certificate: who signed it, and for which host.

    Raises:
        OSError: The file with the authorities cannot be read, or has none.
    """
    return ssl.create_default_context(cafile=str(address.ca_file) if address.ca_file else None)


def _check(address: BrokerAddress, ca_file: str, ca_key: str) -> None:
    try:
        tls_context(address)
    except ssl.SSLError:
        raise ConfigError(ca_key, ca_file, "a file with certificates, PEM") from None
    except OSError as error:
        raise ConfigError(ca_key, ca_file, f"a file that can be read ({error.strerror})") from None
