"""Simulates hosts on this machine: each is a network namespace, linked to one switch by a pair of virtual interfaces.

Nothing of it is in this machine's own network. The namespaces have no names: they end with the process that holds them,
also with a killed one. Root only, on Linux, with the program `ip`.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from kit.machine.missing import is_missing

NEW_NETWORK = 0x40000000
"""CLONE_NEWNET of linux/sched.h."""

IP_SECS = 20
SEARCHED = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


class Namespace:
    """A network of its own, with nothing in it, until it is closed."""

    def __init__(self) -> None:
        before = _current()
        _call("unshare", NEW_NETWORK)
        self.descriptor = _current()
        _enter(before)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Let what this thread opens or starts be in this network, for as long as that lives."""
        before = _current()
        _call("setns", self.descriptor, NEW_NETWORK)
        try:
            yield
        finally:
            _enter(before)

    def ip(self, *commands: str) -> None:
        """Run commands of the program `ip` in this network."""
        with self.inside():
            words = [shutil.which("ip", path=SEARCHED) or "ip", "-batch", "-"]
            text = "\n".join(commands)
            done = subprocess.run(words, input=text, text=True, capture_output=True, check=False, timeout=IP_SECS)
        assert done.returncode == 0, f"{text}\n{done.stderr}"

    def close(self) -> None:
        os.close(self.descriptor)


class Host(Namespace):
    """A simulated host.

    Attributes:
        name: Its name.
        address: Its IP address.
        port: Name of the switch's end of its link.
    """

    def __init__(self, switch: Namespace, name: str, address: str) -> None:
        super().__init__()
        self.name, self.address, self.port = name, address, f"to-{name}"
        self.switch = switch
        here = f"/proc/{os.getpid()}/fd/{self.descriptor}"
        switch.ip(
            f"link add {self.port} type veth peer name eth0 netns {here}",
            f"link set {self.port} master switch up",
        )
        self.ip("link set lo up", f"address add {address}/24 dev eth0", "link set eth0 up")

    def cut(self) -> None:
        """Cut its link, as if the cable were pulled."""
        self.switch.ip(f"link set {self.port} down")

    def mend(self) -> None:
        """Mend its link."""
        self.switch.ip(f"link set {self.port} up")


class Network:
    """A switch, from entering to leaving, and the hosts that are linked to it; without the right to it no test runs."""

    def __enter__(self) -> Self:
        need_namespaces()
        self._switch = Namespace()
        self._switch.ip("link add switch type bridge", "link set switch up")
        self.hosts: list[Host] = []
        return self

    def __exit__(self, *_: object) -> None:
        for one in (*self.hosts, self._switch):
            one.close()

    def host(self, name: str) -> Host:
        """Link a new host to the switch."""
        self.hosts.append(Host(self._switch, name, f"10.77.0.{len(self.hosts) + 1}"))
        return self.hosts[-1]


def need_namespaces() -> None:
    """Skip the test if hosts cannot be simulated here; under CI fail."""
    if sys.platform != "linux" or shutil.which("ip", path=SEARCHED) is None:
        is_missing("not run: hosts are simulated on Linux only, with the program ip (Debian's iproute2)")
    try:
        Namespace().close()
    except OSError as error:
        is_missing(f"not run: no right to simulate hosts in network namespaces here ({error.strerror})")


def _current() -> int:
    """Return a descriptor of the network that this thread is in."""
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY)


def _enter(descriptor: int) -> None:
    """Enter a network for good."""
    _call("setns", descriptor, NEW_NETWORK)
    os.close(descriptor)


def _call(name: str, *arguments: int) -> None:
    """Call a function of libc that Python has from 3.12 on."""
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
