"""What compose.yaml starts, running: this machine's programs with the file's users, rights, mounts and words."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
import time
from itertools import takewhile
from pathlib import Path

import pytest
from kit.machine.compose_project import PROFILES, ROOT, resolve
from kit.machine.containers import Containers, need

from monty_mqtt_stack.services.container_setup import OWNERS

SERVICES = ("influxdb", "mosquitto", "telegraf", "bridge", "liveview")
"""Those that stay up and whose programs can be had; Grafana's is in its image alone."""
RUN = "in-containers"
STORED_SECS = 30
STEPS = 12
EXPERIMENT = f"""
from monty_mqtt import ZmqBroadcaster
with ZmqBroadcaster(run_id={RUN!r}, strict=True) as broadcaster:
    for number in range(100):
        broadcaster.publish_metric("loss", number / 7)
"""
ASK = """
import sys
from pathlib import Path
from monty_mqtt_stack.services.influxdb import query
token = Path(sys.argv[1]).read_text()
found = query("http://127.0.0.1:8086", token, f'SELECT count("value") FROM "metric" WHERE "run" = \\'{sys.argv[2]}\\'')
print(found[0].rows[0][-1] if found else 0)
"""
IMPORT = """
import importlib, pkgutil
import monty_mqtt_core, monty_mqtt_stack
apart = ("monty_mqtt_stack.demo", "monty_mqtt_stack.services.amqtt_broker")  # neither is of any use in a container
packages = [pkgutil.walk_packages(one.__path__, f"{one.__name__}.") for one in (monty_mqtt_core, monty_mqtt_stack)]
names = [one.name for many in packages for one in many if not one.name.startswith(apart)]
for name in names:
    importlib.import_module(name)
print(len(names))
"""
UNTIL = """
import os, sys
from monty_mqtt_stack.services.container_setup import Volumes, set_up
from monty_mqtt_core.settings.state_dir import StateDir
for number, line in enumerate(set_up(StateDir(), Volumes(), os.environ), 1):
    if number == int(sys.argv[1]):
        os._exit(137)  # as a kill ends it; the first process of a container is deaf to its own
"""
pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def builds(tmp_path_factory):
    need("mosquitto", "telegraf", "influxd", "curl", "wget")
    made = tmp_path_factory.mktemp("builds")
    opened(made)
    containers = Containers(resolve(*PROFILES)["services"], made, made)
    containers.build()
    return made


@pytest.fixture(scope="module")
def up(builds, tmp_path_factory):
    where = tmp_path_factory.mktemp("up")
    opened(where)
    (where / "certificates").mkdir()
    (where / "passwords").mkdir()
    given = {"CERTIFICATES": "TLS_CERTIFICATES", "PASSWORDS": "BROKER_PASSWORDS"}
    environ = {f"MONTY_MQTT_{name}": str(where / folder.lower()) for folder, name in given.items()}
    with Containers(resolve(*PROFILES, **environ)["services"], where, builds) as containers:
        containers.start("influxdb")
        containers.wait_healthy("influxdb")
        done = containers.run("setup")
        assert done.returncode == 0, done.stderr
        for name in SERVICES[1:]:
            containers.start(name)
            containers.wait_healthy(name)
        yield containers


def opened(folder: Path) -> None:
    """Let every user into a test's directory; what is to be private below it says so itself."""
    ours = takewhile(lambda path: path != Path(tempfile.gettempdir()), (folder, *folder.parents))
    for path in list(ours)[:3]:  # the test's, the session's, the user's: never a directory of others
        path.chmod(path.stat().st_mode | stat.S_IXGRP | stat.S_IXOTH)


def stored(containers):
    command = [sys.executable, "-c", ASK, str(containers.volume("state") / "secrets/influxdb_grafana_token"), RUN]
    done = subprocess.run(containers.in_network(*command), capture_output=True, text=True, check=True, timeout=60)
    return int(done.stdout)


def publish(containers):
    """Publish from inside their network; from outside, the program at the port would be Docker's, which is root's."""
    command = containers.in_network(sys.executable, "-c", EXPERIMENT)
    environment = {**os.environ, "MONTY_MQTT_BRIDGE_ZMQ_USERS": "any"}
    subprocess.run(command, check=True, timeout=60, cwd=ROOT, env=environment)


def wait_stored(containers, count):
    deadline = time.monotonic() + STORED_SECS
    while (found := stored(containers)) != count:
        assert time.monotonic() < deadline, f"{found} of {count} stored"


def secret_files(containers):
    return [path for name in OWNERS for path in sorted(containers.volume(f"{name}_secrets").glob("*"))]


