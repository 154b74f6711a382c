"""compose.yaml without Docker: what it says, resolved by Docker Compose's own library."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest
import tomllib
from kit.machine.compose_project import COMPOSE, PROFILES, ROOT, resolve, stages

from monty_mqtt.errors import ConfigError
from monty_mqtt_bridge.settings import load
from monty_mqtt_liveview.settings import load as load_page
from monty_mqtt_stack.services.container_setup import OWNERS

IMAGE_VOLUMES = {
    "influxdb": {"/var/lib/influxdb2", "/etc/influxdb2"},
    "mosquitto": {"/mosquitto/data", "/mosquitto/log"},
}
"""What the images' Dockerfiles declare: unless something is mounted there, `down` leaves a nameless volume behind."""
TARGETS = {"bridge": "bridge", "liveview": "liveview", "stack": "setup"}
"""The images that are built, and the service that builds each."""
ROOTS = {"setup", "tls-certificate", "other-broker", "backup", "restore"}
"""One command each, for files that belong to several users; all but `setup` without a network."""
GIVEN = {"/adopted"}
"""Where the user's own files are mounted."""


@pytest.fixture(scope="module")
def plain():
    return resolve()["services"]


@pytest.fixture(scope="module")
def every():
    return resolve(*PROFILES)["services"]


def mounts(service, kind):
    return {mount["target"]: mount for mount in service.get("volumes", ()) if mount["type"] == kind}


def test_an_empty_environment_is_the_whole_installation(plain):
    assert set(plain) == {"influxdb", "setup", "mosquitto", "telegraf", "bridge", "liveview", "grafana"}
    assert "$" not in json.dumps(resolve()).replace("$SYS", "").replace("$(", "").replace("$said", "")


@pytest.mark.parametrize("profile", PROFILES)
def test_each_profile_resolves_alone(profile, plain):
    assert set(resolve(profile)["services"]) > set(plain)


def test_no_variable_is_needed():
    variables = re.findall(r"\$\{(\w+)([^}]*)\}", COMPOSE.read_text())
    assert variables
    assert {name for name, rest in variables if not rest.startswith(":-")} == set()


@pytest.mark.parametrize("variable", sorted(set(re.findall(r"\$\{(MONTY_MQTT_\w+_(?:TAG|PORT))", COMPOSE.read_text()))))
def test_tags_and_ports_are_changed_by_the_environment(variable):
    value = "12345"
    assert json.dumps(resolve(*PROFILES, **{variable: value})).count(value) > 0


def test_images_are_pinned(every):
    images = {service["image"] for service in every.values() if "image" in service}
    images = {image for image in images if not image.endswith("-stack")}
    assert len(images) == 5
    assert [image for image in images if not re.search(r":\d+\.\d+\.\d+", image)] == []


def test_every_port_is_published_on_loopback(every):
    published = {
        (port["host_ip"], port["published"]) for service in every.values() for port in service.get("ports", ())
    }
    assert published == {("127.0.0.1", port) for port in ("1883", "5555", "8000", "3000", "8883", "3443", "8443")}
    plain = resolve()["services"]
    beyond = resolve(*PROFILES, MONTY_MQTT_TLS_ADDRESS="0.0.0.0")["services"]
    assert {name for name in beyond if beyond[name].get("ports") != every[name].get("ports")} == {"tls"}
    assert "tls" not in plain


def test_only_loopback_sees_grafana_without_a_login():
    every = resolve(*PROFILES, MONTY_MQTT_TLS_ADDRESS="0.0.0.0")["services"]
    graphs = {
        name: service
        for name, service in every.items()
        if "GF_AUTH_ANONYMOUS_ENABLED" in service.get("environment", {})
    }
    seen = {name for name, service in graphs.items() if service["environment"]["GF_AUTH_ANONYMOUS_ENABLED"] == "true"}
    assert (set(graphs), seen) == ({"grafana", "grafana-login"}, {"grafana"})
    assert {port["host_ip"] for port in graphs["grafana"]["ports"]} == {"127.0.0.1"}
    assert every["tls"]["environment"]["MONTY_MQTT_TLS_GRAFANA"] == "grafana-login:3000"
    assert "ports" not in graphs["grafana-login"]


