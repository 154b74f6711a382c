"""compose.cluster.yaml without Docker, by the checks of compose.yaml; and what its `setup` hands out."""

from __future__ import annotations

import os
import re
import shutil
import signal
import stat
import subprocess
from contextlib import ExitStack

import httpx
import pytest
from kit.machine.child_process import Process, until
from kit.machine.compose_project import COMPOSE, ROOT, resolve
from kit.page.page_process import PageProcess

from monty_mqtt_bridge.settings import load as load_bridge
from monty_mqtt_core.settings import passwords
from monty_mqtt_core.settings.ports import any_free
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_liveview.settings import load as load_page
from monty_mqtt_stack.services import influxdb_setup
from monty_mqtt_stack.services.container_setup import CLUSTER_OWNERS, OWNERS, Volumes, give_cluster
from monty_mqtt_stack.services.mosquitto import Mosquitto

CLUSTER = ROOT / "compose.cluster.yaml"
NODES = ("nats-1", "nats-2", "nats-3")
AS_BEFORE = {"influxdb", "grafana"}
"""Services that are word for word those of compose.yaml."""


@pytest.fixture(scope="module")
def project():
    return resolve(file=CLUSTER)


@pytest.fixture(scope="module")
def every(project):
    return project["services"]


def mounts(service, kind):
    return {mount["target"]: mount for mount in service.get("volumes", ()) if mount["type"] == kind}


def test_it_has_two_or_three_of_everything_that_a_cluster_has_several_of(every):
    several = {*NODES, "bridge", "bridge-2", "liveview", "liveview-2", "telegraf", "telegraf-2"}
    assert set(every) == several | {"setup", "influxdb", "grafana", "pages"}


def test_what_is_not_of_the_cluster_is_as_in_compose_yaml(every):
    single = resolve()["services"]
    assert {name: every[name] for name in AS_BEFORE} == {name: single[name] for name in AS_BEFORE}
    for name in ("bridge", "liveview", "telegraf"):
        changed = {key for key in single[name] if every[name].get(key) != single[name][key]}
        assert changed <= {"environment", "depends_on", "ports"}, name


def test_no_variable_is_needed_and_images_are_pinned(every):
    variables = re.findall(r"\$\{(\w+)([^}]*)\}", CLUSTER.read_text())
    assert {name for name, rest in variables if not rest.startswith(":-")} == set()
    images = {service["image"] for service in every.values() if not service.get("image", "-stack").endswith("-stack")}
    assert len(images) == 5
    assert [image for image in images if not re.search(r":\d+\.\d+\.\d+", image)] == []


def test_every_port_is_published_once_and_on_loopback(every):
    published = [(port["host_ip"], port["published"]) for one in every.values() for port in one.get("ports", ())]
    assert len(published) == len(set(published)) == 7
    assert {address for address, _ in published} == {"127.0.0.1"}


def test_nothing_has_more_rights_than_it_needs(every):
    for name, service in every.items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "privileged" not in service, name
    assert {name for name, service in every.items() if service["user"] == "0:0"} == {"setup"}
    assert {name for name, service in every.items() if service.get("cap_add")} == {"setup"}


def test_each_reader_of_secrets_has_the_user_that_setup_gives_them_to(every):
    filled = {
        mount["source"]: target.removeprefix("/secrets/")
        for target, mount in mounts(every["setup"], "volume").items()
        if target.startswith("/secrets/")
    }
    owners = OWNERS | CLUSTER_OWNERS
    readers = {
        name: mounts(one, "volume")["/run/secrets"]
        for name, one in every.items()
        if name not in ("setup", "influxdb", "pages")
    }
    for name, mount in readers.items():
        assert mount["read_only"], name
        assert owners[filled[mount["source"]]] == int(every[name]["user"].partition(":")[0]), name
    assert {mount["source"] for mount in readers.values()} == set(filled)


def test_no_two_services_keep_their_data_in_one_volume(every):
    written = [
        mount["source"]
        for name, service in every.items()
        if name != "setup"
        for mount in mounts(service, "volume").values()
        if not mount.get("read_only")
    ]
    assert len(written) == len(set(written))
    assert {"nats_1", "nats_2", "nats_3", "journal", "journal_2", "recordings", "recordings_2"} < set(written)


def test_no_secret_is_in_an_environment_or_a_command_line(every):
    for name, service in every.items():
        for variable, value in service.get("environment", {}).items():
            if re.search("PASSWORD|LOGIN_FILE|TOKEN|SECRET|KEY", variable):
                assert str(value).startswith("/run/secrets"), (name, variable)


