"""Who controls logs in, with a password that shows nowhere; beyond loopback, who looks, too."""

from __future__ import annotations

import asyncio
import re
import ssl
import subprocess
import sys

import httpx
import pytest
from kit.page.page_fixtures import logged_in
from kit.page.page_process import PageProcess
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import InvalidStatus

from monty_mqtt.errors import ServiceError
from monty_mqtt_core.settings.ports import any_free
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_liveview.web import login_sessions


def test_the_password_is_made_on_the_first_start_for_its_owner_only(page):
    assert page.login_file.stat().st_mode & 0o777 == 0o600
    assert len(page.login_file.read_text().strip()) >= 40


def test_a_login_lasts_and_a_logout_ends_it(page):
    with logged_in(page) as browser:
        (cookie,) = browser.cookies.jar
        assert cookie.has_nonstandard_attr("HttpOnly")
        assert cookie.get_nonstandard_attr("SameSite").lower() == "strict"
        assert browser.get("/api/session").json()["needs_login"] is False
        assert browser.get("/api/session").json()["may_control"] is True
        browser.post("/api/logout")
        session = browser.get("/api/session").json()
        assert (session["needs_login"], session["may_control"]) == (True, False)
        assert str(page.login_file) in session["why_not"]


@pytest.mark.parametrize("content", [b"", b"{}", b'{"password": 1}', b"\xff", b'{"password": ""}'])
def test_without_the_password_nobody_gets_in(page, content):
    answer = httpx.post(page.url + "/api/login", content=content)
    assert answer.status_code in (400, 401, 429)
    assert not answer.cookies


@pytest.mark.parametrize("value", ["", "x", "a.b.c", "e30.aaaa.bbbb"])
def test_a_made_up_session_is_none(page, value):
    cookie = f"monty_mqtt_session_{page.url.rpartition(':')[2]}={value}"
    assert page.get("/api/session", headers={"Cookie": cookie}).json()["needs_login"] is True


def test_guessing_is_slowed_and_the_password_shows_nowhere(broker, tmp_path):
    with PageProcess(broker, tmp_path, "--log-level=debug") as page:
        page.ready()
        known = page.login_file.read_text().strip()
        answers = [httpx.post(page.url + "/api/login", json={"password": f"guess-{n}"}) for n in range(11)]
        assert [answer.status_code for answer in answers] == [401] * 10 + [429]
        assert answers[-1].headers["retry-after"]
        # Also the right one has to wait now.
        assert httpx.post(page.url + "/api/login", json={"password": known}).status_code == 429
        texts = [page.get(place).text for place in ("/", "/api/session", "/healthz")] + [
            answer.text for answer in answers
        ]
        assert all(known not in text and "guess-" not in text for text in texts)
        assert str(page.login_file) in texts[1]
    assert known not in page.text
    assert "guess-" not in page.text


def test_ten_wrong_passwords_of_others_do_not_lock_out_who_holds_a_session(broker, tmp_path):
    with PageProcess(broker, tmp_path) as page:
        page.ready()
        known = page.login_file.read_text().strip()
        with logged_in(page) as browser:
            answers = [httpx.post(page.url + "/api/login", json={"password": f"guess-{n}"}) for n in range(11)]
            assert answers[-1].status_code == 429
            assert browser.get("/api/session").json()["may_control"] is True
            assert browser.post("/api/login", json={"password": known}).status_code == 200
            own = [browser.post("/api/login", json={"password": f"guess-{n}"}).status_code for n in range(11)]
            assert own == [401] * 10 + [429]


def test_a_copy_of_the_cookie_is_worth_nothing_after_the_logout(broker, tmp_path):
    def may_control(page, cookie):
        return page.get("/api/session", headers={"Cookie": cookie}).json()["may_control"]

    with PageProcess(broker, tmp_path) as page:
        page.ready()
        with logged_in(page) as browser, logged_in(page) as other:
            copies = [f"{cookie.name}={cookie.value}" for client in (browser, other) for cookie in client.cookies.jar]
            assert all(may_control(page, copy) for copy in copies)
            assert browser.post("/api/logout").status_code == 200
            assert [may_control(page, copy) for copy in copies] == [False, True]
        kept = page.login_file.with_name("liveview_sessions")
        assert kept.stat().st_mode & 0o777 == 0o600
        assert not any(copy.partition("=")[2] in kept.read_text() for copy in copies)
    with PageProcess(broker, tmp_path, port=int(page.url.rpartition(":")[2])) as page:
        page.ready()
        assert [may_control(page, copy) for copy in copies] == [False, True]
        kept.write_bytes(b"\xff{")
    with PageProcess(broker, tmp_path, port=int(page.url.rpartition(":")[2])) as page:
        page.ready()
        assert [may_control(page, copy) for copy in copies] == [False, False]


