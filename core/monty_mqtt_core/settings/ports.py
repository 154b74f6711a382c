"""This module checks TCP ports: whether a port is free, which process has it, and which is the next free one.

Called by the page, and by the stack's services and commands before they start a program or report a conflict.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from ipaddress import ip_address
from typing import Any, List, Optional

__all__ = [
    "answers_mqtt",
    "any_free",
    "is_free",
    "is_ip_address",
    "known_as",
    "listens",
    "next_free",
    "own_addresses",
    "owner",
    "reached_at",
    "url",
]

# CONNECT of MQTT 3.1.1, no user, no client id, clean session: any broker answers it, even if it refuses.
_CONNECT = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00"
_CONNACK = b"\x20\x02"
_HIGHEST = 65535
_IPV6 = 6


def is_free(host: str, port: int) -> bool:
    """Return whether a program could listen on this address now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the services do: TIME_WAIT does not count
            probe.bind((host, port))
    except OSError:  # taken, not an address of this machine, or no IPv6 here
        return False
    return True


def any_free(host: str) -> int:
    """Return a port that was free a moment ago."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def next_free(host: str, port: int) -> int:
    """Return the first free port from `port` on.

    Raises:
        OSError: No port up to 65535 is free.
    """
    for candidate in range(port, _HIGHEST + 1):
        if is_free(host, candidate):
            return candidate
    raise OSError(f"no free port from {port} on")


def owner(port: int) -> Optional[str]:
    """Return which process listens on a port, as `mosquitto (pid 812)`; None if none does, or it is not visible."""
    psutil = _psutil()
    try:
        connections = psutil.net_connections("tcp") if psutil else ()
    except psutil.AccessDenied:  # macOS shows other users' connections to root only
        return None
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
            return _name(psutil, connection.pid)
    return None


def listens(pid: int, port: int) -> bool:
    """Return whether it is this process that listens on a port, because another one may answer there."""
    psutil = _psutil()
    if psutil is None:
        return True
    try:
        connections = psutil.Process(pid).net_connections("tcp")
    except psutil.Error:
        return False
    return any(connection.status == psutil.CONN_LISTEN and connection.laddr.port == port for connection in connections)


def url(scheme: str, host: str, port: int) -> str:
    """Return an address as a URL."""
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def reached_at(host: str) -> str:
    """Return the address at which this machine reaches a program that binds `host`."""
    with suppress(ValueError):
        address = ip_address(host)
        if address.is_unspecified:
            return "::1" if address.version == _IPV6 else "127.0.0.1"
    return host


def known_as(host: str) -> str:
    """Return the name or address under which other machines reach a program that binds `host`."""
    if not is_ip_address(host):
        return _own_name() if host == "localhost" else host
    address = ip_address(host)
    return _own_name() if address.is_unspecified or address.is_loopback else host


def own_addresses() -> List[str]:
    """Return the IP addresses of this machine, without those that hold on one link only."""
    psutil = _psutil()
    links = psutil.net_if_addrs().values() if psutil else ()
    found = (address.address for addresses in links for address in addresses)
    return sorted({text for text in found if is_ip_address(text) and not ip_address(text).is_link_local})


def is_ip_address(text: str) -> bool:
    """Return whether a text is an IP address, without brackets and zone."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def answers_mqtt(host: str, port: int, timeout_secs: float = 1.0) -> bool:
    """Return whether an MQTT broker answers there."""
    try:
        with socket.create_connection((host, port), timeout_secs) as connection:
            connection.settimeout(timeout_secs)
            connection.sendall(_CONNECT)
            return connection.recv(4).startswith(_CONNACK)
    except OSError:
        return False


def _own_name() -> str:
    name = socket.getfqdn()
    return socket.gethostname() if name.partition(".")[0] == "localhost" else name  # as /etc/hosts may have it


def _psutil() -> Any:
    try:
        import psutil  # type: ignore[import-untyped]  # noqa: PLC0415 - `doctor` runs without it, and says so
    except ImportError:
        return None
    return psutil


def _name(psutil: Any, pid: Optional[int]) -> str:
    if pid is None:
        return "a process of another user"
    try:
        return f"{psutil.Process(pid).name()} (pid {pid})"
    except psutil.Error:
        return f"pid {pid}"