def test_the_order_of_starting_is_by_health_and_two_of_a_kind_do_not_wait_for_each_other(every):
    for name, service in every.items():
        for other, needed in service.get("depends_on", {}).items():
            wanted = "service_completed_successfully" if other == "setup" else "service_healthy"
            assert needed["condition"] == wanted, (name, other)
            assert other.partition("-")[0] != name.partition("-")[0]
    assert {name for name, service in every.items() if "healthcheck" not in service} == {"setup"}


def test_every_mounted_file_is_in_the_checkout(every):
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    for name, service in every.items():
        for target, mount in mounts(service, "bind").items():
            assert mount["read_only"], (name, target)
            path = mount["source"].removeprefix(f"{ROOT}/")
            assert [file for file in tracked if file == path or file.startswith(f"{path}/")], (name, path)


def test_bridges_and_pages_know_all_brokers_and_have_names_of_their_own(every):
    bridges = [load_bridge([], every[name]["environment"]).config for name in ("bridge", "bridge-2")]
    pages = [load_page([], every[name]["environment"]).config for name in ("liveview", "liveview-2")]
    for config in (*bridges, *pages):
        assert [endpoint.host for endpoint in config.broker.endpoints] == list(NODES)
    assert [config.bridge_id for config in bridges] == ["bridge", "bridge-2"]
    assert {config.influx_partitions for config in bridges} == {2}


def test_the_two_telegrafs_read_two_partitions_of_all_brokers(every):
    told = [every[name]["environment"] for name in ("telegraf", "telegraf-2")]
    assert [one.get("MONTY_MQTT_TELEGRAF_TOPIC") for one in told] == [None, "monty/influx/v1/1/+"]
    for one in told:
        urls = {value for name, value in one.items() if name.startswith("MONTY_MQTT_BROKER_URL")}
        assert urls == {f"tcp://{node}:1883" for node in NODES}


def test_setup_hands_out_what_the_nodes_and_the_second_telegraf_need(every, tmp_path):
    state, me = StateDir(tmp_path / "state"), os.getuid()
    for service in CLUSTER_OWNERS:
        (tmp_path / "secrets" / service).mkdir(parents=True)
    for store in ("1", "2", "3"):
        (tmp_path / "nats" / store).mkdir(parents=True)
    passwords.ensure(state)
    (state.secrets / influxdb_setup.TELEGRAF_TOKEN).write_text("a token")
    nodes = every["setup"]["environment"]["MONTY_MQTT_NATS_NODES"].split(",")
    volumes = Volumes(tmp_path / "secrets", dict.fromkeys(CLUSTER_OWNERS, me))
    for _ in range(2):  # a second time, as each `up` does
        assert len(list(give_cluster(state, volumes, nodes, tmp_path / "nats"))) == 2
    given = sorted((tmp_path / "secrets").glob("*/*"))
    names = ["nats_passwords.conf", "influxdb_telegraf_token", "mqtt_telegraf_password", "telegraf_client_id"]
    assert [path.name for path in given] == names
    assert {stat.S_IMODE(path.stat().st_mode) for path in given} == {0o400}
    text = given[0].read_text()
    assert [node for node in nodes if f"@{node}" not in text] == []
    assert all(f'_PASSWORD: "{passwords.read(state, user)}"' in text for user in passwords.USERS)
    assert given[3].read_text() != passwords.client_id(state, "telegraf")


def test_the_cluster_is_a_project_of_the_same_name_as_compose_yaml():
    assert resolve(file=CLUSTER)["name"] == resolve(file=COMPOSE)["name"]


def test_one_address_shows_one_page_and_the_other_when_that_ends(every, tmp_path):
    port = any_free("127.0.0.1")
    with ExitStack() as stack:
        broker = stack.enter_context(Mosquitto(tmp_path / "broker"))
        pages = {str(number): stack.enter_context(PageProcess(broker, tmp_path / str(number))) for number in (1, 2)}
        places = {f"MONTY_MQTT_PAGE_{number}": page.ready().removeprefix("http://") for number, page in pages.items()}
        assert places.keys() < every["pages"]["environment"].keys()
        command = (
            shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin"),
            "-db",
            "-f",
            f"{ROOT}/conf/haproxy/pages.cfg",
        )
        stack.enter_context(Process(argv=command, env={**places, "MONTY_MQTT_PAGES_BIND": f"127.0.0.1:{port}"}))
        browser = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10))
        until(lambda: answers(browser))
        first = browser.cookies["MONTY_PAGE"]
        for _ in range(5):
            assert "set-cookie" not in browser.get("/api/runs").raise_for_status().headers  # it stays where it is
        pages[first].signal(signal.SIGTERM)
        until(lambda: answers(browser) and browser.cookies["MONTY_PAGE"] != first)
        assert browser.get("/haproxy").status_code == 200


def answers(browser):
    try:
        return browser.get("/api/runs").is_success
    except httpx.TransportError:
        return False