def test_the_bridges_image_is_small(builds):
    files = (path for path in (builds / "opt" / "bridge").rglob("*") if path.is_file() and not path.is_symlink())
    assert sum(path.stat().st_size for path in files) < 100e6


def test_the_pages_image_is_without_what_only_others_need(builds):
    installed = {path.name.partition("-")[0] for path in (builds / "opt" / "liveview").rglob("*.dist-info")}
    assert {"fastapi", "mcap", "paho_mqtt", "uvicorn"} <= installed
    assert not {"influxdb_client", "amqtt", "nicegui", "rich"} & installed


def test_an_experiment_reaches_influxdb_and_the_page(up):
    publish(up)
    wait_stored(up, 100)
    ask = ["curl", "-fsS", "--max-time", "5", f"http://127.0.0.1:8000/api/run/{RUN}/metrics"]
    deadline = time.monotonic() + STORED_SECS
    while (
        '"count":100'
        not in (said := subprocess.run(up.in_network(*ask), capture_output=True, text=True, check=False)).stdout
    ):
        assert time.monotonic() < deadline, said
    assert list(up.volume("recordings").rglob("*.mcap"))
    foreign = [*ask[:-1], "--header", "Host: evil.example", ask[-1]]
    assert subprocess.run(up.in_network(*foreign), capture_output=True, check=False).returncode
    for name in ("localhost:8123", "127.0.0.1"):
        ours = [*ask[:-1], "--header", f"Host: {name}", ask[-1]]
        assert subprocess.run(up.in_network(*ours), capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("name", SERVICES)
def test_the_health_check_tells_a_service_that_works_from_one_that_hangs(name, up):
    up.wait_healthy(name)
    up.signal(name, signal.SIGSTOP)
    try:
        up.wait_unhealthy(name)
    finally:
        up.signal(name, signal.SIGCONT)
    up.wait_healthy(name)


def test_the_health_check_works_with_the_wget_of_alpine(up):
    need("busybox")
    assert up.is_healthy("telegraf", "/mnt/busybox:")


def test_the_brokers_log_is_quiet_and_says_who_comes(up):
    saved = up.volume("mosquitto") / "mosquitto.db"
    before, since = len(up.log("mosquitto")), saved.stat().st_mtime
    for _ in range(3):  # checks and saves
        up.wait_healthy("mosquitto")
        deadline = time.monotonic() + STORED_SECS
        while saved.stat().st_mtime == since:
            assert time.monotonic() < deadline, "it does not save"
        since = saved.stat().st_mtime
    assert up.log("mosquitto")[before:] == ""
    look = ["mosquitto_sub", "-h", "127.0.0.1", "-i", "a-person", "-t", "monty/#", "-E"]
    subprocess.run(up.in_network(*look), check=True, timeout=30)
    deadline = time.monotonic() + STORED_SECS
    while not re.search("Client a-person (disconnected|closed)", said := up.log("mosquitto")[before:]):
        assert time.monotonic() < deadline, said
    assert re.search(r"New client connected from \S+ as a-person", said)


def test_the_image_of_the_command_line_has_what_its_modules_import(up):
    done = up.run("cli", "-c", IMPORT, entrypoint=["python"])
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 30


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_runs_as_its_user_without_rights_in_a_tree_it_cannot_write(name, up):
    status = Path(f"/proc/{up.pid_of(name)}/status").read_text()
    user, group = up.services[name]["user"].split(":")
    assert re.search(rf"^Uid:\t{user}\t{user}\t{user}\t{user}$", status, re.MULTILINE)
    assert re.search(rf"^Gid:\t{group}\t{group}\t{group}\t{group}$", status, re.MULTILINE)
    assert set(re.findall(r"^Cap(?:Prm|Eff|Bnd|Amb):\t(\w+)$", status, re.MULTILINE)) == {"0000000000000000"}
    assert "NoNewPrivs:\t1" in status
    mounts = Path(f"/proc/{up.pid_of(name)}/mountinfo").read_text()
    assert re.search(r" / / ro", mounts)


def test_each_file_of_setup_is_its_readers_alone(up):
    for service, owner in OWNERS.items():
        for path in up.volume(f"{service}_secrets").glob("*"):
            status = path.stat()
            assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (owner, 0o400), path
    assert {path.stat().st_uid for path in up.volume("state").rglob("*")} == {OWNERS["cli"]}


def test_every_secret_that_is_named_is_there(up):
    named = {}
    for service in up.services.values():
        binds = {
            mount["target"]: Path(mount["source"]) for mount in service.get("volumes", ()) if mount["type"] == "bind"
        }
        files = [path for folder in binds.values() for path in (folder.rglob("*") if folder.is_dir() else [folder])]
        text = json.dumps(service) + "".join(path.read_text() for path in files if path.suffix in (".conf", ".cfg"))
        volume = next((one["source"] for one in service.get("volumes", ()) if one["target"] == "/run/secrets"), None)
        if volume:
            found = set(re.findall(r"/run/secrets/([\w.]+)", text)) | set(re.findall(r"@\{files:(\w+)\}", text))
            named.setdefault(volume, set()).update(found)
    assert named.pop("tls_secrets") == {"server.pem"}  # the user's own, handed on by tls-certificate
    there = {volume: {path.name for path in up.volume(volume).iterdir()} for volume in named}
    assert there == named


def test_no_secret_is_in_a_running_services_environment_or_command_line(up):
    # Telegraf takes the id of its session from its environment, which its own user and root can read.
    files = [path for path in secret_files(up) if path.name != "telegraf_client_id"]
    secrets = [path.read_bytes().split()[-1] for path in files]
    assert len(secrets) >= 8
    for name in SERVICES:
        shown = b"".join(Path(f"/proc/{up.pid_of(name)}/{what}").read_bytes() for what in ("environ", "cmdline"))
        assert shown
        assert not [secret for secret in secrets if secret in shown], name
        assert not [secret for secret in secrets if secret.decode() in up.log(name)], name


def test_setup_says_where_the_password_is_and_not_what_it_is(up):
    before = {path: path.read_bytes() for path in secret_files(up) if path.name != "mosquitto_passwd"}
    done = up.run("setup")
    assert done.returncode == 0, done.stderr
    assert "docker compose exec grafana cat /run/secrets/grafana_admin_password" in done.stdout
    assert not [path for path, secret in before.items() if secret.decode().strip() in done.stdout]
    assert {path: path.read_bytes() for path in before} == before


def test_the_command_line_beside_them_finds_the_services(up):
    done = up.run("cli", "status", "--json")
    assert done.returncode == 0, done.stderr
    assert RUN in done.stdout
    assert up.run("cli", "abort", "no-such-run").returncode == 1
    exported = up.run("cli", "export", RUN, "--of", "metrics")
    assert len(exported.stdout.splitlines()) == 1 + 100, exported.stderr


def test_telegraf_starts_anew_when_influxdb_refused_it_points(up):
    delete = """
import sys
from pathlib import Path
from influxdb_client import InfluxDBClient
client = InfluxDBClient("http://127.0.0.1:8086", Path(sys.argv[1]).read_text(), org="monty")
client.buckets_api().delete_bucket(client.buckets_api().find_bucket_by_name("monty"))
"""
    token = up.volume("state") / "secrets" / "influxdb_admin_token"
    subprocess.run(up.in_network(sys.executable, "-c", delete, str(token)), check=True, timeout=60)
    publish(up)
    deadline = time.monotonic() + STORED_SECS
    while up.running["telegraf"].poll() is None:
        assert time.monotonic() < deadline, up.log("telegraf")[-2000:]
        up.is_healthy("telegraf")
    up.stop("telegraf")
    assert up.run("setup").returncode == 0
    up.start("telegraf")
    up.wait_healthy("telegraf")
    wait_stored(up, 100)


def test_tls_lets_readers_in_who_log_in(up):
    need("haproxy", "openssl", "mosquitto_sub")
    folder = Path(up.services["tls-certificate"]["volumes"][1]["source"])
    assert "server.crt" in up.run("tls-certificate").stderr
    request = "req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    subprocess.run(
        ["openssl", *request.split(), "-keyout", folder / "server.key", "-out", folder / "server.crt"],
        check=True,
        capture_output=True,
    )
    done = up.run("tls-certificate")
    assert done.returncode == 0, done.stderr
    up.start("tls")
    up.wait_healthy("tls")
    read = [
        "mosquitto_sub",
        "-h",
        "localhost",
        "-p",
        "8883",
        "--cafile",
        str(folder / "server.crt"),
        "-t",
        "monty/#",
        "-E",
        "-W",
        "4",
    ]

    def comes_in(*login):
        done = subprocess.run(up.in_network(*read, *login), capture_output=True, check=False, timeout=30)
        return done.returncode == 0

    password = {
        user: (up.volume("state") / "secrets" / f"{user}.password").read_text().strip()
        for user in ("liveview", "bridge")
    }
    assert comes_in("-u", "liveview", "-P", password["liveview"])
    assert not comes_in()
    assert not comes_in("-u", "")
    assert not comes_in("-u", "liveview")
    assert not comes_in("-u", "liveview", "-P", "wrong")
    assert not comes_in("-u", "bridge", "-P", password["bridge"])

    def page(*words):
        command = [
            "curl",
            "-sS",
            "--max-time",
            "5",
            "--cacert",
            str(folder / "server.crt"),
            "-w",
            "%{http_code}",
            *words,
        ]
        return subprocess.run(up.in_network(*command), capture_output=True, text=True, check=False, timeout=30).stdout

    login = (up.volume("liveview_secrets") / "liveview_login").read_text()
    assert page("https://localhost:8443/api/runs").endswith("401")
    entered = page("-c", "-", "--json", json.dumps({"password": login}), "https://localhost:8443/api/login")
    cookie = re.search(r"(monty_mqtt_session_\d+)\t(\S+)", entered)
    assert page("-b", f"{cookie[1]}={cookie[2]}", "https://localhost:8443/api/runs").endswith("200")
    up.stop("tls")


