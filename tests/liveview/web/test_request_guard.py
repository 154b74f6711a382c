"""Pages of others in the same browser do not reach the page: not by name, not by script, not by frame."""

from __future__ import annotations

import base64
import hashlib
import re
import socket

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

PLACES = ("/", "/api/runs", "/healthz", "/assets/icon.svg", "/_nicegui_ws/socket.io/?EIO=4&transport=polling")
FOREIGN_HOSTS = (
    "evil.example",
    "evil.example:8000",
    "127.0.0.1.evil.example",
    "localhost.",
    "0.0.0.0",
    "",
    "a b",
    "[::2]",
)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_a_foreign_host_is_refused(page, place, host):
    answer = httpx.get(page.url + place, headers={"Host": host})
    assert answer.status_code in (400, 403), answer.text
    assert "monty" not in answer.text.lower()


@pytest.mark.parametrize("host", ["localhost", "localhost:9", "127.0.0.1:65535", "LOCALHOST", "[::1]:8000"])
def test_our_names_are_taken_with_any_port_as_through_a_tunnel(page, host):
    assert httpx.get(page.url + "/api/runs", headers={"Host": host, "Origin": f"http://{host}"}).is_success


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost:1", "https://127.0.0.1", "file://"]
)
def test_a_foreign_origin_is_refused(page, place, origin):
    for method in ("GET", "POST"):
        assert httpx.request(method, page.url + place, headers={"Origin": origin}).status_code == 403


@pytest.mark.parametrize(
    "place", ["/live?run=a&worker=b", "/live_runs", "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"]
)
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Host": "evil.example"},
        {"Host": "evil.example", "Origin": "http://evil.example"},
    ],
)
def test_a_foreign_page_opens_no_websocket(page, place, headers):
    address = page.url.removeprefix("http://")
    host, _, port = address.partition(":")
    line = socket.create_connection((host, int(port)), timeout=10)
    # The client writes its Host from the address; the line goes where the page is.
    url = f"ws://{headers.get('Host', address)}{place}"
    with pytest.raises(InvalidStatus) as refused, connect(url, sock=line, origin=headers.get("Origin"), proxy=None):
        pass
    assert refused.value.response.status_code == 403


def test_the_page_itself_opens_one(page):
    with connect(page.url.replace("http", "ws", 1) + "/live_runs", origin=page.url, proxy=None) as line:
        assert "runs" in line.recv(timeout=10)


def test_a_browser_that_says_the_request_is_from_elsewhere_is_believed(page):
    script = {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"}
    visit = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert page.get("/api/runs", headers=script).status_code == 403
    assert page.get("/", headers=visit).is_success
    assert page.get("/run/none/latest/patch/rgba", headers=script).status_code == 404  # for dashboards; there is none
    assert httpx.post(page.url + "/api/logout", headers=visit).status_code == 403


@pytest.mark.parametrize("place", [*PLACES[:4], "/nothing"])
def test_every_answer_says_what_the_browser_may_run(page, place):
    headers = page.get(place).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert re.search(r"script-src ([^;]*)", policy)[1] == "'self'"
    assert "unsafe-" not in policy
    assert not re.search(r"https?:|\*", policy)
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"


def test_the_document_of_a_panel_runs_its_own_script_only_and_stands_in_a_page_of_ours_only(page):
    answer = page.get("/panel_frame")
    policy = answer.headers["content-security-policy"]
    script = re.search(r"<script type=\"module\">(.*)</script>", answer.text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert re.search(r"script-src ([^;]*)", policy)[1] == f"'sha256-{digest}' blob:"
    for rule in ("default-src 'none'", "frame-ancestors 'self'", "form-action 'none'", "sandbox allow-scripts"):
        assert rule in policy.split("; ")
    assert "connect-src" not in policy
    assert not re.search(r"https?:|\*|'self' |unsafe-eval", policy)
    assert "import " not in script
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_body_that_nobody_needs_is_not_read(page):
    assert httpx.post(page.url + "/api/login", content=b"x" * 100_000).status_code == 413
