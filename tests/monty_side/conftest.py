"""A bare ROUTER in the bridge's place, and a broadcaster that is connected to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kit.zmq_router import Router

from monty_mqtt import ZmqBroadcaster


@pytest.fixture
def router() -> Iterator[Router]:
    with Router() as running:
        yield running


@pytest.fixture
def b(router: Router) -> Iterator[ZmqBroadcaster]:
    broadcaster = ZmqBroadcaster(run_id="x", zmq_port=router.port, strict=True)
    yield broadcaster
    broadcaster.close(flush_secs=0)
