"""Records the link of a simulated host: every packet, both ways, as a stranger on the network would see it."""

from __future__ import annotations

import errno
import socket
import struct
import threading
from collections import Counter
from collections.abc import Sequence
from typing import Self

from kit.machine.simulated_hosts import Host

ALL_PROTOCOLS = 3
"""ETH_P_ALL of linux/if_ether.h: outgoing packets, too."""

STATISTICS = (263, 6)
"""SOL_PACKET and PACKET_STATISTICS of linux/if_packet.h."""

FORCED_BUFFER = 33
"""SO_RCVBUFFORCE: beyond the machine's limit."""

BUFFER_BYTES = 64 << 20
LARGEST_PACKET_BYTES = 1 << 18
LOOK_SECS = 0.2


class LinkRecording:
    """Counts the packets of a link from entering to leaving, and those in which each of some words can be read.

    Attributes:
        packets: Number of packets.
        size_bytes: Bytes of all packets.
        readable: Number of packets in which a word stands, by word.
        missed: Number of packets that came too fast to be looked at; known on leaving.
    """

    def __init__(self, host: Host, words: Sequence[str]) -> None:
        self.packets = self.size_bytes = self.missed = 0
        self.readable: Counter[str] = Counter()
        self._words = {word: word.encode() for word in words}
        self._host = host
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._record, daemon=True)

    def __enter__(self) -> Self:
        with self._host.switch.inside():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL_PROTOCOLS))
        self._socket.bind((self._host.port, ALL_PROTOCOLS))
        self._socket.setsockopt(socket.SOL_SOCKET, FORCED_BUFFER, BUFFER_BYTES)
        self._socket.settimeout(LOOK_SECS)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()
        _, self.missed = struct.unpack("=II", self._socket.getsockopt(*STATISTICS, 8))
        self._socket.close()

    def _record(self) -> None:
        while not self._stopped.is_set():
            try:
                packet = self._socket.recv(LARGEST_PACKET_BYTES)
            except TimeoutError:
                continue
            except OSError as error:
                if error.errno != errno.ENETDOWN:  # the link was cut; what comes after it is mended comes here
                    raise
                continue
            self.packets += 1
            self.size_bytes += len(packet)
            self.readable.update(word for word, wanted in self._words.items() if wanted in packet)
