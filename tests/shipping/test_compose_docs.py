"""The blocks of the docs that need Docker: what they name is in compose.yaml, and what needs no Docker runs."""

from __future__ import annotations

import re
import shlex
import subprocess

import pytest
from kit.machine.compose_project import COMPOSE, PROFILES, resolve
from shipping.test_docs import BLOCK, PAGES

from monty_mqtt.cli_parser import make_parser
from monty_mqtt_stack.services.container_setup import OWNERS

FLAGS = {
    "create": set(),
    "up": {"-d", "--force-recreate", "--build"},
    "down": {"--volumes", "--rmi"},
    "run": {"--rm", "-T", "--entrypoint"},
    "exec": set(),
    "logs": set(),
    "ps": set(),
    "restart": set(),
    "stop": set(),
}
"""Of `docker compose`, what the docs use; any other word is a mistake or belongs here."""
WITH_VALUE = {"--entrypoint", "--rmi", "--profile"}
TOLD = {
    "port is already allocated": "Docker Engine 28.5",
    "address already in use": "Docker Engine 28.5",
    "bind source path does not exist": "Docker Engine 28.5",
    "No such image": "Docker Engine 28.5",
    "compose build requires buildx 0.17 or later": "Docker Compose 2.40",
    "Unable to open config file": "mosquitto",
    "does not take the token": "stack/monty_mqtt_stack/services/influxdb_setup.py",
    "server.crt: No such file or directory": "tests/shipping/test_compose_running.py",
    "no space left on device": "tests/chain/test_history_up.py",
}
"""What the table of troubles quotes, and where it was read: the program that prints it, or a file that holds it."""
OF_DOCKER = {"docker image prune --force"}
OF_GIT = {"git pull"}


def blocks(language):
    found = []
    for page in PAGES:
        text = page.read_text()
        found += [
            pytest.param(at[2], id=f"{page.name}:{text.count(chr(10), 0, at.start()) + 1}")
            for at in BLOCK.finditer(text)
            if at[1] == language
        ]
    return found


def split(words):
    """Return flags by name, and the words from the first that is none."""
    flags, rest = {}, list(words)
    while rest and rest[0].startswith("-"):
        flag = rest.pop(0)
        flags.setdefault(flag, []).append(rest.pop(0) if flag in WITH_VALUE else None)
    return flags, rest


@pytest.fixture(scope="module")
def services():
    return resolve(*PROFILES)["services"]


def test_readme_and_docs_have_such_blocks():
    assert len(blocks("shell")) >= 10
    assert len(blocks("dotenv")) >= 3


@pytest.mark.parametrize("code", blocks("shell"))
def test_what_needs_docker_names_what_is_there(code, services):
    for line in code.splitlines():
        if line.partition("  #")[0].strip().startswith("docker") and line not in OF_DOCKER:
            check(shlex.split(line, comments=True), services)


def check(words, services):
    assert words[:2] == ["docker", "compose"]
    for sign in ("<", ">"):
        words = words[: words.index(sign)] if sign in words else words
    overall, (command, *rest) = split(words[2:])
    assert set(overall) <= {"--profile"}
    assert set(overall.get("--profile", ())) <= {*PROFILES, "*"}
    flags, rest = split(rest)
    assert set(flags) <= FLAGS[command], words
    if command in ("run", "exec"):
        name, *inner = rest
        assert name in services
        if command == "run" and "--entrypoint" not in flags and name == "cli":
            make_parser().parse_args(inner)
        elif inner:
            program, path = (flags.get("--entrypoint", [""])[0], inner[0]) if command == "run" else inner
            assert program == "cat"
            assert path in readable(services[name])
    else:
        assert set(rest) <= set(services), words


def readable(service):
    """Return the files that setup makes for a service, by the names in its own words."""
    texts = [str(value) for value in service["environment"].values()]
    kept = [f"/var/lib/monty-mqtt/secrets/{user}.password" for user in ("liveview", "control")]
    uid = int(service["user"].partition(":")[0])
    return {text for text in texts if text.startswith("/run/secrets/")} | set(kept if uid == OWNERS["cli"] else ())