def test_only_so_many_sessions_are_kept_and_a_logout_that_cannot_be_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(login_sessions, "_MOST_SESSIONS", 3)
    state = StateDir(tmp_path)
    sessions = login_sessions.LoginSessions(state, state.secrets / "sessions")
    tokens = [sessions.open("secret") for _ in range(5)]
    assert [sessions.is_open(token, "secret") for token in tokens] == [False, False, True, True, True]
    assert not sessions.is_open(tokens[4], "another")
    assert not sessions.is_open(tokens[4], "")
    state.secrets.rename(tmp_path / "away")
    with pytest.raises(ServiceError, match="cannot write"):
        sessions.close(tokens[4])
    assert not sessions.is_open(tokens[4], "secret")


def test_who_changes_the_password_ends_all_sessions(broker, tmp_path):
    with PageProcess(broker, tmp_path) as page:
        page.ready()
        with logged_in(page) as browser:
            page.login_file.write_text("another-password\n")
            assert browser.get("/api/session").json()["needs_login"] is True
            page.login_file.unlink()
            assert "nobody can log in" in browser.get("/api/session").json()["why_not"]
            assert browser.post("/api/login", json={"password": ""}).status_code == 401


def test_a_session_outlives_the_page(broker, tmp_path):
    with PageProcess(broker, tmp_path) as page:
        page.ready()
        browser = logged_in(page)
    with browser, PageProcess(broker, tmp_path, port=int(page.url.rpartition(":")[2])) as page:
        page.ready()
        assert browser.get("/api/session").json()["needs_login"] is False


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    files = folder / "server.crt", folder / "server.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    done = subprocess.run(
        [*command, *names, "-out", str(files[0]), "-keyout", str(files[1])], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return files


@pytest.fixture(scope="module")
def public(broker, certificate, tmp_path_factory):
    """A page that others reach, and what a browser needs to trust it."""
    chain, key = certificate
    flags = ("--host=0.0.0.0", f"--tls-certificate={chain}", f"--tls-key={key}", "--public-name=lab.example")
    with PageProcess(broker, tmp_path_factory.mktemp("public"), *flags) as page:
        page.url = page.url.replace("http:", "https:")
        page.trust = ssl.create_default_context(cafile=str(chain))
        page.wait_for("page ready: https://0.0.0.0:")
        yield page


def browser_at(page) -> httpx.Client:
    return httpx.Client(base_url=page.url, verify=page.trust, timeout=10)


async def first_words(page, cookie: str) -> str:
    # Not the client with threads: over TLS it sometimes never sends its request (one thread reads, another writes).
    url, header = f"wss{page.url[5:]}/live_runs", {"Cookie": cookie}
    async with connect_async(url, ssl=page.trust, additional_headers=header, proxy=None) as line:
        return str(await asyncio.wait_for(line.recv(), 10))


def test_beyond_loopback_nobody_reads_without_login(public):
    with browser_at(public) as browser:
        for place in ("/", "/api/runs", "/run/a/latest/b/rgba", "/assets/icon.svg"):
            assert browser.get(place).status_code == 401
            shown = browser.get(place, headers={"Accept": "text/html"})
            assert shown.status_code == 303
            assert shown.headers["location"].startswith("/login?next=")
        assert browser.get("/healthz").json() == {"status": "ok"}
    with pytest.raises(InvalidStatus):
        asyncio.run(first_words(public, "monty_mqtt_session=none"))


def test_beyond_loopback_the_health_check_needs_no_login(public, certificate):
    chain, key = certificate
    flags = [
        "--host=0.0.0.0",
        f"--tls-certificate={chain}",
        f"--tls-key={key}",
        f"--port={public.url.rpartition(':')[2]}",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "monty_mqtt_liveview", "--healthcheck", *flags],
        capture_output=True,
        check=False,
        timeout=20,
    )
    assert done.returncode == 0, done.stdout


