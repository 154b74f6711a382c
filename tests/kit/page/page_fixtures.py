"""Provides a page with a real broker and bridge, and a worker that publishes, for the page's tests."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import httpx
import pytest
from kit.bridge import Dealer
from kit.page.page_process import PageProcess

from monty_mqtt.wire import schema
from monty_mqtt_bridge.bridge import Bridge
from monty_mqtt_stack.services.mosquitto import Mosquitto

_runs = itertools.count()


@pytest.fixture(scope="module")
def page(broker: Mosquitto, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageProcess]:
    with PageProcess(broker, tmp_path_factory.mktemp("page")) as process:
        process.ready()
        yield process


@pytest.fixture
def worker(bridge: Bridge) -> Iterator[Dealer]:
    """Provide a worker that reports that it is running."""
    with Dealer(bridge.zmq_port, f"run-{next(_runs)}") as dealer:
        dealer.hello()
        dealer.send(schema.Status, 0)
        dealer.acked(1)
        yield dealer


def logged_in(page: PageProcess) -> httpx.Client:
    """Return an HTTP client that has logged in, as a browser would."""
    answer = httpx.post(page.url + "/api/login", json={"password": page.login_file.read_text().strip()})
    return httpx.Client(base_url=page.url, timeout=40, cookies=answer.raise_for_status().cookies)