def test_only_loopback_sees_the_page_without_a_login():
    every = resolve(*PROFILES, MONTY_MQTT_TLS_ADDRESS="0.0.0.0", MONTY_MQTT_TLS_NAME="lab.example")["services"]
    config = load_page([], every["liveview"]["environment"]).config
    published = {(port["host_ip"], port["target"]) for port in every["liveview"]["ports"]}
    assert published == {("127.0.0.1", config.port)}
    assert every["tls"]["environment"]["MONTY_MQTT_TLS_LIVEVIEW"] == f"liveview:{config.login_port}"
    assert config.public_names == ["lab.example"]


def test_services_bind_all_addresses_because_they_are_told_to(every):
    told = {
        (name, variable)
        for name, service in every.items()
        for variable, value in service.get("environment", {}).items()
        if "0.0.0.0" in str(value)
    }
    assert told == {
        ("influxdb", "INFLUXD_HTTP_BIND_ADDRESS"),
        ("bridge", "MONTY_MQTT_BRIDGE_ZMQ_HOST"),
        ("liveview", "MONTY_MQTT_LIVEVIEW_HOST"),
        ("grafana", "GF_SERVER_HTTP_ADDR"),
        ("grafana-login", "GF_SERVER_HTTP_ADDR"),
        ("tls", "MONTY_MQTT_TLS_BIND"),
    }
    assert every["telegraf"]["environment"]["MONTY_MQTT_TELEGRAF_HEALTH"].startswith("http://127.0.0.1:")
    for file in ("Dockerfile", "conf/haproxy/haproxy.cfg", "grafana/grafana.ini"):
        assert "0.0.0.0" not in (ROOT / file).read_text()


def test_the_page_refuses_to_without_being_told_that_it_is_in_a_container(plain):
    environ = dict(plain["liveview"]["environment"])
    config = load_page([], environ).config
    assert (config.host, config.needs_login_to_read) == ("0.0.0.0", False)
    del environ["MONTY_MQTT_LIVEVIEW_CONTAINER"]
    with pytest.raises(ConfigError, match="tls_certificate"):
        load_page([], environ)


def test_the_bridge_tells_browsers_where_the_page_is():
    environ = resolve(MONTY_MQTT_LIVEVIEW_PORT="8123")["services"]["bridge"]["environment"]
    assert load([], environ).config.liveview_url == "http://127.0.0.1:8123"


def test_the_bridge_refuses_to_without_being_told_that_it_is_in_a_container(plain):
    environ = dict(plain["bridge"]["environment"])
    assert load([], environ).config.zmq_host == "0.0.0.0"
    del environ["MONTY_MQTT_BRIDGE_CONTAINER"]
    with pytest.raises(ConfigError, match="loopback"):
        load([], environ)


def test_nothing_has_more_rights_than_it_needs(every):
    for name, service in every.items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "privileged" not in service, name
    assert {name for name, service in every.items() if service["user"] == "0:0"} == ROOTS
    assert {name for name, service in every.items() if service.get("cap_add")} == ROOTS
    assert {name for name in ROOTS if every[name].get("network_mode") != "none"} == {"setup"}
    assert every["setup"]["networks"] == {"storage": None} == every["influxdb"]["networks"]
    assert resolve()["networks"]["storage"]["internal"] is True


def test_each_reader_has_the_user_that_setup_gives_its_files_to(every):
    assert {name: int(every[name]["user"].partition(":")[0]) for name in OWNERS} == OWNERS


def test_services_start_again_and_one_shots_do_not(every):
    once = {name for name, service in every.items() if service["restart"] == "no"}
    assert once == ROOTS | {"cli"}
    assert {service["restart"] for name, service in every.items() if name not in once} == {"unless-stopped"}