def test_beyond_loopback_a_login_opens_it_all(public):
    with browser_at(public) as browser:
        assert "password" in browser.get("/login?next=%2Frun%2Fa").text
        wrong = browser.post("/login?next=%2Frun%2Fa", data={"password": "<b>"})
        assert wrong.status_code == 401
        assert "<b>" not in wrong.text
        right = browser.post("/login?next=%2Frun%2Fa", data={"password": public.login_file.read_text().strip()})
        assert (right.status_code, right.headers["location"]) == (303, "/run/a")
        (cookie,) = browser.cookies.jar
        assert cookie.secure
        assert browser.get("/api/runs").is_success
        words = asyncio.run(first_words(public, f"{cookie.name}={cookie.value}"))
        assert "runs" in words
        assert browser.get("/api/runs", headers={"Host": "lab.example"}).is_success
        assert browser.get("/api/runs", headers={"Host": "evil.example"}).status_code == 403


def test_who_comes_through_a_proxy_logs_in_and_who_is_here_need_not(broker, tmp_path):
    port = any_free("127.0.0.1")
    with PageProcess(broker, tmp_path, f"--login-port={port}", "--public-name=lab.example") as page:
        page.ready()
        assert page.get("/api/runs").is_success
        there = {
            "base_url": f"http://127.0.0.1:{port}",
            "headers": {"Host": "lab.example", "Origin": "https://lab.example"},
        }
        with httpx.Client(**there) as browser:
            assert browser.get("/api/runs").status_code == 401
            assert browser.get("/healthz").json() == {"status": "ok"}
            known = page.login_file.read_text().strip()
            entered = browser.post("/api/login", json={"password": known})
            cookie = entered.headers["set-cookie"]
            assert "Secure" in cookie
            session = {"Cookie": cookie.partition(";")[0]}
            assert browser.get("/api/runs", headers=session).is_success
        # Whatever it says of itself, who comes by that port is not here.
        assert httpx.get(f"http://127.0.0.1:{port}/api/runs", headers={"Host": "localhost"}).status_code == 401


@pytest.mark.parametrize("is_trusted", [True, False])
def test_only_a_trusted_proxy_says_whose_wrong_passwords_they_are(broker, tmp_path, is_trusted):
    port = any_free("127.0.0.1")
    with PageProcess(
        broker, tmp_path, f"--login-port={port}", f"--trust-forwarded-for={str(is_trusted).lower()}"
    ) as page:
        page.ready()

        def guess(peers, url=f"http://127.0.0.1:{port}"):
            headers = [("X-Forwarded-For", peer) for peer in peers]
            return httpx.post(f"{url}/api/login", json={"password": "guess"}, headers=headers).status_code

        # What stands before the proxy's own word, the browser may have made up.
        statuses = [guess([f"192.0.2.{number}", "198.51.100.1, 203.0.113.7"]) for number in range(11)]
        assert statuses == [401] * 10 + [429]
        assert guess(["203.0.113.8"]) == (401 if is_trusted else 429)
        past_the_proxy = [guess([f"192.0.2.{number}"], page.url) for number in range(11)]
        assert past_the_proxy == ([401] * 10 + [429] if is_trusted else [429] * 11)


def test_without_a_port_for_it_there_is_no_proxy_to_trust(broker, tmp_path):
    with PageProcess(broker, tmp_path, "--trust-forwarded-for=true") as page:
        assert page.wait() == 2
        assert "trust_forwarded_for: True is not allowed; it must be given with login_port" in page.text


@pytest.mark.parametrize(
    "place", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "\r\nX: y"]
)
def test_the_login_leads_to_this_page_only(public, place):
    with browser_at(public) as browser:
        known = public.login_file.read_text().strip()
        answer = browser.post("/login", params={"next": place}, data={"password": known})
        assert answer.headers["location"] == "/"


def test_a_certificate_that_is_none_is_named(broker, tmp_path):
    (tmp_path / "none.pem").write_text("no certificate")
    flags = (f"--tls-certificate={tmp_path / 'none.pem'}", f"--tls-key={tmp_path / 'none.pem'}")
    with PageProcess(broker, tmp_path / "state", "--host=0.0.0.0", *flags) as page:
        assert page.wait() == 2
        assert re.search(r"tls_certificate: .*none\.pem", page.text)