def test_down_backup_restore_and_up_keep_everything(up, tmp_path):
    publish(up)
    wait_stored(up, 200)
    for name in reversed(SERVICES):
        assert up.stop(name) in (0, 2 if name == "influxdb" else 143), name  # influxd 2.9.1 does not handle SIGTERM
    archive = tmp_path / "monty-mqtt.tar"
    with archive.open("wb") as file:
        assert up.run("backup", capture_output=False, text=False, stdout=file).returncode == 0
    before = tree(up)
    done = up.run("restore", stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stderr.partition(":")[0]) == (1, "restore failed")
    assert tree(up) == before
    (up.volume("influxdb") / "influxd.bolt").unlink()
    (up.volume("state") / "rubbish").write_text("written after the backup")
    with archive.open("rb") as file:
        done = up.run("restore", capture_output=False, text=False, stdin=file, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr
    assert tree(up) == before
    up.start("influxdb")
    up.wait_healthy("influxdb")
    assert up.run("setup").returncode == 0
    for name in SERVICES[1:]:
        up.start(name)
        up.wait_healthy(name)
    assert stored(up) == 200


def tree(containers):
    """Return what is kept: owner, mode, size of each file."""
    volumes = [mount["source"] for mount in containers.services["backup"]["volumes"]]
    paths = [path for name in volumes for path in (containers.volume(name), *containers.volume(name).rglob("*"))]
    found = {}
    for path in paths:
        status = path.lstat()
        size = 0 if path.is_dir() else status.st_size
        found[path] = (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode), size)
    return found