def test_the_order_of_starting_is_by_health(every):
    for name, service in every.items():
        for other, needed in service.get("depends_on", {}).items():
            one_shot = every[other]["restart"] == "no"
            wanted = "service_completed_successfully" if one_shot else "service_healthy"
            assert needed["condition"] == wanted, (name, other)
            assert one_shot or every[other]["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
    for name in ("bridge", "liveview"):
        assert set(every[name]["depends_on"]) == {"setup", "mosquitto", "other-broker"}
    assert every["setup"]["depends_on"].keys() == {"influxdb"}


def test_a_service_that_stays_up_has_a_health_check(every):
    assert {name for name, service in every.items() if "healthcheck" not in service} == ROOTS | {"cli"}


def test_every_mounted_file_is_in_the_checkout(every):
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    for name, service in every.items():
        for target, mount in mounts(service, "bind").items():
            assert mount["read_only"], (name, target)
            if target in GIVEN:
                assert mount["bind"]["create_host_path"] is False  # or Docker makes it, as root
                continue
            path = mount["source"].removeprefix(f"{ROOT}/")
            assert [file for file in tracked if file == path or file.startswith(f"{path}/")], (name, path)


def test_whatever_a_service_writes_is_kept_in_a_named_volume(every):
    declared = resolve(*PROFILES)["volumes"]
    for name, service in every.items():
        assert not service.get("tmpfs"), name
        writable = [mount for mount in service.get("volumes", ()) if not mount.get("read_only")]
        assert {mount["type"] for mount in writable} <= {"volume", "tmpfs"}, name
        assert {mount["source"] for mount in writable if mount["type"] == "volume"} <= set(declared), name
        mounted = {mount["target"] for mount in service.get("volumes", ())}
        assert mounted >= IMAGE_VOLUMES.get(name, set()), name
    assert not [name for name, volume in declared.items() if volume.get("external")]


def test_every_volume_of_secrets_has_who_fills_it(every):
    filled = {}
    for name in ("setup", "tls-certificate", "other-broker"):
        for target, mount in mounts(every[name], "volume").items():
            if target.startswith("/secrets/"):
                filled[mount["source"]] = target.removeprefix("/secrets/")
    for name, service in every.items():
        for target, mount in mounts(service, "volume").items():
            if target == "/run/secrets":
                assert mount["read_only"]
                assert OWNERS[filled[mount["source"]]] == int(service["user"].partition(":")[0]), name
    readers = {name for name, service in every.items() if "/run/secrets" in mounts(service, "volume")}
    assert readers == {"mosquitto", "bridge", "liveview", "telegraf", "grafana", "grafana-login", "tls"}


def test_no_secret_is_in_an_environment_or_a_command_line(every):
    for name, service in every.items():
        for variable, value in service.get("environment", {}).items():
            if re.search("PASSWORD|LOGIN_FILE|TOKEN|SECRET|KEY", variable):
                assert str(value).startswith("/run/secrets"), (name, variable)
        words = json.dumps([service.get(key) for key in ("command", "entrypoint", "healthcheck", "build")])
        assert not re.search(r"password|token|--pass|\s-P\s", words), name


def test_a_backup_has_everything_but_copies():
    project = resolve(*PROFILES)
    kept = {mount["source"] for mount in project["services"]["backup"]["volumes"]}
    assert kept == {name for name in project["volumes"] if not name.endswith("_secrets")}
    assert project["services"]["backup"]["volumes"] == project["services"]["restore"]["volumes"]


def test_windows_are_in_order_in_the_files_that_are_mounted(plain):
    folder = {name: mounts(plain[name], "bind") for name in ("mosquitto", "telegraf")}
    broker = (ROOT / folder["mosquitto"]["/mosquitto/config"]["source"] / "conf.d" / "monty.conf").read_text()
    telegraf = (ROOT / folder["telegraf"]["/etc/telegraf"]["source"] / "telegraf.conf").read_text()
    inflight = number(broker, r"^max_inflight_messages (\d+)")
    undelivered = number(telegraf, r"max_undelivered_messages = (\d+)")
    assert inflight < undelivered
    assert undelivered * 100 < number(telegraf, r"metric_buffer_limit = (\d+)")
    assert number(broker, r"^autosave_interval (\d+)") == 1
    assert number(broker, r"^max_queued_messages (\d+)") == 0
    assert re.search("^persistence true", broker, re.MULTILINE)
    assert "[[outputs.influxdb]]" not in telegraf


def number(text, pattern):
    return int(re.search(pattern, text, re.MULTILINE)[1])


def test_the_builder_gets_what_the_dockerfile_copies_and_little_else():
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {path for stage in stages().values() for path in copies(stage)}
    assert copied == allowed
    assert all((ROOT / path).exists() for path in allowed)


def copies(stage):
    """Return what a stage copies from the checkout."""
    words = [rest.split() for word, rest in stage.instructions if word == "COPY" and "--from=" not in rest]
    return {path for *paths, _ in words for path in paths}


def installs(stage):
    return [rest for word, rest in stage.instructions if word == "RUN" and " install " in f"{rest} " and "pip" in rest]


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_runs_as_nobody_in_particular_on_what_others_built(target, plain):
    assert plain[TARGETS[target]]["build"]["target"] == target
    stage = stages()[target]
    assert stage.others() == ["python:${PYTHON_TAG}", f"{target}-needs", "wheel"]
    assert not copies(stage)
    assert dict(stage.instructions)["USER"] in {"10001:10001", "10003:10003", "10004:10004"}


@pytest.mark.parametrize("target", TARGETS)
def test_a_change_of_ours_installs_nothing_of_others_again(target):
    found = stages()
    needs = found[f"{target}-needs"]
    assert copies(needs) | copies(found[needs.base]) == {"constraints.txt"}
    assert all("--constraint constraints.txt" in rest for rest in installs(needs))
    assert installs(needs)
    for stage in (found[target], found["wheel"]):
        after = [rest for rest in installs(stage) if "hatchling" not in rest]
        assert all("--no-deps /wheels/" in rest for rest in after), after
    assert not copies(found["wheel"]) & {"conf", "grafana"}  # mounted: a change of theirs makes no image anew
    words = [word for word, _ in found["wheel"].instructions]
    assert words.index("RUN") < words.index("COPY")  # what builds the wheel is there before ours is copied


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_has_what_the_package_needs(target):
    (install,) = installs(stages()[f"{target}-needs"])
    given = set(install.partition("constraints.txt")[2].partition("&&")[0].split())
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    of_all, of_server = (
        {re.match(r"[\w-]+", one)[0] for one in many}
        for many in (asked["dependencies"], asked["optional-dependencies"]["server"])
    )
    assert of_all <= given <= of_all | of_server


def test_a_registry_is_asked_only_for_images_that_are_not_there(every):
    built = {name for name, service in every.items() if "build" in service}
    assert built == set(TARGETS.values())
    ours = {name for name, service in every.items() if service.get("image", "-stack").endswith("-stack")}
    assert ours == built | ROOTS | {"cli"}
    for name in ours:
        assert every[name].get("pull_policy") == ("never" if "image" in every[name] else None), name
    assert {every[name].get("pull_policy", "missing") for name in every.keys() - ours} == {"missing"}
    assert "\n# syntax" not in (ROOT / "Dockerfile").read_text().lower()  # a Dockerfile's own frontend is an image, too


def test_whatever_backup_writes_is_its_archive(every):
    for name in ("backup", "restore"):
        assert "build" not in every[name]  # Compose says on standard output what it builds
        assert not every[name].get("tty")
        assert every[name]["logging"] == {"driver": "none"}


def test_a_second_checkout_is_a_project_of_its_own(tmp_path):
    seen = []
    for name in ("first", "second"):
        checkout = tmp_path / name
        checkout.mkdir()
        project = resolve(*PROFILES, file=shutil.copy(COMPOSE, checkout))
        networks, volumes = ({one["name"] for one in project[kind].values()} for kind in ("networks", "volumes"))
        images = {one["image"] for one in project["services"].values() if one.get("image", "").endswith("-stack")}
        assert not [one for one in project["services"].values() if "container_name" in one]
        seen.append({project["name"]} | networks | volumes | images)
    assert len(seen[0]) == len(seen[1]) == 1 + 2 + 14 + 1
    assert not seen[0] & seen[1]


def test_compose_uses_no_option_that_old_versions_lack():
    text = COMPOSE.read_text()
    for newer in ("!reset", "!override", "start_interval", "include:", "develop:", "provider:"):
        assert newer not in text
