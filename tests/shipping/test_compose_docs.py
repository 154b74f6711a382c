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
    assert set(overall.get("--profile", ())) <= set(PROFILES)
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


@pytest.mark.parametrize("code", blocks("dotenv"))
def test_variables_do_something(code):
    known = set(re.findall(r"\$\{(MONTY_MQTT_\w+)", COMPOSE.read_text()))
    variables = dict(line.split("=", 1) for line in code.splitlines() if line)
    profiles = variables.pop("COMPOSE_PROFILES", "").split(",")
    assert set(variables) <= known
    assert {name for name in profiles if name} <= set(PROFILES)
    assert resolve(*filter(None, profiles), **variables)["services"]


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
