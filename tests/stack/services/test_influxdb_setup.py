"""InfluxDB is set up, again and again, from wherever it was cut off."""

from __future__ import annotations

import http.server
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request

import pytest
from kit.history.history_chain import Chain, api, need, write

from monty_mqtt.errors import ServiceError
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.services.influxdb import LOGS, METRICS, InfluxDB, query
from monty_mqtt_stack.services.influxdb_setup import GRAFANA_TOKEN, TELEGRAF_TOKEN, provision

POINT = "m value=1 1795000000000000000"
PROGRAM = """
import sys
from monty_mqtt_stack.services.influxdb import InfluxDB
from monty_mqtt_stack.services.influxdb_setup import provision
from monty_mqtt_core.settings.state_dir import StateDir
provision(StateDir(sys.argv[1]), InfluxDB(sys.argv[2], sys.argv[3]))
"""


class Gate:
    """Passes requests on to InfluxDB, and kills who sends them once InfluxDB has done the n-th, before it hears so."""

    def __init__(self, url: str) -> None:
        gate = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or None
                headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                request = urllib.request.Request(url + self.path, body, headers, method=self.command)
                try:
                    with urllib.request.urlopen(request, timeout=30) as answer:
                        code, kind, content = answer.status, answer.headers.get("Content-Type"), answer.read()
                except urllib.error.HTTPError as error:
                    code, kind, content = error.code, error.headers.get("Content-Type"), error.read()
                gate.calls.append(f"{self.command} {self.path}")
                if len(gate.calls) == gate.last and gate.victim:
                    gate.victim.send_signal(signal.SIGKILL)
                    return
                self.send_response(code)
                self.send_header("Content-Type", kind or "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_DELETE = do_PATCH = pass_on  # noqa: N815 - http.server's names

            def log_message(self, *_: object) -> None:
                pass

        self.calls: list[str] = []
        self.last = 0
        self.victim: subprocess.Popen[bytes] | None = None
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def run(self, state: StateDir, org: str, last: int = 0) -> int:
        """Provision through the gate in a process of its own, killed after call `last`; return its exit code."""
        self.calls.clear()
        self.last = last
        command = [sys.executable, "-c", PROGRAM, str(state.path), self.url, org]
        with subprocess.Popen(command) as self.victim:
            return self.victim.wait(30)


def is_complete(state: StateDir, url: str, org: str) -> None:
    reader, writer = ((state.secrets / name).read_text() for name in (GRAFANA_TOKEN, TELEGRAF_TOKEN))
    for bucket in (METRICS, LOGS):
        assert write(url, writer, bucket, POINT, org) == 204
        assert [series.rows for series in query(url, reader, "SELECT value FROM m", bucket)] == [
            [[1795000000000000000, 1]]
        ]
        assert write(url, reader, bucket, POINT, org) in (401, 403, 404)
        assert shown(url, writer, bucket) == []
    for path in state.secrets.iterdir():
        assert path.stat().st_mode & 0o777 == 0o600, path


def shown(url, token, bucket):
    try:
        return query(url, token, "SELECT value FROM m", bucket)
    except ServiceError:
        return []


def test_killed_after_each_call_and_run_again_it_is_complete(tmp_path):
    need("influxd")
    calls = 1
    with Chain(tmp_path / "whole", "influxdb") as chain, Gate(chain.influxdb.url) as gate:
        assert gate.run(chain.state, "monty") == 0
        calls = len(gate.calls)
        is_complete(chain.state, chain.influxdb.url, "monty")
        assert gate.run(chain.state, "monty") == 0
        assert not [call for call in gate.calls if not call.startswith("GET")], "the second time makes nothing"
    assert calls > 8
    with Chain(tmp_path / "first", "influxdb") as chain, Gate(chain.influxdb.url) as gate:
        for last in range(1, calls):  # an organisation of its own each time: all but the onboarding begins anew
            assert gate.run(chain.state, f"org{last}", last) == -signal.SIGKILL
            assert gate.run(chain.state, f"org{last}") == 0
            is_complete(chain.state, chain.influxdb.url, f"org{last}")
            for name in (GRAFANA_TOKEN, TELEGRAF_TOKEN):
                (chain.state.secrets / name).unlink()


def test_one_that_others_set_up_wants_their_token_and_keeps_what_they_have(influxdb, tmp_path):
    url = influxdb.influxdb.url
    provision(influxdb.state, InfluxDB(url, "theirs"))
    ours, org = StateDir(tmp_path / "ours"), "ours"
    with pytest.raises(ServiceError, match=r"does not take the token in .*influxdb_admin_token: put one of its own"):
        provision(ours, InfluxDB(url, org))
    theirs = {name: (influxdb.state.secrets / name).read_text() for name in (GRAFANA_TOKEN, TELEGRAF_TOKEN)}
    ours.write_private(
        ours.secrets / "influxdb_admin_token", (influxdb.state.secrets / "influxdb_admin_token").read_bytes()
    )
    provision(ours, InfluxDB(url, org))
    is_complete(ours, url, org)
    assert write(url, theirs[TELEGRAF_TOKEN], METRICS, POINT, "theirs") == 204
    assert shown(url, theirs[GRAFANA_TOKEN], METRICS)


def test_a_token_that_is_not_taken_and_a_bucket_that_is_gone_are_made_again(influxdb):
    state, named = influxdb.state, InfluxDB(influxdb.influxdb.url, "mended")
    provision(influxdb.state, named)
    (state.secrets / TELEGRAF_TOKEN).write_text("wrong")
    provision(state, named)
    is_complete(state, named.url, named.org)
    orgs = api(influxdb, "GET", f"orgs?org={named.org}")["orgs"]
    for bucket in api(influxdb, "GET", f"buckets?orgID={orgs[0]['id']}")["buckets"]:
        if bucket["name"] in (METRICS, LOGS):
            api(influxdb, "DELETE", f"buckets/{bucket['id']}")
    provision(state, named)
    is_complete(state, named.url, named.org)


def test_one_that_does_not_answer_is_named(tmp_path):
    with pytest.raises(ServiceError, match=r"no InfluxDB answers at http://127\.0\.0\.1:9"):
        provision(StateDir(tmp_path), InfluxDB("http://127.0.0.1:9"))
