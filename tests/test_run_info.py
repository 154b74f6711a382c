"""What Info says of a run, and what it keeps to itself."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from monty_mqtt.run_info import episodes_expected, git_commit, masked, masked_argument, versions


def test_secrets_in_a_configuration_are_masked():
    config = {
        "wandb": {"api_key": "abc", "entity": "me"},
        "PASSWORD": "x",
        "github-token": "y",
        "client.secret": ["a", "b"],
        "empty_password": "",
        "nested": [{"pass": 1}, {"keys": {"a": 1}}],
        "url": "mqtt://user:hidden@host:1883/x",
    }
    assert masked(config) == {
        "wandb": {"api_key": "***", "entity": "me"},
        "PASSWORD": "***",
        "github-token": "***",
        "client.secret": "***",
        "empty_password": "",
        "nested": [{"pass": "***"}, {"keys": "***"}],
        "url": "mqtt://user:***@host:1883/x",
    }


@pytest.mark.parametrize("key", ["monkey", "keyboard_layout", "passing", "tokenizer", "compass", "n_train_epochs"])
def test_keys_that_only_sound_like_secrets_are_shown(key):
    assert masked({key: "shown"}) == {key: "shown"}


def test_classes_are_named():
    assert masked({"kind": Path}) == {"kind": "pathlib.Path"}


@pytest.mark.parametrize(
    ("argument", "shown"),
    [
        ("--password=x", "--password=***"),
        ("a.b.api_key=abc=d", "a.b.api_key=***"),
        ("experiment=mug", "experiment=mug"),
        ("http://u:p@h/", "http://u:***@h/"),
        ("--token", "--token"),
    ],
)
def test_secrets_in_a_command_line_are_masked(argument, shown):
    assert masked_argument(argument) == shown


def test_versions_of_what_is_installed():
    found = versions()
    assert {"pyzmq", "msgspec"} <= set(found)
    assert "habitat-sim" not in found


def test_commit_is_what_git_says(tmp_path):
    def git(*args):
        command = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b", *args]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    assert git_commit(tmp_path) is None
    git("init", "-q")
    assert git_commit(tmp_path) is None
    git("commit", "-q", "--allow-empty", "-m", "x")
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert git_commit(below) == git("rev-parse", "HEAD")
    git("pack-refs", "--all")
    assert git_commit(below) == git("rev-parse", "HEAD")
    git("worktree", "add", "-q", "-b", "side", str(tmp_path / "tree"))
    assert git_commit(tmp_path / "tree") == git("rev-parse", "HEAD")
    git("checkout", "-q", "--detach")
    assert git_commit(tmp_path) == git("rev-parse", "HEAD")


def interface(*names, **attributes):
    kind = object
    for name in names:
        kind = type(name, (kind,), {}) if kind is not object else type(name, (), {})
    made = kind()
    vars(made).update(attributes)
    return made


@pytest.mark.parametrize(
    ("given", "per_epoch"),
    [
        (interface("Interface"), 1),
        (interface("Interface", "OneObjectPerEpisodeInterface", object_names=["a", "b"]), 2),
        (interface("OneObjectPerEpisodeInterface", "SaccadeOnImageInterface", scenes=[1, 2, 3], object_names=["a"]), 3),
        (interface("SaccadeOnImageInterface", "SaccadeOnImageFromStreamInterface"), None),
    ],
)
def test_episodes_expected(given, per_epoch):
    experiment = SimpleNamespace(
        do_train=True, do_eval=False, n_train_epochs=4, n_eval_epochs=9, train_env_interface=given
    )
    assert episodes_expected(experiment) == ({} if per_epoch is None else {"train": 4 * per_epoch})
