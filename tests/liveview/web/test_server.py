"""The page as a process: it says where it is, ends when told to, and names what is in its way."""

from __future__ import annotations

import contextlib
import itertools
import re
import signal
import socket
import subprocess
import sys

import httpx
import pytest
from kit.machine.child_process import until
from kit.machine.small_disk import small_disk
from kit.page.page_process import PageProcess
from kit.page.teller import Teller
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from monty_mqtt.wire import schema
from monty_mqtt_core.settings.ports import any_free
from monty_mqtt_stack.services.mosquitto import Mosquitto


def healthcheck(page: PageProcess, *more: str) -> subprocess.CompletedProcess:
    port = page.url.rpartition(":")[2]
    command = [sys.executable, "-m", "monty_mqtt_liveview", "--healthcheck", f"--port={port}", *more]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)


def test_it_says_where_it_is_and_is_healthy(page):
    assert page.wait_for("page ready: ") == f"page ready: {page.url}"
    assert page.json("/healthz") == {"status": "ok", "problems": [], "restoring": None}
    well = healthcheck(page)
    assert (well.returncode, well.stdout) == (0, f"page at {page.url}: ok\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once_when_told_to_also_with_browsers(broker, tmp_path, number):
    with PageProcess(broker, tmp_path) as page:
        page.ready()
        with connect(page.url.replace("http", "ws", 1) + "/live_runs", proxy=None):
            page.signal(number)
            assert page.wait(10) == 0
        assert page.text == f"page ready: {page.url}"


def test_it_ends_while_no_broker_answers_and_says_that_there_is_none(broker, tmp_path):
    port = any_free("127.0.0.1")
    with PageProcess(broker, tmp_path, f"--mqtt-port={port}") as page:
        page.wait_for("page ready: ")
        answer = page.get("/healthz")
        assert answer.status_code == 503
        assert answer.json()["status"] == "no broker"
        assert f"127.0.0.1:{port}" in answer.json()["problems"][0]
        assert healthcheck(page).returncode == 1
        assert page.get("/").is_success
        page.signal(signal.SIGTERM)
        assert page.wait(10) == 0


def test_it_comes_back_with_the_broker(tmp_path):
    port = any_free("127.0.0.1")
    with Mosquitto(tmp_path / "broker", port=port) as broker, PageProcess(broker, tmp_path / "page") as page:
        page.ready()
        broker.stop()
        page.until(lambda: page.get("/healthz").status_code == 503)
        broker.start()
        page.ready()


def test_no_page_is_not_healthy(page):
    ended = healthcheck(page, f"--port={any_free('127.0.0.1')}")
    assert ended.returncode == 1
    assert "no page at http://127.0.0.1:" in ended.stdout


def test_a_taken_port_is_named(broker, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with PageProcess(broker, tmp_path, port=port) as page:
            assert page.wait() == 2
            assert re.search(rf"127\.0\.0\.1:{port}.*taken by .*--port 0", page.text)


def test_port_0_is_a_free_one(broker, tmp_path):
    with PageProcess(broker, tmp_path, "--port=0") as page:
        line = page.wait_for("page ready: http://127.0.0.1:")
        page.url = line.partition("page ready: ")[2]
        assert page.get("/").is_success


@pytest.mark.parametrize("flags", [("--mqtt-password-file=/nowhere",), ("--state-dir=/proc/nothing",), ("--prot=1",)])
def test_what_is_wrong_is_said_in_one_line(broker, tmp_path, flags):
    with PageProcess(broker, tmp_path, *flags) as page:
        assert page.wait() == 2
        assert page.text.startswith("monty-mqtt-liveview: ")
        assert len(page.lines) == 1


@pytest.mark.parametrize(
    ("place", "status"),
    [
        ("/api/run/none", 404),
        ("/api/run/none/worker/main/steps", 404),
        ("/api/run/none/worker/main/steps?points=0", 422),
        ("/api/run/none/worker/main/steps?first=x", 422),
        ("/api/run/none/logs?count=1000000", 422),
        ("/api/none", 404),
        ("/assets/../../config.py", 404),
        ("/assets/%2e%2e/config.py", 404),
        ("/assets/..%2fconfig.py", 404),
        ("/assets/manifest.json", 404),
        ("/docs", 404),
    ],
)
def test_what_is_not_there_is_said_in_words(page, place, status):
    answer = page.get(place)
    assert answer.status_code == status
    assert answer.json()["error"]


def test_a_browser_that_asks_for_what_is_not_there_gets_a_page(page):
    for place in ("/run/", "/run", "/nothing"):
        answer = page.get(place, headers={"Accept": "text/html,*/*"})
        assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")


def test_the_pages_need_nothing_from_elsewhere(page):
    for place in ("/", "/run/a", "/run/a/workers", "/run/%253Cscript%253E"):
        text = page.get(place).text
        assert not re.search(r"""(src|href)=["']?(https?:)?//""", text)
        assert not re.search(r"""url\(["']?(https?:)?//""", text)
        assert "<script>alert" not in text


def test_the_document_runs_nothing_but_the_pages_own_files(page):
    answer = page.get("/run/a")
    scripts = re.findall(r"<script[^>]*>", answer.text)
    assert scripts
    assert all(re.search(r'src="/assets/[\w-]+\.js"', script) for script in scripts)
    assert " on" not in re.sub(r">[^<]*<", "><", answer.text).replace(" only", "")


def test_a_hostile_name_stays_a_name(page):
    name = """../../x</script><img src=x onerror="alert(1)">'"""
    text = page.get("/run/" + name.replace("%", "%25").replace("/", "%252F").replace("<", "%3C")).text
    assert "<img" not in text
    assert "&lt;img src=x onerror=&quot;" in text


def test_browsers_keep_the_files_that_have_another_name_when_they_change(page):
    files = set(re.findall(r'"(/assets/[^"]+)"', page.get("/run/a").text))
    kept = {file for file in files if "immutable" in page.get(file).headers["cache-control"]}
    assert len(kept) > 1
    assert files == kept
    assert page.get("/assets/icon.svg").headers["cache-control"] == "no-cache"


def test_files_are_packed_for_browsers_that_take_it(page):
    (script,) = re.findall(r'<script type="module" src="([^"]+)"', page.get("/").text)
    plain, packed = (page.get(script, headers={"Accept-Encoding": how}) for how in ("identity", "gzip"))
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content  # the client unpacks it
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 2


def test_nothing_is_left_in_the_working_directory(broker, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with PageProcess(broker, tmp_path / "state") as page:
        page.ready()
        page.get("/")
    assert list((tmp_path / "here").iterdir()) == []


def test_what_a_browser_may_send_besides_leaves_no_traceback(broker, tmp_path):
    with PageProcess(broker, tmp_path, "--log-level=info") as page:
        page.ready()
        for content, is_text in itertools.product([b"\xff\xfe\x80", b"\xc3", b"plain", b"\x00"], [True, False]):
            with connect(page.url.replace("http", "ws", 1) + "/live_runs", proxy=None) as line:
                line.recv(timeout=10)
                line.send(content, text=is_text)
                with contextlib.suppress(ConnectionClosed):
                    line.recv(timeout=10)
        assert page.get("/healthz").is_success
        page.signal(signal.SIGTERM)
        assert page.wait(10) == 0
        assert "Traceback" not in page.text
        assert "ERROR" not in page.text


def test_wherever_get_is_answered_head_is(page):
    places = ["/", "/healthz", "/login", "/api/session", "/api/runs", "/api/recording", "/assets/icon.svg"]
    for place in [*places, "/api/run/none", "/run/none", "/no/such/page"]:
        got, headed = page.get(place), httpx.head(page.url + place, timeout=10)
        assert headed.status_code == got.status_code
        assert headed.content == b""
        assert headed.headers.get("content-type") == got.headers.get("content-type")
        assert headed.headers.get("content-security-policy")
    assert httpx.head(page.url + "/api/login", timeout=10).status_code == 405
    assert httpx.head(page.url + "/", headers={"Host": "evil.example"}, timeout=10).status_code == 403


def test_it_is_not_ok_while_it_lists_problems(broker, tmp_path):
    with small_disk(tmp_path / "disk", 2) as disk, PageProcess(broker, tmp_path / "state") as page:
        page.ready()
        recordings = tmp_path / "state" / "recordings"
        directory = recordings / "full"
        directory.symlink_to(disk)
        fill(disk)
        with Teller(broker) as teller:
            voice = teller.voice("full")
            for number in range(50):
                voice.say(schema.Log, level="info", message=f"line {number} " + "x" * 10_000)
            teller.done()
            answer = until_problem(page)
            assert answer.status_code == 503
            assert answer.json()["status"] == "nothing is recorded"
            assert "No space left" in answer.json()["problems"][0]
            unwell = healthcheck(page)
            assert (unwell.returncode, unwell.stdout) == (1, f"page at {page.url}: nothing is recorded\n")
        (disk / "filler").unlink()
        until(lambda: page.get("/healthz").json() == {"status": "ok", "problems": [], "restoring": None})
        assert healthcheck(page).returncode == 0


def fill(disk):
    with contextlib.suppress(OSError), (disk / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def until_problem(page):
    answers = []

    def is_told():
        answers[:] = [page.get("/healthz")]
        return bool(answers[0].json()["problems"])

    until(is_told)
    return answers[0]