@pytest.mark.parametrize("code", blocks("shell"))
def test_what_needs_no_docker_runs(code, tmp_path):
    lines = [line for line in code.splitlines() if not line.startswith("docker") and line not in OF_GIT]
    done = subprocess.run(
        ["bash", "-euc", "\n".join(lines)], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.rglob("*")} <= {"certificates", "server.crt", "server.key"}


def test_the_uninstall_removes_what_any_profile_has_made():
    lines = [line for block in blocks("shell") for line in block.values[0].splitlines() if "--volumes" in line]
    assert lines
    whole = resolve(*PROFILES)
    for line in lines:
        overall, _ = split(shlex.split(line)[2:])
        removed = resolve(*overall["--profile"])
        assert removed["services"].keys() == whole["services"].keys()  # a container that is left holds its volumes
        assert removed["volumes"].keys() == whole["volumes"].keys()


@pytest.mark.parametrize("code", blocks("dotenv"))
def test_variables_do_something(code):
    known = set(re.findall(r"\$\{(MONTY_MQTT_\w+)", COMPOSE.read_text()))
    variables = dict(line.split("=", 1) for line in code.splitlines() if line)
    profiles = variables.pop("COMPOSE_PROFILES", "").split(",")
    project = variables.pop("COMPOSE_PROJECT_NAME", "")
    assert not project or resolve(COMPOSE_PROJECT_NAME=project)["name"] == project
    assert set(variables) <= known
    assert {name for name in profiles if name} <= set(PROFILES)
    assert resolve(*filter(None, profiles), **variables)["services"]


def test_what_the_table_of_troubles_quotes_is_what_is_printed():
    page = next(page for page in PAGES if page.name == "compose.md").read_text()
    rows = re.findall(r"^\| (.+?) \|", page.partition("## When something is wrong")[2], re.MULTILINE)[1:]
    quoted = [text for row in rows for text in re.findall(r"`([^`]+)`", row) if " " in text]
    assert sorted(quoted) == sorted(TOLD)
    for text, where in TOLD.items():
        if where.endswith(".py"):
            assert text.partition(":")[0] in (COMPOSE.parent / where).read_text(), text


def test_the_page_says_which_buildx_is_needed_and_what_the_images_add():
    page = next(page for page in PAGES if page.name == "compose.md").read_text()
    needs = page.partition("It needs ")[2].partition("\n\n")[0]
    for text in ("Docker Engine 23", "Compose 2.20.2", "2.37", "buildx", "0.17", "450 MB"):
        assert text in needs, text


def test_the_table_of_services_is_that_of_the_file():
    page = next(page for page in PAGES if page.name == "compose.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| (\w+) \| ([^|]+) \|$", page, re.MULTILINE)
    plain = resolve()["services"]
    assert {name: user.replace("root", "0") for name, user, _ in rows} == {
        name: service["user"].partition(":")[0] for name, service in plain.items()
    }
    for name, _, keeps in rows:
        kept = [one["source"] for one in plain[name]["volumes"] if one["type"] == "volume"]
        assert set(re.findall(r"`(\w+)`", keeps)) == {one for one in kept if not one.endswith("_secrets")}, name


def test_tags_on_the_page_are_those_of_the_file():
    page = next(page for page in PAGES if page.name == "compose.md").read_text()
    told = dict(re.findall(r"^(MONTY_MQTT_\w+_TAG)=(.+)$", page, re.MULTILINE))
    defaults = dict(re.findall(r"\$\{(MONTY_MQTT_\w+_TAG):-([^}]+)\}", COMPOSE.read_text()))
    assert told.items() <= defaults.items()
    assert set(defaults) - set(told) == {"MONTY_MQTT_HAPROXY_TAG", "MONTY_MQTT_PYTHON_TAG"}