@pytest.mark.long
def test_a_run_is_forgotten_in_influxdb_too(up):
    before = stored(up)
    publish(up)
    wait_stored(up, before + 100)
    done = up.run("cli", "forget", RUN, "--yes")
    assert done.returncode == 0, done.stderr
    assert stored(up) == 0


def test_a_broker_that_runs_already_has_its_own_passwords(up):
    folder = Path(up.services["other-broker"]["volumes"][1]["source"])
    assert "bridge.password" in up.run("other-broker").stderr
    for user in ("bridge", "telegraf", "liveview", "control"):
        (folder / f"{user}.password").write_text(f"known to the other as {user}\n")
    assert up.run("other-broker").returncode == 0
    assert (up.volume("bridge_secrets") / "bridge.password").read_text() == "known to the other as bridge\n"
    assert (up.volume("telegraf_secrets") / "mqtt_telegraf_password").read_text() == "known to the other as telegraf"
    for user in ("liveview", "control"):
        file = up.volume("liveview_secrets") / f"{user}.password"
        assert file.read_text() == f"known to the other as {user}\n"
    assert up.run("setup").returncode == 0
    assert (up.volume("bridge_secrets") / "bridge.password").read_text() == "known to the other as bridge\n"


@pytest.mark.parametrize(
    "step", [pytest.param(step, marks=[] if step in (2, 6) else pytest.mark.long) for step in range(1, STEPS + 1)]
)
def test_setup_that_was_killed_is_completed_by_the_next(step, builds, tmp_path):
    opened(tmp_path)
    with Containers(resolve(*PROFILES)["services"], tmp_path, builds) as containers:
        containers.start("influxdb")
        containers.wait_healthy("influxdb")
        killed = containers.run("setup", "-c", UNTIL, str(step), entrypoint=["python"])
        assert killed.returncode == 137, killed.stderr
        done = containers.run("setup")
        assert done.returncode == 0, done.stderr
        assert len(done.stdout.splitlines()) == STEPS
        assert {path.name for path in secret_files(containers)} == {
            *("mosquitto_passwd", "bridge.password", "mqtt_telegraf_password"),
            *("liveview.password", "control.password", "liveview_login"),
            *(
                "influxdb_telegraf_token",
                "telegraf_client_id",
                "influxdb_grafana_token",
                "grafana_admin_password",
                "grafana_secret_key",
            ),
        }
        assert stored(containers) == 0  # with Grafana's token
